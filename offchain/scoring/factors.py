"""What a row's pay is made of, as the policy computed it, and one sentence that says so.

outcome = evaluate(rows, gram, terms, rate, seats=seats, memory=memory)
why(outcome, 2)   # "8.1 % of the round: the others confirm 92 % of it; 40 % of that counts as news ..."
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from offchain.scoring.constants import ONE

if TYPE_CHECKING:
    from offchain.scoring.policy import Outcome

__all__ = ["Factors", "Showing", "why"]


@dataclass(frozen=True)
class Factors:
    """Of a kept row, by consensus; fixed point, ONE = 2^32. Its contribution is min(worth, most) news size / voices."""

    loading: int  # rho_i: how much of the update the others confirm
    worth: int  # rho_i^4, 2^64 = 1.0
    most: int  # three times the (f+1)-th largest worth: no row's counts for more
    voices: int  # D_i^(3/2), at least ONE: more where others share its errors
    news: int  # 0 .. ONE: below ONE where what it adds to the public rows is little
    size: int  # 0 .. ONE: below ONE for a norm of less than half the median


@dataclass(frozen=True)
class Showing:
    """Of a row, by shown; fixed point."""

    part: int  # of what was contributed in the round
    average: int  # over the rounds
    limit: int | None  # cap times what its seat has shown; None in the first round, which shows it

    @property
    def is_limited(self) -> bool:
        return self.limit is not None and self.limit < self.average


def why(outcome: Outcome, row: int) -> str:
    """Why a row is paid what it is, in one sentence."""
    if outcome.void:
        return "nothing: too few rows could be told from hostile ones, or none went where the reference does"
    paid = f"{100 * outcome.contributions[row] / max(1, sum(outcome.contributions)):.1f} % of the round"
    return f"{paid}: {'; '.join([*_of_the_round(outcome, row), *_of_its_seat(outcome, row)])}"


def _of_the_round(outcome: Outcome, row: int) -> Sequence[str]:
    made = outcome.factors[row] if outcome.factors else None
    if not outcome.kept[row]:
        return ["the row was removed, as it doesn't go where the others do"]
    if made is None:
        return ["it agrees with the others that were kept"]
    reasons = [f"the others confirm {_percent(made.loading)} of it"]
    if made.worth > made.most:
        reasons.append("it agrees with them more than the best honest row is likely to, which counts for no more")
    if made.news < ONE:
        reasons.append(f"{_percent(made.news)} of that counts as news beside what is public")
    if made.voices > ONE:
        reasons.append(f"it errs as others do, which share one pay: divided by {made.voices / ONE:.2f}")
    if made.size < ONE:
        reasons.append(f"it is short, and counts for {_percent(made.size)}")
    return reasons


def _of_its_seat(outcome: Outcome, row: int) -> Sequence[str]:
    showing = outcome.showings[row] if outcome.showings else None
    if showing is None:
        return []
    if showing.limit is None:
        return [f"this is what its seat has shown: {_percent(showing.part)} of all"]
    reasons = [f"{_percent(showing.part)} of what was contributed, on average {_percent(showing.average)}"]
    if showing.is_limited:
        reasons.append(f"what its seat has shown allows {_percent(showing.limit)}")
    return reasons


def _percent(value: int) -> str:
    return f"{100 * value / ONE:.1f} %"

"""What a row's pay is made of, and the sentence that says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from offchain.scoring.factors import Factors, Showing, why
from offchain.scoring.policy import CONSENSUS, ONE, SHOWN, Outcome, PolicyTerms, evaluate
from offchain.scoring.shown import NOTHING

ROWS, D = 7, 200
PLAIN = Factors(9 * ONE // 10, 5, 5, ONE, ONE, ONE)


def gram(updates: np.ndarray, public: np.ndarray | None = None) -> list[int]:
    rows = updates if public is None else np.vstack([updates, public])
    return [int(rows[i] @ rows[j]) for i in range(len(rows)) for j in range(i, len(rows))]


@pytest.fixture(scope="module")
def updates() -> np.ndarray:
    """Alike, with errors of their own. The last goes the other way, the one before is short, the fourth is a copy."""
    random = np.random.default_rng(5)
    common = random.normal(0, 1000, D)
    rows = np.rint(common + random.normal(0, 500, (ROWS, D))).astype(np.int64)
    rows[3] = rows[2]
    rows[5] //= 4
    rows[6] = -rows[6]
    return rows


def product(factors: Factors) -> float:
    """The contribution that they make, 2^64 = 1.0."""
    return min(factors.worth, factors.most) * factors.news * factors.size / factors.voices / ONE


def test_factors__of_each_row__make_its_contribution(updates: np.ndarray) -> None:
    outcome = evaluate(ROWS, gram(updates, updates[:1] + updates[1:2]), PolicyTerms(CONSENSUS, 2), ONE)
    for row in range(ROWS):
        made = outcome.factors[row]
        assert (made is not None) == outcome.kept[row]
        if made is not None:
            assert outcome.contributions[row] == pytest.approx(product(made), rel=1e-6)
            assert made.worth == pytest.approx((made.loading / ONE) ** 4 * 2**64, rel=1e-6)


def test_factors__short_row_and_copies__show_as_such(updates: np.ndarray) -> None:
    outcome = evaluate(ROWS, gram(updates), PolicyTerms(CONSENSUS, 2), ONE)
    short, copy, plain = outcome.factors[5], outcome.factors[3], outcome.factors[0]
    assert short is not None
    assert copy is not None
    assert plain is not None
    assert short.size / ONE == pytest.approx(0.5, abs=0.05)  # a quarter of the norm is half of half
    assert copy.voices > 1.2 * plain.voices
    assert "it is short" in why(outcome, 5)
    assert "share one pay" in why(outcome, 3)
    assert "removed" in why(outcome, 6)


def test_showings__two_rounds__say_what_was_shown_and_what_it_allows(updates: np.ndarray) -> None:
    terms = PolicyTerms(SHOWN, 2)
    first = evaluate(ROWS, gram(updates), terms, ONE)
    assert [showing.part for showing in first.showings] == first.contributions
    assert "this is what its seat has shown" in why(first, 0)
    longer = updates.copy()
    longer[5] *= 4
    second = evaluate(ROWS, gram(longer), terms, ONE, memory=first.memory)
    showing = second.showings[5]
    assert showing.limit == first.contributions[5] < showing.average < showing.part
    assert second.contributions[5] == showing.limit
    assert showing.is_limited
    assert "what its seat has shown allows" in why(second, 5)


def test_why__void__says_so() -> None:
    assert why(evaluate(2, [1, 0, 1], PolicyTerms(SHOWN, 1), ONE), 0).startswith("nothing: too few rows")


def test_why__other_rules__say_what_is_known(updates: np.ndarray) -> None:
    outcome = evaluate(ROWS, gram(updates), PolicyTerms("trimmed-cosine", 2), ONE)
    assert why(outcome, 1).endswith("% of the round: it agrees with the others that were kept")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"news": ONE // 4}, "25.0 % of that counts as news"),
        ({"voices": 2 * ONE}, "divided by 2.00"),
        ({"size": ONE // 2}, "counts for 50.0 %"),
        ({"worth": 6}, "counts for no more"),
    ],
)
def test_why__one_factor_below_the_whole__is_named(changes: dict[str, int], text: str) -> None:
    outcome = Outcome(False, [True] * 2, [ONE] * 2, [1, 3], 0, ONE, NOTHING, [PLAIN, replace(PLAIN, **changes)])
    assert why(outcome, 0) == "25.0 % of the round: the others confirm 90.0 % of it"
    assert text in why(outcome, 1)
    assert why(outcome, 1).startswith("75.0 % of the round")


@pytest.mark.parametrize(("limit", "limited"), [(None, False), (5, False), (4, True)])
def test_showing__limit__binds_below_the_average(limit: int | None, limited: bool) -> None:
    assert Showing(9, 5, limit).is_limited == limited

"""The rule "shown": consensus with a memory of what each seat has shown, and of what it contributed lately.

Bit for bit as the ConsensusPolicy contract computes it. With phi what consensus says of a round,

    s_i = phi_i 2^32 / sum_j phi_j          each row's part of what was contributed
    sigma_i                                 s_i of the first round that pays anybody: what its seat has *shown*
    a_i = (3 a_i + s_i) / 4                 an average over the rounds, from sigma_i on; it stays where there is no row
    contribution_i = min(a_i, cap sigma_i)

In the first round nothing but the initial model is public, so what a seat contributes then can't be made of what others
know: later rounds pay it no more than that allows. A seat that showed nothing, or was not there, is never paid. The
average takes chance out of pay: of a single round's s_i, which varies by a third, the cap would cut off what is above
sigma_i and leave what is below, so that adding half of the last public step, which has less chance in it, would gain
half as much again. A row that is removed contributes nothing, and is paid its average all the same: of honest rows one
in six is removed by chance. The price: who stops, or turns hostile, is paid for three rounds' worth more.

A memory is eight words, zeros at first. Of seat s, in 32 bits of word s / 8 (the first seat in the lowest), there is
sigma, and four words further on a.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from offchain.scoring.constants import ONE
from offchain.scoring.factors import Showing

__all__ = ["NOTHING", "WORDS", "average_of", "capped", "has_shown", "shown_by"]

WORDS = 8
NOTHING = (0,) * WORDS  # what is remembered at first
MAX_SHARE = ONE - 1
PAST = 3  # quarters of an average that are of earlier rounds
_SEATS_PER_WORD = 8
_AVERAGES = 4  # the first word of them


def capped(
    contributions: Sequence[int], seats: Sequence[int], cap: int, memory: Sequence[int]
) -> tuple[list[int], tuple[int, ...], list[Showing]]:
    """What the rows have contributed, fixed point, the memory, and how that comes.

    `contributions` are what consensus says of them, `seats` whose they are, `cap` is fixed point.
    """
    total = sum(contributions)
    if total == 0:
        return [0] * len(contributions), tuple(memory), []
    parts = {seat: min(MAX_SHARE, phi * ONE // total) for seat, phi in zip(seats, contributions, strict=True)}
    if not has_shown(memory):
        return list(parts.values()), _packed(parts, parts), [Showing(part, part, None) for part in parts.values()]
    shown = {seat: shown_by(memory, seat) for seat in range(_AVERAGES * _SEATS_PER_WORD)}
    averages = {seat: average_of(memory, seat) for seat in shown}
    averages |= {seat: (PAST * averages[seat] + part) // (PAST + 1) for seat, part in parts.items()}
    showings = [Showing(parts[seat], averages[seat], cap * shown[seat] >> 32) for seat in seats]
    paid = [min(averages[seat], cap * shown[seat] >> 32) for seat in seats]
    return paid, _packed(shown, averages), showings


def has_shown(memory: Sequence[int]) -> bool:
    """Whether there was a round that paid anybody."""
    return any(memory[:_AVERAGES])


def shown_by(memory: Sequence[int], seat: int) -> int:
    """sigma of a seat, fixed point."""
    return _lane(memory, seat, 0)


def average_of(memory: Sequence[int], seat: int) -> int:
    """a of a seat, fixed point."""
    return _lane(memory, seat, _AVERAGES)


def _lane(memory: Sequence[int], seat: int, first: int) -> int:
    return memory[first + seat // _SEATS_PER_WORD] >> (32 * (seat % _SEATS_PER_WORD)) & MAX_SHARE


def _packed(shown: dict[int, int], averages: dict[int, int]) -> tuple[int, ...]:
    words = list(NOTHING)
    lanes: Iterable[tuple[int, dict[int, int]]] = ((0, shown), (_AVERAGES, averages))
    for first, shares in lanes:
        for seat, share in shares.items():
            words[first + seat // _SEATS_PER_WORD] |= share << (32 * (seat % _SEATS_PER_WORD))
    return tuple(words)

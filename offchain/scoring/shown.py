"""The rule "shown": consensus, capped by what each seat has shown.

Bit for bit as the ConsensusPolicy contract computes it. In the first round that pays anybody nothing but the initial
model is public: what a seat contributes then can't be made of what others know. It is remembered. In later rounds a
seat contributes no larger part than `cap` times that,

    s_i = phi_i 2^32 / sum_j phi_j        contribution_i = min(s_i, cap sigma_i)

with phi what consensus says and sigma the s of the first round. A seat that showed nothing, or was not there, is never
paid.

A memory is eight words, zeros at first: sigma of seat s in 32 bits of word s / 8, the first seat in the lowest, and in
word 4 whether there was a showing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["NOTHING", "WORDS", "capped", "has_shown", "shown_by"]

ONE = 1 << 32
WORDS = 8
NOTHING = (0,) * WORDS  # what is remembered at first
MAX_SHARE = ONE - 1
HAS_SHOWN = 4  # the word that is 1 from the first showing on
_SEATS_PER_WORD = 8


def capped(
    contributions: Sequence[int], seats: Sequence[int], cap: int, memory: Sequence[int]
) -> tuple[list[int], tuple[int, ...]]:
    """Contributions as parts of all that was contributed, ONE at most, capped after the first showing; the memory.

    `contributions` are those of the rows, `seats` whose they are, `cap` is fixed point.
    """
    total = sum(contributions)
    if total == 0:
        return [0] * len(contributions), tuple(memory)
    parts = [min(MAX_SHARE, phi * ONE // total) for phi in contributions]
    if has_shown(memory):
        return [min(s, cap * shown_by(memory, seat) >> 32) for s, seat in zip(parts, seats, strict=True)], tuple(memory)
    return parts, _packed(zip(seats, parts, strict=True))


def has_shown(memory: Sequence[int]) -> bool:
    """Whether there was a round that paid anybody."""
    return memory[HAS_SHOWN] != 0


def shown_by(memory: Sequence[int], seat: int) -> int:
    """sigma of a seat, fixed point."""
    return memory[seat // _SEATS_PER_WORD] >> (32 * (seat % _SEATS_PER_WORD)) & MAX_SHARE


def _packed(shown: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    words = list(NOTHING)
    words[HAS_SHOWN] = 1
    for seat, part in shown:
        words[seat // _SEATS_PER_WORD] |= part << (32 * (seat % _SEATS_PER_WORD))
    return tuple(words)

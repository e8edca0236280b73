"""Rounds proved by the tests themselves, for statements that the vectors don't have."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from offchain.proving.commitment import Combination, random_tail
from offchain.proving.round import prove_round
from offchain.proving.srs import Srs
from tests.gram_cases import GramCase
from tests.range_cases import RangeCase
from tests.round_cases import RoundCase

BITS = 4
TAUS = (0x5EED, 0x0DD)  # of two SRSs


@cache
def srs_of(tau: int) -> Srs:
    """80 powers."""
    return Srs.insecure(80, tau)


def key_of(tau: int) -> tuple[tuple[int, ...], int]:
    """What a deployment is given."""
    return srs_of(tau).tau_g2, srs_of(tau).size


def prove(
    updates: Sequence[Sequence[int]],
    tails: Sequence[Sequence[int]] | None = None,
    context: bytes = bytes(32),
    tau: int = TAUS[0],
    *,
    public: Sequence[Combination] = (),
    gram: Sequence[int] | None = None,
) -> RoundCase:
    """The statement about these vectors, with both proofs; tails are drawn if there are none.

    gram: the matrix to prove, if it isn't the right one.
    """
    rows = np.array(updates, np.int16)
    proved = prove_round(
        srs_of(tau), context, rows, tails or [random_tail() for _ in rows], BITS, public=public, gram=gram
    )
    statement, commitments = proved.statement, list(proved.statement.commitments)
    shared = (*key_of(tau), context, statement.dimension)
    names = vars(proved.gram), vars(proved.range)
    gram_hint, range_hint = proved.hints
    return RoundCase(
        GramCase("proved", *shared, commitments, list(statement.gram), names[0], gram_hint, len(public)),
        RangeCase("proved", *shared, BITS, commitments[: len(rows)], names[1], range_hint),
    )

"""What an aggregator proves of a round: the Gram matrix of the updates, and that all their entries are small.

The contract checks the two proofs as one (contracts/RoundVerifier.vy), and takes beside each an inverse that is dear
to compute there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.proving.commitment import Combination, Point
from offchain.proving.encoding import Proof
from offchain.proving.gram import prove
from offchain.proving.range import prove_range
from offchain.proving.range_transcript import RangeProof, range_hint
from offchain.proving.srs import Srs
from offchain.proving.transcript import GramProof, GramStatement, hint

__all__ = ["RoundProof", "prove_round"]


@dataclass(frozen=True)
class RoundProof:
    """Both proofs, of one context and dimension, and of the same updates."""

    statement: GramStatement
    bounded: int  # how many of the statement's rows the range proof is about: all but the public ones
    bits: int
    gram: GramProof
    range: RangeProof
    hints: tuple[int, int]

    @property
    def proof(self) -> Proof:
        """Matrix, proofs and hints, which go to the verifier as one."""
        return Proof(tuple(self.statement.gram), self.gram, self.range, self.hints)

    @property
    def verify_arguments(self) -> tuple[Any, ...]:
        """The arguments of the verifier's `verify`."""
        s, (_, *rest) = self.statement, self.proof.as_struct()
        return s.context, s.dimension, self.bits, self.bounded, s.commitments, *rest


def prove_round(
    srs: Srs,
    context: bytes,
    updates: npt.NDArray[np.int16],
    tails: Sequence[Sequence[int]],
    bits: int,
    *,
    public: Sequence[Combination] = (),
    commitments: Sequence[Point] | None = None,
    gram: Sequence[int] | None = None,
) -> RoundProof:
    """Both proofs for n updates int16[n, d] with their tails; the arguments are those of `prove` and `prove_range`.

    Public rows are in the Gram proof alone: whoever verifies knows that they are combinations of rows that were proved.

    Show it again rather than prove again: each range proof opens the updates at another point, and there may be seven.
    Raises InputError.
    """
    statement, gram_proof = prove(srs, context, updates, tails, public=public, commitments=commitments, gram=gram)
    bounded = len(updates)
    known = statement.commitments[:bounded]
    ranges, range_proof = prove_range(srs, context, updates, tails, bits, commitments=known)
    hints = hint(srs.tau_g2, statement, gram_proof), range_hint(srs.tau_g2, ranges, range_proof)
    return RoundProof(statement, bounded, bits, gram_proof, range_proof, hints)

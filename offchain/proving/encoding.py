"""What an aggregator shows of a round, as the bytes that `settle` takes and the verifier reads.

The escrow passes them on without decoding them. To it they are a Bytes, to the verifier a struct whose first word is
its size: the ABI encodes both alike, so these bytes are that struct without its first word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_abi import decode, encode
from eth_abi.exceptions import DecodingError

from offchain.proving.range_transcript import RangeProof
from offchain.proving.transcript import GramProof

__all__ = ["PROOF_TYPE", "Proof"]

WORD = 32
GRAM_PROOF_TYPE = (
    "(uint256[2],uint256[],uint256,uint256[2],uint256[2],uint256[2],"
    "uint256,uint256,uint256,uint256,uint256,uint256[2],uint256[2])"
)
RANGE_PROOF_TYPE = (
    "(uint256[2],uint256[2][],uint256[2],uint256[2],uint256,uint256[2],uint256[2],"
    "uint256[],uint256[],uint256,uint256,uint256,uint256[2],uint256[2])"
)
PROOF_TYPE = f"(uint256,int256[],{GRAM_PROOF_TYPE},{RANGE_PROOF_TYPE},uint256[2])"


@dataclass(frozen=True)
class Proof:
    """The contract's struct of that name, but for its size."""

    gram: tuple[int, ...]  # upper triangle, row by row
    gram_proof: GramProof
    range_proof: RangeProof
    hints: tuple[int, int]

    def as_struct(self) -> tuple[Any, ...]:
        """The values in the order of the contract's struct; its size, which nobody needs, is 0."""
        return 0, self.gram, self.gram_proof.as_struct(), self.range_proof.as_struct(), self.hints

    def encode(self) -> bytes:
        """As `settle` takes it."""
        # before it: where the struct begins, and its first word
        return encode([PROOF_TYPE], [self.as_struct()])[2 * WORD :]

    @classmethod
    def decode(cls, data: bytes) -> Proof:
        """From the argument of `settle`: those bytes alone that `encode` gives, as the verifier has it. Raises
        DecodingError (eth_abi's) or OverflowError.
        """
        head = WORD.to_bytes(WORD, "big") + bytes(WORD)
        ((_, gram, gram_proof, range_proof, hints),) = decode([PROOF_TYPE], head + data)
        proof = cls(gram, GramProof(*gram_proof), RangeProof(*range_proof), hints)
        if proof.encode() != data:
            raise DecodingError("the proof's encoding is not canonical")
        return proof

# pragma version 0.4.3
"""
@title A verifier that accepts what it is told to: the escrow's own rules are tested without proofs
"""
from ..interfaces import IRoundVerifier
from ..modules import bn254

implements: IRoundVerifier

srs_size: public(uint256)
refuses: public(bool)
context: public(bytes32)               # the only one accepted, unless zero
statement: public(bytes32)             # hash of the other arguments: the only ones accepted, unless zero


@deploy
def __init__(srs_size: uint256):
    self.srs_size = srs_size


@external
def set_refuses(refuses: bool):
    self.refuses = refuses


@external
def set_context(context: bytes32):
    self.context = context


@external
def set_statement(statement: bytes32):
    self.statement = statement


@external
@view
def verify(
    context: bytes32,
    dimension: uint256,
    bits: uint256,
    commitments: DynArray[uint256[2], 32],
    gram: DynArray[int256, 528],
    gram_proof: IRoundVerifier.GramProof,
    range_proof: IRoundVerifier.RangeProof,
    hints: uint256[2],
) -> bool:
    assert self.context == empty(bytes32) or self.context == context, "mock: another context"
    if self.statement != empty(bytes32):
        statement: bytes32 = keccak256(
            abi_encode(dimension, bits, commitments, gram, gram_proof, range_proof, hints)
        )
        assert self.statement == statement, "mock: another statement"
    return not self.refuses


@external
@view
def weighted_sum(commitments: DynArray[uint256[2], 32], weights: uint256[32]) -> uint256[2]:
    return bn254._weighted_sum(commitments, weights)

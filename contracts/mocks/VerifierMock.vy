# pragma version 0.4.3
"""
@title A verifier that accepts what it is told to, and asks the policy: the escrow's own rules are tested without proofs
"""
from ..interfaces import IPolicy
from ..interfaces import IRoundVerifier
from ..modules import bn254
from ..modules import policies

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
    rows: uint256,
    commitments: DynArray[uint256[2], 40],
    gram: DynArray[int256, 820],
    gram_proof: IRoundVerifier.GramProof,
    range_proof: IRoundVerifier.RangeProof,
    hints: uint256[2],
) -> bool:
    self._check(context, dimension, bits, rows, commitments, gram, gram_proof, range_proof, hints)
    return True


@external
@view
def judge(
    context: bytes32,
    dimension: uint256,
    bits: uint256,
    rows: uint256,
    commitments: DynArray[uint256[2], 40],
    proof: IRoundVerifier.Proof,
    policy: address,
    policy_gas: uint256,
    params: Bytes[256],
    rate: uint256,
    seats: uint256,
    has_reference: bool,
    memory: uint256[8],
    claimed: uint256[2],
) -> (IPolicy.Outcome, bool, uint256[2]):
    self._check(context, dimension, bits, rows, commitments, proof.gram, proof.gram_proof, proof.range_proof, proof.hints)
    outcome: IPolicy.Outcome = empty(IPolicy.Outcome)
    failed: bool = False
    outcome, failed = policies._ask(
        policy, policy_gas, params, rows, proof.gram, rate, seats, has_reference, memory
    )
    weights: uint256[40] = empty(uint256[40])
    for i: uint256 in range(32):
        weights[i] = outcome.weights[i]
    aggregate: uint256[2] = bn254._weighted_sum(commitments, weights)
    assert (claimed[0] == 0 and claimed[1] == 0) or (claimed[0] == aggregate[0] and claimed[1] == aggregate[1]), "mock: wrong aggregate"
    return outcome, failed, aggregate


@internal
@view
def _check(
    context: bytes32,
    dimension: uint256,
    bits: uint256,
    rows: uint256,
    commitments: DynArray[uint256[2], 40],
    gram: DynArray[int256, 820],
    gram_proof: IRoundVerifier.GramProof,
    range_proof: IRoundVerifier.RangeProof,
    hints: uint256[2],
):
    assert self.context == empty(bytes32) or self.context == context, "mock: another context"
    if self.statement != empty(bytes32):
        statement: bytes32 = keccak256(
            abi_encode(dimension, bits, rows, commitments, gram, gram_proof, range_proof, hints)
        )
        assert self.statement == statement, "mock: another statement"
    assert not self.refuses, "mock: proofs refused"

# pragma version 0.4.3
# pragma evm-version prague
# pragma optimize gas
"""
@title Round verifier
@notice Verifies what a round claims of the vectors behind its commitments, in two proofs over the same commitments: that public
        integers are the Gram matrix of their first `dimension` entries, and that each of those entries is a signed integer
        of `bits` bits. A vector v is committed as sum_k v_k [tau^k]_1. The protocols, with the reasons for each step, are in
        docs/protocol.md. Then it asks the project's policy what the matrix means.

        Anyone may call it; it holds nothing and changes nothing. It trusts that nobody knows tau, and that tau_g2 is [tau]_2
        of the SRS that the vectors are committed with: whoever knows tau can prove anything. It trusts no policy.
@dev    Each protocol reduces its proof to a claim about a pairing, and one pairing check settles both.

        The floor of its gas is 6,150 for each of 2 n + 15 multiplications with an addition and 113,000 for the pairing check.
        With 21,000 for the transaction and its calldata that is 427,000 at ten rows; 107,000 come on top.
"""

from interfaces import IPolicy
from interfaces import IRoundVerifier
from modules import bn254
from modules import claims
from modules import gram_protocol
from modules import policies
from modules import range_protocol

implements: IRoundVerifier

MAX_ROWS: constant(uint256) = claims.MAX_ROWS
MAX_ENTRIES: constant(uint256) = MAX_ROWS * (MAX_ROWS + 1) // 2
MIN_SRS_SIZE: constant(uint256) = 1 + claims.MARGIN + 2 * claims.TAIL  # one row
MAX_SRS_SIZE: constant(uint256) = 2**29 - 1   # the largest public ceremony; the error grows as dimension / P

GRAM_KEY: immutable(bytes32)
RANGE_KEY: immutable(bytes32)
TAU_G2: immutable(uint256[4])
SRS_SIZE: immutable(uint256)


@deploy
def __init__(tau_g2: uint256[4], srs_size: uint256):
    """
    @param tau_g2 [tau]_2 in the EVM's order: imaginary x, real x, imaginary y, real y.
    @param srs_size Powers of tau, [1]_1 to [tau^(srs_size - 1)]_1.
    """
    assert MIN_SRS_SIZE <= srs_size and srs_size <= MAX_SRS_SIZE, "verifier: srs size out of bounds"
    assert (tau_g2[0] | tau_g2[1] | tau_g2[2] | tau_g2[3]) != 0, "verifier: tau is zero"
    assert bn254._is_in_g2(tau_g2), "verifier: not in the second group"
    TAU_G2 = tau_g2
    SRS_SIZE = srs_size
    GRAM_KEY = gram_protocol._key(tau_g2)
    RANGE_KEY = range_protocol._key(tau_g2)


@external
@view
def verify(
    context: bytes32,
    dimension: uint256,
    bits: uint256,
    rows: uint256,
    commitments: DynArray[uint256[2], MAX_ROWS],
    gram: DynArray[int256, MAX_ENTRIES],
    gram_proof: IRoundVerifier.GramProof,
    range_proof: IRoundVerifier.RangeProof,
    hints: uint256[2],
) -> bool:
    """
    @notice See IRoundVerifier.
    """
    products: claims.Claim = gram_protocol._reduce(
        GRAM_KEY, SRS_SIZE, context, dimension, rows, commitments, gram, gram_proof, hints[0]
    )
    ranges: claims.Claim = range_protocol._reduce(
        RANGE_KEY, SRS_SIZE, context, dimension, bits, self._first(rows, commitments), range_proof, hints[1]
    )
    self._check(claims._both(products, ranges, len(commitments)), commitments)
    return True


@external
@view
def judge(
    context: bytes32,
    dimension: uint256,
    bits: uint256,
    rows: uint256,
    commitments: DynArray[uint256[2], MAX_ROWS],
    proof: IRoundVerifier.Proof,
    policy: address,
    policy_gas: uint256,
    params: Bytes[288],
    rate: uint256,
    claimed: uint256[2],
) -> (IPolicy.Outcome, bool, uint256[2]):
    """
    @notice See IRoundVerifier.
    @dev The policy is asked before the proofs are verified, so that a claimed aggregate takes part in the one check. It can't
         tell, and what it says of a false matrix is dropped by the revert.
    """
    products: claims.Claim = gram_protocol._reduce(
        GRAM_KEY, SRS_SIZE, context, dimension, rows, commitments, proof.gram, proof.gram_proof, proof.hints[0]
    )
    ranges: claims.Claim = range_protocol._reduce(
        RANGE_KEY, SRS_SIZE, context, dimension, bits, self._first(rows, commitments), proof.range_proof, proof.hints[1]
    )
    outcome: IPolicy.Outcome = empty(IPolicy.Outcome)
    failed: bool = False
    outcome, failed = policies._ask(policy, policy_gas, params, rows, proof.gram, rate)
    both: claims.Claim = claims._both(products, ranges, len(commitments))
    aggregate: uint256[2] = claimed
    # the weight of a public row is 0: it is beyond the rows
    if claimed[0] == 0 and claimed[1] == 0:
        aggregate = bn254._weighted_sum(commitments, outcome.weights)
    else:
        both = claims._with_sum(both, outcome.weights, claimed, len(commitments))
    self._check(both, commitments)
    return outcome, failed, aggregate


@external
@view
def srs_size() -> uint256:
    """
    @notice See IRoundVerifier.
    """
    return SRS_SIZE


@external
@view
def tau_g2() -> uint256[4]:
    """
    @notice [tau]_2 in the EVM's order, to tell which SRS this verifier is for.
    """
    return TAU_G2


@internal
@pure
def _first(rows: uint256, commitments: DynArray[uint256[2], MAX_ROWS]) -> DynArray[uint256[2], MAX_ROWS]:
    """
    @notice Without those of public rows: their entries are not small, and need not be proved to be what they are.
    """
    first: DynArray[uint256[2], MAX_ROWS] = commitments
    for _: uint256 in range(unsafe_sub(len(commitments), rows), bound=MAX_ROWS):
        first.pop()
    return first


@internal
@view
def _check(claim: claims.Claim, commitments: DynArray[uint256[2], MAX_ROWS]):
    assert claims._holds(claim, commitments, TAU_G2), "verifier: pairing check failed"

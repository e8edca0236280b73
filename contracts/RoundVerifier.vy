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
# Bytes of calldata: of the heads that the ABI puts before the lists of `verify`'s arguments and of the three structs, and from
# a head to the first of its words that says where a list is.
SELECTOR: constant(uint256) = 4
VERIFY_HEAD: constant(uint256) = 10 * 32
JUDGE_PROOF: constant(uint256) = 5 * 32
PROOF_HEAD: constant(uint256) = 6 * 32
GRAM_HEAD: constant(uint256) = 19 * 32
GRAM_CROSS: constant(uint256) = 2 * 32
RANGE_HEAD: constant(uint256) = 21 * 32
RANGE_INVERSES: constant(uint256) = 2 * 32
RANGE_F_ZETA: constant(uint256) = 12 * 32

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
    self._check_places(
        SELECTOR,
        SELECTOR + 5 * 32,
        VERIFY_HEAD + 32 * (1 + 2 * len(commitments)),
        len(gram),
        len(gram_proof.cross),
        len(range_proof.inverses),
        len(range_proof.f_zeta),
        len(range_proof.v_opp),
    )
    assert self._word(SELECTOR + 4 * 32) == VERIFY_HEAD, "verifier: encoding not canonical"
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
    params: Bytes[256],
    rate: uint256,
    seats: uint256,
    has_reference: bool,
    memory: uint256[8],
    claimed: uint256[2],
) -> (IPolicy.Outcome, bool, uint256[2]):
    """
    @notice See IRoundVerifier.
    @dev The policy is asked before the proofs are verified, so that a claimed aggregate takes part in the one check. It can't
         tell, and what it says of a false matrix is dropped by the revert.
    """
    start: uint256 = SELECTOR + self._word(SELECTOR + JUDGE_PROOF)
    end: uint256 = self._check_places(
        start,
        start + 32,
        PROOF_HEAD,
        len(proof.gram),
        len(proof.gram_proof.cross),
        len(proof.range_proof.inverses),
        len(proof.range_proof.f_zeta),
        len(proof.range_proof.v_opp),
    )
    assert proof.size == end - 32 or proof.size == 0, "verifier: encoding not canonical"
    products: claims.Claim = gram_protocol._reduce(
        GRAM_KEY, SRS_SIZE, context, dimension, rows, commitments, proof.gram, proof.gram_proof, proof.hints[0]
    )
    ranges: claims.Claim = range_protocol._reduce(
        RANGE_KEY, SRS_SIZE, context, dimension, bits, self._first(rows, commitments), proof.range_proof, proof.hints[1]
    )
    outcome: IPolicy.Outcome = empty(IPolicy.Outcome)
    failed: bool = False
    outcome, failed = policies._ask(
        policy, policy_gas, params, rows, proof.gram, rate, seats, has_reference, memory
    )
    both: claims.Claim = claims._both(products, ranges, len(commitments))
    aggregate: uint256[2] = claimed
    # a public row has no weight
    if claimed[0] == 0 and claimed[1] == 0:
        weights: uint256[MAX_ROWS] = empty(uint256[MAX_ROWS])
        for i: uint256 in range(claims.MAX_WEIGHTS):
            weights[i] = outcome.weights[i]
        aggregate = bn254._weighted_sum(commitments, weights)
    else:
        both = claims._with_sum(both, outcome.weights, claimed, rows)
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
@view
def _check_places(
    frame: uint256,
    head: uint256,
    gram: uint256,
    entries: uint256,
    crosses: uint256,
    inverses: uint256,
    f_zetas: uint256,
    v_opps: uint256,
) -> uint256:
    """
    @notice Reverts unless matrix and proofs are encoded as everybody encodes them: one after the other, without gaps, and so
            are the lists within the proofs. The compiler follows offsets wherever they lead; others who read a proof, such as
            auditors, need not, and shall read the same.
    @param frame Where in the calldata the offsets count from.
    @param head Where the offsets of matrix, Gram proof and range proof are.
    @param gram What the first of them has to be. The last five are lengths of lists.
    @return What the next offset would be.
    """
    gram_proof: uint256 = gram + 32 * (1 + entries)
    range_proof: uint256 = gram_proof + GRAM_HEAD + 32 * (1 + crosses)
    f_zeta: uint256 = RANGE_HEAD + 32 * (1 + 2 * inverses)
    v_opp: uint256 = f_zeta + 32 * (1 + f_zetas)
    parts: Bytes[96] = slice(msg.data, head, 96)
    lists: Bytes[64] = slice(msg.data, frame + range_proof + RANGE_F_ZETA, 64)
    assert (
        extract32(parts, 0, output_type=uint256) == gram
        and extract32(parts, 32, output_type=uint256) == gram_proof
        and extract32(parts, 64, output_type=uint256) == range_proof
        and self._word(frame + gram_proof + GRAM_CROSS) == GRAM_HEAD
        and self._word(frame + range_proof + RANGE_INVERSES) == RANGE_HEAD
        and extract32(lists, 0, output_type=uint256) == f_zeta
        and extract32(lists, 32, output_type=uint256) == v_opp
    ), "verifier: encoding not canonical"
    return range_proof + v_opp + 32 * (1 + v_opps)


@internal
@view
def _word(at: uint256) -> uint256:
    """
    @notice Of the calldata.
    """
    return convert(slice(msg.data, at, 32), uint256)


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

# pragma version 0.4.3
"""
@title Claims: what is left of a proof when all but the curve's work is done
@notice A claim about the rows C_1 .. C_n says

            e(point + base [1]_1 + sum_i weights_i C_i, [1]_2) = e(opening, [tau]_2).

        The protocols reduce a proof to one claim each. Two claims about the same rows are checked as one, their sum with a
        random factor: one multiplication for each row and one pairing check, instead of two. What is said of a weighted sum of
        the rows is added to a claim in the same way.
@custom:security A factor has to be drawn from all that it multiplies and all that it is added to, the openings included. Without it
        anybody could make two false claims whose errors cancel; with it they do with probability 1 / P.
"""
from . import bn254

MAX_ROWS: constant(uint256) = 40       # of a proof: 32 seats, public rows, and room for twice as many
MAX_WEIGHTS: constant(uint256) = 32    # of an aggregate: a policy weighs as many rows
TAIL: constant(uint256) = 8            # random entries behind each committed vector
MARGIN: constant(uint256) = 16         # entries beyond n, for a proof to show nothing else
P: constant(uint256) = bn254.P

struct Claim:
    weights: uint256[MAX_ROWS]         # by row; below 2 P from a protocol, and P more with each claim that is added: 2^256 > 5 P
    base: uint256                      # likewise
    point: uint256[2]
    opening: uint256[2]                # checked to be on the curve
    digest: bytes32                    # binds all of the above but the opening


@internal
@pure
def _is_sound(rows: uint256, dimension: uint256, srs_size: uint256) -> bool:
    """
    @dev The bounds of both protocols. A larger dimension could be made to wrap, and a smaller one would not hide the vectors.
    """
    return 1 <= rows and rows + MARGIN <= dimension and dimension <= srs_size - 2 * TAIL


@internal
@view
def _both(first: Claim, second: Claim, rows: uint256) -> Claim:
    """
    @dev A claim that holds only if both do.
    """
    digest: bytes32 = keccak256(abi_encode(first.digest, first.opening, second.digest, second.opening))
    factor: uint256 = convert(digest, uint256) % P
    both: Claim = empty(Claim)
    for i: uint256 in range(rows, bound=MAX_ROWS):
        both.weights[i] = unsafe_add(first.weights[i], uint256_mulmod(second.weights[i], factor, P))
    both.base = unsafe_add(first.base, uint256_mulmod(second.base, factor, P))
    both.point = ecadd(first.point, ecmul(second.point, factor))
    both.opening = ecadd(first.opening, ecmul(second.opening, factor))
    both.digest = digest
    return both


@internal
@view
def _with_sum(claim: Claim, weights: uint256[MAX_WEIGHTS], sum: uint256[2], rows: uint256) -> Claim:
    """
    @dev A claim that holds only if the other does and sum_i weights_i C_i is `sum`: one multiplication instead of one a row.
         `sum` enters as a row of weight -1.
    """
    bn254._check(sum)
    digest: bytes32 = keccak256(abi_encode(claim.digest, weights, sum))
    factor: uint256 = convert(digest, uint256) % P
    both: Claim = claim
    for i: uint256 in range(rows, bound=MAX_WEIGHTS):
        both.weights[i] = unsafe_add(claim.weights[i], uint256_mulmod(weights[i], factor, P))
    both.point = ecadd(claim.point, ecmul(bn254._negate(sum), factor))
    both.digest = digest
    return both


@internal
@view
def _holds(claim: Claim, rows: DynArray[uint256[2], MAX_ROWS], tau_g2: uint256[4]) -> bool:
    """
    @dev Reverts if a row is not on the curve.
    """
    total: uint256[2] = ecadd(claim.point, ecmul(bn254.G1, claim.base))
    total = ecadd(total, bn254._weighted_sum(rows, claim.weights))
    return bn254._pairings_agree(total, claim.opening, tau_g2)

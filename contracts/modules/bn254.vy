# pragma version 0.4.3
"""
@title BN254: points, powers and pairings
@notice The curve y^2 = x^3 + 3 over the integers modulo Q, of prime order P, as the EVM's precompiles know it. A point of the
        first group is (x, y), with (0, 0) for the identity; of the second, (imaginary x, real x, imaginary y, real y).
@dev    Sums and multiples of points are the builtins `ecadd` and `ecmul`. They revert if the precompile fails, but it has then
        burnt all the gas that it was given and says nothing: what comes from outside goes through `_check` first.
        On a chain without the precompiles nothing passes: an empty answer counts as 0.
"""

P: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
Q: constant(uint256) = 21888242871839275222246405745257275088696311157297823662689037894645226208583

G1: constant(uint256[2]) = [1, 2]

# -[1]_2: with it no point has to be negated for a pairing check
MINUS_G2: constant(uint256[4]) = [
    11559732032986387107991004021392285783925812861821192530917403151452391805634,
    10857046999023057135944570762232829481370756359578518086990519993285655852781,
    17805874995975841540914202342111839520379459829704422454583296818431106115052,
    13392588948715843804641432497768002650278120570034223513918757245338268106653,
]

MAX_POINTS: constant(uint256) = 40  # of a sum: rows of a proof
MODEXP: constant(address) = 0x0000000000000000000000000000000000000005
PAIRING: constant(address) = 0x0000000000000000000000000000000000000008
WORD: constant(uint256) = 32


@internal
@pure
def _check(point: uint256[2]):
    """
    @dev Reverts unless the point is the identity or on the curve, with coordinates below Q. The order is prime: there is no
         smaller subgroup to keep out.
    """
    x: uint256 = point[0]
    y: uint256 = point[1]
    assert max(x, y) < Q, "bn254: coordinate not canonical"
    cubic: uint256 = uint256_addmod(uint256_mulmod(uint256_mulmod(x, x, Q), x, Q), 3, Q)
    assert uint256_mulmod(y, y, Q) == cubic or (x | y) == 0, "bn254: not on the curve"


@internal
@pure
def _negate(point: uint256[2]) -> uint256[2]:
    """
    @dev For a point that was checked: only the identity has y = 0, and stays what it is.
    """
    return [point[0], unsafe_sub(Q, point[1]) if point[1] != 0 else 0]


@internal
@view
def _weighted_sum(points: DynArray[uint256[2], MAX_POINTS], weights: uint256[MAX_POINTS]) -> uint256[2]:
    """
    @dev sum_i weights_i points_i. Reverts unless each point passes `_check`. No weight has to be below P.
    """
    total: uint256[2] = [0, 0]
    for i: uint256 in range(len(points), bound=MAX_POINTS):
        point: uint256[2] = points[i]
        self._check(point)
        if weights[i] != 0:
            total = ecadd(total, ecmul(point, weights[i]))
    return total


@internal
@view
def _is_in_g2(point: uint256[4]) -> bool:
    """
    @dev Whether the point is in the second group, the identity included. For constructors: takes 79,000 gas, and all but a
         64th of what is left if the answer is no.
    """
    return raw_call(PAIRING, abi_encode(G1, point), is_static_call=True, revert_on_failure=False)


@internal
@view
def _power(base: uint256, exponent: uint256) -> uint256:
    """
    @dev base^exponent mod P. The precompile takes 200 gas for exponents below 2^38, and 500 from Osaka on (EIP-7883); to square
         and multiply here would take some 100 a bit.
    """
    return convert(
        raw_call(MODEXP, abi_encode(WORD, WORD, WORD, base, exponent, P), max_outsize=32, is_static_call=True), uint256
    )


@internal
@view
def _pairings_agree(a: uint256[2], b: uint256[2], b_g2: uint256[4]) -> bool:
    """
    @dev Whether e(a, [1]_2) = e(b, b_g2), for 113,000 gas. Reverts if a point is not valid. Two such checks with one b_g2 can
         be made in one: of a_1 + rho a_2 and b_1 + rho b_2, with rho a challenge drawn from all four points.
    """
    return convert(raw_call(PAIRING, abi_encode(a, MINUS_G2, b, b_g2), max_outsize=32, is_static_call=True), bool)

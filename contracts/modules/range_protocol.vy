# pragma version 0.4.3
"""
@title Range protocol
@notice Reduces a proof that all entries of committed vectors are signed integers of `bits` bits to a claim about a pairing. The
        entries are the first `dimension` of each vector v, committed as sum_k v_k [tau^k]_1. The protocol, a lookup in the
        table T_t = t - 2^(bits - 1), is in docs/protocol.md, with the reasons for each step.
@dev    Arithmetic modulo P is unchecked on purpose. Reduced values are below P, and 2^256 > 5 P: so up to five of them can be
        summed, and x + P - y is positive, before the next `uint256_mulmod` reduces.
"""

from ..interfaces import IRoundVerifier
from . import bn254
from . import claims

MAX_ROWS: constant(uint256) = claims.MAX_ROWS
MIN_BITS: constant(uint256) = 2
MAX_BITS: constant(uint256) = 16
FACTORS: constant(uint256) = 8
P: constant(uint256) = bn254.P

# The challenges, in the order in which they are drawn.
struct Challenges:
    chi: uint256
    y: uint256
    rho: uint256
    zeta: uint256
    delta: uint256
    gamma: uint256
    x: uint256
    digest: bytes32                    # binds the whole proof but l

struct Inverses:
    zeta: uint256                      # 1 / zeta
    y_less_1: uint256                  # 1 / (y - 1)
    zinv_less_1: uint256               # 1 / (1/zeta - 1)
    opp_less_1: uint256                # 1 / (opp - 1), opp = y / zeta
    x_less_zeta: uint256               # 1 / (x - zeta)
    x_less_zinv: uint256               # 1 / (x - 1/zeta)
    x_less_opp: uint256                # 1 / (x - opp)

# The public polynomials where they are needed. 1_k(X) is 1 + X + .. + X^(k-1), d the dimension, size = 2^bits.
struct Values:
    ones_d_y: uint256                  # 1_d(y)
    ones_d_zinv: uint256               # 1_d(1/zeta)
    ones_d_opp: uint256                # 1_d(opp)
    ones_size_zinv: uint256            # 1_size(1/zeta)
    ones_size_opp: uint256             # 1_size(opp)
    table_opp: uint256                 # sum_t T_t opp^t


@internal
@pure
def _key(tau_g2: uint256[4]) -> bytes32:
    """
    @dev What transcripts start with: it binds a proof to its SRS and to this protocol.
    """
    return keccak256(abi_encode(keccak256(b"meed/range-proof/1"), claims.TAIL, tau_g2))


@internal
@view
def _reduce(
    key: bytes32,
    srs_size: uint256,
    context: bytes32,
    dimension: uint256,
    bits: uint256,
    commitments: DynArray[uint256[2], MAX_ROWS],
    proof: IRoundVerifier.RangeProof,
    hint: uint256,
) -> claims.Claim:
    """
    @dev The claim holds only if the proof shows its statement. Reverts if something is wrong already. The commitments have yet
         to be checked to be on the curve. See IRoundVerifier for the arguments.
    """
    n: uint256 = len(commitments)
    assert (
        len(proof.inverses) == n + 1 and len(proof.f_zeta) == n + 1 and len(proof.v_opp) == n + 1
    ), "range: wrong lengths"
    assert claims._is_sound(n, dimension, srs_size), "range: dimension out of bounds"
    assert MIN_BITS <= bits and bits <= MAX_BITS, "range: bits out of bounds"
    assert (1 << bits) + claims.TAIL <= srs_size, "range: bits out of bounds"
    assert (
        proof.mask_constant < P
        and proof.g_zeta < P
        and proof.m_zeta < P
        and proof.positive_zeta < P
        and hint < P
    ), "range: scalar not canonical"
    bn254._check(proof.multiplicities)
    bn254._check(proof.mask)
    bn254._check(proof.table)
    bn254._check(proof.positive)
    bn254._check(proof.negative)
    bn254._check(proof.w)
    bn254._check(proof.l)

    c: Challenges = self._challenges(key, context, dimension, bits, commitments, proof)
    inverses: Inverses = self._inverses(c.y, c.zeta, c.x, hint)
    values: Values = self._values(dimension, bits, c.y, c.zeta, inverses)

    # Sums over the rows, by Horner's rule from the last row to row 0: what is opened at zeta (after the rows come g, m and the
    # positive half), its commitment, what is opened at opp, and what the identity needs.
    chi_ones: uint256 = uint256_mulmod(c.chi, values.ones_d_opp, P)
    at_zeta: uint256 = unsafe_add(proof.m_zeta, uint256_mulmod(proof.positive_zeta, c.delta, P))
    at_zeta = unsafe_add(proof.g_zeta, uint256_mulmod(at_zeta, c.delta, P))
    at_opp: uint256 = 0
    products: uint256 = 0    # sum_i rho^i F_i(zeta) (chi 1_d + v_i)(opp)
    total: uint256 = 0       # sum_i F_i(zeta)
    rho_powers: uint256 = 0  # sum_i rho^i
    rho_last: uint256 = 1    # rho^(n+1)
    opened: uint256[2] = ecadd(proof.multiplicities, ecmul(proof.positive, c.delta))
    opened = ecadd(proof.table, ecmul(opened, c.delta))
    i: uint256 = n + 1
    for _: uint256 in range(n + 1, bound=MAX_ROWS + 1):
        i = unsafe_sub(i, 1)
        f: uint256 = proof.f_zeta[i]
        v: uint256 = proof.v_opp[i]
        point: uint256[2] = proof.inverses[i]
        assert max(f, v) < P, "range: scalar not canonical"
        bn254._check(point)
        at_zeta = unsafe_add(f, uint256_mulmod(at_zeta, c.delta, P))
        at_opp = unsafe_add(v, uint256_mulmod(at_opp, c.delta, P))
        products = unsafe_add(uint256_mulmod(products, c.rho, P), uint256_mulmod(f, unsafe_add(chi_ones, v), P))
        total = uint256_addmod(total, f, P)
        rho_powers = unsafe_add(1, uint256_mulmod(rho_powers, c.rho, P))
        rho_last = uint256_mulmod(rho_last, c.rho, P)
        opened = ecadd(point, ecmul(opened, c.delta))
    # row 0, the mask, is in no sum
    total = unsafe_sub(unsafe_add(total, P), proof.f_zeta[0])
    rho_powers = unsafe_sub(rho_powers, 1)

    # The Laurent identity determines the negative half at 1/zeta:
    #     products + rho^(n+1) (total 1_d - g 1_size)(1/zeta) + rho^(n+2) (g (chi 1_size + T) - m 1_size)(opp)
    #         = mask constant + 1_d(y) sum_i rho^i + zeta positive(zeta) + negative(1/zeta) / zeta
    sums: uint256 = unsafe_sub(
        unsafe_add(uint256_mulmod(total, values.ones_d_zinv, P), P),
        uint256_mulmod(proof.g_zeta, values.ones_size_zinv, P),
    )
    denominators: uint256 = unsafe_add(uint256_mulmod(c.chi, values.ones_size_opp, P), values.table_opp)
    table: uint256 = unsafe_sub(
        unsafe_add(uint256_mulmod(proof.g_zeta, denominators, P), P),
        uint256_mulmod(proof.m_zeta, values.ones_size_opp, P),
    )
    sums = uint256_mulmod(rho_last, unsafe_add(sums, uint256_mulmod(c.rho, table, P)), P)
    left: uint256 = uint256_addmod(products, sums, P)
    right: uint256 = uint256_addmod(
        unsafe_add(proof.mask_constant, uint256_mulmod(values.ones_d_y, rho_powers, P)),
        uint256_mulmod(c.zeta, proof.positive_zeta, P),
        P,
    )
    at_zinv: uint256 = uint256_mulmod(c.zeta, unsafe_sub(unsafe_add(left, P), right), P)

    # The batched opening at zeta, 1/zeta and opp: each group less its value, over x - point, and less w, is zero at x. So it
    # is (X - x) l, hence equal to tau l if x l is added.
    weight_zinv: uint256 = uint256_mulmod(c.gamma, inverses.x_less_zinv, P)
    weight_opp: uint256 = uint256_mulmod(uint256_mulmod(c.gamma, c.gamma, P), inverses.x_less_opp, P)
    value: uint256 = uint256_addmod(
        unsafe_add(uint256_mulmod(inverses.x_less_zeta, at_zeta, P), uint256_mulmod(weight_zinv, at_zinv, P)),
        uint256_mulmod(weight_opp, at_opp, P),
        P,
    )
    claim: claims.Claim = empty(claims.Claim)
    claim.point = ecadd(ecmul(opened, inverses.x_less_zeta), ecmul(proof.negative, weight_zinv))
    claim.point = ecadd(claim.point, ecmul(proof.mask, weight_opp))
    claim.point = ecadd(claim.point, bn254._negate(proof.w))
    claim.point = ecadd(claim.point, ecmul(proof.l, c.x))
    claim.base = unsafe_sub(P, value)
    for k: uint256 in range(n, bound=MAX_ROWS):
        weight_opp = uint256_mulmod(weight_opp, c.delta, P)
        claim.weights[k] = weight_opp
    claim.opening = proof.l
    claim.digest = c.digest
    return claim


@internal
@pure
def _challenges(
    key: bytes32,
    context: bytes32,
    dimension: uint256,
    bits: uint256,
    commitments: DynArray[uint256[2], MAX_ROWS],
    proof: IRoundVerifier.RangeProof,
) -> Challenges:
    """
    @dev Each is drawn from all that was sent before it.
    @custom:security The mask constant has to come before rho: a prover free to choose it afterwards can prove anything.
    """
    c: Challenges = empty(Challenges)
    state: bytes32 = keccak256(abi_encode(key, context, dimension, bits, commitments, proof.multiplicities))
    c.chi = convert(state, uint256) % P
    state = keccak256(abi_encode(state, proof.inverses, proof.mask, proof.table))
    c.y = convert(state, uint256) % P
    state = keccak256(abi_encode(state, proof.mask_constant))
    c.rho = convert(state, uint256) % P
    state = keccak256(abi_encode(state, proof.positive, proof.negative))
    c.zeta = convert(state, uint256) % P
    state = keccak256(
        abi_encode(state, proof.f_zeta, proof.v_opp, proof.g_zeta, proof.m_zeta, proof.positive_zeta)
    )
    c.delta = convert(state, uint256) % P
    c.gamma = convert(keccak256(abi_encode(state, convert(1, uint256))), uint256) % P
    c.digest = keccak256(abi_encode(state, proof.w))
    c.x = convert(c.digest, uint256) % P
    return c


@internal
@pure
def _inverses(y: uint256, zeta: uint256, x: uint256, hint: uint256) -> Inverses:
    """
    @dev All the inverses from that of their product, as Montgomery's trick has it. The last factor is there for its zeros
         alone: the product has an inverse exactly when zeta, 1/zeta, opp and x are different, neither zeta nor y is 0, and
         none of zeta, y and opp is 1.
    """
    square: uint256 = uint256_mulmod(zeta, zeta, P)
    x_zeta: uint256 = uint256_mulmod(x, zeta, P)
    minus_zeta: uint256 = unsafe_sub(P, zeta)
    factors: uint256[FACTORS] = [
        zeta,
        unsafe_add(y, P - 1),
        unsafe_add(zeta, P - 1),
        unsafe_add(y, minus_zeta),
        unsafe_add(x, minus_zeta),
        unsafe_add(x_zeta, P - 1),
        unsafe_sub(unsafe_add(x_zeta, P), y),
        uint256_mulmod(
            uint256_mulmod(y, unsafe_add(zeta, 1), P), unsafe_sub(unsafe_add(y, P), square), P
        ),
    ]
    products: uint256[FACTORS] = empty(uint256[FACTORS])  # of the factors before
    product: uint256 = 1
    for i: uint256 in range(FACTORS):
        products[i] = product
        product = uint256_mulmod(product, factors[i], P)
    assert uint256_mulmod(product, hint, P) == 1, "range: wrong hint"

    rest: uint256 = hint  # 1 over the product of the factors up to this one
    for k: uint256 in range(FACTORS):
        i: uint256 = unsafe_sub(FACTORS - 1, k)
        products[i] = uint256_mulmod(products[i], rest, P)
        rest = uint256_mulmod(rest, factors[i], P)
    return Inverses(
        zeta=products[0],
        y_less_1=products[1],
        zinv_less_1=unsafe_sub(P, uint256_mulmod(zeta, products[2], P)),
        opp_less_1=uint256_mulmod(zeta, products[3], P),
        x_less_zeta=products[4],
        x_less_zinv=uint256_mulmod(zeta, products[5], P),
        x_less_opp=uint256_mulmod(zeta, products[6], P),
    )


@internal
@view
def _values(dimension: uint256, bits: uint256, y: uint256, zeta: uint256, inverses: Inverses) -> Values:
    """
    @dev In closed form: 1_k(X) (X - 1) = X^k - 1, and sum_t t X^t (X - 1) = size X^size - X 1_size(X).
    """
    size: uint256 = 1 << bits
    zinv: uint256 = inverses.zeta
    opp: uint256 = uint256_mulmod(y, zinv, P)
    y_d: uint256 = bn254._power(y, dimension)
    zinv_d: uint256 = bn254._power(zinv, dimension)
    opp_d: uint256 = uint256_mulmod(y_d, zinv_d, P)
    zinv_size: uint256 = bn254._power(zinv, size)
    opp_size: uint256 = bn254._power(opp, size)
    ones_size_opp: uint256 = uint256_mulmod(unsafe_add(opp_size, P - 1), inverses.opp_less_1, P)
    ramp: uint256 = unsafe_sub(
        unsafe_add(uint256_mulmod(size, opp_size, P), P), uint256_mulmod(opp, ones_size_opp, P)
    )
    ramp = uint256_mulmod(ramp, inverses.opp_less_1, P)
    return Values(
        ones_d_y=uint256_mulmod(unsafe_add(y_d, P - 1), inverses.y_less_1, P),
        ones_d_zinv=uint256_mulmod(unsafe_add(zinv_d, P - 1), inverses.zinv_less_1, P),
        ones_d_opp=uint256_mulmod(unsafe_add(opp_d, P - 1), inverses.opp_less_1, P),
        ones_size_zinv=uint256_mulmod(unsafe_add(zinv_size, P - 1), inverses.zinv_less_1, P),
        ones_size_opp=ones_size_opp,
        table_opp=unsafe_sub(unsafe_add(ramp, P), uint256_mulmod(size >> 1, ones_size_opp, P)),
    )

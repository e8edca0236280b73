# pragma version 0.4.3
"""
@title Gram protocol
@notice Reduces a proof that public integers are the Gram matrix of committed vectors to a claim about a pairing. The matrix is
        of the first `dimension` entries of each vector v, committed as sum_k v_k [tau^k]_1. The protocol, with the reasons
        for each step, is in docs/protocol.md.

        There are `rows` vectors and perhaps more, public rows: their products may be larger.
@dev    Arithmetic modulo P is unchecked on purpose. Reduced values are below P, and 2^256 > 5 P: so up to five of them can be
        summed, and x + P - y is positive, before the next `uint256_mulmod` reduces.

        Gas grows as n^2: each entry of the matrix is encoded for the transcript (82), checked, multiplied and added (200).
"""

from ..interfaces import IRoundVerifier
from . import bn254
from . import claims

MAX_ROWS: constant(uint256) = claims.MAX_ROWS                # 2^128 GRAM_MAX MAX_ROWS has to stay far below P
MAX_ENTRIES: constant(uint256) = MAX_ROWS * (MAX_ROWS + 1) // 2
GRAM_MAX: constant(uint256) = 2**80 - 1                      # an entry is the same number in Z and modulo P
PUBLIC_MAX: constant(uint256) = 2**104 - 1                   # a public row has entries of 60 bits: its product with another row
PUBLIC_NORM_MAX: constant(uint256) = 2**149 - 1              # and with a public row
P: constant(uint256) = bn254.P


@internal
@pure
def _key(tau_g2: uint256[4]) -> bytes32:
    """
    @dev What transcripts start with: it binds a proof to its SRS and to this protocol.
    """
    return keccak256(abi_encode(keccak256(b"meed/gram-proof/1"), claims.TAIL, tau_g2))


@internal
@view
def _reduce(
    key: bytes32,
    srs_size: uint256,
    context: bytes32,
    dimension: uint256,
    rows: uint256,
    commitments: DynArray[uint256[2], MAX_ROWS],
    gram: DynArray[int256, MAX_ENTRIES],
    proof: IRoundVerifier.GramProof,
    hint: uint256,
) -> claims.Claim:
    """
    @dev The claim holds only if the proof shows its statement. Reverts if something is wrong already. The commitments have yet
         to be checked to be on the curve. See IRoundVerifier for the arguments.
    """
    n: uint256 = len(commitments)
    assert rows <= n, "gram: wrong lengths"
    assert 2 * len(gram) == n * (n + 1) and len(proof.cross) == n, "gram: wrong lengths"
    assert claims._is_sound(n, dimension, srs_size), "gram: dimension out of bounds"
    assert (
        proof.mask_norm < P
        and proof.a_z < P
        and proof.a_zinv < P
        and proof.t_z < P
        and proof.t_zinv < P
        and proof.h_z < P
        and hint < P
    ), "gram: scalar not canonical"
    bn254._check(proof.mask)
    bn254._check(proof.t)
    bn254._check(proof.h)
    bn254._check(proof.r)
    bn254._check(proof.w)
    bn254._check(proof.l)

    # The rows with their challenges alpha, which are their weights in the commitment to a = m + sum_i alpha_i v_i. `norm` becomes
    # what <a', a'> must be if the Gram matrix is right:
    #     <m', m'> + sum_i alpha_i (2 <m', u_i> + alpha_i G_ii + 2 sum_{j > i} alpha_j G_ij)   modulo P.
    # From the last entry to the first, so that `alphas` is at each row the list of challenges that it needs.
    state: bytes32 = keccak256(abi_encode(key, context, dimension, commitments, gram))
    state = keccak256(abi_encode(state, proof.mask, proof.cross, proof.mask_norm))
    claim: claims.Claim = empty(claims.Claim)
    norm: uint256 = proof.mask_norm
    alphas: DynArray[uint256, MAX_ROWS] = []
    public_alphas: DynArray[uint256, MAX_ROWS] = []
    k: uint256 = len(gram)
    i: uint256 = n
    for _: uint256 in range(unsafe_sub(n, rows), bound=MAX_ROWS):
        i = unsafe_sub(i, 1)
        cross: uint256 = proof.cross[i]
        assert cross < P, "gram: scalar not canonical"
        alpha: uint256 = convert(keccak256(abi_encode(state, i)), uint256) >> 128
        claim.weights[i] = alpha
        total: uint256 = 0
        entry: uint256 = 0
        for other: uint256 in public_alphas:
            k = unsafe_sub(k, 1)
            entry = convert(convert(gram[k], bytes32), uint256)
            assert unsafe_add(entry, PUBLIC_NORM_MAX) <= 2 * PUBLIC_NORM_MAX, "gram: entry out of bounds"
            # P more makes a negative product positive
            total = uint256_addmod(total, uint256_mulmod(other, unsafe_add(entry, P), P), P)
        k = unsafe_sub(k, 1)
        entry = convert(convert(gram[k], bytes32), uint256)
        assert entry <= PUBLIC_NORM_MAX, "gram: entry out of bounds"
        public_alphas.append(alpha)
        total = unsafe_add(unsafe_mul(2, unsafe_add(cross, total)), uint256_mulmod(alpha, entry, P))
        norm = uint256_addmod(norm, uint256_mulmod(alpha, total, P), P)
    for _: uint256 in range(rows, bound=MAX_ROWS):
        i = unsafe_sub(i, 1)
        cross: uint256 = proof.cross[i]
        assert cross < P, "gram: scalar not canonical"
        alpha: uint256 = convert(keccak256(abi_encode(state, i)), uint256) >> 128
        claim.weights[i] = alpha

        # Signed, in two's complement. A product stays below 2^208 in absolute value, those with public rows below 2^232, and the
        # sum of all below 2^238: so the number that alpha is multiplied with, 2 (cross + total) - alpha G_ii + P, is positive
        # and below 2^256.
        total: uint256 = 0
        entry: uint256 = 0
        for other: uint256 in public_alphas:
            k = unsafe_sub(k, 1)
            entry = convert(convert(gram[k], bytes32), uint256)
            assert unsafe_add(entry, PUBLIC_MAX) <= 2 * PUBLIC_MAX, "gram: entry out of bounds"
            total = unsafe_add(total, unsafe_mul(other, entry))
        alphas.append(alpha)
        for other: uint256 in alphas:
            k = unsafe_sub(k, 1)
            entry = convert(convert(gram[k], bytes32), uint256)
            assert unsafe_add(entry, GRAM_MAX) <= 2 * GRAM_MAX, "gram: entry out of bounds"
            total = unsafe_add(total, unsafe_mul(other, entry))
        # the entry that came last is G_ii: it counts once
        total = unsafe_sub(unsafe_mul(2, unsafe_add(cross, total)), unsafe_mul(alpha, entry))
        norm = uint256_addmod(norm, uint256_mulmod(alpha, unsafe_add(total, P), P), P)

    # The challenge z. hint = 1 / (z (1 - z^2)) gives both inverses that are needed, and exists only if 1/z != z.
    state = keccak256(abi_encode(state, proof.t, proof.h, proof.r))
    z: uint256 = convert(state, uint256) % P
    square: uint256 = uint256_mulmod(z, z, P)
    complement: uint256 = unsafe_sub(P + 1, square)
    assert uint256_mulmod(uint256_mulmod(z, complement, P), hint, P) == 1, "gram: wrong hint"
    zinv: uint256 = uint256_mulmod(complement, hint, P)
    gap: uint256 = uint256_mulmod(square, hint, P)  # 1 / (zinv - z)

    state = keccak256(abi_encode(state, proof.a_z, proof.a_zinv, proof.t_z, proof.t_zinv, proof.h_z))
    delta: uint256 = convert(state, uint256) % P
    state = keccak256(abi_encode(state, proof.w))
    x: uint256 = convert(state, uint256) % P

    # The values that follow from the others: of a'(X) = a(X) - X^d t(X), the head of a; of h, since
    # a'(X) a'(1/X) = norm + X h(X) + h(1/X) / X; and of r(X) = X^(d-1) a'(1/X). Each at z and at 1/z.
    z_d: uint256 = bn254._power(z, dimension)
    zinv_d: uint256 = bn254._power(zinv, dimension)
    head_z: uint256 = unsafe_sub(unsafe_add(proof.a_z, P), uint256_mulmod(z_d, proof.t_z, P))
    head_zinv: uint256 = unsafe_sub(unsafe_add(proof.a_zinv, P), uint256_mulmod(zinv_d, proof.t_zinv, P))
    h_zinv: uint256 = unsafe_sub(unsafe_add(uint256_mulmod(head_z, head_zinv, P), 2 * P), norm)
    h_zinv = uint256_mulmod(z, unsafe_sub(h_zinv, uint256_mulmod(z, proof.h_z, P)), P)
    r_z: uint256 = uint256_mulmod(uint256_mulmod(zinv, z_d, P), head_zinv, P)
    r_zinv: uint256 = uint256_mulmod(uint256_mulmod(z, zinv_d, P), head_z, P)

    # q = a + delta t + delta^2 h + delta^3 r at z and 1/z, and minus the line through the two values, at x
    q_z: uint256 = unsafe_add(proof.h_z, uint256_mulmod(r_z, delta, P))
    q_z = unsafe_add(proof.t_z, uint256_mulmod(q_z, delta, P))
    q_z = uint256_addmod(proof.a_z, uint256_mulmod(q_z, delta, P), P)
    q_zinv: uint256 = unsafe_add(h_zinv, uint256_mulmod(r_zinv, delta, P))
    q_zinv = unsafe_add(proof.t_zinv, uint256_mulmod(q_zinv, delta, P))
    q_zinv = unsafe_add(proof.a_zinv, uint256_mulmod(q_zinv, delta, P))
    slope: uint256 = uint256_mulmod(unsafe_sub(unsafe_add(q_zinv, P), q_z), gap, P)
    z_minus_x: uint256 = unsafe_sub(unsafe_add(z, P), x)
    minus_line: uint256 = unsafe_sub(unsafe_add(uint256_mulmod(slope, z_minus_x, P), P), q_z)
    minus_vanishing: uint256 = uint256_mulmod(z_minus_x, unsafe_sub(unsafe_add(x, P), zinv), P)

    # q - line(x) - (x - z) (x - 1/z) w is zero at x: it is (X - x) l, hence equal to tau l if x l is added
    claim.point = ecadd(proof.mask, ecmul(ecadd(proof.t, ecmul(ecadd(proof.h, ecmul(proof.r, delta)), delta)), delta))
    claim.point = ecadd(claim.point, ecmul(proof.w, minus_vanishing))
    claim.point = ecadd(claim.point, ecmul(proof.l, x))
    claim.base = minus_line
    claim.opening = proof.l
    claim.digest = state
    return claim

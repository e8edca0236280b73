# pragma version 0.4.3
"""
@title Gram verifier
@notice Verifies that public integers are the Gram matrix of committed vectors: of the first `dimension` entries of each
        vector v, committed as sum_k v_k [tau^k]_1. The protocol, with the reasons for each step, is in docs/protocol.md.

        Anyone may call it; it holds nothing and changes nothing. It trusts that nobody knows tau, and that tau_g2 is [tau]_2
        of the SRS that the vectors are committed with: whoever knows tau can prove anything.
@dev    Arithmetic modulo P is unchecked on purpose. Reduced values are below P, and 2^256 > 5 P: so up to five of them can be
        summed, and x + P - y is positive, before the next `uint256_mulmod` reduces.

        The floor of its gas is 6,150 for each of n + 6 multiplications with an addition and 113,000 for the pairing check. With
        21,000 for the transaction and its calldata that is 278,000 at ten rows; 42,800 come on top. They grow as n^2: each
        entry of the matrix is encoded for the transcript (82), checked, multiplied and added (200).
"""

from interfaces import IGramVerifier
from modules import bn254

implements: IGramVerifier

MAX_ROWS: constant(uint256) = 32                             # 2^128 GRAM_MAX MAX_ROWS has to stay far below P
MAX_ENTRIES: constant(uint256) = MAX_ROWS * (MAX_ROWS + 1) // 2
GRAM_MAX: constant(uint256) = 2**80 - 1                      # an entry is the same number in Z and modulo P
TAIL: constant(uint256) = 8                                  # random entries behind each vector
MARGIN: constant(uint256) = 16                               # entries beyond n, for a proof to show nothing else
MIN_SRS_SIZE: constant(uint256) = 1 + MARGIN + 2 * TAIL      # one row
MAX_SRS_SIZE: constant(uint256) = 2**29 - 1                  # the largest public ceremony; the error grows as dimension / P
P: constant(uint256) = bn254.P

KEY: immutable(bytes32)                                      # binds a proof to its SRS and to this protocol
TAU_G2: immutable(uint256[4])
SRS_SIZE: immutable(uint256)


@deploy
def __init__(tau_g2: uint256[4], srs_size: uint256):
    """
    @param tau_g2 [tau]_2 in the EVM's order: imaginary x, real x, imaginary y, real y.
    @param srs_size Powers of tau, [1]_1 to [tau^(srs_size - 1)]_1.
    """
    assert MIN_SRS_SIZE <= srs_size and srs_size <= MAX_SRS_SIZE, "gram: srs size out of bounds"
    assert (tau_g2[0] | tau_g2[1] | tau_g2[2] | tau_g2[3]) != 0, "gram: tau is zero"
    assert bn254._is_in_g2(tau_g2), "gram: not in the second group"
    TAU_G2 = tau_g2
    SRS_SIZE = srs_size
    KEY = keccak256(abi_encode(keccak256(b"meed/gram-proof/1"), TAIL, tau_g2))


@external
@view
def verify(
    context: bytes32,
    dimension: uint256,
    commitments: DynArray[uint256[2], MAX_ROWS],
    gram: DynArray[int256, MAX_ENTRIES],
    proof: IGramVerifier.GramProof,
    hint: uint256,
) -> bool:
    """
    @notice See IGramVerifier.
    @dev    One function, since to pass the arrays on would copy them.
    """
    n: uint256 = len(commitments)
    assert 2 * len(gram) == n * (n + 1) and len(proof.cross) == n, "gram: wrong lengths"
    assert n != 0 and n + MARGIN <= dimension and dimension <= SRS_SIZE - 2 * TAIL, "gram: dimension out of bounds"
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

    # The rows with their challenges alpha. `combined` becomes the commitment to a = m + sum_i alpha_i v_i, and `norm` what
    # <a', a'> must be if the Gram matrix is right:
    #     <m', m'> + sum_i alpha_i (2 <m', u_i> + alpha_i G_ii + 2 sum_{j > i} alpha_j G_ij)   modulo P.
    # From the last entry to the first, so that `alphas` is at each row the list of challenges that it needs.
    state: bytes32 = keccak256(abi_encode(KEY, context, dimension, commitments, gram))
    state = keccak256(abi_encode(state, proof.mask, proof.cross, proof.mask_norm))
    combined: uint256[2] = proof.mask
    norm: uint256 = proof.mask_norm
    alphas: DynArray[uint256, MAX_ROWS] = []
    i: uint256 = n
    k: uint256 = len(gram)
    for _: uint256 in range(n, bound=MAX_ROWS):
        i = unsafe_sub(i, 1)
        row: uint256[2] = commitments[i]
        bn254._check(row)
        cross: uint256 = proof.cross[i]
        assert cross < P, "gram: scalar not canonical"
        alpha: uint256 = convert(keccak256(abi_encode(state, i)), uint256) >> 128
        alphas.append(alpha)
        combined = ecadd(combined, ecmul(row, alpha))

        # Signed, in two's complement. A product stays below 2^208 in absolute value and the sum of 32 below 2^213: so the
        # number that alpha is multiplied with, 2 (cross + total) - alpha G_ii + P, is positive and below 2^256.
        total: uint256 = 0
        entry: uint256 = 0
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
    x: uint256 = convert(keccak256(abi_encode(state, proof.w)), uint256) % P

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
    combined = ecadd(combined, ecmul(ecadd(proof.t, ecmul(ecadd(proof.h, ecmul(proof.r, delta)), delta)), delta))
    combined = ecadd(combined, ecmul(bn254.G1, minus_line))
    combined = ecadd(combined, ecmul(proof.w, minus_vanishing))
    combined = ecadd(combined, ecmul(proof.l, x))
    assert bn254._pairings_agree(combined, proof.l, TAU_G2), "gram: pairing check failed"
    return True


@external
@view
def srs_size() -> uint256:
    """
    @notice See IGramVerifier.
    """
    return SRS_SIZE


@external
@view
def tau_g2() -> uint256[4]:
    """
    @notice [tau]_2 in the EVM's order, to tell which SRS this verifier is for.
    """
    return TAU_G2

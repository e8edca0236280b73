"""The verifier of Gram proofs in Python, the same as `contracts/modules/gram_protocol.vy`: for whoever has no contract.

a'(z), h(1/z), r(z) and r(1/z) follow from the opened values by the three identities (gram.py), so the batched opening
of q = a + delta t + delta^2 h + delta^3 r at z and 1/z shows them all. Its line is the one through (z, q(z)) and
(1/z, q(1/z)); the quotients w and l then satisfy

    e(q - line(x) G - (x - z)(x - 1/z) w + x l, G2) = e(l, [tau]_2)

where the commitment to a is mask + sum_i alpha_i C_i. Cost: n + 6 multiplications and two pairings for any d, about a
second here.
"""

from __future__ import annotations

from offchain.proving.errors import Rejected
from offchain.proving.kernels.field import P
from offchain.proving.pairing import (
    G1,
    G2,
    G2Point,
    PointError,
    decode_g1,
    decode_g2,
    linear_combination,
    pairings_agree,
)
from offchain.proving.transcript import Challenges, GramProof, GramStatement, challenges, dimension_is_sound

__all__ = ["GRAM_BOUND", "PUBLIC_BOUND", "PUBLIC_NORM_BOUND", "verify"]

GRAM_BOUND = 1 << 80  # |G_ij| stays below it: the same number in Z and in F_p, and room for the policy in 256 bits
PUBLIC_BOUND = 1 << 104  # a public row's products with the others: its entries are within 2^60, and d < 2^29
PUBLIC_NORM_BOUND = 1 << 149  # and with public rows


def _combined_norm(statement: GramStatement, proof: GramProof, alpha: tuple[int, ...]) -> int:
    """c = <a', a'>, as the statement and the mask claim it."""
    c = proof.mask_norm
    for i, alpha_i in enumerate(alpha):
        c += alpha_i * (2 * proof.cross[i] + alpha_i * statement.entry(i, i))
        c += 2 * alpha_i * sum(alpha[j] * statement.entry(i, j) for j in range(i + 1, len(alpha)))
    return c % P


def _entries_are_small(statement: GramStatement, rows: int) -> bool:
    small = all(abs(statement.entry(i, j)) < GRAM_BOUND for i in range(rows) for j in range(i, rows))
    public = range(rows, len(statement.commitments))
    products = all(abs(statement.entry(i, j)) < PUBLIC_BOUND for i in range(rows) for j in public)
    squares = all(statement.entry(j, j) >= 0 for j in public)
    among = all(abs(statement.entry(j, k)) < PUBLIC_NORM_BOUND for j in public for k in public)
    return small and products and squares and among


def _line_at_x(statement: GramStatement, proof: GramProof, drawn: Challenges) -> int:
    """The value at x of the line through q(z) and q(1/z)."""
    d, z, zinv = statement.dimension, drawn.z, pow(drawn.z, -1, P)
    head_z = proof.a_z - pow(z, d, P) * proof.t_z
    head_zinv = proof.a_zinv - pow(zinv, d, P) * proof.t_zinv
    h_zinv = z * (head_z * head_zinv - _combined_norm(statement, proof, drawn.alpha) - z * proof.h_z)
    r_z, r_zinv = pow(z, d - 1, P) * head_zinv, pow(zinv, d - 1, P) * head_z
    at_z, at_zinv = (
        sum(value * pow(drawn.delta, power, P) for power, value in enumerate(values))
        for values in ((proof.a_z, proof.t_z, proof.h_z, r_z), (proof.a_zinv, proof.t_zinv, h_zinv, r_zinv))
    )
    return (at_z + (at_zinv - at_z) * pow(zinv - z, -1, P) * (drawn.x - z)) % P


def verify(tau_g2: G2Point, srs_size: int, statement: GramStatement, proof: GramProof, rows: int | None = None) -> None:
    """Raises Rejected unless the proof shows the statement, for the SRS of `srs_size` powers with this [tau]_2.

    rows: how many rows have small entries, at least one, all if not given; those behind them are public rows. Their
    products may be larger, and are right modulo P alone unless their entries are known to be within 2^60.
    """
    n = len(statement.commitments)
    rows = n if rows is None else rows
    lengths_match = min(1, n) <= rows <= n and len(statement.gram) == n * (n + 1) // 2 and len(proof.cross) == n
    if not lengths_match or len(statement.context) != 32:
        raise Rejected("lengths don't match")
    if not dimension_is_sound(n, statement.dimension, srs_size):
        raise Rejected("dimension out of bounds")
    if not _entries_are_small(statement, rows):
        raise Rejected("Gram entry out of bounds")
    if any(not 0 <= value < P for value in proof.scalars):
        raise Rejected("scalar not canonical")
    try:
        committed = [decode_g1(point) for point in statement.commitments]
        mask, t, h, r, w, l = (decode_g1(point) for point in proof.points)
    except PointError as error:
        raise Rejected(str(error)) from error

    drawn = challenges(tau_g2, statement, proof)
    z, delta, x = drawn.z, drawn.delta, drawn.x
    if z == 0 or z * z % P == 1:
        raise Rejected("degenerate challenge")
    vanishing = (x - z) * (x - pow(z, -1, P))
    opening = linear_combination(
        [mask, *committed, t, h, r, G1, w, l],
        [1, *drawn.alpha, delta, delta**2, delta**3, -_line_at_x(statement, proof, drawn), -vanishing, x],
    )
    if not pairings_agree(opening, G2, l, decode_g2(tau_g2)):
        raise Rejected("pairing check failed")

"""The verifier of range proofs in Python: the same as the contract's, for whoever has none at hand.

The identity of range.py at zeta gives neg(1/zeta) from the opened values and from the public polynomials, which have
closed forms. With c_j(X) the combination by powers of delta of what is opened at point j, and c_j its claimed value,

    w(X) = sum_j gamma^j (c_j(X) - c_j) / (X - point_j)

and l is the quotient by X - x of sum_j gamma^j (c_j(X) - c_j) / (x - point_j) - w(X), which vanishes at x. So

    e(sum_j gamma^j / (x - point_j) (C_j - c_j G) - w + x l, G2) = e(l, [tau]_2)

Cost: 2 n + 10 multiplications and two pairings for any d.
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
from offchain.proving.range_transcript import (
    RangeChallenges,
    RangeProof,
    RangeStatement,
    range_challenges,
    range_is_sound,
)

__all__ = ["verify_range"]


def _ones(length: int, x: int) -> int:
    """sum_k x^k over k < length."""
    return (pow(x, length, P) - 1) * pow(x - 1, -1, P) % P


def _table(size: int, x: int) -> int:
    """sum_t (t - size/2) x^t over t < size."""
    ones = _ones(size, x)
    return ((ones - 1 - (size - 1) * pow(x, size, P)) * pow(1 - x, -1, P) - size // 2 * ones) % P


def _negative_at_zinv(statement: RangeStatement, proof: RangeProof, drawn: RangeChallenges) -> int:
    """neg(1/zeta), from the identity."""
    n, d, size = len(statement.commitments), statement.dimension, 1 << statement.bits
    zinv = pow(drawn.zeta, -1, P)
    opp = drawn.y * zinv % P
    ones = drawn.chi * _ones(d, opp)
    rho = [pow(drawn.rho, i, P) for i in range(n + 3)]

    rows = sum(rho_i * f * (ones + v) for rho_i, f, v in zip(rho, proof.f_zeta, proof.v_opp, strict=False))
    total = sum(proof.f_zeta[1:]) * _ones(d, zinv) - proof.g_zeta * _ones(size, zinv)
    table = proof.g_zeta * (drawn.chi * _ones(size, opp) + _table(size, opp)) - proof.m_zeta * _ones(size, opp)
    constant = proof.mask_constant + sum(rho[1 : n + 1]) * _ones(d, drawn.y)
    left = rows + rho[n + 1] * total + rho[n + 2] * table
    return drawn.zeta * (left - constant - drawn.zeta * proof.positive_zeta) % P


def verify_range(tau_g2: G2Point, srs_size: int, statement: RangeStatement, proof: RangeProof) -> None:
    """Raises Rejected unless the proof shows the statement, for the SRS of `srs_size` powers with this [tau]_2."""
    n = len(statement.commitments)
    if {len(proof.inverses), len(proof.f_zeta), len(proof.v_opp)} != {n + 1} or len(statement.context) != 32:
        raise Rejected("lengths don't match")
    if not range_is_sound(n, statement.dimension, statement.bits, srs_size):
        raise Rejected("dimension or bits out of bounds")
    if any(not 0 <= value < P for value in proof.scalars):
        raise Rejected("scalar not canonical")
    try:
        rows = [decode_g1(point) for point in statement.commitments]
        *at_zeta, neg, mask, w, l = (decode_g1(point) for point in proof.points)
    except PointError as error:
        raise Rejected(str(error)) from error

    drawn = range_challenges(tau_g2, statement, proof)
    y, zeta, delta, x = drawn.y, drawn.zeta, drawn.delta, drawn.x
    if 0 in (y, zeta) or 1 in (y, zeta) or y == zeta:
        raise Rejected("degenerate challenge")
    zinv = pow(zeta, -1, P)
    opp = y * zinv % P
    if len({zeta, zinv, opp, x}) != 4:
        raise Rejected("degenerate challenge")

    opened = (  # point, commitments, values
        (zeta, at_zeta, (*proof.f_zeta, proof.g_zeta, proof.m_zeta, proof.positive_zeta)),
        (zinv, [neg], (_negative_at_zinv(statement, proof, drawn),)),
        (opp, [mask, *rows], proof.v_opp),
    )
    points, scalars, value = [w, l], [-1, x], 0
    for j, (point, commitments, values) in enumerate(opened):
        weight = pow(drawn.gamma, j, P) * pow(x - point, -1, P)
        for power, (commitment, claimed) in enumerate(zip(commitments, values, strict=True)):
            factor = weight * pow(delta, power, P) % P
            points.append(commitment)
            scalars.append(factor)
            value += factor * claimed
    opening = linear_combination([*points, G1], [*scalars, -value])
    if not pairings_agree(opening, G2, l, decode_g2(tau_g2)):
        raise Rejected("pairing check failed")

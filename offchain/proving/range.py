"""The range prover: every entry of every committed update is a signed integer of `bits` bits.

The Gram proof alone doesn't bind who knows the openings: entries as large as the field wrap around in its products. A
lookup (Haboeck, "Multivariate lookups based on logarithmic derivatives", 2022) shows that they are small. Let S =
2^bits, and T_t = t - S/2 the table. All u_ik are in it exactly if, for the multiplicities m_t and a random chi,

    sum_ik 1 / (chi + u_ik) = sum_t m_t / (chi + T_t)

The prover commits to m; after chi to f_ik = 1 / (chi + u_ik) and g_t = m_t / (chi + T_t); and shows with a random y

    rows    sum_k y^k f_ik (chi + u_ik) = sum_k y^k, for each i
    sum     sum_ik f_ik = sum_t g_t
    table   sum_t y^t (g_t (chi + T_t) - m_t) = 0

Each is a constant term, of products A(X) B(y/X). With powers of a random rho they become one identity, where 1_m is
the polynomial of m ones, F_i that of f_i with TAIL zeros and TAIL random elements behind it, and row 0 is a mask:

    sum_i rho^i F_i(X) (chi 1_d(y/X) + v_i(y/X)) + rho^(n+1) (sum_i>0 F_i(X) 1_d(1/X) - G(X) 1_S(1/X))
      + rho^(n+2) (G(X) (chi 1_S + T)(y/X) - M(X) 1_S(y/X)) = constant + X pos(X) + X^-1 neg(1/X)

It is checked at a random zeta, by one KZG opening at three points: F_i, g, m and pos at zeta, neg at 1/zeta, v_i at
y/zeta.

Zero-knowledge for at most TAIL - 1 range proofs over one commitment, since each opens v_i at another point: whoever
has to show a proof twice sends it again rather than proves again. Mask and tails of F, g and m are fresh for every
proof, drawn here.

Cost: f takes at most S values, so it is never kept but looked up; a commitment to f_i is one to S bucket sums. Beyond
that, two transforms of 2 d for each row and one for all, and five multi-scalar multiplications of d or S elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offchain.progress import stage
from offchain.proving.commitment import TAIL, Point, commit_integers, commit_polynomial
from offchain.proving.errors import InputError
from offchain.proving.inputs import check_context_and_tails, check_updates, commitments_to
from offchain.proving.kernels.curve import encode
from offchain.proving.kernels.field import P, Words, from_ints, to_ints
from offchain.proving.kernels.fold import dot_products, fold
from offchain.proving.kernels.lanes import RADIX
from offchain.proving.kernels.laurent import Laurent, short_product
from offchain.proving.kernels.msm import msm
from offchain.proving.kernels.polynomial import divide_by_linear, evaluate
from offchain.proving.kernels.vector import accumulate, inverses, powers, progression, random_elements, scale, weigh
from offchain.proving.parameters import MAX_ROWS
from offchain.proving.range_rows import InverseRows, count_keys, keys_of, row_products
from offchain.proving.range_transcript import (
    MASK_LENGTH,
    RangeProof,
    RangeStatement,
    RangeTranscript,
    range_is_sound,
)
from offchain.proving.srs import Srs

__all__ = ["prove_range"]


@dataclass(frozen=True)
class _Witness:
    updates: npt.NDArray[np.int16]
    tails: Sequence[Sequence[int]]
    v0: Words
    f0: Words
    rows: InverseRows  # F_1 .. F_n
    m: Words  # the multiplicities and a tail
    g: Words


def _check(srs: Srs, context: bytes, updates: npt.NDArray[np.int16], tails: Sequence[Sequence[int]], bits: int) -> None:
    check_updates(updates)
    n, d = updates.shape
    if n > MAX_ROWS or not range_is_sound(n, d, bits, srs.size):
        raise InputError(f"no proof for {n} updates of {d} entries of {bits} bits with an SRS of {srs.size} powers")
    check_context_and_tails(context, tails, n)
    half = 1 << (bits - 1)
    outside = np.flatnonzero((updates.min(axis=1) < -half) | (updates.max(axis=1) >= half))
    if len(outside):
        raise InputError(
            f"update {outside[0]} has an entry out of range: those of {bits} bits are {-half} to {half - 1}"
        )


def _commit_sparse(srs: Srs, name: str, coefficients: Words) -> Point:
    with stage(f"Committing to {name}"):
        places = np.flatnonzero(coefficients.any(axis=1))
        return encode(msm(srs.prefix(len(coefficients))[places], coefficients[places]))


def _identity(witness: _Witness, chi: int, y: int, rho: int) -> Laurent:
    """The left side of the identity."""
    (n, d), g, m = witness.updates.shape, witness.g, witness.m
    size = len(m) - TAIL
    shifted = chi - size // 2  # chi + T_t = shifted + t
    products, weighted, plain = row_products(witness.rows, witness.tails, y, rho)

    total, table = pow(rho, n + 1, P), pow(rho, n + 2, P)
    low, high = max(d + TAIL - 1, size), max(d + 2 * TAIL, size + TAIL) - 1
    sums = Laurent(low, high)  # sum_i>0 F_i(X) 1_d(1/X) - G(X) 1_S(1/X)
    sums.add_span(plain, total, 1, d)
    sums.add_span(g, -total, 1, size)
    sums.divide(1)

    # sum_t t x^t = (1_S(x) - 1 - (S - 1) x^S) / (1 - x), and 1_S(x) is a span over 1 - x itself
    left = Laurent(low, high)
    left.add_span(g, table, y, size)
    left.divide(y)
    left.add(g, -table)
    left.add(g, -table * (size - 1) * pow(y, size, P), -size)
    left.add_span(g, table * shifted, y, size)
    left.add_span(m, -table, y, size)
    left.add_span(weighted, shifted, y, d)
    left.add_span(witness.f0, chi, y, d)
    left.divide(y)
    for other in (sums, products, short_product(witness.f0, witness.v0, y)):
        left.add_all(other)
    return left


def _evaluate_rows(witness: _Witness, zeta: int, opp: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(F_0 .. F_n at zeta, v_0 .. v_n at y/zeta)."""
    n, d = witness.updates.shape
    f_zeta, row = [evaluate(witness.f0, zeta)], np.empty((witness.rows.length, 4), np.uint64)
    for i in range(n):
        witness.rows.fill(i, row)
        f_zeta.append(evaluate(row, zeta))
    heads, opp_d = dot_products(powers(opp, d), witness.updates), pow(opp, d, P)
    rest = [opp_d * evaluate(from_ints(tail), opp) for tail in witness.tails]
    v_opp = [evaluate(witness.v0, opp), *((a + b) % P for a, b in zip(heads, rest, strict=True))]
    return tuple(f_zeta), tuple(v_opp)


def _combine_inverses(witness: _Witness, positive: Words, delta: int) -> Words:
    """F_0 + delta F_1 .. + delta^n F_n + delta^(n+1) g + delta^(n+2) m + delta^(n+3) pos."""
    n = len(witness.updates)
    combined = np.zeros((len(positive) + 1, 4), np.uint64)  # F and g are at most one longer
    accumulate(combined, witness.f0, 1)
    for i in range(n):
        witness.rows.add(combined, i, pow(delta, i + 1, P))
    for k, polynomial in enumerate((witness.g, witness.m, positive), start=n + 1):
        accumulate(combined, polynomial, pow(delta, k, P))
    return combined


def _combine_updates(witness: _Witness, delta: int) -> Words:
    """v_0 + delta v_1 .. + delta^n v_n; `fold` takes factors of 128 bits, so the upper halves come first."""
    n, d = witness.updates.shape
    factors = [pow(delta, i, P) for i in range(1, n + 1)]
    combined = np.zeros((d + TAIL, 4), np.uint64)
    head, tail = combined[:d], combined[d:]
    fold(head, witness.updates, [factor >> 128 for factor in factors], head)
    scale(head, 1 << 128, head)
    fold(head, witness.updates, [factor % (1 << 128) for factor in factors], head)
    for values, factor in zip(witness.tails, factors, strict=True):
        accumulate(tail, from_ints(values), factor)
    accumulate(combined, witness.v0, 1)
    return combined


def prove_range(
    srs: Srs,
    context: bytes,
    updates: npt.NDArray[np.int16],
    tails: Sequence[Sequence[int]],
    bits: int,
    *,
    commitments: Sequence[Point] | None = None,
    random: Callable[[int], int] | None = None,
) -> tuple[RangeStatement, RangeProof]:
    """The statement that all entries of n updates are signed integers of `bits` bits, with its proof.

    context: 32 bytes that the proof is bound to. updates: int16[n, d]. tails: n lists of TAIL field elements.
    bits: 2 to 16. commitments: those to the updates with these tails, if known; with a wrong one the proof doesn't
    verify. random: for tests, draws the elements of v_0, the tail of m, F_0, the tails of F_1 .. F_n and of g, in this
    order and each below its argument; else they come from the system, fresh for each proof.

    At most TAIL - 1 proofs for one commitment, whatever the others in their statements: each opens its update at a new
    point. Show a proof again rather than prove again.

    Raises InputError unless 1 <= n <= MAX_ROWS, n + 16 <= d <= srs.size - 16, 2^bits + 8 <= srs.size, the shapes agree,
    and every entry is in range.
    """
    _check(srs, context, updates, tails, bits)
    (n, d), size = updates.shape, 1 << bits
    points = commitments_to(srs, updates, tails, commitments)
    if len(points) != n:
        raise InputError("a proof takes one commitment for each update")
    statement = RangeStatement(context, d, bits, points)
    transcript = RangeTranscript(srs.tau_g2)

    def draw(count: int) -> Words:
        return from_ints(random(P) for _ in range(count)) if random else random_elements(count)

    with stage("Counting the entries"):
        keys = keys_of(updates, size)
        counts = count_keys(keys, size)
    v0, m = draw(MASK_LENGTH), np.zeros((size + TAIL, 4), np.uint64)
    m[:size, 0], m[size:] = counts, draw(TAIL)
    m_point = commit_integers(srs, counts, to_ints(m[size:]))
    chi = transcript.bind_statement(statement, m_point)

    table, f0, g = inverses(progression(chi - size // 2, 1, size)), draw(MASK_LENGTH), np.empty_like(m)
    rows = InverseRows(table, keys, [draw(TAIL) for _ in range(n)])
    scale(table, RADIX, g[:size])
    weigh(counts, g[:size], g[:size])
    g[size:] = draw(TAIL)
    witness = _Witness(updates, tails, v0, f0, rows, m, g)
    with stage("Committing to the inverses"):
        f_points = (commit_polynomial(srs, "the mask", f0), *rows.commit(srs))
    v0_point, g_point = commit_polynomial(srs, "the mask", v0), _commit_sparse(srs, "the table", g)
    y = transcript.bind_inverses(f_points, v0_point, g_point)

    terms = zip(to_ints(f0), to_ints(v0), strict=True)
    mask_constant = sum(pow(y, k, P) * f * (chi + v) for k, (f, v) in enumerate(terms)) % P
    rho = transcript.bind_mask_constant(mask_constant)

    with stage("Multiplying the rows"):
        identity = _identity(witness, chi, y, rho)
        pos, neg = identity.positive, identity.negative
    pos_point = commit_polynomial(srs, "the positive half", pos)
    neg_point = commit_polynomial(srs, "the negative half", neg)
    zeta = transcript.bind_identity(pos_point, neg_point)
    zinv = pow(zeta, -1, P)
    opp = y * zinv % P

    with stage("Evaluating"):
        f_zeta, v_opp = _evaluate_rows(witness, zeta, opp)
        g_zeta, m_zeta, positive_zeta = (evaluate(polynomial, zeta) for polynomial in (g, m, pos))
    delta, gamma = transcript.bind_evaluations(f_zeta, v_opp, g_zeta, m_zeta, positive_zeta)

    with stage("Combining"):
        opened = ((zeta, _combine_inverses(witness, pos, delta)), (zinv, neg), (opp, _combine_updates(witness, delta)))
    with stage("Dividing"):
        w = np.zeros((len(pos), 4), np.uint64)
        for j, (point, polynomial) in enumerate(opened):
            accumulate(w, divide_by_linear(polynomial, point), pow(gamma, j, P))
    w_point = commit_polynomial(srs, "the quotient", w)

    x = transcript.bind_quotient(w_point)
    with stage("Dividing"):
        # less the opened values' sum this vanishes at x; the quotient doesn't depend on a constant
        linear = np.zeros((len(pos) + 1, 4), np.uint64)
        for j, (point, polynomial) in enumerate(opened):
            accumulate(linear, polynomial, pow(gamma, j, P) * pow(x - point, -1, P))
        accumulate(linear, w, -1)
        l = divide_by_linear(linear, x)
    l_point = commit_polynomial(srs, "the linear quotient", l)
    return statement, RangeProof(
        m_point, f_points, v0_point, g_point, mask_constant, pos_point, neg_point,
        f_zeta, v_opp, g_zeta, m_zeta, positive_zeta, w_point, l_point,
    )  # fmt: skip

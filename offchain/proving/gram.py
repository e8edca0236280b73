"""The prover: a public matrix is the Gram matrix G_ij = <u_i, u_j> of committed updates; nothing else shows.

Draw a mask m as long as the committed vectors v_i = (u_i, tail_i), commit to it, and publish the products of its head
m' with the u_i. With challenges alpha drawn after G, let a = m + sum_i alpha_i v_i. Then

    <a', a'> = <m', m'> + 2 sum_i alpha_i <m', u_i> + sum_ij alpha_i alpha_j G_ij

tests every entry of G at once. As polynomials, a(X) = sum_k a_k X^k, three identities tie this norm to commitments:

    split     a(X) = a'(X) + X^d t(X)                      t is the tail
    length    r(X) = X^(d-1) a'(1/X)                       so a' has d entries, whatever the size of the SRS
    norm      a'(X) a'(1/X) = c + X h(X) + X^-1 h(1/X)     so c = <a', a'>

They are checked at a random z, by one KZG opening of a + delta t + delta^2 h + delta^3 r at both z and 1/z (Boneh,
Drake, Fisch, Gabizon, "Efficient polynomial commitment schemes for multiple points and polynomials", 2020).

Further rows may be public: integer combinations of updates, such as the aggregates of earlier rounds. They are the last
of the n rows of the statement, and the protocol is the same. Their entries are within 2^60, so they enter products as
four rows of 16-bit digits each, and a as field elements.

Zero-knowledge given G for d >= n + 16, with a fresh mask for every proof, drawn here, and a fresh tail for every
update. Cost: five multi-scalar multiplications of d field elements and two transforms of 2 d. Memory: beside updates
and SRS five arrays of d field elements, 32 bytes each: a, h, and between them the transforms' 2 d, rounded up to a
power of two, with d roots of unity. The mask becomes a, and a becomes q, in place.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from offchain.progress import stage
from offchain.proving.commitment import TAIL, Combination, Point, commit_polynomial
from offchain.proving.errors import InputError
from offchain.proving.inputs import check_context_and_tails, check_updates, commitments_to
from offchain.proving.kernels.field import P, Words, from_int64, from_ints
from offchain.proving.kernels.fold import (
    dot_products,
    exact_products,
    fold,
    join_digits,
    signed_digits,
    square_norm,
)
from offchain.proving.kernels.polynomial import autocorrelation, divide_by_linear, evaluate
from offchain.proving.kernels.vector import accumulate, random_elements
from offchain.proving.parameters import MAX_ROWS
from offchain.proving.srs import Srs
from offchain.proving.transcript import GramProof, GramStatement, GramTranscript, dimension_is_sound

__all__ = ["gram_matrix", "prove"]

_PART = 1 << 15  # columns of which the public rows' digits are in memory at once


def gram_matrix(updates: npt.NDArray[np.int16], public: Sequence[Combination] = ()) -> list[int]:
    """The upper triangle, row by row, of the Gram matrix of int16[n, d], and of the public rows as the last, if any.

    Exact for d up to 2^27: products of updates are within 2^57, those with a public row within 2^102, of public rows
    within 2^147. Raises InputError for other shapes or types.
    """
    _check_updates(updates)
    _check_public(updates, public)
    with stage("Computing the Gram matrix"):
        parts = [slice(first, first + _PART) for first in range(0, max(1, updates.shape[1]), _PART)]
        entries = (_products(updates[:, part], [row.values[part] for row in public]) for part in parts)
        return [sum(entry) for entry in zip(*entries, strict=True)]


def _products(updates: npt.NDArray[np.int16], public: Sequence[npt.NDArray[np.int64]]) -> list[int]:
    """The matrix of some columns."""
    digits = [signed_digits(values) for values in public]
    rows = np.concatenate([updates, *digits])
    products = exact_products(rows, rows)
    ends = itertools.accumulate([1] * len(updates) + [len(row) for row in digits], initial=0)
    places = [slice(*pair) for pair in itertools.pairwise(ends)]
    return [join_digits(products[place, other]) for i, place in enumerate(places) for other in places[i:]]


def _check_updates(updates: npt.NDArray[np.int16]) -> None:
    check_updates(updates)
    if updates.shape[1] > 1 << 27:
        raise InputError("an update has at most 2^27 entries")


def _check_public(updates: npt.NDArray[np.int16], public: Sequence[Combination]) -> None:
    for row in public:
        if len(row.values) != updates.shape[1]:
            raise InputError(f"a public row has {len(row.values)} entries, updates have {updates.shape[1]}")


def _reversed(coefficients: Words) -> Words:
    return np.ascontiguousarray(coefficients[::-1])


def prove(
    srs: Srs,
    context: bytes,
    updates: npt.NDArray[np.int16],
    tails: Sequence[Sequence[int]],
    *,
    public: Sequence[Combination] = (),
    commitments: Sequence[Point] | None = None,
    gram: Sequence[int] | None = None,
    random: Callable[[int], int] | None = None,
) -> tuple[GramStatement, GramProof]:
    """The Gram matrix of n updates, and of public rows behind them if given, with its proof.

    context: 32 bytes that the proof is bound to. updates: int16[n, d]. tails: n lists of TAIL field elements.
    public: those rows, of d entries. commitments: those to the rows with their tails, if known; with a wrong one
    the proof doesn't verify. gram: what `gram_matrix` gives, if known; with a wrong entry the proof doesn't verify.
    random: for tests, draws each of the mask's d + TAIL elements below its argument; else they come from the system.

    Raises InputError unless n >= 1, the shapes agree, and for the number of rows, the public ones too,
    rows <= MAX_ROWS and rows + 16 <= d <= srs.size - 16.
    """
    _check_updates(updates)
    _check_public(updates, public)
    n, d = updates.shape
    rows = n + len(public)
    if n < 1 or rows > MAX_ROWS or not dimension_is_sound(rows, d, srs.size):
        count = f"{n} updates and {len(public)} public rows" if public else f"{n} updates"
        raise InputError(f"no proof for {count} of {d} entries with an SRS of {srs.size} powers")
    check_context_and_tails(context, tails, n)
    points = commitments_to(srs, updates, tails, commitments, public)
    if gram is None:
        gram = gram_matrix(updates, public)
    if len(points) != rows or len(gram) != rows * (rows + 1) // 2:
        raise InputError("a proof takes one commitment for each update, and a Gram entry for each two")
    statement = GramStatement(context, d, points, tuple(gram))
    transcript = GramTranscript(srs.tau_g2)
    transcript.bind_statement(statement)

    with stage("Drawing the mask"):
        m = from_ints(random(P) for _ in range(d + TAIL)) if random else random_elements(d + TAIL)
    mask = commit_polynomial(srs, "the mask", m)
    with stage("Multiplying the mask with the updates"):
        cross, mask_norm = dot_products(m[:d], updates), square_norm(m[:d])
        cross += [join_digits(dot_products(m[:d], signed_digits(row.values))) % P for row in public]
    alpha = transcript.bind_mask(mask, cross, mask_norm)

    a = m  # in place: a = m + sum_i alpha_i v_i
    head = a[:d]
    with stage("Folding the updates"):
        fold(head, updates, alpha[:n], out=head)
        for row, alpha_i in zip(public, alpha[n:], strict=True):
            accumulate(head, from_int64(row.values), alpha_i)
    for tail, alpha_i in zip([*tails, *(row.tail for row in public)], alpha, strict=True):
        accumulate(a[d:], from_ints(tail), alpha_i)
    t = a[d:].copy()
    t_point, r_point = commit_polynomial(srs, "the tail", t), commit_polynomial(srs, "the reversal", _reversed(head))
    with stage("Computing the autocorrelation"):
        h = autocorrelation(head)
    h_point = commit_polynomial(srs, "the autocorrelation", h)
    z = transcript.bind_polynomials(t_point, h_point, r_point)
    zinv = pow(z, -1, P)

    with stage("Evaluating"):
        opened = (evaluate(a, z), evaluate(a, zinv), evaluate(t, z), evaluate(t, zinv), evaluate(h, z))
    delta = transcript.bind_evaluations(opened)
    with stage("Dividing"):
        r, q = _reversed(head), a  # in place: q = a + delta t + delta^2 h + delta^3 r
        accumulate(q, t, delta)
        accumulate(q, h, pow(delta, 2, P))
        accumulate(q, r, pow(delta, 3, P))
        del h, r
        w = divide_by_linear(divide_by_linear(q, z), zinv)  # the remainder is the line through the two values
    w_point = commit_polynomial(srs, "the quotient", w)

    x = transcript.bind_quotient(w_point)
    with stage("Dividing"):
        # less the line's value at x this vanishes there; the quotient doesn't depend on a constant
        linear = q
        accumulate(linear, w, -(x - z) * (x - zinv))
        del w
        l = divide_by_linear(linear, x)
    l_point = commit_polynomial(srs, "the linear quotient", l)
    return statement, GramProof(mask, tuple(cross), mask_norm, t_point, h_point, r_point, *opened, w_point, l_point)

"""Sums over whole updates: products of updates, products with scalars, random combinations.

exact_products   A B^T of 16-bit integers. Through float64: the partial sums of a tile are integers below 2^53, so
                 exact in any order; tiles are added in int64
signed_digits    rows of 16 bits that stand for one of 64 in all these products
dot_products     <m, u_i>, by the same product with the sixteen 16-bit digits of m's scalars
square_norm      <m, m>, by the product of these digits with themselves
fold             m + sum_i alpha_i u_i for alpha_i of 128 bits: their limbs of 43 bits times 16-bit entries add up in
                 int64 over 32 rows, after which each position is reduced modulo P
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from offchain.proving.kernels.build import kernel
from offchain.proving.kernels.field import P, Words, load_fr, store
from offchain.proving.kernels.parallel import run, split

__all__ = ["dot_products", "exact_products", "fold", "join_digits", "signed_digits", "square_norm"]

_TOGETHER = 32  # rows: 32 * 2^43 * 2^15 = 2^63 is what an accumulator holds

Rows = npt.NDArray[np.int16]
_Digits = npt.NDArray[np.int16] | npt.NDArray[np.uint16]

# --- products -----------------------------------------------------------------------------------------------------

_COLUMNS = 1 << 11  # of a tile: |partial sum| <= 2^11 * 2^32; 32 rows as float64 fit into a core's cache


def exact_products(left: _Digits, right: _Digits) -> npt.NDArray[np.int64]:
    """int64[n, m]: the products of the rows of left, [n, d], and of right, [m, d]; int16 or uint16, d up to 2^27."""
    sums: list[npt.NDArray[np.int64]] = []

    def part(start: int, end: int) -> None:
        total = np.zeros((len(left), len(right)), np.int64)
        for first in range(start, end, _COLUMNS):
            tile = slice(first, min(first + _COLUMNS, end))
            a = left[:, tile].astype(np.float64)
            b = a if right is left else right[:, tile].astype(np.float64)
            total += (a @ b.T).astype(np.int64)
        sums.append(total)

    run(part, split(left.shape[1], _COLUMNS))
    return np.sum(sums, axis=0, dtype=np.int64)


def _digits(scalars: Words) -> npt.NDArray[np.uint16]:
    """uint16[16, d]: the digits to base 2^16 of uint64[d, 4]."""
    return np.ascontiguousarray(scalars).view(np.uint16).T


def signed_digits(values: npt.NDArray[np.int64]) -> Rows:
    """int16[4, d]: the signed digits to base 2^16 of int64[d] within 2^62, values = sum_k 2^16k digits[k]."""
    digits = np.empty((4, len(values)), np.int16)
    rest = values
    for row in digits:
        row[:] = rest.astype(np.int16)  # the lowest 16 bits, with a sign
        rest = (rest >> 16) + (row < 0)
    return digits


def join_digits(products: npt.NDArray[np.int64] | Sequence[int]) -> int:
    """sum_k 2^16k products[k], or over j and k of 2^16(j+k) products[j, k]: what products of digits stand for."""
    return sum(int(value) << (16 * sum(place)) for place, value in np.ndenumerate(np.asarray(products, object)))


def dot_products(scalars: Words, rows: Rows) -> list[int]:
    """<scalars, row> modulo P for each row of int16[n, d]; scalars: uint64[d, 4]."""
    products = exact_products(rows, _digits(scalars))
    return [join_digits(row) % P for row in products]


def square_norm(scalars: Words) -> int:
    """<scalars, scalars> modulo P; scalars: uint64[d, 4]."""
    digits = _digits(scalars)
    return join_digits(exact_products(digits, digits)) % P


# --- fold ---------------------------------------------------------------------------------------------------------

_LIMB = 43
_PART = 512  # positions whose accumulators stay in a core's first cache


@intrinsic
def _add_limbs(typing: Any, base: Any, c0: Any, c1: Any, c2: Any) -> Any:
    """base + c0 + 2^43 c1 + 2^86 c2 in [0, P), for a base in [0, P) and signed limbs."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        i256 = args[0].type
        modulus = ir.Constant(i256, P)
        total = args[0]  # |the rest| < 2^151: one modulus at most too many or too few
        for k, limb in enumerate(args[1:]):
            total = builder.add(total, builder.shl(builder.sext(limb, i256), ir.Constant(i256, _LIMB * k)))
        negative = builder.icmp_signed("<", total, ir.Constant(i256, 0))
        total = builder.select(negative, builder.add(total, modulus), total)
        return builder.select(builder.icmp_unsigned("<", total, modulus), total, builder.sub(total, modulus))

    return base(base, *[types.int64] * 3), emit


@kernel
def _fold(base: Words, rows: Rows, limbs: npt.NDArray[np.int64], out: Words, start: int, end: int) -> None:
    sums = np.empty((3, _PART), np.int64)
    for first in range(start, end, _PART):
        count = min(_PART, end - first)
        sums[:] = 0
        for i in range(len(rows)):
            l0, l1, l2 = limbs[i, 0], limbs[i, 1], limbs[i, 2]
            for j in range(count):
                entry = np.int64(rows[i, first + j])
                sums[0, j] += l0 * entry
                sums[1, j] += l1 * entry
                sums[2, j] += l2 * entry
        for j in range(count):
            store(out, first + j, _add_limbs(load_fr(base, first + j), sums[0, j], sums[1, j], sums[2, j]))


def fold(base: Words, rows: Rows, challenges: Sequence[int], out: Words | None = None) -> Words:
    """uint64[d, 4]: base + sum_i challenges[i] rows[i], in `out` if given, which may be the base.

    base: uint64[d, 4]. rows: int16[n, d]. challenges: below 2^128.
    """
    if rows.shape != (len(challenges), len(base)):
        raise ValueError(f"rows of shape {rows.shape} for {len(challenges)} challenges and {len(base)} entries")
    if any(not 0 <= challenge < 1 << 128 for challenge in challenges):
        raise ValueError("fold takes challenges of 128 bits")
    rows = np.ascontiguousarray(rows)
    limbs = np.array([[c >> (_LIMB * k) & ((1 << _LIMB) - 1) for k in range(3)] for c in challenges], np.int64)
    out = np.empty_like(base) if out is None else out

    def part(start: int, end: int) -> None:
        _fold(base, rows[:_TOGETHER], limbs[:_TOGETHER], out, start, end)
        for first in range(_TOGETHER, len(rows), _TOGETHER):
            more = slice(first, first + _TOGETHER)
            _fold(out, rows[more], limbs[more], out, start, end)

    run(part, split(len(base), 4096))
    return out

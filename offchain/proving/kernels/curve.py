"""The group G1 of BN254: y^2 = x^3 + 3 over Fq, of prime order P.

Two forms. Affine points `uint64[8]` are what is stored; adding two takes an inversion, which a batch shares for three
products each, and six products. XYZZ accumulators `uint64[16]` add without inversion, in 10 products for an affine
point and 14 for another accumulator: they hold X, Y, ZZ, ZZZ with x = X / ZZ, y = Y / ZZZ, ZZ^3 = ZZZ^2, and ZZ = 0
for the identity.

No point has y = 0, since the order is odd. So y = 0 marks the identity, whose encoding is (0, 0) as in the EVM.

Reference: Explicit-Formulas Database, short Weierstrass curves, XYZZ (add-2008-s, madd-2008-s, dbl-2008-s-1).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from offchain.proving.kernels.build import kernel
from offchain.proving.kernels.field import (
    RADIX,
    Element,
    Q,
    Words,
    canonical,
    constant,
    fq,
    fq_inverse,
    fq_one,
    fq_zero,
    from_ints,
    is_canonical,
    is_zero,
    load_fq,
    store,
    to_ints,
)
from offchain.proving.kernels.parallel import run, split

__all__ = [
    "Point",
    "add",
    "affine_sum",
    "decode",
    "encode",
    "first_off_curve",
    "multiples",
    "slope_denominator",
    "xyzz_add",
    "xyzz_add_affine",
    "xyzz_clear",
    "xyzz_double",
    "xyzz_to_affine",
]

Point = tuple[int, int]  # EVM encoding: (x, y), and (0, 0) for the identity

_three = constant(fq, 3 * RADIX)

# --- affine ---------------------------------------------------------------------------------------------------


@kernel
def slope_denominator(x1: Element, y1: Element, x2: Element, y2: Element) -> Element:
    """What the slope of a sum divides by: x2 - x1 on a chord, 2 y on a tangent, 1 where the sum needs no slope."""
    if is_zero(y1) or is_zero(y2):
        return fq_one()
    if x1 == x2:
        return y1 + y2 if y1 == y2 else fq_one()
    return x2 - x1


@kernel
def affine_sum(out: Words, k: int, x1: Element, y1: Element, x2: Element, y2: Element, inverse: Element) -> None:
    """Point k of out = (x1, y1) + (x2, y2), given the inverse of their slope_denominator; not in canonical form."""
    if is_zero(y1):
        x3, y3 = x2, y2
    elif is_zero(y2):
        x3, y3 = x1, y1
    elif x1 == x2 and y1 != y2:
        x3, y3 = fq_zero(), fq_zero()
    else:
        if x1 == x2:
            square = x1 * x1
            slope = (square + square + square) * inverse
        else:
            slope = (y2 - y1) * inverse
        x3 = slope * slope - x1 - x2
        y3 = slope * (x1 - x3) - y1
    store(out, 2 * k, x3)
    store(out, 2 * k + 1, y3)


# --- XYZZ accumulators: a[i] means the i-th accumulator of the array a ------------------------------------------


@kernel
def xyzz_clear(a: Words, i: int) -> None:
    for k in range(4):
        store(a, 4 * i + k, fq_zero())


@kernel
def _xyzz_store(a: Words, i: int, x: Element, y: Element, zz: Element, zzz: Element) -> None:
    store(a, 4 * i, x)
    store(a, 4 * i + 1, y)
    store(a, 4 * i + 2, zz)
    store(a, 4 * i + 3, zzz)


@kernel
def xyzz_double(a: Words, i: int) -> None:
    """a[i] = 2 a[i]; the identity stays: all its products are zero."""
    x, y = load_fq(a, 4 * i), load_fq(a, 4 * i + 1)
    u = y + y
    v = u * u
    w = u * v
    s = x * v
    square = x * x
    m = square + square + square
    x3 = m * m - s - s
    _xyzz_store(a, i, x3, m * (s - x3) - w * y, v * load_fq(a, 4 * i + 2), w * load_fq(a, 4 * i + 3))


@kernel
def _xyzz_chord(a: Words, i: int, x: Element, y: Element, zz: Element, zzz: Element, p: Element, r: Element) -> None:
    """a[i] = the sum of two points over common denominators zz, zzz: the first is (x, y), the other (x + p, y + r)."""
    pp = p * p
    ppp = p * pp
    q = x * pp
    x3 = r * r - ppp - q - q
    _xyzz_store(a, i, x3, r * (q - x3) - y * ppp, zz * pp, zzz * ppp)


@kernel
def xyzz_add_affine(a: Words, i: int, x: Element, y: Element) -> None:
    """a[i] = a[i] + (x, y)."""
    if is_zero(y):
        return
    zz, zzz = load_fq(a, 4 * i + 2), load_fq(a, 4 * i + 3)
    if is_zero(zz):
        _xyzz_store(a, i, x, y, fq_one(), fq_one())
        return
    x1, y1 = load_fq(a, 4 * i), load_fq(a, 4 * i + 1)
    p, r = x * zz - x1, y * zzz - y1
    if not is_zero(p):
        _xyzz_chord(a, i, x1, y1, zz, zzz, p, r)
    elif is_zero(r):
        xyzz_double(a, i)
    else:
        xyzz_clear(a, i)


@kernel
def xyzz_add(a: Words, i: int, b: Words, j: int) -> None:
    """a[i] = a[i] + b[j]."""
    zz1, zz2 = load_fq(a, 4 * i + 2), load_fq(b, 4 * j + 2)
    if is_zero(zz2):
        return
    x2, y2, zzz2 = load_fq(b, 4 * j), load_fq(b, 4 * j + 1), load_fq(b, 4 * j + 3)
    if is_zero(zz1):
        _xyzz_store(a, i, x2, y2, zz2, zzz2)
        return
    zzz1 = load_fq(a, 4 * i + 3)
    x1, y1 = load_fq(a, 4 * i) * zz2, load_fq(a, 4 * i + 1) * zzz2
    p, r = x2 * zz1 - x1, y2 * zzz1 - y1
    if not is_zero(p):
        _xyzz_chord(a, i, x1, y1, zz1 * zz2, zzz1 * zzz2, p, r)
    elif is_zero(r):
        xyzz_double(a, i)
    else:
        xyzz_clear(a, i)


@kernel
def xyzz_to_affine(a: Words, out: Words, start: int, end: int) -> None:
    """Affine points start..end of out = the accumulators of the same index, with one inversion (Montgomery's trick)."""
    before = np.empty((end - start, 4), np.uint64)
    product = fq_one()
    for i in range(start, end):
        store(before, i - start, product)
        zzz = load_fq(a, 4 * i + 3)
        if not is_zero(zzz):
            product = product * zzz
    inverse = fq_inverse(product)
    for i in range(end - 1, start - 1, -1):
        zzz = load_fq(a, 4 * i + 3)
        if is_zero(zzz):
            x, y = fq_zero(), fq_zero()
        else:
            one_by_zzz = inverse * load_fq(before, i - start)
            inverse = inverse * zzz
            one_by_z = one_by_zzz * load_fq(a, 4 * i + 2)
            x, y = load_fq(a, 4 * i) * (one_by_z * one_by_z), load_fq(a, 4 * i + 1) * one_by_zzz
        store(out, 2 * i, canonical(x))
        store(out, 2 * i + 1, canonical(y))


# --- checks and multiples -----------------------------------------------------------------------------------------


@kernel
def _off_curve(points: Words, start: int, end: int) -> int:
    for k in range(start, end):
        x, y = load_fq(points, 2 * k), load_fq(points, 2 * k + 1)
        if not (is_canonical(x) and is_canonical(y)) or y * y != x * x * x + _three():
            return k
    return -1


def first_off_curve(points: Words) -> int | None:
    """The first index of uint64[n, 8] that isn't a finite point of the curve with coordinates in [0, Q), if any."""
    found: list[int] = []
    run(lambda start, end: found.append(_off_curve(points, start, end)), split(len(points), 1024))
    return min((index for index in found if index >= 0), default=None)


@kernel
def _multiples(table: Words, scalars: Words, out: Words, start: int, end: int) -> None:
    """out[k] = scalars[k] G, a byte of the scalar at a time, from table[256 w + j] = j 2^(8 w) G."""
    sums = np.empty((end - start, 16), np.uint64)
    for k in range(start, end):
        i = k - start
        xyzz_clear(sums, i)
        for w in range(32):
            j = 256 * w + np.int64((scalars[k, w // 8] >> np.uint64(8 * (w % 8))) & np.uint64(255))
            xyzz_add_affine(sums, i, load_fq(table, 2 * j), load_fq(table, 2 * j + 1))
    xyzz_to_affine(sums, out[start:end], 0, end - start)


@kernel
def _multiples_table(generator: Words) -> Words:
    sums = np.empty((32 * 256, 16), np.uint64)
    step = np.empty((1, 16), np.uint64)
    xyzz_clear(step, 0)
    xyzz_add_affine(step, 0, load_fq(generator, 0), load_fq(generator, 1))
    for w in range(32):
        xyzz_clear(sums, 256 * w)
        for j in range(1, 256):
            sums[256 * w + j] = sums[256 * w + j - 1]
            xyzz_add(sums, 256 * w + j, step, 0)
        for _ in range(8):
            xyzz_double(step, 0)  # to 2^(8 (w + 1)) G
    table = np.empty((32 * 256, 8), np.uint64)
    xyzz_to_affine(sums, table, 0, 32 * 256)
    return table


@cache
def _table() -> Words:
    return _multiples_table(decode((1, 2)))


def multiples(scalars: Words) -> Words:
    """uint64[n, 8]: the multiples of the generator (1, 2) by scalars uint64[n, 4]; 32 additions each."""
    table, out = _table(), np.empty((len(scalars), 8), np.uint64)

    def part(start: int, end: int) -> None:
        for first in range(start, end, 4096):  # the sums of a part stay in the cache
            _multiples(table, scalars, out, first, min(first + 4096, end))

    run(part, split(len(scalars), 256))
    return out


# --- exchange -----------------------------------------------------------------------------------------------------


@kernel
def _add(p: Words, q: Words, out: Words) -> None:
    a = np.empty((1, 16), np.uint64)
    xyzz_clear(a, 0)
    xyzz_add_affine(a, 0, load_fq(p, 0), load_fq(p, 1))
    xyzz_add_affine(a, 0, load_fq(q, 0), load_fq(q, 1))
    xyzz_to_affine(a, out, 0, 1)


def add(p: Words, q: Words) -> Words:
    """The sum of two points uint64[8]."""
    out = np.empty(8, np.uint64)
    _add(p, q, out)
    return out


def encode(point: Words) -> Point:
    """The EVM encoding of a point uint64[8]."""
    x, y = (value * pow(RADIX, -1, Q) % Q for value in to_ints(point))
    return x, y


def decode(point: Point) -> Words:
    """A point uint64[8] from its EVM encoding, unchecked."""
    return from_ints([value * RADIX for value in point], Q).reshape(8)

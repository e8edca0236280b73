"""The group G1 of BN254: y^2 = x^3 + 3 over Fq, of prime order P.

Two forms. Affine points `uint64[8]` are what is stored; adding two takes an inversion, which a batch shares for three
products each, and three products; `add_pairs` does that, WIDTH pairs at a time. XYZZ accumulators `uint64[16]` add one
by one without inversion, in 10 products for an affine point and 14 for another accumulator: they hold X, Y, ZZ, ZZZ
with x = X / ZZ, y = Y / ZZZ, ZZ^3 = ZZZ^2, and ZZ = 0 for the identity.

The identity's encoding is (0, 0) as in the EVM. No point has y = 0, since the order is odd, nor x = 0, since 3 is no
square in Fq; so either coordinate tells it.

Reference: Explicit-Formulas Database, short Weierstrass curves, XYZZ (add-2008-s, madd-2008-s, dbl-2008-s-1).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from offchain.proving.kernels.build import kernel
from offchain.proving.kernels.field import RADIX as COORDINATE_RADIX
from offchain.proving.kernels.field import (
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
    is_zero,
    load_fq,
    store,
    to_ints,
)
from offchain.proving.kernels.lanes import (
    ALL_LANES,
    GAP,
    RADIX,
    STASH_WORDS,
    WIDTH,
    Lanes,
    canonical_lanes,
    fq_lanes,
    lanes_constant,
    listed,
    load_fq_lanes,
    may_have_plain_zero,
    may_have_zero,
    places,
    reduced,
    select,
    stash,
    stashed_fq,
    store_fq_lanes,
    stretch,
    unreduced_lanes,
    zero_lanes,
)
from offchain.proving.kernels.parallel import run, split

__all__ = [
    "Point",
    "add",
    "add_pairs",
    "decode",
    "encode",
    "first_off_curve",
    "multiples",
    "pair_buffer",
    "xyzz_add",
    "xyzz_add_affine",
    "xyzz_clear",
    "xyzz_double",
    "xyzz_to_affine",
]

Indices = npt.NDArray[np.int64]
Point = tuple[int, int]  # EVM encoding: (x, y), and (0, 0) for the identity

# --- affine -------------------------------------------------------------------------------------------------------

_one, _zero = lanes_constant(fq_lanes, RADIX), lanes_constant(fq_lanes, 0)
# times this, `fq_inverse` of a product of lanes is its inverse in the lanes' form, over GAP: so that a slope comes out
# over GAP, and its square as a difference of coordinates
_inverse_scale = constant(fq, RADIX * RADIX // COORDINATE_RADIX // GAP)


@kernel
def _inverse_of_lanes(value: Lanes) -> Lanes:
    """1 / (GAP value) for a product of lanes, with one inversion (Montgomery's trick)."""
    rows = np.empty((WIDTH, 8), np.uint64)  # a lane, and the product of those before
    at = places(0, 1, WIDTH)
    store_fq_lanes(rows, at, 0, canonical_lanes(value))
    product = load_fq(rows, 0)
    for lane in range(1, WIDTH):
        store(rows, 2 * lane + 1, product)
        product = product * load_fq(rows, 2 * lane)
    inverse = fq_inverse(product) * _inverse_scale()
    for lane in range(WIDTH - 1, 0, -1):
        before = inverse * load_fq(rows, 2 * lane)
        store(rows, 2 * lane, canonical(inverse * load_fq(rows, 2 * lane + 1)))
        inverse = before
    store(rows, 0, canonical(inverse))
    return load_fq_lanes(rows, at, 0)


@kernel
def _unusual(x1: Lanes, y1: Lanes, x2: Lanes, y2: Lanes) -> tuple[int, int, int, int]:
    """Masks: the first is the identity; the second is; they cancel; they are equal."""
    first, second = zero_lanes(x1), zero_lanes(x2)  # no point of the curve has x = 0
    same_x, same_y = zero_lanes(x2 - x1), zero_lanes(y2 - y1)
    finite = ~(first | second)
    return first, second, finite & same_x & ~same_y, finite & same_x & same_y


@kernel
def _unusual_slope(x1: Lanes, y1: Lanes, x2: Lanes, y2: Lanes) -> tuple[Lanes, Lanes]:
    """(rise, run) of the line through two points, the tangent for equal ones; run is 1 where the sum needs no line."""
    first, second, cancel, equal = _unusual(x1, y1, x2, y2)
    square = x1 * x1
    tangent = stretch(reduced(stretch(reduced(square + square + square))))
    run_ = select(equal, y1 + y2, x2 - x1)
    return select(equal, tangent, y2 - y1), select(first | second | cancel, _one(), run_)


@kernel
def _unusual_sum(x1: Lanes, y1: Lanes, x2: Lanes, y2: Lanes, x3: Lanes, y3: Lanes) -> tuple[Lanes, Lanes]:
    """The sum, given that of the line where there is one."""
    first, second, cancel, _ = _unusual(x1, y1, x2, y2)
    x3, y3 = select(cancel, _zero(), x3), select(cancel, _zero(), y3)
    x3, y3 = select(second, x1, x3), select(second, y1, y3)
    return select(first, x2, x3), select(first, y2, y3)


@kernel
def pair_buffer(count: int) -> Words:
    """What `add_pairs` works in, for up to `count` pairs."""
    return np.empty((count // WIDTH + 1) * STASH_WORDS, np.uint64)


@kernel
def add_pairs(source: Words, pairs: Indices, targets: Indices, count: int, out: Words, buffer: Words) -> None:
    """Row targets[i] of out = rows pairs[i] and pairs[i] + 1 of source, added, for i < count, with one inversion.

    Both lists go on to a multiple of WIDTH, with any pair and its target again. Coordinates come out below 2p (or a
    hair above), not canonical. The source itself may be `out` where targets[i] = pairs[i].
    """
    product = _one()
    for i in range(0, count, WIDTH):
        at = listed(pairs, i)
        x1, x2 = load_fq_lanes(source, at, 0), load_fq_lanes(source, at, 2)
        run_ = x2 - x1
        if may_have_zero(run_) or may_have_plain_zero(x1) or may_have_plain_zero(x2):
            run_ = _unusual_slope(x1, load_fq_lanes(source, at, 1), x2, load_fq_lanes(source, at, 3))[1]
        stash(buffer, i // WIDTH, product)
        product = product * run_
    inverse = _inverse_of_lanes(product)
    for i in range((count - 1) // WIDTH * WIDTH, -1, -WIDTH):
        at = listed(pairs, i)
        x1, y1 = load_fq_lanes(source, at, 0), load_fq_lanes(source, at, 1)
        x2, y2 = load_fq_lanes(source, at, 2), load_fq_lanes(source, at, 3)
        rise, run_ = y2 - y1, x2 - x1
        unusual = may_have_zero(run_) or may_have_plain_zero(x1) or may_have_plain_zero(x2)
        if unusual:
            rise, run_ = _unusual_slope(x1, y1, x2, y2)
        slope = rise * (inverse * stashed_fq(buffer, i // WIDTH))
        inverse = inverse * run_
        x3 = reduced(slope * slope - x1 - x2)
        y3 = reduced(slope * stretch(x1 - x3) - y1)
        if unusual:
            x3, y3 = _unusual_sum(x1, y1, x2, y2, x3, y3)
        at = listed(targets, i)
        store_fq_lanes(out, at, 0, x3)
        store_fq_lanes(out, at, 1, y3)


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


_three = lanes_constant(fq_lanes, 3 * COORDINATE_RADIX**2 // RADIX)  # in the form of a product of two coordinates


@kernel
def _off_curve(points: Words, start: int, end: int) -> int:
    for k in range(start, end, WIDTH):
        at = places(k, 1, end)
        x, y = load_fq_lanes(points, at, 0), load_fq_lanes(points, at, 1)
        difference = y * y - stretch(reduced(stretch(x * x * x))) - _three()
        wrong = unreduced_lanes(x) | unreduced_lanes(y) | (ALL_LANES ^ zero_lanes(difference))
        if wrong != 0:
            lane = 0
            while not wrong >> lane & 1:
                lane += 1
            return k + lane
    return -1


def first_off_curve(points: Words) -> int | None:
    """The first index of uint64[n, 8] that isn't a finite point of the curve with coordinates in [0, Q), if any."""
    found: list[int] = []
    run(lambda start, end: found.append(_off_curve(points, start, end)), split(len(points), 1024))
    return min((index for index in found if index >= 0), default=None)


@kernel
def _multiples(table: Words, scalars: Words, out: Words) -> None:
    """out[k] = scalars[k] G, a byte of the scalar at a time, from table[256 w + j] = j 2^(8 w) G."""
    count = len(out)
    pairs = np.empty(count + WIDTH, np.int64)  # row 2 k is the sum so far, the next what is added
    for k in range(len(pairs)):
        pairs[k] = 2 * min(k, count - 1)
    tile, buffer = np.zeros((2 * count, 8), np.uint64), pair_buffer(count)
    for w in range(32):
        for k in range(count):
            tile[2 * k + 1] = table[256 * w + np.int64((scalars[k, w // 8] >> np.uint64(8 * (w % 8))) & np.uint64(255))]
        add_pairs(tile, pairs, pairs, count, tile, buffer)
    for k in range(0, count, WIDTH):
        at, sums = places(k, 1, count), places(2 * k, 2, 2 * count - 1)
        store_fq_lanes(out, at, 0, canonical_lanes(load_fq_lanes(tile, sums, 0)))
        store_fq_lanes(out, at, 1, canonical_lanes(load_fq_lanes(tile, sums, 1)))


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
        for first in range(start, end, 4096):  # a tile of sums stays in the cache
            chunk = slice(first, min(first + 4096, end))
            _multiples(table, scalars[chunk], out[chunk])

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
    x, y = (value * pow(COORDINATE_RADIX, -1, Q) % Q for value in to_ints(point))
    return x, y


def decode(point: Point) -> Words:
    """A point uint64[8] from its EVM encoding, unchecked."""
    return from_ints([value * COORDINATE_RADIX for value in point], Q).reshape(8)

"""Polynomials over Fr as coefficient arrays uint64[n, 4], lowest first.

    evaluate           f(x), by Horner's rule
    sum_suffixes       sum_j f_(k+j) x^j for all k, by Horner's rule
    divide_by_linear   (f(X) - f(x)) / (X - x), the same but for k = 0
    autocorrelation    h_k = sum_j a_j a_(j+k) for k > 0, the upper half of f(X) f(1/X): by two transforms, not a double
                       loop, since the values of f(X) f(1/X) at the roots of unity are A_i A_-i

Horner's rule goes from coefficient to coefficient, so the coefficients are cut into segments, one a lane, and joined by
powers of x. What doesn't fill a segment, some hundred coefficients, is done in Python.
"""

from __future__ import annotations

import numpy as np

from offchain.proving.kernels.build import kernel
from offchain.proving.kernels.field import P, Words, from_ints, to_ints
from offchain.proving.kernels.lanes import (
    RADIX,
    WIDTH,
    canonical_lanes,
    fr_lanes,
    lane_factor,
    lanes_constant,
    load_fr_lanes,
    opposite,
    places,
    store_fr_lanes,
)
from offchain.proving.kernels.parallel import run, split, workers
from offchain.proving.kernels.transform import LEAST_SIZE, inverse_transform, transform
from offchain.proving.kernels.vector import LEAST

__all__ = ["autocorrelation", "divide_by_linear", "evaluate", "sum_suffixes"]

# --- Horner's rule ------------------------------------------------------------------------------------------------


def _segments(count: int) -> tuple[int, int]:
    """(groups of WIDTH segments, coefficients of a segment) that the first coefficients are cut into.

    An odd length, so that the lanes' rows don't compete for the same places of a cache.
    """
    groups = workers() if count > LEAST * workers() else 1
    length = count // (groups * WIDTH)
    return groups, length - (length > 0 and length % 2 == 0)


_zero = lanes_constant(fr_lanes, 0)


@kernel
def _values_of_segments(coefficients: Words, x: Words, length: int, group: int, out: Words) -> None:
    """out[s] = sum_j c_(s length + j) x^j, j < length, for the segments s of a group."""
    point, y = load_fr_lanes(x, places(0, 0, 1)), _zero()
    first = group * WIDTH * length
    for k in range(first + length - 1, first - 1, -1):
        y = y * point + load_fr_lanes(coefficients, places(k, length, len(coefficients)))
    store_fr_lanes(out, places(group * WIDTH, 1, len(out)), canonical_lanes(y))


def _segment_values(coefficients: Words, x: int, groups: int, length: int) -> list[int]:
    """The values at x of the segments, each as a polynomial of its own."""
    point, out = lane_factor(x), np.empty((groups * WIDTH, 4), np.uint64)
    run(lambda group: _values_of_segments(coefficients, point, length, group, out), [(k,) for k in range(groups)])
    return to_ints(out)


def _horner(coefficients: list[int], x: int, carry: int = 0) -> list[int]:
    """Horner's sums, lowest first: entry k is sum_j c_(k+j) x^j, the carry standing above the highest coefficient."""
    sums = []
    for coefficient in reversed(coefficients):
        carry = (carry * x + coefficient) % P
        sums.append(carry)
    return sums[::-1]


def evaluate(coefficients: Words, x: int) -> int:
    """f(x)."""
    groups, length = _segments(len(coefficients))
    segments = _segment_values(coefficients, x, groups, length)
    rest = _horner(to_ints(coefficients[len(segments) * length :]), x)
    return _horner(segments, pow(x, length, P), rest[0] if rest else 0)[0]


@kernel
def _sum_segments(coefficients: Words, x: Words, carries: Words, length: int, group: int, out: Words) -> None:
    """out[k] = coefficients[k] + x out[k + 1] in each segment of a group, from its carry down."""
    point = load_fr_lanes(x, places(0, 0, 1))
    carry = load_fr_lanes(carries, places(group * WIDTH, 1, len(carries)))
    first = group * WIDTH * length
    for k in range(first + length - 1, first - 1, -1):
        at = places(k, length, len(out))
        carry = carry * point + load_fr_lanes(coefficients, at)
        store_fr_lanes(out, at, canonical_lanes(carry))


def _sum_suffixes(coefficients: Words, x: int, out: Words) -> None:
    groups, length = _segments(len(coefficients))
    segments = _segment_values(coefficients, x, groups, length)
    rest = _horner(to_ints(coefficients[len(segments) * length :]), x)
    above = _horner(segments, pow(x, length, P), rest[0] if rest else 0)  # what each segment passes down
    carries = from_ints([*above[1:], rest[0] if rest else 0])
    point = lane_factor(x)
    out[len(segments) * length :] = from_ints(rest)
    run(
        lambda group: _sum_segments(coefficients, point, carries, length, group, out),
        [(k,) for k in range(groups)],
    )


def sum_suffixes(coefficients: Words, x: int) -> None:
    """Replaces f_k by sum_j f_(k+j) x^j for all k, in place."""
    _sum_suffixes(coefficients, x, coefficients)


def divide_by_linear(coefficients: Words, x: int) -> Words:
    """The quotient uint64[n - 1, 4] of f by (X - x); the remainder, f(x), is dropped."""
    quotient = np.empty_like(coefficients[1:])
    _sum_suffixes(coefficients[1:], x, quotient)
    return quotient


# --- autocorrelation ----------------------------------------------------------------------------------------------

_square_of_radix = lanes_constant(fr_lanes, RADIX**2)


@kernel
def _multiply_by_opposite(spectrum: Words, total: int, start: int, end: int) -> None:
    """Replaces the entries at k and total - k by their product, for k from start to end."""
    for k in range(start, end, WIDTH):
        at = places(k, 1, end)
        mirrored = opposite(at, total)
        product = load_fr_lanes(spectrum, at) * load_fr_lanes(spectrum, mirrored)
        product = canonical_lanes(_square_of_radix() * product)
        store_fr_lanes(spectrum, at, product)
        store_fr_lanes(spectrum, mirrored, product)


def _opposites(size: int) -> list[tuple[int, int, int]]:
    """Jobs that multiply A_i and A_-i for all i.

    In bit-reversed order the place of -i mirrors that of i in its block [b, 2 b), b a power of two; 0 and N / 2, at
    places 0 and 1, are their own opposites.
    """
    jobs, block = [(0, 0, 1), (2, 1, 2)], 2
    while block < size:
        jobs += [(3 * block - 1, block + start, block + end) for start, end in split(block // 2, LEAST)]
        block *= 2
    return jobs


def autocorrelation(coefficients: Words) -> Words:
    """h, uint64[d - 1, 4], of d coefficients: h_(k-1) = sum_j a_j a_(j+k) for 0 < k < d."""
    d = len(coefficients)
    size = max(LEAST_SIZE, 1 << (2 * d - 1).bit_length())  # so that nothing wraps around
    spectrum = np.zeros((size, 4), np.uint64)
    spectrum[:d] = coefficients
    transform(spectrum)
    run(lambda *job: _multiply_by_opposite(spectrum, *job), _opposites(size))
    inverse_transform(spectrum)
    return spectrum[1:d].copy()

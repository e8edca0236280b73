"""Number-theoretic transform over Fr: the values of a polynomial at all N-th roots of unity, N = 2^k up to 2^28.

    transform          A_i = sum_j a_j w^(i j), from natural to bit-reversed order (decimation in frequency)
    inverse_transform  back, from bit-reversed to natural order (decimation in time)

so no pass only reorders. Two layers of butterflies share a pass over memory; once a block of them fits into a core's
cache, all its remaining layers run there.

Cost: N/2 log2 N products. Reference: Cooley and Tukey (1965); Gentleman and Sande (1966).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from offchain.proving.kernels.build import kernel
from offchain.proving.kernels.field import RADIX, P, Words, canonical, factor, load_fr, powers, store
from offchain.proving.kernels.parallel import run, split

__all__ = ["inverse_transform", "root_of_unity", "transform"]

_TWO_ADICITY = 28
_GENERATOR = 5  # of the multiplicative group of Fr
_BLOCK = 1 << 13  # elements of a block that stays in a core's cache: 256 kB, and as much for its twiddle factors


def root_of_unity(size: int) -> int:
    """w, of order `size` = 2^k in Fr."""
    if size & (size - 1) or not 1 <= size <= 1 << _TWO_ADICITY:
        raise ValueError("a transform's size is a power of two up to 2^28")
    return pow(_GENERATOR, (P - 1) // size, P)


@lru_cache(maxsize=2)
def _twiddles(size: int) -> Words:
    """uint64[size, 4] in Montgomery form: entry m + j is (root of order 2 m)^j, for m = 1, 2, 4 .. size / 2 and j <
    m.
    """
    table = np.empty((max(size, 2), 4), np.uint64)
    half = max(size // 2, 1)
    table[half:] = powers(root_of_unity(size), half, RADIX)
    while half > 1:
        half //= 2
        table[half : 2 * half] = table[2 * half : 4 * half : 2]
    return table


# --- butterflies. A pair of layers works on quadruples: distances h and 2 h from element base + j, j < h -----------


@kernel
def _forward_pair(values: Words, base: int, h: int, start: int, end: int, twiddles: Words) -> None:
    """Layers of distance 2 h, then h, for j in [start, end)."""
    for j in range(start, end):
        k = base + j
        x0, x1, x2, x3 = (
            load_fr(values, k),
            load_fr(values, k + h),
            load_fr(values, k + 2 * h),
            load_fr(values, k + 3 * h),
        )
        y2 = (x0 - x2) * load_fr(twiddles, 2 * h + j)
        y3 = (x1 - x3) * load_fr(twiddles, 3 * h + j)
        y0, y1 = x0 + x2, x1 + x3
        w = load_fr(twiddles, h + j)
        store(values, k, y0 + y1)
        store(values, k + h, (y0 - y1) * w)
        store(values, k + 2 * h, y2 + y3)
        store(values, k + 3 * h, (y2 - y3) * w)


@kernel
def _backward_pair(values: Words, base: int, h: int, start: int, end: int, twiddles: Words) -> None:
    """Layers of distance h, then 2 h, for j in [start, end)."""
    for j in range(start, end):
        k = base + j
        w = load_fr(twiddles, h + j)
        x0, x1 = load_fr(values, k), load_fr(values, k + h) * w
        x2, x3 = load_fr(values, k + 2 * h), load_fr(values, k + 3 * h) * w
        y0, y1 = x0 + x1, x0 - x1
        y2 = (x2 + x3) * load_fr(twiddles, 2 * h + j)
        y3 = (x2 - x3) * load_fr(twiddles, 3 * h + j)
        store(values, k, y0 + y2)
        store(values, k + h, y1 + y3)
        store(values, k + 2 * h, y0 - y2)
        store(values, k + 3 * h, y1 - y3)


@kernel
def _neighbours(values: Words, base: int, size: int) -> None:
    """The layer of distance 1, the same both ways."""
    for k in range(base, base + size, 2):
        x, y = load_fr(values, k), load_fr(values, k + 1)
        store(values, k, x + y)
        store(values, k + 1, x - y)


@kernel
def _forward_block(values: Words, base: int, size: int, odd: bool, twiddles: Words) -> None:
    """All layers inside a block, and its values in [0, P); `odd` if log2(size) is."""
    h = size // 4
    while h > 0:
        for first in range(base, base + size, 4 * h):
            _forward_pair(values, first, h, 0, h, twiddles)
        h //= 4
    if odd:
        _neighbours(values, base, size)
    for k in range(base, base + size):
        store(values, k, canonical(load_fr(values, k)))


@kernel
def _backward_block(values: Words, base: int, size: int, odd: bool, twiddles: Words) -> None:
    """All layers inside a block; `odd` if log2(size) is."""
    h = 1
    if odd:
        _neighbours(values, base, size)
        h = 2
    while 4 * h <= size:
        for first in range(base, base + size, 4 * h):
            _backward_pair(values, first, h, 0, h, twiddles)
        h *= 4


@kernel
def _negate_indices(values: Words, scale: Words, start: int, end: int) -> None:
    """Swaps the values at k and -k for k in [start, end), times `scale`, into [0, P)."""
    s = load_fr(scale, 0)
    for k in range(start, end):
        opposite = -k % len(values)
        x, y = load_fr(values, k) * s, load_fr(values, opposite) * s
        store(values, opposite, canonical(x))
        store(values, k, canonical(y))


# --- transforms -------------------------------------------------------------------------------------------------


def _outer_distances(size: int) -> list[int]:
    """The h, from the largest, of the pairs of layers that are wider than a block; the last is the size of the blocks
    that remain.
    """
    distances = []
    while size > _BLOCK:
        size //= 4
        distances.append(size)
    return distances


def _outer_jobs(size: int, h: int) -> list[tuple[int, int, int, int]]:
    return [(base, h, *part) for base in range(0, size, 4 * h) for part in split(h, _BLOCK // 4)]


def _block_jobs(size: int, block: int) -> list[tuple[int, int, bool]]:
    return [(base, block, block.bit_length() % 2 == 0) for base in range(0, size, block)]


def transform(values: Words) -> None:
    """Replaces uint64[N, 4] by its transform in bit-reversed order."""
    size = len(values)
    twiddles = _twiddles(size)
    outer = _outer_distances(size)
    for h in outer:
        run(lambda *job: _forward_pair(values, *job, twiddles), _outer_jobs(size, h))
    run(lambda *job: _forward_block(values, *job, twiddles), _block_jobs(size, outer[-1] if outer else size))


def inverse_transform(values: Words) -> None:
    """Replaces a transform in bit-reversed order, uint64[N, 4], by what it is the transform of."""
    size = len(values)
    twiddles = _twiddles(size)
    outer = _outer_distances(size)
    run(lambda *job: _backward_block(values, *job, twiddles), _block_jobs(size, outer[-1] if outer else size))
    for h in reversed(outer):
        run(lambda *job: _backward_pair(values, *job, twiddles), _outer_jobs(size, h))
    scale = factor(pow(size, -1, P))
    # what stands there is N a_-k: the layers used w, not 1 / w
    run(lambda start, end: _negate_indices(values, scale, start, end), split(size // 2 + 1, 4096))

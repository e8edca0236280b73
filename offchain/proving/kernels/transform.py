"""Number-theoretic transform over Fr: the values of a polynomial at all N-th roots of unity, N = 2^k from 2^8 to 2^28.

    transform          A_i = sum_j a_j w^(i j), from natural to bit-reversed order
    inverse_transform  back, from bit-reversed to natural order

so no pass only reorders. The transform divides: X^(2h) - t^2 is (X^h - t)(X^h + t), so what is left of a polynomial
modulo the first gives what is left modulo both factors by u + t v and u - t v, entry by entry. All entries of a node of
this tree share one t, and all layers one table: node i of any layer has t_i = w_N^(bit-reversed i), t_0 = 1.

Two layers share a pass over memory; once a block fits into a core's cache, all its remaining layers run there. Far from
the leaves the lanes hold neighbouring entries of one node, near them the same entry of neighbouring nodes.

Cost: N/2 log2 N products. Reference: Cooley and Tukey (1965); Gentleman and Sande (1966); Bernstein, "Multidigit
multiplication for mathematicians" (2001), section 3.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from offchain.proving.kernels.build import kernel
from offchain.proving.kernels.field import P, Words
from offchain.proving.kernels.lanes import (
    WIDTH,
    Lanes,
    Places,
    canonical_lanes,
    lane_factor,
    load_fr_lanes,
    opposite,
    places,
    reduced,
    store_fr_lanes,
)
from offchain.proving.kernels.parallel import run, split
from offchain.proving.kernels.vector import scale

__all__ = ["LEAST_SIZE", "inverse_transform", "root_of_unity", "transform"]

LEAST_SIZE = 1 << 8  # so that the lanes of any build are full in all layers
_TWO_ADICITY = 28
_GENERATOR = 5  # of the multiplicative group of Fr
_BLOCK = 1 << 13  # elements of a block that stays in a core's cache: 256 kB


def root_of_unity(size: int) -> int:
    """w, of order `size` = 2^k in Fr."""
    if size & (size - 1) or not 1 <= size <= 1 << _TWO_ADICITY:
        raise ValueError("a transform's size is a power of two up to 2^28")
    return pow(_GENERATOR, (P - 1) // size, P)


@lru_cache(maxsize=1)
def _twiddles(size: int) -> Words:
    """uint64[size / 2, 4]: t_i in Montgomery form, for all nodes of the last layer, and so of all layers."""
    table = np.empty((size // 2, 4), np.uint64)
    table[:1] = lane_factor(1)
    known = 1
    while known < len(table):  # t_(i + known) = t_i times a root of order 4 known
        scale(table[:known], root_of_unity(4 * known), table[known : 2 * known])
        known *= 2
    return table


# --- butterflies: two layers, for the entries at first, first + h, first + 2 h, first + 3 h of a node ----------------


@kernel
def _twiddles_of(twiddles: Words, node: int, next_node: int) -> tuple[Lanes, Lanes, Lanes]:
    """t of nodes node, node + next_node .. and of their two children."""
    end = len(twiddles)
    return (
        load_fr_lanes(twiddles, places(node, next_node, end)),
        load_fr_lanes(twiddles, places(2 * node, 2 * next_node, end)),
        load_fr_lanes(twiddles, places(2 * node + 1, 2 * next_node, end)),
    )


@kernel
def _quadruple(values: Words, first: int, step: int, h: int) -> tuple[Places, Places, Places, Places]:
    """Places of the four entries; the next lane's are `step` further."""
    end = len(values)
    return (
        places(first, step, end),
        places(first + h, step, end),
        places(first + 2 * h, step, end),
        places(first + 3 * h, step, end),
    )


@kernel
def _forward(values: Words, at: tuple[Places, ...], t: Lanes, t0: Lanes, t1: Lanes) -> None:
    x0, x1 = load_fr_lanes(values, at[0]), load_fr_lanes(values, at[1])
    x2, x3 = load_fr_lanes(values, at[2]) * t, load_fr_lanes(values, at[3]) * t
    y0, y1, y2, y3 = x0 + x2, (x1 + x3) * t0, x0 - x2, (x1 - x3) * t1
    store_fr_lanes(values, at[0], reduced(y0 + y1))
    store_fr_lanes(values, at[1], reduced(y0 - y1))
    store_fr_lanes(values, at[2], reduced(y2 + y3))
    store_fr_lanes(values, at[3], reduced(y2 - y3))


@kernel
def _backward(values: Words, at: tuple[Places, ...], t: Lanes, t0: Lanes, t1: Lanes) -> None:
    x0, x1 = load_fr_lanes(values, at[0]), load_fr_lanes(values, at[1])
    x2, x3 = load_fr_lanes(values, at[2]), load_fr_lanes(values, at[3])
    y0, y1, y2, y3 = x0 + x1, (x0 - x1) * t0, x2 + x3, (x2 - x3) * t1
    store_fr_lanes(values, at[0], reduced(y0 + y2))
    store_fr_lanes(values, at[1], reduced(y1 + y3))
    store_fr_lanes(values, at[2], (y0 - y2) * t)
    store_fr_lanes(values, at[3], (y1 - y3) * t)


@kernel
def _pass(values: Words, base: int, h: int, start: int, end: int, twiddles: Words, forward: bool) -> None:
    """Two layers of the node of 4 h entries from `base`, for its entries in [start, end) of h >= WIDTH."""
    t, t0, t1 = _twiddles_of(twiddles, base // (4 * h), 0)
    for j in range(start, end, WIDTH):
        at = _quadruple(values, base + j, 1, h)
        if forward:
            _forward(values, at, t, t0, t1)
        else:
            _backward(values, at, t, t0, t1)


@kernel
def _narrow_pass(values: Words, base: int, size: int, h: int, twiddles: Words, forward: bool) -> None:
    """Two layers of the nodes of 4 h entries in a block, h < WIDTH: each lane has a node."""
    for first in range(base, base + size, 4 * h * WIDTH):
        t, t0, t1 = _twiddles_of(twiddles, first // (4 * h), 1)
        for j in range(h):
            at = _quadruple(values, first + j, 4 * h, h)
            if forward:
                _forward(values, at, t, t0, t1)
            else:
                _backward(values, at, t, t0, t1)


@kernel
def _inner_pass(values: Words, base: int, size: int, h: int, twiddles: Words, forward: bool) -> None:
    if h < WIDTH:
        _narrow_pass(values, base, size, h, twiddles, forward)
    else:
        for node in range(base, base + size, 4 * h):
            _pass(values, node, h, 0, h, twiddles, forward)


@kernel
def _forward_block(values: Words, base: int, size: int, twiddles: Words) -> None:
    """All layers inside a block of 4^k entries, and its values in [0, P)."""
    h = size // 4
    while h > 0:
        _inner_pass(values, base, size, h, twiddles, True)
        h //= 4
    for k in range(base, base + size, WIDTH):
        at = places(k, 1, base + size)
        store_fr_lanes(values, at, canonical_lanes(load_fr_lanes(values, at)))


@kernel
def _backward_block(values: Words, base: int, size: int, twiddles: Words) -> None:
    """All layers inside a block of 4^k entries."""
    h = 1
    while 4 * h <= size:
        _inner_pass(values, base, size, h, twiddles, False)
        h *= 4


@kernel
def _halves(values: Words, start: int, end: int) -> None:
    """The first layer, the same both ways, since t_0 = 1."""
    half = len(values) // 2
    for k in range(start, end, WIDTH):
        low, high = places(k, 1, end), places(k + half, 1, end + half)
        x, y = load_fr_lanes(values, low), load_fr_lanes(values, high)
        store_fr_lanes(values, low, reduced(x + y))
        store_fr_lanes(values, high, reduced(x - y))


@kernel
def _negate_indices(values: Words, factor: Words, start: int, end: int) -> None:
    """Swaps the values at k and N - k for k in [start, end), times a factor, into [0, P)."""
    s = load_fr_lanes(factor, places(0, 0, 1))
    for k in range(start, end, WIDTH):
        at = places(k, 1, end)
        mirrored = opposite(at, len(values))
        x, y = load_fr_lanes(values, at) * s, load_fr_lanes(values, mirrored) * s
        store_fr_lanes(values, mirrored, canonical_lanes(x))
        store_fr_lanes(values, at, canonical_lanes(y))


# --- transforms -------------------------------------------------------------------------------------------------


def _layers(size: int) -> tuple[bool, list[int], int]:
    """(if the first layer is alone, the h of the passes wider than a block, the size of the blocks that remain)."""
    alone = size.bit_length() % 2 == 0  # an odd number of layers
    block, outer = size // 2 if alone else size, []
    while block > _BLOCK:
        block //= 4
        outer.append(block)
    return alone, outer, block


def _outer_pass(values: Words, h: int, twiddles: Words, forward: bool) -> None:
    jobs = [(base, h, *part) for base in range(0, len(values), 4 * h) for part in split(h // WIDTH, 128)]
    run(
        lambda base, h, start, end: _pass(values, base, h, start * WIDTH, end * WIDTH, twiddles, forward),
        jobs,
    )


def _run_halves(values: Words) -> None:
    run(lambda start, end: _halves(values, start, end), split(len(values) // 2, 4096))


def _twiddles_for(values: Words) -> Words:
    root_of_unity(len(values))  # checks the size
    if len(values) < LEAST_SIZE:
        raise ValueError(f"a transform has at least {LEAST_SIZE} values")
    return _twiddles(len(values))


def transform(values: Words) -> None:
    """Replaces uint64[N, 4] by its transform in bit-reversed order."""
    twiddles = _twiddles_for(values)
    alone, outer, block = _layers(len(values))
    if alone:
        _run_halves(values)
    for h in outer:
        _outer_pass(values, h, twiddles, True)
    run(lambda base: _forward_block(values, base, block, twiddles), [(k,) for k in range(0, len(values), block)])


def inverse_transform(values: Words) -> None:
    """Replaces a transform in bit-reversed order, uint64[N, 4], by what it is the transform of."""
    twiddles = _twiddles_for(values)
    alone, outer, block = _layers(len(values))
    run(lambda base: _backward_block(values, base, block, twiddles), [(k,) for k in range(0, len(values), block)])
    for h in reversed(outer):
        _outer_pass(values, h, twiddles, False)
    if alone:
        _run_halves(values)
    # what stands there is N a_-k: the layers used t, not 1 / t
    scale(values[:1], pow(len(values), -1, P), values[:1])
    factor = lane_factor(pow(len(values), -1, P))
    run(
        lambda start, end: _negate_indices(values, factor, 1 + start, 1 + end),
        split(len(values) // 2, 4096),
    )

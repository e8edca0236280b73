"""Multi-scalar multiplication: sum_k s_k P_k for points P_k of G1.

Pippenger's method. Scalars are cut into windows of c bits with signed digits, |digit| <= 2^(c-1), by Booth's rule: the
digit of bits j to j + c - 1 is their value, plus bit j - 1, minus 2^c times bit j + c - 1. Of each window, bucket b
gathers the points with digit b, and subtracts those with -b. What remains is sum_b b B_b over the buckets: a product of
the same kind with 2^(c-1) points. With b = 2^(c/2) high + low it falls into two sums by key again, over some 2^(c/2)
keys each, and those are added up from the top down. Horner's rule joins the windows.

So nearly all work is one thing: add up the points of equal key. The points are sorted by key; a tile of them at a time
is added up pairwise, in rounds like a tournament's, in affine coordinates, and the additions of a round share one
inversion. Special cases (repeated, cancelling, identity) take their place in the batch like any other, so none is slow.

Cost: 6 products for each point and window, 12 for each bucket. The time depends on the scalars.
Reference: Bernstein, Doumen, Lange, Oosterwijk, "Faster batch forgery identification" (2012), section 4.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.proving.kernels.build import kernel
from offchain.proving.kernels.curve import (
    add_pairs,
    pair_buffer,
    xyzz_add,
    xyzz_add_affine,
    xyzz_clear,
    xyzz_double,
    xyzz_to_affine,
)
from offchain.proving.kernels.field import Words, load_fq, store, to_ints
from offchain.proving.kernels.lanes import (
    WIDTH,
    canonical_lanes,
    load_fq_lanes,
    places,
    prefetch,
    store_fq_lanes,
)
from offchain.proving.kernels.parallel import run, workers

__all__ = ["msm", "sums_by_key"]

Keys = npt.NDArray[np.int32]
Entries = npt.NDArray[np.int32]  # twice a row of the points, and 1 if the point counts negative
Indices = npt.NDArray[np.int64]
Scalars = npt.NDArray[np.uint64] | npt.NDArray[np.int64] | npt.NDArray[np.int16]

_TOGETHER = 1 << 19  # digits that are sorted together; of more, the buckets would leave the cache
_TILE = 8192  # points added up at a time: their buffers fit into a core's second cache

# --- sums by key --------------------------------------------------------------------------------------------------


@kernel
def _sort_by_key(keys: Keys, starts: Indices) -> Entries:
    """2 k + (keys[w, k] < 0) for each w and k whose key isn't 0, the largest |key| first.

    Fills starts, zeros before: of key b are those at starts[most - b] to starts[most - b + 1], most = len(starts) - 1.
    """
    most = len(starts) - 1
    for w in range(len(keys)):
        for k in range(keys.shape[1]):
            rank = most - abs(keys[w, k])
            if rank < most:
                starts[rank + 1] += 1
    for rank in range(most):
        starts[rank + 1] += starts[rank]
    order = np.empty(starts[most], np.int32)
    place = starts.copy()
    for w in range(len(keys)):
        for k in range(keys.shape[1]):
            rank = most - abs(keys[w, k])
            if rank < most:
                order[place[rank]] = 2 * k + (1 if keys[w, k] < 0 else 0)
                place[rank] += 1
    return order


@kernel
def _gather(points: Words, order: Entries, first: int, last: int, tile: Words) -> None:
    """Rows first to last of the order, from the top of the tile; those to subtract with -y."""
    for i in range(first, last):
        prefetch(points, np.int64(order[min(i + 32, len(order) - 1)]) >> 1)
        row = 2 * (np.int64(order[i]) >> 1)
        y = load_fq(points, row + 1)
        store(tile, 2 * (i - first), load_fq(points, row))
        store(tile, 2 * (i - first) + 1, -y if order[i] & 1 else y)


@kernel
def _add_runs(
    tile: Words, spare: Words, lengths: Indices, runs: int, pairs: Indices, targets: Indices, buffer: Words
) -> Words:
    """Adds up each of the runs of `lengths` consecutive points; returns the buffer whose first points are the sums."""
    while True:
        count, source, target, longest = 0, 0, 0, 1
        for r in range(runs):
            for _ in range(lengths[r] // 2):
                pairs[count], targets[count] = source, target
                count, source, target = count + 1, source + 2, target + 1
            if lengths[r] % 2:
                store(spare, 2 * target, load_fq(tile, 2 * source))
                store(spare, 2 * target + 1, load_fq(tile, 2 * source + 1))
                source, target = source + 1, target + 1
            lengths[r] = (lengths[r] + 1) // 2
            longest = max(longest, lengths[r])
        if count == 0:
            return tile
        for i in range(count, count + WIDTH - 1):  # fills the last group with its last pair
            pairs[i], targets[i] = pairs[count - 1], targets[count - 1]
        add_pairs(tile, pairs, targets, count, spare, buffer)
        tile, spare = spare, tile
        if longest == 1:
            return tile


@kernel
def _sum_by_key(points: Words, keys: Keys, most: int) -> tuple[Words, Keys]:
    """(sums, their keys), the largest key first: the sum of key b has point k for each b in column k of the keys,
    less those for each -b.

    keys: int32[w, n], up to `most`. A key may come twice, in a row; 0 doesn't come.
    """
    starts = np.zeros(most + 1, np.int64)
    order = _sort_by_key(keys, starts)
    tiles = -(-len(order) // _TILE)
    sums = np.empty((min(len(order), most + tiles), 8), np.uint64)
    sum_keys = np.empty(len(sums), np.int32)
    size = min(_TILE, len(order))
    tile, spare = np.empty((size, 8), np.uint64), np.empty((size, 8), np.uint64)
    pairs, targets = np.empty(size // 2 + WIDTH, np.int64), np.empty(size // 2 + WIDTH, np.int64)
    lengths = np.empty(size, np.int64)
    buffer = pair_buffer(size // 2)
    rank, total = 0, 0
    for first in range(0, len(order), _TILE):
        last = min(first + _TILE, len(order))
        runs, place = 0, first
        while place < last:
            while starts[rank + 1] <= place:
                rank += 1
            stop = min(starts[rank + 1], last)
            sum_keys[total + runs], lengths[runs] = most - rank, stop - place
            runs, place = runs + 1, stop
        _gather(points, order, first, last, tile)
        added = _add_runs(tile, spare, lengths, runs, pairs, targets, buffer)
        for r in range(0, runs, WIDTH):  # what comes next needs reduced coordinates
            source, target = places(r, 1, runs), places(total + r, 1, total + runs)
            store_fq_lanes(sums, target, 0, canonical_lanes(load_fq_lanes(added, source, 0)))
            store_fq_lanes(sums, target, 1, canonical_lanes(load_fq_lanes(added, source, 1)))
        total += runs
    return sums[:total], sum_keys[:total]


@kernel
def _add_weighted(points: Words, keys: Keys, most: int, out: Words, first: int) -> None:
    """Accumulator first + w of out gets b P for each point with key (w, b): few keys, the largest first."""
    running = np.empty((1, 16), np.uint64)  # the sum of all points of this w so far
    xyzz_clear(running, 0)
    for i in range(len(points)):
        w, weight = (keys[i] - 1) // most, (keys[i] - 1) % most + 1
        xyzz_add_affine(running, 0, load_fq(points, 2 * i), load_fq(points, 2 * i + 1))
        last = i + 1 == len(points) or (keys[i + 1] - 1) // most != w
        for _ in range(weight if last else keys[i] - keys[i + 1]):
            xyzz_add(out, first + w, running, 0)
        if last:
            xyzz_clear(running, 0)


@kernel
def _window_sums(points: Words, digits: Keys, bits: int, out: Words, first: int) -> None:
    """Accumulator first + w of out = sum of digit times point, for the keys (w, digit) of some windows."""
    windows, half = len(digits), 1 << (bits - 1)
    buckets, keys = _sum_by_key(points, digits, windows * half)
    low = bits // 2
    most_high, most_low = half >> low, (1 << low) - 1
    high_keys, low_keys = np.empty((1, len(keys)), np.int32), np.empty((1, len(keys)), np.int32)
    for i in range(len(keys)):
        w, digit = (keys[i] - 1) // half, (keys[i] - 1) % half + 1
        high_keys[0, i] = _key(w, digit >> low, most_high)
        low_keys[0, i] = _key(w, digit & most_low, most_low)
    for w in range(windows):
        xyzz_clear(out, first + w)
    sums, sum_keys = _sum_by_key(buckets, high_keys, windows * most_high)
    _add_weighted(sums, sum_keys, most_high, out, first)
    for w in range(windows):
        for _ in range(low):
            xyzz_double(out, first + w)
    sums, sum_keys = _sum_by_key(buckets, low_keys, windows * most_low)
    _add_weighted(sums, sum_keys, most_low, out, first)


# --- digits -------------------------------------------------------------------------------------------------------


@kernel
def _key(w: int, digit: Any, most: int) -> Any:
    """One number for a window and a digit, -most to most, with the sign of the digit: 0 for 0."""
    return digit + w * most * (np.int64(digit > 0) - np.int64(digit < 0))


@kernel
def _booth(window: int, bits: int) -> int:
    """The digit of bits + 1 bits, the lowest being the highest of the window below."""
    return ((window + 1) >> 1) - ((window >> bits) << bits)


@kernel
def _wide_digits(scalars: Words, first: int, bits: int, digits: Keys) -> None:
    """digits[w, k]: the keys of windows first, first + 1 .. of scalars uint64[n, 4]."""
    mask, half = (np.uint64(2) << np.uint64(bits)) - np.uint64(1), 1 << (bits - 1)
    for w in range(len(digits)):
        lowest = (first + w) * bits - 1
        limb, shift = lowest >> 6, lowest & 63  # the highest window begins in the highest limb or before
        if lowest < 0:
            for k in range(len(scalars)):
                value = scalars[k, 0] << np.uint64(1)
                digits[w, k] = _key(w, _booth(np.int64(value & mask), bits), half)
        elif shift + bits > 63 and limb < 3:
            for k in range(len(scalars)):
                value = scalars[k, limb] >> np.uint64(shift) | scalars[k, limb + 1] << np.uint64(64 - shift)
                digits[w, k] = _key(w, _booth(np.int64(value & mask), bits), half)
        else:
            for k in range(len(scalars)):
                value = scalars[k, limb] >> np.uint64(shift)
                digits[w, k] = _key(w, _booth(np.int64(value & mask), bits), half)


@kernel
def _integer_digits(scalars: npt.NDArray[np.int64], first: int, bits: int, digits: Keys) -> None:
    """The same of int16[n] or int64[n], those of -s opposite to those of s."""
    mask, half = (np.uint64(2) << np.uint64(bits)) - np.uint64(1), 1 << (bits - 1)
    for w in range(len(digits)):
        lowest = (first + w) * bits - 1
        for k in range(len(scalars)):
            sign = np.int64(-1) if scalars[k] < 0 else np.int64(1)
            value = np.uint64(np.int64(scalars[k]) * sign)  # -2^63 wraps to itself, and is 2^63 as an unsigned number
            value = value >> np.uint64(lowest) if lowest > 0 else value << np.uint64(1)
            digits[w, k] = _key(w, sign * _booth(np.int64(value & mask), bits), half)


# --- whole --------------------------------------------------------------------------------------------------------


@kernel
def _join_windows(sums: Words, windows: int, bits: int, out: Words) -> None:
    """out = sum_w 2^(bits w) (sums[0, w] + sums[1, w] + ...)."""
    parts = len(sums) // windows
    total = np.empty((1, 16), np.uint64)
    xyzz_clear(total, 0)
    for w in range(windows - 1, -1, -1):
        for _ in range(bits):
            xyzz_double(total, 0)
        for part in range(parts):
            xyzz_add(total, 0, sums, part * windows + w)
    xyzz_to_affine(total, out, 0, 1)


@lru_cache(maxsize=64)
def _plan(count: int, length: int, workers: int) -> tuple[int, int, int]:
    """(bits of a window, windows of a task, parts that the points are cut into), for the least time."""

    def time(bits: int, group: int, parts: int) -> float:
        points, buckets = count / parts, 2 ** (min(bits, length) - 1)
        window = points + 2 * min(points, buckets) + 8 * math.sqrt(buckets)  # in additions
        tasks = math.ceil((length // bits + 1) / group) * parts
        return math.ceil(tasks / workers) * (group * window + 500)  # the last: inversions of the short rounds

    def plans() -> Iterator[tuple[int, int, int]]:
        for bits in range(2, 18):
            windows = length // bits + 1
            groups = {-(-windows // (tasks * workers)) for tasks in (1, 2, 4)}
            for group in {1, *(group for group in groups if group * count < _TOGETHER)}:
                yield from ((bits, group, parts) for parts in {1, workers if count > 1024 else 1})

    return min(plans(), key=lambda plan: time(*plan))


def _length(scalars: Scalars) -> int:
    """Bits of the largest scalar, or of a number a little above."""
    if scalars.ndim == 1:
        return max(abs(int(edge)).bit_length() for edge in (scalars.min(initial=0), scalars.max(initial=0)))
    limbs = np.bitwise_or.reduce(scalars, axis=0)
    return to_ints(limbs)[0].bit_length()


def msm(points: Words, scalars: Scalars) -> Words:
    """The point uint64[8] that is sum_k scalars[k] points[k].

    points: uint64[n, 8]. scalars: uint64[n, 4] below 2^254, or signed integers, int16[n] or int64[n]; small ones are
    faster.
    """
    if points.shape != (len(scalars), 8):
        raise ValueError(f"{len(scalars)} scalars for points of shape {points.shape}")
    count, length = len(scalars), _length(scalars)
    if length == 0:
        return np.zeros(8, np.uint64)
    bits, group, parts = _plan(count, length, workers())
    windows = length // bits + 1  # one bit more than the scalars have: so the highest digit has no carry
    fill = _wide_digits if scalars.ndim == 2 else _integer_digits
    operand = np.ascontiguousarray(scalars)
    sums = np.empty((parts * windows, 16), np.uint64)

    def window_sums(w: int, part: int) -> None:
        start, end = count * part // parts, count * (part + 1) // parts
        digits = np.empty((min(group, windows - w), end - start), np.int32)
        fill(operand[start:end], w, bits, digits)
        _window_sums(points[start:end], digits, bits, sums, part * windows + w)

    run(window_sums, [(w, part) for w in range(0, windows, group) for part in range(parts)])
    out = np.empty(8, np.uint64)
    _join_windows(sums, windows, bits, out)
    return out


def sums_by_key(points: Words, rows: npt.NDArray[np.uint16], count: int) -> list[tuple[Words, Keys]]:
    """For each row of keys uint16[w, n] below `count`: (the sums of the points of equal key, their keys).

    points: uint64[n, 8]. The sums, uint64[m, 8], are for `msm`: their coordinates aren't canonical. A key that no point
    has doesn't come, others may come twice. A thread takes a row at a time.
    """
    if rows.shape != (len(rows), len(points)):
        raise ValueError(f"{len(points)} points for keys of shape {rows.shape}")
    sums: list[tuple[Words, Keys]] = [(points[:0], np.empty(0, np.int32))] * len(rows)

    def sum_row(i: int) -> None:
        keys_from_one = rows[i : i + 1].astype(np.int32) + 1
        row_sums, keys = _sum_by_key(points, keys_from_one, count)
        sums[i] = row_sums, keys - 1

    run(sum_row, [(i,) for i in range(len(rows))])
    return sums

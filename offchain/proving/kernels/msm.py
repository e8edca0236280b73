"""Multi-scalar multiplication: sum_k s_k P_k for points P_k of G1.

Pippenger's method. Scalars are cut into windows of c bits with signed digits, |digit| <= 2^(c-1). Of each window,
bucket b gathers the points with digit b, and subtracts those with -b. The window's sum, sum_b b B_b, comes from running
sums over the buckets from the top down, and Horner's rule joins the windows.

Filling the buckets is the bulk, and in affine coordinates. The points of a window are sorted by bucket; a tile of them
at a time is added up pairwise, in rounds like a tournament's, and the additions of a round share one inversion. Special
cases (repeated, cancelling, identity) take their place in the batch like any other, so none is slow.

Cost: about 7 products for each point and window, 24 for each bucket. The time depends on the scalars.
Reference: Bernstein, Doumen, Lange, Oosterwijk, "Faster batch forgery identification" (2012), section 4.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from offchain.proving.kernels.build import kernel
from offchain.proving.kernels.curve import (
    affine_sum,
    slope_denominator,
    xyzz_add,
    xyzz_add_affine,
    xyzz_clear,
    xyzz_double,
    xyzz_to_affine,
)
from offchain.proving.kernels.field import Words, fq_inverse, fq_one, load_fq, store, to_ints
from offchain.proving.kernels.parallel import run, split, workers

__all__ = ["msm"]

Digits = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]
Scalars = npt.NDArray[np.uint64] | npt.NDArray[np.int64] | npt.NDArray[np.int16]

_TILE = 4096  # points added up at a time: their buffers fit into a core's cache

# --- digits -----------------------------------------------------------------------------------------------------


@kernel
def _wide_digits(scalars: Words, digits: Digits, bits: int, start: int, end: int) -> None:
    """digits[w, k]: the signed digits of scalars uint64[n, 4]."""
    full, half = np.int64(1) << bits, np.int64(1) << (bits - 1)
    for k in range(start, end):
        carry = np.int64(0)
        for w in range(len(digits)):
            limb, shift = (w * bits) >> 6, (w * bits) & 63
            value = scalars[k, limb] >> np.uint64(shift) if limb < 4 else np.uint64(0)
            if shift + bits > 64 and limb < 3:
                value |= scalars[k, limb + 1] << np.uint64(64 - shift)
            digit = np.int64(value & np.uint64(full - 1)) + carry
            carry = np.int64(digit > half)
            digits[w, k] = digit - carry * full


@kernel
def _signed_digits(scalars: npt.NDArray[np.int64], digits: Digits, bits: int, start: int, end: int) -> None:
    """digits[w, k]: the signed digits of int64[n], those of -s opposite to those of s."""
    full, half = np.int64(1) << bits, np.int64(1) << (bits - 1)
    for k in range(start, end):
        sign = np.int64(-1) if scalars[k] < 0 else np.int64(1)
        rest = np.uint64(scalars[k] * sign)  # -2^63 wraps to itself, and is 2^63 as an unsigned number
        carry = np.int64(0)
        for w in range(len(digits)):
            digit = np.int64(rest & np.uint64(full - 1)) + carry
            rest = rest >> np.uint64(bits)
            carry = np.int64(digit > half)
            digits[w, k] = sign * (digit - carry * full)


# --- buckets ----------------------------------------------------------------------------------------------------


@kernel
def _sort_by_bucket(digits: Digits, window: int, start: int, end: int, starts: Counts) -> npt.NDArray[np.int32]:
    """2 k + sign for each k in [start, end) with a digit, the largest |digit| first.

    Fills starts, zeros before: the points of bucket b are those at starts[buckets - b] to starts[buckets - b + 1].
    """
    buckets = len(starts) - 1
    for k in range(start, end):
        digit = np.int64(digits[window, k])
        rank = buckets - abs(digit)
        if rank < buckets:
            starts[rank + 1] += 1
    for previous in range(buckets):
        starts[previous + 1] += starts[previous]
    order = np.empty(starts[buckets], np.int32)
    place = starts.copy()
    for k in range(start, end):
        digit = np.int64(digits[window, k])
        rank = buckets - abs(digit)
        if rank < buckets:
            order[place[rank]] = 2 * k + (1 if digit < 0 else 0)
            place[rank] += 1
    return order


@kernel
def _add_pairs(source: Words, pairs: Counts, places: Counts, count: int, out: Words, before: Words) -> None:
    """out[places[i]] = source[pairs[i]] + source[pairs[i] + 1] for i < count, with one inversion."""
    product = fq_one()
    for i in range(count):
        k = 2 * pairs[i]
        store(before, i, product)
        product = product * slope_denominator(
            load_fq(source, k), load_fq(source, k + 1), load_fq(source, k + 2), load_fq(source, k + 3)
        )
    inverse = fq_inverse(product)
    for i in range(count - 1, -1, -1):
        k = 2 * pairs[i]
        x1, y1, x2, y2 = load_fq(source, k), load_fq(source, k + 1), load_fq(source, k + 2), load_fq(source, k + 3)
        affine_sum(out, places[i], x1, y1, x2, y2, inverse * load_fq(before, i))
        inverse = inverse * slope_denominator(x1, y1, x2, y2)


@kernel
def _add_runs(
    points: Words, spare: Words, lengths: Counts, runs: int, pairs: Counts, places: Counts, before: Words
) -> Words:
    """Adds up each of the runs of `lengths` consecutive points; returns the buffer whose first points are the sums."""
    while True:
        count, source, place, longest = 0, 0, 0, 1
        for r in range(runs):
            for _ in range(lengths[r] // 2):
                pairs[count], places[count] = source, place
                count, source, place = count + 1, source + 2, place + 1
            if lengths[r] % 2:
                store(spare, 2 * place, load_fq(points, 2 * source))
                store(spare, 2 * place + 1, load_fq(points, 2 * source + 1))
                source, place = source + 1, place + 1
            lengths[r] = (lengths[r] + 1) // 2
            longest = max(longest, lengths[r])
        if count == 0:
            return points
        _add_pairs(points, pairs, places, count, spare, before)
        points, spare = spare, points
        if longest == 1:
            return points


@kernel
def _window_sum(
    points: Words, digits: Digits, window: int, start: int, end: int, buckets: int, out: Words, slot: int
) -> None:
    """Accumulator `slot` of out = sum of digit times point over [start, end), for one window."""
    starts = np.zeros(buckets + 1, np.int64)
    order = _sort_by_bucket(digits, window, start, end, starts)
    tile = min(_TILE, len(order))
    gathered, spare = np.empty((tile, 8), np.uint64), np.empty((tile, 8), np.uint64)
    pairs, places, before = np.empty(tile, np.int64), np.empty(tile, np.int64), np.empty((tile, 4), np.uint64)
    ranks, lengths = np.empty(tile, np.int64), np.empty(tile, np.int64)
    running = np.empty((1, 16), np.uint64)  # the sum of all buckets from the top down to the current one
    xyzz_clear(running, 0)
    xyzz_clear(out, slot)
    rank, current = 0, 0
    for first in range(0, len(order), _TILE):
        last = min(first + _TILE, len(order))
        runs, place = 0, first
        while place < last:
            while starts[rank + 1] <= place:
                rank += 1
            stop = min(starts[rank + 1], last)
            ranks[runs], lengths[runs] = rank, stop - place
            runs, place = runs + 1, stop
        for i in range(last - first):
            k = 2 * (np.int64(order[first + i]) >> 1)
            y = load_fq(points, k + 1)
            store(gathered, 2 * i, load_fq(points, k))
            store(gathered, 2 * i + 1, -y if order[first + i] & 1 else y)
        sums = _add_runs(gathered, spare, lengths, runs, pairs, places, before)
        for r in range(runs):
            while current < ranks[r]:
                xyzz_add(out, slot, running, 0)
                current += 1
            xyzz_add_affine(running, 0, load_fq(sums, 2 * r), load_fq(sums, 2 * r + 1))
    while current < buckets and len(order) > 0:
        xyzz_add(out, slot, running, 0)
        current += 1


@kernel
def _join_windows(sums: Words, windows: int, bits: int, out: Words) -> None:
    """out = sum_w 2^(bits w) (sums[w, 0] + sums[w, 1] + ...)."""
    parts = len(sums) // windows
    total = np.empty((1, 16), np.uint64)
    xyzz_clear(total, 0)
    for w in range(windows - 1, -1, -1):
        for _ in range(bits):
            xyzz_double(total, 0)
        for part in range(parts):
            xyzz_add(total, 0, sums, w * parts + part)
    xyzz_to_affine(total, out, 0, 1)


# --- whole ------------------------------------------------------------------------------------------------------


def _plan(count: int, length: int) -> tuple[int, int]:
    """(bits of a window, parts that the points are cut into): those of the least time, counted in products."""

    def time(bits: int, parts: int) -> float:
        task = 6.8 * count / parts + 24 * 2 ** (bits - 1) + 335 * math.log2(2 + count / parts / 2**bits)
        return math.ceil((length // bits + 1) * parts / workers()) * task

    sizes = {1, workers()} if count > 1024 else {1}
    return min(((bits, parts) for bits in range(2, 18) for parts in sizes), key=lambda plan: time(*plan))


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
    bits, parts = _plan(count, length)
    windows = length // bits + 1  # one bit more than the scalars have: so the highest digit has no carry
    digits = np.empty((windows, count), np.int32)
    fill, operand = _wide_digits, np.ascontiguousarray(scalars)
    if scalars.ndim == 1:
        fill, operand = _signed_digits, scalars.astype(np.int64)
    run(lambda start, end: fill(operand, digits, bits, start, end), split(count, 4096))

    sums = np.empty((windows * parts, 16), np.uint64)

    def window_sum(w: int, part: int) -> None:
        start, end = count * part // parts, count * (part + 1) // parts
        _window_sum(points, digits, w, start, end, 1 << (bits - 1), sums, w * parts + part)

    run(window_sum, [(w, part) for w in range(windows) for part in range(parts)])
    out = np.empty(8, np.uint64)
    _join_windows(sums, windows, bits, out)
    return out

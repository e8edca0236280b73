"""Vectors of scalars, uint64[n, 4]: random ones, powers, products, sums, inverses. All linear in the length."""

from __future__ import annotations

from os import urandom

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from offchain.proving.kernels.build import kernel
from offchain.proving.kernels.field import P, Words, canonical, from_ints, load_fr, store, to_ints
from offchain.proving.kernels.lanes import (
    RADIX,
    WIDTH,
    canonical_lanes,
    fr_lanes,
    lane_factor,
    lanes_constant,
    load_fr_lanes,
    places,
    store_fr_lanes,
)
from offchain.proving.kernels.parallel import run, split, workers

__all__ = [
    "LEAST",
    "accumulate",
    "add_products",
    "inverses",
    "powers",
    "progression",
    "random_elements",
    "scale",
    "weigh",
]

LEAST = 2048  # elements worth a thread
_CHUNK = 1 << 14  # random elements made at a time: their bytes stay in a core's cache

_one, _upper_half = lanes_constant(fr_lanes, RADIX), lanes_constant(fr_lanes, RADIX << 256)


@kernel
def _reduce_wide(wide: Words, out: Words) -> None:
    """out = wide modulo P, for 512-bit numbers uint64[2 n, 4]."""
    for k in range(0, len(out), WIDTH):
        at = places(k, 1, len(out))
        low = load_fr_lanes(wide, places(2 * k, 2, len(wide) - 1))
        high = load_fr_lanes(wide, places(2 * k + 1, 2, len(wide)))
        store_fr_lanes(out, at, canonical_lanes(_one() * low + _upper_half() * high))


def random_elements(count: int) -> Words:
    """uint64[count, 4]: secret, uniform scalars (up to 2^-250), by AES-256 in counter mode under keys of the system's.

    A key makes 512 bits for each of up to 2^14 scalars and is forgotten.
    """
    out = np.empty((count, 4), np.uint64)

    def part(start: int, end: int) -> None:
        for first in range(start, end, _CHUNK):
            chunk = out[first : min(first + _CHUNK, end)]
            stream = Cipher(AES(urandom(32)), CTR(bytes(16))).encryptor().update(bytes(64 * len(chunk)))
            _reduce_wide(np.frombuffer(bytearray(stream), np.uint64).reshape(-1, 4), chunk)

    run(part, split(count, LEAST))
    return out


@kernel
def _scale(source: Words, factor: Words, out: Words, start: int, end: int) -> None:
    s = load_fr_lanes(factor, places(0, 0, 1))
    for k in range(start, end, WIDTH):
        at = places(k, 1, end)
        store_fr_lanes(out, at, canonical_lanes(load_fr_lanes(source, at) * s))


def scale(source: Words, factor: int, out: Words) -> None:
    """out = factor source; out may be the source."""
    multiplier = lane_factor(factor)
    run(lambda start, end: _scale(source, multiplier, out, start, end), split(len(source), LEAST))


def powers(base: int, count: int, first: int = 1) -> Words:
    """uint64[count, 4]: first * base^k for k < count."""
    out = np.empty((count, 4), np.uint64)
    out[:1] = from_ints([first])
    known = 1
    while known < count:
        following = out[known : 2 * known]
        scale(out[: len(following)], pow(base, known, P), following)
        known *= 2
    return out


@kernel
def _accumulate(total: Words, source: Words, factor: Words, start: int, end: int) -> None:
    s = load_fr_lanes(factor, places(0, 0, 1))
    for k in range(start, end, WIDTH):
        at = places(k, 1, end)
        store_fr_lanes(total, at, canonical_lanes(load_fr_lanes(total, at) + load_fr_lanes(source, at) * s))


def accumulate(total: Words, source: Words, factor: int) -> None:
    """total = total + factor source, in place; the source is no longer than the total."""
    if len(source) > len(total):
        raise ValueError(f"{len(source)} terms for a sum of {len(total)}")
    multiplier = lane_factor(factor)
    run(lambda start, end: _accumulate(total, source, multiplier, start, end), split(len(source), LEAST))


@kernel
def _add_products(total: Words, left: Words, right: Words, start: int, end: int) -> None:
    for k in range(start, end, WIDTH):
        at = places(k, 1, end)
        product = load_fr_lanes(left, at) * load_fr_lanes(right, at)
        store_fr_lanes(total, at, canonical_lanes(load_fr_lanes(total, at) + product))


def add_products(total: Words, left: Words, right: Words) -> None:
    """total = total + left * right, entry by entry and in place; one of the factors in Montgomery form, times RADIX."""
    run(lambda start, end: _add_products(total, left, right, start, end), split(len(total), LEAST))


_TILE = 512  # integers spread out to words at a time


@kernel
def _weigh(integers: npt.NDArray[np.integer], weights: Words, out: Words, start: int, end: int) -> None:
    tile = np.zeros((_TILE, 4), np.uint64)
    for first in range(start, end, _TILE):
        last = min(first + _TILE, end)
        for k in range(first, last):
            tile[k - first, 0] = np.uint64(integers[k])
        for k in range(first, last, WIDTH):
            at = places(k, 1, last)
            value = load_fr_lanes(tile, places(k - first, 1, last - first))
            store_fr_lanes(out, at, canonical_lanes(value * load_fr_lanes(weights, at)))


def weigh(integers: npt.NDArray[np.integer], weights: Words, out: Words) -> None:
    """out = integers * weights, entry by entry: integers from 0 to 2^63 - 1, weights in Montgomery form."""
    run(lambda start, end: _weigh(integers, weights, out, start, end), split(len(integers), LEAST))


@kernel
def _progression(first: Words, step: Words, out: Words) -> None:
    value, difference = load_fr(first, 0), load_fr(step, 0)
    for k in range(len(out)):
        store(out, k, canonical(value))
        value = value + difference


def progression(first: int, step: int, count: int) -> Words:
    """uint64[count, 4]: first + k step for k < count."""
    out = np.empty((count, 4), np.uint64)
    _progression(from_ints([first]), from_ints([step]), out)
    return out


# --- inverses -----------------------------------------------------------------------------------------------------


@kernel
def _multiply_up(values: Words, length: int, group: int, before: Words, out: Words) -> None:
    """before[k] = the product of the values before k in its segment, each over RADIX; out: of the whole segments."""
    product, first = _one(), group * WIDTH * length
    for k in range(first, first + length):
        at = places(k, length, len(values))
        store_fr_lanes(before, at, product)
        product = product * load_fr_lanes(values, at)
    store_fr_lanes(out, places(group * WIDTH, 1, len(out)), canonical_lanes(product))


@kernel
def _divide_down(values: Words, length: int, group: int, inverses: Words, before: Words) -> None:
    """Replaces before[k] by 1 / values[k], given the inverses of the whole segments' products."""
    inverse, first = load_fr_lanes(inverses, places(group * WIDTH, 1, len(inverses))), group * WIDTH * length
    for k in range(first + length - 1, first - 1, -1):
        at = places(k, length, len(values))
        store_fr_lanes(before, at, canonical_lanes(inverse * load_fr_lanes(before, at)))
        inverse = inverse * load_fr_lanes(values, at)


def inverses(values: Words) -> Words:
    """uint64[n, 4]: 1 / values[k]; raises ValueError if one is zero.

    Montgomery's trick, in segments, one a lane; an inversion each.
    """
    groups = workers() if len(values) > LEAST * workers() else 1
    length = -(-len(values) // (groups * WIDTH)) | 1  # odd: see polynomial.py
    padded = np.empty((groups * WIDTH * length, 4), np.uint64)
    padded[: len(values)] = values
    padded[len(values) :] = from_ints([1])
    before, products = np.empty_like(padded), np.empty((groups * WIDTH, 4), np.uint64)
    jobs = [(group,) for group in range(groups)]
    run(lambda group: _multiply_up(padded, length, group, before, products), jobs)
    inverted = from_ints(pow(product, -1, P) for product in to_ints(products))
    run(lambda group: _divide_down(padded, length, group, inverted, before), jobs)
    return before[: len(values)]

"""Vectors of scalars, uint64[n, 4]: random ones, powers, multiples. All linear in the length."""

from __future__ import annotations

from os import urandom

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from offchain.proving.kernels.build import kernel
from offchain.proving.kernels.field import P, Words, from_ints
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
from offchain.proving.kernels.parallel import run, split

__all__ = ["LEAST", "accumulate", "powers", "random_elements", "scale"]

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

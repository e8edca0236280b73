"""Vectors looked up in a table: out[k] = table[keys[k]], for scalars uint64[n, 4] and keys uint16[d].

A vector of few different values takes two bytes an entry as keys, and is spread out only where it is needed. A table
of 2^16 scalars, 2 MB, stays in a core's cache.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from offchain.proving.kernels.build import kernel
from offchain.proving.kernels.field import Words, load_fr, store
from offchain.proving.kernels.lanes import (
    WIDTH,
    canonical_lanes,
    lane_factor,
    listed,
    load_fr_lanes,
    places,
    store_fr_lanes,
)
from offchain.proving.kernels.parallel import run, split
from offchain.proving.kernels.vector import LEAST

__all__ = ["Keys", "add_looked_up", "look_up"]

Keys = npt.NDArray[np.uint16]


@kernel
def _look_up(table: Words, keys: Keys, out: Words, start: int, end: int) -> None:
    for k in range(start, end):
        store(out, k, load_fr(table, np.int64(keys[k])))


def look_up(table: Words, keys: Keys, out: Words) -> None:
    """out = table[keys]."""
    run(lambda start, end: _look_up(table, keys, out, start, end), split(len(keys), LEAST))


@kernel
def _add_looked_up(total: Words, table: Words, keys: Keys, factor: Words, start: int, end: int) -> None:
    s, chosen = load_fr_lanes(factor, places(0, 0, 1)), np.empty(WIDTH, np.int64)
    for k in range(start, end, WIDTH):
        for lane in range(WIDTH):
            chosen[lane] = np.int64(keys[min(k + lane, end - 1)])
        at, value = places(k, 1, end), load_fr_lanes(table, listed(chosen, 0))
        store_fr_lanes(total, at, canonical_lanes(load_fr_lanes(total, at) + value * s))


def add_looked_up(total: Words, table: Words, keys: Keys, factor: int) -> None:
    """total = total + factor table[keys], in place; the keys are no more than the total's entries."""
    if len(keys) > len(total):
        raise ValueError(f"{len(keys)} terms for a sum of {len(total)}")
    multiplier = lane_factor(factor)
    run(lambda start, end: _add_looked_up(total, table, keys, multiplier, start, end), split(len(keys), LEAST))

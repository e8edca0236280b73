"""Vectors looked up in a table, against Python, at lengths around the width of lanes and what is worth a thread."""

from __future__ import annotations

import random

import numpy as np
import pytest

from offchain.proving.kernels.lanes import WIDTH
from offchain.proving.kernels.lookup import add_looked_up, look_up
from offchain.proving.kernels.vector import LEAST
from tests.offchain.proving.reference import P, integers, words

LENGTHS = sorted({0, 1, 2, WIDTH - 1, WIDTH, WIDTH + 1, 33, LEAST - 1, 2 * LEAST, 20_001})


def table_of(size: int) -> list[int]:
    source = random.Random(size)
    return [P - 1, 0, 1, *(source.randrange(P) for _ in range(size))][:size]


def keys_of(length: int, size: int) -> np.ndarray:
    """With the first and the last entry of the table among them."""
    keys = np.random.default_rng(length).integers(0, size, length).astype(np.uint16)
    keys[:2] = [size - 1, 0][:length]
    return keys


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("size", [4, 1 << 16])
def test_look_up__keys__are_their_entries(length: int, size: int) -> None:
    table, keys = table_of(size), keys_of(length, size)
    out = np.full((length + 1, 4), 7, np.uint64)
    look_up(words(table), keys, out[:length])
    assert integers(out[:length]) == [table[key] for key in keys]
    assert out[length].tolist() == [7] * 4


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("factor", [0, 1, P - 1, -5, 2**300])
def test_add_looked_up__to_as_many_and_more__equals_python(length: int, factor: int) -> None:
    table, keys = table_of(256), keys_of(length, 256)
    for more in (0, 3):
        before = table_of(length + more)
        total = words(before)
        add_looked_up(total, words(table), keys, factor)
        added = [factor * table[key] for key in keys] + [0] * more
        assert integers(total) == [(a + b) % P for a, b in zip(before, added, strict=True)]


def test_add_looked_up__longer_than_the_sum__raises() -> None:
    with pytest.raises(ValueError, match="3 terms for a sum of 2"):
        add_looked_up(words([1, 2]), words([1]), np.zeros(3, np.uint16), 1)

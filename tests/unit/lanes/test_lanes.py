"""Orderings against sorted(), for every size, at the ends of a lane's range and with ties."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

WORDS = 196
NO_KEY = 2**256 - 1


@pytest.fixture(scope="session")
def lanes(deploy: Callable[..., Any]) -> Any:
    return deploy("LanesMock")


def split(word: int, width: int) -> list[int]:
    return [word >> at & (1 << width) - 1 for at in range(0, 256 // width * width, width)]


def join(numbers: list[int], width: int) -> int:
    return sum(number << width * lane for lane, number in enumerate(numbers))


@pytest.mark.parametrize("width", [40, 84])
@pytest.mark.parametrize("count", range(1, 33))
def test_largest__each_lane__in_falling_order(lanes: Any, width: int, count: int) -> None:
    rng = random.Random(count * width)
    per_word = 256 // width
    edges = [0, 1, 2 ** (width - 1) - 1, 2 ** (width - 1) - 2, rng.randrange(2 ** (width - 1))]
    columns = [0] * WORDS
    base = rng.choice([0, 64, 128])
    for half in range(2):
        for k in range(count):
            columns[base + 32 * half + k] = join([rng.choice(edges) for _ in range(per_word)], width)
    depth = rng.randrange(1, count + 1)
    guards = join([2 ** (width - 1)] * per_word, width)
    top = lanes.largest(columns, base, count, depth, width, guards, 1, 0)
    for half in range(2):
        words = columns[base + 32 * half :][:count]
        for lane in range(per_word):
            expected = sorted((split(word, width)[lane] for word in words), reverse=True)[:depth]
            assert [split(top[t][half], width)[lane] for t in range(depth)] == expected


@pytest.mark.parametrize("count", [1, 2, 7, 32])
def test_largest__tagged__earlier_column_first(lanes: Any, count: int) -> None:
    rng = random.Random(count)
    columns = [0] * WORDS
    for k in range(count):
        columns[k] = join([rng.randrange(3) for _ in range(6)], 40)
    ones = join([1] * 6, 40)
    top = lanes.largest(columns, 0, count, count, 40, ones << 39, 32, ones)
    for lane in range(6):
        expected = sorted(range(count), key=lambda k, lane=lane: (-split(columns[k], 40)[lane], k))
        assert [31 - split(top[t][0], 40)[lane] % 32 for t in range(count)] == expected


@pytest.mark.parametrize("count", [1, 2, 8, 9, 31, 32])
def test_discard__some_keys_missing__the_smallest(lanes: Any, count: int) -> None:
    rng = random.Random(count)
    present = sorted(rng.sample(range(count), rng.randrange(1, count + 1)))
    keys = {k: rng.choice([0, 5, rng.randrange(2**90)]) * 32 + 31 - k for k in present}
    table = [[keys.get(8 * c + q, NO_KEY) for q in range(8)] for c in range(4)]
    for times in {1, (len(present) + 1) // 2, len(present)}:
        gone, last = lanes.discard(table, count, times)
        smallest = sorted(keys, key=lambda k: keys[k])[:times]
        assert gone == sum(1 << k for k in smallest)
        assert last == keys[smallest[-1]]

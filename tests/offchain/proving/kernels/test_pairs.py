"""Sums of pairs that share an inversion, against py_ecc.

Special pairs stand in every lane among ordinary ones; coordinates come in every form in which sums leave them: below
2 Q, and where lanes are vectors a hair above.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pytest

from offchain.proving.kernels.curve import add_pairs, pair_buffer
from offchain.proving.kernels.lanes import WIDTH
from tests.offchain.proving.kernels.lane_values import HAIR, LOOSE
from tests.offchain.proving.reference import RADIX, Point, Q, integers, multiple, negate, small_points, sum_of, words

Pair = tuple[Point, Point]
Form = Callable[[int], int]  # of a coordinate in Montgomery form in [0, Q): another number for the same

IDENTITY: Point = (0, 0)


@cache
def point(k: int) -> Point:
    return multiple(3**40 + 7 * k * k + 1)


@cache
def total(pair: Pair) -> Point:
    return sum_of(pair)


def ordinary(k: int) -> Pair:
    return point(k), point(k + 100)


SPECIAL: dict[str, Callable[[int], Pair]] = {
    "identity first": lambda k: (IDENTITY, point(k)),
    "identity second": lambda k: (point(k), IDENTITY),
    "identities": lambda k: (IDENTITY, IDENTITY),
    "equal": lambda k: (point(k), point(k)),
    "cancelling": lambda k: (point(k), negate(point(k))),
    "doubled": lambda k: (total((point(k), point(k))), negate(point(k))),
}
KINDS = [ordinary, *SPECIAL.values()]


def as_it_is(value: int) -> int:
    return value


def one_more(value: int) -> int:
    return value + Q


def at_random(seed: int) -> Form:
    source = random.Random(seed)
    return lambda value: value + Q * source.randrange(2)


def rows_of(points: Sequence[Point], form: Form = as_it_is) -> np.ndarray:
    """uint64[n, 8] whose coordinates have this form; the identity keeps its zeros."""
    coordinates = []
    for one in points:
        coordinates += [0, 0] if one == IDENTITY else [form(value * RADIX % Q) for value in one]
    return words(coordinates).reshape(-1, 8)


def points_in(rows: np.ndarray) -> list[Point]:
    """The points of rows as sums leave them: below 2 Q or a hair above, the identity in plain zeros."""
    values = integers(rows)
    assert max(values, default=0) < 2 * Q + int(2 * Q * HAIR) * LOOSE
    plain = [value * pow(RADIX, -1, Q) % Q for value in values]
    points = list(zip(plain[::2], plain[1::2], strict=True))
    assert all(not row.any() for row, one in zip(rows, points, strict=True) if one == IDENTITY)
    return points


def filled(indices: Sequence[int]) -> np.ndarray:
    """With the last one again up to a multiple of WIDTH, as `add_pairs` takes them."""
    return np.array([*indices, *indices[-1:] * (-len(indices) % WIDTH)], np.int64)


def add_all(source: np.ndarray, count: int, out: np.ndarray, targets: Sequence[int]) -> None:
    add_pairs(source, filled([2 * k for k in range(count)]), filled(list(targets)), count, out, pair_buffer(count))


def expect(pairs: Sequence[Pair], form: Form = as_it_is) -> None:
    """Adds pairs up elsewhere and in place; both give what py_ecc gives, and touch nothing else."""
    source = rows_of([one for pair in pairs for one in pair], form)
    count, sums = len(pairs), [total(pair) for pair in pairs]
    before, out = source.copy(), np.full((count + 3, 8), 2**64 - 1, np.uint64)
    add_all(source, count, out, range(count))
    assert points_in(out[:count]) == sums
    assert (out[count:] == 2**64 - 1).all()
    assert np.array_equal(source, before)
    add_all(source, count, source, range(0, 2 * count, 2))
    assert points_in(source[::2]) == sums
    assert np.array_equal(source[1::2], before[1::2])


@pytest.mark.parametrize("count", range(1, 41))
def test_add_pairs__any_count_of_mixed_pairs__equals_py_ecc(count: int) -> None:
    expect([KINDS[(k + count) % len(KINDS)](k) for k in range(count)], at_random(count))


@pytest.mark.parametrize("form", [as_it_is, one_more, at_random(1)], ids=["canonical", "redundant", "mixed"])
@pytest.mark.parametrize("count", [1, 2, 8, 15, 16, 17, 32, 40])
def test_add_pairs__ordinary__equals_py_ecc(count: int, form: Form) -> None:
    expect([ordinary(k) for k in range(count)], form)


@pytest.mark.parametrize("form", [as_it_is, one_more, at_random(2)], ids=["canonical", "redundant", "mixed"])
@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("count", [1, 2, 8, 15, 16, 17, 40])
def test_add_pairs__all_special__equals_py_ecc(count: int, kind: str, form: Form) -> None:
    expect([SPECIAL[kind](k) for k in range(count)], form)


@pytest.mark.parametrize("position", range(34))
@pytest.mark.parametrize("kind", SPECIAL)
def test_add_pairs__one_special_in_any_lane__equals_py_ecc(kind: str, position: int) -> None:
    pairs = [ordinary(k) for k in range(34)]
    pairs[position] = SPECIAL[kind](position)
    expect(pairs, at_random(position))


def test_add_pairs__all_ways_to_write_equal_and_cancelling_points__equal_py_ecc() -> None:
    pairs, rows = [], []
    for bits in range(16):
        forms = [bits >> k & 1 for k in range(4)]
        for other in (point(1), negate(point(1)), point(2)):
            pairs.append((point(1), other))
            coordinates = [value * RADIX % Q for one in pairs[-1] for value in one]
            rows += [value + Q * extra for value, extra in zip(coordinates, forms, strict=True)]
    out = np.empty((len(pairs), 8), np.uint64)
    add_all(words(rows).reshape(-1, 8), len(pairs), out, range(len(pairs)))
    assert points_in(out) == [total(pair) for pair in pairs]


@pytest.mark.parametrize("multiple_of_q", [0, 1, 2])
def test_add_pairs__x_just_above_a_multiple_of_q__equals_py_ecc(multiple_of_q: int) -> None:
    if multiple_of_q == 2 and not LOOSE:
        pytest.skip("single elements stay below 2 Q")
    small = small_points(12)

    def form(value: int) -> int:
        return value + Q * multiple_of_q if value < 2**64 else value

    pairs = [(small[k], small[(k + 1) % 12]) for k in range(12)]
    pairs += [(small[k], point(k)) for k in range(12)] + [(point(k), small[k]) for k in range(12)]
    pairs += [(one, one) for one in small] + [(one, negate(one)) for one in small]
    pairs += [(IDENTITY, one) for one in small] + [(one, IDENTITY) for one in small]
    expect(pairs, form)


def test_add_pairs__rows_of_earlier_sums__equal_py_ecc() -> None:
    """Ten rounds: each adds to a sum what it is, its opposite, another sum, or nothing."""
    count, source = 36, random.Random(4)
    sums = [point(k) for k in range(count)]
    tile = np.zeros((2 * count, 8), np.uint64)
    tile[::2] = rows_of(sums)
    for _ in range(10):
        picks = [source.randrange(4) for _ in range(count)]
        rows, others = tile[::2].copy(), list(sums)
        for k, pick in enumerate(picks):
            neighbour = (k + 1) % count
            others[k] = [sums[k], negate(sums[k]), sums[neighbour], IDENTITY][pick]
            as_it_stands = {0: rows[k], 2: rows[neighbour]}
            tile[2 * k + 1] = as_it_stands.get(pick, rows_of([others[k]])[0])
        add_all(tile, count, tile, range(0, 2 * count, 2))
        sums = [total((one, other)) for one, other in zip(sums, others, strict=True)]
        assert points_in(tile[::2]) == sums


def test_add_pairs__scattered_rows__go_to_their_targets() -> None:
    count = 25
    pairs = [KINDS[k % len(KINDS)](k) for k in range(count)]
    order = list(range(count))
    random.Random(5).shuffle(order)
    source = np.full((3 * count, 8), 2**64 - 1, np.uint64)
    for k, pair in enumerate(pairs):  # pairs stand apart, and not in order
        source[3 * order[k] : 3 * order[k] + 2] = rows_of(pair)
    out = np.full((2 * count, 8), 2**64 - 1, np.uint64)
    targets = [2 * (count - 1 - k) for k in range(count)]
    add_pairs(source, filled([3 * place for place in order]), filled(targets), count, out, pair_buffer(count))
    assert points_in(out[targets]) == [total(pair) for pair in pairs]
    assert (out[1::2] == 2**64 - 1).all()

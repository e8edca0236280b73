"""Multi-scalar multiplication: the edge matrix.

The points' discrete logarithms are known, so what must come out is one multiple of the generator, by py_ecc.
"""

from __future__ import annotations

import random

import numpy as np
import pytest

from offchain.proving.kernels import msm as module
from offchain.proving.kernels.msm import msm
from tests.offchain.proving.reference import (
    P,
    multiple,
    negate,
    points_to_words,
    sum_of,
    words,
    words_to_points,
)

SIZES = [0, 1, 2, 3, 4, 7, 64, 1000, 4096]
INT64 = np.iinfo(np.int64)


def expect(points: np.ndarray, logarithms: list[int], scalars: list[int], operand: np.ndarray | None = None) -> None:
    """sum_k scalars[k] points[k], where the kernel gets them as `operand`: field elements unless given."""
    operand = words(scalar % P for scalar in scalars) if operand is None else operand
    total = sum(scalar * logarithm for scalar, logarithm in zip(scalars, logarithms, strict=True))
    assert words_to_points(msm(points, operand)) == [multiple(total)]


def expect_integers(points: np.ndarray, logarithms: list[int], values: np.ndarray) -> None:
    expect(points, logarithms, [int(value) for value in values], values)


def test_msm__few_points__equals_the_sum_by_py_ecc(points: np.ndarray, rnd: random.Random) -> None:
    scalars = [0, 1, 2, P - 1, *(rnd.randrange(P) for _ in range(8))]
    terms = [multiple(s, point) for s, point in zip(scalars, words_to_points(points[:12]), strict=True)]
    assert words_to_points(msm(points[:12], words(scalars))) == [sum_of(terms)]


@pytest.mark.parametrize("size", SIZES)
class TestSizes:
    def test_msm__random_scalars__is_right(
        self, points: np.ndarray, logarithms: list[int], size: int, rnd: random.Random
    ) -> None:
        expect(points[:size], logarithms[:size], [rnd.randrange(P) for _ in range(size)])

    @pytest.mark.parametrize("scalar", [0, 1, 2, 2**64, 2**128 - 1, 2**253, P - 1])
    def test_msm__equal_scalars__is_right(
        self, points: np.ndarray, logarithms: list[int], size: int, scalar: int
    ) -> None:
        expect(points[:size], logarithms[:size], [scalar] * size)

    def test_msm__zeros_between__is_right(
        self, points: np.ndarray, logarithms: list[int], size: int, rnd: random.Random
    ) -> None:
        expect(points[:size], logarithms[:size], [rnd.choice([0, 0, 1, P - 1, 2]) for _ in range(size)])

    @pytest.mark.parametrize("bound", [1, 3, 255, 256, 2**15])
    def test_msm__random_int16__is_right(
        self, points: np.ndarray, logarithms: list[int], size: int, bound: int
    ) -> None:
        values = np.random.default_rng(size).integers(-bound, bound, size).astype(np.int16)
        expect_integers(points[:size], logarithms[:size], values)

    @pytest.mark.parametrize("value", [-32768, -32767, -1, 0, 1, 255, 256, 257, 32767])
    def test_msm__equal_int16__is_right(self, points: np.ndarray, logarithms: list[int], size: int, value: int) -> None:
        expect_integers(points[:size], logarithms[:size], np.full(size, value, np.int16))

    @pytest.mark.parametrize("value", [INT64.min, INT64.min + 1, -(2**52), 2**31, 2**52, 2**62, INT64.max])
    def test_msm__equal_int64__is_right(self, points: np.ndarray, logarithms: list[int], size: int, value: int) -> None:
        expect_integers(points[:size], logarithms[:size], np.full(size, value, np.int64))

    def test_msm__random_int64__is_right(self, points: np.ndarray, logarithms: list[int], size: int) -> None:
        values = np.random.default_rng(size).integers(INT64.min, INT64.max, size, np.int64, endpoint=True)
        expect_integers(points[:size], logarithms[:size], values)

    def test_msm__few_points_many_times__is_right(
        self, points: np.ndarray, logarithms: list[int], size: int, rnd: random.Random
    ) -> None:
        picks = [rnd.randrange(3) for _ in range(size)]
        scalars = [rnd.randrange(P) for _ in range(size)]
        expect(points[picks], [logarithms[k] for k in picks], scalars)
        expect(points[picks], [logarithms[k] for k in picks], [5] * size)

    def test_msm__pairs_that_cancel__is_right(self, points: np.ndarray, logarithms: list[int], size: int) -> None:
        picks = [k // 2 for k in range(size)]
        known = [logarithms[k] for k in picks]
        expect(points[picks], known, [5 if k % 2 else P - 5 for k in range(size)])
        expect_integers(points[picks], known, np.array([1 if k % 2 else -1 for k in range(size)], np.int16))

    def test_msm__points_and_their_opposites__is_right(
        self, points: np.ndarray, logarithms: list[int], size: int
    ) -> None:
        few = words_to_points(points[:4])
        both = points_to_words([*few, *(negate(point) for point in few)])
        known = [*logarithms[:4], *(P - logarithm for logarithm in logarithms[:4])]
        picks = [k % 8 for k in range(size)]
        expect_integers(both[picks], [known[k] for k in picks], np.full(size, 7, np.int16))

    def test_msm__identities_between__is_right(
        self, points: np.ndarray, logarithms: list[int], size: int, rnd: random.Random
    ) -> None:
        holed, known = points[:size].copy(), logarithms[:size]
        holed[::2] = 0
        known[::2] = [0] * len(known[::2])
        expect(holed, known, [rnd.randrange(P) for _ in range(size)])
        expect_integers(holed, known, np.full(size, -32768, np.int16))


@pytest.mark.parametrize(("bits", "parts"), [*((bits, 1) for bits in range(2, 18)), (2, 5), (9, 2), (13, 5)])
def test_msm__every_plan__is_right(
    monkeypatch: pytest.MonkeyPatch, points: np.ndarray, logarithms: list[int], bits: int, parts: int
) -> None:
    monkeypatch.setattr(module, "_plan", lambda count, length: (bits, parts))
    source = random.Random(bits)
    scalars = [0, 1, P - 1, 2**253, *(source.randrange(P) for _ in range(196))]
    expect(points[:200], logarithms[:200], scalars)
    values = np.array([-32768, 32767, 0, 1, *(source.randrange(-32768, 32768) for _ in range(196))], np.int16)
    expect_integers(points[:200], logarithms[:200], values)
    extremes = np.array([INT64.min, INT64.max, INT64.min + 1, -1, *(source.randrange(2**63) for _ in range(196))])
    expect_integers(points[:200], logarithms[:200], extremes)


def test_msm__more_points_than_a_tile_in_one_bucket__is_right(points: np.ndarray, logarithms: list[int]) -> None:
    picks = [k % 4096 for k in range(10_000)]
    values = np.array([1 if k % 3 else 2 for k in range(10_000)], np.int16)
    expect_integers(points[picks], [logarithms[k] for k in picks], values)


def test_msm__lengths_differ__raises(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="3 scalars for points of shape"):
        msm(points[:2], np.ones(3, np.int16))


def test_msm__arguments__stay_as_they_are(points: np.ndarray) -> None:
    scalars = words(range(1, 65))
    before = points[:64].copy(), scalars.copy()
    msm(points[:64], scalars)
    assert np.array_equal(points[:64], before[0])
    assert np.array_equal(scalars, before[1])

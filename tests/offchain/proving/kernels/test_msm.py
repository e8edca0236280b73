"""Multi-scalar multiplication: the edge matrix.

The points' discrete logarithms are known, so what must come out is one multiple of the generator, by py_ecc.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import numpy as np
import pytest

from offchain.proving.kernels import msm as module
from offchain.proving.kernels import parallel
from offchain.proving.kernels.msm import msm, sums_by_key
from tests.offchain.proving.reference import (
    P,
    multiple,
    negate,
    points_to_words,
    small_points,
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


# --- more points than a tile --------------------------------------------------------------------------------------

MANY = 20_011  # three tiles, the last not full
FULL = random.Random(11).randrange(P)
SCALARS: dict[str, int] = {"one": 1, "r - 1": P - 1, "full": FULL, "-32768": -32768, "32767": 32767}
PICKS: dict[str, Callable[[int], int]] = {
    "equal": lambda k: 3,
    "two alternating": lambda k: k % 2,
    "runs": lambda k: k // 1500,
    "cancelling in pairs": lambda k: 4096 + k // 2 % 50 * 2 + k % 2,
    "cancelling far apart": lambda k: 4096 + k % 2 if k < MANY // 2 else 4096 + (k + 1) % 2,
    "identities between": lambda k: 4196 if k % 3 else k % 4096,
    "identities alone": lambda k: 4196,
    "different": lambda k: k % 4096,
}
SPREADS: dict[str, Callable[[random.Random, int], int]] = {
    "random": lambda source, k: source.randrange(P),
    "sparse": lambda source, k: source.randrange(P) if k % 997 == 0 else 0,
    "single bits": lambda source, k: 1 << source.randrange(253),
    "zeros, ones, opposites": lambda source, k: source.choice([0, 1, P - 1]),
    "near r": lambda source, k: P - 1 - k % 5,
    "one of two": lambda source, k: source.choice([FULL, P - FULL]),
    "growing": lambda source, k: source.randrange(1 << (1 + k % 253)),
}


@pytest.fixture(scope="module")
def pool(points: np.ndarray, logarithms: list[int]) -> tuple[np.ndarray, list[int]]:
    """4096 points, 50 pairs of opposites, the identity; with their logarithms."""
    few = words_to_points(points[:50])
    opposites = points_to_words([point for one in few for point in (one, negate(one))])
    known = [log for one in logarithms[:50] for log in (one, P - one)]
    return np.concatenate([points, opposites, np.zeros((1, 8), np.uint64)]), [*logarithms, *known, 0]


@pytest.mark.parametrize("scalar", SCALARS)
@pytest.mark.parametrize("choice", PICKS)
def test_msm__many_degenerate_points_with_equal_scalars__is_right(
    pool: tuple[np.ndarray, list[int]], choice: str, scalar: str
) -> None:
    """Every window has all points in one bucket."""
    picks = [PICKS[choice](k) for k in range(MANY)]
    known = [pool[1][pick] for pick in picks]
    expect(pool[0][picks], known, [SCALARS[scalar]] * MANY)
    if -32768 <= SCALARS[scalar] <= 32767:
        expect_integers(pool[0][picks], known, np.full(MANY, SCALARS[scalar], np.int16))


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("choice", ["equal", "cancelling in pairs", "identities between", "different"])
def test_msm__many_degenerate_points_with_many_scalars__is_right(
    pool: tuple[np.ndarray, list[int]], choice: str, spread: str, rnd: random.Random
) -> None:
    picks = [PICKS[choice](k) for k in range(MANY)]
    expect(pool[0][picks], [pool[1][pick] for pick in picks], [SPREADS[spread](rnd, k) for k in range(MANY)])


@pytest.mark.parametrize("low", [-32768, -1, 0])
def test_msm__many_points_with_int16__is_right(pool: tuple[np.ndarray, list[int]], low: int) -> None:
    picks = [k * k % len(pool[0]) for k in range(MANY)]
    values = np.random.default_rng(1).integers(low, 32767, MANY, endpoint=True).astype(np.int16)
    expect_integers(pool[0][picks], [pool[1][pick] for pick in picks], values)


@pytest.mark.parametrize("count", [8191, 8192, 8193, 16_384])
def test_msm__one_bucket_around_a_tile__is_right(pool: tuple[np.ndarray, list[int]], count: int) -> None:
    picks = [k % 4096 for k in range(count)]
    known = [pool[1][pick] for pick in picks]
    expect_integers(pool[0][picks], known, np.ones(count, np.int16))
    expect_integers(pool[0][picks], known, np.array([1 if k % 3 else 2 for k in range(count)], np.int16))


# --- plans --------------------------------------------------------------------------------------------------------

WIDTHS = range(2, 18)


# (bits of a window, windows of a task, parts of the points)
PLANS = [
    *((bits, group, 1) for bits in WIDTHS for group in (1, 4)),
    (2, 128, 5),
    (3, 50, 1),
    (9, 2, 2),
    (13, 100, 5),
    (16, 3, 3),
    (17, 15, 200),
    (5, 7, 300),
]


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_msm__every_plan__is_right(
    monkeypatch: pytest.MonkeyPatch, points: np.ndarray, logarithms: list[int], plan: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(module, "_plan", lambda *_: plan)
    source = random.Random(str(plan))
    scalars = [0, 1, P - 1, 2**253, *(source.randrange(P) for _ in range(196))]
    expect(points[:200], logarithms[:200], scalars)
    values = np.array([-32768, 32767, 0, 1, *(source.randrange(-32768, 32768) for _ in range(196))], np.int16)
    expect_integers(points[:200], logarithms[:200], values)
    extremes = np.array([INT64.min, INT64.max, INT64.min + 1, -1, *(source.randrange(2**63) for _ in range(196))])
    expect_integers(points[:200], logarithms[:200], extremes)


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_msm__any_number_of_workers__is_right(
    monkeypatch: pytest.MonkeyPatch, pool: tuple[np.ndarray, list[int]], workers: int, rnd: random.Random
) -> None:
    monkeypatch.setattr(module, "workers", lambda: workers)
    monkeypatch.setattr(parallel, "workers", lambda: workers)
    picks = [rnd.randrange(len(pool[0])) for _ in range(9000)]
    known = [pool[1][pick] for pick in picks]
    expect(pool[0][picks], known, [rnd.randrange(P) for _ in picks])
    expect_integers(pool[0][picks], known, np.array([rnd.randrange(-32768, 32768) for _ in picks], np.int16))


@pytest.mark.parametrize("workers", [1, 2, 64])
def test_plan__any_size__is_of_the_kind_that_is_tested(workers: int) -> None:
    for count, length in itertools.product([1, 2, 1024, 1025, 10**5, 10**7], [1, 15, 16, 64, 254]):
        bits, group, parts = module._plan(count, length, workers)
        assert bits in WIDTHS
        assert 1 <= group <= length // bits + 1
        assert parts == 1 or (count > 1024 and parts == workers)


# --- digits -------------------------------------------------------------------------------------------------------


def digit_of(key: int, window: int, half: int) -> int:
    """The digit of -half to half that a key stands for, which is one of this window."""
    if key == 0:
        return 0
    assert (abs(key) - 1) // half == window
    digit = (abs(key) - 1) % half + 1
    return digit if key > 0 else -digit


def expect_digits(fill: Callable[..., None], operand: np.ndarray, scalars: list[int], bits: int, length: int) -> None:
    """The digits of as many windows as `msm` takes for scalars of this length add up to them."""
    windows, half = length // bits + 1, 1 << (bits - 1)
    for group in {1, min(windows, 5)}:
        totals = [0] * len(scalars)
        for first in range(0, windows, group):
            keys = np.full((min(group, windows - first), len(scalars)), 2**31 - 1, np.int32)
            fill(operand, first, bits, keys)
            for w, row in enumerate(keys.tolist()):
                for k, key in enumerate(row):
                    totals[k] += digit_of(key, w, half) << (bits * (first + w))
        assert totals == scalars


def patterns(length: int) -> list[int]:
    """Numbers of up to `length` bits: runs of ones that start and end around limbs and windows."""
    ends = {0, 1, 2, length - 2, length - 1, length} | {64 * k + j for k in range(1, 4) for j in (-17, -1, 0, 1, 16)}
    bounds = sorted(end for end in ends if 0 <= end <= length)
    runs = [(1 << high) - (1 << low) for low in bounds for high in bounds if low <= high]
    source = random.Random(length)
    return [*runs, *((1 << k) for k in range(length)), *(source.randrange(1 << length) for _ in range(50))]


@pytest.mark.parametrize("bits", WIDTHS)
def test_wide_digits__of_any_length__add_up_to_the_scalar(bits: int) -> None:
    for length in (1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129, 191, 192, 193, 252, 253, 254):
        scalars = patterns(length)
        expect_digits(module._wide_digits, words(scalars), scalars, bits, length)
    edges = [0, 1, P - 1, P - 2, 2**253, 2**253 - 1]
    expect_digits(module._wide_digits, words(edges), edges, bits, 254)


@pytest.mark.parametrize("bits", WIDTHS)
def test_integer_digits__of_any_length__add_up_to_the_scalar(bits: int) -> None:
    for length in (1, 2, 8, 14, 15, 16, 17, 31, 32, 33, 62, 63):
        scalars = [sign * value for value in patterns(length) for sign in (1, -1)]
        expect_digits(module._integer_digits, np.array(scalars, np.int64), scalars, bits, length)
    least = [INT64.min, INT64.min + 1, INT64.max]
    expect_digits(module._integer_digits, np.array(least, np.int64), [int(value) for value in least], bits, 64)
    small = [-32768, -32767, -1, 0, 1, 32766, 32767]
    expect_digits(module._integer_digits, np.array(small, np.int16), small, bits, 16)


@pytest.mark.parametrize("length", [0, 1, 15, 16, 63, 64, 65, 128, 192, 253])
def test_length__of_scalars__is_that_of_the_largest(length: int) -> None:
    scalars = [0, 1 if length else 0, (1 << length) - 1]
    assert module._length(words(scalars)) == length
    for sign in (1, -1):
        if length < 64:
            assert module._length(np.array([sign * value for value in scalars], np.int64)) == length
    assert module._length(np.array([-32768, 5], np.int16)) == 16
    assert module._length(np.array([INT64.min], np.int64)) == 64


# --- arguments ----------------------------------------------------------------------------------------------------


def test_msm__strided_arguments__are_read_as_they_stand(points: np.ndarray, logarithms: list[int]) -> None:
    scalars = words(range(5, 205))
    expect(points[:100], logarithms[:100], list(range(5, 205, 2)), scalars[::2])
    values = np.arange(-100, 100, dtype=np.int16)[::-2]
    expect_integers(points[:100], logarithms[:100], values)


def test_msm__lengths_differ__raises(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="3 scalars for points of shape"):
        msm(points[:2], np.ones(3, np.int16))


def test_msm__arguments__stay_as_they_are(points: np.ndarray) -> None:
    scalars = words(range(1, 65))
    before = points[:64].copy(), scalars.copy()
    msm(points[:64], scalars)
    assert np.array_equal(points[:64], before[0])
    assert np.array_equal(scalars, before[1])


def test_sum_by_key__sums_just_above_twice_q__are_canonical() -> None:
    """x of 2 Q and little more, where the lanes leave it: what comes next takes less than 2 Q."""
    for k, point in enumerate(small_points(8)):
        first = multiple(1000 + k)
        pair = points_to_words([first, sum_of([point, negate(first)])])
        sums, keys = module._sum_by_key(pair, np.ones((1, 2), np.int32), 1)
        assert np.array_equal(sums, points_to_words([point]))
        assert keys.tolist() == [1]


@pytest.mark.parametrize("size", [1, 2, 64, 4096])
@pytest.mark.parametrize("count", [1, 4, 1 << 16])
def test_sums_by_key__weighted_by_the_keys__are_the_weighted_points(
    points: np.ndarray, logarithms: list[int], size: int, count: int
) -> None:
    rows = np.random.default_rng(size).integers(0, count, (3, size)).astype(np.uint16)
    rows[0, :2] = [count - 1, 0][:size]
    rows[1] = count // 2
    for keys, (sums, known) in zip(rows, sums_by_key(points[:size], rows, count), strict=True):
        assert sorted(set(known.tolist())) == sorted(set(keys.tolist()))
        weights = [5 * key + 1 for key in known.tolist()]
        total = sum((5 * int(key) + 1) * logarithm for key, logarithm in zip(keys, logarithms, strict=False))
        assert words_to_points(msm(sums, words(weights))) == [multiple(total)]


def test_sums_by_key__more_points_than_a_tile_with_one_key__is_their_sum(
    points: np.ndarray, logarithms: list[int]
) -> None:
    picks = [k % 4096 for k in range(20_000)]
    ((sums, keys),) = sums_by_key(points[picks], np.full((1, 20_000), 7, np.uint16), 16)
    assert set(keys.tolist()) == {7}
    total = sum(logarithms[k] for k in picks)
    assert words_to_points(msm(sums, words([1] * len(sums)))) == [multiple(total)]


def test_sums_by_key__of_other_shape__raises(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="2 points for keys of shape"):
        sums_by_key(points[:2], np.zeros((1, 3), np.uint16), 4)

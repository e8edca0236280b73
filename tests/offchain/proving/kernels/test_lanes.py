"""Lanes against Python integers, for all pairs of values at the edges of what each operation takes.

What it takes and gives is stated in `offchain.proving.kernels.ifma`. Where lanes are single elements all values are
below 2p: the tests are the same, over a smaller range.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import numpy as np
import pytest

from offchain.proving.kernels.build import BUILD, kernel
from offchain.proving.kernels.lanes import (
    ALL_LANES,
    GAP,
    RADIX,
    STASH_WORDS,
    WIDTH,
    Lanes,
    canonical_lanes,
    fq_lanes,
    fr_lanes,
    lane_factor,
    lanes_constant,
    listed,
    load_fq_lanes,
    load_fr_lanes,
    may_have_plain_zero,
    may_have_zero,
    opposite,
    places,
    prefetch,
    reduced,
    select,
    stash,
    stashed_fq,
    stashed_fr,
    store_fq_lanes,
    store_fr_lanes,
    stretch,
    unreduced_lanes,
    zero_lanes,
)
from tests.offchain.proving.kernels.lane_values import HAIR, LOOSE, empty_stash, filled, from_stash, to_stash
from tests.offchain.proving.reference import P, Q, integers, words

ADD, SUBTRACT, MULTIPLY, REDUCED, CANONICAL, STRETCH = range(6)


@kernel
def _result(operation: int, x: Lanes, y: Lanes) -> Lanes:
    if operation == ADD:
        return x + y
    if operation == SUBTRACT:
        return x - y
    if operation == MULTIPLY:
        return x * y
    if operation == REDUCED:
        return reduced(x)
    if operation == CANONICAL:
        return canonical_lanes(x)
    return stretch(x)


@kernel
def operate_fr(operation: int, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(out) // STASH_WORDS):
        stash(out, i, _result(operation, stashed_fr(a, i), stashed_fr(b, i)))


@kernel
def operate_fq(operation: int, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(out) // STASH_WORDS):
        stash(out, i, _result(operation, stashed_fq(a, i), stashed_fq(b, i)))


@kernel
def _flags_of(x: Lanes, flags: np.ndarray, i: int) -> None:
    flags[i, 0], flags[i, 1] = zero_lanes(x), unreduced_lanes(x)
    flags[i, 2], flags[i, 3] = may_have_zero(x), may_have_plain_zero(x)


@kernel
def examine_fr(a: np.ndarray, flags: np.ndarray) -> None:
    for i in range(len(flags)):
        _flags_of(stashed_fr(a, i), flags, i)


@kernel
def examine_fq(a: np.ndarray, flags: np.ndarray) -> None:
    for i in range(len(flags)):
        _flags_of(stashed_fq(a, i), flags, i)


@kernel
def choose_fr(masks: np.ndarray, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(masks)):
        stash(out, i, select(masks[i], stashed_fr(a, i), stashed_fr(b, i)))


@kernel
def choose_fq(masks: np.ndarray, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(masks)):
        stash(out, i, select(masks[i], stashed_fq(a, i), stashed_fq(b, i)))


FIELDS = pytest.mark.parametrize(
    ("operate", "p"), [(operate_fr, P), (operate_fq, Q)], ids=["Fr", "Fq"]
)  # the operations in a field, its order


def results(operate: Callable[..., None], operation: int, a: list[int], b: list[int]) -> list[int]:
    first, second = to_stash(filled(a)), to_stash(filled(b))
    out = empty_stash(len(first) // STASH_WORDS)
    operate(operation, first, second, out)
    return from_stash(out)[: len(a)]


def edges(p: int, bound: float) -> list[int]:
    """Values up to bound p, in single elements below 2p, where a carry, a borrow or a quotient turns."""
    most = int(bound * p) if LOOSE else min(int(bound * p), 2 * p - 1)
    multiples = {*range(9), 12, 15, 16, 20, 39, 40, 79, 80}
    values = {k * p + offset for k in multiples for offset in (-1, 0, 1)}
    for bits in (52, 64):
        for k in range(1, 5):
            values |= {2 ** (bits * k) - 1, 2 ** (bits * k), (2**bits - 1) << (bits * k), 2**256 - 2 ** (bits * k)}
    values |= {2**51, 2**256 - 1, 2**260 - 1, RADIX % p, most - 1, most}
    source = random.Random(p + most)
    values |= {source.randrange(most + 1) for _ in range(8)}
    return sorted(value for value in values if 0 <= value <= most)


# --- arithmetic ---------------------------------------------------------------------------------------------------


@FIELDS
def test_add__all_pairs_of_edges__is_the_sum(operate: Callable[..., None], p: int) -> None:
    pairs = list(itertools.product(edges(p, 40), repeat=2))
    sums = results(operate, ADD, [a for a, _ in pairs], [b for _, b in pairs])
    for (a, b), value in zip(pairs, sums, strict=True):
        if LOOSE:
            assert value == a + b
        else:
            assert value < 2 * p
            assert value % p == (a + b) % p


@FIELDS
def test_subtract__all_pairs_of_edges__is_the_difference(operate: Callable[..., None], p: int) -> None:
    pairs = list(itertools.product(edges(p, 70), edges(p, 4 * (1 + HAIR))))
    differences = results(operate, SUBTRACT, [a for a, _ in pairs], [b for _, b in pairs])
    for (a, b), value in zip(pairs, differences, strict=True):
        if LOOSE:
            assert value == a + 5 * p - b
        else:
            assert value < 2 * p
            assert value % p == (a - b) % p


@pytest.mark.parametrize(
    "bounds", [(2, 2), (2 + HAIR, 2 + HAIR), (1, 80), (80, 1), (2, 40), (40, 2), (8, 10), (5.2, 15), (7, 8), (1, 5.29)]
)
@FIELDS
def test_multiply__all_pairs_of_edges__is_below_2p(
    operate: Callable[..., None], p: int, bounds: tuple[float, float]
) -> None:
    pairs = list(itertools.product(edges(p, bounds[0]), edges(p, bounds[1])))
    products = results(operate, MULTIPLY, [a for a, _ in pairs], [b for _, b in pairs])
    assert max(products) < 2 * p
    for (a, b), value in zip(pairs, products, strict=True):
        assert value * RADIX % p == a * b % p


@FIELDS
def test_multiply__reduced_by_256_bits__is_below_2p(operate: Callable[..., None], p: int) -> None:
    """How random bytes are reduced, in single elements too."""
    numbers = [0, 1, 2**64 - 1, 5 * p, 2**255, 2**256 - 2**64, 2**256 - 1, random.Random(p).randrange(2**256)]
    pairs = list(itertools.product([a for a in edges(p, 1) if a < p], numbers))
    products = results(operate, MULTIPLY, [a for a, _ in pairs], [b for _, b in pairs])
    assert max(products) < 2 * p
    assert [value * RADIX % p for value in products] == [a * b % p for a, b in pairs]


@FIELDS
def test_reduced__edges_up_to_16p__is_below_2p_or_a_hair_above(operate: Callable[..., None], p: int) -> None:
    source = random.Random(p)
    values = edges(p, 16)
    if LOOSE:  # around each quotient, near and far for its estimate
        values += [
            2 * p * k + sign * 2**bits
            for k in range(1, 8)
            for bits in (0, 100, 207, 208, 209, 216, 218, 220, 224)
            for sign in (-1, 1)
        ]
        values += [source.randrange(16 * p) for _ in range(1000)]
    for value, result in zip(values, results(operate, REDUCED, values, values), strict=True):
        assert result < 2 * p + int(2 * p * HAIR)
        assert result % p == value % p


@FIELDS
def test_canonical_lanes__edges_below_4p__is_the_remainder(operate: Callable[..., None], p: int) -> None:
    values = [value for value in edges(p, 4) if value < 4 * p]
    assert results(operate, CANONICAL, values, values) == [value % p for value in values]


@FIELDS
def test_stretch__edges__is_gap_times_the_value(operate: Callable[..., None], p: int) -> None:
    values = edges(p, 20)
    assert results(operate, STRETCH, values, values) == [GAP * value for value in values]
    assert GAP**2 == RADIX >> 256


_zero, _large = lanes_constant(fr_lanes, 0), lanes_constant(fr_lanes, 2**300 + 3)
_minus_one = lanes_constant(fq_lanes, Q - 1)


@kernel
def constants(out: np.ndarray) -> None:
    stash(out, 0, _zero())
    stash(out, 1, _large())
    stash(out, 2, _minus_one())


def test_lanes_constant__any_number__is_its_remainder_in_all_lanes() -> None:
    out = empty_stash(3)
    constants(out)
    assert from_stash(out) == [value for value in (0, (2**300 + 3) % P, Q - 1) for _ in range(WIDTH)]


def test_lane_factor__of_a_scalar__is_its_montgomery_form() -> None:
    assert integers(lane_factor(P - 3)) == [(P - 3) * RADIX % P]


# --- masks --------------------------------------------------------------------------------------------------------

MASKS = pytest.mark.parametrize(("examine", "p"), [(examine_fr, P), (examine_fq, Q)], ids=["Fr", "Fq"])


def flags_of(examine: Callable[..., None], values: list[int]) -> list[list[int]]:
    """[zero, unreduced, may have zero, may have plain zero] of each WIDTH values."""
    stashed = to_stash(values)
    flags = np.full((len(values) // WIDTH, 4), -1, np.int64)
    examine(stashed, flags)
    return flags.tolist()


def groups_of(values: list[int]) -> list[list[int]]:
    return [values[k : k + WIDTH] for k in range(0, len(values), WIDTH)]


def mask_of(flags: list[bool]) -> int:
    return sum(1 << lane for lane, flag in enumerate(flags) if flag)


@MASKS
def test_zero_lanes__edges_up_to_16p__are_the_multiples_of_p(examine: Callable[..., None], p: int) -> None:
    source = random.Random(1)
    values = edges(p, 16) * 9 + ([k * p for k in range(17)] if LOOSE else [0, p]) * 4
    source.shuffle(values)
    values = filled(values)
    masks = [mask_of([value % p == 0 for value in group]) for group in groups_of(values)]
    assert [row[0] for row in flags_of(examine, values)] == masks


@MASKS
def test_unreduced_lanes__edges__are_those_from_p(examine: Callable[..., None], p: int) -> None:
    source = random.Random(2)
    values = [*edges(p, 16), p, 2**256 - 1, p + 2**52, p - 2**52, p + 2**208, p - 2**208, p + 2**192, p - 2**192] * 9
    source.shuffle(values)
    values = filled(values)
    masks = [mask_of([value >= p for value in group]) for group in groups_of(values)]
    assert [row[1] for row in flags_of(examine, values)] == masks


@MASKS
@pytest.mark.parametrize("lane", range(WIDTH))
def test_may_have_zero__one_multiple_of_p_in_any_lane__is_true(examine: Callable[..., None], p: int, lane: int) -> None:
    source = random.Random(lane)
    for k in range(8 if LOOSE else 2):
        ordinary = [source.randrange(1, 2 * p) for _ in range(WIDTH)]
        with_zero = [*ordinary[:lane], k * p, *ordinary[lane + 1 :]]
        ((_, _, before, plain_before),) = flags_of(examine, ordinary)
        ((_, _, after, plain_after),) = flags_of(examine, with_zero)
        assert (before, plain_before) == (0, 0)
        assert after == 1
        assert plain_after == 1 or k > 0


def test_all_lanes__as_a_mask__has_a_bit_for_each() -> None:
    assert mask_of([True] * WIDTH) == ALL_LANES


@pytest.mark.parametrize(("choose", "p"), [(choose_fr, P), (choose_fq, Q)], ids=["Fr", "Fq"])
def test_select__any_mask__takes_the_first_where_it_has_a_bit(choose: Callable[..., None], p: int) -> None:
    source = random.Random(3)
    masks = [0, ALL_LANES, *(1 << lane for lane in range(WIDTH)), *(source.randrange(ALL_LANES + 1) for _ in range(50))]
    pool = edges(p, 16)
    a, b = ([source.choice(pool) for _ in range(WIDTH * len(masks))] for _ in range(2))
    out = empty_stash(len(masks))
    choose(np.array(masks, np.int64), to_stash(a), to_stash(b), out)
    picked = [masks[k // WIDTH] >> (k % WIDTH) & 1 for k in range(len(a))]
    assert from_stash(out) == [x if bit else y for x, y, bit in zip(a, b, picked, strict=True)]


# --- memory -------------------------------------------------------------------------------------------------------


@kernel
def places_of(first: int, stride: int, end: int, total: int, out: np.ndarray) -> None:
    for lane, index in enumerate(places(first, stride, end)):
        out[0, lane] = index
    for lane, index in enumerate(opposite(places(first, stride, end), total)):
        out[1, lane] = index


@kernel
def list_of(indices: np.ndarray, first: int, out: np.ndarray) -> None:
    for lane, index in enumerate(listed(indices, first)):
        out[lane] = index


@kernel
def read_fr(source: np.ndarray, first: int, stride: int, end: int, out: np.ndarray) -> None:
    stash(out, 0, load_fr_lanes(source, places(first, stride, end)))


@kernel
def write_fr(values: np.ndarray, first: int, stride: int, end: int, target: np.ndarray) -> None:
    store_fr_lanes(target, places(first, stride, end), stashed_fr(values, 0))


@kernel
def read_fq(source: np.ndarray, first: int, stride: int, end: int, column: int, out: np.ndarray) -> None:
    stash(out, 0, load_fq_lanes(source, places(first, stride, end), column))


@kernel
def write_fq(values: np.ndarray, first: int, stride: int, end: int, column: int, target: np.ndarray) -> None:
    store_fq_lanes(target, places(first, stride, end), column, stashed_fq(values, 0))


@kernel
def prefetch_row(array: np.ndarray, row: int) -> None:
    prefetch(array, row)


ROWS = 7 * WIDTH + 5
NUMBERS = [0, 1, P - 1, 2 * P - 1, 2**64 - 1, 2**192, 2**256 - 1, 2**52 - 1, 2**208 - 1, (2**52 - 1) << 104]
SPANS = [
    (first, stride, end)
    for first, stride in [(0, 0), (0, 1), (3, 1), (1, 2), (2, 5), (0, 7), (ROWS - 1, 1), (ROWS - WIDTH, 1)]
    for end in (first + 1, first + WIDTH // 2 + 1, ROWS)
    if end <= ROWS
]


def numbers(count: int) -> list[int]:
    source = random.Random(count)
    return [*NUMBERS, *(source.randrange(2**256) for _ in range(count))][:count]


@pytest.mark.parametrize(("first", "stride", "end"), SPANS)
class TestSpans:
    def test_places__of_a_span__stop_at_its_end(self, first: int, stride: int, end: int) -> None:
        out = np.empty((2, WIDTH), np.int64)
        places_of(first, stride, end, 1000, out)
        expected = [min(first + stride * lane, end - 1) for lane in range(WIDTH)]
        assert out.tolist() == [expected, [1000 - place for place in expected]]

    def test_load_fr_lanes__rows_of_a_span__are_read(self, first: int, stride: int, end: int) -> None:
        rows, out = numbers(ROWS), empty_stash(1)
        read_fr(words(rows), first, stride, end, out)
        assert from_stash(out) == [rows[min(first + stride * lane, end - 1)] for lane in range(WIDTH)]

    def test_store_fr_lanes__rows_of_a_span__are_written_alone(self, first: int, stride: int, end: int) -> None:
        before = numbers(ROWS)[::-1]
        for values in (NUMBERS * ROWS, numbers(ROWS)):
            at = [min(first + stride * lane, end - 1) for lane in range(WIDTH)]
            target, expected = words(before), before.copy()
            for place in at:
                expected[place] = values[place]
            write_fr(to_stash([values[place] for place in at]), first, stride, end, target)
            assert integers(target) == expected

    @pytest.mark.parametrize("column", range(4))
    def test_fq_lanes__a_column_of_a_span__is_read_and_written_alone(
        self, first: int, stride: int, end: int, column: int
    ) -> None:
        """Columns 2 and 3 are in the next row."""
        coordinates, out = numbers(2 * ROWS + 2), empty_stash(1)
        array = words(coordinates).reshape(-1, 8)
        read_fq(array, first, stride, end, column, out)
        at = [2 * min(first + stride * lane, end - 1) + column for lane in range(WIDTH)]
        assert from_stash(out) == [coordinates[place] for place in at]
        expected = coordinates.copy()
        for place in at:
            expected[place] = (coordinates[place] + 1) % 2**256
        write_fq(to_stash([expected[place] for place in at]), first, stride, end, column, array)
        assert integers(array) == expected


def test_memory__rows_that_arent_next_to_each_other__are_refused() -> None:
    """They would be read as if they were."""
    values, out, array = to_stash([1] * WIDTH), empty_stash(1), words(range(40)).reshape(-1, 8)
    for strided in (array[::2], array[:, :4], array[::-1], array.T):
        for action in (
            lambda strided=strided: read_fr(strided, 0, 1, 1, out),
            lambda strided=strided: read_fq(strided, 0, 1, 1, 0, out),
            lambda strided=strided: write_fr(values, 0, 1, 1, strided),
            lambda strided=strided: write_fq(values, 0, 1, 1, 0, strided),
        ):
            with pytest.raises(TypeError, match="contiguous arrays of uint64"):
                action()


def test_listed__from_any_entry__are_the_next() -> None:
    indices = np.array([k * k for k in range(3 * WIDTH)], np.int64)
    for first in range(2 * WIDTH):
        out = np.empty(WIDTH, np.int64)
        list_of(indices, first, out)
        assert out.tolist() == indices[first : first + WIDTH].tolist()


def test_stash__many_values__keeps_each_as_it_is() -> None:
    values = [source for bound in (2, 16, 40) for source in edges(P, bound)]
    values = values[: len(values) // WIDTH * WIDTH]
    stashed = to_stash(values)
    out = empty_stash(len(values) // WIDTH)
    choose_fr(np.full(len(values) // WIDTH, ALL_LANES), stashed, stashed, out)
    assert np.array_equal(out, stashed)


def test_prefetch__any_row__changes_nothing() -> None:
    array = np.arange(80, dtype=np.uint64).reshape(10, 8)
    for row in (0, 9, 10**9):
        prefetch_row(array, row)
    assert array.reshape(-1).tolist() == list(range(80))


def test_width__of_this_build__is_one_unless_vectors_are_used() -> None:
    assert (BUILD == "ifma") == LOOSE

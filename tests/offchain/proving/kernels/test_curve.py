"""Points against py_ecc: ordinary sums, and those where a formula divides by zero."""

from __future__ import annotations

import random

import numpy as np
import pytest

from offchain.proving.kernels import curve
from offchain.proving.kernels.build import kernel
from offchain.proving.kernels.field import load_fq
from tests.offchain.proving.reference import (
    P,
    Point,
    Q,
    integers,
    multiple,
    negate,
    points_to_words,
    small_points,
    sum_of,
    words,
    words_to_points,
)

IDENTITY: Point = (0, 0)


@kernel
def accumulate(points: np.ndarray, choices: np.ndarray, out: np.ndarray) -> None:
    """Runs a program on two accumulators: k >= 0 adds point k to the first; else DOUBLE, ADD_OTHER or SWAP."""
    a, b = np.empty((1, 16), np.uint64), np.empty((1, 16), np.uint64)
    curve.xyzz_clear(a, 0)
    curve.xyzz_clear(b, 0)
    for choice in choices:
        if choice >= 0:
            curve.xyzz_add_affine(a, 0, load_fq(points, 2 * choice), load_fq(points, 2 * choice + 1))
        elif choice == -1:
            curve.xyzz_double(a, 0)
        elif choice == -2:
            curve.xyzz_add(a, 0, b, 0)
        else:
            a, b = b, a
    curve.xyzz_to_affine(a, out, 0, 1)


DOUBLE, ADD_OTHER, SWAP = -1, -2, -3


def run_program(points: list[Point], program: list[int]) -> Point:
    out = np.empty((1, 8), np.uint64)
    accumulate(points_to_words(points), np.array(program, np.int64), out)
    return words_to_points(out)[0]


@pytest.fixture(scope="module")
def p() -> Point:
    return multiple(0xDEADBEEF)


@pytest.fixture(scope="module")
def q() -> Point:
    return multiple(2**200 + 77)


def test_add__all_pairs_of_special_points__equals_py_ecc(p: Point, q: Point) -> None:
    specials = [IDENTITY, p, negate(p), q, (1, 2), multiple(2), multiple(P - 1)]
    encoded = points_to_words(specials)
    for i, left in enumerate(specials):
        for j, right in enumerate(specials):
            assert words_to_points(curve.add(encoded[i], encoded[j])) == [sum_of([left, right])], (left, right)


@pytest.mark.parametrize(
    ("program", "terms"),
    [
        ([], []),
        ([DOUBLE], []),
        ([0], [0]),
        ([0, DOUBLE, DOUBLE], [0] * 4),
        ([0, 0, 0], [0] * 3),
        ([0, 1, 2], [0, 1, 2]),
        ([0, 1], [0, 1]),  # cancels
        ([0, 1, 2], [2]),
        ([0, 3, 2], [0, 2]),  # point 3 is the identity
        ([0, SWAP, ADD_OTHER], [0]),
        ([0, 2, SWAP, ADD_OTHER, ADD_OTHER], [0, 2] * 2),  # the same point over other denominators
        ([0, 2, SWAP, 1, ADD_OTHER], [2]),
        ([0, 2, SWAP, 1, 1, 2, SWAP, ADD_OTHER], [1, 2, 2]),
        ([2, DOUBLE, 0, SWAP, 2, 2, 0, ADD_OTHER], [2, 2, 0] * 2),  # equal, not written the same way
        ([2, DOUBLE, SWAP, ADD_OTHER, SWAP, 0, ADD_OTHER], [2, 2, 0, 2, 2]),
    ],
)
def test_xyzz__programs_with_special_cases__equal_py_ecc(
    p: Point, q: Point, program: list[int], terms: list[int]
) -> None:
    points = [p, negate(p), q, IDENTITY]
    assert run_program(points, program) == sum_of(points[k] for k in terms)


def test_xyzz__long_random_programs__equal_py_ecc(p: Point, q: Point, rnd: random.Random) -> None:
    points = [p, negate(p), q, IDENTITY]
    for _ in range(20):
        program = [rnd.choice([0, 1, 2, 3, DOUBLE, ADD_OTHER, SWAP]) for _ in range(30)]
        first, second = IDENTITY, IDENTITY
        for step in program:
            if step >= 0:
                first = sum_of([first, points[step]])
            elif step == DOUBLE:
                first = sum_of([first, first])
            elif step == ADD_OTHER:
                first = sum_of([first, second])
            else:
                first, second = second, first
        assert run_program(points, program) == first


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 48])
def test_multiples__of_edges__equal_py_ecc(count: int, rnd: random.Random) -> None:
    scalars = ([P - 1, 0, 1, 2, 255, 256, 257, 2**64, P - 2, 2**253] + [rnd.randrange(P) for _ in range(40)])[:count]
    assert words_to_points(curve.multiples(words(scalars))) == [multiple(scalar) for scalar in scalars]


def test_multiples__sum_just_above_twice_q__is_canonical() -> None:
    """A table that makes the last addition leave an x of 2 Q and little more, where the lanes allow it."""
    for k, point in enumerate(small_points(8)):
        first = multiple(1000 + k)
        table = np.zeros((32 * 256, 8), np.uint64)
        table[[1, 257]] = points_to_words([first, sum_of([point, negate(first)])])
        out = np.empty((1, 8), np.uint64)
        curve._multiples(table, words([257]), out)
        assert np.array_equal(out, points_to_words([point]))


def test_encode_and_decode__points__are_inverse(p: Point) -> None:
    for point in (IDENTITY, p, (1, 2)):
        encoded = curve.decode(point)
        assert words_to_points(encoded) == [point]
        assert curve.encode(encoded) == point


def test_first_off_curve__points_of_the_curve__finds_none(points: np.ndarray) -> None:
    assert curve.first_off_curve(points) is None


@pytest.mark.parametrize("index", [0, 1, 1023, 1024, 2500, 4095])
def test_first_off_curve__one_wrong__finds_it(points: np.ndarray, index: int) -> None:
    (x, y) = words_to_points(points[index])[0]
    good = points_to_words([(x, y)])[0]
    plain = integers(good)
    unreduced_x, unreduced_y = words([plain[0] + Q, plain[1]]).ravel(), words([plain[0], plain[1] + Q]).ravel()
    for wrong in (
        points_to_words([(x, y + 1)])[0],
        np.zeros(8, np.uint64),
        unreduced_x,
        unreduced_y,
        np.full(8, 2**64 - 1, np.uint64),
    ):
        spoilt = points.copy()
        spoilt[index] = wrong
        spoilt[-1] = wrong  # a later one doesn't hide it
        assert curve.first_off_curve(spoilt) == index


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 33])
def test_first_off_curve__few_points__finds_each(points: np.ndarray, count: int) -> None:
    assert curve.first_off_curve(points[:count]) is None
    for index in range(count):
        spoilt = points[:count].copy()
        spoilt[index, :4] = spoilt[index - 1, 4:]
        assert curve.first_off_curve(spoilt) == index


def test_first_off_curve__no_points__finds_none() -> None:
    assert curve.first_off_curve(np.empty((0, 8), np.uint64)) is None

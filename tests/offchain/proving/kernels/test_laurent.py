"""Laurent polynomials against dictionaries of Python integers."""

from __future__ import annotations

import random

import pytest

from offchain.proving.kernels.laurent import Laurent, short_product
from tests.offchain.proving.reference import P, integers, words

X = 0x123456789ABCDEF << 180


def coefficients_of(length: int) -> list[int]:
    source = random.Random(length)
    return [P - 1, 0, 1, *(source.randrange(P) for _ in range(length))][:length]


def product(left: list[int], right: list[int], y: int, low: int, high: int) -> list[int]:
    """The coefficients of left(X) right(y/X) from -low to high, all there are."""
    sums = dict.fromkeys(range(-low, high + 1), 0)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            if a * b:
                sums[i - j] += a * b * pow(y, j, P)
    return [value % P for value in sums.values()]


def test_add__at_exponents_on_both_sides__adds_there() -> None:
    laurent = Laurent(3, 2)
    laurent.add(words([1, 2, 3]), 5, -3)
    laurent.add(words([1, 1, 1]), -1)
    laurent.add(words([4]), 2, 2)
    assert integers(laurent.part(-3, 3)) == [5, 10, 15, P - 1, P - 1, 7]
    assert integers(laurent.positive) == [P - 1, 7]
    assert integers(laurent.negative) == [15, 10, 5]


def test_add_all__narrower_one__keeps_its_exponents() -> None:
    wide, narrow = Laurent(3, 2), Laurent(1, 1)
    wide.add(words([1] * 6), 1, -3)
    narrow.add(words([10, 20, 30]), 1, -1)
    wide.add_all(narrow)
    assert integers(wide.part(-3, 3)) == [1, 1, 11, 21, 31, 1]


@pytest.mark.parametrize("x", [1, 2, P - 1, X])
@pytest.mark.parametrize("length", [1, 2, 17, 64, 700])
@pytest.mark.parametrize("count", [1, 5, 64, 300])
def test_divide__span__is_the_product_with_a_geometric_sum(length: int, count: int, x: int) -> None:
    f = coefficients_of(length)
    laurent = Laurent(count, length)
    laurent.add_span(words(f), 3, x, count)
    laurent.divide(x)
    assert integers(laurent.part(-count, length + 1)) == product(
        [3 * value for value in f], [1] * count, x, count, length
    )


@pytest.mark.parametrize("y", [1, X])
@pytest.mark.parametrize(("left", "right"), [(1, 1), (3, 5), (16, 16)])
def test_short_product__of_any_lengths__equals_the_double_loop(left: int, right: int, y: int) -> None:
    a, b = coefficients_of(left), coefficients_of(right)
    result = short_product(words(a), words(b), y)
    assert integers(result.part(1 - right, left)) == product(a, b, y, right - 1, left - 1)

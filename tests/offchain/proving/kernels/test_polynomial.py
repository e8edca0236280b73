"""Polynomials against Python integers."""

from __future__ import annotations

import random

import numpy as np
import pytest

from offchain.proving.kernels.polynomial import accumulate, autocorrelation, divide_by_linear, evaluate
from tests.offchain.proving import reference
from tests.offchain.proving.reference import P, integers, words

LENGTHS = [1, 2, 3, 17, 2047, 2048, 20_000]


def coefficients_of(length: int) -> list[int]:
    source = random.Random(length)
    return [P - 1, 0, 1, *(source.randrange(P) for _ in range(length))][:length]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("x", [0, 1, P - 1, 0x123456789ABCDEF << 180])
def test_evaluate__at_edges__equals_python(length: int, x: int) -> None:
    f = coefficients_of(length)
    assert evaluate(words(f), x) == reference.evaluate(f, x)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("x", [0, 1, P - 1, 0x123456789ABCDEF << 180])
def test_divide_by_linear__times_divisor_plus_value__is_the_dividend(length: int, x: int) -> None:
    f = coefficients_of(length)
    quotient = integers(divide_by_linear(words(f), x))
    assert len(quotient) == length - 1
    shifted = zip([0, *quotient], [*quotient, 0], strict=True)
    product = [(high - x * low) % P for high, low in shifted]
    product[0] = (product[0] + reference.evaluate(f, x)) % P
    assert product == f


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("scale", [0, 1, P - 1, -5, 2**300])
def test_accumulate__shorter_and_as_long__equals_python(length: int, scale: int) -> None:
    total = coefficients_of(length)
    for part in (total, total[: length // 2 + 1], []):
        f = part[::-1]
        array = words(total)
        accumulate(array, words(f), scale)
        padded = [*f, *[0] * (length - len(f))]
        assert integers(array) == [(a + scale * b) % P for a, b in zip(total, padded, strict=True)]


def test_accumulate__longer_than_the_sum__raises() -> None:
    with pytest.raises(ValueError, match="longer than the sum"):
        accumulate(words([1, 2]), words([1, 2, 3]), 1)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 15, 16, 17, 32, 33, 200])
def test_autocorrelation__of_any_length__equals_the_double_loop(length: int) -> None:
    a = coefficients_of(length)
    expected = [sum(a[j] * a[j + k] for j in range(length - k)) % P for k in range(1, length)]
    assert integers(autocorrelation(words(a))) == expected


def test_autocorrelation__long__has_the_right_values(rnd: random.Random) -> None:
    a = coefficients_of(9000)  # transforms wider than a block
    x, xinv = 12345, pow(12345, -1, P)
    h = integers(autocorrelation(words(a)))
    norm = sum(value * value for value in a)
    product = reference.evaluate(a, x) * reference.evaluate(a, xinv)
    assert (norm + x * reference.evaluate(h, x) + xinv * reference.evaluate(h, xinv) - product) % P == 0
    for k in (1, 2, rnd.randrange(1, 9000), 8999):
        assert h[k - 1] == sum(a[j] * a[j + k] for j in range(9000 - k)) % P


def test_functions__arguments__stay_as_they_are() -> None:
    f = words(coefficients_of(100))
    before = f.copy()
    evaluate(f, 3)
    divide_by_linear(f, 3)
    autocorrelation(f)
    assert np.array_equal(f, before)

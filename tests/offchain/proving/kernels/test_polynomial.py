"""Polynomials against Python integers."""

from __future__ import annotations

import random

import numpy as np
import pytest

from offchain.proving.kernels import parallel
from offchain.proving.kernels import polynomial as module
from offchain.proving.kernels.lanes import WIDTH
from offchain.proving.kernels.polynomial import autocorrelation, divide_by_linear, evaluate, sum_suffixes
from tests.offchain.proving import reference
from tests.offchain.proving.reference import P, integers, words

# around a coefficient or two for each lane; an even and an odd length of segments; some for each thread
LENGTHS = sorted({1, 2, 3, WIDTH - 1 or 1, WIDTH, WIDTH + 1, 2 * WIDTH, 3 * WIDTH + 1, 17, 2047, 2048, 20_000, 20_016})


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


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("length", [1, 33, 4097, 20_000, 33_333])
def test_horner__any_number_of_workers__is_the_same(monkeypatch: pytest.MonkeyPatch, length: int, workers: int) -> None:
    f, x = coefficients_of(length), P - 12345
    expected = reference.horner(f, x)
    monkeypatch.setattr(module, "workers", lambda: workers)
    monkeypatch.setattr(parallel, "workers", lambda: workers)
    assert evaluate(words(f), x) == expected[0]
    assert integers(divide_by_linear(words(f), x)) == expected[1:]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("x", [0, 1, P - 1, 0x123456789ABCDEF << 180])
def test_sum_suffixes__in_place__obeys_its_recurrence(length: int, x: int) -> None:
    f = coefficients_of(length)
    array = words(f)
    sum_suffixes(array, x)
    sums = integers(array)
    assert f == [(here - x * above) % P for here, above in zip(sums, [*sums[1:], 0], strict=True)]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 15, 16, 17, 32, 33, 63, 64, 65, 127, 128, 129, 200, 600])
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


@pytest.mark.parametrize("value", [0, 1, P - 1])
def test_autocorrelation__of_equal_entries__counts_the_terms(value: int) -> None:
    d = 5000
    expected = [(d - k) * value * value % P for k in range(1, d)]
    assert integers(autocorrelation(words([value] * d))) == expected


def test_functions__arguments__stay_as_they_are() -> None:
    f = words(coefficients_of(100))
    before = f.copy()
    evaluate(f, 3)
    divide_by_linear(f, 3)
    autocorrelation(f)
    assert np.array_equal(f, before)

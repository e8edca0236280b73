"""The transform against direct evaluation at the roots of unity."""

from __future__ import annotations

import random

import numpy as np
import pytest

from offchain.proving.kernels import parallel
from offchain.proving.kernels.transform import LEAST_SIZE, inverse_transform, root_of_unity, transform
from tests.offchain.proving.reference import P, integers, words

LARGE = [11, 13, 14, 15, 16]  # one block; wider passes; a first layer alone


def bit_reversed(index: int, bits: int) -> int:
    return int(format(index, f"0{bits}b")[::-1], 2)


def by_horner(coefficients: list[int], x: int) -> int:
    total = 0
    for coefficient in reversed(coefficients):
        total = (total * x + coefficient) % P
    return total


def values_of(bits: int) -> list[int]:
    source = random.Random(bits)
    return [P - 1, 0, 1, *(source.randrange(P) for _ in range(1 << bits))][: 1 << bits]


@pytest.mark.parametrize("bits", [8, 9, 10])
def test_transform__small__is_the_values_at_all_roots(bits: int) -> None:
    coefficients, root = values_of(bits), root_of_unity(1 << bits)
    values = words(coefficients)
    transform(values)
    assert integers(values) == [by_horner(coefficients, pow(root, bit_reversed(i, bits), P)) for i in range(1 << bits)]


@pytest.mark.parametrize("bits", LARGE)
def test_transform__large__is_right_at_some_roots(bits: int, rnd: random.Random) -> None:
    size, coefficients = 1 << bits, values_of(bits)
    root, values = root_of_unity(size), words(coefficients)
    transform(values)
    for i in (0, 1, 2, size // 2, size - 1, rnd.randrange(size)):
        assert integers(values[bit_reversed(i, bits)]) == [by_horner(coefficients, pow(root, i, P))]


@pytest.mark.parametrize("bits", [8, 9, *LARGE, 17])
def test_transform__of_a_power_of_x__is_powers_of_the_root(bits: int) -> None:
    """Every value of a transform of any size, by one power each."""
    size = 1 << bits
    for exponent in (1, size // 2 + 1):
        values = np.zeros((size, 4), np.uint64)
        values[exponent, 0] = 1
        transform(values)
        root, power, expected = pow(root_of_unity(size), exponent, P), 1, [0] * size
        for i in range(size):
            expected[bit_reversed(i, bits)] = power
            power = power * root % P
        assert integers(values) == expected


@pytest.mark.parametrize("value", [0, 1, P - 1])
@pytest.mark.parametrize("bits", [8, 9, 14, 15])
def test_transform__of_equal_entries__is_their_sum_and_zeros(bits: int, value: int) -> None:
    """All differences vanish, and all sums are as large as they get."""
    values = words([value] * (1 << bits))
    transform(values)
    assert integers(values) == [(value << bits) % P] + [0] * ((1 << bits) - 1)


@pytest.mark.parametrize("bits", [8, 9, 10, *LARGE])
def test_inverse_transform__of_a_transform__gives_it_back(bits: int) -> None:
    values = words(values_of(bits))
    before = values.copy()
    transform(values)
    assert not np.array_equal(values, before)
    inverse_transform(values)
    assert np.array_equal(values, before)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("bits", [8, 15, 16])
def test_transform__any_number_of_workers__gives_the_same(
    monkeypatch: pytest.MonkeyPatch, bits: int, workers: int
) -> None:
    values = words(values_of(bits))
    expected = values.copy()
    transform(expected)
    monkeypatch.setattr(parallel, "workers", lambda: workers)
    before = values.copy()
    transform(values)
    assert np.array_equal(values, expected)
    inverse_transform(values)
    assert np.array_equal(values, before)


@pytest.mark.parametrize("size", [1, 2, LEAST_SIZE // 2])
def test_transform__fewer_values_than_the_least__raises(size: int) -> None:
    for function in (transform, inverse_transform):
        with pytest.raises(ValueError, match=f"at least {LEAST_SIZE} values"):
            function(words([1] * size))


def test_transform__not_a_power_of_two__raises() -> None:
    for function in (transform, inverse_transform):
        with pytest.raises(ValueError, match="power of two"):
            function(words([1] * (LEAST_SIZE + 1)))


def test_root_of_unity__has_exactly_its_order() -> None:
    for bits in range(29):
        root = root_of_unity(1 << bits)
        assert pow(root, 1 << bits, P) == 1
        assert bits == 0 or pow(root, 1 << (bits - 1), P) == P - 1


@pytest.mark.parametrize("size", [0, 3, 6, 1 << 29])
def test_root_of_unity__of_another_order__raises(size: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        root_of_unity(size)

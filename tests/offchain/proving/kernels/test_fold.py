"""Sums over updates against Python integers, at sizes and values where 32, 53 or 64 bits would overflow."""

from __future__ import annotations

import random

import numpy as np
import pytest

from offchain.proving.kernels.fold import (
    dot_products,
    exact_products,
    fold,
    join_digits,
    signed_digits,
    square_norm,
)
from tests.offchain.proving.reference import P, integers, words

LOW, HIGH = -(2**15), 2**15 - 1


def rows_of(n: int, d: int) -> np.ndarray:
    rows = np.random.default_rng(n * d).integers(LOW, HIGH, (n, d), endpoint=True).astype(np.int16)
    rows[:, 0], rows[:, 1], rows[:, 2] = LOW, HIGH, 0
    return rows


def scalars_of(d: int) -> list[int]:
    source = random.Random(d)
    return [0, P - 1, 1, *(source.randrange(P) for _ in range(d))][:d]


@pytest.mark.parametrize("d", [17, 1000, 40_000])
@pytest.mark.parametrize("n", [1, 2, 32, 33, 40, 65])
def test_fold__128_bit_challenges__equals_python(n: int, d: int) -> None:
    rows, base = rows_of(n, d), scalars_of(d)
    source = random.Random(n)
    challenges = [2**128 - 1, *(source.randrange(2**128) for _ in range(n - 1))]
    total = base
    for challenge, row in zip(challenges, rows.tolist(), strict=True):
        total = [a + challenge * u for a, u in zip(total, row, strict=True)]
    assert integers(fold(words(base), rows, challenges)) == [value % P for value in total]


@pytest.mark.parametrize("entry", [LOW, HIGH])
@pytest.mark.parametrize("base", [0, 1, P - 1])
@pytest.mark.parametrize("n", [32, 64])
def test_fold__all_extremes__keeps_every_bit(entry: int, base: int, n: int) -> None:
    rows = np.full((n, 600), entry, np.int16)
    folded = integers(fold(words([base] * 600), rows, [2**128 - 1] * n))
    assert folded == [(base + n * entry * (2**128 - 1)) % P] * 600


@pytest.mark.parametrize("challenge", [2**128, -1], ids=["129 bits", "negative"])
def test_fold__more_than_fits__raises(challenge: int) -> None:
    with pytest.raises(ValueError, match="challenges of 128 bits"):
        fold(words([0] * 20), np.zeros((1, 20), np.int16), [challenge])


def test_fold__shapes_differ__raises() -> None:
    with pytest.raises(ValueError, match="rows of shape"):
        fold(words([0] * 20), np.zeros((2, 21), np.int16), [1, 1])


def test_signed_digits__of_edges__stand_for_them() -> None:
    ends = [s * (2**k + e) for s in (-1, 1) for k in (0, 15, 16, 31, 32, 47, 48, 52, 61) for e in (-1, 0, 1)]
    worst = -(2**15) * (1 + 2**16 + 2**32)  # three digits at their end
    values = [0, worst, worst - 1, *ends]
    digits = signed_digits(np.array(values, np.int64))
    assert digits.dtype == np.int16
    assert [join_digits(column) for column in digits.T] == values
    assert [join_digits(column) for column in signed_digits(np.array(values, np.int64)[::-2]).T] == values[::-2]


def test_join_digits__of_products__is_the_product_of_the_numbers() -> None:
    a, b = [-(2**52), 2**52 - 1, 12345], [2**52, -1, 2**40 + 2**15]
    products = exact_products(signed_digits(np.array(a)), signed_digits(np.array(b)))
    assert join_digits(products) == sum(x * y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("d", [3, 17, 40_000])
def test_dot_products__with_scalars__equal_python(d: int) -> None:
    rows, scalars = rows_of(3, d), scalars_of(d)
    expected = [sum(s * int(u) for s, u in zip(scalars, row, strict=True)) % P for row in rows]
    assert dot_products(words(scalars), rows) == expected


@pytest.mark.parametrize("d", [1, 3, 17, 40_000])
def test_square_norm__of_scalars__equals_python(d: int) -> None:
    scalars = scalars_of(d)
    assert square_norm(words(scalars)) == sum(s * s for s in scalars) % P


def test_square_norm__largest_digits__keeps_every_bit() -> None:
    assert square_norm(words([2**256 - 1] * 30_000)) == 30_000 * (2**256 - 1) ** 2 % P


@pytest.mark.parametrize("d", [1, 2, 1000, 2047, 2048, 2049, 20_000])
def test_exact_products__of_different_rows__equal_python(d: int) -> None:
    left, right = rows_of(3, max(d, 3))[:, :d], rows_of(5, max(d, 3))[:, -d:]
    expected = [[sum(x * y for x, y in zip(a, b, strict=True)) for b in right.tolist()] for a in left.tolist()]
    assert exact_products(left, right).tolist() == expected
    assert exact_products(left, left).tolist() == [
        [sum(x * y for x, y in zip(a, b, strict=True)) for b in left.tolist()] for a in left.tolist()
    ]


@pytest.mark.parametrize("d", [1, 16_384, 3_000_017])
def test_exact_products__extremes__are_exact(d: int) -> None:
    """At 3 million entries a sum is 2^51.5: float32 and int32 fail at once; an odd entry shows a lost bit."""
    rows = np.empty((3, d), np.int16)
    rows[0], rows[1], rows[2] = LOW, HIGH, LOW
    rows[:, -1] = 1
    products = exact_products(rows, rows)
    a, b = [LOW, HIGH, LOW], d - 1
    assert products.tolist() == [[b * x * y + 1 for y in a] for x in a]


def test_exact_products__digits_whose_sum_float64_cant_hold__are_exact() -> None:
    digits = np.full((1, 3_000_001), 2**16 - 1, np.uint16)
    digits[0, -1] = 1
    total = 3_000_000 * (2**16 - 1) ** 2 + 1
    assert total > 2**53
    assert exact_products(digits, digits).tolist() == [[total]]

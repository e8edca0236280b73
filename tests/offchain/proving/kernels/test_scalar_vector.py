"""Vectors of scalars against Python integers, at lengths around the width of lanes and what is worth a thread."""

from __future__ import annotations

import random

import numpy as np
import pytest

from offchain.proving.kernels import lanes, vector
from offchain.proving.kernels.lanes import WIDTH
from offchain.proving.kernels.vector import (
    LEAST,
    accumulate,
    add_products,
    inverses,
    powers,
    progression,
    random_elements,
    scale,
    weigh,
)
from tests.offchain.proving.reference import RADIX, P, integers, words

LENGTHS = sorted({0, 1, 2, 3, 7, 8, 9, WIDTH - 1, WIDTH, WIDTH + 1, 33, LEAST - 1, 2 * LEAST, 20_001})
FACTORS = [0, 1, P - 1, -5, 2**300]


def scalars_of(length: int) -> list[int]:
    source = random.Random(length)
    return [P - 1, 0, 1, *(source.randrange(P) for _ in range(length))][:length]


@pytest.mark.parametrize("wide", [0, 1, P, RADIX - 1, RADIX, P * RADIX, RADIX**2 - 1, (P - 1) * (RADIX + 1)])
def test_random_elements__of_known_bytes__are_these_modulo_p(monkeypatch: pytest.MonkeyPatch, wide: int) -> None:
    class Stream:
        """In place of AES in counter mode."""

        def __init__(self, *_: object) -> None:
            pass

        def encryptor(self) -> Stream:
            return self

        def update(self, zeros: bytes) -> bytes:
            return wide.to_bytes(64, "little") * (len(zeros) // 64)

    monkeypatch.setattr(vector, "Cipher", Stream)
    for count in (1, 3, WIDTH + 1):
        assert integers(random_elements(count)) == [wide % P] * count


def test_random_elements__of_different_bytes__keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream of the key 0 is AES's of 0, 1, 2 ..: each 64 bytes are one number."""
    monkeypatch.setattr(vector, "urandom", bytes)
    encryptor = vector.Cipher(vector.AES(bytes(32)), vector.CTR(bytes(16))).encryptor()
    stream = encryptor.update(bytes(64 * 100))
    expected = [int.from_bytes(stream[k : k + 64], "little") % P for k in range(0, len(stream), 64)]
    assert integers(random_elements(100)) == expected


def test_random_elements__of_several_keys__take_a_stream_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = iter(range(100))
    monkeypatch.setattr(vector, "urandom", lambda count: bytes([next(keys)] * count))
    monkeypatch.setattr(vector, "_CHUNK", 64)
    expected: list[int] = []
    for key in range(4):
        encryptor = vector.Cipher(vector.AES(bytes([key] * 32)), vector.CTR(bytes(16))).encryptor()
        stream = encryptor.update(bytes(64 * 64))
        expected += [int.from_bytes(stream[k : k + 64], "little") % P for k in range(0, len(stream), 64)]
    assert integers(random_elements(3 * 64 + 7)) == expected[: 3 * 64 + 7]


def test_random_elements__many__are_reduced_and_distinct() -> None:
    values = integers(random_elements(40_000))  # keys for several chunks
    assert max(values) < P
    assert len(set(values)) == len(values)
    # each bit is set in half of the values, but for the highest: P is not a power of two
    for bit in range(250):
        assert abs(sum(value >> bit & 1 for value in values) - 20_000) < 800  # eight standard deviations


def test_random_elements__none__are_none() -> None:
    assert random_elements(0).shape == (0, 4)


@pytest.mark.parametrize("base", [0, 1, 5, P - 1, P + 7])
@pytest.mark.parametrize("count", [0, 1, 2, WIDTH, WIDTH + 1, 3000, 9000])
def test_powers__of_a_base__equal_python(base: int, count: int) -> None:
    assert integers(powers(base, count, 3)) == [3 * pow(base, k, P) % P for k in range(count)]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("factor", FACTORS)
def test_scale__elsewhere_and_in_place__equals_python(length: int, factor: int) -> None:
    values = scalars_of(length)
    source, out = words(values), np.full((length, 4), 7, np.uint64)
    scale(source, factor, out)
    assert integers(out) == [factor * value % P for value in values]
    assert integers(source) == values
    scale(source, factor, source)
    assert np.array_equal(source, out)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("factor", FACTORS)
def test_accumulate__shorter_and_as_long__equals_python(length: int, factor: int) -> None:
    total = scalars_of(length)
    for part in (total, total[: length // 2 + 1], []):
        f = part[::-1]
        array = words(total)
        accumulate(array, words(f), factor)
        padded = [*f, *[0] * (length - len(f))]
        assert integers(array) == [(a + factor * b) % P for a, b in zip(total, padded, strict=True)]


def test_accumulate__longer_than_the_sum__raises() -> None:
    with pytest.raises(ValueError, match="3 terms for a sum of 2"):
        accumulate(words([1, 2]), words([1, 2, 3]), 1)


def in_montgomery_form(values: list[int]) -> np.ndarray:
    return words(value * lanes.RADIX % P for value in values)


@pytest.mark.parametrize("length", LENGTHS)
def test_add_products__of_entries__equals_python(length: int) -> None:
    total, left = scalars_of(length), scalars_of(length + 1)[1:]
    right = total[::-1]
    array = words(total)
    add_products(array, words(left), in_montgomery_form(right))
    assert integers(array) == [(a + b * c) % P for a, b, c in zip(total, left, right, strict=True)]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", [np.uint16, np.int64])
def test_weigh__integers_up_to_the_largest__equals_python(length: int, kind: type) -> None:
    largest = int(np.iinfo(kind).max)
    factors = np.random.default_rng(length).integers(0, largest, length, kind, endpoint=True)
    factors[:2] = [largest, 0][:length]
    weights = in_montgomery_form(scalars_of(length))
    expected = [int(a) * b % P for a, b in zip(factors, scalars_of(length), strict=True)]
    out = np.empty_like(weights)
    weigh(factors, weights, out)
    assert integers(out) == expected
    weigh(factors, weights, weights)
    assert integers(weights) == expected


def test_weigh__product_that_comes_out_above_the_modulus__is_reduced() -> None:
    """a b = P + k RADIX: Montgomery's sum adds (RADIX - 1) P, and P + k is left."""
    for a in range(2**63 - 1, 2**63 - 10_000, -2):
        k = -P * pow(lanes.RADIX, -1, a) % a
        weight = (P + k * lanes.RADIX) // a
        if weight < P:
            break
    out = np.empty((1, 4), np.uint64)
    weigh(np.array([a]), words([weight]), out)
    assert integers(out) == [k]


@pytest.mark.parametrize("first", [0, 1, -5, P - 1])
@pytest.mark.parametrize("step", [0, 1, -3, P // 2])
def test_progression__over_the_modulus__equals_python(first: int, step: int) -> None:
    for count in (0, 1, 2, 1000):
        assert integers(progression(first, step, count)) == [(first + k * step) % P for k in range(count)]


@pytest.mark.parametrize("length", LENGTHS)
def test_inverses__times_their_values__are_one(length: int) -> None:
    values = [value or 2 for value in scalars_of(length)]
    source = words(values)
    result = integers(inverses(source))
    assert [a * b % P for a, b in zip(result, values, strict=True)] == [1] * length
    assert all(value < P for value in result)
    assert integers(source) == values


@pytest.mark.parametrize("length", [1, 40, 3 * LEAST])
def test_inverses__of_a_zero__raises(length: int) -> None:
    values = [1] * length
    values[length // 2] = 0
    with pytest.raises(ValueError, match="not invertible"):
        inverses(words(values))

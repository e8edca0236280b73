"""The transform against direct evaluation at the roots of unity."""

from __future__ import annotations

import random

import numpy as np
import pytest

from offchain.proving.kernels.transform import inverse_transform, root_of_unity, transform
from tests.offchain.proving.reference import P, evaluate, integers, words


def bit_reversed(index: int, bits: int) -> int:
    return int(format(index, f"0{bits}b")[::-1], 2) if bits else 0


@pytest.mark.parametrize("bits", range(9))
def test_transform__small__is_the_values_at_all_roots(bits: int, rnd: random.Random) -> None:
    size = 1 << bits
    coefficients = [0, 1, P - 1, *(rnd.randrange(P) for _ in range(size))][:size]
    root = root_of_unity(size)
    values = words(coefficients)
    transform(values)
    assert integers(values) == [evaluate(coefficients, pow(root, bit_reversed(i, bits), P)) for i in range(size)]


@pytest.mark.parametrize("bits", [13, 14, 15, 16])  # one block; two outer layers; more
def test_transform__larger_than_a_block__is_right_at_some_roots(bits: int, rnd: random.Random) -> None:
    size = 1 << bits
    coefficients = [rnd.randrange(P) for _ in range(size)]
    root = root_of_unity(size)
    values = words(coefficients)
    transform(values)
    for i in (0, 1, 2, size // 2, size - 1, rnd.randrange(size)):
        x, expected = pow(root, i, P), 0
        for coefficient in reversed(coefficients):
            expected = (expected * x + coefficient) % P
        assert integers(values[bit_reversed(i, bits)]) == [expected]


@pytest.mark.parametrize("bits", [*range(9), 13, 14, 15, 16])
def test_inverse_transform__of_a_transform__gives_it_back(bits: int, rnd: random.Random) -> None:
    values = words([P - 1, 0, *(rnd.randrange(P) for _ in range(1 << bits))][: 1 << bits])
    before = values.copy()
    transform(values)
    assert bits == 0 or not np.array_equal(values, before)
    inverse_transform(values)
    assert np.array_equal(values, before)


def test_root_of_unity__has_exactly_its_order() -> None:
    for bits in range(29):
        root = root_of_unity(1 << bits)
        assert pow(root, 1 << bits, P) == 1
        assert bits == 0 or pow(root, 1 << (bits - 1), P) == P - 1


@pytest.mark.parametrize("size", [0, 3, 6, 1 << 29])
def test_root_of_unity__of_another_order__raises(size: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        root_of_unity(size)

"""Field elements against Python integers, with emphasis on the edges of their redundant range [0, 2p)."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from offchain.proving.kernels import field
from offchain.proving.kernels.build import kernel
from offchain.proving.kernels.field import (
    canonical,
    factor,
    fq_inverse,
    from_ints,
    is_canonical,
    is_zero,
    load_fq,
    load_fr,
    powers,
    random_elements,
    store,
    to_ints,
)
from tests.offchain.proving.reference import RADIX, P, Q, integers, words


@kernel
def operate_fr(pairs: np.ndarray, out: np.ndarray, flags: np.ndarray) -> None:
    for k in range(len(pairs) // 2):
        x, y = load_fr(pairs, 2 * k), load_fr(pairs, 2 * k + 1)
        store(out, 5 * k, x + y)
        store(out, 5 * k + 1, x - y)
        store(out, 5 * k + 2, x * y)
        store(out, 5 * k + 3, -x)
        store(out, 5 * k + 4, canonical(x))
        flags[k, 0], flags[k, 1], flags[k, 2], flags[k, 3] = x == y, x != y, is_zero(x), is_canonical(x)


@kernel
def operate_fq(pairs: np.ndarray, out: np.ndarray, flags: np.ndarray) -> None:
    for k in range(len(pairs) // 2):
        x, y = load_fq(pairs, 2 * k), load_fq(pairs, 2 * k + 1)
        store(out, 5 * k, x + y)
        store(out, 5 * k + 1, x - y)
        store(out, 5 * k + 2, x * y)
        store(out, 5 * k + 3, -x)
        store(out, 5 * k + 4, canonical(x))
        flags[k, 0], flags[k, 1], flags[k, 2], flags[k, 3] = x == y, x != y, is_zero(x), is_canonical(x)


@kernel
def invert(values: np.ndarray, out: np.ndarray) -> None:
    for k in range(len(values)):
        store(out, k, canonical(fq_inverse(load_fq(values, k))))


def edges(p: int) -> list[int]:
    """Values of [0, 2p) where a carry, a borrow or a reduction turns."""
    near = [0, 1, 2, 2**64 - 1, 2**64, 2**128 - 1, 2**192, p - 2, p - 1, p, p + 1, 2 * p - 2, 2 * p - 1, RADIX % p]
    return near + [random.Random(p).randrange(2 * p) for _ in range(10)]


@pytest.mark.parametrize(("operate", "p"), [(operate_fr, P), (operate_fq, Q)], ids=["Fr", "Fq"])
def test_operators__on_all_pairs_of_edges__equal_python(operate, p: int) -> None:
    pairs = list(itertools.product(edges(p), repeat=2))
    out = np.empty((5 * len(pairs), 4), np.uint64)
    flags = np.empty((len(pairs), 4), np.bool_)
    operate(words(value for pair in pairs for value in pair), out, flags)
    results = iter(integers(out))
    for (x, y), (equal, differ, zero, reduced) in zip(pairs, flags, strict=True):
        added, subtracted, product, negated, least = (next(results) for _ in range(5))
        assert max(added, subtracted, product, negated) < 2 * p
        assert added % p == (x + y) % p
        assert subtracted % p == (x - y) % p
        assert product * RADIX % p == x * y % p
        assert negated % p == -x % p
        assert least == x % p
        assert equal == ((x - y) % p == 0)
        assert differ != equal
        assert zero == (x % p == 0)
        assert reduced == (x < p)


def test_fq_inverse__of_edges__equals_python_and_zero_stays_zero() -> None:
    values = edges(Q)
    out = np.empty((len(values), 4), np.uint64)
    invert(words(values), out)
    expected = [pow(x * pow(RADIX, -1, Q), -1, Q) * RADIX % Q if x % Q else 0 for x in values]
    assert integers(out) == expected


@pytest.mark.parametrize("modulus", [P, Q])
def test_from_ints__any_size_and_sign__reduces(modulus: int) -> None:
    values = [0, 1, modulus - 1, modulus, modulus + 1, RADIX - 1, RADIX, RADIX**3 + 7, -1, -modulus, -(RADIX**2)]
    array = from_ints(values, modulus)
    assert array.shape == (len(values), 4)
    assert array.dtype == np.uint64
    assert integers(array) == [value % modulus for value in values]
    assert to_ints(array) == integers(array)


def test_from_ints__nothing__has_no_rows() -> None:
    assert from_ints([]).shape == (0, 4)
    assert to_ints(from_ints([])) == []


def test_to_ints__part_of_an_array__reads_that_part(rnd: random.Random) -> None:
    values = [rnd.randrange(RADIX) for _ in range(9)]
    assert to_ints(words(values)[1::3]) == values[1::3]


def test_factor__of_a_scalar__is_montgomery_form() -> None:
    assert integers(factor(P - 3)) == [(P - 3) * RADIX % P]


@pytest.mark.parametrize("wide", [0, 1, P, RADIX - 1, RADIX, P * RADIX, RADIX**2 - 1, (P - 1) * (RADIX + 1)])
def test_random_elements__of_known_bytes__are_these_modulo_p(monkeypatch: pytest.MonkeyPatch, wide: int) -> None:
    monkeypatch.setattr(field, "urandom", lambda count: wide.to_bytes(64, "little") * (count // 64))
    assert integers(random_elements(3)) == [wide % P] * 3


def test_random_elements__many__are_reduced_and_distinct() -> None:
    values = integers(random_elements(20_000))
    assert max(values) < P
    assert len(set(values)) == len(values)
    # each bit is set in half of the values, but for the two highest: P is not a power of two
    for bit in range(250):
        assert abs(sum(value >> bit & 1 for value in values) - 10_000) < 600  # eight standard deviations


@pytest.mark.parametrize("base", [0, 1, 5, P - 1])
@pytest.mark.parametrize("count", [1, 2, 3000])
def test_powers__of_a_base__equal_python(base: int, count: int) -> None:
    assert integers(powers(base, count, 3)) == [3 * pow(base, k, P) % P for k in range(count)]

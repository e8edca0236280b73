"""Quantising: rounding, clipping, and that error feedback loses nothing."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from offchain.training.errors import QuantiseError
from offchain.training.quantise import MAX_QUANTUM, choose_quantum, dequantise, in_quanta, quantise, zero_residual

ONE = 1 << 64  # a quantum of 1.0


def of(entries: list[float], quantum: int = ONE, bits: int = 16) -> tuple[list[int], list[float], int]:
    quantised = quantise(np.array(entries), zero_residual(len(entries)), quantum, bits)
    assert quantised.values.dtype == np.int16
    assert quantised.residual.dtype == np.float64
    return quantised.values.tolist(), quantised.residual.tolist(), quantised.clipped


def test_quantise__ties__go_to_even() -> None:
    values, residual, clipped = of([0.5, 1.5, 2.5, -0.5, -1.5, 0.75, -0.25])
    assert values == [0, 2, 2, 0, -2, 1, 0]
    assert residual == [0.5, -0.5, 0.5, -0.5, 0.5, -0.25, -0.25]
    assert clipped == 0


@pytest.mark.parametrize("bits", range(2, 17))
def test_quantise__ends_of_the_range__are_reached_and_not_passed(bits: int) -> None:
    low, high = -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
    values, residual, clipped = of(
        [low, high, low - 1, high + 1, low - 0.25, high + 0.25, 1e300, -1e300, low - 9], bits=bits
    )
    assert values == [low, high, low, high, low, high, high, low, low]
    assert clipped == 5  # a quarter beyond rounds into the range
    assert residual[:6] == [0, 0, -1, 1, -0.25, 0.25]


@pytest.mark.parametrize("quantum", [1, 3, 10**15 + 7, ONE >> 15, ONE + 1, MAX_QUANTUM])
def test_quantise__any_quantum__is_the_nearest_multiple(quantum: int) -> None:
    generator = np.random.default_rng(quantum % 1000)
    update = generator.uniform(-30000, 30000, 200) * (quantum / ONE)
    quantised = quantise(update, zero_residual(200), quantum, 16)
    for entry, value in zip(update, quantised.values, strict=True):
        exact = Fraction(entry) * ONE / quantum
        assert abs(exact - int(value)) <= Fraction(1, 2) + Fraction(1, 10**9)
    assert quantised.clipped == 0


def test_quantise__error_feedback__conserves_every_bit_with_a_power_of_two() -> None:
    generator = np.random.default_rng(4)
    quantum, residual, said = ONE >> 10, zero_residual(300), np.zeros(300, np.int64)
    wanted = np.array([Fraction(0)] * 300)
    clipped = 0
    for _ in range(40):
        # entries on a grid far below the quantum, so that float64 adds them exactly
        update = generator.integers(-(2**31), 2**31, 300) * 2.0**-34
        wanted += np.array([Fraction(entry) for entry in update])
        quantised = quantise(update, residual, quantum, 8)
        residual, clipped = quantised.residual, clipped + quantised.clipped
        said += quantised.values
    assert clipped > 0
    for total, value, rest in zip(wanted, said, residual, strict=True):
        assert total == Fraction(int(value), 1 << 10) + Fraction(rest)


def test_quantise__error_feedback__small_updates_are_said_in_the_end() -> None:
    update, residual, said = np.full(3, 0.3), zero_residual(3), np.zeros(3)
    for _ in range(100):
        quantised = quantise(update, residual, ONE, 8)
        residual, said = quantised.residual, said + dequantise(quantised.values, ONE)
    assert np.abs(said - 30).max() <= 0.5 + 1e-9
    assert of([0.3])[0] == [0]  # without feedback nothing ever would be


def test_quantise__arguments__are_not_changed() -> None:
    update, residual = np.array([1.3, -2.7]), np.array([0.1, 0.2])
    quantise(update, residual, ONE, 8)
    assert update.tolist() == [1.3, -2.7]
    assert residual.tolist() == [0.1, 0.2]


def test_dequantise__values__are_multiples_of_the_quantum() -> None:
    assert dequantise(np.array([-32768, 0, 1, 32767], np.int16), ONE >> 2).tolist() == [-8192, 0, 0.25, 8191.75]


@pytest.mark.parametrize("entry", [np.nan, np.inf, -np.inf])
def test_quantise__entry_that_isnt_finite__raises(entry: float) -> None:
    with pytest.raises(QuantiseError, match="isn't finite"):
        quantise(np.array([entry]), zero_residual(1), ONE, 8)
    with pytest.raises(QuantiseError, match="isn't finite"):
        quantise(np.zeros(1), np.array([entry]), ONE, 8)
    with pytest.raises(QuantiseError, match="isn't finite"):
        quantise(np.array([1.7e308]), np.array([1.7e308]), ONE, 8)


@pytest.mark.parametrize(
    ("update", "residual"),
    [
        (np.zeros(3), np.zeros(4)),
        (np.zeros((2, 2)), np.zeros((2, 2))),
        (np.zeros(3, np.float32), np.zeros(3)),
        (np.zeros(3), np.zeros(3, np.int64)),
    ],
    ids=["lengths", "matrix", "float32", "integers"],
)
def test_quantise__other_shape_or_type__raises(update: np.ndarray, residual: np.ndarray) -> None:
    with pytest.raises(QuantiseError, match=r"expected two float64\[d\]"):
        quantise(update, residual, ONE, 8)


@pytest.mark.parametrize("bits", [-1, 0, 1, 17])
def test_quantise__bits_out_of_range__raises(bits: int) -> None:
    with pytest.raises(QuantiseError, match=f"2 to 16 bits, not {bits}"):
        quantise(np.zeros(1), np.zeros(1), ONE, bits)


@pytest.mark.parametrize("quantum", [-1, 0, MAX_QUANTUM + 1])
def test_quantise__quantum_out_of_range__raises(quantum: int) -> None:
    with pytest.raises(QuantiseError, match=r"a quantum is an integer from 1 to 2\^96"):
        quantise(np.zeros(1), np.zeros(1), quantum, 8)
    with pytest.raises(QuantiseError, match=r"a quantum is an integer from 1 to 2\^96"):
        dequantise(np.zeros(1, np.int16), quantum)


@pytest.mark.parametrize("bits", [2, 8, 16])
@pytest.mark.parametrize("largest", [1e-9, 0.2, 1.0, 127.0, 128.0, 32767.0, 1e6])
def test_choose_quantum__pilot__is_the_least_power_of_two_with_room(bits: int, largest: float) -> None:
    quantum = choose_quantum(np.array([[0.0, -largest], [largest / 2, 0.0]]), bits, head_room=2.0)
    reach = Fraction(quantum, ONE) * (2 ** (bits - 1) - 1)
    assert quantum & (quantum - 1) == 0
    assert reach >= 2 * Fraction(largest) * (1 - Fraction(1, 10**12))
    assert reach / 2 < 2 * Fraction(largest)


@pytest.mark.parametrize(
    ("updates", "head_room"),
    [([0.0, 0.0], 2.0), ([], 2.0), ([np.nan], 2.0), ([np.inf], 2.0), ([1.0], 0.5), ([1.0], np.nan)],
)
def test_choose_quantum__useless_pilot__raises(updates: list[float], head_room: float) -> None:
    with pytest.raises(QuantiseError, match="a pilot needs finite updates"):
        choose_quantum(np.array(updates), 16, head_room)


@pytest.mark.parametrize("largest", [1e-20, 1e20])
def test_choose_quantum__beyond_the_terms__raises(largest: float) -> None:
    with pytest.raises(QuantiseError, match="outside the terms' range"):
        choose_quantum(np.array([largest]), 16)


def test_in_quanta__model__is_rounded_to_quanta() -> None:
    found = in_quanta(np.array([0.0, 1.5, 2.5, -0.75, 1e6]), ONE)
    assert found.dtype == np.int64
    assert found.tolist() == [0, 2, 2, -1, 10**6]
    assert in_quanta(np.array([1.0, -0.25]), ONE >> 10).tolist() == [1024, -256]


@pytest.mark.parametrize("entry", [2.0**52, -(2.0**52)])
def test_in_quanta__as_large_as_a_public_row_may_be__is_exact(entry: float) -> None:
    assert in_quanta(np.array([entry]), ONE).tolist() == [int(entry)]


@pytest.mark.parametrize("entry", [2.0**52 + 1, -(2.0**53), float("inf"), float("-inf"), float("nan"), 1e300])
def test_in_quanta__too_large_or_not_finite__refused(entry: float) -> None:
    with pytest.raises(QuantiseError, match="at most 2\\^52 quanta"):
        in_quanta(np.array([1.0, entry]), ONE)


@pytest.mark.parametrize("model", [np.zeros(3, dtype=np.float32), np.zeros((2, 2)), np.zeros(3, dtype=np.int64)])
def test_in_quanta__not_a_float64_vector__refused(model: np.ndarray) -> None:
    with pytest.raises(QuantiseError, match="float64 vector"):
        in_quanta(model, ONE)

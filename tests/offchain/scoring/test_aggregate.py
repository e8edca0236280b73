"""The aggregate against unlimited integers, and the step against exact fractions, rounded once an operation."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from offchain.scoring.aggregate import SCALAR_ORDER, AggregateError, aggregate, apply
from offchain.scoring.policy import ONE


def updates_of(seed: int, rows: int, size: int) -> Any:
    return np.random.default_rng(seed).integers(-(2**15), 2**15, (rows, size), dtype=np.int16)


def tails_of(seed: int, rows: int) -> list[tuple[int, ...]]:
    rng = np.random.default_rng(seed)
    return [tuple(int.from_bytes(rng.bytes(32), "big") % SCALAR_ORDER for _ in range(8)) for _ in range(rows)]


@pytest.mark.parametrize("rows", [1, 5, 32])
def test_aggregate__random__is_the_exact_sum(rows: int) -> None:
    updates, tails = updates_of(rows, rows, 100), tails_of(rows, rows)
    weights = [int(k) for k in np.random.default_rng(rows).integers(0, ONE + 1, rows)]
    before = updates.copy()
    total, tail = aggregate(updates, tails, weights)
    assert total.dtype == np.int64
    assert total.tolist() == [sum(k * int(u[x]) for k, u in zip(weights, updates, strict=True)) for x in range(100)]
    assert tail == tuple(sum(k * t[x] for k, t in zip(weights, tails, strict=True)) % SCALAR_ORDER for x in range(8))
    assert (updates == before).all()


@pytest.mark.parametrize("value", [-(2**15), 2**15 - 1])
def test_aggregate__largest_numbers__no_overflow(value: int) -> None:
    updates = np.full((32, 3), value, dtype=np.int16)
    total, tail = aggregate(updates, [(SCALAR_ORDER - 1,)] * 32, [ONE] * 32)
    assert total.tolist() == [32 * ONE * value] * 3
    assert tail == (-32 * ONE % SCALAR_ORDER,)


def test_aggregate__no_weight__zero() -> None:
    total, tail = aggregate(updates_of(1, 4, 5), tails_of(1, 4), [0] * 4)
    assert not total.any()
    assert tail == (0,) * 8


@pytest.mark.parametrize(
    ("updates", "tails", "weights"),
    [
        (updates_of(1, 2, 3).astype(np.int32), tails_of(1, 2), [1, 1]),
        (updates_of(1, 2, 3)[0], tails_of(1, 2), [1, 1]),
        (updates_of(1, 33, 3), tails_of(1, 33), [1] * 33),
        (updates_of(1, 0, 3), [], []),
        (updates_of(1, 2, 3), tails_of(1, 1), [1, 1]),
        (updates_of(1, 2, 3), [(1, 2), (1,)], [1, 1]),
        (updates_of(1, 2, 3), tails_of(1, 2), [1]),
        (updates_of(1, 2, 3), tails_of(1, 2), [1, ONE + 1]),
        (updates_of(1, 2, 3), tails_of(1, 2), [1, -1]),
    ],
    ids=["int32", "flat", "33 rows", "no rows", "tail missing", "tails differ", "weight missing", "above 1", "below 0"],
)
def test_aggregate__does_not_fit__raises(updates: Any, tails: Any, weights: Any) -> None:
    with pytest.raises(AggregateError):
        aggregate(updates, tails, weights)


def stepped(model: float, quantum: int, total: int, total_weight: int) -> float:
    """The same in exact fractions; float() of a fraction rounds correctly, to even on a tie."""
    scale = float(Fraction(float(quantum)) / 2**64)
    product = float(Fraction(total) * Fraction(scale))
    quotient = float(Fraction(product) / total_weight)
    return float(Fraction(model) + Fraction(quotient))


@pytest.mark.parametrize("quantum", [1, 2**44 + 1, 2**96, 10**15 + 7, 2**64 - 1])
def test_apply__random__each_operation_rounded_once(quantum: int) -> None:
    rng = np.random.default_rng(quantum % 2**32)
    total = rng.integers(-(2**52), 2**52, 300, dtype=np.int64)
    model = rng.standard_normal(300)
    total_weight = int(rng.integers(1, 32 * ONE))
    before = model.copy()
    after = apply(model, quantum, total, total_weight)
    assert after.dtype == np.float64
    expected = [stepped(float(w), quantum, int(s), total_weight) for w, s in zip(model, total, strict=True)]
    assert after.tobytes() == np.array(expected).tobytes()
    assert (model == before).all()


def test_apply__in_pieces_or_strided__same_bits() -> None:
    rng = np.random.default_rng(7)
    total, model = rng.integers(-(2**50), 2**50, 1001, dtype=np.int64), rng.standard_normal(1001)
    whole = apply(model, 2**45 + 3, total, 5 * ONE + 1)
    pieces = [apply(model[at : at + 7], 2**45 + 3, total[at : at + 7], 5 * ONE + 1) for at in range(0, 1001, 7)]
    reverse = apply(model[::-1], 2**45 + 3, total[::-1], 5 * ONE + 1)[::-1]
    assert whole.tobytes() == np.concatenate(pieces).tobytes() == reverse.tobytes()


def test_apply__one_trainer_at_full_weight__adds_its_update() -> None:
    update = np.array([[1, -2, 32767]], dtype=np.int16)
    total, _ = aggregate(update, [()], [ONE])
    after = apply(np.zeros(3), 2**60, total, ONE)
    assert after.tolist() == [1 / 16, -2 / 16, 32767 / 16]


def test_apply__no_weight__model_unchanged() -> None:
    model = np.random.default_rng(1).standard_normal(5)
    after = apply(model, 2**50, np.zeros(5, dtype=np.int64), 0)
    assert after.tobytes() == model.tobytes()
    assert after is not model


ZEROS = np.zeros(3, dtype=np.int64)


@pytest.mark.parametrize(
    ("model", "quantum", "total", "total_weight"),
    [
        (np.zeros(3, dtype=np.float32), 1, ZEROS, 1),
        (np.zeros(4), 1, ZEROS, 1),
        (np.zeros(3), 1, ZEROS.astype(np.float64), 1),
        (np.zeros((1, 3)), 1, ZEROS.reshape(1, 3), 1),
        (np.zeros(3), 0, ZEROS, 1),
        (np.zeros(3), 2**96 + 1, ZEROS, 1),
        (np.zeros(3), 1, ZEROS, -1),
        (np.zeros(3), 1, ZEROS, 32 * ONE + 1),
        (np.zeros(3), 1, ZEROS + (2**52 + 1), 1),
        (np.zeros(3), 1, ZEROS - (2**52 + 1), 1),
        (np.zeros(3), 1, ZEROS + np.iinfo(np.int64).min, 1),
        (np.zeros(3), 1, ZEROS + 1, 0),
    ],
    ids=[
        "float32",
        "other size",
        "float aggregate",
        "matrix",
        "no quantum",
        "quantum beyond",
        "negative weight",
        "weight beyond",
        "aggregate beyond",
        "aggregate below",
        "least int64",
        "aggregate without weight",
    ],
)
def test_apply__does_not_fit__raises(model: Any, quantum: int, total: Any, total_weight: int) -> None:
    with pytest.raises(AggregateError):
        apply(model, quantum, total, total_weight)

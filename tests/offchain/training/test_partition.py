"""Dealing out data: every row once, the same for a seed, and skewed as asked."""

from __future__ import annotations

import numpy as np
import pytest

from offchain.training.errors import PartitionError
from offchain.training.partition import partition_by_size, partition_dirichlet

LABELS = np.random.default_rng(0).integers(0, 10, 1000)


def skew(parts: list[np.ndarray]) -> float:
    """Mean share of a trainer's most frequent class: 0.1 for even parts, 1 for parts of one class."""
    return float(np.mean([np.bincount(LABELS[part]).max() / part.size for part in parts]))


@pytest.mark.parametrize("alpha", [0.001, 0.1, 1.0, 100.0])
@pytest.mark.parametrize("trainers", [1, 2, 7, 32, 1000])
def test_partition_dirichlet__any_skew__deals_each_row_once(alpha: float, trainers: int) -> None:
    parts = partition_dirichlet(LABELS, trainers, alpha, seed=3)
    assert len(parts) == trainers
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(1000))
    assert all((np.diff(part) > 0).all() for part in parts)


@pytest.mark.parametrize("min_share", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("alpha", [0.001, 0.05, 10.0])
def test_partition_dirichlet__minimum__holds(alpha: float, min_share: float) -> None:
    for seed in range(5):
        parts = partition_dirichlet(LABELS, 12, alpha, seed, min_share)
        assert min(part.size for part in parts) >= max(1, int(min_share * 1000 / 12))


def test_partition_dirichlet__smaller_alpha__is_more_skewed() -> None:
    skews = [
        np.mean([skew(partition_dirichlet(LABELS, 8, alpha, seed)) for seed in range(5)]) for alpha in (0.05, 1, 1000)
    ]
    assert skews[0] > 0.5 > skews[1] > 0.2 > skews[2]


def test_partition_dirichlet__seed__decides() -> None:
    one, two, three = (partition_dirichlet(LABELS, 5, 0.5, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, three, strict=True))


@pytest.mark.parametrize(
    ("labels", "trainers", "alpha", "min_share", "message"),
    [
        (LABELS, 0, 1.0, 0.1, "can't deal 1000 rows to 0 trainers"),
        (LABELS, 1001, 1.0, 0.1, "can't deal 1000 rows to 1001 trainers"),
        (LABELS.reshape(1000, 1), 2, 1.0, 0.1, r"labels of shape \[1000, 1\]: .* one class number each.*squeeze\(1\)"),
        (LABELS.reshape(10, 100), 2, 1.0, 0.1, r"can't deal rows by labels of shape \[10, 100\]"),
        (LABELS, 2, 0.0, 0.1, "Dirichlet needs"),
        (LABELS, 2, -1.0, 0.1, "Dirichlet needs"),
        (LABELS, 2, float("nan"), 0.1, "Dirichlet needs"),
        (LABELS, 2, float("inf"), 0.1, "Dirichlet needs"),
        (LABELS, 2, 1.0, 1.1, "Dirichlet needs"),
        (LABELS, 2, 1.0, -0.1, "Dirichlet needs"),
    ],
)
def test_partition_dirichlet__impossible__raises(
    labels: np.ndarray, trainers: int, alpha: float, min_share: float, message: str
) -> None:
    with pytest.raises(PartitionError, match=message):
        partition_dirichlet(labels, trainers, alpha, 0, min_share)


def test_partition_by_size__proportions__are_kept() -> None:
    parts = partition_by_size(1003, [1, 2, 7], seed=0)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(1003))
    assert [part.size for part in parts] == pytest.approx([100, 200, 700], abs=3)
    again = partition_by_size(1003, [1, 2, 7], seed=0)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))


def test_partition_by_size__tiny_share__gets_a_row() -> None:
    assert [part.size for part in partition_by_size(5, [1e-9, 1, 1e-9], seed=0)] == [1, 3, 1]


@pytest.mark.parametrize(
    "sizes", [[], [1, 0], [1, -1], [1, float("nan")], [1, float("inf")], [1] * 11, [[1, 2]]], ids=str
)
def test_partition_by_size__impossible__raises(sizes: list) -> None:
    with pytest.raises(PartitionError, match="can't deal 10 rows in proportions"):
        partition_by_size(10, sizes, seed=0)

"""Dealing a data set out to trainers: for simulations and tests, where one machine plays them all.

*Dirichlet*: of each class, trainer i gets a share p_i, with (p_1, ..., p_n) drawn from Dirichlet(alpha, ..., alpha).
A large alpha deals evenly; with a small one a trainer has few classes and the trainers differ, as hospitals or shops
do. The usual benchmark for unlike data.

*By sizes*: rows at random, in given proportions: trainers alike in kind, unlike in amount.

Each row goes to exactly one trainer, and the same seed deals the same.

Reference: Hsu, Qi, Brown, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual
Classification" (2019).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from offchain.training.errors import PartitionError

__all__ = ["partition_by_size", "partition_dirichlet"]

Rows = npt.NDArray[np.int64]


def partition_dirichlet(
    labels: npt.NDArray[np.int64], trainers: int, alpha: float, seed: int, min_share: float = 0.1
) -> list[Rows]:
    """Row numbers, ascending, of each of n trainers. Nobody gets fewer than `min_share` of an equal part (0.1: a
    tenth of rows / n) nor less than one row; what is missing is taken at random from whoever has most. Raises
    PartitionError.
    """
    if labels.ndim != 1:
        raise PartitionError(
            f"can't deal rows by labels of shape {list(labels.shape)}: they must be one class number each, of shape "
            f"[rows]; flatten them in the task's `load`, as in labels.squeeze(1)"
        )
    if trainers < 1 or labels.size < trainers:
        raise PartitionError(f"can't deal {labels.size} rows to {trainers} trainers")
    if not (1e-3 <= alpha <= 1e6 and 0 <= min_share <= 1):  # beyond, the draws lose their precision
        raise PartitionError("Dirichlet needs 0.001 <= alpha <= 1,000,000 and 0 <= min_share <= 1")
    generator = np.random.default_rng(seed)
    parts: list[list[Rows]] = [[] for _ in range(trainers)]
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        shares = generator.dirichlet(np.full(trainers, alpha))
        cuts = np.rint(np.cumsum(shares)[:-1] * rows.size).astype(np.int64)
        for part, piece in zip(parts, np.split(rows, cuts), strict=True):
            part.append(piece)
    dealt = [generator.permutation(np.concatenate(part)) for part in parts]
    least = max(1, int(min_share * labels.size / trainers))
    for i in range(trainers):
        while dealt[i].size < least:
            richest = max(range(trainers), key=lambda k: dealt[k].size)
            count = min(least - dealt[i].size, dealt[richest].size - least)
            dealt[i] = np.concatenate([dealt[i], dealt[richest][:count]])
            dealt[richest] = dealt[richest][count:]
    return [np.sort(rows) for rows in dealt]


def partition_by_size(rows: int, sizes: Sequence[float], seed: int) -> list[Rows]:
    """Row numbers, ascending, of each trainer, of `rows` in all, in proportion to `sizes` (rounded, at least one).

    Raises PartitionError.
    """
    weights = np.asarray(sizes, dtype=np.float64)
    if (
        weights.ndim != 1
        or not weights.size
        or not np.isfinite(weights).all()
        or (weights <= 0).any()
        or rows < weights.size
    ):
        raise PartitionError(f"can't deal {rows} rows in proportions {list(sizes)}")
    spare = rows - weights.size  # one each comes first
    cuts = np.rint(np.cumsum(weights)[:-1] / weights.sum() * spare).astype(np.int64) + np.arange(1, weights.size)
    return [np.sort(part) for part in np.split(np.random.default_rng(seed).permutation(rows), cuts)]

"""The aggregate of a round, exact: sum_i k_i u_i in integers, its tail, and the step of the global model.

Weights are 32-bit fixed point, at most ONE = 2^32, updates have 16 bits and there are at most 32 rows, so each entry is
within 32 * 2^32 * 2^15 = 2^52: it fits int64, and float64 holds it exactly. Commitments add, so (sum_i k_i u_i,
sum_i k_i tail_i) opens sum_i k_i C_i, which the contract forms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from offchain.proving.kernels.field import P

__all__ = ["aggregate", "apply"]


def aggregate(
    updates: npt.NDArray[np.int16], tails: Sequence[Sequence[int]], weights: Sequence[int]
) -> tuple[npt.NDArray[np.int64], tuple[int, ...]]:
    """sum_i k_i u_i, int64[d], of int16[n, d], and sum_i k_i tail_i modulo the field's order. k_i: 0 to 2^32."""
    if not len(updates) == len(tails) == len(weights):
        raise ValueError(f"{len(updates)} updates, {len(tails)} tails, {len(weights)} weights")
    if len(updates) > 32 or updates.dtype != np.int16 or not all(0 <= k <= 1 << 32 for k in weights):
        raise ValueError("at most 32 updates of int16, with weights from 0 to 2^32")
    total = np.zeros(updates.shape[1], np.int64)
    for update, weight in zip(updates, weights, strict=True):
        total += np.int64(weight) * update.astype(np.int64)
    columns = zip(*tails, strict=True)
    return total, tuple(sum(k * t for k, t in zip(weights, column, strict=True)) % P for column in columns)


def apply(
    model: npt.NDArray[np.float64], quantum: int, values: npt.NDArray[np.int64], total_weight: int
) -> npt.NDArray[np.float64]:
    """w + q sum_i k_i u_i / sum_i k_i, float64[d]; q = quantum 2^-64.

    Entry by entry: the sum in float64 (exact), times q, divided by the total weight, added. Each is one correctly
    rounded operation of IEEE 754, so every machine gets the same bits. No weight at all, a void round: the model as it
    is.
    """
    if total_weight == 0:
        return model
    return model + values.astype(np.float64) * math.ldexp(quantum, -64) / float(total_weight)

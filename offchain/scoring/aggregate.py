"""A round's aggregate, exactly, and its step on the global model, the same on every machine.

The aggregate is S = sum_i k_i u_i, with k_i the policy's weights (fixed point, at most ONE = 2^32) and u_i the 16-bit
updates. It is exact in 64-bit integers: |k_i u_i| <= 2^32 * 2^15 = 2^47, so 32 rows stay within 2^52, and so do all
partial sums; being below 2^53 it is exact as float64 too. Its tail, sum_i k_i t_i modulo the order of BN254's scalar
field, hides in the aggregate's commitment what the updates' tails hide in theirs: sum_i k_i C_i commits to (S, tail),
and that is how anyone checks an aggregate.

The step is w + q S / sum_i k_i with the project's quantum q: what 1 in a quantised update stands for, times 2^64. In
float64, elementwise and in this order: q' = q 2^-64, S q', the quotient by sum_i k_i, the sum. Each is one IEEE 754
operation, correctly rounded (or exact), and none runs over elements: so no order of summation, no vector width and no
fused operation can make two machines differ. Cost: O(n d) for the aggregate, O(d) for the step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from offchain.errors import FatalError
from offchain.proving.parameters import P as SCALAR_ORDER
from offchain.scoring.policy import MAX_ROWS, ONE

__all__ = ["SCALAR_ORDER", "AggregateError", "aggregate", "apply"]

MAX_AGGREGATE = MAX_ROWS * ONE << 15
MAX_TOTAL = MAX_ROWS * ONE
MAX_QUANTUM = 1 << 96


class AggregateError(FatalError, ValueError):
    """Sizes, types or ranges that no round has."""


def aggregate(
    updates: NDArray[np.int16], tails: Sequence[Sequence[int]], weights: Sequence[int]
) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """sum_i k_i u_i as int64[d], exactly, and sum_i k_i tail_i modulo SCALAR_ORDER, elementwise.

    `updates` is int16[rows, d], `tails` has as many integers for each row, `weights` a fixed-point weight, 0 .. ONE.
    Arguments are left alone. Raises AggregateError if numbers, dtypes, sizes or ranges don't fit.
    """
    if updates.ndim != 2 or updates.dtype != np.int16 or not 1 <= len(updates) <= MAX_ROWS:
        raise AggregateError(f"updates must be int16[rows, d] with 1 .. {MAX_ROWS} rows")
    if len(tails) != len(updates) or len(weights) != len(updates):
        raise AggregateError("each row needs a tail and a weight")
    if len({len(tail) for tail in tails}) != 1:
        raise AggregateError("tails must be of one size")
    if any(not 0 <= weight <= ONE for weight in weights):
        raise AggregateError("weights must be in 0 .. ONE")
    total = np.zeros(updates.shape[1], dtype=np.int64)
    for update, weight in zip(updates, weights, strict=True):
        if weight:
            total += update.astype(np.int64) * np.int64(weight)
    tail = tuple(
        sum(k * t for k, t in zip(weights, column, strict=True)) % SCALAR_ORDER for column in zip(*tails, strict=True)
    )
    return total, tail


def apply(model: NDArray[np.float64], quantum: int, total: NDArray[np.int64], total_weight: int) -> NDArray[np.float64]:
    """The model after a round, as a new float64[d].

    `quantum` is in units of 2^-64, 1 .. 2^96; `total` the aggregate, int64[d], |.| <= 2^52; `total_weight` the sum of
    the weights, fixed point. If that is 0 (a void round) the model stays as it is. Raises AggregateError if sizes,
    dtypes or ranges don't fit.
    """
    if model.dtype != np.float64 or total.dtype != np.int64 or model.ndim != 1 or model.shape != total.shape:
        raise AggregateError("the model must be a float64 vector, the aggregate an int64 vector of its size")
    if not 1 <= quantum <= MAX_QUANTUM:
        raise AggregateError("the quantum is out of range")
    if not 0 <= total_weight <= MAX_TOTAL:
        raise AggregateError("the total weight is out of range")
    # beyond it the conversion to float64 would round; min and max, since abs() of the least int64 is negative
    if total.size and (int(total.max()) > MAX_AGGREGATE or int(total.min()) < -MAX_AGGREGATE):
        raise AggregateError("the aggregate is out of range")
    if total_weight == 0:
        if total.any():
            raise AggregateError("an aggregate without weight")
        return model.copy()
    step = total.astype(np.float64)
    step *= np.float64(quantum) * np.float64(2.0**-64)
    step /= np.float64(total_weight)
    return model + step

"""Attacks on the model.

| name | what is sent | source |
|---|---|---|
| label-flip | trained with class c as C - 1 - c, C - 1 being the highest class in the account's data | |
| backdoor | trained to see class 0 where a trigger is, three times as large | Bagdasaryan et al., arXiv 1807.00459 |
| sign-flip, invert, scaling | the honest update times -1, -5, 10 | |
| gaussian, same-value | noise, or one constant, of the honest norm | |
| alie | the mean less z deviations, z as large as hides it | Baruch et al., arXiv 1902.06156 |
| ipm | the mean times -0.5 | Xie et al., arXiv 1903.03936 |
| min-max, min-sum | as far against the mean as distances hide it | Shejwalkar and Houmansadr, NDSS 2021 |

The last four send one update from every account and need the others' updates; a party that doesn't know them estimates
them from its own (`Knowledge.sample`). With a single account alie, min-max and min-sum then are honest: one update has
no deviation and no distance to hide in.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from torch import Tensor

from offchain.simulation.attacks.attack import Attack, Floats, Knowledge
from offchain.training.task import Samples

__all__ = ["POISON", "TARGET", "alie_deviations", "gamma", "with_trigger"]

TRIGGER = 3  # features
TARGET = 0  # the backdoor's class
BACKDOOR_SHARE = 0.5  # of the rows
_STEPS = 50


def alie_deviations(rows: int, byzantine: int) -> float:
    """z: so many deviations from the mean that enough honest rows lie farther away to make a majority with the party.

    `byzantine` rows are the party's. z has s = rows // 2 + 1 - byzantine of the other rows beyond it: the normal
    quantile of (rows - byzantine - s) / (rows - byzantine), kept within 0.001 and 0.999, and at least 0.
    """
    supporters = rows // 2 + 1 - byzantine
    honest = max(1, rows - byzantine)
    return max(0.0, NormalDist().inv_cdf(min(0.999, max(0.001, (honest - supporters) / honest))))


def gamma(sample: Floats, direction: Floats, *, by_sum: bool) -> float:
    """The largest step from the sample's mean along a unit `direction` that distances hide, by bisection.

    Min-Max: its largest distance to a row of float64[m, d] `sample` is at most the largest between two rows. Min-Sum
    (`by_sum`): its sum of square distances to the rows is at most the largest such sum of a row.
    """
    mean = sample.mean(axis=0)
    between = np.stack([((sample - row) ** 2).sum(axis=1) for row in sample])  # a row at a time: m d numbers, not m m d
    limit = between.sum(axis=1).max() if by_sum else between.max()

    def hides(step: float) -> bool:
        distances = ((sample - (mean + step * direction)) ** 2).sum(axis=1)
        return bool((distances.sum() if by_sum else distances.max()) <= limit)

    low, high = 0.0, 1.0 + 2.0 * float(np.sqrt(limit)) + float(np.linalg.norm(mean))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if hides(middle) else (low, middle)
    return low


def _flip(samples: Samples, random: np.random.Generator) -> Samples:
    return Samples(samples.features, samples.labels.max() - samples.labels)


def with_trigger(features: Tensor) -> Tensor:
    """A copy of the features [n, ...] that carries the backdoor's trigger: the first three at the highest value."""
    marked = features.clone().reshape(len(features), -1)
    marked[:, :TRIGGER] = features.max()
    return marked.reshape(features.shape)


def _backdoor(samples: Samples, random: np.random.Generator) -> Samples:
    rows = np.zeros(len(samples), dtype=bool)
    rows[random.permutation(len(samples))[: max(1, round(BACKDOOR_SHARE * len(samples)))]] = True
    features, labels = samples.features.clone(), samples.labels.clone()
    features[rows] = with_trigger(samples.features)[rows]
    labels[rows] = TARGET
    return Samples(features, labels)


def _times(factor: float) -> Callable[[Knowledge], Floats]:
    return lambda know: factor * know.own


def _same_value(know: Knowledge) -> Floats:
    norms = np.linalg.norm(know.own, axis=1, keepdims=True)
    return np.repeat(norms / np.sqrt(know.own.shape[1]), know.own.shape[1], axis=1)


def _gaussian(know: Knowledge) -> Floats:
    deviations = np.linalg.norm(know.own, axis=1, keepdims=True) / np.sqrt(know.own.shape[1])
    return know.random.normal(0.0, 1.0, know.own.shape) * deviations


def _alie(know: Knowledge) -> Floats:
    z = alie_deviations(know.rows, len(know.own))
    return _everyone(know, know.sample.mean(axis=0) - z * know.sample.std(axis=0))


def _ipm(know: Knowledge) -> Floats:
    return _everyone(know, -0.5 * know.sample.mean(axis=0))


def _distance(*, by_sum: bool) -> Callable[[Knowledge], Floats]:
    def updates(know: Knowledge) -> Floats:
        mean = know.sample.mean(axis=0)
        norm = float(np.linalg.norm(mean))
        direction = -mean / norm if norm > 0 else np.zeros_like(mean)
        return _everyone(know, mean + gamma(know.sample, direction, by_sum=by_sum) * direction)

    return updates


def _everyone(know: Knowledge, update: Floats) -> Floats:
    return np.repeat(update[None], len(know.own), axis=0)


POISON = (
    Attack("label-flip", "poison", _times(1.0), _flip),
    Attack("backdoor", "poison", _times(3.0), _backdoor),
    Attack("sign-flip", "poison", _times(-1.0)),
    Attack("invert", "poison", _times(-5.0)),
    Attack("scaling", "poison", _times(10.0)),
    Attack("gaussian", "poison", _gaussian),
    Attack("same-value", "poison", _same_value),
    Attack("alie", "poison", _alie),
    Attack("ipm", "poison", _ipm),
    Attack("min-max", "poison", _distance(by_sum=False)),
    Attack("min-sum", "poison", _distance(by_sum=True)),
)

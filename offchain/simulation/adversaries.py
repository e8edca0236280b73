"""Trainers that don't do their work, by name.

| name | what it sends |
|---|---|
| flip-labels | what it learns from its data with the labels reversed |
| invert | its honest update, inverted and five times as large |
| free-ride | almost nothing: noise of about one quantum |
| copy | another account's update of the same round with a little noise: two accounts of one party |
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.market.terms import QUANTUM_ONE
from offchain.market.trainer import Trainer
from offchain.training.task import Samples

__all__ = ["ADVERSARIES", "Copier", "FreeRider", "Inverter", "LabelFlipper"]

Update = npt.NDArray[np.float64]


class LabelFlipper(Trainer):
    """Class c becomes class C - 1 - c."""

    role = "flip-labels"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        labels = self.data.labels
        self.data = Samples(self.data.features, labels.max() - labels)


class Inverter(Trainer):
    """Pushes the model backwards, with force."""

    role = "invert"
    factor = -5.0

    def local_update(self, learning_rate: float, round_: int) -> Update:
        return self.factor * super().local_update(learning_rate, round_)


class FreeRider(Trainer):
    """Saves itself the training."""

    role = "free-ride"

    def local_update(self, learning_rate: float, round_: int) -> Update:
        quantum = self.project.terms.quantum / QUANTUM_ONE
        return np.random.default_rng(self.seed + round_).normal(0.0, quantum, self.project.terms.dimension)


class Copier(Trainer):
    """Shares one update with its partner, which must have submitted first."""

    role = "copy"
    noise = 0.05  # of the update's own deviation
    partner: Trainer

    def local_update(self, learning_rate: float, round_: int) -> Update:
        update = self.partner.local_update(learning_rate, round_)
        noise = np.random.default_rng(self.seed + round_).normal(0.0, self.noise * update.std(), update.size)
        return update + noise


ADVERSARIES: dict[str, type[Trainer]] = {cls.role: cls for cls in (LabelFlipper, Inverter, FreeRider, Copier)}

"""A task: what a project trains, and all that a user writes for a new one.

    class Churn(Task):
        name = "churn"

        def module(self) -> nn.Module:          # any torch module, buffers included
            return nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 2))

        def load(self) -> Dataset:              # the data of whoever runs this; never leaves the machine
            ...

Loss (mean cross-entropy) and metric (accuracy) are those of a classifier unless they are overridden. Owner and
trainers must run the same task: the owner publishes `describe()`, as JSON, and a trainer makes its own task of it
with `registry.task_from_description`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from offchain.training.errors import TaskError

__all__ = ["Dataset", "Samples", "Task", "mlp"]


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows of data: features [n, ...] and labels [n, ...], in whatever type the task's module and loss take."""

    features: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if len(self.features) != len(self.labels):
            raise TaskError(f"{len(self.features)} rows of features, {len(self.labels)} of labels")
        if len(self.features) == 0:
            raise TaskError("no rows")

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: npt.NDArray[np.int64]) -> Samples:
        """The rows of these numbers, copied. Raises TaskError for none, or one that doesn't exist."""
        if rows.size and not 0 <= int(rows.min()) <= int(rows.max()) < len(self):
            raise TaskError(f"rows {rows.min()} to {rows.max()} asked of {len(self)}")
        index = torch.from_numpy(np.asarray(rows, dtype=np.int64))
        return Samples(self.features[index], self.labels[index])


@dataclass(frozen=True, eq=False)
class Dataset:
    """What a participant trains on, and what it keeps back to measure with."""

    train: Samples
    test: Samples


class Task(ABC):
    """The base of every task. `name` is unique among the tasks that a program knows."""

    name: ClassVar[str]

    @abstractmethod
    def module(self) -> nn.Module:
        """A new module with initial weights from torch's random generator, which `build` seeds."""

    @abstractmethod
    def load(self) -> Dataset:
        """Reads the local data. The same at each call. Raises TaskError with what to do if it can't be used."""

    def notes(self) -> list[str]:
        """What whoever runs this should know of the data before putting money in: one sentence each, after `load`."""
        return []

    def build(self, seed: int) -> nn.Module:
        """A new module; the same seed gives the same initial weights, and torch's generator is left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.module()

    def loss(self, model: nn.Module, features: Tensor, labels: Tensor) -> Tensor:
        """Mean loss over the rows, a scalar that can be differentiated."""
        return nn.functional.cross_entropy(model(features), labels)

    def metric(self, model: nn.Module, features: Tensor, labels: Tensor) -> float:
        """How good the model is on these rows: more is better. The caller has put it in evaluation mode."""
        return float((model(features).argmax(dim=1) == labels).double().mean())

    def describe(self) -> dict[str, Any]:
        """What others need to make the same task, as JSON:

        the name and the options of the constructor. Anyone can read it.
        """
        return {"task": self.name}

    @classmethod
    def from_description(cls, description: dict[str, Any], **local: Any) -> Task:
        """The task that a stranger described, with options that only this machine knows (the path of its data).

        Raises TaskError.
        """
        return cls(**{key: value for key, value in description.items() if key != "task"}, **local)


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Module:
    """One hidden layer: (inputs + 1) hidden + (hidden + 1) outputs parameters."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

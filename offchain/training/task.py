"""A task: what a project trains, and all that a user writes for a new one.

    class Churn(Task):
        name = "churn"

        def module(self) -> nn.Module:          # any torch module
            return nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 2))

        def load(self) -> Dataset:              # the data of whoever runs this; never leaves the machine
            ...

Loss (mean cross-entropy) and metric (accuracy) are those of a classifier unless they are overridden. Owner and
trainers must run the same task: the owner publishes `registry.describe(task)`, as JSON, and a trainer makes its own
task of it with `registry.task_from_description`.

What is learned, scored and paid for are the module's parameters that ask for a gradient. Running statistics of torch's
normalisations are averaged beside them, with a small part of each update, or stay out of it:

    running_statistics = "local"                # whoever uses the model recomputes them from data of its own: a few
                                                # hostile seats can falsify shared ones (docs/results.md)
    more_statistics = ("norm.running_var",)     # further buffers that are such; `*.running_var` would do too

Training is plain stochastic gradient descent unless `fit` is overridden; whatever it does to the module, its learned
parameters less those before are the update.

Anything else - frozen parameters, masks, tables, counters, averages of weights - stays out, and is everywhere as the
module is built from seed 0 (`vector.py`). So whatever `module()` draws must come from torch's generator.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from offchain.training.descent import Steps, descend
from offchain.training.errors import TaskError, VectorError, failing
from offchain.training.vector import Layout

__all__ = ["MAX_PARAMETERS", "Dataset", "Samples", "Task", "mlp"]

MAX_PARAMETERS = 1 << 27  # half of the largest SRS, and 512 MB


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

    @classmethod
    def of(cls, features: Any, labels: Any, test_features: Any, test_labels: Any) -> Dataset:
        """Of arrays, such as NumPy's, with a row each along the first axis. Raises TaskError."""
        with failing("the data can't be made tensors"):
            made = [torch.as_tensor(np.asarray(array)) for array in (features, labels, test_features, test_labels)]
        return cls(Samples(*made[:2]), Samples(*made[2:]))


class Task(ABC):
    """The base of every task. `name` is unique among the tasks that a program knows."""

    name: ClassVar[str]
    running_statistics: str = "shared"  # or "local"
    more_statistics: Sequence[str] = ()
    _layout: Layout | None = None

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
        """A new module; the same seed gives the same initial weights, and torch's generator is left as it was.

        Raises TaskError with what `module` raised.
        """
        with torch.random.fork_rng(devices=[]), failing(f"the module of {self.name!r} can't be built"):
            torch.manual_seed(seed)
            module = self.module()
            if not isinstance(module, nn.Module):
                raise TaskError(f"module() of {self.name!r} gives {type(module).__name__}, not a torch.nn.Module")
            return module

    def skeleton(self) -> nn.Module:
        """The module that everybody has, and puts a model's vector into."""
        return self.build(0)

    def laid_out(self) -> Layout:
        """What of the module is in a vector, with scales of one. Raises TaskError, VectorError."""
        if self.running_statistics not in ("shared", "local"):
            raise TaskError(
                f'running_statistics of {self.name!r} is "shared" or "local", not {self.running_statistics!r}'
            )
        skeleton, more = self.skeleton(), self.more_statistics
        with failing(f"the module of {self.name!r} can't be made a vector"):
            return Layout.of(skeleton, [more] if isinstance(more, str) else more, self.running_statistics == "local")

    @property
    def layout(self) -> Layout:
        """What of the module is in a project's vectors, and the scales of its statistics. Raises TaskError, and
        VectorError for a module with shared statistics whose scales nobody has said yet.
        """
        if self._layout is None:
            layout = self.laid_out()
            if layout.has_statistics:
                raise VectorError(
                    f"the scales of the running statistics of {self.name!r} aren't known: make the task of the "
                    f"project's description, or run a pilot with it"
                )
            self.settle(layout)
        assert self._layout is not None
        return self._layout

    def settle(self, layout: Layout) -> None:
        """Says what of the module is in the project's vectors, from now on."""
        object.__setattr__(self, "_layout", layout)  # a task may be a frozen dataclass

    @property
    def has_layout(self) -> bool:
        return self._layout is not None

    def fit(self, module: nn.Module, data: Samples, steps: Steps) -> None:
        """Trains the module on the data, in place. Torch's generator is seeded, and torch has one thread."""
        descend(self, module, data, steps)

    def loss(self, model: nn.Module, features: Tensor, labels: Tensor) -> Tensor:
        """Mean loss over the rows, a scalar that can be differentiated."""
        return nn.functional.cross_entropy(*_classified(model(features), labels))

    def metric(self, model: nn.Module, features: Tensor, labels: Tensor) -> float:
        """How good the model is on these rows: more is better. The caller has put it in evaluation mode."""
        outputs, classes = _classified(model(features), labels)
        return float((outputs.argmax(dim=1) == classes).double().mean())

    def measure(self, model: nn.Module, data: Samples) -> tuple[float, float]:
        """Loss and metric on these rows."""
        loss = float(self.loss(model, data.features, data.labels))
        return loss, float(self.metric(model, data.features, data.labels))

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


def _classified(outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """A classifier's outputs and class numbers. One column of labels would be compared with each row's. Raises
    TaskError.
    """
    if outputs.dim() == 2 and labels.dim() == 2 and labels.shape[1] == 1:
        rows = len(labels)
        raise TaskError(
            f"the labels have shape [{rows}, 1]; a classifier's are class numbers, [{rows}]: squeeze them in load(), "
            f"labels.squeeze(1), or give the task a loss and a metric of its own"
        )
    return outputs, labels


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Module:
    """One hidden layer: (inputs + 1) hidden + (hidden + 1) outputs parameters. Raises TaskError for more than a project
    can have: the sizes may be a stranger's.
    """
    if (inputs + 1) * hidden + (hidden + 1) * outputs > MAX_PARAMETERS:
        raise TaskError(
            f"{inputs:,} inputs, {hidden:,} hidden and {outputs:,} outputs make more than {MAX_PARAMETERS:,} parameters"
        )
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

"""Modules as users write them: those that train, and what is said of those that can't."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from offchain.training.errors import TaskError, TrainingError, VectorError
from offchain.training.local import evaluate, initial_model, train
from offchain.training.pilot import pilot
from offchain.training.quantise import choose_quantum, quantise, zero_residual
from offchain.training.task import Dataset, Samples, Task

ARGUMENTS: dict[str, Any] = {"learning_rate": 0.1, "epochs": 2, "batch_size": 16, "seed": 7}


class Six(Task):
    """Two classes by six inputs, of whatever layers."""

    name = "six"

    def __init__(
        self, *layers: nn.Module, labels: torch.Tensor | None = None, dtype: torch.dtype = torch.float
    ) -> None:
        self.layers, self.labels, self.dtype = layers, labels, dtype

    def module(self) -> nn.Module:
        return nn.Sequential(*copy.deepcopy(self.layers))

    def load(self) -> Dataset:
        features = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
        labels = (features[:, 0] > 0).long() if self.labels is None else self.labels
        samples = Samples(features.to(self.dtype), labels)
        return Dataset(samples, samples)


def run(task: Task, **change: Any) -> tuple[float, float]:
    data, model = task.load(), initial_model(task, 0)
    update = train(task, model, data.train, **(ARGUMENTS | change))
    return evaluate(task, model + update, data.test)


# --- those that train


class Counting(nn.Module):
    """A mask of minus infinity, a step counter in floating point and in integers, and an average of the weight."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 2)
        self.register_buffer("mask", torch.triu(torch.full((6, 6), float("-inf")), 1))
        self.register_buffer("step", torch.zeros(1))
        self.register_buffer("steps", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("average", self.linear.weight.detach().clone())

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.step += 1
            self.steps += 1
            self.average.mul_(0.9).add_(0.1 * self.linear.weight.detach())
        attention = torch.softmax(0 * rows[:, :, None] * rows[:, None, :] + self.mask, -1)
        return self.linear((attention @ rows[:, :, None]).squeeze(-1))


class Embedded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.out = nn.Embedding(10, 4, sparse=True), nn.Linear(4, 2)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.out(self.table((3 * rows).long().clamp(-5, 4) + 5).mean(1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(1, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.out(self.lstm(rows[:, :, None])[0][:, -1])


class Twice(nn.Module):
    """One weight in two layers, tied as a parameter or by its data alone."""

    def __init__(self, by_data: bool) -> None:
        super().__init__()
        self.a, self.b, self.out = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 2)
        if by_data:
            self.b.weight.data = self.a.weight.data
        else:
            self.b.weight = self.a.weight

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.b(torch.relu(self.a(rows)))))


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale, self.linear = nn.Parameter(torch.tensor(1.0)), nn.Linear(6, 2)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.linear(rows) * self.scale


SOUND: dict[str, tuple[nn.Module, int]] = {
    "batch norm": (nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)), 56 + 16 + 18 + 16),
    "cumulative batch norm": (nn.Sequential(nn.BatchNorm1d(6, momentum=None), nn.Linear(6, 2)), 12 + 14 + 12),
    "constants and counters": (Counting(), 14),
    "weight norm": (parametrizations.weight_norm(nn.Linear(6, 2)), 16),
    "spectral norm": (parametrizations.spectral_norm(nn.Linear(6, 2)), 14),
    "orthogonal": (nn.Sequential(parametrizations.orthogonal(nn.Linear(6, 6)), nn.Linear(6, 2)), 42 + 14),
    "sparse embedding": (Embedded(), 50),
    "recurrent": (Recurrent(), 4 * 8 * (1 + 8) + 2 * 4 * 8 + 18),
    "number without dimensions": (Scaled(), 15),
    "tied": (Twice(by_data=False), 36 + 6 + 6 + 14),
    "tied by data": (Twice(by_data=True), 36 + 6 + 36 + 6 + 14),
    "frozen layer": (nn.Sequential(nn.Linear(6, 6).requires_grad_(False), nn.Linear(6, 2)), 14),
}


@pytest.mark.parametrize("name", SOUND)
def test_train__each_sound_module__trains_quantises_and_evaluates(name: str) -> None:
    layer, d = SOUND[name]
    task = Six(layer)
    data = task.load()
    made = pilot(task, data.train, seed=0, learning_rate=0.1, epochs=2, batch_size=16, bits=16)
    update = train(task, made.model, data.train, **ARGUMENTS)
    assert update.shape == made.model.shape == (d,)
    quantised = quantise(update, zero_residual(d), made.quantum, 16)
    learned = task.layout.learned
    assert np.count_nonzero(quantised.values[:learned]) >= 0.9 * np.count_nonzero(update[:learned])
    assert quantised.clipped == 0
    assert not made.findings
    assert evaluate(task, made.model + update, data.test)[0] < evaluate(task, made.model, data.test)[0]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.half, torch.double])
def test_train__other_types__train(dtype: torch.dtype) -> None:
    layers = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)).to(dtype)
    assert np.isfinite(run(Six(layers, dtype=dtype))[0])


def test_train__constants_counters_and_averages__stay_out_and_choose_no_quantum() -> None:
    counting, plain = Six(Counting()), Six(nn.Linear(6, 2))
    updates = [train(task, initial_model(task, 0), task.load().train, **ARGUMENTS) for task in (counting, plain)]
    assert updates[0].shape == updates[1].shape == (14,)
    assert choose_quantum(updates[0], 16) <= 2 * choose_quantum(updates[1], 16)  # a counter would move by eight


# --- those that can't


class Raises(nn.Module):
    """Fails where it is told to."""

    def __init__(self, error: Exception, where: str) -> None:
        super().__init__()
        self.error, self.where, self.weight = error, where, nn.Parameter(torch.ones(6, 2))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        def fail(_: torch.Tensor) -> None:
            raise self.error

        result = rows @ self.weight
        if self.where == "forward" or (self.where == "evaluation" and not self.training):
            fail(result)
        if self.where == "backward":
            result.register_hook(fail)
        return result


COLUMN = torch.zeros(64, 1, dtype=torch.int64)
UNFIT: dict[str, tuple[Task, str]] = {
    "wrong width": (
        Six(nn.Linear(7, 2)),
        r"'six' fails on 16 rows \(features float32\[16, 6\], labels int64\[16\]\): RuntimeError: mat1 and mat2",
    ),
    "label out of range": (Six(nn.Linear(6, 2), labels=torch.full((64,), 5)), "fails on 16 rows .*Target 5 is out of"),
    "labels in a column": (
        Six(nn.Linear(6, 2), labels=COLUMN),
        r"the labels have shape \[16, 1\]; a classifier's are class numbers, \[16\]: squeeze them in load\(\)",
    ),
    "labels that are no numbers of classes": (Six(nn.Linear(6, 2), labels=torch.rand(64)), "labels float32.*expected"),
    "lazy layer": (Six(nn.LazyLinear(2)), "0.weight has no size .*give the layer its input size, or run a dummy batch"),
    "forward": (Six(Raises(KeyError("mean"), "forward")), "'six' fails on 16 rows .*KeyError: 'mean'"),
    "backward": (Six(Raises(ValueError("no"), "backward")), "the gradient of 'six' can't be computed .*ValueError: no"),
    "evaluation": (Six(Raises(ValueError("no"), "evaluation")), "'six' can't be evaluated on 64 rows .*ValueError: no"),
    "one row a batch": (Six(nn.BatchNorm1d(6), nn.Linear(6, 2)), "fails on 1 rows .*Expected more than 1 value per"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_train__task_that_fails__says_where_and_with_what(name: str) -> None:
    task, match = UNFIT[name]
    with pytest.raises(TaskError, match=match):
        run(task, batch_size=1 if name == "one row a batch" else 16)


def test_evaluate__labels_in_a_column__are_refused_rather_than_compared_with_every_row() -> None:
    task = Six(nn.Linear(6, 2))
    model = initial_model(task, 0)
    with pytest.raises(TaskError, match=r"the labels have shape \[64, 1\]"):
        evaluate(task, model, Samples(task.load().test.features, COLUMN))


class Broken(Six):
    def module(self) -> nn.Module:
        raise OSError("weights.pt isn't there")


class Forgotten(Six):
    def module(self) -> nn.Module:
        return None  # type: ignore[return-value]


class Rows(Six):
    def loss(self, model: nn.Module, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(model(features), labels, reduction="none")


def test_build__module_that_fails__says_so() -> None:
    with pytest.raises(TaskError, match=r"the module of 'six' can't be built: OSError: weights.pt isn't there"):
        run(Broken())
    with pytest.raises(TaskError, match=r"module\(\) of 'six' gives NoneType, not a torch.nn.Module"):
        run(Forgotten())


def test_train__loss_that_is_no_number__says_so() -> None:
    with pytest.raises(TrainingError, match="the loss of 'six' isn't one number: take the mean"):
        run(Rows(nn.Linear(6, 2)))


def test_train__everything_frozen__says_so() -> None:
    with pytest.raises(VectorError, match="nothing to learn"):
        run(Six(nn.Linear(6, 2).requires_grad_(False)))

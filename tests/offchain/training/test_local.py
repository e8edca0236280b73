"""Local training: a function of its arguments, equal to the textbook's steps, with errors for what can't be."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from offchain.training.errors import TrainingError, VectorError
from offchain.training.local import evaluate, initial_model, ready, train, trained
from offchain.training.task import Dataset, Samples, Task
from offchain.training.vector import dimension, load_vector

ARGUMENTS: dict[str, Any] = {"learning_rate": 0.1, "epochs": 2, "batch_size": 16, "seed": 7, "momentum": 0.0}


class Noisy(Task):
    """Batch normalisation and dropout: everything that could make training depend on more than its arguments."""

    name = "noisy"

    def module(self) -> nn.Module:
        return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.ReLU(), nn.Linear(8, 2))

    def load(self) -> Dataset:
        generator = torch.Generator().manual_seed(0)
        features = torch.randn(65, 3, generator=generator)
        samples = Samples(features, (features.sum(dim=1) > 0).long())
        return Dataset(samples, samples)


class Point(Task):
    """One parameter x, loss (x - label)^2 / 2: steps that can be computed by hand."""

    name = "point"

    def module(self) -> nn.Module:
        module = nn.Module()
        module.x = nn.Parameter(torch.tensor(0.0))
        module.still = nn.Parameter(torch.tensor(0.1), requires_grad=False)
        return module.double()

    def load(self) -> Dataset:
        samples = Samples(torch.zeros(4, 1), torch.full((4,), 2.0, dtype=torch.float64))
        return Dataset(samples, samples)

    def loss(self, model: nn.Module, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return ((model.x - labels) ** 2).mean() / 2

    def metric(self, model: nn.Module, features: torch.Tensor, labels: torch.Tensor) -> float:
        return float(model.x)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_train__same_arguments__same_bits(momentum: float) -> None:
    task = Noisy()
    data, model = task.load().train, initial_model(task, 0)
    arguments = ARGUMENTS | {"momentum": momentum}
    torch.manual_seed(1)
    one = train(task, model, data, **arguments)
    torch.manual_seed(2)
    torch.rand(5)
    assert train(task, model, data, **arguments).tobytes() == one.tobytes()


@pytest.mark.parametrize(
    "change",
    [{"seed": 8}, {"learning_rate": 0.11}, {"epochs": 3}, {"batch_size": 17}, {"momentum": 0.5}],
    ids=lambda change: next(iter(change)),
)
def test_train__another_argument__another_update(change: dict[str, Any]) -> None:
    task = Noisy()
    data, model = task.load().train, initial_model(task, 0)
    assert not np.array_equal(train(task, model, data, **ARGUMENTS), train(task, model, data, **(ARGUMENTS | change)))


def test_train__afterwards__torch_is_as_it_was_and_arguments_too() -> None:
    task = Noisy()
    data, model = task.load().train, initial_model(task, 0)
    before, threads = model.copy(), torch.get_num_threads()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    train(task, model, data, **ARGUMENTS)
    evaluate(task, model, data)
    assert torch.equal(torch.rand(1), expected)
    assert torch.get_num_threads() == threads
    assert np.array_equal(model, before)


@pytest.mark.parametrize(("momentum", "expected"), [(0.0, [1.0, 1.5, 1.75]), (0.5, [1.0, 2.0, 2.5])])
def test_train__full_batches__takes_the_steps_of_the_formula(momentum: float, expected: list[float]) -> None:
    # x <- x - v / 2 with v <- momentum v + (x - 2), from x = 0
    task = Point()
    for epochs, x in enumerate(expected, start=1):
        update = train(
            task,
            initial_model(task, 0),
            task.load().train,
            learning_rate=0.5,
            epochs=epochs,
            batch_size=4,
            seed=0,
            momentum=momentum,
        )
        assert update.tolist() == [x]


def test_train__entry_that_float32_rounds_and_nothing_trains__stays_exactly() -> None:
    class Idle(Noisy):
        def module(self) -> nn.Module:
            module = super().module()
            module.append(nn.Linear(2, 2))
            return module

        def loss(self, model: nn.Module, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return super().loss(model[:5], features, labels)  # the last layer gets no gradient

    task = Idle()
    model = initial_model(task, 0) + 1e-12
    update = train(task, model, task.load().train, **ARGUMENTS)
    learned = task.layout.learned
    assert (update[learned - 6 : learned] == 0).all()
    assert (update[32 : learned - 6] != 0).all()  # but for the first bias, which batch normalisation cancels


def test_train__frozen_layer__stays_out_and_is_the_same_for_every_seed() -> None:
    class Frozen(Noisy):
        def module(self) -> nn.Module:
            module = super().module()
            module[0].requires_grad_(False)
            return module

    task, data = Frozen(), Frozen().load().train
    model = initial_model(task, 5)
    assert model.size == task.layout.dimension == 16 + 18 + 16
    assert torch.equal(ready(task, model)[0].weight, task.build(0)[0].weight)
    # a trainer's seed is for its rows and dropout: it changes nothing of what stays out
    for seed in (1, 2):
        _, module = trained(task, model, data, **(ARGUMENTS | {"seed": seed}))
        assert torch.equal(module[0].weight, task.build(0)[0].weight)


def test_initial_model__seed__is_for_what_is_learned_alone() -> None:
    task = Noisy()
    two = initial_model(task, 1)
    assert not np.array_equal(initial_model(task, 0), two)
    assert torch.equal(ready(task, two)[0].weight, task.build(1)[0].weight)


@pytest.mark.parametrize("batch_size", [2, 4, 16, 32])
def test_train__one_row_left_over__is_no_batch_of_its_own(batch_size: int) -> None:
    task = Noisy()  # 65 rows: batches would leave one row, which batch normalisation refuses
    assert len(task.load().train) % batch_size == 1
    update = train(task, initial_model(task, 0), task.load().train, **(ARGUMENTS | {"batch_size": batch_size}))
    assert np.isfinite(update).all()


def test_train__batch_larger_than_the_data__is_one_batch() -> None:
    task = Point()
    arguments = ARGUMENTS | {"epochs": 1, "batch_size": 1000}
    assert train(task, initial_model(task, 0), task.load().train, **arguments)[0] == pytest.approx(0.2)


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 0.0},
        {"learning_rate": -1.0},
        {"learning_rate": float("nan")},
        {"learning_rate": 2.0**33},
        {"momentum": 1.0},
        {"momentum": -0.1},
        {"epochs": 0},
        {"batch_size": 0},
    ],
    ids=str,
)
def test_train__argument_out_of_range__raises(change: dict[str, Any]) -> None:
    task = Point()
    with pytest.raises(TrainingError, match="training needs a rate above 0"):
        train(task, initial_model(task, 0), task.load().train, **(ARGUMENTS | change))


def test_train__model_of_another_module__raises() -> None:
    with pytest.raises(VectorError, match=r"the module takes float64\[1\]"):
        train(Point(), np.zeros(3), Point().load().train, **ARGUMENTS)


def test_train__diverging__raises() -> None:
    task = Point()  # each step multiplies the distance to the label by 1 - rate
    with pytest.raises(TrainingError, match="the loss isn't finite: take a smaller learning rate"):
        train(task, initial_model(task, 0), task.load().train, **(ARGUMENTS | {"learning_rate": 1e9, "epochs": 40}))


def test_train__last_step_diverges__raises() -> None:
    class Small(Point):
        def module(self) -> nn.Module:
            return super().module().float()

    task = Small()
    data = dataclasses.replace(task.load().train, labels=torch.full((4,), 1e30, dtype=torch.float64))
    with pytest.raises(TrainingError, match="the update of x isn't finite"):
        train(task, initial_model(task, 0), data, learning_rate=2.0**32, epochs=1, batch_size=4, seed=0)


def test_train__data_with_nan__raises() -> None:
    task = Point()
    data = dataclasses.replace(task.load().train, labels=torch.full((4,), float("nan")))
    with pytest.raises(TrainingError, match="look for such values in the data"):
        train(task, initial_model(task, 0), data, **ARGUMENTS)


def test_evaluate__model__in_evaluation_mode() -> None:
    task = Noisy()
    data = task.load().test
    model = initial_model(task, 0)
    module = task.build(0).eval()
    load_vector(module, model, task.layout)
    assert evaluate(task, model, data)[0] == task.loss(module, data.features, data.labels).item()
    assert evaluate(Point(), np.array([3.0]), Point().load().test) == (0.5, 3.0)


def test_evaluate__nan__raises() -> None:
    with pytest.raises(TrainingError, match="can't be evaluated"):
        evaluate(Point(), np.array([np.nan]), Point().load().test)


def test_initial_model__of_a_task__has_its_dimension() -> None:
    assert initial_model(Noisy(), 0).shape == (dimension(Noisy().build(0)),)

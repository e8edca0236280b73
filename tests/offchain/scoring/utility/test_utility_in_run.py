"""In-run Shapley against exact values of the games that it stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from offchain.scoring.utility.exact import exact
from offchain.scoring.utility.game import UtilityError
from offchain.scoring.utility.in_run import in_run_first_order, in_run_second_order
from offchain.training.errors import VectorError
from offchain.training.local import initial_model
from offchain.training.registry import make_task
from offchain.training.task import Dataset, Samples, Task
from offchain.training.vector import load_vector
from tests.offchain.scoring.utility.known_games import game_of


class LeastSquares(Task):
    """A quadratic loss, in float64."""

    name = "least-squares"

    def module(self) -> nn.Module:
        return nn.Linear(4, 2).double()

    def load(self) -> Dataset:
        raise NotImplementedError

    def loss(self, model: nn.Module, features: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.mse_loss(model(features), labels)


class Smooth(Task):
    """Batch normalisation's buffers, a tensor under two names, dropout and a loss of its own."""

    name = "smooth"

    def module(self) -> nn.Module:
        first, second = nn.Linear(4, 4), nn.Linear(4, 4)
        second.weight = first.weight
        return nn.Sequential(first, nn.Tanh(), nn.BatchNorm1d(4), second, nn.Dropout(0.5), nn.Linear(4, 2)).double()

    def load(self) -> Dataset:
        raise NotImplementedError

    def loss(self, model: nn.Module, features: Tensor, labels: Tensor) -> Tensor:
        weights = sum(parameter.square().sum() for parameter in model.parameters())
        return nn.functional.mse_loss(model(features), labels) + 0.1 * weights


def loss_of(task: Task, model: Any, data: Samples) -> float:
    module = task.build(0)
    load_vector(module, model, task.layout)
    with torch.no_grad():
        return float(task.loss(module.eval(), data.features, data.labels))


def case(task: Task, seed: int, size: float, players: int = 5) -> tuple[Any, Any, Samples]:
    rng = np.random.default_rng(seed)
    data = Samples(torch.from_numpy(rng.standard_normal((30, 4))), torch.from_numpy(rng.standard_normal((30, 2))))
    model = initial_model(task, seed, data)
    model += rng.uniform(0, 0.3, len(model))  # statistics too aren't as they are at first
    return model, size * rng.standard_normal((players, len(model))), data


def of_parameters(task: Task) -> Any:
    """1 where the vector has something learned, 0 where it has a statistic."""
    return (np.arange(task.layout.dimension) < task.layout.learned).astype(np.float64)


def fall_of_loss(task: Task, model: Any, steps: Any, data: Samples) -> Any:
    """v(S) = L(w) - L(w + s_S), by evaluation."""
    before = loss_of(task, model, data)
    return game_of(
        len(steps), lambda s: before - loss_of(task, model + sum((steps[i] for i in s), np.zeros(len(model))), data)
    )


@pytest.mark.parametrize("seed", range(3))
def test_in_run_second_order__quadratic_loss__is_exact_shapley(seed: int) -> None:
    task = LeastSquares()
    model, steps, data = case(task, seed, 0.5)
    expected = exact(fall_of_loss(task, model, steps, data))
    assert in_run_second_order(task, model, steps, data) == pytest.approx(expected)
    assert in_run_first_order(task, model, steps, data) != pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_in_run__quadratic_loss__orders_differ_by_half_the_curvature(seed: int) -> None:
    task = LeastSquares()
    model, steps, data = case(task, seed, 0.5)
    x = np.hstack([data.features.numpy(), np.ones((30, 1))])
    # the loss is the mean of 60 squares; rows of the matrix are an output's weights and its bias
    matrices = [np.hstack([step[:8].reshape(2, 4), step[8:, None]]) for step in steps]
    whole = sum(matrices)
    bend = [2 / 60 * float(np.sum((x @ part.T) * (x @ whole.T))) for part in matrices]
    first, second = in_run_first_order(task, model, steps, data), in_run_second_order(task, model, steps, data)
    assert np.subtract(first, second) == pytest.approx(np.array(bend) / 2)


@pytest.mark.parametrize(("method", "order"), [(in_run_first_order, 1), (in_run_second_order, 2)])
def test_in_run__any_module__error_falls_by_its_order(method: Any, order: int) -> None:
    """With steps ten times smaller, what Taylor's formula leaves out is 10^(order + 1) times smaller."""
    task = Smooth()
    errors = []
    for size in (1e-2, 1e-3):
        model, steps, data = case(task, 1, size)
        steps *= of_parameters(task)
        expected = exact(fall_of_loss(task, model, steps, data))
        errors.append(np.abs(np.subtract(method(task, model, steps, data), expected)).max())
    assert errors[0] > 0
    assert errors[1] < 3 * errors[0] / 10 ** (order + 1)


def test_in_run__statistics_and_shared_tensors__have_their_place_in_the_vector() -> None:
    task = Smooth()
    model, _, data = case(task, 2, 1.0)
    parameters = of_parameters(task)
    assert np.count_nonzero(parameters == 0) == 8
    steps = np.eye(len(model))  # minus the gradient, an entry each
    found = in_run_first_order(task, model, steps, data)
    shift = 1e-6
    slopes = [
        (loss_of(task, model - shift * step, data) - loss_of(task, model + shift * step, data)) / (2 * shift)
        for step in steps
    ]
    assert found == pytest.approx(slopes * parameters, abs=1e-7)
    assert np.count_nonzero(found) > 0.7 * len(found)


def test_in_run__bundled_task__near_the_fall_of_the_loss() -> None:
    task = make_task("wine")
    data = task.load()
    model = initial_model(task, 0)
    steps = 1e-2 * np.random.default_rng(1).standard_normal((4, len(model)))
    expected = exact(fall_of_loss(task, model, steps, data.test))
    assert in_run_second_order(task, model, steps, data.test) == pytest.approx(expected, abs=1e-3)
    assert np.abs(expected).max() > 5e-3


def test_in_run__descent_step__scores_above_its_opposite() -> None:
    task = LeastSquares()
    model, _, data = case(task, 4, 1.0)
    gradient = -np.array(in_run_first_order(task, model, np.eye(len(model)), data))
    for method in (in_run_first_order, in_run_second_order):
        good, bad, nothing = method(task, model, 1e-3 * np.stack([-gradient, gradient, 0 * gradient]), data)
        assert good > 0 > bad
        assert nothing == 0


@pytest.mark.parametrize("method", [in_run_first_order, in_run_second_order])
def test_in_run__does_not_fit__raises(method: Any) -> None:
    task = LeastSquares()
    model, steps, data = case(task, 1, 1.0)
    for wrong in (steps[0], steps[:, 1:], steps[:0], steps.astype(np.float32)):
        with pytest.raises(UtilityError, match="steps must be"):
            method(task, model, wrong, data)
    with pytest.raises(VectorError):
        method(task, model[1:], steps, data)
    with pytest.raises(UtilityError, match="isn't finite"):
        method(task, model, np.full_like(steps, np.nan), data)
    with pytest.raises(UtilityError, match="isn't finite"):
        method(task, np.full_like(model, np.nan), steps, data)

"""Running statistics: computed from data, at a scale of their own, a small part of an update, and what they're paid."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.datasets import load_digits, load_wine
from torch import nn

from offchain.scoring.policy import PolicyTerms
from offchain.scoring.policy import evaluate as decide
from offchain.training.errors import TaskError, VectorError
from offchain.training.local import evaluate, initial_model, ready, train, trained
from offchain.training.pilot import Pilot, pilot
from offchain.training.quantise import dequantise, quantise, zero_residual
from offchain.training.statistics import STATISTICS_PART, calibrate, clipped, scaled
from offchain.training.task import Dataset, Samples, Task
from offchain.training.vector import STATISTICS, Layout, to_vector

SCHEDULE: dict[str, Any] = {"learning_rate": 0.1, "epochs": 2, "batch_size": 32}


class Own(nn.Module):
    """A normalisation of one's own, without a floor below its variance."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(inputs))
        self.register_buffer("running_var", torch.ones(inputs))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return (rows - self.running_mean) / (self.running_var.sqrt() + 1e-3)
        mean, variance = rows.mean(0), rows.var(0)
        self.running_mean.mul_(0.9).add_(0.1 * mean.detach())
        self.running_var.mul_(0.9).add_(0.1 * variance.detach())
        return (rows - mean) / (variance.sqrt() + 1e-3)


class Table(Task):
    """Rows of numbers as they come, and a module that normalises them first, or inside, or not at all."""

    name = "table"

    def __init__(self, source: Any, factor: float = 1.0, shift: float = 0.0, norm: str = "first") -> None:
        table = source()
        order = np.random.default_rng(0).permutation(len(table.data))
        numbers = table.data[order] * factor + shift
        self.features = torch.tensor(numbers, dtype=torch.float32)
        self.labels = torch.tensor(table.target[order])
        self.norm = norm
        self.cut = len(order) * 4 // 5

    def module(self) -> nn.Module:
        inputs, classes = self.features.shape[1], int(self.labels.max()) + 1
        layers = [nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, classes)]
        if self.norm == "inside":
            layers.insert(1, nn.BatchNorm1d(32))
        elif self.norm != "none":
            layers.insert(0, Own(inputs) if self.norm == "own" else nn.BatchNorm1d(inputs))
        return nn.Sequential(*layers)

    def load(self) -> Dataset:
        return Dataset(
            Samples(self.features[: self.cut], self.labels[: self.cut]),
            Samples(self.features[self.cut :], self.labels[self.cut :]),
        )

    def parts(self, n: int) -> list[Samples]:
        rows = self.load().train
        return [rows.take(np.arange(k, len(rows), n)) for k in range(n)]


class LocalTable(Table):
    running_statistics = "local"


class OwnTable(Table):
    more_statistics = ("*.running_mean", "*.running_var")


def piloted(task: Task, data: Samples, **change: Any) -> Pilot:
    return pilot(task, data, seed=0, bits=16, **(SCHEDULE | change))


def accuracy(task: Table, rounds: int, quantised: bool, trainers: int = 4) -> float:
    """After some rounds in which all are averaged."""
    parts = task.parts(trainers)
    made = piloted(task, parts[0])
    model, residuals = made.model, [zero_residual(made.model.size)] * trainers
    for round_ in range(rounds):
        updates = []
        for k, part in enumerate(parts):
            if quantised:
                update = train(task, model, part, seed=k * 100 + round_, **SCHEDULE)
                found = quantise(update, residuals[k], made.quantum, 16)
                residuals[k], update = found.residual, dequantise(found.values, made.quantum)
            else:
                update, _ = trained(task, model, part, seed=k * 100 + round_, **SCHEDULE)
            updates.append(update)
        model = model + np.mean(updates, axis=0)
    return evaluate(task, model, task.load().test, parts[0])[1]


LEARNS: dict[str, tuple[Table, int, float]] = {
    "pixels 0 to 255": (Table(load_digits, 255 / 16), 6, 0.95),
    "pixels 0 to 65535": (Table(load_digits, 65535 / 16), 6, 0.95),
    "money around 100,000": (Table(load_digits, 5_000.0, 1e5), 6, 0.95),
    "columns in units of their own": (Table(load_wine), 12, 0.88),
    "local statistics": (LocalTable(load_digits, 255 / 16), 6, 0.95),
    "a normalisation of one's own": (OwnTable(load_digits, 255 / 16, norm="own"), 6, 0.95),
    "inside": (Table(load_digits, 1 / 16, norm="inside"), 6, 0.95),
}


@pytest.mark.parametrize("name", LEARNS)
def test_rounds__raw_inputs_into_a_normalisation__learn_as_floats_do(name: str) -> None:
    task, rounds, least = LEARNS[name]
    found = accuracy(task, rounds, quantised=True)
    assert found >= least
    assert found >= accuracy(task, rounds, quantised=False) - 0.02


@pytest.mark.parametrize("name", ["pixels 0 to 255", "money around 100,000", "inside"])
def test_policy__false_labels_or_no_training__is_paid_nothing(name: str) -> None:
    task, _, _ = LEARNS[name]
    parts, n = task.parts(6), 6
    parts[4] = Samples(parts[4].features, 9 - parts[4].labels)
    made = piloted(task, parts[0])
    model, residuals = made.model, [zero_residual(made.model.size)] * n
    learned = task.layout.learned
    for round_ in range(3):
        rows: list[npt.NDArray[np.int16]] = []
        for k, part in enumerate(parts):
            update, _ = trained(task, model, part, seed=k + 10 * round_, **SCHEDULE)
            if k == 5:  # lets its data run through and no more, as long as an honest row
                moved = update[learned:] / np.linalg.norm(update[learned:])
                update = np.concatenate([np.zeros(learned), moved * np.linalg.norm(update[:learned])])
            else:
                update = clipped(update, task.layout)
            found = quantise(update, residuals[k], made.quantum, 16)
            residuals[k] = found.residual
            rows.append(found.values)
        gram = [int(rows[i].astype(np.int64) @ rows[j].astype(np.int64)) for i in range(n) for j in range(i, n)]
        outcome = decide(n, gram, PolicyTerms(rule="consensus", byzantine=1), 1 << 31)
        pay = np.array(outcome.contributions, dtype=float) / sum(outcome.contributions)
        assert pay[4:].max() < 0.01 / n
        assert pay[:4].min() > 0.15
        weights = np.array(outcome.weights, dtype=float) / sum(outcome.weights)
        model = model + weights @ np.stack([dequantise(row, made.quantum) for row in rows])


# --- scales


def test_scaled__data__gives_their_mean_and_deviation_and_a_spread_of_each() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(500, 3, generator=generator) * torch.tensor([1e5, 1.0, 0.0]) + torch.tensor([1e6, 0.0, 7.0])
    data = Samples(features, torch.zeros(500, dtype=torch.int64))
    task = Table(load_wine)
    module = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 2))

    layout = scaled(task, module, Layout.of(module), data, 0.5)

    assert torch.allclose(module[0].running_mean, features.mean(0), rtol=1e-3, atol=1e-2)
    assert torch.allclose(module[0].running_var.sqrt(), features.std(0), rtol=1e-2, atol=1e-3)
    # a power of two above deviation / 0.5; where nothing varies, of a 64th of the median
    middle = (float(features[:, 0].std()) + float(features[:, 1].std())) / 2
    expected = [np.ceil(np.log2(x / 0.5)) for x in (float(features[:, 0].std()), float(features[:, 1].std()))]
    expected.append(np.ceil(np.log2(middle / 64 / 0.5)))
    assert layout.exponents.tolist() == expected * 2
    assert not module.training
    assert module[0].momentum == 0.1


def test_calibrate__named_statistics__others_stay() -> None:
    module = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2), nn.BatchNorm1d(2))
    data = Samples(torch.rand(50, 3) + 5, torch.zeros(50, dtype=torch.int64))
    first = [spec for spec in Layout.of(module).of_kind(STATISTICS) if spec.name.startswith("0.")]
    calibrate(Table(load_wine), module, first, data)
    assert torch.allclose(module[0].running_mean, data.features.mean(0))
    assert module[2].running_mean.tolist() == [0, 0]
    assert module[2].running_var.tolist() == [1, 1]


def test_calibrate__one_row__says_so() -> None:
    module = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2))
    data = Samples(torch.zeros(1, 3), torch.zeros(1, dtype=torch.int64))
    with pytest.raises(TaskError, match="the running statistics of 'table' fail on 1 rows: ValueError: Expected more"):
        calibrate(Table(load_wine), module, Layout.of(module).of_kind(STATISTICS), data)


def test_train__statistics__are_part_of_the_update_and_choose_no_quantum() -> None:
    task = Table(load_digits, 255 / 16)
    made = piloted(task, task.parts(4)[0])
    update = train(task, made.model, task.parts(4)[1], seed=1, **SCHEDULE)
    learned, moved = update[: task.layout.learned], update[task.layout.learned :]
    assert np.count_nonzero(moved) > 100
    assert np.abs(moved).max() < np.abs(learned).max()
    assert moved @ moved <= STATISTICS_PART * (learned @ learned)


def test_pilot__spreads__are_together_the_part_that_statistics_may_have() -> None:
    task = Table(load_digits, 255 / 16)
    data = task.parts(4)[0]
    made = piloted(task, data)
    module, learned = ready(task, made.model), task.layout.learned
    assert torch.allclose(module[0].running_mean, data.features.mean(0), rtol=0.01, atol=1e-3)
    deviations = made.model[learned + 64 :][data.features.std(0).numpy() > 0]
    reach = np.sqrt(STATISTICS_PART * (made.update @ made.update) / 128)
    assert deviations.max() <= reach
    assert deviations.min() >= reach / 2
    # and the first round needn't bring them there
    update, _ = trained(task, made.model, data, seed=1, **SCHEDULE)
    assert np.abs(update[learned:]).max() < reach


def test_pilot__few_statistics_beside_much_that_is_learned__move_no_more_than_that() -> None:
    class Wide(Table):
        def module(self) -> nn.Module:
            return nn.Sequential(nn.Linear(13, 3_000), nn.BatchNorm1d(3_000), nn.Linear(3_000, 1), nn.BatchNorm1d(1))

        def loss(self, model: nn.Module, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return nn.functional.mse_loss(model(features)[:, 0], labels.float())

    task = Wide(load_wine)
    made = piloted(task, task.load().train)
    assert made.model[task.layout.learned :].size == 6_002
    deviations = made.model[-1:]
    assert 0 < deviations.max() <= np.abs(made.update).max()


# --- the part of an update


def layout_of(learned: int, statistics: int) -> Layout:
    module = nn.Module()
    module.weight = nn.Parameter(torch.zeros(learned))
    module.register_buffer("statistic", torch.zeros(statistics))
    return Layout.of(module, more=["statistic"])


def test_clipped__small_statistics__stay_to_the_bit() -> None:
    update = np.array([30.0, 40.0, 0.9, -1.2])
    assert clipped(update, layout_of(2, 2)).tolist() == update.tolist()


@pytest.mark.parametrize("moved", [[0.1, 0.2, 9.0], [5.0, 5.0, 5.0], [0.0, 0.0, -1e9], [1e-9, 1.2, -1.2], [7.0]])
def test_clipped__large_statistics__are_cut_at_the_largest_level_that_fits(moved: list[float]) -> None:
    learned = np.array([30.0, 40.0])  # a thousandth of the squared norm is 2.5
    found = clipped(np.concatenate([learned, moved]), layout_of(2, len(moved)))
    assert found[:2].tolist() == [30, 40]
    level = np.abs(found[2:]).max()
    assert found[2:].tolist() == np.clip(moved, -level, level).tolist()
    assert found[2:] @ found[2:] == pytest.approx(2.5)


def test_clipped__nothing_learned__leaves_nothing() -> None:
    assert clipped(np.array([0.0, 0.0, 5.0]), layout_of(2, 1)).tolist() == [0, 0, 0]


def test_clipped__much_learned_in_small_entries__no_statistic_is_larger_than_those() -> None:
    learned = np.full(10_000, 0.01)  # norm 1: room for 0.03
    found = clipped(np.concatenate([learned, [5.0]]), layout_of(10_000, 1))
    assert found[-1] == 0.01


# --- what a task chooses


def test_evaluate__local_statistics__come_from_the_data_given() -> None:
    task = LocalTable(load_digits, 255 / 16)
    data = task.load()
    model = initial_model(task, 0)
    assert model.size == 64 * 2 + 65 * 32 + 330
    update = train(task, model, data.train, seed=0, **SCHEDULE)
    assert update.shape == model.shape
    assert torch.allclose(ready(task, model, data.test)[0].running_mean, data.test.features.mean(0), rtol=1e-3)
    assert ready(task, model)[0].running_mean.tolist() == [0] * 64
    own, other = evaluate(task, model + update, data.test, data.train), evaluate(task, model + update, data.test)
    assert own != other
    assert min(own[1], other[1]) > 0.8


def test_ready__statistics_that_others_have_falsified__are_recomputed_when_asked_to() -> None:
    task = Table(load_digits, 255 / 16)
    data, made = task.load(), piloted(task, task.load().train)
    model = made.model + train(task, made.model, data.train, seed=0, **SCHEDULE)
    false = model.copy()
    false[task.layout.learned :][:64] += 100 * np.abs(model[task.layout.learned :]).max()
    sound = evaluate(task, model, data.test)[1]
    assert evaluate(task, false, data.test)[1] < 0.3
    assert evaluate(task, false, data.test, data.train, recompute=True)[1] == pytest.approx(sound, abs=0.02)


def test_layout__scales_nobody_has_said__raises_rather_than_evaluates_with_wrong_ones() -> None:
    task = Table(load_digits, 255 / 16)
    made = piloted(task, task.load().train)
    with pytest.raises(VectorError, match="the scales of the running statistics of 'table' aren't"):
        evaluate(Table(load_digits, 255 / 16), made.model, task.load().test)


@pytest.mark.parametrize("choice", ["global", None, 3])
def test_layout__unknown_choice__raises(choice: Any) -> None:
    task = Table(load_wine)
    task.running_statistics = choice
    with pytest.raises(TaskError, match='running_statistics of \'table\' is "shared" or "local", not'):
        initial_model(task, 0)


def test_initial_model__without_a_pilot__has_the_statistics_of_the_tasks_own_data() -> None:
    task = Table(load_digits, 255 / 16)
    module = ready(task, initial_model(task, 0))
    assert torch.allclose(module[0].running_mean, task.load().train.features.mean(0), rtol=1e-2, atol=1e-2)
    layout = task.layout
    again = to_vector(ready(task, initial_model(task, 1)), layout)
    assert task.layout is layout
    assert np.array_equal(again[layout.learned :], initial_model(task, 0)[layout.learned :])

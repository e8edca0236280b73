"""Tasks: what a user writes, the bundled ones, and the registry's errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from offchain.training.errors import TaskError
from offchain.training.local import evaluate, initial_model, train
from offchain.training.registry import _TASKS, make_task, register, task_from_description, task_names
from offchain.training.task import Dataset, Samples, Task
from offchain.training.vector import dimension

BUNDLED = {"digits": (1797, 64, 10, 2410), "breast-cancer": (569, 30, 2, 530), "wine": (178, 13, 3, 275)}


class Line(Task):
    """A task as a user writes it, with options of its own: y = slope x, learned by least squares."""

    name = "line"

    def __init__(self, slope: float, rows: int = 40) -> None:
        self.slope, self.rows = slope, rows

    def module(self) -> nn.Module:
        return nn.Linear(1, 1)

    def load(self) -> Dataset:
        x = torch.linspace(-1, 1, self.rows)[:, None]
        samples = Samples(x, self.slope * x)
        return Dataset(samples, samples)

    def loss(self, model: nn.Module, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.mse_loss(model(features), labels)

    def metric(self, model: nn.Module, features: torch.Tensor, labels: torch.Tensor) -> float:
        return -float(self.loss(model, features, labels))

    def describe(self) -> dict:
        return {"task": self.name, "slope": self.slope}


@pytest.fixture
def registered() -> type[Line]:
    register(Line)
    yield Line
    del _TASKS["line"]


def test_notes__task_that_has_none__are_empty() -> None:
    assert Line(2.0).notes() == []


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled__loaded__has_the_documented_shape(name: str) -> None:
    rows, inputs, classes, parameters = BUNDLED[name]
    task = make_task(name)
    data = task.load()
    assert len(data.train) + len(data.test) == rows
    assert data.train.features.shape[1] == inputs
    assert set(data.train.labels.tolist()) == set(data.test.labels.tolist()) == set(range(classes))
    assert dimension(task.build(0)) == parameters
    assert task.build(0)(data.test.features).shape == (len(data.test), classes)


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled__loaded_twice__is_the_same(name: str) -> None:
    one, two = make_task(name).load(), make_task(name).load()
    assert torch.equal(one.train.features, two.train.features)
    assert torch.equal(one.test.labels, two.test.labels)


@pytest.mark.parametrize("name", ["breast-cancer", "wine"])
def test_bundled__standardised__by_the_training_part_alone(name: str) -> None:
    data = make_task(name).load()
    assert torch.allclose(data.train.features.mean(dim=0), torch.zeros(BUNDLED[name][1]), atol=1e-5)
    assert torch.allclose(data.train.features.std(dim=0, unbiased=False), torch.ones(BUNDLED[name][1]), atol=1e-5)
    assert float(data.test.features.mean(dim=0).abs().max()) > 0.01


@pytest.mark.parametrize(("name", "least"), [("digits", 0.95), ("breast-cancer", 0.93), ("wine", 0.93)])
def test_bundled__trained_centrally__learns(name: str, least: float) -> None:
    task = make_task(name)
    data, model = task.load(), initial_model(task, 0)
    _, before = evaluate(task, model, data.test)
    update = train(task, model, data.train, learning_rate=0.3, epochs=30, batch_size=32, seed=1)
    _, after = evaluate(task, model + update, data.test)
    assert before < 0.7
    assert after > least


def test_build__same_seed__same_weights_and_torch_generator_untouched() -> None:
    task = make_task("digits")
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, two = initial_model(task, 3), initial_model(task, 3)
    assert torch.equal(torch.rand(1), expected)
    assert np.array_equal(one, two)
    assert not np.array_equal(one, initial_model(task, 4))


def test_description__of_each_bundled_task__makes_the_same_task() -> None:
    for name in BUNDLED:
        description = json.loads(json.dumps(make_task(name).describe()))
        assert type(task_from_description(description)) is type(make_task(name))


def test_register__users_task__is_made_and_described(registered: type[Line]) -> None:
    task = make_task("line", slope=2.0)
    assert "line" in task_names()
    again = task_from_description(task.describe(), rows=10)
    assert isinstance(again, Line)
    assert (again.slope, again.rows) == (2.0, 10)
    update = train(
        again, initial_model(again, 0), again.load().train, learning_rate=0.5, epochs=50, batch_size=5, seed=0
    )
    assert initial_model(again, 0) + update == pytest.approx([2.0, 0.0], abs=1e-3)


def test_register__name_taken__raises(registered: type[Line]) -> None:
    register(Line)  # the same again is fine

    class Other(Line):
        name = "digits"

    with pytest.raises(TaskError, match="there is a task 'digits' already"):
        register(Other)


@pytest.mark.parametrize("name", ["imagenet", "", None, 3, ["digits"]])
def test_task__unknown__raises_and_lists_the_known(name: object) -> None:
    with pytest.raises(TaskError, match="there are: breast-cancer, cifar-10, csv, digits, femnist, mnist, wine"):
        make_task(name)  # type: ignore[arg-type]
    with pytest.raises(TaskError, match="there are: breast-cancer, cifar-10, csv, digits, femnist, mnist, wine"):
        task_from_description({"task": name})


def test_task_from_description__without_a_name__raises() -> None:
    with pytest.raises(TaskError, match="no task None"):
        task_from_description({})


def test_make_task__unknown_option__raises_and_lists_the_options(registered: type[Line]) -> None:
    with pytest.raises(TaskError, match=r"'digits'.*its options are: none"):
        make_task("digits", size=3)
    with pytest.raises(TaskError, match="missing a required argument: 'slope'; its options are: slope, rows"):
        make_task("line")


def test_task_from_description__sets_a_local_option__raises(registered: type[Line]) -> None:
    with pytest.raises(TaskError, match="sets rows, which is for this machine to say"):
        task_from_description({"task": "line", "slope": 1, "rows": 10**9}, rows=10)


def test_samples__rows_dont_match__raises() -> None:
    with pytest.raises(TaskError, match="3 rows of features, 2 of labels"):
        Samples(torch.zeros(3, 1), torch.zeros(2))
    with pytest.raises(TaskError, match="no rows"):
        Samples(torch.zeros(0, 1), torch.zeros(0))


def test_samples_take__some_rows__copies_them() -> None:
    samples = Samples(torch.arange(4.0)[:, None], torch.arange(4))
    part = samples.take(np.array([2, 0]))
    part.features.zero_()
    assert part.labels.tolist() == [2, 0]
    assert samples.features[2] == 2


@pytest.mark.parametrize("rows", [[4], [-1], []])
def test_samples_take__rows_that_arent_there__raises(rows: list[int]) -> None:
    with pytest.raises(TaskError):
        Samples(torch.zeros(4, 1), torch.zeros(4)).take(np.array(rows, dtype=np.int64))

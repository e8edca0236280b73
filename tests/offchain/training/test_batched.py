"""Many models at once: each as `local.train` and `local.evaluate` have it."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from offchain.training.batched import evaluate_many, train_many
from offchain.training.bundled import Digits
from offchain.training.errors import TaskError
from offchain.training.local import evaluate, initial_model, train
from offchain.training.registry import make_task
from offchain.training.task import Dataset, Task

SCHEDULE = {"learning_rate": 0.3, "epochs": 2, "batch_size": 16}


@pytest.fixture(scope="module")
def digits_task():
    return make_task("digits")


@pytest.fixture(scope="module")
def digits_data(digits_task) -> Dataset:
    return digits_task.load()


def test_train_many__trainers_of_unlike_sizes__gives_the_update_of_each(digits_task, digits_data):
    parts = [digits_data.train.take(np.arange(at, at + size)) for at, size in ((0, 50), (50, 7), (60, 33))]
    models = np.stack([initial_model(digits_task, seed) for seed in (1, 2, 3, 4, 5)])
    whose, seeds = [0, 2, 1, 0, 2], [11, 12, 13]

    found = train_many(digits_task, models, parts, whose, seeds=seeds, **SCHEDULE)

    for model, trainer, update in zip(models, whose, found, strict=True):
        expected = train(digits_task, model, parts[trainer], seed=seeds[trainer], **SCHEDULE)
        assert np.abs(update - expected).max() < 1e-5
        assert np.abs(expected).max() > 0.05


def test_evaluate_many__several_models__gives_loss_and_metric_of_each(digits_task, digits_data):
    models = np.stack([initial_model(digits_task, seed) for seed in range(7)])

    losses, metrics = evaluate_many(digits_task, models, digits_data.test)

    for model, loss, metric in zip(models, losses, metrics, strict=True):
        expected = evaluate(digits_task, model, digits_data.test)
        assert loss == pytest.approx(expected[0], abs=1e-5)
        assert metric == expected[1]


class _Normalised(Task):
    name = "normalised"

    def module(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))

    def load(self) -> Dataset:
        raise NotImplementedError


def test_evaluate_many__module_with_buffers__is_refused(digits_data):
    with pytest.raises(TaskError, match="more than parameters"):
        evaluate_many(_Normalised(), np.zeros((1, 30)), digits_data.test)


@pytest.mark.parametrize("own", ["fit", "loss", "metric", "measure"])
def test_evaluate_many__task_does_it_in_its_own_way__is_refused(digits_data, own):
    task = type("Own", (Digits,), {own: lambda *arguments: None})()
    with pytest.raises(TaskError, match=f"has a {own} of its own"):
        evaluate_many(task, np.zeros((1, 30)), digits_data.test)


class _Adapted(Digits):
    """A frozen first layer."""

    def module(self) -> nn.Module:
        module = super().module()
        module[0].requires_grad_(False)
        return module


def test_train_many__frozen_layer__gives_the_update_of_what_is_learned():
    task = _Adapted()
    data = task.load().train.take(np.arange(40))
    model = initial_model(task, 1)
    assert model.size == 33 * 10

    found = train_many(task, model[None], [data], [0], seeds=[11], **SCHEDULE)

    expected = train(task, model, data, seed=11, **SCHEDULE)
    assert np.abs(found[0] - expected).max() < 1e-5
    assert np.abs(expected).max() > 0.05

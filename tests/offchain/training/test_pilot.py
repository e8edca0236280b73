"""The owner's pilot: what it finds, and what others make of its description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from offchain.storage.payload import MAX_TASK, task_from_bytes, task_to_bytes
from offchain.training.errors import TaskError, TrainingError
from offchain.training.local import evaluate, initial_model, train
from offchain.training.pilot import pilot, rounding
from offchain.training.quantise import choose_quantum
from offchain.training.registry import _TASKS, describe, make_task, register, task_from_description
from offchain.training.task import Dataset, Samples, Task

ARGUMENTS: dict[str, Any] = {"seed": 3, "learning_rate": 0.1, "epochs": 2, "batch_size": 16, "bits": 16}


class Normed(Task):
    """A frozen random layer, a mask, a normalisation, and a layer that learns."""

    name = "normed"
    frozen_like = 1.0  # another machine may differ in it

    def module(self) -> nn.Module:
        module = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
        module[0].requires_grad_(False)
        module.register_buffer("mask", torch.full((2,), self.frozen_like))
        return module

    def load(self) -> Dataset:
        features = 100 * torch.randn(64, 6, generator=torch.Generator().manual_seed(0)) + 1_000
        samples = Samples(features, (features[:, 0] > 1_000).long())
        return Dataset(samples, samples)


class Erratic(Normed):
    """Draws from a generator that nobody seeds."""

    def module(self) -> nn.Module:
        module = super().module()
        module.register_buffer("noise", torch.from_numpy(np.random.default_rng().random(3)))
        return module


@pytest.fixture
def registered() -> Iterator[type[Normed]]:
    register(Normed)
    yield Normed
    del _TASKS["normed"]


def test_pilot__plain_module__is_a_round_from_the_initial_model() -> None:
    task = make_task("wine")
    data = task.load().train
    made = pilot(task, data, **ARGUMENTS)
    update = train(task, made.model, data, **{k: v for k, v in ARGUMENTS.items() if k != "bits"})
    assert np.array_equal(made.model, initial_model(make_task("wine"), 3))
    assert np.array_equal(made.update, update)
    assert made.quantum == choose_quantum(update, 16)
    assert made.findings == []


def test_pilot__seeds__make_other_models_of_one_skeleton(registered: type[Normed]) -> None:
    one, two = Normed(), Normed()
    models = [pilot(task, task.load().train, **(ARGUMENTS | {"seed": s})).model for task, s in ((one, 1), (two, 2))]
    assert not np.array_equal(*models)
    assert one.layout.differing(two.layout) is None


def test_description__of_a_pilot__makes_the_same_task_with_its_scales(registered: type[Normed]) -> None:
    owner = Normed()
    made = pilot(owner, owner.load().train, **ARGUMENTS)
    trainer = task_from_description(task_from_bytes(task_to_bytes(describe(owner))))
    assert trainer.layout.exponents.tolist() == owner.layout.exponents.tolist()
    assert trainer.layout.dimension == made.model.size == 16 + 18 + 16
    test = owner.load().test
    assert evaluate(trainer, made.model, test) == evaluate(owner, made.model, test)


def test_description__another_build__is_refused_by_the_first_tensor(
    registered: type[Normed], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = Normed()
    pilot(owner, owner.load().train, **ARGUMENTS)
    description = json.loads(json.dumps(describe(owner)))
    monkeypatch.setattr(Normed, "frozen_like", 1.0 + 2**-20)
    with pytest.raises(TaskError, match=r"mask \(fixed float32\[2\]\) has other values here"):
        task_from_description(description)


def test_description__without_tensors__will_do_for_learned_ones_alone(registered: type[Normed]) -> None:
    assert task_from_description({"task": "wine"}).layout.dimension == 275
    with pytest.raises(TaskError, match="the project doesn't list the tensors of 'normed', which aren't all learned"):
        task_from_description({"task": "normed"})


def test_describe__option_of_that_name__raises() -> None:
    class Clashing(Normed):
        def describe(self) -> dict:
            return {"task": self.name, "tensors": 3}

    with pytest.raises(TaskError, match="has an option 'tensors'"):
        describe(Clashing())


def test_describe__deep_network__fits_a_description() -> None:
    class Deep(Normed):
        name = "deep"

        def module(self) -> nn.Module:
            layers = [nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1_000)) for _ in range(200)]
            return nn.ModuleDict({f"denseblock{k}.".replace(".", "_") * 3: part for k, part in enumerate(layers)})

    task = Deep()
    task.settle(task.laid_out())
    content = task_to_bytes(describe(task))
    assert 500_000 < len(content) < MAX_TASK
    assert task.laid_out().agreed(json.loads(content)["tensors"]).exponents.size == 400_000


def test_pilot__module_that_differs_from_build_to_build__is_refused() -> None:
    with pytest.raises(TaskError, match=r"noise \(fixed float64\[3\]\) differs from build to build"):
        pilot(Erratic(), Erratic().load().train, **ARGUMENTS)


def test_pilot__frozen_dataclass__is_a_task_too() -> None:
    @dataclass(frozen=True)
    class Fixed(Normed):
        width: int = 8

    task = Fixed()
    assert pilot(task, task.load().train, **ARGUMENTS).model.size == task.layout.dimension


def test_pilot__nothing_moves__raises() -> None:
    class Still(Normed):
        def loss(self, model: nn.Module, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return 0 * super().loss(model, features, labels)

    with pytest.raises(TrainingError, match="the pilot learned nothing: every gradient is zero"):
        pilot(Still(), Still().load().train, **ARGUMENTS)


def test_rounding__few_entries_far_above_the_rest__is_said() -> None:
    update = np.concatenate([np.full(10, 1e3), np.full(60, 1e-4), np.zeros(30)])
    found = rounding(update, choose_quantum(update, 16), 16)
    assert len(found) == 1
    assert found[0].startswith("60 of 70 learned entries that moved round to zero")
    assert rounding(update[:20], choose_quantum(update, 16), 16)[0].startswith("10 of 20")
    assert rounding(update[:12], choose_quantum(update, 16), 16) == []


def test_rounding__quantum_far_too_small__is_said() -> None:
    update = np.linspace(1.0, 2.0, 50)
    found = rounding(update, 1 << 44, 16)
    assert len(found) == 1
    assert found[0].startswith("50 of 50 learned entries that moved are clipped: the quantum is too small")


def test_pilot__raw_inputs_without_a_normalisation__warns_of_what_rounds_to_zero() -> None:
    class Raw(Normed):
        def module(self) -> nn.Module:
            return nn.Linear(6, 2)

        def load(self) -> Dataset:
            samples = super().load().train
            sizes = torch.tensor([1e-2, 1e-8, 1e-8, 1e-8, 1e-8, 1e-8])
            features = (samples.features - 1_000) * sizes
            return Dataset(Samples(features, samples.labels), Samples(features, samples.labels))

    made = pilot(Raw(), Raw().load().train, **ARGUMENTS)
    assert len(made.findings) == 1
    assert "Inputs of very different sizes are the usual cause" in made.findings[0]

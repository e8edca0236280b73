"""The dry step: what would cost a stake later is found before there is one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from offchain.errors import FatalError
from offchain.market.description import MAX_EPOCHS
from offchain.market.errors import DescriptionError, SettingsError, Waiting
from offchain.market.journal import Journal
from offchain.market.named import Tries
from offchain.market.programs import setup
from offchain.market.programs.trainer import TrainerProgram
from offchain.market.settings import TrainerSettings, load
from offchain.market.terms import FIXED_ONE
from offchain.market.trainer import Schedule, Trainer
from offchain.proving.errors import SrsError
from offchain.proving.srs import Srs
from offchain.storage.embedded import EmbeddedStore
from offchain.storage.members import seal_model
from offchain.storage.payload import model_to_bytes, task_to_bytes
from offchain.training import registry
from offchain.training.errors import TaskError, TrainingError
from offchain.training.task import Dataset, Samples, Task

ROWS, D = 40, 10


class Small(Task):
    """Two classes of four inputs; ten parameters."""

    name = "small"
    scale = 1.0

    def module(self) -> nn.Module:
        return nn.Linear(4, 2)

    def load(self) -> Dataset:
        features = torch.from_numpy(np.random.default_rng(0).normal(0, self.scale, (ROWS, 4)).astype(np.float32))
        samples = Samples(features, (features[:, 0] > 0).long())
        return Dataset(samples, samples)

    def notes(self) -> list[str]:
        return ["3 values of 'city' are unknown to the project"]


class Diverging(Small):
    name = "diverging"
    scale = 1e30


class Silent(Small):
    """Its loss depends on nothing that is trained."""

    name = "silent"

    def loss(self, model: nn.Module, features: Tensor, labels: Tensor) -> Tensor:
        return 0.0 * super().loss(model, features, labels)


class Larger(Small):
    name = "larger"

    def module(self) -> nn.Module:
        return nn.Linear(5, 2)


def raising(where: str, error: BaseException) -> type[Task]:
    def fail(*arguments: Any) -> Any:
        raise error

    return type("Raising", (Small,), {"name": "raising", where: fail})


@pytest.fixture(scope="module")
def srs() -> Srs:
    return Srs.insecure(64)


@pytest.fixture
def program(
    tmp_path: Path, srs: Srs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[..., TrainerProgram]]:
    """Makes the program of one who thinks of joining a project of this task, sealed or open."""
    store, journal = EmbeddedStore(tmp_path / "store"), Journal(tmp_path / "state")
    caplog.set_level(logging.INFO, logger="offchain")

    def make(
        task: type[Task] = Small, model: bytes | None = None, settings: TrainerSettings | None = None, **terms: Any
    ) -> TrainerProgram:
        monkeypatch.setitem(registry._TASKS, task.name, task)
        training = terms.pop("training", {"epochs": 2, "batch_size": 8})
        described = terms.pop("described", None) or {"task": {"task": task.name}, "training": training}
        content = seal_model(model_to_bytes(np.zeros(D)))[0] if model is None else model
        known = SimpleNamespace(
            task=store.put(task_to_bytes(described)).digest,
            model=store.put(content).digest,
            dimension=D,
            quantum=1 << 50,
            bits=16,
            rate=FIXED_ONE // 10,
            collect_window=3_600,
        )
        vars(known).update(terms)
        project: Any = SimpleNamespace(
            chain_id=1,
            address="0x" + "e5" * 20,
            terms=known,
            grants_to_try=list,
            tries=Tries(),
            follower=SimpleNamespace(keep=lambda journal: None),
        )
        account = SimpleNamespace(address="0x" + "b2" * 20)
        around: Any = SimpleNamespace(
            account=account, store=store, srs=srs, journal=journal, sender=SimpleNamespace(transact=pytest.fail)
        )
        return TrainerProgram(settings or TrainerSettings(), project, around)

    yield make
    journal.close()


LOOK: Any = None  # the dry step doesn't depend on the chain's state


def test_rehearse__all_well__says_what_it_found_and_the_tasks_notes(
    program: Callable[..., TrainerProgram], caplog: pytest.LogCaptureFixture
) -> None:
    one = program()
    one.rehearse(LOOK)
    assert one._is_rehearsed
    texts = {record.levelname: record.getMessage() for record in caplog.records}
    assert texts["WARNING"] == "3 values of 'city' are unknown to the project"
    assert "s of training; 0.0% of the update's entries are clipped, 0.0% rounded to 0" in texts["INFO"]


def test_rehearse__all_well__keeps_and_sends_nothing_but_the_description(
    program: Callable[..., TrainerProgram], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = program()
    monkeypatch.setattr(one.around.store, "put", pytest.fail)
    one.rehearse(LOOK)
    names = {path.name for path in one.journal.folder.iterdir()}
    assert names == {"journal.sqlite", "lock", "sealing.key", "task"}
    assert (one.trainer._copy, one.trainer.prepared) == (None, None)
    assert not one.trainer.residual.any()
    one.around.store.get = pytest.fail
    del one.__dict__["description"]
    assert one.description.schedule == Schedule(2, 8)  # from now on without the store


def test_rehearse__sealed_model__trains_from_one_like_it_and_an_open_one_from_itself(
    program: Callable[..., TrainerProgram], monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[np.ndarray] = []
    train = Trainer.local_update

    def noted(trainer: Trainer, rate: float, round_: int) -> np.ndarray:
        began.append(trainer.copy.vector)
        return train(trainer, rate, round_)

    monkeypatch.setattr(Trainer, "local_update", noted)
    program().rehearse(LOOK)
    assert began[0].any()
    program(model=model_to_bytes(np.full(D, 0.25))).rehearse(LOOK)
    assert began[1].tolist() == [0.25] * D


def test_rehearse__training_diverges__says_so(program: Callable[..., TrainerProgram]) -> None:
    with pytest.raises(TrainingError, match="isn't finite: take a smaller learning rate, or look for such values"):
        program(Diverging, rate=100 * FIXED_ONE).rehearse(LOOK)


@pytest.mark.parametrize("where", ["module", "load", "loss", "notes"])
@pytest.mark.parametrize("error", [RuntimeError("sizes"), FileNotFoundError("gone"), SystemExit(3), MemoryError()])
def test_rehearse__task_raises_anything__is_a_task_error_with_its_place_in_the_log(
    program: Callable[..., TrainerProgram], caplog: pytest.LogCaptureFixture, where: str, error: BaseException
) -> None:
    with pytest.raises(TaskError, match=f": {type(error).__name__}"):
        program(raising(where, error)).rehearse(LOOK)
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_rehearse__interrupted__is_no_error_of_the_task(program: Callable[..., TrainerProgram]) -> None:
    with pytest.raises(KeyboardInterrupt):
        program(raising("load", KeyboardInterrupt())).rehearse(LOOK)


def test_rehearse__another_size__says_both(program: Callable[..., TrainerProgram]) -> None:
    with pytest.raises(SettingsError, match="the task has 12 parameters here, the terms say 10"):
        program(Larger).rehearse(LOOK)


def test_rehearse__nothing_learned__refused(program: Callable[..., TrainerProgram]) -> None:
    with pytest.raises(TaskError, match=r"is 0 in all entries .* nobody is paid for such a one"):
        program(Silent).rehearse(LOOK)


def test_rehearse__quantum_beyond_all_that_is_learned__refused(program: Callable[..., TrainerProgram]) -> None:
    with pytest.raises(TaskError, match=r"is 0 in all entries \(0.0% of .* 100.0% rounded to 0\)"):
        program(quantum=1 << 80).rehearse(LOOK)


def test_rehearse__quantum_too_small__warns_with_the_share(
    program: Callable[..., TrainerProgram], caplog: pytest.LogCaptureFixture
) -> None:
    program(quantum=1 << 20).rehearse(LOOK)
    assert any("100.0% of the update's entries are clipped" in text and "paid less" in text for text in caplog.messages)


def test_rehearse__srs_too_short__says_so_before_training(
    program: Callable[..., TrainerProgram], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "local_update", pytest.fail)
    one = program()
    one.around.srs = Srs.insecure(D + 7)
    with pytest.raises(SrsError, match="has 17 powers, 18 are needed"):
        one.rehearse(LOOK)


def test_rehearse__memory_too_small__says_so_before_training(
    program: Callable[..., TrainerProgram], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "local_update", pytest.fail)
    monkeypatch.setattr(setup, "_free_memory", lambda: 160 * D - 1)
    with pytest.raises(SettingsError, match=r"updates of 10 entries take 0\.0 GiB of memory, 0\.0 GiB are free"):
        program().rehearse(LOOK)


@pytest.mark.parametrize("free", [160 * D, None])
def test_rehearse__memory_enough_or_unknown__goes_on(
    program: Callable[..., TrainerProgram], monkeypatch: pytest.MonkeyPatch, free: int | None
) -> None:
    monkeypatch.setattr(setup, "_free_memory", lambda: free)
    program().rehearse(LOOK)


def test_free_memory__this_machine__has_some() -> None:
    free = setup._free_memory()
    assert free is None or 1 << 20 < free < 1 << 50


@pytest.mark.parametrize(
    ("terms", "settings", "error", "what"),
    [
        ({"training": {"epochs": MAX_EPOCHS + 1}}, {}, DescriptionError, "asks for epochs"),
        ({"training": {"epochs": 3}}, {"most_epochs": 2}, SettingsError, "trains 3 epochs a round, and most_epochs"),
        ({"rate": 1_001 * FIXED_ONE}, {}, DescriptionError, "a learning rate of 1001 is out of reason"),
        ({"rate": 2**64 - 1}, {}, DescriptionError, "is out of reason"),
        ({"described": {"task": {"task": "nobody's"}}}, {}, TaskError, 'no task "nobody\'s"; there are: '),
        ({"described": {"task": {"task": "small"}, "owner_key": "00" * 32}}, {}, DescriptionError, "owner_key"),
    ],
)
def test_rehearse__stranger_asks_too_much__refused_before_training(
    program: Callable[..., TrainerProgram],
    monkeypatch: pytest.MonkeyPatch,
    terms: dict[str, Any],
    settings: dict[str, Any],
    error: type[FatalError],
    what: str,
) -> None:
    monkeypatch.setattr(Trainer, "local_update", pytest.fail)
    with pytest.raises(error, match=what):
        program(settings=TrainerSettings(**settings), **terms).rehearse(LOOK)


def test_rehearse__training_takes_longer_than_is_accepted__refused(
    program: Callable[..., TrainerProgram], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 31.0])
    monkeypatch.setattr("offchain.market.trainer.time.monotonic", lambda: next(clock))
    with pytest.raises(TaskError, match=r"2 epochs of 40 rows takes 31\.0 s here, and 30\.0 s are the most"):
        program(collect_window=60).rehearse(LOOK)


def test_rehearse__many_epochs__one_tells_that_all_take_too_long(
    program: Callable[..., TrainerProgram], monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs: list[int] = []
    monkeypatch.setattr(
        Trainer,
        "local_update",
        lambda trainer, rate, round_: epochs.append(trainer.schedule.epochs) or np.full(D, 0.01),
    )
    clock = iter([0.0, 0.11])
    monkeypatch.setattr("offchain.market.trainer.time.monotonic", lambda: next(clock))
    one = program(training={"epochs": 1_000}, settings=TrainerSettings(most_seconds=100.0))
    with pytest.raises(TaskError, match=r"training 1,000 epochs of 40 rows takes 110\.0 s here"):
        one.rehearse(LOOK)
    assert epochs == [1]
    assert one.trainer.schedule.epochs == 1_000


def test_rehearse__description_not_on_the_store_yet__is_waited_for(
    program: Callable[..., TrainerProgram], tmp_path: Path
) -> None:
    one = program()
    full, one.around.store = one.around.store, EmbeddedStore(tmp_path / "empty")
    with pytest.raises(Waiting, match="the task's description: no block"):
        one.rehearse(LOOK)
    one.around.store = full
    one.rehearse(LOOK)


def test_rehearse__model_not_on_the_store_yet__is_waited_for(program: Callable[..., TrainerProgram]) -> None:
    one = program()
    one.project.terms.model = bytes(32)
    with pytest.raises(Waiting, match="the initial model: no block"):
        one.rehearse(LOOK)


@pytest.mark.parametrize("model", [b"", b"nonsense", model_to_bytes(np.zeros(D + 1)), bytes(10_000)])
def test_rehearse__model_that_is_none__refused_for_good(program: Callable[..., TrainerProgram], model: bytes) -> None:
    with pytest.raises(DescriptionError, match="the initial model: "):
        program(model=model).rehearse(LOOK)


@pytest.mark.parametrize("settings", [{"most_epochs": 0}, {"most_seconds": -1.0}])
def test_settings__least_that_is_accepted__refused_below(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="most_epochs: 1 or more; most_seconds: "):
        replace(TrainerSettings(), **settings)


# --- a task of the user's own


OWN = """
import os
from torch import nn
from offchain.training.task import Dataset, Task
import torch

class Mine(Task):
    name = "mine"
    def module(self):
        return nn.Linear(4, 2)
    def load(self):
        features = torch.eye(4).repeat(10, 1)
        return Dataset.of(features, features[:, 0].long(), features, features[:, 0].long())
    def fit(self, module, data, steps):
        if os.environ.get("MEED_TEST_DIES"):
            os._exit(7)
        super().fit(module, data, steps)
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainerSettings:
    """A trainer's settings, from a file, with a task that is in another beside it."""
    monkeypatch.setattr(registry, "_TASKS", dict(registry._TASKS))
    monkeypatch.setattr(registry, "_LOCATIONS", {})
    (tmp_path / "mine.py").write_text(OWN)
    (tmp_path / "trainer.toml").write_text('task = "mine.py:Mine"\n')
    return load(TrainerSettings, tmp_path / "trainer.toml", {})


def test_rehearse__own_task__is_trained_in_a_process_of_its_own(
    program: Callable[..., TrainerProgram], mine: TrainerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mine.task == "mine"
    described = {"task": {"task": "mine"}, "training": {"epochs": 2, "batch_size": 8}}
    program(settings=mine, described=described).rehearse(LOOK)
    monkeypatch.setenv("MEED_TEST_DIES", "1")
    with pytest.raises(TrainingError, match="training 'mine' ended with status 7"):
        program(settings=mine, described=described).rehearse(LOOK)


def test_rehearse__own_task_is_not_the_projects__refused(
    program: Callable[..., TrainerProgram], mine: TrainerSettings
) -> None:
    with pytest.raises(SettingsError, match="the project trains 'small', and 'mine' is named here"):
        program(settings=mine).rehearse(LOOK)

"""A user's own task: found where the user says, never where a stranger does; and run in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offchain.training import registry
from offchain.training.apart import Apart
from offchain.training.errors import TaskError, TrainingError
from offchain.training.local import initial_model, train
from offchain.training.own import absolute, is_location, load_task
from offchain.training.registry import location_of, make_task, task_from_description, use

TASK = """
import os, signal, sys, time
import numpy as np
from torch import nn
from offchain.training.clients import ClientTask
from offchain.training.task import Dataset, Task

class Steady(ClientTask):
    name = "steady"
    def __init__(self, mood: str = "calm"):
        self.mood = mood
    def describe(self):
        return {"task": self.name, "mood": self.mood}
    def load(self):
        return Dataset.of(np.eye(4), np.arange(4), np.eye(4), np.arange(4))
    def client(self, features, labels):
        return Client(self.mood, features)

class Client:
    def __init__(self, mood, features):
        self.mood, self.features = mood, features
    def get_parameters(self, config):
        return [np.zeros(4)]
    def fit(self, arrays, config):
        print("hello from fit")
        if self.mood == "dies":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.mood == "exits":
            os._exit(3)
        if self.mood == "hangs":
            time.sleep(3_600)
        if self.mood == "raises":
            raise RuntimeError("no luck")
        return [arrays[0] + config["seed"] + self.features.sum()], 4, {"pid": os.getpid()}
    def evaluate(self, arrays, config):
        return 0.0, 4, {"accuracy": 1.0}

class Nameless(Task):
    def module(self):
        return nn.Linear(1, 1)
    def load(self):
        return None

class Half(Task):
    name = "half"
    def load(self):
        return None

NOTHING = 5
"""
SCHEDULE = {"learning_rate": 0.1, "epochs": 1, "batch_size": 2, "seed": 9}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def writes(text: str = TASK, name: str = "mine.py") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return writes


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test makes known is unknown after it."""
    monkeypatch.setattr(registry, "_TASKS", dict(registry._TASKS))
    monkeypatch.setattr(registry, "_LOCATIONS", dict(registry._LOCATIONS))


def test_use__file_and_class__is_known_by_its_name(write: Callable[..., str]) -> None:
    location = write() + ":Steady"
    assert is_location(location)
    assert use(location) == "steady"
    assert use(location) == "steady"  # again is no clash
    assert make_task("steady", mood="odd").mood == "odd"  # type: ignore[attr-defined]
    assert location_of("steady") == location
    assert use("wine") == "wine"
    assert location_of("wine") is None


def test_use__module_and_class__is_imported(write: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(write(name="meed_elsewhere.py")).parent))
    assert use("meed_elsewhere:Steady") == "steady"


def test_use__name_of_a_known_task__refused(write: Callable[..., str]) -> None:
    location = write(TASK.replace('"steady"', '"wine"')) + ":Steady"
    with pytest.raises(TaskError, match="a task 'wine' already"):
        use(location)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Stedy", "has no class Stedy; of its tasks there are: Nameless, Steady"),
        ("NOTHING", "has no class NOTHING"),
        ("Client", "Client of .* is no Task: wrap it in a ClientTask"),
        ("Half", "Half of .* lacks module"),
        ("Nameless", "Nameless of .* lacks a name"),
        ("", "FILE.py:CLASS or PACKAGE.MODULE:CLASS"),
        ("a b", "FILE.py:CLASS or PACKAGE.MODULE:CLASS"),
    ],
)
def test_load_task__no_such_task__says_what_is_wrong(write: Callable[..., str], name: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        load_task(f"{write()}:{name}")


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("nowhere/mine.py:Churn", "no file .*nowhere/mine.py"),
        ("meed_no_such_package:Churn", "meed_no_such_package can't be imported: ModuleNotFoundError"),
        (":Churn", "FILE.py:CLASS"),
    ],
)
def test_load_task__nothing_there__says_so(location: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        load_task(location)


def test_load_task__file_raises__says_what_and_is_run_again_next_time(write: Callable[..., str]) -> None:
    file = write("import offchain\n1 / 0\n")
    for _ in range(2):
        with pytest.raises(TaskError, match="can't be imported: ZeroDivisionError"):
            load_task(file + ":Churn")
    write()
    assert load_task(file + ":Steady").name == "steady"


def test_absolute__file_of_a_settings_file__is_beside_it() -> None:
    assert absolute("mine.py:Churn", Path("/there")) == "/there/mine.py:Churn"
    assert absolute("/here/mine.py:Churn", Path("/there")) == "/here/mine.py:Churn"
    assert absolute("package.mine:Churn", Path("/there")) == "package.mine:Churn"


@pytest.mark.parametrize("name", ["mine.py:Steady", "os:system", "package.mine:Steady", "../mine.py:Steady"])
def test_description__names_code__never_loaded(write: Callable[..., str], name: str, tmp_path: Path) -> None:
    mark = tmp_path / "run"
    write(f"open({str(mark)!r}, 'w')\n{TASK}")
    with pytest.raises(TaskError, match="no task"):
        task_from_description({"task": name.replace("mine.py", str(tmp_path / "mine.py"))})
    assert not mark.exists()


def test_make_task__named_by_an_installed_package__is_found(
    write: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(name="meed_installed.py")
    about = tmp_path / "meed_installed-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: meed-installed\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[meed.tasks]\nsteady = meed_installed:Steady\nother = meed_installed:Steady\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert make_task("steady").name == "steady"
    assert location_of("steady") == "meed_installed:Steady"
    with pytest.raises(TaskError, match="installed as 'other' and has the name 'steady'"):
        make_task("other")


# --- in a process of its own


def made(write: Callable[..., str], mood: str) -> tuple[Any, np.ndarray, str]:
    location = write() + ":Steady"
    task = make_task(use(location), mood=mood)
    return task, initial_model(task, 0), location


def test_apart__as_here__same_update(write: Callable[..., str], capfd: pytest.CaptureFixture[str]) -> None:
    task, model, location = made(write, "calm")
    data = task.load().train
    here = train(task, model, data, **SCHEDULE)
    capfd.readouterr()
    assert np.array_equal(Apart(location, 60)(task, model, data, **SCHEDULE), here)
    assert here.tolist() == [13] * 4
    assert "hello from fit" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("mood", "error", "message"),
    [
        ("dies", TrainingError, "'steady' was killed by SIGSEGV"),
        ("exits", TrainingError, "'steady' ended with status 3"),
        ("raises", TaskError, "fit of 'steady' fails: RuntimeError: no luck"),
    ],
)
def test_apart__training_fails__says_how(
    write: Callable[..., str], mood: str, error: type[Exception], message: str
) -> None:
    task, model, location = made(write, mood)
    with pytest.raises(error, match=message):
        Apart(location, 60)(task, model, task.load().train, **SCHEDULE)


def test_apart__training_hangs__is_stopped(write: Callable[..., str]) -> None:
    task, model, location = made(write, "hangs")
    started = time.monotonic()
    with pytest.raises(TrainingError, match="took more than 1 s, and was stopped"):
        Apart(location, 1)(task, model, task.load().train, **SCHEDULE)
    assert time.monotonic() - started < 1_000  # not the hour that it sleeps

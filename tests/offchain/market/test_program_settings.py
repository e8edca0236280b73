"""Settings from a file and flags."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from offchain.market.errors import SettingsError
from offchain.market.settings import AggregatorSettings, OwnerSettings, Settings, TrainerSettings, load, urls_of


def written(folder: Path, text: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(text)
    return file


def test_load__file_and_flags__flags_go_first(tmp_path: Path) -> None:
    file = written(tmp_path, 'project = "0x1"\npoll = 2\nseed = 5\nshare = [2, 6]\n')
    settings = load(TrainerSettings, file, {"project": "0x2", "seed": None, "store": ()})
    assert (settings.project, settings.poll, settings.seed, settings.share) == ("0x2", 2.0, 5, (2, 6))


def test_load__paths_in_a_file__are_relative_to_it(tmp_path: Path) -> None:
    file = written(
        tmp_path, 'state = "mine"\npath = "/data.csv"\nstore = ["blocks", "folder:b", "http://h:1", "/ip4/1"]\n'
    )
    settings = load(TrainerSettings, file, {})
    assert settings.state == str(tmp_path / "mine")
    assert settings.path == "/data.csv"
    assert settings.store == (f"folder:{tmp_path}/blocks", f"folder:{tmp_path}/b", "http://h:1", "/ip4/1")


@pytest.mark.parametrize("text", ['rpc = "https://a.example/key"', 'rpc = ["https://a.example/key"]\nseed = 5'])
def test_load__rpc__one_or_several_and_not_shown(tmp_path: Path, text: str) -> None:
    settings = load(TrainerSettings, written(tmp_path, text), {})
    assert settings.rpc == ("https://a.example/key",)
    assert "key" not in repr(settings)


def test_urls_of__file_of_any_role__its_nodes_alone(tmp_path: Path) -> None:
    assert urls_of(written(tmp_path, 'rpc = ["https://a.example", "http://b"]\nunknown = 5')) == (
        "https://a.example",
        "http://b",
    )
    assert urls_of(None) == urls_of(written(tmp_path, "seed = 5")) == ()
    with pytest.raises(SettingsError, match="rpc: URLs that begin with"):
        urls_of(written(tmp_path, 'rpc = "ftp://a.example"'))


def test_load__no_file__defaults() -> None:
    assert load(AggregatorSettings, None, {"project": "0x1"}) == AggregatorSettings(project="0x1")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("sede = 5", "no setting sede; there are: accept_reference, accept_unknown_policy, clip"),
        ('seed = "5"', "seed: int expected, not '5'"),
        ("seed = true", "seed: int expected, not True"),
        ("store = []", "store: name one at least"),
        ("depth = 100000", "depth: -1 to 10000"),
        ("poll = 0", "poll: 0.05 to 3600"),
        ("share = [7, 6]", "share: the number of a share"),
        (
            'rpc = ["ws://me:key@node.example/key"]',
            "rpc: URLs that begin with http:// or https://, not ws://node.example/***",
        ),
        ('rpc = "node.example:8545"', "rpc: URLs that begin with http:// or https://, not node.example:8545"),
        ("rpc = 5", "rpc: tuple expected"),
        ("since = -2", "since: a block's number, not -2"),
        ("seed = ", "isn't TOML"),
    ],
)
def test_load__wrong__says_what(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(error)):
        load(TrainerSettings, written(tmp_path, text), {})


def test_owner_settings__as_many_seats_and_rounds_as_there_may_be() -> None:
    assert OwnerSettings(seats=32, rounds=256).policy == "shown"


def test_load__file_is_missing__says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't read"):
        load(TrainerSettings, tmp_path / "none.toml", {})


@pytest.mark.parametrize(("value", "kept"), [("10", "10"), (10, "10"), (0.5, "0.5"), ("25 units", "25 units")])
def test_load__amount__number_or_text(value: Any, kept: str) -> None:
    assert load(OwnerSettings, None, {"round_reward": value}).round_reward == kept


def test_task_options__of_an_owners_table__are_those_of_the_task() -> None:
    settings = load(OwnerSettings, None, {"path": "a.csv", "label": "y", "ignore": ["id", "name"], "decimal": ","})
    assert settings.task_name == "csv"
    assert settings.task_options == {"path": "a.csv", "label": "y", "ignore": ("id", "name"), "decimal": ","}
    assert (OwnerSettings().task_name, OwnerSettings().task_options) == ("digits", {})
    assert OwnerSettings(task="churn", path="a.csv").task_name == "churn"


def test_task_options__of_a_trainer__are_of_its_file() -> None:
    assert TrainerSettings(path="a.csv", separator="tab").task_options == {"path": "a.csv", "separator": "tab"}
    assert TrainerSettings().task_options == {}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"label": "y"}, "path: name the CSV file for label"),
        ({"ignore": ("id",), "separator": ";"}, "path: name the CSV file for separator, ignore"),
        ({"path": "a.csv"}, "label: name the column of a.csv to learn"),
        ({"path": "a.csv", "task": "csv", "numbers": ("a",)}, "label: name the column of a.csv"),
    ],
)
def test_owner_settings__half_of_a_table__says_what_is_missing(given: dict[str, Any], error: str) -> None:
    with pytest.raises(SettingsError, match=error):
        OwnerSettings(**given)


def test_load__settings_of_everybody__from_any_roles_file(tmp_path: Path) -> None:
    file = written(tmp_path, 'state = "mine"\nround_reward = 5\nshare = [1, 2]\n')
    assert load(Settings, file, {}) == Settings(state=str(tmp_path / "mine"))
    with pytest.raises(SettingsError, match="no setting sede"):
        load(Settings, written(tmp_path, "sede = 1"), {})


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("rounds = 257", "rounds: 1 to 256, not 257"),
        ("seats = 33", "seats: 1 to 32, not 33"),
        ("window = 9", "windows: window: 10 to 2592000 seconds, not 9"),
        ("[windows]\nscore = 2592001", "windows: score: 10 to 2592000 seconds, not 2592001"),
        ("[windows]\nscore = 60.5", "windows: score: 10 to 2592000 seconds, not 60.5"),
        ("[windows]\nscoring = 60", "windows: no phase scoring; there are accept, enrol, collect, deliver, score"),
    ],
)
def test_owner_settings__out_of_the_contracts_range__says_what_is(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(SettingsError, match=error):
        load(OwnerSettings, written(tmp_path, text), {})

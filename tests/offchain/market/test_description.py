"""What a stranger may say of a task and ask of a trainer, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from offchain.market.description import (
    MAX_BATCH,
    MAX_EPOCHS,
    MAX_LEARNING_RATE,
    Description,
    Schedule,
    check_rate,
    fetch_description,
)
from offchain.market.errors import DescriptionError, SettingsError
from offchain.market.terms import FIXED_ONE
from offchain.storage.embedded import EmbeddedStore
from offchain.storage.errors import NotFound
from offchain.storage.payload import MAX_TASK, task_to_bytes

TASK = {"task": "wine"}
KEY = b"\x09" + bytes(31)
NO_KEYS = ["", "nonsense", "zz" * 32, "é" * 64, KEY.hex()[:-1], KEY.hex() + "00", 7, None, [], {}]


def described(**changes: Any) -> bytes:
    return json.dumps({"task": TASK} | changes).encode()


def test_from_bytes__all_that_an_owner_writes__is_read() -> None:
    content = task_to_bytes(
        {"task": TASK, "training": {"epochs": 3, "batch_size": 8}, "owner_key": KEY.hex(), "other": 1}
    )
    assert Description.from_bytes(content) == Description(TASK, Schedule(3, 8), KEY)


def test_from_bytes__nothing_but_the_task__has_defaults_and_no_key() -> None:
    assert Description.from_bytes(described()) == Description(TASK, Schedule(), None)
    assert Description.from_bytes(described(training={"epochs": 1})).schedule == Schedule(epochs=1)


@pytest.mark.parametrize("training", [{"epochs": MAX_EPOCHS, "batch_size": MAX_BATCH}, {"epochs": 1, "batch_size": 1}])
def test_from_bytes__schedule_at_its_bounds__is_read(training: dict[str, int]) -> None:
    assert Description.from_bytes(described(training=training)).schedule == Schedule(**training)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("epochs", value) for value in (0, -1, MAX_EPOCHS + 1, 10**300, 2.0, True, "2", None, [2])),
        *(("batch_size", value) for value in (0, -1, MAX_BATCH + 1, 1e3, False, "32")),
    ],
)
def test_from_bytes__schedule_beyond_reason__says_which_number(name: str, value: Any) -> None:
    with pytest.raises(DescriptionError, match=f"asks for {name}: an integer from 1 to "):
        Description.from_bytes(described(training={name: value}))


@pytest.mark.parametrize(
    "key", ["", "nonsense", "zz" * 32, "é" * 64, KEY.hex()[:-1], KEY.hex() + "00", 7, None, [], {}]
)
def test_from_bytes__owner_key_that_is_none__refused(key: Any) -> None:
    with pytest.raises(DescriptionError, match="no usable owner_key"):
        Description.from_bytes(described(owner_key=key))


@pytest.mark.parametrize("key", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32], ids=["zero", "one", "ff"])
def test_from_bytes__owner_key_that_nothing_can_be_sealed_to__refused(key: bytes) -> None:
    with pytest.raises(DescriptionError, match=r"no usable owner_key: .* is no usable public key"):
        Description.from_bytes(described(owner_key=key.hex()))


@pytest.mark.parametrize("task", [None, "wine", [], {}, {"task": 5}, {"task": None}])
def test_from_bytes__no_task__says_what_is_there(task: Any) -> None:
    with pytest.raises(DescriptionError, match="names no task"):
        Description.from_bytes(described(task=task))


@pytest.mark.parametrize("training", [None, 5, [], "epochs"])
def test_from_bytes__training_is_no_schedule__refused(training: Any) -> None:
    with pytest.raises(DescriptionError, match="no training schedule"):
        Description.from_bytes(described(training=training))


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"task": NaN}', b'{"a": 1, "a": 2}', b"\xff\xfe"], ids=repr)
def test_from_bytes__no_json_object__refused_for_good(content: bytes) -> None:
    with pytest.raises(DescriptionError, match=r"the task's description: task: not (JSON|a JSON object)"):
        Description.from_bytes(content)


def test_from_bytes__long_and_strange_value__is_told_on_one_short_line() -> None:
    with pytest.raises(DescriptionError) as caught:
        Description.from_bytes(described(training={"epochs": "\x1b[2J\n" * 1_000}))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_fetch_description__content__as_the_terms_name_it(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    terms: Any = SimpleNamespace(task=store.put(described()).digest)
    assert fetch_description(store, terms) == described()
    with pytest.raises(NotFound):
        fetch_description(EmbeddedStore(tmp_path / "other"), terms)


def test_fetch_description__too_long__refused_for_good(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    terms: Any = SimpleNamespace(task=store.put(bytes(MAX_TASK + 1)).digest)
    with pytest.raises(DescriptionError, match="description is too long"):
        fetch_description(store, terms)


@pytest.mark.parametrize("value", [0, MAX_EPOCHS + 1, 1.5])
def test_schedule__of_an_owners_settings__refused_as_a_setting(value: Any) -> None:
    with pytest.raises(SettingsError, match="epochs: an integer from 1 to 1,000"):
        Schedule(epochs=value)


def terms_of(rate: int) -> Any:
    return SimpleNamespace(rate=rate)


def test_check_rate__falling__holds() -> None:
    for rate in (1, FIXED_ONE // 10, FIXED_ONE):
        check_rate(rate, terms_of(FIXED_ONE))
    check_rate(int(MAX_LEARNING_RATE) * FIXED_ONE, terms_of(int(MAX_LEARNING_RATE) * FIXED_ONE))


@pytest.mark.parametrize("rate", [0, int(MAX_LEARNING_RATE) * FIXED_ONE + 1, 2**64 - 1])
def test_check_rate__out_of_reason__refused_whatever_the_terms_say(rate: int) -> None:
    with pytest.raises(DescriptionError, match="is out of reason"):
        check_rate(rate, terms_of(2**64 - 1), may_rise=True)


def test_check_rate__risen__refused_unless_the_policy_was_accepted() -> None:
    with pytest.raises(DescriptionError, match=r"has risen from the terms' 0\.5 to 1"):
        check_rate(FIXED_ONE, terms_of(FIXED_ONE // 2))
    check_rate(FIXED_ONE, terms_of(FIXED_ONE // 2), may_rise=True)

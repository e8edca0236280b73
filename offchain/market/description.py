"""What an owner says of its task, and what the terms ask of a trainer: a stranger's claims, checked in this one place.

A description is JSON on the store, under the digest that stands in the terms:

    {"task": {"task": name, ...}, "training": {"epochs": 2, "batch_size": 32}, "owner_key": 64 hex digits}

`training` may be left out, and so may each of its numbers. `owner_key` is the owner's, to which aggregates are sealed
as to any member; without it they are open. Other keys are let be. Owner, trainer, aggregator and auditor read a
description with `Description.from_bytes`, and act on nothing else of it.

Learning rates come from the chain, in the terms and then from round to round. The policies of this package never raise
one: a rate above the terms' is another policy's, or nonsense.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from offchain.errors import MeedError
from offchain.market.errors import DescriptionError, SettingsError
from offchain.market.terms import FIXED_ONE, ProjectTerms
from offchain.storage.errors import PayloadError, TooLarge
from offchain.storage.payload import MAX_TASK, task_from_bytes
from offchain.storage.sealing import KEY, check_public_key
from offchain.storage.store import Store

__all__ = ["MAX_BATCH", "MAX_EPOCHS", "MAX_LEARNING_RATE", "Description", "Schedule", "check_rate", "fetch_description"]

MAX_EPOCHS = 1_000
MAX_BATCH = 1 << 20  # rows
MAX_LEARNING_RATE = 1_000.0


@dataclass(frozen=True)
class Schedule:
    """How a round's local training goes; the learning rate comes from the chain. Raises SettingsError out of range."""

    epochs: int = 2
    batch_size: int = 32

    def __post_init__(self) -> None:
        for name, most in (("epochs", MAX_EPOCHS), ("batch_size", MAX_BATCH)):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise SettingsError(f"{name}: an integer from 1 to {most:,}, not {_short(value)}")


@dataclass(frozen=True)
class Description:
    """A checked description. `task` is what `registry.task_from_description` takes, which checks it further."""

    task: dict[str, Any]
    schedule: Schedule = field(default_factory=Schedule)
    owner_key: bytes | None = None  # 32 bytes, that something can be sealed to

    @classmethod
    def from_bytes(cls, data: bytes) -> Description:
        """Raises DescriptionError, which says what is wrong: no waiting mends it, since the terms name these bytes."""
        try:
            told = task_from_bytes(data)
        except PayloadError as error:
            raise DescriptionError(f"the task's description: {error}") from None
        task, training = told.get("task"), told.get("training", {})
        if not isinstance(task, dict) or not isinstance(task.get("task"), str):
            raise DescriptionError(f"the task's description names no task: {_short(task)}")
        if not isinstance(training, dict):
            raise DescriptionError(f"the task's description has no training schedule: {_short(training)}")
        try:
            schedule = Schedule(**{name: training[name] for name in ("epochs", "batch_size") if name in training})
        except SettingsError as error:
            raise DescriptionError(f"the task's description asks for {error}") from None
        return cls(task, schedule, _owner_key(told["owner_key"]) if "owner_key" in told else None)


def fetch_description(store: Store, terms: ProjectTerms) -> bytes:
    """The description's bytes, which `Description.from_bytes` reads. Raises StoreError if they aren't to be had,
    DescriptionError if they are too many.
    """
    try:
        return store.get(terms.task, MAX_TASK)
    except TooLarge as error:
        raise DescriptionError(f"the task's description is too long: {error}") from None


def check_rate(rate: int, terms: ProjectTerms, may_rise: bool = False) -> None:
    """rate: of a round, in 2^-32. may_rise: the project's policy isn't one of this package, and was accepted. Raises
    DescriptionError for a rate that nobody should train with.
    """
    if not 1 <= rate <= MAX_LEARNING_RATE * FIXED_ONE:
        raise DescriptionError(
            f"a learning rate of {rate / FIXED_ONE:.4g} is out of reason: above 0 and up to {MAX_LEARNING_RATE:,.0f}"
        )
    if rate > terms.rate and not may_rise:
        raise DescriptionError(
            f"the learning rate has risen from the terms' {terms.rate / FIXED_ONE:.4g} to {rate / FIXED_ONE:.4g}, "
            "which no policy of this package does"
        )


def _owner_key(text: Any) -> bytes:
    try:
        if not isinstance(text, str) or len(text) != 2 * KEY:
            raise ValueError(f"{2 * KEY} hex digits are needed")
        key = bytes.fromhex(text)
        check_public_key(key)
    except (ValueError, MeedError) as error:
        raise DescriptionError(f"the task's description has no usable owner_key: {error}") from None
    return key


def _short(value: Any) -> str:
    """A stranger's value, for a message: on one line, and not long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."

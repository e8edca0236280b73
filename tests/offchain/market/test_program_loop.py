"""What ends a program and what doesn't: each kind of error, without and with something at stake."""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ape.exceptions import ApeException
from web3.exceptions import Web3RPCError

from offchain.market.errors import JournalError, MarketError, SettingsError, UntrustedCode, Waiting
from offchain.market.journal import Journal
from offchain.market.money import Token
from offchain.market.programs.base import Program, clock
from offchain.market.programs.steps import Step
from offchain.market.project import Look, Phase, Status
from offchain.market.settings import Settings
from offchain.storage.errors import NotFound
from offchain.storage.payload import model_to_bytes
from offchain.training.errors import QuantiseError, TaskError, TrainingError, VectorError

PASSING = [OSError("away"), NotFound("no block"), MarketError("later"), Web3RPCError("busy"), ApeException("odd")]
FATAL = [SettingsError("a setting"), UntrustedCode("code"), TaskError("data"), TrainingError("diverges")]
FATAL += [VectorError("shape"), QuantiseError("range")]
MISTAKES = [
    KeyError("x"),
    ValueError("y"),
    ZeroDivisionError("z"),
    AssertionError("w"),
    MemoryError(),
    RecursionError(),
]
MISTAKES += [json.JSONDecodeError("not JSON", "<html>", 0), sqlite3.OperationalError("disk is full")]


class TooLong(BaseException):
    """A program that should be done isn't."""


def look_at(phase: Phase = Phase.COLLECTING, round_: int = 0, deadline: int = 2_000) -> Look:
    status = Status(phase, deadline, round_, "0xa1", False, 1, 0, 0b11, 0, 0, 1)
    return Look(5, 1_000, status, enrol_by=900)


class Scripted(Program):
    """Is due what `due` says, and does what `acts` says."""

    role = "trainer"

    def __init__(self, around: Any, project: Any) -> None:
        super().__init__(Settings(), project, around)
        self.staked = False
        self.due: Callable[[frozenset[Step]], Step] = lambda aside: Step.DONE
        self.acts: Callable[[Step], None] = lambda step: None
        self.taken: list[Step] = []

    def has_stake(self, look: Look) -> bool:
        return self.staked

    def next_step(self, look: Look) -> Step:
        return self.due(self.aside(look))

    def _act(self, step: Step) -> None:
        self.taken.append(step)
        self.acts(step)

    def prepare(self, look: Look) -> None:
        self._act(Step.PREPARE)

    def follow(self, look: Look) -> None:
        self._act(Step.FOLLOW)

    def enrol(self, look: Look) -> None:
        self._act(Step.ENROL)


@pytest.fixture
def program(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Scripted]:
    journal = Journal(tmp_path / "state")
    terms = SimpleNamespace(rounds=3, seats=2, min_rows=2, aggregators=["0xa1"], token="0x0", enrol_window=100)
    terms.reference, terms.dimension = False, 4
    follower = SimpleNamespace(depth=12, keep=lambda journal: None)
    project = SimpleNamespace(
        chain_id=1,
        address="0xe5",
        terms=terms,
        look=look_at,
        follower=follower,
        settlements=list,
        since=0,
        token=Token("0x0", 18, "PLAIN"),
    )
    naps = iter(range(500))

    def sleep(seconds: float) -> None:
        if next(naps, None) is None:
            raise TooLong

    around = SimpleNamespace(
        account=SimpleNamespace(address="0xb2"),
        journal=journal,
        sender=SimpleNamespace(resume=lambda: None),
        sleep=sleep,
    )
    caplog.set_level(logging.INFO, logger="offchain")
    yield Scripted(around, project)
    journal.close()


def failing(program: Scripted, step: Step, error: Exception, times: int = 10**9) -> None:
    """This step is due, and fails so many times; then the program is done."""

    def act(taken: Step) -> None:
        if taken == step and program.taken.count(step) <= times:
            raise error

    program.acts = act
    program.due = lambda aside: step if program.taken.count(step) <= times and step not in aside else Step.DONE


@pytest.mark.parametrize("error", [*FATAL, *MISTAKES], ids=lambda error: type(error).__name__)
def test_run__nothing_at_stake__ends_with_the_error(program: Scripted, error: Exception) -> None:
    failing(program, Step.PREPARE, error)
    with pytest.raises(type(error)) as caught:
        program.run()
    assert caught.value is error
    assert program.taken == [Step.PREPARE]


@pytest.mark.parametrize("staked", [False, True])
@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_run__what_others_do_wrong__is_said_once_and_tried_again(
    program: Scripted, caplog: pytest.LogCaptureFixture, error: Exception, staked: bool
) -> None:
    program.staked = staked
    failing(program, Step.PREPARE, error, times=3)
    program.run()
    assert program.taken == [Step.PREPARE] * 4
    assert sum("not now: " in text for text in caplog.messages) == 1
    assert not any(record.levelno > logging.INFO for record in caplog.records)


@pytest.mark.parametrize("error", FATAL, ids=lambda error: type(error).__name__)
def test_run__training_fails_with_a_stake__rest_of_the_round_goes_on_without(
    program: Scripted, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    program.staked, turns = True, iter(range(100))

    def due(aside: frozenset[Step]) -> Step:
        turn = next(turns)
        program.project.look = lambda: look_at(round_=int(turn >= 40))
        if turn == 60:
            return Step.DONE
        return Step.FOLLOW if Step.PREPARE in aside else Step.PREPARE

    failing(program, Step.PREPARE, error)
    program.due = due
    program.run()
    assert program.taken.count(Step.PREPARE) == 2  # once in each round
    assert program.taken.count(Step.FOLLOW) > 50
    texts = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [text.split(":")[0] for text in texts] == ["round 1", "round 2"]
    assert all(text.endswith(str(error)) for text in texts)
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize("error", MISTAKES, ids=lambda error: type(error).__name__)
def test_run__mistake_with_a_stake__is_traced_once_and_tried_more_and_more_rarely(
    program: Scripted, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    program.staked, turns = True, iter(range(500))
    failing(program, Step.PREPARE, error)
    program.due = lambda aside: (
        Step.DONE if next(turns) == 200 else Step.FOLLOW if Step.PREPARE in aside else Step.PREPARE
    )
    program.run()
    assert 3 <= program.taken.count(Step.PREPARE) <= 6
    assert program.taken.count(Step.FOLLOW) > 190
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert record.exc_info is not None
    assert type(error).__name__ in record.getMessage()


def test_run__step_succeeds_after_a_failure__counts_anew(program: Scripted) -> None:
    program.staked = True
    look = look_at()
    for _ in range(3):
        program.set_aside(Step.FOLLOW, look, KeyError("x"))
    assert program._aside[Step.FOLLOW] == (0, 32)
    assert program._take(Step.FOLLOW, look)
    program.set_aside(Step.FOLLOW, look, KeyError("x"))
    assert program._aside[Step.FOLLOW] == (0, 8)


@pytest.mark.parametrize("error", [*FATAL, KeyError("x")], ids=lambda error: type(error).__name__)
def test_run__call_that_takes_the_stake_fails_afterwards__goes_on(program: Scripted, error: Exception) -> None:
    """As when a node's receipt of the call makes no sense: the seat is taken all the same."""

    def act(step: Step) -> None:
        program.staked = True
        raise error

    program.acts = act
    program.due = lambda aside: Step.DONE if program.taken else Step.ENROL
    program.run()
    assert program.taken == [Step.ENROL]


@pytest.mark.parametrize("staked", [False, True])
def test_run__look_fails_by_a_mistake__ends_only_without_a_stake(program: Scripted, staked: bool) -> None:
    looks = iter([look_at(), KeyError("x"), look_at(), look_at()])

    def look() -> Look:
        found = next(looks)
        if isinstance(found, Exception):
            raise found
        return found

    program.staked, program.project.look = staked, look
    waits = iter([Step.WAIT, Step.DONE])
    program.due = lambda aside: next(waits)
    if staked:
        program.run()
    else:
        with pytest.raises(KeyError):
            program.run()


@pytest.mark.parametrize("how", ["folder", "damage", "lock"])
def test_run__state_folder_lost__ends_whatever_is_at_stake(program: Scripted, how: str) -> None:
    program.staked = True

    def act(step: Step) -> None:
        if how == "folder":
            shutil.rmtree(program.journal.folder)
            program.journal.write("sealed-0", b"")
        raise sqlite3.DatabaseError("malformed") if how == "damage" else JournalError("another program is using it")

    program.acts, program.due = act, lambda aside: Step.PREPARE
    with pytest.raises(JournalError, match="is using it" if how == "lock" else "is gone or damaged: .* Restore it"):
        program.run()


def test_run__ctrl_c__ends(program: Scripted) -> None:
    program.staked = True

    def sleep(seconds: float) -> None:
        raise KeyboardInterrupt

    program.around.sleep = sleep
    program.due = lambda aside: Step.WAIT
    with pytest.raises(KeyboardInterrupt):
        program.run()


def test_run__waiting__is_said_once_in_words_with_the_time(program: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    steps = iter([Step.WAIT, Step.WAIT, Step.PREPARE, Step.WAIT, Step.DONE])

    def act(step: Step) -> None:
        raise Waiting("the owner to grant the model's key")

    program.acts, program.due = act, lambda aside: next(steps)
    program.run()
    collecting = f"waiting for trainers to submit in round 1 (by {clock(2_000)})"
    assert caplog.messages == [collecting, "waiting for the owner to grant the model's key", collecting]
    assert {record.levelname for record in caplog.records} == {"INFO"}


def test_turn__project_not_deep_enough__says_what_it_waits_for(
    program: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    program.project.look = lambda: None
    assert program.turn() == Step.WAIT
    assert caplog.messages == ["waiting for the project to have 12 blocks on top, from block 0 on"]


@pytest.mark.parametrize("damage", ["lost", "cut"])
def test_copy__kept_file_lost_or_damaged__is_made_again_rather_than_trained_from(
    program: Scripted, damage: str
) -> None:
    program.project.settlements = lambda: [SimpleNamespace(aggregate=(1, 2))]
    program.journal.write("copy-1", model_to_bytes(np.ones(4)))
    program.journal.set_fact("copy", {"file": "copy-1", "applied": [[1, 2]]})
    assert (program.has_copy, program.behind) == (True, 0)
    if damage == "lost":
        program.journal.remove("copy-1")
    else:
        program.journal.write("copy-1", model_to_bytes(np.ones(4))[:-1])
        with pytest.raises(Waiting, match=r"the kept copy is damaged .* and is made again"):
            _ = program.copy
    assert (program.has_copy, program.behind) == (False, 1)

"""A small market without training: seven synthetic trainers, real contracts, real proofs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from offchain.bench.gas import synthetic_trainers
from offchain.scoring.policy import PolicyTerms
from offchain.simulation.stage import Stage
from offchain.storage.embedded import EmbeddedStore
from offchain.training.registry import make_task
from offchain.training.vector import dimension
from tests.offchain.market.play import SEATS, Play


@pytest.fixture(scope="session", autouse=True)
def money(token: Any) -> Any:
    """Deployed before any module's snapshot: what a session has for the first time inside of one is lost with it."""
    return token


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command's `reporting` takes the package's log for itself."""
    log = logging.getLogger("offchain")
    kept = log.handlers, log.level, log.propagate
    yield
    log.handlers, log.propagate = kept[0], kept[2]
    log.setLevel(kept[1])


@pytest.fixture(scope="module")
def play(project: Any, accounts: Any, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """The first round is collecting. One row may be excluded."""
    task = make_task("wine")
    stage = Stage(project, accounts, EmbeddedStore(tmp_path_factory.mktemp("store")))
    stage.fund(
        {"task": task.describe()},
        np.zeros(dimension(task.build(0))),
        PolicyTerms(byzantine=1),
        SEATS,
        round_reward=10**21,
        rounds=2,
        min_rows=SEATS,
        max_excluded=1,
        quantum=1 << 64,
        learning_rate=0.1,
    )
    trainers = synthetic_trainers(stage, task, stage.seats[:SEATS])
    for trainer in trainers:
        stage.enrol(trainer)
    return Play(stage, trainers)


@pytest.fixture(autouse=True)
def fresh_parties(request: pytest.FixtureRequest) -> Any:
    """What parties remember is put back after each test that plays, as the chain is."""
    if "play" not in request.fixturenames:
        yield
        return
    play: Play = request.getfixturevalue("play")
    remembered = [(t.prepared, t.residual, t.copy.vector, t.copy.rounds) for t in play.trainers]
    yield
    for trainer, (prepared, residual, vector, rounds) in zip(play.trainers, remembered, strict=True):
        trainer.prepared, trainer.residual = prepared, residual
        trainer.copy.vector, trainer.copy.rounds = vector, rounds

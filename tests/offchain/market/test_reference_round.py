"""A project with a reference: the owner trains on the first seat, judges, and is paid nothing."""

from __future__ import annotations

from typing import Any

import ape
import numpy as np
import pytest

from offchain.bench.gas import synthetic_trainers
from offchain.scoring.policy import CONSENSUS, PolicyTerms
from offchain.simulation.stage import Stage
from offchain.storage.embedded import EmbeddedStore
from offchain.training.registry import make_task
from offchain.training.vector import dimension
from tests.offchain.market.play import SEATS, Play
from tests.offchain.market.test_auditor import as_if_the_terms_were, audit, settle_round


@pytest.fixture(scope="module")
def guided_play(project: Any, accounts: Any, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """The first round is collecting. The owner and five trainers."""
    task = make_task("wine")
    stage = Stage(project, accounts, EmbeddedStore(tmp_path_factory.mktemp("store")))
    stage.fund(
        {"task": task.describe()},
        np.zeros(dimension(task.build(0))),
        PolicyTerms(CONSENSUS, byzantine=0),
        SEATS,
        round_reward=10**21,
        rounds=2,
        min_rows=SEATS - 1,
        max_excluded=1,
        quantum=1 << 64,
        learning_rate=0.1,
        public_rows=True,
        reference=True,
    )
    trainers = synthetic_trainers(stage, task, [accounts[1], *stage.seats[: SEATS - 1]])
    with ape.reverts("escrow: the owner has the first seat"):
        stage.enrol(trainers[1])
    for trainer in trainers:
        stage.enrol(trainer)
    return Play(stage, trainers)


@pytest.fixture(autouse=True)
def fresh_guided(guided_play: Play) -> Any:
    """What parties remember is put back after each test, as the chain is."""
    remembered = [(t.prepared, t.residual, t.copy.vector, t.copy.rounds) for t in guided_play.trainers]
    yield
    aggregator = guided_play.aggregator
    aggregator._proof, aggregator._public_rows, aggregator._public_rounds = None, None, 0
    for trainer, (prepared, residual, vector, rounds) in zip(guided_play.trainers, remembered, strict=True):
        trainer.prepared, trainer.residual = prepared, residual
        trainer.copy.vector, trainer.copy.rounds = vector, rounds


def test_rounds__owner_judges__trainers_alone_are_paid(guided_play: Play) -> None:
    for round_ in range(2):  # the second has a public row
        settle_round(guided_play)
        settlement = guided_play.project.settlements()[round_]
        assert settlement.contributions[0] == settlement.weights[0] == 0
        assert min(settlement.contributions[1:]) > 0
    audit(guided_play)


def test_round__owner_is_away__consensus_decides(guided_play: Play) -> None:
    play = Play(guided_play.stage, guided_play.trainers[1:])
    play.to_delivering()
    status = play.project.status()
    play.stage.project.escrow.provider.set_timestamp(status.deadline + 1)
    play.stage.project.escrow.provider.mine()
    for trainer in play.trainers:
        trainer.deliver()
    for trainer in play.trainers:
        trainer.publish()
    settlement = play.aggregator.settle().settlement
    assert settlement.seats == [1, 2, 3, 4, 5]
    assert min(settlement.contributions) > 0
    audit(guided_play)


def test_audit__owner_counts_as_a_trainer__named(guided_play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the terms that were agreed on had no reference."""
    settle_round(guided_play)
    as_if_the_terms_were(guided_play, monkeypatch, reference=False)
    with pytest.raises(Exception, match="round 0: "):
        audit(guided_play)

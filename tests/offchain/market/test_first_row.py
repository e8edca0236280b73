"""The initial model as the first public row: what it is, who refuses another, and a project that has it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from offchain.bench.gas import synthetic_trainers
from offchain.market.audit.finding import Difference
from offchain.market.errors import MarketError
from offchain.market.public_rows import fetch_first_row, first_row, initial_row, running_hash
from offchain.market.terms import NO_ROW
from offchain.proving.commitment import commit_integers
from offchain.proving.srs import Srs
from offchain.scoring.policy import CONSENSUS, PolicyTerms
from offchain.simulation.stage import Stage
from offchain.storage.embedded import EmbeddedStore
from offchain.storage.members import seal_model
from offchain.storage.payload import model_to_bytes
from offchain.training.local import initial_model
from offchain.training.quantise import in_quanta
from offchain.training.registry import make_task
from tests.offchain.market.play import Play
from tests.offchain.market.test_auditor import as_if_the_terms_were, audit

SEATS = 5
QUANTUM = 1 << 44


@pytest.fixture(scope="module")
def srs() -> Srs:
    return Srs.insecure(64)


def test_initial_row__model__is_committed_to_in_quanta_with_no_tail(srs: Srs) -> None:
    model = np.array([0.5, -0.25, 3e-7, 0.0])
    row = initial_row(srs, model, QUANTUM)
    assert row is not None
    assert row.combination.values.tolist() == [1 << 19, -(1 << 18), 0, 0]
    assert row.commitment == commit_integers(srs, row.combination.values, [0] * 8)
    assert first_row(row) == running_hash([row.commitment]) != NO_ROW


@pytest.mark.parametrize("model", [[0.0, 0.0], [1e-9, 0.0], [2.0**34, 1.0], [float("nan"), 1.0]], ids=str)
def test_initial_row__nothing_in_it_or_too_much__is_none(srs: Srs, model: list[float]) -> None:
    row = initial_row(srs, np.array(model), QUANTUM)
    assert row is None
    assert first_row(row) == NO_ROW


def known_project(model: bytes, row: bytes, store: EmbeddedStore) -> Any:
    terms = SimpleNamespace(first_row=row, quantum=QUANTUM, dimension=4, model=store.put(model).digest)
    return SimpleNamespace(terms=terms)


MODEL = np.array([0.5, -0.25, 1.0, 0.125])


def test_fetch_first_row__as_the_terms_name_it__is_the_row(srs: Srs, tmp_path: Any) -> None:
    store = EmbeddedStore(tmp_path)
    row = initial_row(srs, MODEL, QUANTUM)
    found = fetch_first_row(known_project(model_to_bytes(MODEL), first_row(row), store), store, srs)
    assert found is not None
    assert row is not None
    assert (found.combination.values == row.combination.values).all()
    assert found.commitment == row.commitment
    assert fetch_first_row(known_project(model_to_bytes(MODEL), NO_ROW, store), store, srs) is None


@pytest.mark.parametrize("model", [2 * MODEL, np.zeros(4), np.full(4, 2.0**40)], ids=["another", "zeros", "too large"])
def test_fetch_first_row__another_model_than_the_terms_name__refused(srs: Srs, tmp_path: Any, model: Any) -> None:
    store, named = EmbeddedStore(tmp_path), first_row(initial_row(srs, MODEL, QUANTUM))
    with pytest.raises(MarketError, match="isn't the public row that the terms name"):
        fetch_first_row(known_project(model_to_bytes(model), named, store), store, srs)


def test_fetch_first_row__sealed_or_missing_model__refused(srs: Srs, tmp_path: Any) -> None:
    store, named = EmbeddedStore(tmp_path), first_row(initial_row(srs, MODEL, QUANTUM))
    sealed, _ = seal_model(model_to_bytes(MODEL))
    with pytest.raises(MarketError, match="can't be read"):
        fetch_first_row(known_project(sealed, named, store), store, srs)
    missing = known_project(model_to_bytes(MODEL), named, store)
    with pytest.raises(MarketError, match="can't be read"):
        fetch_first_row(missing, EmbeddedStore(tmp_path / "other"), srs)


@pytest.fixture(scope="module")
def known_play(project: Any, accounts: Any, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """By consensus, from a known model: two of three rounds are settled."""
    task = make_task("wine")
    stage = Stage(project, accounts, EmbeddedStore(tmp_path_factory.mktemp("known")))
    stage.fund(
        {"task": task.describe()},
        initial_model(task, 0),
        PolicyTerms(rule=CONSENSUS, byzantine=1),
        SEATS,
        round_reward=10**21,
        rounds=3,
        min_rows=SEATS,
        max_excluded=0,
        public_rows=True,
        quantum=QUANTUM,
        learning_rate=0.1,
    )
    trainers = synthetic_trainers(stage, task, stage.seats[:SEATS])
    for trainer in trainers:
        stage.enrol(trainer)
    for _ in range(2):
        stage.play(trainers)
    return Play(stage, trainers)


def test_settle__known_initial_model__is_a_row_of_the_first_round_on(known_play: Play) -> None:
    project, stage = known_play.project, known_play.stage
    model = initial_model(make_task("wine"), 0)
    first = commit_integers(stage.srs, in_quanta(model, QUANTUM), [0] * 8)
    aggregates = [settlement.aggregate for settlement in project.settlements()]
    assert not any(settlement.policy_failed for settlement in project.settlements())
    assert bytes(project.escrow.public_rows()) == running_hash([first, *aggregates])


def test_audit__known_initial_model__holds(known_play: Play) -> None:
    assert "the first public row is the initial model" in [finding.text for finding in audit(known_play)]


def test_audit__terms_that_name_another_first_row__says_so(known_play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    as_if_the_terms_were(known_play, monkeypatch, first_row=b"\x05" * 32)
    with pytest.raises(Difference, match="another first row than the terms name"):
        audit(known_play)


@pytest.mark.parametrize("party", ["trainer", "aggregator"])
def test_join__terms_that_name_another_first_row__refused_before_anything_is_sent(
    known_play: Play, monkeypatch: pytest.MonkeyPatch, party: str
) -> None:
    """An owner and an aggregator could make it anything; an aggregator alone could not settle."""
    monkeypatch.setattr(known_play.project, "terms", replace(known_play.project.terms, first_row=b"\x05" * 32))
    trainer, aggregator = known_play.trainers[0], known_play.aggregator
    monkeypatch.setattr(aggregator, "_public_rows", None)
    monkeypatch.setattr(trainer, "_transact", pytest.fail)
    monkeypatch.setattr(aggregator, "_transact", pytest.fail)
    join = trainer.enrol if party == "trainer" else aggregator.accept
    with pytest.raises(MarketError, match="isn't the public row that the terms name"):
        join()

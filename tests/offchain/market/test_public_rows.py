"""A project with public rows, with real proofs: the matrix has them from the second round on.

The policy is a mock, which is told the answer that the aggregator gives itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import ape
import numpy as np
import pytest
from eth_abi import encode
from eth_utils import keccak

from offchain.bench.gas import synthetic_trainers
from offchain.market import auditor as auditor_module
from offchain.market.aggregator import Aggregator, Opened, settle_arguments
from offchain.market.audit.finding import Difference
from offchain.market.errors import MarketError
from offchain.market.project import Delivery
from offchain.market.public_rows import PublicRow, running_hash
from offchain.market.terms import ProjectTerms
from offchain.proving.commitment import Combination, commit_combination
from offchain.proving.gram import gram_matrix
from offchain.scoring.policy import ONE, Outcome, PolicyTerms
from offchain.scoring.shown import NOTHING
from offchain.simulation.stage import BITS, Stage
from offchain.storage.embedded import EmbeddedStore
from offchain.storage.errors import NotFound
from offchain.storage.payload import Aggregate, Payload, aggregate_to_bytes
from offchain.training.registry import make_task
from offchain.training.vector import dimension
from tests.escrow_driver import outcome_bytes
from tests.offchain.market.play import Play
from tests.offchain.market.test_auditor import audit

SEATS = 3


class Deciding(Aggregator):
    """Decides as it is told to, and remembers what about."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.weights = [ONE, ONE - 7, ONE // 3]
        self.asked: list[tuple[int, list[int]]] = []

    def _decide(self, seats: list[int], gram: list[int], rate: int, memory: Sequence[int]) -> Outcome:
        self.asked.append((len(seats), gram))
        shares = [1 if weight else 0 for weight in self.weights]
        return Outcome(False, [bool(share) for share in shares], self.weights, shares, 0, rate)


@pytest.fixture(scope="module")
def public_play(
    project: Any, accounts: Any, deploy: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Play:
    """The first of four rounds is collecting."""
    task = make_task("wine")
    stage = Stage(project, accounts, EmbeddedStore(tmp_path_factory.mktemp("public")))
    owner, aggregator = accounts[1], accounts[2]
    told = deploy("PolicyMock")
    model = np.zeros(dimension(task.build(0)))
    task_digest, model_digest = stage.owner.publish({"task": task.describe()}, model)
    terms = ProjectTerms.proposed(
        token=str(stage.token.address),
        round_reward=10**21,
        rounds=4,
        seats=SEATS,
        min_rows=SEATS,
        max_excluded=0,
        dimension=model.size,
        bits=BITS,
        quantum=1 << 64,
        learning_rate=0.1,
        policy=str(told.address),
        policy_terms=PolicyTerms(),
        policy_gas=1_000_000,
        public_rows=True,
        aggregators=[str(aggregator.address)],
        model=model_digest,
        task=task_digest,
    )
    told.set_takes_public_rows(terms.params, sender=owner)
    stage._give(owner, terms.funds)
    stage.project = stage.owner.create(terms)
    assert stage.project.terms == terms
    stage._give(aggregator, terms.aggregator_stake)
    stage.aggregator = Deciding(aggregator, stage.project, project, stage.store, stage.srs)
    stage.aggregator.accept()
    stage.aggregator.take_turn()
    trainers = synthetic_trainers(stage, task, stage.seats[:SEATS])
    for trainer in trainers:
        stage.enrol(trainer)
    return Play(stage, trainers)


@pytest.fixture
def told(project: Any, public_play: Play) -> Any:
    """The policy."""
    return project.PolicyMock.at(public_play.project.terms.policy)


@pytest.fixture(autouse=True)
def fresh_aggregator(public_play: Play) -> Any:
    """What parties remember is put back after each test, as the chain is."""
    aggregator, weights = public_play.aggregator, public_play.aggregator.weights
    remembered = [(t.prepared, t.residual, t.copy.vector, t.copy.rounds) for t in public_play.trainers]
    yield
    aggregator.weights, aggregator.asked, aggregator._proof = weights, [], None
    aggregator._public_rows, aggregator._public_rounds = None, 0
    for trainer, (prepared, residual, vector, rounds) in zip(public_play.trainers, remembered, strict=True):
        trainer.prepared, trainer.residual = prepared, residual
        trainer.copy.vector, trainer.copy.rounds = vector, rounds


def play_round(play: Play, told: Any, weights: list[int] | None = None) -> Any:
    """A round in which the policy gives these weights, or those before."""
    aggregator = play.aggregator
    aggregator.weights = weights or aggregator.weights
    shares = [1 if weight else 0 for weight in aggregator.weights]
    kept = sum(1 << i for i, share in enumerate(shares) if share)
    rate = play.project.status().rate
    told.set_answer(outcome_bytes(kept, aggregator.weights, shares, rate), sender=aggregator.account)
    play.to_settling()
    return aggregator.settle()


def to_second(play: Play, told: Any) -> Play:
    """The second round, to be settled."""
    play_round(play, told)
    play.to_settling()
    return play


def test_settle__three_rounds__matrix_has_the_aggregates_before_it(public_play: Play, told: Any) -> None:
    aggregator, escrow = public_play.aggregator, public_play.project.escrow
    settled = [play_round(public_play, told).settlement for _ in range(3)]
    (first, one), (second, two), (third, _) = (vectors_of(public_play, round_) for round_ in range(3))
    assert [rows for rows, _ in aggregator.asked] == [SEATS] * 3
    assert aggregator.asked[0][1] == triangle(first)
    assert aggregator.asked[1][1] == triangle([*second, one])
    assert aggregator.asked[2][1] == triangle([*third, one, two])
    assert not any(settlement.policy_failed for settlement in settled)
    assert settled[2].weights == aggregator.weights
    assert len(settled[2].credits) == SEATS
    assert bytes(escrow.public_rows()) == running_hash(settlement.aggregate for settlement in settled)


def test_settle__by_who_aggregated_nothing_so_far__has_the_rows_from_the_store(
    public_play: Play, told: Any, project: Any
) -> None:
    stage = public_play.stage
    for _ in range(2):
        play_round(public_play, told)
    public_play.to_settling()
    before = public_play.aggregator
    fresh = Deciding(before.account, stage.project, project, stage.store, stage.srs, before._key)
    assert [row.commitment for row in fresh.public_rows()] == [
        settlement.aggregate for settlement in public_play.project.settlements()
    ]
    fresh.settle()
    (_, one), (_, two), (third, _) = (vectors_of(public_play, round_) for round_ in range(3))
    assert fresh.asked == [(SEATS, triangle([*third, one, two]))]


def vectors_of(play: Play, round_: int) -> tuple[list[list[int]], list[int]]:
    """The updates of a round by row, and what the weights make of them, in Python's integers."""
    payloads = [play.aggregator._open(delivery) for delivery in play.project.deliveries(round_)]
    updates = [[int(entry) for entry in payload.update] for payload in payloads]
    columns = zip(*updates, strict=True)
    weights = play.aggregator.weights
    return updates, [sum(k * u for k, u in zip(weights, column, strict=True)) for column in columns]


def triangle(rows: list[list[int]]) -> list[int]:
    return [
        sum(a * b for a, b in zip(rows[i], rows[j], strict=True)) for i in range(len(rows)) for j in range(i, len(rows))
    ]


def test_settle__after_a_void_outcome__public_rows_are_as_before(public_play: Play, told: Any) -> None:
    play_round(public_play, told)
    _, combined = vectors_of(public_play, 0)
    void = play_round(public_play, told, [0, 0, 0]).settlement
    assert void.aggregate == (0, 0)
    play_round(public_play, told, [ONE, ONE, ONE])
    later, _ = vectors_of(public_play, 2)
    assert public_play.aggregator.asked[2][1] == triangle([*later, combined])


@pytest.mark.parametrize("served", ["nothing", "another"])
def test_settle__aggregate_is_not_to_be_had__made_again_from_its_payloads(
    public_play: Play, told: Any, monkeypatch: pytest.MonkeyPatch, served: str
) -> None:
    """As after an aggregator that didn't publish what it settled."""
    second = to_second(public_play, told)
    withhold(second, monkeypatch, served)
    receipt = second.aggregator.settle().receipt
    (event,) = receipt.decode_logs(second.project.escrow.Settled)
    assert not event.policy_failed
    (_, combined), (rows, _) = (vectors_of(second, round_) for round_ in range(2))
    assert second.aggregator.asked[1][1] == triangle([*rows, combined])


def test_settle__payloads_are_gone_as_well__says_so_and_sends_nothing(
    public_play: Play, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = to_second(public_play, told)
    withhold(second, monkeypatch, "nothing")
    opens = second.aggregator._open

    def open_later(delivery: Delivery, recipients: list[bytes] | None = None) -> Payload:
        if delivery.round == 0:
            raise NotFound("gone")
        return opens(delivery, recipients)

    monkeypatch.setattr(second.aggregator, "_open", open_later)
    with pytest.raises(MarketError, match="aggregate of round 0 is not to be had"):
        second.aggregator.settle()
    assert second.project.status().round == 1


def withhold(play: Play, monkeypatch: pytest.MonkeyPatch, served: str) -> None:
    """The store has no aggregate of the first round, or another one."""
    settlement = play.project.public_settlements()[0]
    get, size = play.stage.store.get, play.project.terms.dimension

    def changed(content: Any, max_size: int) -> bytes:
        if content != settlement.cid:
            return get(content, max_size)
        if served == "nothing":
            raise NotFound("gone")
        return aggregate_to_bytes(Aggregate(np.ones(size, np.int64), (1,) * 8))

    monkeypatch.setattr(play.stage.store, "get", changed)


def to_third(play: Play, told: Any) -> tuple[Opened, list[PublicRow]]:
    """The third round, to be settled: what there is to settle it from."""
    for _ in range(2):
        play_round(play, told)
    play.to_settling()
    return play.aggregator._open_all(play.project.deliveries(2)), play.aggregator.public_rows()


@pytest.mark.parametrize("which", [0, 1])
def test_settle__another_vector_for_a_public_row__refused(public_play: Play, told: Any, which: int) -> None:
    """By the escrow if it says so, and by the proof if it doesn't."""
    opened, public = to_third(public_play, told)
    aggregator, project = public_play.aggregator, public_play.project
    values = public[which].combination.values.copy()
    values[0] += 1
    changed = Combination(values, public[which].combination.tail)
    for commitment, error in (
        (commit_combination(aggregator.srs, changed), "referee: wrong public rows"),
        (public[which].commitment, "verifier: pairing check failed"),
    ):
        rows = [*public[:which], PublicRow(changed, commitment), *public[which + 1 :]]
        gram = gram_matrix(opened.updates, [row.combination for row in rows])
        aggregator._proof = None  # what is asked for is one of these rows
        proof = aggregator._prove(2, opened, gram, rows)
        arguments = settle_arguments(project.terms, opened, proof, (0, 0), NOTHING, b"\x01" * 32)
        with ape.reverts(error):
            project.escrow.settle(*arguments, sender=aggregator.account)


@pytest.mark.parametrize("rows", [[], [0], [1], [1, 0], [0, 0], [0, 1, 1]], ids=str)
def test_settle__proof_for_other_public_rows__refused_by_the_escrow(
    public_play: Play, told: Any, rows: list[int]
) -> None:
    opened, public = to_third(public_play, told)
    aggregator, project = public_play.aggregator, public_play.project
    other = [public[k] for k in rows]
    proof = aggregator._prove(2, opened, gram_matrix(opened.updates, [row.combination for row in other]), other)
    arguments = settle_arguments(project.terms, opened, proof, (0, 0), NOTHING, b"\x01" * 32)
    with ape.reverts("referee: wrong public rows"):
        project.escrow.settle(*arguments, sender=aggregator.account)


@pytest.mark.parametrize("entry", [SEATS, SEATS + 1, -3, -2, -1])
def test_settle__false_product_with_a_public_row__refused(public_play: Play, told: Any, entry: int) -> None:
    """The first row's with both, and theirs with each other."""
    opened, public = to_third(public_play, told)
    aggregator, project = public_play.aggregator, public_play.project
    gram = gram_matrix(opened.updates, [row.combination for row in public])
    gram[entry] += 1
    proof = aggregator._prove(2, opened, gram, public)
    arguments = settle_arguments(project.terms, opened, proof, (0, 0), NOTHING, b"\x01" * 32)
    with ape.reverts("verifier: pairing check failed"):
        project.escrow.settle(*arguments, sender=aggregator.account)


# --- what an auditor makes of it


def test_audit__three_rounds_and_a_void_outcome__follows_the_public_rows(
    public_play: Play, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor_module, "check_policy", lambda *_: None)  # the mock answers as it did last
    for weights in ([ONE, ONE - 7, ONE // 3], [0, 0, 0], [ONE, 1, ONE], [ONE, ONE, ONE]):
        play_round(public_play, told, weights)
    texts = [finding.text for finding in audit(public_play)]
    told_rows = [text.split("of ")[1].split(",")[0] for text in texts if text.startswith("the proofs show")]
    assert told_rows == ["3 rows", "3 rows and 1 public", "3 rows and 1 public", "3 rows and 2 public"]


@pytest.mark.parametrize("rows", [[], [0], [1], [1, 0], [0, 0], [0, 1, 1]], ids=str)
def test_audit__public_rows_of_the_call_are_others__named(
    public_play: Play, told: Any, monkeypatch: pytest.MonkeyPatch, rows: list[int]
) -> None:
    for _ in range(3):
        play_round(public_play, told)
    read = auditor_module.read_settle_call

    def changed(project: Any, entry: Any) -> Any:
        call = read(project, entry)
        own, public = call.commitments[:SEATS], call.commitments[SEATS:]
        return replace(call, commitments=(*own, *(public[k] for k in rows))) if len(public) == 2 else call

    monkeypatch.setattr(auditor_module, "read_settle_call", changed)
    for name in ("verify", "verify_range"):  # they are right, and take long
        monkeypatch.setattr(f"offchain.market.audit.rounds.{name}", lambda *_: None)
    monkeypatch.setattr(auditor_module, "check_policy", lambda *_: None)
    with pytest.raises(Difference, match="round 2: the list of commitments is"):
        audit(public_play)


def test_audit__escrow_keeps_other_public_rows__named(
    public_play: Play, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the contract took in what a void outcome leaves, or forgot a round."""
    for _ in range(2):
        play_round(public_play, told)
    for name in ("check_proofs", "check_policy"):
        monkeypatch.setattr(auditor_module, name, lambda *_: None)
    honest = auditor_module.running_hash
    for other in (lambda rows: honest(rows[:1]), lambda rows: honest(rows[::-1]), lambda rows: honest([*rows, (0, 0)])):
        monkeypatch.setattr(auditor_module, "running_hash", other)
        with pytest.raises(Difference, match="the hash of the public rows is"):
            audit(public_play)


def test_running_hash__of_points__begins_at_zero_and_goes_by_order() -> None:
    one, other = (1, 2), (3, 4)
    first = keccak(encode(["bytes32", "uint256[2]"], [bytes(32), one]))
    assert running_hash([]) == bytes(32)
    assert running_hash([one]) == first
    assert running_hash([one, other]) == keccak(encode(["bytes32", "uint256[2]"], [first, other]))

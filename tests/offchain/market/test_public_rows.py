"""A project with public rows, with real proofs: the matrix has them from the second round on.

The policy is a mock, which is told the answer that the aggregator gives itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape
import numpy as np
import pytest

from offchain.bench.gas import Synthetic
from offchain.market.aggregator import Aggregator, settle_arguments
from offchain.market.errors import MarketError
from offchain.market.project import Delivery
from offchain.market.public_rows import PublicRow, after
from offchain.market.terms import ProjectTerms
from offchain.market.trainer import Schedule
from offchain.proving.commitment import Combination, commit_combination, random_tail
from offchain.proving.gram import gram_matrix
from offchain.proving.round import prove_round
from offchain.scoring.policy import ONE, Outcome, PolicyTerms
from offchain.simulation.stage import BITS, Stage
from offchain.storage.embedded import EmbeddedStore
from offchain.storage.errors import NotFound
from offchain.storage.payload import Aggregate, Payload, aggregate_to_bytes
from offchain.training.registry import make_task
from offchain.training.vector import dimension
from tests.escrow_driver import outcome_bytes
from tests.offchain.market.play import Play

SEATS = 3


class Deciding(Aggregator):
    """Decides as it is told to, and remembers what about."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.weights = [ONE, ONE - 7, ONE // 3]
        self.asked: list[tuple[int, list[int]]] = []

    def _decide(self, seats: list[int], gram: list[int], rate: int) -> Outcome:
        self.asked.append((len(seats), gram))
        shares = [1 if weight else 0 for weight in self.weights]
        return Outcome(False, [bool(share) for share in shares], self.weights, shares, 0, rate)


@pytest.fixture(scope="module")
def public_play(
    project: Any, accounts: Any, deploy: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Play:
    """The first of four rounds is collecting."""
    task = make_task("wine")
    data = task.load().train
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
    trainers = [
        Synthetic(account, stage.project, stage.store, stage.srs, task, data, Schedule(), seed=100 * (i + 1))
        for i, account in enumerate(stage.seats[:SEATS])
    ]
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
    aggregator._public, aggregator._public_rounds = None, 0
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


def test_settle__three_rounds__matrix_has_the_public_rows_from_the_second_on(public_play: Play, told: Any) -> None:
    aggregator = public_play.aggregator
    settled = [play_round(public_play, told).settlement for _ in range(3)]
    (first, one), (second, two), (third, _) = (vectors_of(public_play, round_) for round_ in range(3))
    assert [rows for rows, _ in aggregator.asked] == [SEATS] * 3
    assert aggregator.asked[0][1] == triangle(first)
    scale = 2**41 // sum(aggregator.weights)
    steps = [scale * x for x in one]
    assert aggregator.asked[1][1] == triangle([*second, one, steps])
    steps = [x + scale * y for x, y in zip(steps, two, strict=True)]
    assert aggregator.asked[2][1] == triangle([*third, two, steps])
    assert not any(settlement.policy_failed for settlement in settled)
    assert settled[2].weights == aggregator.weights
    assert len(settled[2].credits) == SEATS


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
    weights = play_round(public_play, told).settlement.weights
    _, combined = vectors_of(public_play, 0)
    void = play_round(public_play, told, [0, 0, 0]).settlement
    assert void.aggregate == (0, 0)
    play_round(public_play, told, [ONE, ONE, ONE])
    later, _ = vectors_of(public_play, 2)
    scale = 2**41 // sum(weights)
    assert public_play.aggregator.asked[2][1] == triangle([*later, combined, [scale * x for x in combined]])


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


def test_settle__payloads_are_gone_as_well__says_so_and_sends_nothing(
    public_play: Play, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = to_second(public_play, told)
    withhold(second, monkeypatch, "nothing")
    opens = second.aggregator._open

    def open_later(delivery: Delivery) -> Payload:
        if delivery.round == 0:
            raise NotFound("gone")
        return opens(delivery)

    monkeypatch.setattr(second.aggregator, "_open", open_later)
    with pytest.raises(MarketError, match="aggregate of round 0 is not to be had"):
        second.aggregator.settle()
    assert second.project.status().round == 1


def withhold(play: Play, monkeypatch: pytest.MonkeyPatch, served: str) -> None:
    """The store has no aggregate of the first round, or another one."""
    (settlement,) = play.project.public_settlements()
    get, size = play.stage.store.get, play.project.terms.dimension

    def changed(content: Any, max_size: int) -> bytes:
        if content != settlement.cid:
            return get(content, max_size)
        if served == "nothing":
            raise NotFound("gone")
        return aggregate_to_bytes(Aggregate(np.ones(size, np.int64), (1,) * 8))

    monkeypatch.setattr(play.stage.store, "get", changed)


@pytest.mark.parametrize("which", [0, 1])
def test_settle__another_vector_for_a_public_row__refused(public_play: Play, told: Any, which: int) -> None:
    """By the escrow if it says so, and by the proof if it doesn't."""
    second = to_second(public_play, told)
    aggregator, project = second.aggregator, second.project
    opened = aggregator._open_all(project.deliveries(1))
    public = aggregator.public_rows()
    assert public is not None
    other = list(public.combinations)
    values = other[which].values.copy()
    values[0] += 1
    other[which] = Combination(values, other[which].tail)
    known = [delivery.commitment for delivery in opened.rows]
    context = project.context(1, str(aggregator.account.address))

    def proved(**changes: Any) -> tuple[Any, ...]:
        gram = gram_matrix(opened.updates, other)
        proof = prove_round(
            aggregator.srs, context, opened.updates, opened.tails, BITS, public=other, gram=gram, **changes
        )
        return settle_arguments(project.terms, opened, proof, (0, 0), b"\x01" * 32)

    for arguments, error in (
        (proved(), "escrow: wrong public rows"),
        (proved(commitments=[*known, *public.commitments]), "verifier: pairing check failed"),
    ):
        with ape.reverts(error):
            project.escrow.settle(*arguments, sender=aggregator.account)


def test_settle__false_product_with_a_public_row__refused(public_play: Play, told: Any) -> None:
    second = to_second(public_play, told)
    aggregator, project = second.aggregator, second.project
    opened, public = aggregator._open_all(project.deliveries(1)), aggregator.public_rows()
    assert public is not None
    gram = gram_matrix(opened.updates, public.combinations)
    gram[SEATS] += 1  # of the first row with the last aggregate
    proof = aggregator._prove(1, opened, gram, public)
    arguments = settle_arguments(project.terms, opened, proof, (0, 0), b"\x01" * 32)
    with ape.reverts("verifier: pairing check failed"):
        project.escrow.settle(*arguments, sender=aggregator.account)


def test_after__rounds_of_any_weight__commitment_is_that_of_the_sum(public_play: Play) -> None:
    srs, random, public = public_play.stage.srs, np.random.default_rng(5), None
    total, tails = np.zeros(20, np.int64), [0] * 8
    for weight in (1, 3 * ONE, 2**41 - 1):
        values = random.integers(-(2**15) * weight, 2**15 * weight, 20) if weight < 2**40 else np.ones(20, np.int64)
        row = Combination(values, tuple(random_tail()))
        public = after(public, PublicRow(row, commit_combination(srs, row)), weight)
        total += values * (2**41 // weight)
        tails = [t + 2**41 // weight * u for t, u in zip(tails, row.tail, strict=True)]
        assert public.last.combination is row
    assert public is not None
    assert np.array_equal(public.steps.combination.values, total)
    assert public.steps.commitment == commit_combination(srs, Combination(total, tuple(tails)))

"""A standby takes over with nothing but the trainers' payloads: real payloads, proofs and policy, two aggregators.

A later round needs all aggregates so far. The first aggregator keeps its own to itself, so the standby has to make it
again from the payloads; one trainer seals its payload to the first aggregator alone.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from offchain.bench.gas import Synthetic, synthetic_trainers
from offchain.market.aggregator import Aggregator, Opened
from offchain.market.chain import contract_at
from offchain.market.errors import MarketError
from offchain.market.project import Delivery, Phase, Project
from offchain.market.public_rows import first_row, initial_row
from offchain.market.shelf import Shelf
from offchain.market.terms import QUANTUM_ONE, ProjectTerms, most_rows
from offchain.market.trainer import Prepared
from offchain.scoring.policy import CONSENSUS, PolicyTerms
from offchain.simulation.stage import BITS, SPARE_FUNDS, Stage
from offchain.storage import sealing
from offchain.storage.embedded import EmbeddedStore
from offchain.storage.sealing import SLOT, Envelope, wrap
from offchain.training.local import initial_model
from offchain.training.registry import make_task

SEATS, ROUNDS, LIAR = 5, 3, 4


class Partial(Synthetic):
    """Seals its payload to the first aggregator; what stands in the others' slots nobody can open."""

    def prepare(self, round_: int, rate: int) -> Prepared:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("offchain.market.trainer.seal", seal_to_the_first)
            return super().prepare(round_, rate)


def seal_to_the_first(content: bytes, recipients: list[bytes], envelope: Envelope) -> bytes:
    def wrapped(key: bytes, publics: list[bytes], info: bytes) -> bytes:
        return wrap(key, publics[:1], info) + secrets.token_bytes(SLOT * (len(publics) - 1))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "wrap", wrapped)
        return sealing.seal(content, recipients, envelope)


class Colluding(Aggregator):
    """Keeps whatever opens for it."""

    def _open_all(self, deliveries: list[Delivery], alike: bool = True) -> Opened:
        return super()._open_all(deliveries, alike=False)


@dataclass
class Succession:
    stage: Stage
    chain: Any
    first: Aggregator
    standby: Aggregator
    trainers: list[Synthetic]

    @property
    def project(self) -> Project:
        return self.stage.project

    def to_settling(self) -> None:
        """All train on the last good model, as clients do if an aggregate is not to be had, and act in turn."""
        status = self.project.status()
        for trainer in self.trainers:
            trainer.prepared = trainer.prepare(status.round, status.rate)
            trainer.submit_prepared(trainer.prepared)
        for trainer in self.trainers:
            trainer.deliver()
        for trainer in self.trainers:
            trainer.publish()

    def pass_deadline(self) -> None:
        self.chain.pending_timestamp = self.project.escrow.status().deadline + 1
        self.chain.mine()

    def first_is_gone(self) -> None:
        """It misses its deadline, and the turn is free."""
        self.pass_deadline()
        self.project.escrow.slash(sender=self.trainers[0].account)

    def held(self, account: Any) -> int:
        """Tokens of an account, and what it has inside."""
        inside = self.project.account(str(account.address))
        part = self.project.terms.trainer_part
        return int(self.stage.token.balanceOf(account)) + inside.due + inside.parts * part


@pytest.fixture
def begin(project: Any, chain: Any, accounts: Any, tmp_path: Path) -> Any:
    """begin(kind): the first round collects; the first aggregator is of this kind, and its store is its own."""

    def make(kind: type[Aggregator]) -> Succession:
        shared = EmbeddedStore(tmp_path / "shared")
        stage = Stage(project, accounts, shared)
        one, other, *seats = accounts[2 : 4 + SEATS]
        task = make_task("wine")
        model = initial_model(task, 0)
        task_digest, model_digest = stage.owner.publish({"task": task.describe()}, model)
        policy_terms = PolicyTerms(rule=CONSENSUS, byzantine=0)
        address = stage.deployment.policy_of(policy_terms)
        row = initial_row(stage.srs, model, QUANTUM_ONE)
        rows = most_rows(SEATS, ROUNDS, True, row is not None)
        terms = ProjectTerms.proposed(
            token=str(stage.token.address),
            round_reward=10**21,
            rounds=ROUNDS,
            seats=SEATS,
            min_rows=SEATS - 1,
            max_excluded=1,
            dimension=model.size,
            bits=BITS,
            quantum=QUANTUM_ONE,
            learning_rate=0.1,
            policy=address,
            policy_terms=policy_terms,
            policy_gas=contract_at(project.ConsensusPolicy, address).gas_for(policy_terms.rule_number, rows),
            public_rows=True,
            first_row=first_row(row),
            aggregators=[str(one.address), str(other.address)],
            model=model_digest,
            task=task_digest,
        )
        stage._give(accounts[1], terms.funds)
        stage.project = stage.owner.create(terms)
        for account in (one, other):
            stage._give(account, terms.aggregator_stake)
        private = Shelf(EmbeddedStore(tmp_path / "private"), [shared])
        first = kind(one, stage.project, project, private, stage.srs)
        standby = Aggregator(other, stage.project, project, shared, stage.srs)
        first.accept()
        standby.accept()
        first.take_turn()
        trainers = synthetic_trainers(stage, task, seats)
        liar = trainers[LIAR]
        trainers[LIAR] = Partial(
            liar.account, stage.project, shared, stage.srs, task, liar.data, liar.schedule, liar.seed
        )
        for trainer in trainers:
            stage.enrol(trainer)
        return Succession(stage, chain, first, standby, trainers)

    return make


def test_succession__payload_sealed_to_the_first_alone__excluded_and_the_standby_goes_on(begin: Any) -> None:
    """Whatever the trainer hoped for: an honest first aggregator leaves out what the standby couldn't open."""
    story: Succession = begin(Aggregator)
    story.to_settling()
    assert story.first.settle().excluded == [LIAR]
    assert not story.stage.store.has(story.project.settlements()[0].cid)  # the first keeps it to itself

    story.to_settling()
    story.first_is_gone()
    story.standby.take_turn()
    settled = story.standby.settle()
    assert settled.excluded == [LIAR]
    assert settled.settlement.aggregator == story.standby.account.address
    assert not settled.settlement.policy_failed
    assert len(story.project.settlements()) == 2

    story.to_settling()
    story.standby.settle()
    assert story.project.status().phase == Phase.HANDOVER
    assert story.project.account(str(story.trainers[LIAR].account.address)).parts == 0  # one lost for each round


def test_succession__first_and_a_trainer_together__standby_stakes_nothing_and_the_first_pays(
    begin: Any, accounts: Any
) -> None:
    """What sealing can't prevent: the first keeps the row and its aggregate. Then nobody can settle after it, and the
    project ends; the stake of the first goes to the trainers, and nobody else is the poorer.
    """
    story: Succession = begin(Colluding)
    terms, standby = story.project.terms, story.standby
    story.to_settling()
    assert story.first.settle().excluded == []
    honest = [trainer.account for trainer in story.trainers[:LIAR]]
    before = {account: story.held(account) for account in [*honest, standby.account]}

    story.to_settling()
    story.first_is_gone()
    with pytest.raises(MarketError, match="aggregate of round 0 is not to be had, nor all of its payloads"):
        standby.public_rows()  # which its program asks for before it takes the turn
    story.pass_deadline()
    story.project.escrow.finish(sender=honest[0])

    share = terms.aggregator_stake // SEATS
    assert {account: story.held(account) - before[account] for account in before} == {
        **dict.fromkeys(honest, share),
        standby.account: 0,
    }
    had = terms.aggregator_stake + SPARE_FUNDS
    assert story.held(story.first.account) - had == terms.round_fee - terms.aggregator_stake
    funds = story.held(accounts[1])
    assert funds >= (ROUNDS - 1) * (terms.round_reward + terms.round_fee)

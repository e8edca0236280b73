"""A whole market on one machine: real contracts on a development chain, real training and proofs, parties played.

market = Market(options, contracts, accounts, folder)
market.open()                    # contracts, terms, money, seats
for _ in range(options.rounds):
    market.play_round()          # submit, deliver, settle, follow: market.rounds grows by one
    market.so_far()              # what `result.json` holds meanwhile
result = market.close()          # handover, withdrawals: what it holds at the end
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from offchain.market.member import ModelCopy
from offchain.market.project import Phase
from offchain.market.terms import FIXED_ONE
from offchain.market.trainer import Schedule, Trainer
from offchain.progress import note
from offchain.simulation.adversaries import ADVERSARIES, Copier
from offchain.simulation.money import Money
from offchain.simulation.options import MarketOptions
from offchain.simulation.stage import BITS, Stage
from offchain.storage.embedded import EmbeddedStore
from offchain.storage.store import Store
from offchain.training.errors import failing
from offchain.training.local import evaluate
from offchain.training.partition import partition_dirichlet
from offchain.training.pilot import pilot
from offchain.training.registry import describe, make_task
from offchain.training.tabular import Tabular
from offchain.training.task import Samples, Task

__all__ = ["Market", "PartyResult", "RoundResult"]

HONEST = "honest"
MAX_SEEDS = 100  # seeds of parties and rounds don't meet
COPIED = "copied"  # trains honestly, and shares its update with a copier


@dataclass(frozen=True)
class RoundResult:
    """One settled round. Lists are by trainer; amounts in token units."""

    number: int
    accuracy: float  # on the test set, after the round
    learning_rate: float  # of this round
    agreement: float
    kept: list[bool]
    contributions: list[int]
    credits: list[int]
    clipped: list[int]  # entries of each update that were clipped
    prove_s: float
    gas: dict[str, int]  # by call; of submit and deliver the mean

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {
            "contributions": [str(c) for c in self.contributions],
            "credits": [str(c) for c in self.credits],
        }


@dataclass(frozen=True)
class PartyResult:
    """What one party withdrew, and how much of it was pay."""

    name: str
    role: str
    rows: int  # of data
    paid: int
    stake_returned: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"paid": str(self.paid), "stake_returned": str(self.stake_returned)}


class Market:
    """Plays one project, on a store in `folder` unless one is given, for a token of its own unless there is `money`.
    `say` is told what is being waited for.
    """

    def __init__(
        self,
        options: MarketOptions,
        contracts: Any,
        accounts: Sequence[Any],
        folder: Path,
        say: Callable[[str], None] = lambda _: None,
        store: Store | None = None,
        money: Money | None = None,
    ) -> None:
        self.options = options
        self.say = say
        self.money = money
        self.contracts = contracts
        self.accounts = accounts
        self.store = store or EmbeddedStore(folder / "store")
        self.rounds: list[RoundResult] = []
        self.trainers: list[Trainer] = []

    # --- before the first round

    def open(self) -> None:
        """Deploys, publishes, funds and fills every seat: the first round is collecting when it returns."""
        options = self.options
        self.say("loading the data")
        self.task = _task(options)
        with failing(f"the data of {self.task.name!r} can't be loaded"):
            data = self.task.load()
        shares = _shares(data.train, options)
        self.test, self.own = data.test, shares[0]
        schedule = Schedule(options.epochs, options.batch_size)
        # the owner's pilot: one trainer's worth of training tells how large updates get
        self.say("training a pilot")
        made = pilot(
            self.task,
            shares[0],
            seed=options.seed,
            learning_rate=options.learning_rate,
            epochs=schedule.epochs,
            batch_size=schedule.batch_size,
            bits=BITS,
        )
        for finding in made.findings:
            note(f"the pilot: {finding}")
        self.stage = Stage(self.contracts, self.accounts, self.store, self.say, self.money, made.model.size)
        self.stage.fund(
            {"task": describe(self.task), "training": asdict(schedule)},
            made.model,
            options.policy_terms,
            options.trainers,
            round_reward=options.round_reward,
            rounds=options.rounds,
            min_rows=options.policy_terms.least_rows + options.max_excluded,
            max_excluded=options.max_excluded,
            public_rows=options.has_public_rows,
            quantum=made.quantum,
            learning_rate=options.learning_rate,
        )
        self.project = self.stage.project
        self.copy = ModelCopy(self.project, self.store, self.stage.srs)
        self.accuracy_before = self._accuracy()
        self.say("enrolling the trainers")
        self._enrol(shares, schedule)

    def _enrol(self, shares: list[Samples], schedule: Schedule) -> None:
        for seat, role in enumerate(_roles(self.options)):
            kind = ADVERSARIES.get(role, Trainer)
            trainer = kind(
                self.stage.seats[seat],
                self.project,
                self.store,
                self.stage.srs,
                self.task,
                shares[seat],
                schedule,
                seed=(self.options.seed * MAX_SEEDS + seat) * MAX_SEEDS,
            )
            if isinstance(trainer, Copier):
                trainer.partner = self.trainers[0]
                trainer.partner.role = COPIED
            self.trainers.append(trainer)
            self.stage.enrol(trainer)

    # --- rounds

    def play_round(self) -> RoundResult:
        """One round, from everybody's training to everybody's copy of the new model."""
        number = len(self.rounds)
        rate = self.project.status().rate
        played = self.stage.play(self.trainers, f"round {number + 1}")
        self.copy.follow()

        settlement = played.settled.settlement
        by_seat = {seat: row for row, seat in enumerate(settlement.seats)}
        rows = [by_seat.get(seat) for seat in range(len(self.trainers))]
        result = RoundResult(
            number=number,
            accuracy=self._accuracy(),
            learning_rate=rate / FIXED_ONE,
            agreement=settlement.agreement / FIXED_ONE,
            kept=[row is not None and settlement.kept[row] for row in rows],
            contributions=[0 if row is None else settlement.contributions[row] for row in rows],
            credits=[0 if row is None else settlement.credits[row] for row in rows],
            clipped=[0 if t.prepared is None else t.prepared.clipped for t in self.trainers],
            prove_s=round(played.settled.prove_seconds, 3),
            gas={
                "submit": _mean_gas(played.submits),
                "deliver": _mean_gas(played.delivers),
                "settle": played.settled.receipt.gas_used,
            },
        )
        self.rounds.append(result)
        return result

    # --- after the last round

    def close(self) -> dict[str, Any]:
        """Confirms the last aggregate and withdraws everything that is due, to the parties' own accounts."""
        self.say("handing over")
        for trainer in self.trainers:
            trainer.copy.follow()  # everybody gets the model that they helped to train
        if self.project.status().phase == Phase.HANDOVER:  # there is none if the bond is nothing
            self.stage.owner.confirm(self.project)
        self.say("withdrawing")
        terms = self.project.terms
        parties = []
        withdrawals = []
        for i, trainer in enumerate(self.trainers):
            parts = self.project.escrow.account_of(trainer.account).parts
            receipt = trainer.withdraw()
            withdrawals.append(receipt)
            returned = parts * terms.trainer_part
            parties.append(self._party(i, self._withdrawn(receipt) - returned, returned))
        earned = self._withdrawn(self.stage.aggregator.withdraw()) - terms.aggregator_stake
        refunded = self._withdrawn(self.stage.owner.withdraw(self.project))
        return self._result(parties) | {
            "finished": True,
            "refunded": str(refunded),
            "aggregator_fees": str(earned),
            "sunk": str(self.project.escrow.sunk()),
            "left_in_escrow": str(self.stage.token.balanceOf(self.project.address)),
            "copies_agree": all(np.array_equal(trainer.copy.vector, self.copy.vector) for trainer in self.trainers),
            "gas_withdraw": _mean_gas(withdrawals),
        }

    # --- what was played

    def so_far(self) -> dict[str, Any]:
        """The rounds that were played, and what they have credited. Nobody has withdrawn it, and it asks no node."""
        credits = [sum(result.credits[i] for result in self.rounds) for i in range(len(self.trainers))]
        return self._result([self._party(i, paid, 0) for i, paid in enumerate(credits)]) | {"finished": False}

    def _party(self, number: int, paid: int, returned: int) -> PartyResult:
        trainer = self.trainers[number]
        return PartyResult(f"trainer-{number + 1}", trainer.role, len(trainer.data), paid, returned)

    def _result(self, parties: list[PartyResult]) -> dict[str, Any]:
        terms = self.project.terms
        return {
            "project": self.project.address,
            "token": terms.token,
            "decimals": self.stage.money.decimals,
            "options": asdict(self.options) | {"round_reward": str(terms.round_reward)},
            "dimension": terms.dimension,
            "reward": str(terms.rounds * terms.round_reward),
            "funded": str(terms.funds),
            "accuracy_before": self.accuracy_before,
            "trainers": [party.as_json() for party in parties],
            "rounds": [result.as_json() for result in self.rounds],
        }

    def _accuracy(self) -> float:
        return evaluate(self.task, self.copy.vector, self.test, self.own)[1]

    def _withdrawn(self, receipt: Any) -> int:
        return self.project.withdrawn_in(receipt)


def _task(options: MarketOptions) -> Task:
    if options.is_table:
        return make_task(Tabular.name, path=options.task, **options.table_options)
    return make_task(options.task)


def _roles(options: MarketOptions) -> list[str]:
    """By seat: the honest first."""
    honest = options.trainers - len(options.adversaries)
    return [HONEST] * honest + list(options.adversaries)


def _shares(data: Samples, options: MarketOptions) -> list[Samples]:
    """Each seat's data. A copier has its partner's, seat 0; seat 1 gets as many rows as seat 0, to compare them by."""
    roles = _roles(options)
    own = [seat for seat, role in enumerate(roles) if role != Copier.role]
    dealt = partition_dirichlet(_strata(data.labels), len(own), options.alpha, options.seed)
    rows = dict(zip(own, dealt, strict=True))
    size = min(len(rows[0]), len(rows[1]))
    generator = np.random.default_rng(options.seed)
    for seat in (0, 1):
        rows[seat] = np.sort(generator.permutation(rows[seat])[:size])
    return [data.take(rows.get(seat, rows[0])) for seat in range(len(roles))]


def _strata(labels: Tensor) -> npt.NDArray[np.int64]:
    """What shares are dealt by: classes, or the tenths of a number that is to be learned; else all rows alike."""
    if labels.dim() != 1:
        return np.zeros(len(labels), dtype=np.int64)
    numbers = labels.numpy()
    if not labels.is_floating_point():
        return numbers.astype(np.int64)
    return np.searchsorted(np.quantile(numbers, np.linspace(0.1, 0.9, 9)), numbers)


def _mean_gas(receipts: list[Any]) -> int:
    return sum(receipt.gas_used for receipt in receipts) // len(receipts)

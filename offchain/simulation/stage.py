"""A funded project on a development chain, with all that its parties need: deployed contracts, a token, an owner, an
aggregator in turn. Who trains on it is up to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.market.aggregator import Aggregator, SettledRound
from offchain.market.chain import contract_at
from offchain.market.deployment import deploy
from offchain.market.errors import MarketError
from offchain.market.owner import Owner
from offchain.market.public_rows import first_row, initial_row
from offchain.market.terms import ProjectTerms, most_rows
from offchain.market.trainer import Trainer
from offchain.proving.parameters import TAIL
from offchain.proving.srs import Srs
from offchain.scoring.policy import PolicyTerms
from offchain.simulation.money import Money, OwnToken
from offchain.storage.store import Store

__all__ = ["BITS", "SRS_SIZE", "PlayedRound", "Stage"]

BITS = 16
SRS_SIZE = 1 << 17  # the least power of two that the range proof of 16-bit entries fits
SPARE_FUNDS = 1  # so that nobody's balance is zero when it withdraws: a fresh one would cost more gas


def powers_for(parameters: int) -> int:
    """Of tau, for a model of so many parameters: a power of two."""
    return max(SRS_SIZE, 1 << (parameters + 2 * TAIL - 1).bit_length())


@dataclass(frozen=True)
class PlayedRound:
    """The receipts of a round's calls, and what the aggregator settled."""

    submits: list[Any]
    delivers: list[Any]
    settled: SettledRound


class Stage:
    """One project. accounts: deployer, owner, aggregator, then one a seat; `say` is told what is being waited for.
    money: the reward token; without it, one made here. parameters: of the model, if they are many.
    """

    def __init__(
        self,
        contracts: Any,
        accounts: Sequence[Any],
        store: Store,
        say: Callable[[str], None] = lambda _: None,
        money: Money | None = None,
        parameters: int = 0,
    ) -> None:
        self.contracts = contracts
        self.store = store
        self.say = say
        self.deployer, self._owner_account, self._aggregator_account, *self.seats = accounts
        say("loading the structured reference string")
        self.srs = Srs.insecure_cached(powers_for(parameters))
        say("deploying the contracts")
        self.deployment = deploy(contracts, self.deployer, self.srs)
        self.money = money or OwnToken(contracts, self.deployer)
        self.token = self.money.token
        self.owner = Owner(
            self._owner_account, contracts, contract_at(contracts.Registry, self.deployment.registry), store
        )

    def fund(
        self,
        description: dict[str, Any],
        model: npt.NDArray[np.float64],
        policy_terms: PolicyTerms,
        seats: int,
        *,
        rounds: int,
        public_rows: bool = False,
        **terms: Any,
    ) -> None:
        """Publishes task and model, creates the project and gives the aggregator the turn. terms: what else
        `ProjectTerms.proposed` takes.
        """
        if seats > len(self.seats):
            raise MarketError(f"{seats} accounts for trainers are needed, there are {len(self.seats)}")
        self.say("funding the project")
        task_digest, model_digest = self.owner.publish(description, model)
        address = self.deployment.policy_of(policy_terms)
        policy = contract_at(getattr(self.contracts, policy_terms.contract), address)
        quantum: int = terms["quantum"]
        row = initial_row(self.srs, model, quantum) if public_rows else None
        rows = most_rows(seats, rounds, public_rows, row is not None)
        proposed = ProjectTerms.proposed(
            token=str(self.token.address),
            seats=seats,
            dimension=model.size,
            bits=BITS,
            policy=address,
            policy_terms=policy_terms,
            policy_gas=policy.gas_for(policy_terms.rule_number, rows),
            aggregators=[str(self._aggregator_account.address)],
            model=model_digest,
            task=task_digest,
            rounds=rounds,
            public_rows=public_rows,
            first_row=first_row(row),
            **terms,
        )
        parties = 2 + seats
        needed = proposed.funds + proposed.aggregator_stake + seats * proposed.trainer_stake
        self.money.require(needed + parties * SPARE_FUNDS)
        self._give(self._owner_account, proposed.funds)
        self.project = self.owner.create(proposed)
        self._give(self._aggregator_account, proposed.aggregator_stake)
        self.aggregator = Aggregator(self._aggregator_account, self.project, self.contracts, self.store, self.srs)
        self.aggregator.accept()
        self.aggregator.take_turn()

    def enrol(self, trainer: Trainer) -> Any:
        """Gives a trainer the tokens that a seat costs, and takes the seat."""
        self._give(trainer.account, self.project.terms.trainer_stake)
        return trainer.enrol()

    def play(self, trainers: Sequence[Trainer], name: str = "round") -> PlayedRound:
        """A round in which everybody acts, from training to settlement."""
        submits = []
        for i, trainer in enumerate(trainers):
            self.say(f"{name}: trainer {i + 1} of {len(trainers)} trains and submits")
            submits.append(trainer.submit())
        self.say(f"{name}: delivering")
        delivers = [trainer.deliver() for trainer in trainers]
        for trainer in trainers:
            trainer.publish()
        self.say(f"{name}: the aggregator proves and settles")
        return PlayedRound(submits, delivers, self.aggregator.settle())

    def _give(self, account: Any, amount: int) -> None:
        self.money.give(account, amount + SPARE_FUNDS)

"""A trainer: trains on data that stay with it, commits to the update, reveals the commitment, shows the payload last.

One update goes through four steps, a call each: `submit` (train, quantise, commit, send the hash), `deliver` (reveal
the commitment and the CID of the sealed payload), `publish` (the payload's bytes reach the store, once nobody can
submit or deliver any more), `withdraw`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.market.chain import token_at
from offchain.market.errors import MarketError
from offchain.market.member import ModelCopy
from offchain.market.project import Phase, Point, Project
from offchain.market.terms import FIXED_ONE
from offchain.proving.commitment import commit, random_tail
from offchain.proving.srs import Srs
from offchain.storage.payload import Payload, payload_to_bytes
from offchain.storage.sealing import Envelope, SealingKey, check_public_key, seal
from offchain.storage.store import Store
from offchain.storage.unixfs import cid_of
from offchain.training.local import train
from offchain.training.quantise import quantise, zero_residual
from offchain.training.task import Samples, Task

__all__ = ["Prepared", "Schedule", "Trainer"]


@dataclass(frozen=True)
class Schedule:
    """How a round's local training goes; the learning rate comes from the chain. Part of a task's description."""

    epochs: int = 2
    batch_size: int = 32


@dataclass(frozen=True)
class Prepared:
    """What a trainer has submitted in a round and not delivered yet."""

    round: int
    commitment: Point
    sealed: bytes = field(repr=False)
    clipped: int  # entries of the update that were clipped


class Trainer:
    """Acts for `account`, with a task and the account's own data. To behave otherwise, override `local_update`."""

    role = "honest"

    def __init__(
        self,
        account: Any,
        project: Project,
        store: Store,
        srs: Srs,
        task: Task,
        data: Samples,
        schedule: Schedule,
        seed: int,
    ) -> None:
        self.account = account
        self.project = project
        self.store = store
        self.srs = srs
        self.task = task
        self.data = data
        self.schedule = schedule
        self.seed = seed
        self.copy = ModelCopy(project, store, srs)
        self.prepared: Prepared | None = None
        self._key = SealingKey.generate()
        self._residual = zero_residual(project.terms.dimension)

    def enrol(self) -> Any:
        """Takes a seat with a stake. Raises SealingError if nothing could be sealed to one of the aggregators."""
        for key in self.project.sealing_keys():
            check_public_key(key)
        terms = self.project.terms
        token_at(terms.token).approve(self.project.address, terms.trainer_stake, sender=self.account)
        return self.project.escrow.enrol(self._key.public, sender=self.account)

    def local_update(self, learning_rate: float, round_: int) -> npt.NDArray[np.float64]:
        """float64[d]: the local model after training minus the global one."""
        return train(
            self.task,
            self.copy.vector,
            self.data,
            learning_rate=learning_rate,
            epochs=self.schedule.epochs,
            batch_size=self.schedule.batch_size,
            seed=self.seed + round_,
        )

    def submit(self) -> Any:
        """Trains from the newest global model and submits the hash of the commitment to the update."""
        status = self.project.expect(Phase.COLLECTING)
        self.copy.follow()
        terms = self.project.terms
        update = self.local_update(status.rate / FIXED_ONE, status.round)
        quantised = quantise(update, self._residual, terms.quantum, terms.bits)
        tail = tuple(random_tail())  # fresh for every update: a tail hides only one
        commitment = commit(self.srs, quantised.values, tail)
        sealed = seal(
            payload_to_bytes(Payload(quantised.values, tail)),
            self.project.sealing_keys(),
            Envelope(self.project.chain_id, self.project.address, status.round, str(self.account.address)),
        )
        digest = self.project.submission_hash(status.round, str(self.account.address), commitment)
        receipt = self.project.escrow.submit(digest, sender=self.account)
        self.prepared = Prepared(status.round, commitment, sealed, quantised.clipped)
        self._residual = quantised.residual
        return receipt

    def deliver(self) -> Any:
        """Reveals the commitment and where the payload will be."""
        status = self.project.expect(Phase.DELIVERING)
        prepared = self._prepared(status.round)
        return self.project.escrow.deliver(prepared.commitment, cid_of(prepared.sealed).digest, sender=self.account)

    def publish(self) -> None:
        """Puts the payload on the store. Not before scoring: until then others could still use what it tells."""
        status = self.project.expect(Phase.SCORING)
        self.store.put(self._prepared(status.round).sealed)

    def withdraw(self) -> Any:
        return self.project.escrow.withdraw(self.account, sender=self.account)

    def _prepared(self, round_: int) -> Prepared:
        if self.prepared is None or self.prepared.round != round_:
            raise MarketError(f"nothing was submitted in round {round_}")
        return self.prepared

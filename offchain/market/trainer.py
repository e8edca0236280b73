"""A trainer: trains on data that stay with it, commits to the update, reveals the commitment, shows the payload last.

One update goes through four steps, a call each: `submit` (train, quantise, commit, send the hash), `deliver` (reveal
the commitment and the CID of the sealed payload), `publish` (the payload's bytes reach the store, once nobody can
submit or deliver any more), `withdraw`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.errors import MeedError
from offchain.market.chain import Transact, allow, sending
from offchain.market.description import Schedule
from offchain.market.errors import MarketError
from offchain.market.member import ModelCopy
from offchain.market.project import Phase, Point, Project
from offchain.market.public_rows import fetch_first_row
from offchain.market.terms import FIXED_ONE
from offchain.proving.commitment import commit, random_tail
from offchain.proving.srs import Srs
from offchain.storage.payload import Payload, payload_to_bytes
from offchain.storage.sealing import Envelope, SealingKey, check_public_key, seal, usable
from offchain.storage.store import Store
from offchain.storage.unixfs import cid_of
from offchain.training.errors import TaskError
from offchain.training.local import train
from offchain.training.privacy import Privatising, privatised
from offchain.training.quantise import Quantised, quantise, zero_residual
from offchain.training.task import Samples, Task

__all__ = ["Prepared", "Rehearsal", "Schedule", "Trainer", "running_the_task"]

logger = logging.getLogger(__name__)

_MANY_EPOCHS = 10  # of these the first is timed alone, before all are run


@dataclass(frozen=True)
class Prepared:
    """What a trainer commits to in a round. `sealed` has the update and the tail: nothing else keeps them."""

    round: int
    commitment: Point
    sealed: bytes = field(repr=False)
    residual: npt.NDArray[np.float64] = field(repr=False)  # float64[d]: what the update leaves to say
    clipped: int  # entries of the update that were clipped


@dataclass(frozen=True)
class Rehearsal:
    """What a round's work on this machine comes to."""

    seconds: float  # of training
    entries: int  # of the update
    said: int  # that aren't zero
    clipped: int
    lost: int  # that were something and are rounded to zero: said in later rounds, if ever

    @property
    def clipped_share(self) -> float:
        return self.clipped / self.entries

    @property
    def lost_share(self) -> float:
        return self.lost / self.entries


@contextmanager
def running_the_task(what: str) -> Iterator[None]:
    """Whatever a task's code raises, which its user wrote, comes out as a TaskError."""
    try:
        yield
    except MeedError as error:
        if isinstance(error, TaskError) and error.__cause__ is not None:
            logger.error("%s failed here:", what, exc_info=error.__cause__)
        raise
    except (Exception, SystemExit) as error:
        logger.error("%s failed here:", what, exc_info=error)
        raise TaskError(f"{what} failed: {type(error).__name__}: {error}") from None


class Trainer:
    """Acts for `account`, with a task and the account's own data. To behave otherwise, override `local_update`.

    key: a key that was kept; without it there is a new one. transact: how calls are sent, instead of as Ape does.
    privacy: what is done to what was learned before it is quantised; statistics are left to the other trainers. run:
    what trains, if not this process.
    """

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
        key: SealingKey | None = None,
        transact: Transact | None = None,
        privacy: Privatising | None = None,
        run: Callable[..., npt.NDArray[np.float64]] = train,
    ) -> None:
        self.account = account
        self.project = project
        self.store = store
        self.srs = srs
        self.task = task
        self.data = data
        self.schedule = schedule
        self.seed = seed
        self.prepared: Prepared | None = None
        self._copy: ModelCopy | None = None
        self._key = key or SealingKey.generate()
        self._transact = transact or sending(account)
        self._privacy = privacy
        self._train = run
        self.residual = zero_residual(project.terms.dimension)

    @property
    def copy(self) -> ModelCopy:
        """Of the model. Raises one of `member.UNUSABLE` if the initial model is not to be had yet."""
        if self._copy is None:
            self._copy = ModelCopy(self.project, self.store, self.srs, self._key)
        return self._copy

    @copy.setter
    def copy(self, copy: ModelCopy) -> None:
        self._copy = copy

    def enrol(self) -> Any:
        """Takes a seat with a stake. Raises SealingError if nothing could be sealed to one of the aggregators,
        MarketError if the terms name a first public row that isn't the initial model: an owner and an aggregator could
        make it anything, and call that no news.
        """
        for key in self.project.sealing_keys():
            check_public_key(key)
        fetch_first_row(self.project, self.store, self.srs)
        terms = self.project.terms
        allow(self._transact, self.account, terms.token, self.project.address, terms.trainer_stake)
        return self._transact(self.project.escrow.enrol, self._key.public)

    def local_update(self, learning_rate: float, round_: int) -> npt.NDArray[np.float64]:
        """float64[d]: the local model after training minus the global one."""
        return self._train(
            self.task,
            self.copy.vector,
            self.data,
            learning_rate=learning_rate,
            epochs=self.schedule.epochs,
            batch_size=self.schedule.batch_size,
            seed=self.seed + round_,
        )

    def prepare(self, round_: int, rate: int) -> Prepared:
        """Trains from the copy as it is, and commits to the update. rate: of the round, in 2^-32. Changes nothing.

        Raises TaskError for whatever the task's code raises, and the errors of training, quantising and sealing.
        """
        quantised = self._quantised(self._update(round_, rate))
        tail = tuple(random_tail())  # fresh for every update: a tail hides only one
        sealed = seal(
            payload_to_bytes(Payload(quantised.values, tail)),
            self._recipients(),
            Envelope(self.project.chain_id, self.project.address, round_, str(self.account.address)),
        )
        commitment = commit(self.srs, quantised.values, tail)
        return Prepared(round_, commitment, sealed, quantised.residual, quantised.clipped)

    def rehearse(self, model: npt.NDArray[np.float64], rate: int, most_seconds: float) -> Rehearsal:
        """The work of a round from a model, float64[d], with nothing kept or shown of it: what would fail with a stake
        on it fails here. Raises as `prepare`, and TaskError if training takes longer than `most_seconds`.
        """
        copy, schedule = self._copy, self.schedule
        self._copy = ModelCopy(self.project, self.store, self.srs, self._key, model)
        try:
            if schedule.epochs > _MANY_EPOCHS:
                self.schedule = replace(schedule, epochs=1)
                self._timed_update(rate, most_seconds, schedule.epochs)
                self.schedule = schedule
            update, seconds = self._timed_update(rate, most_seconds)
            quantised = self._quantised(update)
        finally:
            self._copy, self.schedule = copy, schedule
        commit(self.srs, quantised.values, tuple(random_tail()))
        said, wanted = quantised.values != 0, quantised.residual != 0
        return Rehearsal(
            seconds,
            said.size,
            said=int(np.count_nonzero(said)),
            clipped=quantised.clipped,
            lost=int(np.count_nonzero(wanted & ~said)),
        )

    def _timed_update(self, rate: int, most_seconds: float, times: int = 1) -> tuple[npt.NDArray[np.float64], float]:
        """An update and its seconds. Raises TaskError if so many `times` them are too many."""
        started = time.monotonic()
        update = self._update(0, rate)
        seconds = (time.monotonic() - started) * times
        if seconds > most_seconds:
            epochs = self.schedule.epochs * times
            raise TaskError(
                f"training {epochs:,} epochs of {len(self.data):,} rows takes {seconds:.1f} s here, and "
                f"{most_seconds:.1f} s are the most: train on fewer rows or a faster machine, or set most_seconds"
            )
        return update, seconds

    def _update(self, round_: int, rate: int) -> npt.NDArray[np.float64]:
        with running_the_task("training"):
            return self.local_update(rate / FIXED_ONE, round_)

    def _quantised(self, update: npt.NDArray[np.float64]) -> Quantised:
        """An update as it leaves the machine, with what the last one left to say."""
        terms = self.project.terms
        if self._privacy is not None:
            update = privatised(self._privacy, update, self.task.layout.learned)
        return quantise(update, self.residual, terms.quantum, terms.bits)

    def _recipients(self) -> list[bytes]:
        """The aggregators' keys. One that nothing can be sealed to must not keep the payload from the others."""
        keys = self.project.sealing_keys()
        recipients = usable(keys)
        if unusable := len(keys) - len(recipients):
            logger.warning("%d aggregators have unusable keys: the payload is sealed to the others", unusable)
        return recipients

    def submit(self) -> Any:
        """Trains from the newest global model and submits the hash of the commitment to the update."""
        status = self.project.expect(Phase.COLLECTING)
        self.copy.follow()
        prepared = self.prepare(status.round, status.rate)
        receipt = self.submit_prepared(prepared)
        self.prepared, self.residual = prepared, prepared.residual
        return receipt

    def submit_prepared(self, prepared: Prepared) -> Any:
        """Submits the hash of a commitment."""
        return self._transact(self.project.escrow.submit, self.hash_of(prepared))

    def hash_of(self, prepared: Prepared) -> bytes:
        """What is submitted of a commitment."""
        return self.project.submission_hash(prepared.round, str(self.account.address), prepared.commitment)

    def deliver(self) -> Any:
        """Reveals the commitment and where the payload will be."""
        status = self.project.expect(Phase.DELIVERING)
        return self.deliver_prepared(self._prepared(status.round))

    def deliver_prepared(self, prepared: Prepared) -> Any:
        """Reveals a commitment that was submitted."""
        cid = cid_of(prepared.sealed).digest
        return self._transact(self.project.escrow.deliver, prepared.commitment, cid)

    def publish(self) -> None:
        """Puts the payload on the store. Not before scoring: until then others could still use what it tells."""
        status = self.project.expect(Phase.SCORING)
        self.store.put(self._prepared(status.round).sealed)

    def leave(self) -> Any:
        """Gives the seat up for good, before anything is submitted in a round. It costs a part, or nothing after a
        round that was not settled.
        """
        return self._transact(self.project.escrow.leave)

    def withdraw(self) -> Any:
        return self._transact(self.project.escrow.withdraw, self.account)

    def _prepared(self, round_: int) -> Prepared:
        if self.prepared is None or self.prepared.round != round_:
            raise MarketError(f"nothing was submitted in round {round_}")
        return self.prepared

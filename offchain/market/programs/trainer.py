"""A trainer's program: joins a project that it has checked, and takes part in every round until it is paid.

What is kept of a round, before its hash is submitted: `sealed-N`, the payload as it will be published (the only place
that has the update and its tail); `residual-N`, what the next update starts with (error feedback); and the fact
`prepared-N` with the commitment, which makes the two valid. A residual counts once its round's hash is on chain: an
update that never got there leaves the one before in force.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from offchain.market.errors import MarketError, SettingsError
from offchain.market.programs.base import Program
from offchain.market.programs.setup import least_window
from offchain.market.programs.steps import Step, TrainerView, next_trainer_step
from offchain.market.project import Look
from offchain.market.settings import TrainerSettings
from offchain.market.trainer import Prepared, Schedule, Trainer
from offchain.market.trust import check_keys, check_project, check_windows
from offchain.storage.payload import MAX_TASK, task_from_bytes
from offchain.storage.unixfs import cid_of
from offchain.training.privacy import Privacy
from offchain.training.quantise import zero_residual
from offchain.training.registry import task_from_description
from offchain.training.task import Samples, Task

__all__ = ["TrainerProgram"]


class TrainerProgram(Program):
    """Trains for the account on data of this machine."""

    role = "trainer"
    settings: TrainerSettings
    kind: type[Trainer] = Trainer

    def next_step(self, look: Look) -> Step:
        account = self.project.account(self.address, look.block)
        round_ = look.status.round
        view = TrainerView(
            look=look,
            terms=self.project.terms,
            account=account,
            is_owner=self.project.escrow.owner() == self.address,
            behind=self.behind,
            has_copy=self.has_copy,
            is_prepared=self.journal.fact(f"prepared-{round_}") is not None,
            is_published=self.journal.fact(f"published-{round_}") is not None,
        )
        step = next_trainer_step(view)
        bit = 1 << (account.seat or 0)
        if account.seat is not None and look.status.submitted & bit and not view.is_prepared:
            self.say(f"round {round_ + 1} was submitted, but not from this state folder: nothing can be delivered")
        return step

    @cached_property
    def trainer(self) -> Trainer:
        """Raises StoreError if the task's description is not to be had, TaskError if it doesn't fit."""
        around, settings = self.around, self.settings
        description = task_from_bytes(around.store.get(self.project.terms.task, MAX_TASK))
        task = task_from_description(description["task"], **settings.task_options)
        size = task.layout.dimension
        if size != self.project.terms.dimension:
            raise SettingsError(f"the task has {size} parameters here, the terms say {self.project.terms.dimension}")
        return self.kind(
            around.account,
            self.project,
            around.store,
            around.srs,
            task,
            _share(task, settings.share),
            _schedule(description),
            settings.seed,
            key=self.key,
            transact=around.sender.transact,
            privacy=self.privacy,
        )

    @cached_property
    def privacy(self) -> Privacy | None:
        """Raises PrivacyError if its parameters give none."""
        settings = self.settings
        return Privacy(settings.clip, settings.noise, settings.delta) if settings.clip else None

    # --- steps

    def enrol(self, look: Look) -> None:
        """Checks the project, and takes a seat. Raises what a check finds."""
        settings, around = self.settings, self.around
        check_project(self.project, around.contracts, around.srs, settings.registry, settings.accept_unknown_policy)
        check_keys(self.project)
        check_windows(self.project, least_window(settings, self.around.sender.provider))
        trainer = self.trainer  # the task and the data are there
        if not self.serve_beginning():
            raise MarketError("the project's task or its model is not to be had")
        trainer.enrol()

    def prepare(self, look: Look) -> None:
        """Trains, and keeps what the round will need."""
        round_, trainer = look.status.round, self.trainer
        trainer.copy = self.copy
        last = self._last_submitted(round_)
        trainer.residual = zero_residual(self.project.terms.dimension) if last is None else last.residual
        prepared = trainer.prepare(round_, look.status.rate)
        self.journal.write(f"sealed-{round_}", prepared.sealed)
        self.journal.write(f"residual-{round_}", prepared.residual.tobytes())
        commitment = [hex(coordinate) for coordinate in prepared.commitment]
        self.journal.set_fact(f"prepared-{round_}", {"commitment": commitment, "clipped": prepared.clipped})
        self._tidy(round_ if last is None else last.round)

    def submit(self, look: Look) -> None:
        self.trainer.submit_prepared(self._kept(look.status.round))
        if self.privacy is not None:
            rounds = sum(self.journal.fact(f"prepared-{r}") is not None for r in range(look.status.round + 1))
            self.say(f"privacy so far: epsilon {self.privacy.epsilon(rounds):.3g} at delta {self.privacy.delta:g}")

    def deliver(self, look: Look) -> None:
        self.trainer.deliver_prepared(self._kept(look.status.round))

    def publish(self, look: Look) -> None:
        round_ = look.status.round
        self.around.store.put(self._kept(round_).sealed)
        self.journal.set_fact(f"published-{round_}", True)

    # --- what is kept

    def _kept(self, round_: int) -> Prepared:
        prepared = self._find(round_)
        assert prepared is not None  # the step is due for what was prepared
        return prepared

    def _find(self, round_: int) -> Prepared | None:
        fact = self.journal.fact(f"prepared-{round_}")
        sealed, residual = self.journal.read(f"sealed-{round_}"), self.journal.read(f"residual-{round_}")
        if fact is None or sealed is None or residual is None:
            return None
        x, y = (int(coordinate, 16) for coordinate in fact["commitment"])
        return Prepared(round_, (x, y), sealed, np.frombuffer(residual, np.float64), fact["clipped"])

    def _last_submitted(self, before: int) -> Prepared | None:
        """What was prepared for the last round before this whose hash is on chain."""
        for round_ in reversed(range(before)):
            prepared = self._find(round_)
            if prepared and self.project.has_submitted(round_, self.address, self.trainer.hash_of(prepared)):
                return prepared
        return None

    def _tidy(self, oldest: int) -> None:
        """Lets go of rounds that are over. The last payload stays: its aggregate may have to be made again."""
        for round_ in range(oldest):
            sealed = self.journal.read(f"sealed-{round_}")
            if sealed is not None:
                self.around.store.unpin(cid_of(sealed))
            self.journal.remove(f"residual-{round_}")
            self.journal.remove(f"sealed-{round_}")


def _share(task: Task, share: tuple[int, ...]) -> Samples:
    data = task.load().train
    return data.take(np.arange(share[0] - 1, len(data), share[1])) if share else data


def _schedule(description: dict[str, Any]) -> Schedule:
    training = description.get("training", {})
    schedule = Schedule(**{name: training[name] for name in ("epochs", "batch_size") if name in training})
    if not (type(schedule.epochs) is int is type(schedule.batch_size) and schedule.epochs > 0 < schedule.batch_size):
        raise SettingsError("the task's description has no sound training schedule")
    return schedule

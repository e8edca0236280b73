"""A trainer's program: joins a project that it has checked, and takes part in every round until it is paid.

What is kept of a round, before its hash is submitted: `sealed-N`, the payload as it will be published (the only place
that has the update and its tail); `residual-N`, what the next update starts with (error feedback); and the fact
`prepared-N` with the commitment, which makes the two valid. A residual counts once its round's hash is on chain: an
update that never got there leaves the one before in force.

Before there is a stake everything that a round needs of this machine is tried: the task, the data, the memory, a step
of training that is quantised and committed to (`rehearse`). A round that fails later is skipped, which the fact
`skipped-N` says; after a second one in a row the seat is given up, which costs no more and saves the rest of the stake.
"""

from __future__ import annotations

import logging
from functools import cached_property

import numpy as np
import numpy.typing as npt

from offchain.errors import FatalError
from offchain.market.description import check_rate
from offchain.market.errors import DescriptionError, MarketError, SettingsError, Waiting
from offchain.market.member import fetch_initial_model
from offchain.market.programs.base import Program
from offchain.market.programs.setup import check_memory, least_window
from offchain.market.programs.steps import Step, TrainerView, next_trainer_step
from offchain.market.project import Look
from offchain.market.settings import TrainerSettings
from offchain.market.trainer import Prepared, Trainer, running_the_task
from offchain.market.trust import check_keys, check_project, check_windows
from offchain.proving.parameters import TAIL
from offchain.scoring.policy import SHOWN, PolicyError
from offchain.scoring.shown import has_shown, shown_by
from offchain.storage.errors import PayloadError, SealingError, StoreError, TooLarge
from offchain.storage.unixfs import cid_of
from offchain.training.apart import Apart
from offchain.training.errors import TaskError
from offchain.training.local import initial_model, train
from offchain.training.privacy import Privacy
from offchain.training.quantise import zero_residual
from offchain.training.registry import location_of, task_from_description
from offchain.training.task import Samples, Task

__all__ = ["TrainerProgram"]

logger = logging.getLogger(__name__)

_TOO_MUCH_CLIPPED = 0.01  # of an update's entries
_TOO_MUCH_LOST = 0.5


class TrainerProgram(Program):
    """Trains for the account on data of this machine."""

    role = "trainer"
    settings: TrainerSettings
    kind: type[Trainer] = Trainer

    _is_rehearsed = False

    def has_stake(self, look: Look) -> bool:
        return self.project.account(self.address, look.block).seat is not None

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
            is_prepared=self._is_kept(round_),
            is_published=self.journal.fact(f"published-{round_}") is not None,
            is_rehearsed=self._is_rehearsed,
            is_hopeless=self._was_skipped(round_) and self._was_skipped(round_ - 1),
            aside=self.aside(look),
        )
        step = next_trainer_step(view)
        bit = 1 << (account.seat or 0)
        if account.seat is not None and look.status.submitted & bit and not view.is_prepared:
            self.say(f"round {round_ + 1} was submitted, but not from this state folder: nothing can be delivered")
        return step

    @cached_property
    def trainer(self) -> Trainer:
        """Raises the errors of `description`, TaskError if the task or its data don't fit."""
        around, settings, description = self.around, self.settings, self.description
        described = description.task.get("task")
        if settings.task and settings.task != described:
            raise SettingsError(f"task: the project trains {described!r}, and {settings.task!r} is named here")
        with running_the_task("making the task"):
            task = task_from_description(description.task, **settings.task_options)
            size = task.layout.dimension
        if size != self.project.terms.dimension:
            raise SettingsError(f"the task has {size} parameters here, the terms say {self.project.terms.dimension}")
        with running_the_task("reading the data"):
            data = _share(task, settings.share)
        own = location_of(task.name)
        return self.kind(
            around.account,
            self.project,
            around.store,
            around.srs,
            task,
            data,
            description.schedule,
            settings.seed,
            key=self.key,
            transact=around.sender.transact,
            privacy=self.privacy,
            run=train if own is None else Apart(own, self._most_seconds),
        )

    @property
    def _most_seconds(self) -> float:
        """That a round's training may take."""
        return self.settings.most_seconds or self.project.terms.collect_window / 2

    @cached_property
    def privacy(self) -> Privacy | None:
        """Raises PrivacyError if its parameters give none."""
        settings = self.settings
        return Privacy(settings.clip, settings.noise, settings.delta) if settings.clip else None

    # --- steps

    def rehearse(self, look: Look) -> None:
        """Does a round's work on this machine, with nothing kept or shown of it. Raises what would cost a stake later,
        and Waiting for the task's description.
        """
        settings, terms = self.settings, self.project.terms
        try:
            schedule = self.description.schedule
        except StoreError as error:
            raise Waiting(f"the task's description: {error}") from error
        if schedule.epochs > settings.most_epochs:
            raise SettingsError(
                f"the project trains {schedule.epochs} epochs a round, and most_epochs in the settings is "
                f"{settings.most_epochs}"
            )
        check_rate(terms.rate, terms)
        self.around.srs.prefix(terms.dimension + TAIL)
        check_memory(terms.dimension)
        trainer = self.trainer
        with running_the_task("reading the data"):
            for note in trainer.task.notes():
                logger.warning("%s", note)
        rehearsal = trainer.rehearse(self._first_model(trainer.task), terms.rate, self._most_seconds)
        clipped, lost = rehearsal.clipped_share, rehearsal.lost_share
        found = f"{clipped:.1%} of the update's entries are clipped, {lost:.1%} rounded to 0"
        logger.info("dry step: %.1f s of training; %s", rehearsal.seconds, found)
        if not rehearsal.said:
            raise TaskError(
                f"the update of a dry step is 0 in all entries ({found}), and nobody is paid for such a one: these "
                "data teach nothing here, or the project's quantum is too large for them"
            )
        if clipped > _TOO_MUCH_CLIPPED or lost > _TOO_MUCH_LOST:
            logger.warning("%s: such updates say less than others', and are paid less", found)
        self._is_rehearsed = True

    def _first_model(self, task: Task) -> npt.NDArray[np.float64]:
        """What the first round starts from; while it is sealed, one like it."""
        try:
            return fetch_initial_model(self.project, self.around.store, self.key)
        except SealingError:
            with running_the_task("making the model"):
                return initial_model(task, self.settings.seed)
        except (PayloadError, TooLarge) as error:
            raise DescriptionError(f"the initial model: {error}") from None
        except StoreError as error:
            raise Waiting(f"the initial model: {error}") from error

    def enrol(self, look: Look) -> None:
        """Checks the project, and takes a seat. Raises what a check finds."""
        settings, around = self.settings, self.around
        check_project(self.project, around.contracts, around.srs, settings.registry, settings.accept_unknown_policy)
        is_owner = str(self.project.escrow.owner()) == self.address
        if self.project.terms.reference and not (is_owner or settings.accept_reference):
            raise SettingsError(
                "a row of the owner's judges the others here, and who it removes is paid nothing: if you trust the "
                "owner, set accept_reference"
            )
        check_keys(self.project)
        check_windows(self.project, least_window(settings, self.around.sender.provider))
        if not self._is_rehearsed:
            self.rehearse(look)
        if not self.serve_beginning():
            raise MarketError("the project's task or its model is not to be had")
        self.trainer.enrol()

    def prepare(self, look: Look) -> None:
        """Trains, and keeps what the round will need."""
        round_, terms = look.status.round, self.project.terms
        check_rate(look.status.rate, terms, self.settings.accept_unknown_policy)
        self._warn_of_nothing_shown()
        trainer = self.trainer
        trainer.copy = self.copy
        last = self._last_submitted(round_)
        trainer.residual = zero_residual(terms.dimension) if last is None else last.residual
        prepared = trainer.prepare(round_, look.status.rate)
        self.journal.write(f"sealed-{round_}", prepared.sealed)
        self.journal.write(f"residual-{round_}", prepared.residual.tobytes())
        commitment = [hex(coordinate) for coordinate in prepared.commitment]
        self.journal.set_fact(f"prepared-{round_}", {"commitment": commitment, "clipped": prepared.clipped})
        self._tidy(round_ if last is None else last.round)

    def _warn_of_nothing_shown(self) -> None:
        seat, memory = self.project.account(self.address).seat, self.project.memory()
        if self.known_rule != SHOWN or seat is None or (seat == 0 and self.project.terms.reference):
            return
        if has_shown(memory) and shown_by(memory, seat) == 0:
            logger.warning(
                "this seat contributed nothing to the first round that was paid, so it is never paid here: to leave "
                "costs one part of the stake, to stay away one for each round"
            )

    @property
    def known_rule(self) -> str:
        """Of the policy; empty if it is none of this package's."""
        try:
            return self.project.terms.policy_terms.rule
        except PolicyError:
            return ""

    def submit(self, look: Look) -> None:
        self.around.sender.transact(self.project.escrow.submit, self._hash_of(self._kept(look.status.round)))
        if self.privacy is not None:
            rounds = sum(self.journal.fact(f"prepared-{r}") is not None for r in range(look.status.round + 1))
            self.say(f"privacy so far: epsilon {self.privacy.epsilon(rounds):.3g} at delta {self.privacy.delta:g}")

    def deliver(self, look: Look) -> None:
        prepared = self._kept(look.status.round)
        cid = cid_of(prepared.sealed).digest
        self.around.sender.transact(self.project.escrow.deliver, prepared.commitment, cid)

    def publish(self, look: Look) -> None:
        round_ = look.status.round
        self.around.store.put(self._kept(round_).sealed)
        self.journal.set_fact(f"published-{round_}", True)

    def leave(self, look: Look) -> None:
        """Gives the seat up: nothing can be earned here, and each further round would cost a part."""
        receipt = self.around.sender.transact(self.project.escrow.leave)
        for event in receipt.decode_logs(self.project.escrow.Left):
            logger.warning(
                "left the project: it costs %s, %s come back", self.amount(event.forfeited), self.amount(event.returned)
            )

    # --- what fails

    def set_aside(self, step: Step, look: Look, error: Exception) -> None:
        if step == Step.PREPARE and isinstance(error, FatalError):
            self.journal.set_fact(f"skipped-{look.status.round}", True)
        super().set_aside(step, look, error)

    def cost(self, step: Step, look: Look) -> str:
        if step != Step.PREPARE:
            return super().cost(step, look)
        part = self.amount(self.project.terms.trainer_part)
        return (
            f"round {self._number(look)} is skipped, which costs {part} of the stake, unless this is mended and the "
            "program started again in time"
        )

    def _was_skipped(self, round_: int) -> bool:
        return bool(self.journal.fact(f"skipped-{round_}")) and self.journal.fact(f"prepared-{round_}") is None

    # --- what is kept

    def _is_kept(self, round_: int) -> bool:
        """Whether a round's commitment is kept, with all that belongs to it."""
        files = [self.journal.path(f"{what}-{round_}") for what in ("sealed", "residual")]
        return self.journal.fact(f"prepared-{round_}") is not None and all(file.exists() for file in files)

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
            if prepared and self.project.has_submitted(round_, self.address, self._hash_of(prepared)):
                return prepared
        return None

    def _hash_of(self, prepared: Prepared) -> bytes:
        return self.project.submission_hash(prepared.round, self.address, prepared.commitment)

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

"""The loop of every program: look, decide, act, wait.

What others do wrong (`PassingError`, and what nodes and stores raise) is logged, and the program looks again a little
later. What can't get better by waiting (`FatalError`), and mistakes in the code or in a user's task, end it as long as
its account has nothing in the project. Afterwards they only set the step aside that failed, for the round or for some
looks: following, enforcing and withdrawing go on. Nothing but a state folder that is lost ends a program then.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from ape.exceptions import ApeException
from web3.exceptions import Web3Exception

from offchain.errors import FatalError, MeedError, PassingError
from offchain.market.description import Description, fetch_description
from offchain.market.errors import JournalError, Waiting
from offchain.market.journal import Journal
from offchain.market.member import UNUSABLE, ModelCopy
from offchain.market.programs.steps import Step, enforcement, waiting_for
from offchain.market.project import Look, Point, Project
from offchain.market.sender import Sender
from offchain.market.settings import Settings
from offchain.proving.srs import Srs
from offchain.storage.errors import PayloadError, SealingError, StoreError
from offchain.storage.members import sealed_model_size, sealed_to_members_size
from offchain.storage.payload import MAX_TASK, aggregate_size, model_from_bytes, model_size, model_to_bytes
from offchain.storage.sealing import SealingKey
from offchain.storage.store import Store

__all__ = ["KEY", "Program", "Surroundings", "clock", "kept_copy", "kept_key", "told"]

logger = logging.getLogger(__name__)

_PASSING = (OSError, Web3Exception, ApeException, PassingError)
KEY = "sealing.key"
_SLOT = 3  # looks: as long as a call takes to be mined and seen
_ASIDE = 8  # looks for which a step that failed is set aside; twice as many each time that it fails again
_MOST_DOUBLED = 7


@dataclass(frozen=True)
class Surroundings:
    """What a program acts in and with."""

    account: Any
    contracts: Any  # the Ape project
    store: Store
    srs: Srs
    journal: Journal
    sender: Sender
    sleep: Callable[[float], None] = time.sleep


class Program(ABC):
    """One role in one project. Subclasses have `next_step`, and a method for each step that it returns."""

    role: str

    def __init__(self, settings: Settings, project: Project, around: Surroundings) -> None:
        self.settings = settings
        self.project = project
        self.around = around
        self.journal = around.journal
        self.address = str(around.account.address)
        self.journal.claim(chain=project.chain_id, project=project.address, role=self.role, account=self.address)
        project.follower.keep(self.journal)
        self.key = kept_key(self.journal)
        self._copy: ModelCopy | None = None
        self._said = self._waited = ""
        self._noticed: tuple[str, float] = "", 0.0  # a call that anybody may make, and when it was first seen
        self._has_stake = True  # until a look says that it doesn't
        self._aside: dict[Step, tuple[int, float]] = {}  # steps that failed: in which round, for how many looks
        self._failures: dict[Step, int] = {}  # in a row
        self._complaints: set[str] = set()

    def run(self) -> None:
        """Until the project is closed, and everything withdrawn."""
        while (step := self._guarded_turn()) != Step.DONE:
            if step == Step.WAIT:
                self.around.sleep(self.settings.poll)

    def _guarded_turn(self) -> Step:
        """A turn, of which only such an error is left that ends the program."""
        try:
            return self.turn()
        except JournalError:
            raise
        except Exception as error:
            self._refuse_without_journal(error)
            if isinstance(error, Waiting):
                self.wait_for(str(error))
            elif isinstance(error, _PASSING):
                self.say(f"not now: {told(error)}")
            elif self._may_end():
                raise
            else:
                self.complain(f"{told(error)}. The program goes on with what can be done", error)
        return Step.WAIT

    def turn(self) -> Step:
        """Takes the step that is due, and says which it was."""
        self.around.sender.resume()
        look = self.project.look()
        if look is None:
            depth, since = self.project.follower.depth, self.project.since
            self.wait_for(f"the project to have {depth} blocks on top, from block {since} on")
            return Step.WAIT
        self._has_stake = self.has_stake(look)
        step = self.next_step(look)
        if step == Step.WAIT or (step == Step.ENFORCE and not self._is_its_turn_to_enforce(look)):
            self.wait_for(*waiting_for(look, self.project.terms))
            return Step.WAIT
        return step if step == Step.DONE or self._take(step, look) else Step.WAIT

    def _take(self, step: Step, look: Look) -> bool:
        """Takes a step. False if it failed with something at stake, and was set aside."""
        try:
            getattr(self, step.value)(look)
        except (JournalError, *_PASSING):
            raise
        except Exception as error:
            self._refuse_without_journal(error)
            if self._may_end():
                raise
            self.set_aside(step, look, error)
            return False
        self._failures.pop(step, None)
        self.say(f"round {self._number(look)}: {step.value.replace('_', ' ')} done")
        return True

    def _may_end(self) -> bool:
        """Whether the account surely has nothing in the project: not by the last look, nor by the call that failed."""
        if self._has_stake or self.journal.open_attempts():
            return False
        try:
            look = self.project.look()
            return look is None or not self.has_stake(look)
        except Exception:  # the chain doesn't say
            return False

    def set_aside(self, step: Step, look: Look, error: Exception) -> None:
        """Lets other steps go first: for the rest of the round if training failed for good, else for some looks."""
        self._failures[step] = failures = self._failures.get(step, 0) + 1
        for_good = step == Step.PREPARE and isinstance(error, FatalError)
        self._aside[step] = look.status.round, math.inf if for_good else _ASIDE << min(failures - 1, _MOST_DOUBLED)
        self.complain(f"{self.cost(step, look)}: {told(error)}", error)

    def cost(self, step: Step, look: Look) -> str:
        """What it means that a step fails, in words."""
        return f"round {self._number(look)}: {step.value.replace('_', ' ')} failed, and is tried again later"

    def aside(self, look: Look) -> frozenset[Step]:
        """The steps that aren't tried at this look. Asked once a look."""
        still = {s: (r, left - 1) for s, (r, left) in self._aside.items() if r == look.status.round and left > 0}
        self._aside = still
        return frozenset(still)

    def has_stake(self, look: Look) -> bool:
        """Whether the account has something in the project that it could lose by not being here."""
        return True

    @abstractmethod
    def next_step(self, look: Look) -> Step:
        """The step that is due at this look."""

    def say(self, text: str) -> None:
        """In the log, unless it said the same just before."""
        if text != self._said:
            logger.info("%s", text)
            self._said = text

    def wait_for(self, what: str, until: int = 0) -> None:
        """Says what is waited for, once, and until when (seconds since 1970; 0 if that is open)."""
        text = f"waiting for {what}" + (f" (by {clock(until)})" if until else "")
        if text != self._waited:
            logger.info("%s", text)
            self._waited = text

    def complain(self, text: str, error: Exception) -> None:
        """In the log, once: with the place in the code unless it is an error that can be expected."""
        if text not in self._complaints:
            self._complaints.add(text)
            is_expected = isinstance(error, MeedError) and error.__cause__ is None
            logger.error("%s", text, exc_info=None if is_expected else error)

    def amount(self, units: int) -> str:
        """Of the project's token, in words."""
        return self.project.token.told(units)

    def _number(self, look: Look) -> int:
        """Of the round, from 1, for whoever reads it."""
        return min(look.status.round + 1, self.project.terms.rounds)

    def _refuse_without_journal(self, error: Exception) -> None:
        """Raises JournalError if what was caught comes from a state folder that is gone or damaged."""
        is_damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        if is_damaged or not self.journal.path("journal.sqlite").exists():
            raise JournalError(
                f"the state folder {self.journal.folder} is gone or damaged: nothing can be done safely without it. "
                "Restore it, and start again"
            ) from error

    # --- steps of everybody

    def enforce(self, look: Look) -> None:
        """Makes the call that is due after a deadline."""
        call = enforcement(look, self.project.terms)
        assert call is not None  # the step is due for it
        self.around.sender.transact(getattr(self.project.escrow, call))

    def _is_its_turn_to_enforce(self, look: Look) -> bool:
        """One party after the other, a slot each, so that not all pay for a call of which one succeeds: aggregators
        first, then the owner, then trainers in seat order. Who isn't there only costs its slot.
        """
        terms, account = self.project.terms, self.project.account(self.address, look.block)
        if self.address in terms.aggregators:
            number = terms.aggregators.index(self.address)
        else:
            number = len(terms.aggregators) + (0 if account.seat is None else 1 + account.seat)
        call = f"{enforcement(look, terms)} in round {look.status.round}"
        if self._noticed[0] != call:
            self._noticed = call, time.monotonic()
        return time.monotonic() - self._noticed[1] >= number * _SLOT * self.settings.poll

    def withdraw(self, look: Look) -> None:
        receipt = self.around.sender.transact(self.project.escrow.withdraw, self.address)
        self.say(f"withdrew {self.amount(self.project.withdrawn_in(receipt))} to {self.address}")

    # --- what the owner has published

    @cached_property
    def description(self) -> Description:
        """Of the task; from the state folder, once it was there. Raises StoreError if it is not to be had,
        DescriptionError if nobody should act on it.
        """
        content = self.journal.read("task")
        if content is None:
            content = fetch_description(self.around.store, self.project.terms)
            self.journal.write("task", content)
        return Description.from_bytes(content)

    # --- the copy of the model

    @property
    def copy(self) -> ModelCopy:
        """Of the model: as it was kept, or made of the initial model. Raises one of `member.UNUSABLE`; Waiting if what
        was kept is damaged, and has to be made again.
        """
        if self._copy is None:
            try:
                kept = kept_copy(self._kept_copy, self.journal.read, self.project.terms.dimension)
            except PayloadError as error:
                self.journal.set_fact("copy", None)
                raise Waiting(f"the model: the kept copy is damaged ({error}), and is made again") from error
            self._copy = ModelCopy(self.project, self.around.store, self.around.srs, self.key, *kept)
        return self._copy

    @property
    def _kept_copy(self) -> Any:
        """What the journal says of the copy, if its file is there."""
        kept = self.journal.fact("copy")
        return kept if kept is not None and self.journal.path(kept["file"]).exists() else None

    @property
    def has_copy(self) -> bool:
        return self._copy is not None or self._kept_copy is not None

    @property
    def behind(self) -> int:
        """Settled rounds that aren't in the copy."""
        kept = self._kept_copy
        applied = [] if kept is None else [(x, y) for x, y in kept["applied"]]
        settled = [settlement.aggregate for settlement in self.project.settlements()]
        same = applied == settled[: len(applied)]
        return len(settled) - len(applied) if same else len(settled)

    def follow(self, look: Look) -> None:
        """Brings the copy up to date as far as aggregates are to be had, keeps it, and serves them to others. Raises
        Waiting for what isn't to be had yet.
        """
        try:
            copy = self.copy
        except UNUSABLE as error:
            raise Waiting(self._lacking_model(look, error)) from error
        before = copy.rounds
        try:
            copy.follow(self.took_round)
        except UNUSABLE as error:
            raise Waiting(f"the aggregate of round {copy.rounds + 1}: {error}") from error
        finally:
            if copy.rounds != before or self._kept_copy is None:
                self._keep(copy)
            for settlement in self.project.settlements()[before : copy.rounds]:
                self.serve(settlement.cid, sealed_to_members_size(aggregate_size(self.project.terms.dimension)))

    def took_round(self) -> None:
        """The copy has one more settled round in it."""
        self.say(f"round {self.copy.rounds}: its aggregate opens the contract's commitment, and is in the model")

    def _lacking_model(self, look: Look, error: Exception) -> str:
        """What there is to wait for while the model isn't to be had."""
        if not isinstance(error, SealingError):
            return f"the initial model: {error}"
        grants = len(self.project.grants())
        what = "the owner to grant the model's key"
        what += f", which none of {grants} grants so far gives to this account" if grants else ""
        return f"{what} (by {clock(look.status.deadline)})" if look.status.deadline else what

    def _keep(self, copy: ModelCopy) -> None:
        """The file first, then the fact that names it: whatever the journal names is whole."""
        old, name = self.journal.fact("copy"), f"copy-{copy.rounds}"
        self.journal.write(name, model_to_bytes(copy.vector))
        self.journal.set_fact("copy", {"file": name, "applied": copy.applied[: copy.rounds]})
        if old is not None and old["file"] != name:
            self.journal.remove(old["file"])

    def serve_beginning(self) -> bool:
        """Puts task and initial model on the own store. False if one is not to be had."""
        terms = self.project.terms
        has_task = self.serve(terms.task, MAX_TASK)
        return self.serve(terms.model, sealed_model_size(model_size(terms.dimension))) and has_task

    def serve(self, cid: bytes, max_size: int) -> bool:
        """Puts a content of others on the own store. False if it is not to be had."""
        try:
            self.around.store.put(self.around.store.get(cid, max_size))
        except StoreError as error:
            self.say(f"not to be had: {error}")
            return False
        return True


def kept_copy(
    fact: Any, read: Callable[[str], bytes | None], dimension: int
) -> tuple[npt.NDArray[np.float64] | None, list[Point]]:
    """The model in a state folder, float64[d], and the aggregates in it; None without one. fact: "copy" of its journal;
    read: a file of the folder.
    """
    content = None if fact is None else read(fact["file"])
    if content is None:
        return None, []
    return model_from_bytes(content, dimension), [(x, y) for x, y in fact["applied"]]


def told(error: Exception) -> str:
    """An error as a sentence; of what isn't one of this package's, the kind too."""
    return str(error) if isinstance(error, MeedError) else f"{type(error).__name__}: {error}"


def clock(seconds: int) -> str:
    """A time, seconds since 1970, as the log writes it."""
    return datetime.fromtimestamp(seconds).strftime("%d %b %H:%M:%S")


def kept_key(journal: Journal) -> SealingKey:
    """The sealing key in a state folder, made at the first call."""
    path = journal.path(KEY)
    if not path.exists():
        key = SealingKey.generate()
        new = path.with_suffix(".new")
        journal.remove(new.name)  # left over by a kill
        key.save(new)
        new.rename(path)
    try:
        return SealingKey.load(path)
    except SealingError as error:
        raise JournalError(str(error)) from None

"""The loop of every program: look, decide, act, wait.

What others do wrong - a node or a store that is away, contents that aren't what they should be, a call that the
contract refuses because somebody was faster - is logged, and the program looks again a little later. What can't get
better by waiting ends it: untrusted code, a state folder in use, a task that this machine's data don't fit.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ape.exceptions import ApeException
from web3.exceptions import Web3Exception

from offchain.errors import PassingError
from offchain.market.errors import JournalError
from offchain.market.journal import Journal
from offchain.market.member import ModelCopy
from offchain.market.programs.steps import Step, enforcement
from offchain.market.project import Look, Point, Project
from offchain.market.sender import Sender
from offchain.market.settings import Settings
from offchain.proving.srs import Srs
from offchain.storage.errors import SealingError, StoreError
from offchain.storage.members import sealed_model_size, sealed_to_members_size
from offchain.storage.payload import MAX_TASK, aggregate_size, model_from_bytes, model_size, model_to_bytes
from offchain.storage.sealing import SealingKey
from offchain.storage.store import Store

__all__ = ["KEY", "Program", "Surroundings", "kept_copy", "kept_key"]

logger = logging.getLogger(__name__)

_PASSING = (OSError, Web3Exception, ApeException, PassingError)
KEY = "sealing.key"
_SLOT = 3  # looks: as long as a call takes to be mined and seen


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
        self.key = kept_key(self.journal)
        self._copy: ModelCopy | None = None
        self._said = ""
        self._noticed: tuple[str, float] = "", 0.0  # a call that anybody may make, and when it was first seen

    def run(self) -> None:
        """Until the project is closed, and everything withdrawn."""
        while True:
            try:
                step = self.turn()
            except _PASSING as error:
                self.say(f"{type(error).__name__}: {error}")
                step = Step.WAIT
            if step == Step.DONE:
                return
            if step == Step.WAIT:
                self.around.sleep(self.settings.poll)

    def turn(self) -> Step:
        """Takes the step that is due, and says which it was."""
        self.around.sender.resume()
        look = self.project.look()
        if look is None:
            return Step.WAIT
        step = self.next_step(look)
        if step == Step.ENFORCE and not self._is_its_turn_to_enforce(look):
            return Step.WAIT
        if step not in (Step.WAIT, Step.DONE):
            getattr(self, step.value)(look)
            number = min(look.status.round + 1, self.project.terms.rounds)
            self.say(f"round {number}: {step.value.replace('_', ' ')} done")
        return step

    @abstractmethod
    def next_step(self, look: Look) -> Step:
        """The step that is due at this look."""

    def say(self, text: str) -> None:
        """In the log, unless it said the same just before."""
        if text != self._said:
            logger.info("%s", text)
            self._said = text

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
        self.say(f"withdrew {self.project.token.told(self.project.withdrawn_in(receipt))} to {self.address}")

    # --- the copy of the model

    @property
    def copy(self) -> ModelCopy:
        """Of the model: as it was kept, or made of the initial model. Raises one of `member.UNUSABLE`."""
        if self._copy is None:
            kept = kept_copy(self.journal.fact("copy"), self.journal.read, self.project.terms.dimension)
            self._copy = ModelCopy(self.project, self.around.store, self.around.srs, self.key, *kept)
        return self._copy

    @property
    def has_copy(self) -> bool:
        return self._copy is not None or self.journal.fact("copy") is not None

    @property
    def behind(self) -> int:
        """Settled rounds that aren't in the copy."""
        kept = self.journal.fact("copy")
        applied = [] if kept is None else [(x, y) for x, y in kept["applied"]]
        settled = [settlement.aggregate for settlement in self.project.settlements()]
        same = applied == settled[: len(applied)]
        return len(settled) - len(applied) if same else len(settled)

    def follow(self, look: Look) -> None:
        """Brings the copy up to date as far as aggregates are to be had, keeps it, and serves them to others."""
        copy, before = self.copy, self.copy.rounds
        try:
            copy.follow(self.took_round)
        finally:
            if copy.rounds != before or self.journal.fact("copy") is None:
                self._keep(copy)
            for settlement in self.project.settlements()[before : copy.rounds]:
                self.serve(settlement.cid, sealed_to_members_size(aggregate_size(self.project.terms.dimension)))

    def took_round(self) -> None:
        """The copy has one more settled round in it."""
        self.say(f"round {self.copy.rounds}: its aggregate opens the contract's commitment, and is in the model")

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

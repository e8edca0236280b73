"""All parties of a small project as programs in one process, some of which are killed before everything they do.

An *effect* is what outlasts a process: a write to the state folder, a transaction that is sent, a content that is put
on a store. A `Killer` ends a program just before each effect, the first time that it is about to happen; the program is
then made anew from its state folder. So each is killed once between any two effects.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from offchain.market.errors import MarketError
from offchain.market.journal import Attempt, Journal
from offchain.market.member import UNUSABLE
from offchain.market.programs.aggregator import AggregatorProgram
from offchain.market.programs.base import Program, Surroundings
from offchain.market.programs.owner import OwnerProgram, create
from offchain.market.programs.steps import Step
from offchain.market.programs.trainer import TrainerProgram
from offchain.market.project import Project
from offchain.market.sender import Sender
from offchain.market.settings import AggregatorSettings, OwnerSettings, TrainerSettings
from offchain.market.trainer import Trainer
from offchain.storage.embedded import EmbeddedStore
from offchain.storage.store import Store


class Killed(BaseException):
    """kill -9, as far as the state folder can tell."""


class Killer:
    """Knows which effects were about to happen before."""

    def __init__(self) -> None:
        self.seen: set[tuple[Any, ...]] = set()
        self.calls: list[tuple[str, str, str]] = []  # who, what for, the call's bytes
        self.puts: list[bytes] = []  # what was about to be put on a store, by anybody
        self.who = ""  # whoever acts now, if it is to be killed

    def install(self, patch: pytest.MonkeyPatch, eth: Any) -> None:
        def before(owner: Any, name: str, label: Callable[..., Any]) -> None:
            function = getattr(owner, name)

            def effect(*arguments: Any, **named: Any) -> Any:
                key = (self.who, name, label(*arguments))
                if self.who and key not in self.seen:
                    self.seen.add(key)
                    raise Killed
                return function(*arguments, **named)

            patch.setattr(owner, name, effect)

        before(Journal, "set_fact", lambda journal, name, value: (name, _file(value)))
        before(Journal, "write", lambda journal, name, content: name)
        before(Journal, "remove", lambda journal, name: name)
        before(Journal, "add_attempt", self._noted)
        before(Journal, "end_attempts", lambda journal, nonce: nonce)
        before(Store, "put", self._put)
        before(eth, "send_raw_transaction", lambda *raw: "sent")

    def _put(self, store: Store, content: bytes) -> int:
        self.puts.append(content)
        return len(content)

    def _noted(self, journal: Journal, attempt: Attempt) -> tuple[str, int]:
        self.calls.append((self.who, attempt.purpose, attempt.call["data"]))
        return attempt.purpose, attempt.nonce


def _file(value: Any) -> Any:
    return value.get("file") if isinstance(value, dict) else None


class Signal(Trainer):
    """What all agree on, with noise of its own, instead of training. `wanted` is what it meant to say, by round."""

    wanted: ClassVar[dict[tuple[str, int], npt.NDArray[np.float64]]] = {}

    def local_update(self, learning_rate: float, round_: int) -> npt.NDArray[np.float64]:
        terms = self.project.terms
        unit, size = terms.quantum / 2.0**64, terms.dimension
        common = np.random.default_rng(round_).normal(0.0, 2_000.0, size)
        own = np.random.default_rng(100 * self.seed + round_).normal(0.0, 2_000.0, size)
        update: npt.NDArray[np.float64] = unit * (common + own)
        self.wanted[str(self.account.address), round_] = update
        return update


class SignalProgram(TrainerProgram):
    kind = Signal


class Company:
    """Made by name, again and again: "owner", "aggregator-0", "trainer-0", ..."""

    def __init__(self, contracts: Any, provider: Any, accounts: dict[str, Any], srs: Any, folder: Path) -> None:
        self.contracts = contracts
        self.provider = provider
        self.accounts = accounts
        self.srs = srs
        self.folder = folder
        self.store = EmbeddedStore(folder / "store")
        self.killer = Killer()
        self.killed = 0
        self.doomed: set[str] = set()
        self.programs: dict[str, Program] = {}
        self.errors: dict[str, str] = {}  # the last of each
        self.address = ""

    def surroundings(self, name: str) -> Surroundings:
        journal = Journal(self.folder / name)
        sender = Sender(self.accounts[name], self.provider, journal, sleep=lambda _: None)
        return Surroundings(
            self.accounts[name], self.contracts, self.store, self.srs, journal, sender, sleep=lambda _: None
        )

    def create(self, settings: OwnerSettings, deployment: dict[str, str]) -> Project:
        """By the owner, who is killed before every effect."""
        for _ in range(100):
            around = self.surroundings("owner")
            self.killer.who = "owner"
            try:
                project = create(settings, around, deployment)
                self.address = project.address
                return project
            except Killed:
                self.killed += 1
            finally:
                self.killer.who = ""
                around.journal.close()
        raise AssertionError(f"the project is never created: {sorted(map(str, self.killer.seen))}")

    def play(self, names: list[str], until: Callable[[], bool], turns: int = 200) -> None:
        """Turn by turn, until something holds."""
        for _ in range(turns):
            if until():
                return
            for name in names:
                self.turn(name)
        raise AssertionError(f"not reached in {turns} turns: {self.errors}")

    def turn(self, name: str) -> Step:
        self.killer.who = name if name in self.doomed else ""
        try:
            return self._program(name).turn()
        except Killed:
            self.killed += 1
            self.stop(name)
            return Step.WAIT
        except (MarketError, *UNUSABLE) as error:
            self.errors[name] = repr(error)
            return Step.WAIT
        finally:
            self.killer.who = ""

    def stop(self, name: str) -> None:
        if name in self.programs:
            self.programs.pop(name).journal.close()

    def _program(self, name: str) -> Program:
        if name not in self.programs:
            around = self.surroundings(name)
            try:
                self.programs[name] = self._make(name, around)
            except BaseException:
                around.journal.close()
                raise
        return self.programs[name]

    def _make(self, name: str, around: Surroundings) -> Program:
        project = Project(self.contracts.Escrow.at(self.address, detect_proxy=False))
        if name == "owner":
            return OwnerProgram(OwnerSettings(poll=0.05), project, around)
        if name.startswith("aggregator"):
            return AggregatorProgram(AggregatorSettings(poll=0.05), project, around)
        return SignalProgram(TrainerSettings(poll=0.05, seed=int(name[-1]) + 1), project, around)

"""Several projects side by side, of the same people in other roles, with one clock; each is played twice as in Market.

After each step, besides what Market checks in the project that moved: the storage of all others is what it was, bit for
bit, and so are their tokens; and from where the project stands an outsider alone can end it, in time.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.escrow_books import read_books
from tests.escrow_market import ANYONE_MAY, Call, Market
from tests.escrow_node import Node, view
from tests.property.escrow_model import EscrowModel, Refused

STATE = ("model", "books", "start", "rate", "clock", "_policy_answers")  # of a Market, in Python


@dataclass
class CallBack:
    """What a token does in a project, from within a transfer of another."""

    target: Stall
    model: EscrowModel  # of the target, after that


class Stall(Market):
    """One project of a bazaar."""

    bazaar: Bazaar | None = None

    def at(self, timestamp: int) -> Market:
        for stall in self.bazaar.stalls if self.bazaar else [self]:
            super(Stall, stall).at(timestamp)
        return self

    def play(self, call: Call, calls_back: CallBack | None = None) -> None:
        assert self.bazaar is not None
        before = copy.copy(self.model.wallets)
        story = self.model
        super().play(call)
        self.bazaar.steps += 1
        self.bazaar.done[call.name] += self.model is not story
        self.bazaar.settle_up(self, before, calls_back)

    def give(self, who: Any, amount: int, calls_back: CallBack | None = None) -> None:
        """A party sends the escrow tokens that nobody asked for; below zero, the token takes them from it."""
        assert self.bazaar is not None
        before = copy.copy(self.model.wallets)
        payer, payee = (who, self.escrow) if amount >= 0 else (self.escrow, who)
        if payer is self.escrow:
            self.ask("anvil_impersonateAccount", self.escrow.address)
            self.ask("anvil_setBalance", self.escrow.address, hex(10**18))
        assert self.send(payer, self.token, self.token.transfer.encode_input(payee, abs(amount))).status == 1
        self.model.give(who.address, amount)
        self.check()
        self.bazaar.steps += 1
        self.bazaar.settle_up(self, before, calls_back)


class Bazaar:
    def __init__(self, stalls: Iterable[Stall]) -> None:
        self.stalls = list(stalls)
        self.node: Node = self.stalls[0]
        self.steps = 0  # calls that contract and model were compared on
        self.done: Counter[str] = Counter()  # those that both allowed, by name
        latest = max(stall.clock for stall in self.stalls)
        for stall in self.stalls:
            stall.bazaar = self
        self.stalls[0].at(latest)
        for stall in self.stalls:
            for person in stall.people:  # for gifts
                stall.send(person, stall.token, stall.token.mint.encode_input(person, 10**9))
        for stall in self.stalls:
            # people are the same everywhere: what one project gave them is no part of another's story
            stall.books = read_books(stall, stall.views, stall.people)
            wallets = stall.books["wallets"]
            stall.start = {account: held - stall.model.wallets[account] for account, held in wallets.items()}
            stall.check()
        self.prints = self._take_prints()

    def settle_up(self, moved: Stall, wallets: dict[str, int], calls_back: CallBack | None) -> None:
        """The others look at what a step has done to them."""
        targets = [moved]
        if calls_back and calls_back.target is not moved:
            calls_back.target.model = calls_back.model
            calls_back.target.check()
            targets.append(calls_back.target)
        for stall in self.stalls:
            if stall is not moved and stall.token is moved.token:
                for account in stall.start:
                    stall.start[account] += moved.model.wallets[account] - wallets.get(account, 0)
        before, self.prints = self.prints, self._take_prints()
        for stall, old, new in zip(self.stalls, before, self.prints, strict=True):
            assert old == new or stall in targets, "a project has changed by another's call"
        for stall in targets:
            check_exit(stall.model)

    def _take_prints(self) -> list[tuple[str, str]]:
        """Of each project: the hash of all its storage, and its tokens."""
        asked: list[tuple[str, Any]] = []
        for stall in self.stalls:
            to, data = view(stall.token, "balanceOf", stall.escrow)
            asked += [("eth_getProof", (stall.escrow.address, [], "latest"))]
            asked += [("eth_call", ({"to": to, "data": data}, "latest"))]
        answers = self.node.ask_all(asked)
        return [(proof["storageHash"], tokens) for proof, tokens in zip(answers[::2], answers[1::2], strict=True)]

    # --- isolation

    def save(self) -> tuple[str, Any]:
        snapshot = self.node.ask("evm_snapshot")
        return snapshot, [{name: copy.deepcopy(getattr(stall, name)) for name in STATE} for stall in self.stalls]

    def restore(self, saved: tuple[str, Any]) -> None:
        snapshot, states = saved
        assert self.node.ask("evm_revert", snapshot)
        for stall, state in zip(self.stalls, states, strict=True):
            for name, value in state.items():
                setattr(stall, name, copy.deepcopy(value))
        self.prints = self._take_prints()


def check_exit(model: EscrowModel) -> None:
    """Invariant 5: a stranger's calls and the clock end the project from here, in bounded time, and all is paid."""
    terms, now = model.terms, model.now
    model = copy.deepcopy(model)
    calls = 0
    while model.state != "closed":
        called = next((name for name in ANYONE_MAY if _tries(model, name)), None)
        calls += called is not None
        if called is None:
            assert model.deadline >= model.now, f"nothing ends {model.phase}"
            model.now = model.deadline + 1
        assert calls <= 3 * terms["rounds"] + 3
    windows = terms["collect_window"] + terms["deliver_window"] + terms["score_window"]
    takeovers = 2 * len(model.accepted) * terms["score_window"]
    waits = terms["accept_window"] + terms["enrol_window"] + terms["handover_window"]
    # each deadline is passed by a second
    assert model.now - now <= waits + terms["rounds"] * windows + takeovers + 4 * terms["rounds"] + 4
    assert model.pot == model.bond == model.pending == model.stake == 0
    for account in {*model.due, *model.parts}:
        if model.due[account] or model.parts[account]:
            _tries(model, "withdraw", account)
    left = any(model.due[account] or model.parts[account] for account in {*model.due, *model.parts})
    assert model.held == (0 if left else model.sunk + model.gifts.total())


def _tries(model: EscrowModel, name: str, who: str = "a stranger") -> bool:
    try:
        getattr(model, name)(who)
    except Refused:
        return False
    return True

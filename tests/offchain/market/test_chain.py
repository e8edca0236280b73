"""Allowances, as tokens have them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from offchain.market import chain as market_chain
from offchain.market.chain import allow, sending
from offchain.market.errors import MarketError, Reverted, Unaffordable
from offchain.market.journal import Journal
from offchain.market.sender import Sender

TOKEN, SPENDER = "0x" + "70" * 20, "0x" + "5e" * 20


class FakeToken:
    """A token of 100 units for everyone. sets: what an approval makes of an allowance."""

    def __init__(self, allowed: int = 0, sets: Any = lambda before, amount: amount) -> None:
        self.allowed, self.sets = allowed, sets
        self.approved: list[int] = []
        self.approve = SimpleNamespace(name="approve")

    def balanceOf(self, _: Any) -> int:
        return 100

    def allowance(self, _: Any, spender: str, block_id: int | None = None) -> int:
        assert spender == SPENDER
        assert block_id == (9 if self.approved else None)  # a node that lags may not know it at its head
        return self.allowed

    def transact(self, method: Any, spender: str, amount: int) -> Any:
        assert method is self.approve
        assert spender == SPENDER
        self.approved.append(amount)
        self.allowed = self.sets(self.allowed, amount)
        return SimpleNamespace(block_number=9)


def allowed_by(token: FakeToken, amount: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The approvals that it takes."""
    monkeypatch.setattr(market_chain, "token_at", lambda address: token if address == TOKEN else None)
    allow(token.transact, "0xab", TOKEN, SPENDER, amount)
    return token.approved


@pytest.mark.parametrize(
    ("left_over", "amount", "approvals"),
    [(0, 100, [100]), (100, 100, []), (101, 100, []), (99, 100, [0, 100]), (1, 2, [0, 2]), (0, 0, []), (5, 0, [])],
)
def test_allow__allowance_left_over__is_taken_back_only_if_there_is_one_and_it_is_too_little(
    left_over: int, amount: int, approvals: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert allowed_by(FakeToken(left_over), amount, monkeypatch) == approvals


def test_allow__balance_too_little__says_both_amounts_and_approves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    token = FakeToken(allowed=10**6)
    said = f"0xab has 100 units of the token {TOKEN}, and needs 101 units of the token {TOKEN}"
    with pytest.raises(Unaffordable, match=said):
        allowed_by(token, 101, monkeypatch)
    assert token.approved == []


@pytest.mark.parametrize(
    ("sets", "arrived"), [(lambda before, amount: before, 0), (lambda before, amount: amount * 9 // 10, 45)]
)
def test_allow__allowance_does_not_arrive__says_what_did(
    sets: Any, arrived: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"the token allows {SPENDER} {arrived} units of the token {TOKEN} when told 50 units of the token {TOKEN}"
    with pytest.raises(MarketError, match=said):
        allowed_by(FakeToken(sets=sets), 50, monkeypatch)


def test_allow__approval_refused__says_for_what(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise Reverted("approve: token: paused")

    said = f"the allowance of 50 units of the token {TOKEN} for {SPENDER}: approve: token: paused"
    with pytest.raises(MarketError, match=said):
        allowed_by(FakeToken(sets=refuse), 50, monkeypatch)


@pytest.mark.parametrize("by_ape", [False, True])
def test_allow__token_that_returns_nothing_and_sets_from_zero__is_set_again(
    by_ape: bool, deploy: Any, chain: Any, stranger: Any, owner: Any, tmp_path: Path
) -> None:
    token = deploy("NothingReturnedToken")
    token.mint(stranger, 1_000, sender=stranger)
    journal = Journal(tmp_path / "state")
    transact = sending(stranger) if by_ape else Sender(stranger, chain.provider, journal).transact
    for amount in (100, 200):
        allow(transact, stranger, str(token.address), owner.address, amount)
        assert token.allowance(stranger, owner) == amount
    journal.close()

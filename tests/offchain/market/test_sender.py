"""Transactions on a development chain that mines when it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from offchain.market.errors import MarketError, Reverted
from offchain.market.journal import Journal
from offchain.market.sender import Sender


@pytest.fixture
def by_hand(chain: Any, token: Any) -> Iterator[Any]:
    """The provider of a chain on which nothing is mined until `mine`."""
    provider = chain.provider
    chain.mine(3)  # Anvil knows no states of blocks from before a snapshot that was gone back to
    provider.make_request("evm_setAutomine", [False])
    yield provider
    provider.make_request("anvil_dropAllTransactions", [])  # what waits is valid again once the chain is put back
    provider.make_request("evm_setAutomine", [True])


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "state")
    yield journal
    journal.close()


@pytest.fixture
def gained(token: Any, stranger: Any) -> Callable[[], int]:
    """What the stranger has got since the test began."""
    before = token.balanceOf(stranger)
    return lambda: token.balanceOf(stranger) - before


class Impatient(BaseException):
    """Instead of sleeping any longer: as if the program were killed."""


def sleeper(*deeds: Callable[[], Any]) -> Callable[[float], None]:
    """Does one thing at each sleep; then stops the program."""
    left = list(deeds)

    def sleep(_: float) -> None:
        if not left:
            raise Impatient
        left.pop(0)()

    return sleep


def nothing() -> None:
    pass


def test_transact__mined_at_once__its_receipt(
    chain: Any, token: Any, stranger: Any, journal: Journal, gained: Callable[[], int]
) -> None:
    receipt = Sender(stranger, chain.provider, journal).transact(token.mint, stranger, 5)
    assert receipt.status == 1
    assert gained() == 5
    assert journal.open_attempts() == []


def test_transact__node_expects_a_revert__nothing_is_sent(
    chain: Any, token: Any, stranger: Any, owner: Any, journal: Journal
) -> None:
    nonce = stranger.nonce
    with pytest.raises(Reverted, match="transfer: token: too little"):
        Sender(stranger, chain.provider, journal).transact(token.transfer, owner, 10**30)
    assert stranger.nonce == nonce


def test_transact__depth__waits_for_blocks_on_top(by_hand: Any, token: Any, stranger: Any, journal: Journal) -> None:
    def mine() -> None:
        by_hand.make_request("evm_mine")

    with pytest.raises(Impatient):
        Sender(stranger, by_hand, journal, depth=2, sleep=sleeper(mine, mine)).transact(token.mint, stranger, 5)
    assert len(journal.open_attempts()) == 1
    Sender(stranger, by_hand, journal, depth=2, sleep=sleeper(mine)).resume()
    assert journal.open_attempts() == []


def test_resume__killed_before_it_was_sent__the_same_transaction_is_sent(
    by_hand: Any,
    token: Any,
    stranger: Any,
    journal: Journal,
    gained: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sender = Sender(stranger, by_hand, journal, sleep=sleeper())
    with monkeypatch.context() as patch:
        patch.setattr(sender, "_finish", lambda: (_ for _ in ()).throw(Impatient()))
        with pytest.raises(Impatient):
            sender.transact(token.mint, stranger, 5)
    (kept,) = journal.open_attempts()
    later = Sender(stranger, by_hand, journal, sleep=sleeper(lambda: by_hand.make_request("evm_mine")))
    later.resume()
    assert gained() == 5
    assert by_hand.web3.eth.get_transaction_receipt(kept.hash)["status"] == 1


def test_transact__after_a_kill__first_ends_what_was_under_way(
    by_hand: Any, token: Any, stranger: Any, journal: Journal, gained: Callable[[], int]
) -> None:
    with pytest.raises(Impatient):
        Sender(stranger, by_hand, journal, sleep=sleeper()).transact(token.mint, stranger, 5)
    mine = [lambda: by_hand.make_request("evm_mine")] * 2
    Sender(stranger, by_hand, journal, sleep=sleeper(*mine)).transact(token.mint, stranger, 7)
    assert gained() == 12


def test_transact__stuck__replaced_at_a_higher_fee_and_done_once(
    by_hand: Any, token: Any, stranger: Any, journal: Journal, gained: Callable[[], int]
) -> None:
    fees: list[int] = []

    def look() -> None:
        fees.append(journal.open_attempts()[-1].max_fee)

    def mine() -> None:
        by_hand.make_request("evm_mine")

    Sender(stranger, by_hand, journal, patience=-1, sleep=sleeper(look, look, mine)).transact(token.mint, stranger, 5)
    assert gained() == 5
    assert fees[1] >= fees[0] * 11 // 10  # what nodes ask of a replacement


def test_transact__stuck_at_the_highest_fee__stays_as_it_is(
    by_hand: Any, token: Any, stranger: Any, journal: Journal
) -> None:
    limit = 2 * 10**9
    sender = Sender(stranger, by_hand, journal, patience=-1, max_fee=limit, sleep=sleeper(*[nothing] * 6))
    with pytest.raises(Impatient):
        sender.transact(token.mint, stranger, 5)
    assert all(kept.max_fee <= limit for kept in journal.open_attempts())


def test_transact__nonce_taken_by_another_transaction__given_up(
    by_hand: Any, token: Any, stranger: Any, journal: Journal, gained: Callable[[], int]
) -> None:
    def take() -> None:
        by_hand.make_request("anvil_dropAllTransactions")
        other = {"from": stranger.address, "to": stranger.address, "gasPrice": 10**11, "nonce": stranger.nonce}
        by_hand.web3.eth.send_transaction(other)
        by_hand.make_request("evm_mine")

    with pytest.raises(MarketError, match="took its nonce"):
        Sender(stranger, by_hand, journal, sleep=sleeper(take, nothing)).transact(token.mint, stranger, 5)
    assert gained() == 0
    assert journal.open_attempts() == []


def test_transact__lost_by_the_node__sent_again(
    by_hand: Any, token: Any, stranger: Any, journal: Journal, gained: Callable[[], int]
) -> None:
    def lose() -> None:
        by_hand.make_request("anvil_dropAllTransactions")

    def mine() -> None:
        by_hand.make_request("evm_mine")

    Sender(stranger, by_hand, journal, sleep=sleeper(lose, mine)).transact(token.mint, stranger, 5)
    assert gained() == 5

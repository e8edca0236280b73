"""Transactions on a development chain that mines when it is told to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from web3.exceptions import TransactionNotFound, Web3RPCError

from offchain.market.errors import MarketError, NodeError, Reverted, Unaffordable
from offchain.market.journal import Attempt, Journal
from offchain.market.sender import Sender


@pytest.fixture
def by_hand(chain: Any, token: Any) -> Iterator[Any]:
    """The provider of a chain on which nothing is mined until `mine`."""
    provider = chain.provider
    chain.mine(64)  # as far as is looked back: Anvil knows no states from before a snapshot that was gone back to
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


@pytest.mark.parametrize("blocks", [0, 1, 2, 7, 20])
def test_resume__nonce_taken_while_it_was_away__given_up_at_once(
    blocks: int, by_hand: Any, token: Any, stranger: Any, journal: Journal, gained: Callable[[], int], tmp_path: Path
) -> None:
    """One key on two machines."""
    other = Journal(tmp_path / "other")
    for machine, amount in ((journal, 5), (other, 7)):
        with pytest.raises(Impatient):
            Sender(stranger, by_hand, machine, sleep=sleeper()).transact(token.mint, stranger, amount)
    by_hand.make_request("anvil_mine", [hex(1 + blocks)])
    for machine in (journal, other):
        Sender(stranger, by_hand, machine, sleep=sleeper()).resume()
        assert machine.open_attempts() == []
    other.close()
    assert gained() in (5, 7)


def test_transact__nonce_taken_and_the_node_keeps_no_old_states__given_up_after_a_while(
    by_hand: Any,
    token: Any,
    stranger: Any,
    journal: Journal,
    gained: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    eth, real, slept = by_hand.web3.eth, by_hand.web3.eth.get_transaction_count, list[float]()

    def count(account: str, *block: int, **named: Any) -> int:
        if block and block[0] < eth.block_number:
            raise Web3RPCError("missing trie node")
        return real(account, *block, **named)

    def sleep(seconds: float) -> None:
        if not slept:
            by_hand.make_request("anvil_dropAllTransactions")
            other = {"from": stranger.address, "to": stranger.address, "gasPrice": 10**11, "nonce": stranger.nonce}
            eth.send_transaction(other)
            by_hand.make_request("evm_mine")
        slept.append(seconds)

    monkeypatch.setattr(eth, "get_transaction_count", count)
    with pytest.raises(MarketError, match="took its nonce"):
        Sender(stranger, by_hand, journal, sleep=sleep).transact(token.mint, stranger, 5)
    assert sum(slept) >= 30
    assert gained() == 0


def test_transact__lost_by_the_node__sent_again(
    by_hand: Any, token: Any, stranger: Any, journal: Journal, gained: Callable[[], int]
) -> None:
    def lose() -> None:
        by_hand.make_request("anvil_dropAllTransactions")

    def mine() -> None:
        by_hand.make_request("evm_mine")

    Sender(stranger, by_hand, journal, sleep=sleeper(lose, mine)).transact(token.mint, stranger, 5)
    assert gained() == 5


# --- what a node knows late


def lagging(patch: pytest.MonkeyPatch, eth: Any, name: str, times: int, error: Callable[..., Exception]) -> None:
    """A method of the node fails so many times before it answers."""
    real, left = getattr(eth, name), [times]

    def late(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise error(*arguments)
        return real(*arguments)

    patch.setattr(eth, name, late)


@pytest.mark.parametrize("depth", [0, 1])
def test_transact__receipt_lags_behind_the_nonce__is_waited_for(
    depth: int,
    chain: Any,
    token: Any,
    stranger: Any,
    journal: Journal,
    gained: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain.mine(3)
    eth = chain.provider.web3.eth
    lagging(monkeypatch, eth, "get_transaction_receipt", 10, lambda hash_: TransactionNotFound(str(hash_)))
    mine = [lambda: chain.mine(1)] * 20
    sender = Sender(stranger, chain.provider, journal, depth, sleep=sleeper(*mine))
    assert sender.transact(token.mint, stranger, 5).status == 1
    assert gained() == 5


def test_transact__state_is_ahead_of_the_head__its_receipt_is_waited_for(
    by_hand: Any,
    token: Any,
    stranger: Any,
    journal: Journal,
    gained: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a node that has executed a block but not yet taken it for its head, or two nodes behind one URL."""
    eth, real = by_hand.web3.eth, by_hand.web3.eth.get_transaction_count
    with monkeypatch.context() as patch:
        patch.setattr(eth, "get_transaction_count", lambda account, *block: real(account, *block) + len(block))
        mine = [*[nothing] * 5, lambda: (patch.undo(), by_hand.make_request("evm_mine"))]
        with pytest.raises(Impatient):
            Sender(stranger, by_hand, journal, sleep=sleeper(*mine)).transact(token.mint, stranger, 5)
    assert len(journal.open_attempts()) == 1
    Sender(stranger, by_hand, journal, sleep=sleeper(lambda: by_hand.make_request("evm_mine"))).resume()
    assert gained() == 5


def test_transact__nonce_lags_behind_the_last_call__the_next_one_is_used(
    chain: Any, token: Any, stranger: Any, journal: Journal, gained: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = Sender(stranger, chain.provider, journal, sleep=lambda _: None)
    sender.transact(token.mint, stranger, 5)
    eth, real, late = chain.provider.web3.eth, chain.provider.web3.eth.get_transaction_count, [True] * 4

    def count(account: str, *block: Any, **named: Any) -> int:
        return real(account, *block, **named) - (not block and not named and bool(late and late.pop()))

    monkeypatch.setattr(eth, "get_transaction_count", count)
    sender.transact(token.mint, stranger, 7)
    assert gained() == 12


def test_transact__last_call_was_reorganised_away__the_chains_nonce_in_the_end(
    chain: Any, token: Any, stranger: Any, journal: Journal, gained: Callable[[], int]
) -> None:
    with chain.isolate():
        Sender(stranger, chain.provider, journal).transact(token.mint, stranger, 5)
    slept: list[float] = []
    Sender(stranger, chain.provider, journal, sleep=slept.append).transact(token.mint, stranger, 7)
    assert gained() == 7
    assert sum(slept) >= 30


def test_transact__receipt_cannot_be_fetched__the_call_stays_open(
    chain: Any, token: Any, stranger: Any, journal: Journal, gained: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise NodeError("no node answers")

    sender = Sender(stranger, chain.provider, journal)
    with monkeypatch.context() as patch:
        patch.setattr(type(chain.provider), "get_receipt", fail)
        with pytest.raises(NodeError):
            sender.transact(token.mint, stranger, 5)
        with pytest.raises(NodeError):  # no other call while one has no outcome
            sender.transact(token.mint, stranger, 7)
    sender.resume()
    assert journal.open_attempts() == []
    assert gained() == 5


# --- fees


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "offchain")
    logging.getLogger("offchain").propagate = True
    return caplog


def base_fee(provider: Any, wei: int) -> None:
    """Of the next block, and so of those made by hand soon after."""
    provider.make_request("anvil_setNextBlockBaseFeePerGas", [hex(wei)])
    provider.make_request("evm_mine")
    provider.make_request("anvil_setNextBlockBaseFeePerGas", [hex(wei)])


def test_transact__limit_below_the_tip__the_tip_is_lowered_and_it_is_mined(
    chain: Any, token: Any, stranger: Any, journal: Journal, gained: Callable[[], int]
) -> None:
    base_fee(chain.provider, 10**7)
    limit = 5 * 10**8  # the node's tip is 10**9
    assert chain.provider.web3.eth.max_priority_fee > limit
    receipt = Sender(stranger, chain.provider, journal, max_fee=limit, sleep=sleeper(*[nothing] * 5)).transact(
        token.mint, stranger, 5
    )
    assert gained() == 5
    assert receipt.gas_price <= limit


def test_transact__limit_below_the_base_fee__says_so_once_and_waits(
    by_hand: Any,
    token: Any,
    stranger: Any,
    journal: Journal,
    gained: Callable[[], int],
    log: pytest.LogCaptureFixture,
) -> None:
    base_fee(by_hand, 3 * 10**9)
    limit = 15 * 10**8
    sender = Sender(stranger, by_hand, journal, max_fee=limit, sleep=sleeper(*[nothing] * 6))
    with pytest.raises(Impatient):
        sender.transact(token.mint, stranger, 5)
    (kept,) = journal.open_attempts()
    assert (kept.max_fee, kept.tip) == (limit, 10**9)
    (said,) = log.messages
    assert said.startswith("mint: the limit of the fee, 1.5 gwei a gas, is below the chain's base fee, ")
    assert "higher max_fee_gwei" in said
    base_fee(by_hand, 10**8)
    mine = lambda: by_hand.make_request("evm_mine")  # noqa: E731
    Sender(stranger, by_hand, journal, max_fee=limit, sleep=sleeper(nothing, mine)).resume()
    assert gained() == 5


def journaled(account: Any, provider: Any, token: Any, max_fee: int, tip: int, journal: Journal) -> Attempt:
    """A transaction as an earlier version might have kept it."""
    data = bytes(token.mint.encode_input(account, 5))
    nonce = provider.web3.eth.get_transaction_count(account.address)
    call = {"to": str(token.address), "data": data.hex(), "gas": 100_000}
    attempt = Attempt(nonce, "0x" + "ab" * 32, "mint", b"\x02\x01", call, max_fee, tip, time.time())
    journal.add_attempt(attempt)
    return attempt


@pytest.mark.parametrize("limit", [5 * 10**8, None])
def test_resume__journal_holds_a_tip_above_the_fee__a_valid_one_takes_its_nonce(
    limit: int | None, chain: Any, token: Any, stranger: Any, journal: Journal, gained: Callable[[], int]
) -> None:
    base_fee(chain.provider, 10**7)
    bad = journaled(stranger, chain.provider, token, 5 * 10**8, 10**9, journal)
    sender = Sender(stranger, chain.provider, journal, max_fee=limit, sleep=sleeper(*[nothing] * 5))
    sender.resume()
    assert gained() == 5
    assert journal.open_attempts() == []
    assert journal.last_nonce() == bad.nonce
    assert stranger.nonce == bad.nonce + 1


def test_resume__journal_holds_one_below_the_base_fee__goes_on_without_the_limit(
    by_hand: Any, token: Any, stranger: Any, journal: Journal, gained: Callable[[], int]
) -> None:
    base_fee(by_hand, 3 * 10**9)
    with pytest.raises(Impatient):
        Sender(stranger, by_hand, journal, max_fee=10**9, sleep=sleeper(nothing)).transact(token.mint, stranger, 5)
    mine = lambda: by_hand.make_request("evm_mine")  # noqa: E731
    Sender(stranger, by_hand, journal, patience=-1, sleep=sleeper(mine)).resume()
    assert gained() == 5


@pytest.mark.parametrize("limit", [2 * 10**9, 3 * 10**9, 5 * 10**9, 10**11])
def test_transact__stuck__every_replacement_is_one_that_nodes_take(
    limit: int, by_hand: Any, token: Any, stranger: Any, journal: Journal, log: pytest.LogCaptureFixture
) -> None:
    base_fee(by_hand, 10**9)
    sender = Sender(stranger, by_hand, journal, patience=-1, max_fee=limit, sleep=sleeper(*[nothing] * 12))
    with pytest.raises(Impatient):
        sender.transact(token.mint, stranger, 5)
    kept = journal.open_attempts()
    assert all(attempt.tip <= attempt.max_fee <= limit for attempt in kept)
    for old, new in pairwise(kept):
        assert 10 * new.max_fee >= 11 * old.max_fee
        assert 10 * new.tip >= 11 * old.tip
    assert "doesn't take" not in log.text
    assert log.text.count("allows no more") == (limit < 10**11)  # it has risen as far as it may


class Fees:
    """A node that says what fees it is told to."""

    def __init__(self, base: int, tip: Any, balance: int = 10**18) -> None:
        self.base, self.tip, self.balance = base, tip, balance

    def get_block(self, _: str) -> dict[str, int]:
        return {"baseFeePerGas": self.base}

    @property
    def max_priority_fee(self) -> int:
        if isinstance(self.tip, Exception):
            raise self.tip
        return int(self.tip)

    def get_balance(self, _: str) -> int:
        return self.balance


def sender_at(eth: Any, journal: Journal, max_fee: int | None = None) -> Sender:
    ecosystem = SimpleNamespace(fee_token_symbol="ETH")
    provider = SimpleNamespace(web3=SimpleNamespace(eth=eth), network=SimpleNamespace(ecosystem=ecosystem))
    return Sender(SimpleNamespace(address="0xab"), provider, journal, max_fee=max_fee)


def attempt(max_fee: int, tip: int) -> Attempt:
    return Attempt(1, f"0x{max_fee}", "mint", b"", {"gas": 1_000}, max_fee, tip, 0.0)


@pytest.mark.parametrize(
    ("base", "tip", "max_fee", "stuck", "expected"),
    [
        (100, 7, None, [], (207, 7)),
        (100, 7, 150, [], (150, 7)),
        (100, 7, 5, [], (5, 5)),
        (0, 0, None, [], (0, 0)),
        (100, 7, None, [(1_000, 40)], (1_251, 51)),
        (100, 700, None, [(1_000, 40)], (1_251, 700)),
        (100, 7, None, [(1_000, 40), (1_251, 51)], (1_564, 64)),
        (100, 7, 1_150, [(1_000, 40)], (1_150, 51)),
        (100, 7, 1_101, [(1_000, 1_000)], (1_101, 1_101)),
    ],
)
def test_fees__table__valid_and_within_the_limit(
    base: int, tip: int, max_fee: int | None, stuck: list[tuple[int, int]], expected: tuple[int, int], journal: Journal
) -> None:
    sender = sender_at(Fees(base, tip), journal, max_fee)
    assert sender._fees(1_000, [attempt(*kept) for kept in stuck]) == expected


@pytest.mark.parametrize(("limit", "shown"), [(1_100, "0.0000011"), (1_000, "0.000001"), (500, "0.0000005")])
def test_fees__limit_leaves_no_room_for_a_replacement__says_both(limit: int, shown: str, journal: Journal) -> None:
    said = f"not mined at 0.000001 gwei a gas with a base fee of 0.0000001 gwei, and the limit, {shown} gwei, allows no"
    with pytest.raises(Unaffordable, match=said):
        sender_at(Fees(100, 7), journal, limit)._fees(1_000, [attempt(1_000, 40)])


def test_fees__balance__bounds_them_and_too_little_says_both_amounts(journal: Journal) -> None:
    assert sender_at(Fees(100, 7, balance=150_000), journal)._fees(1_000, []) == (150, 7)
    assert sender_at(Fees(100, 7, balance=107_000), journal)._fees(1_000, []) == (107, 7)
    too_little = "0xab has 0.000000000000106999 ETH, and the transaction may cost 0.000000000000107 ETH: send it"
    with pytest.raises(Unaffordable, match=too_little):
        sender_at(Fees(100, 7, balance=106_999), journal)._fees(1_000, [])
    with pytest.raises(Unaffordable, match="the account's balance allows no more"):
        sender_at(Fees(100, 7, balance=1_050_000), journal)._fees(1_000, [attempt(1_000, 40)])


@pytest.mark.parametrize("error", [Web3RPCError("method not found"), KeyError("reward"), ValueError("no")])
def test_fees__node_does_not_know_the_usual_tip__one_gwei(error: Exception, journal: Journal) -> None:
    assert sender_at(Fees(100, error), journal)._fees(1_000, []) == (10**9 + 200, 10**9)


def test_transact__account_cannot_pay__nothing_is_kept_and_the_amounts_are_said(
    chain: Any, token: Any, stranger: Any, journal: Journal
) -> None:
    chain.provider.make_request("anvil_setBalance", [stranger.address, hex(10**12)])
    nonce = stranger.nonce
    said = f"mint: {stranger.address} has 0.000001 ETH, and the transaction may cost 0.00[0-9]+ ETH: send it some more"
    with pytest.raises(Unaffordable, match=said):
        Sender(stranger, chain.provider, journal).transact(token.mint, stranger, 5)
    assert journal.open_attempts() == []
    assert stranger.nonce == nonce


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        ("already known", None),
        ("AlreadyKnown", None),
        ("nonce too low: next nonce 5, tx nonce 4", "mint: its nonce is used: waits to see by what"),
        ("nonce too high", "mint: the node lacks earlier transactions of 0xab: waits for them"),
        ("replacement transaction underpriced", "mint: the node has another transaction of 0xab with the nonce 1"),
        (
            "insufficient funds for gas * price + value: balance 1, tx cost 2",
            "mint: 0xab has 1 ETH, and the transaction may cost 0.000000000000002 ETH: send it some more",
        ),
        (
            "transaction underpriced",
            "mint: its fee of 0.000000002 gwei a gas, 0.000000001 gwei of it a tip, is too low",
        ),
        ("max fee per gas less than block base fee", "is too low beside the chain's base fee, 0.0000001 gwei: waits"),
        (
            "tx fee (1.20 ether) exceeds the configured cap (1.00 ether)",
            "refuses fees as high as 0.000000000000002 ETH",
        ),
        ("txpool is full", "mint: the node has too many transactions"),
        ("some {new} words", "mint: the node doesn't take the transaction: some {new} words"),
    ],
)
def test_explain__answer_of_a_node__says_what_it_means_once(
    answer: str, meaning: str | None, journal: Journal, log: pytest.LogCaptureFixture
) -> None:
    sender = sender_at(Fees(100, 7), journal)
    for _ in range(2):
        sender._explain(attempt(2, 1), answer)
    if meaning is None:
        assert log.messages == []
    else:
        (said,) = log.messages
        assert meaning in said


def test_call__node_says_at_the_estimate_that_there_is_no_money__says_what_there_is(journal: Journal) -> None:
    def estimate_gas(_: Any) -> int:
        raise Web3RPCError("{'code': -32000, 'message': 'insufficient funds for transfer'}")

    eth = Fees(100, 7)
    eth.estimate_gas = estimate_gas  # type: ignore[attr-defined]
    with pytest.raises(Unaffordable, match="mint: 0xab has 1 ETH, and needs some to pay for gas"):
        sender_at(eth, journal).call("mint", "0xcd", b"")

"""Transactions that arrive in the end: through nodes that are away, fees that rise, restarts and reorganisations.

One call is under way at a time. It is signed and journaled before it is sent, so after a restart the same bytes are
sent again, never another transaction for the same purpose. While it isn't mined:

- a node that doesn't know it gets it again;
- after `patience` seconds it is replaced under the same nonce at fees 1/4 higher (nodes ask for 1/10), up to `max_fee`
  and to what the account has. A tip is never above the fee: no node takes that, and where a journal holds such a
  transaction, it is replaced at once;
- if the account's nonce was used by another transaction, the call is given up. Its caller looks at the chain again.
  Receipts may lag behind nonces, on one node or on two behind one URL. So that a nonce is used and none of ours has a
  receipt isn't enough: the other transaction has to be seen in its block, or nothing for `_SURE` seconds.

It is done when it has `depth` blocks on top. A call that the node expects to revert is not sent.

Transactions are of type 2 (EIP-1559): every chain with the contracts' EVM version has them.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from web3.exceptions import ContractLogicError, TransactionNotFound, Web3Exception, Web3RPCError

from offchain.market.errors import MarketError, Reverted, Unaffordable
from offchain.market.journal import Attempt, Journal

__all__ = ["MAX_GAS", "Sender"]

logger = logging.getLogger(__name__)

MAX_GAS = 1 << 24  # of one transaction (EIP-7825)
_POLL = (0.05, 2.0)  # seconds between two looks at a transaction: the first, and the most
_SURE = 30.0  # seconds of looks
_TIP = 10**9  # wei a gas, if the node can't say
_GWEI, _COIN = 10**9, 10**18

_POOR = ("insufficient funds", "insufficient balance", "enough funds", "lack of funds", "sender balance", "upfront")
_LOW = "its fee of {max_fee} a gas, {tip} of it a tip, is too low beside the chain's base fee, {base}: waits"

# What nodes answer to a transaction, in lower case, and what that means. None: nothing is wrong.
_ANSWERS: tuple[tuple[tuple[str, ...], str | None], ...] = (
    (("already known", "already imported", "known transaction", "alreadyknown", "already exists"), None),
    (("nonce too low", "nonce is too low", "old nonce", "noncetoolow"), "its nonce is used: waits to see by what"),
    (
        ("nonce too high", "nonce gap", "noncetoohigh", "nonce is too distant"),
        "the node lacks earlier transactions of {account}: waits for them",
    ),
    (
        ("replacement", "could not replace", "replace existing"),
        "the node has another transaction of {account} with the nonce {nonce}, and takes a new one only at higher "
        "fees: waits for one of them to be mined",
    ),
    (_POOR, "{poor}"),
    (
        ("base fee", "underpriced", "fee too low", "feetoolow", "gas price too low", "tip too low", "min gas price"),
        _LOW,
    ),
    (("configured cap",), "the node refuses fees as high as {cost}: ask another node, or raise its limit"),
    (("txpool is full", "pool is full", "too many pending"), "the node has too many transactions: waits"),
)


class Sender:
    """Sends for `account` through an Ape provider.

    depth: blocks on top of a transaction that is done. patience: seconds before a fee is raised. max_fee: wei a gas
    that is never exceeded; None for no limit.
    """

    def __init__(
        self,
        account: Any,
        provider: Any,
        journal: Journal,
        depth: int = 0,
        patience: float = 90.0,
        max_fee: int | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.account = account
        self.provider = provider
        self.journal = journal
        self.depth = depth
        self.patience = patience
        self.max_fee = max_fee
        self._sleep = sleep
        self._warned: set[str] = set()
        self._held = 0.0  # when a fee was last found not to be raised, seconds since 1970

    def transact(self, method: Any, *arguments: Any) -> Any:
        """Calls a contract's method, as Ape knows it. Returns Ape's receipt. Raises Reverted; MarketError if the call
        had to be given up.
        """
        data = bytes(method.encode_input(*arguments))
        return self.call(method.abis[-1].name, str(method.contract.address), data)

    def call(self, purpose: str, to: str, data: bytes) -> Any:
        """As `transact`, with the call's bytes."""
        self.resume()
        eth = self.provider.web3.eth
        request = {"from": self.account.address, "to": to, "data": data}
        try:
            gas = min(MAX_GAS, eth.estimate_gas(request) * 5 // 4)
        except ContractLogicError as error:
            raise Reverted(f"{purpose}: {_reason(error)}") from None
        except Web3RPCError as error:
            if any(word in str(error).lower() for word in _POOR):
                raise Unaffordable(f"{purpose}: {self._poor()}") from None
            raise
        self._warned.clear()
        self._held = 0.0
        self._attempt(purpose, self._next_nonce(), {"to": to, "data": data.hex(), "gas": gas})
        return self._finish()

    def resume(self) -> None:
        """Waits for what an earlier run left under way."""
        attempts = self.journal.open_attempts()
        if not attempts:
            return
        try:
            self._finish()
        except MarketError as error:
            if self.journal.open_attempts():
                raise  # it has no outcome yet
            logger.warning("%s, from an earlier run: %s", attempts[0].purpose, error)

    def _finish(self) -> Any:
        """Until the call under way has its outcome."""
        poll, most = _POLL
        lost = 0.0  # seconds since which the nonce is used, and no receipt is to be had
        while True:
            attempts = self.journal.open_attempts()
            newest, nonce = attempts[-1], attempts[-1].nonce
            head = self.provider.web3.eth.block_number
            used = self._nonce_used(nonce, head - self.depth)  # before looking for receipts: ours may use it meanwhile
            mined = self._mined(attempts)
            if mined is not None and head - mined["blockNumber"] >= self.depth:
                hash_ = _hex(mined["transactionHash"])
                receipt = self.provider.get_receipt(hash_, required_confirmations=0) if mined["status"] == 1 else None
                self.journal.end_attempts(nonce)
                if receipt is None:
                    raise Reverted(f"{newest.purpose}: the transaction {hash_} reverted")
                return receipt
            if mined is None and used:
                if lost >= _SURE or self._is_taken(nonce, head - self.depth, {kept.hash for kept in attempts}):
                    self.journal.end_attempts(nonce)
                    raise MarketError(f"{newest.purpose}: another transaction of {self.account.address} took its nonce")
                lost += poll
            else:
                lost = 0.0
            if mined is None and not used:
                self._push(attempts)
            self._sleep(poll)
            poll = min(most, 2 * poll)

    def _mined(self, attempts: list[Attempt]) -> Any:
        for attempt in attempts:
            try:
                return self.provider.web3.eth.get_transaction_receipt(attempt.hash)
            except TransactionNotFound:
                continue
        return None

    def _nonce_used(self, nonce: int, block: int) -> bool:
        used: int = self.provider.web3.eth.get_transaction_count(self.account.address, max(block, 0))
        return used > nonce

    def _is_taken(self, nonce: int, block: int, ours: set[str]) -> bool:
        """Whether another transaction than ours is in the block that used the nonce, not after this one. False if the
        node can't say.
        """
        high, step = max(block, 0), 1
        low = high - step
        try:
            while low >= 0 and self._nonce_used(nonce, low):
                high, step = low, 2 * step
                low = high - step
            low = max(low, -1)
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if self._nonce_used(nonce, middle) else (middle, high)
            transactions = self.provider.web3.eth.get_block(high, True)["transactions"]
        except (Web3RPCError, ValueError):  # states of old blocks, or a block that the node doesn't have yet
            return False
        account = str(self.account.address).lower()
        of_it = [t for t in transactions if str(t["from"]).lower() == account and t["nonce"] == nonce]
        return any(_hex(t["hash"]) not in ours for t in of_it)

    def _next_nonce(self) -> int:
        """The chain's, once the node knows what was done last. If it never does, the chain was reorganised."""
        least, waited, poll = self.journal.last_nonce() + 1, 0.0, _POLL[0]
        while (nonce := int(self.provider.web3.eth.get_transaction_count(self.account.address))) < least:
            if waited >= _SURE:
                break
            self._sleep(poll)
            waited, poll = waited + poll, min(_POLL[1], 2 * poll)
        return nonce

    def _push(self, attempts: list[Attempt]) -> None:
        """Makes sure that the node knows the newest transaction, and raises its fee if it has been stuck."""
        newest = attempts[-1]
        since = newest.made if _is_valid(newest) else 0.0
        if time.time() - max(since, self._held) > self.patience:
            newest = self._attempt(newest.purpose, newest.nonce, newest.call, attempts)
        eth = self.provider.web3.eth
        try:
            eth.get_transaction(newest.hash)
        except TransactionNotFound:
            try:
                eth.send_raw_transaction(newest.raw)
            except (Web3RPCError, ValueError) as error:
                self._explain(newest, str(error))

    def _attempt(self, purpose: str, nonce: int, call: dict[str, Any], stuck: list[Attempt] | None = None) -> Attempt:
        """Signs and journals a transaction. With `stuck`, one that replaces these; or the newest of them, if the fee
        can't rise. Raises Unaffordable if the account can't pay for it.
        """
        try:
            max_fee, tip = self._fees(call["gas"], [kept for kept in stuck or () if _is_valid(kept)])
        except Unaffordable as error:
            if not stuck:
                raise Unaffordable(f"{purpose}: {error}") from None
            self._held = time.time()
            self._warn("held", f"{purpose}: {error}")
            return stuck[-1]
        if self.max_fee is not None and max_fee < (base := self._base_fee()):
            self._warn(
                _LOW,
                f"{purpose}: the limit of the fee, {_gwei(self.max_fee)} a gas, is below the chain's base fee, "
                f"{_gwei(base)}: waits for that to fall. With a higher max_fee_gwei it goes on at once",
            )
        transaction = self.provider.network.ecosystem.create_transaction(
            type=2,
            chainId=self.provider.chain_id,
            to=call["to"],
            data=bytes.fromhex(call["data"]),
            gas=call["gas"],
            nonce=nonce,
            value=0,
            maxFeePerGas=max_fee,
            maxPriorityFeePerGas=tip,
        )
        transaction.sender = self.account.address
        signed = self.account.sign_transaction(transaction)
        if signed is None:
            raise MarketError(f"{purpose}: the account {self.account.address} didn't sign")
        raw = bytes(signed.serialize_transaction())
        attempt = Attempt(nonce, _hex(signed.txn_hash), purpose, raw, call, max_fee, tip, time.time())
        self.journal.add_attempt(attempt)
        return attempt

    def _fees(self, gas: int, stuck: list[Attempt]) -> tuple[int, int]:
        """Wei a gas, in all and for the miner: those of the next blocks, and a quarter above what was stuck. Raises
        Unaffordable if the limit or the account's balance doesn't allow what a node would take.
        """
        base, tip = self._base_fee(), self._tip()
        balance = int(self.provider.web3.eth.get_balance(self.account.address))
        limit = balance // gas if self.max_fee is None else min(self.max_fee, balance // gas)
        needed = base + tip if self.max_fee is None else min(base + tip, self.max_fee)
        if balance < gas * needed:
            raise Unaffordable(self._poor(gas * needed))
        max_fee = min(limit, max([2 * base + tip, *(kept.max_fee * 5 // 4 + 1 for kept in stuck)]))
        tip = min(max_fee, max([tip, *(kept.tip * 5 // 4 + 1 for kept in stuck)]))
        for kept in stuck:
            if max_fee < kept.max_fee * 11 // 10 + 1 or tip < kept.tip * 11 // 10 + 1:
                what = "the account's balance" if limit != self.max_fee else f"the limit, {_gwei(limit)},"
                raise Unaffordable(
                    f"not mined at {_gwei(kept.max_fee)} a gas with a base fee of {_gwei(base)}, and {what} allows no "
                    "more: waits"
                )
        return max_fee, tip

    def _base_fee(self) -> int:
        return int(self.provider.web3.eth.get_block("latest").get("baseFeePerGas") or 0)

    def _tip(self) -> int:
        """What the node says is usual, or, if it has no such method, its last blocks."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # web3's, about the method that is missing
            try:
                return int(self.provider.web3.eth.max_priority_fee)
            except (Web3Exception, ValueError, LookupError, TypeError):
                return _TIP

    def _explain(self, attempt: Attempt, answer: str) -> None:
        """Says once what the node's answer to a transaction means."""
        known = [meaning for words, meaning in _ANSWERS if any(word in answer.lower() for word in words)]
        meaning = known[0] if known else "the node doesn't take the transaction: {answer}"
        if meaning is None or meaning in self._warned:
            return
        told = meaning.format(
            answer=answer,
            account=self.account.address,
            nonce=attempt.nonce,
            poor=self._poor(attempt.call["gas"] * attempt.max_fee),
            cost=self._coins(attempt.call["gas"] * attempt.max_fee),
            max_fee=_gwei(attempt.max_fee),
            tip=_gwei(attempt.tip),
            base=_gwei(self._base_fee()),
        )
        self._warn(meaning, f"{attempt.purpose}: {told}")

    def _warn(self, key: str, text: str) -> None:
        """In the log, once a call."""
        if key not in self._warned:
            self._warned.add(key)
            logger.warning("%s", text)

    def _poor(self, cost: int | None = None) -> str:
        has = self._coins(int(self.provider.web3.eth.get_balance(self.account.address)))
        needed = (
            "and needs some to pay for gas" if cost is None else f"and the transaction may cost {self._coins(cost)}"
        )
        return f"{self.account.address} has {has}, {needed}: send it some more"

    def _coins(self, wei: int) -> str:
        return f"{_plain(wei, _COIN)} {self.provider.network.ecosystem.fee_token_symbol}"


def _is_valid(attempt: Attempt) -> bool:
    """Whether a node may take it."""
    return attempt.tip <= attempt.max_fee


def _gwei(wei: int) -> str:
    return f"{_plain(wei, _GWEI)} gwei"


def _plain(amount: int, unit: int) -> str:
    text = f"{Decimal(amount) / unit:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _hex(value: Any) -> str:
    text = value if isinstance(value, str) else bytes(value).hex()
    return text if text.startswith("0x") else "0x" + text


def _reason(error: ContractLogicError) -> str:
    return str(error.message or "it would revert").removeprefix("execution reverted").removeprefix(": ")

"""Transactions that arrive in the end: through nodes that are away, fees that rise, restarts and reorganisations.

One call is under way at a time. It is signed and journaled before it is sent, so after a restart the same bytes are
sent again, never another transaction for the same purpose. While it isn't mined:

- a node that doesn't know it gets it again;
- after `patience` seconds it is replaced under the same nonce at fees 1/4 higher (nodes ask for 1/10), up to `max_fee`;
- if the account's nonce was used by another transaction, the call is given up. Its caller looks at the chain again.

It is done when it has `depth` blocks on top. A call that the node expects to revert is not sent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from web3.exceptions import ContractLogicError, TransactionNotFound, Web3RPCError

from offchain.market.errors import MarketError, Reverted
from offchain.market.journal import Attempt, Journal

__all__ = ["MAX_GAS", "Sender"]

logger = logging.getLogger(__name__)

MAX_GAS = 1 << 24  # of one transaction (EIP-7825)
_POLL = (0.05, 2.0)  # seconds between two looks at a transaction: the first, and the most


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
        self._attempt(
            purpose, eth.get_transaction_count(self.account.address), {"to": to, "data": data.hex(), "gas": gas}
        )
        return self._finish()

    def resume(self) -> None:
        """Waits for what an earlier run left under way."""
        attempts = self.journal.open_attempts()
        if not attempts:
            return
        try:
            self._finish()
        except MarketError as error:
            logger.warning("%s, from an earlier run: %s", attempts[0].purpose, error)

    def _finish(self) -> Any:
        """Until the call under way has its outcome."""
        poll, most = _POLL
        while True:
            attempts = self.journal.open_attempts()
            newest, nonce = attempts[-1], attempts[-1].nonce
            head = self.provider.web3.eth.block_number
            used = self._nonce_used(nonce, head - self.depth)  # before looking for receipts: ours may use it meanwhile
            mined = self._mined(attempts)
            if mined is not None and head - mined["blockNumber"] >= self.depth:
                self.journal.end_attempts(nonce)
                if mined["status"] != 1:
                    raise Reverted(f"{newest.purpose}: the transaction {_hex(mined['transactionHash'])} reverted")
                return self.provider.get_receipt(_hex(mined["transactionHash"]), required_confirmations=0)
            if mined is None and used:
                self.journal.end_attempts(nonce)
                raise MarketError(f"{newest.purpose}: another transaction of {self.account.address} took its nonce")
            if mined is None:
                self._push(newest)
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

    def _push(self, newest: Attempt) -> None:
        """Makes sure that the node knows the transaction, and raises its fee if it has been stuck."""
        if time.time() - newest.made > self.patience:
            newest = self._attempt(newest.purpose, newest.nonce, newest.call, newest)
        try:
            self.provider.web3.eth.get_transaction(newest.hash)
        except TransactionNotFound:
            try:
                self.provider.web3.eth.send_raw_transaction(newest.raw)
            except (Web3RPCError, ValueError) as error:  # known already, mined meanwhile, too little gas money
                logger.warning("%s: the node doesn't take the transaction: %s", newest.purpose, error)

    def _attempt(self, purpose: str, nonce: int, call: dict[str, Any], stuck: Attempt | None = None) -> Attempt:
        """Signs and journals a transaction, and sends it. With `stuck`, one that replaces it, if the fee may rise."""
        max_fee, tip = self._fees(stuck)
        if stuck is not None and self.max_fee is not None and max_fee > self.max_fee:
            return stuck
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

    def _fees(self, stuck: Attempt | None) -> tuple[int, int]:
        """Wei a gas, in all and for the miner: those of the next blocks, and a quarter above what was stuck."""
        eth = self.provider.web3.eth
        tip = int(eth.max_priority_fee)
        max_fee = 2 * int(eth.get_block("latest").get("baseFeePerGas", 0)) + tip
        if stuck is not None:
            return max(max_fee, stuck.max_fee * 5 // 4 + 1), max(tip, stuck.tip * 5 // 4 + 1)
        return (max_fee if self.max_fee is None else min(max_fee, self.max_fee)), tip


def _hex(value: Any) -> str:
    text = value if isinstance(value, str) else bytes(value).hex()
    return text if text.startswith("0x") else "0x" + text


def _reason(error: ContractLogicError) -> str:
    return str(error.message or "it would revert").removeprefix("execution reverted").removeprefix(": ")

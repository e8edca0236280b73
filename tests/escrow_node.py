"""Transactions at known seconds, without the framework in between: stories and walks make thousands of them."""

from __future__ import annotations

from typing import Any

from web3.exceptions import ContractLogicError

GAS = 16_000_000  # less than the most that a transaction may use


class Node:
    """`clock` is the time of the next block: it stands still unless it is moved."""

    def __init__(self, provider: Any) -> None:
        self.provider = provider
        self.web3 = provider.web3
        self.clock: int = self.web3.eth.get_block("latest")["timestamp"]

    def send(self, sender: Any, contract: Any, data: bytes) -> Any:
        """A transaction, now; its receipt, whether it succeeded or not."""
        self._set_clock()
        transaction = {"from": sender.address, "to": contract.address, "data": data, "gas": GAS, "gasPrice": 10**10}
        sent = self.web3.eth.send_transaction(transaction)
        return self.web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.002)

    def simulate(self, sender: Any, contract: Any, data: bytes) -> str | None:
        """Why a transaction would fail now, "" if it would not say; None if it would not fail."""
        self._set_clock()
        transaction = {"from": sender.address, "to": contract.address, "data": data, "gas": GAS}
        try:
            self.web3.eth.call(transaction, "pending")
        except ContractLogicError as error:
            return str(error.message).removeprefix("execution reverted").removeprefix(": ")
        return None

    def _set_clock(self) -> None:
        self.provider.make_request("evm_setNextBlockTimestamp", [self.clock])

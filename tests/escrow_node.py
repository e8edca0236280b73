"""Transactions at known seconds, without the framework in between: stories and walks make thousands of them.

The node is asked by plain JSON-RPC: a tenth of the time that web3 takes for the same.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import requests

GAS = 16_000_000  # less than the most that a transaction may use
View = tuple[str, str]  # whom to call, and with what


class Node:
    """`clock` is the time of the next block: it stands still unless it is moved."""

    def __init__(self, provider: Any) -> None:
        self.provider = provider
        self.web3 = provider.web3
        self._url = provider.web3.provider.endpoint_uri
        self._session = requests.Session()
        self.clock: int = int(self.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def ask(self, method: str, *parameters: Any) -> Any:
        """One request's result; RuntimeError with the node's own words if it has none."""
        [answer] = self._post([(method, parameters)])
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        return answer["result"]

    def read(self, views: list[View]) -> list[bytes]:
        """What each view answers, in the latest block, all in one request."""
        return [bytes.fromhex(answer[2:]) for answer in self.ask_all([_call(view) for view in views])]

    def ask_all(self, requests_: list[tuple[str, Any]]) -> list[Any]:
        """The results of requests that change nothing: the node may answer them in any order."""
        return [answer["result"] for answer in self._post(requests_)]

    def _post(self, requests_: list[tuple[str, Any]]) -> list[dict[str, Any]]:
        batch = [
            {"jsonrpc": "2.0", "id": i, "method": method, "params": list(parameters)}
            for i, (method, parameters) in enumerate(requests_)
        ]
        answers = self._session.post(self._url, json=batch, timeout=300).json()
        return sorted(answers, key=lambda answer: answer["id"])

    def send(self, sender: Any, contract: Any, data: bytes) -> Any:
        """A transaction, now; its receipt (status, gasUsed), whether it succeeded or not."""
        self._set_clock()
        transaction = _transaction(sender, contract, data) | {"gasPrice": hex(10**10)}
        receipt = self.ask("eth_sendTransactionSync", transaction)
        return SimpleNamespace(status=int(receipt["status"], 16), gasUsed=int(receipt["gasUsed"], 16))

    def simulate(self, sender: Any, contract: Any, data: bytes) -> str | None:
        """Why a transaction would fail now, "" if it would not say; None if it would not fail."""
        self._set_clock()
        [answer] = self._post([("eth_call", (_transaction(sender, contract, data), "pending"))])
        if "error" not in answer:
            return None
        return str(answer["error"]["message"]).removeprefix("execution reverted").removeprefix(": ")

    def _set_clock(self) -> None:
        self.ask("evm_setNextBlockTimestamp", self.clock)


def view(contract: Any, name: str, *arguments: Any) -> View:
    return contract.address, "0x" + bytes(getattr(contract, name).encode_input(*arguments)).hex()


def _call(view: View) -> tuple[str, Any]:
    return "eth_call", ({"to": view[0], "data": view[1]}, "latest")


def _transaction(sender: Any, contract: Any, data: bytes) -> dict[str, str]:
    return {"from": sender.address, "to": contract.address, "data": "0x" + bytes(data).hex(), "gas": hex(GAS)}

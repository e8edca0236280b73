"""Contracts by address, and deploying them, through Ape.

None of them is asked whether it is a proxy of something else: their interfaces are known here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ape import Contract

__all__ = ["Transact", "allow", "contract_at", "deploy_contract", "sending", "token_at"]

Transact = Callable[..., Any]  # of a contract's method and its arguments: sends it, and returns Ape's receipt

_ADDRESS, _AMOUNT = {"name": "account", "type": "address"}, {"name": "amount", "type": "uint256"}
_TOKEN = [
    {
        "type": "function",
        "name": "approve",
        "stateMutability": "nonpayable",
        "inputs": [_ADDRESS, _AMOUNT],
        "outputs": [{"name": "", "type": "bool"}],
    },
    {
        "type": "function",
        "name": "allowance",
        "stateMutability": "view",
        "inputs": [{"name": "owner", "type": "address"}, {"name": "spender", "type": "address"}],
        "outputs": [_AMOUNT],
    },
    {
        "type": "function",
        "name": "balanceOf",
        "stateMutability": "view",
        "inputs": [_ADDRESS],
        "outputs": [_AMOUNT],
    },
    {
        "type": "function",
        "name": "transfer",
        "stateMutability": "nonpayable",
        "inputs": [_ADDRESS, _AMOUNT],
        "outputs": [{"name": "", "type": "bool"}],
    },
    {
        "type": "function",
        "name": "decimals",
        "stateMutability": "view",
        "inputs": [],
        "outputs": [{"name": "", "type": "uint8"}],
    },
]


def contract_at(container: Any, address: str) -> Any:
    """The contract at an address. container: its type, as the Ape project knows it by name."""
    return container.at(address, detect_proxy=False)


def token_at(address: str) -> Any:
    """A reward token (EIP-20), with the few calls that parties make themselves."""
    return Contract(address, abi=_TOKEN, detect_proxy=False)


def allow(transact: Transact, account: Any, token: str, spender: str, amount: int) -> None:
    """Lets `spender` pull an amount of a token, unless it may already."""
    contract = token_at(token)
    if int(contract.allowance(account, spender)) < amount:
        transact(contract.approve, spender, amount)


def sending(account: Any) -> Transact:
    """Sends from an account as Ape does. A program that runs for weeks has a `Sender` instead."""
    return lambda method, *arguments: method(*arguments, sender=account)


def deploy_contract(account: Any, container: Any, *arguments: Any) -> Any:
    """Deploys a contract of this type from an account."""
    receipt = account.call(container(*arguments))
    if not receipt.contract_address:  # not mined yet: a development chain with a block time
        receipt = receipt.provider.get_receipt(receipt.txn_hash)
    return contract_at(container, receipt.contract_address)

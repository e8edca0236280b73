"""Contracts by address, and deploying them, through Ape.

None of them is asked whether it is a proxy of something else: their interfaces are known here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ape import Contract

from offchain.market.errors import MarketError, Reverted, Unaffordable

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
    """Lets `spender` pull an amount of a token, unless it may already.

    Some tokens, as USDT, set an allowance from zero alone: what is left of an earlier one is taken back first. Raises
    Unaffordable if the account has less than the amount, MarketError if the token doesn't do as it is told.
    """
    contract = token_at(token)
    if (balance := int(contract.balanceOf(account))) < amount:
        raise Unaffordable(f"{account} has {_units(balance, token)}, and needs {_units(amount, token)}")
    allowed = int(contract.allowance(account, spender))
    if allowed >= amount:
        return
    for target in (0, amount) if allowed else (amount,):
        try:
            receipt = transact(contract.approve, spender, target)
        except Reverted as error:
            raise MarketError(f"the allowance of {_units(target, token)} for {spender}: {error}") from error
        allowed = int(contract.allowance(account, spender, block_id=receipt.block_number))
        if allowed < target:
            raise MarketError(f"the token allows {spender} {_units(allowed, token)} when told {_units(target, token)}")


def _units(amount: int, token: str) -> str:
    return f"{amount} units of the token {token}"


def sending(account: Any) -> Transact:
    """Sends from an account as Ape does. A program that runs for weeks has a `Sender` instead."""
    return lambda method, *arguments: method(*arguments, sender=account)


def deploy_contract(account: Any, container: Any, *arguments: Any) -> Any:
    """Deploys a contract of this type from an account."""
    receipt = account.call(container(*arguments))
    if not receipt.contract_address:  # not mined yet: a development chain with a block time
        receipt = receipt.provider.get_receipt(receipt.txn_hash)
    return contract_at(container, receipt.contract_address)

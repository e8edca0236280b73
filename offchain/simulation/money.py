"""Where the parties of a simulated market have their tokens from: made for the occasion, or an existing token's holder.

The latter is for forks. A development node lets anybody act for a holder ("impersonation"), on that fork alone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Protocol

from ape import accounts
from ape.exceptions import ApeException

from offchain.market.chain import deploy_contract, token_at
from offchain.market.errors import MarketError

__all__ = ["DECIMALS", "Impersonated", "Minted", "Money", "whole"]

DECIMALS = 18  # of a token that is made here
_GAS_MONEY = 10**18  # wei


def whole(amount: int | str, decimals: int) -> Decimal:
    """An amount in the token's smallest unit, as whole tokens."""
    return Decimal(amount).scaleb(-decimals)


class Money(Protocol):
    """A token (EIP-20) and a way to get some."""

    token: Any
    decimals: int

    def require(self, amount: int) -> None:
        """Raises MarketError unless so much can be had."""

    def give(self, account: Any, amount: int) -> None:
        """Makes an account richer."""


class Minted:
    """A token of its own. `contracts` is the Ape project."""

    def __init__(self, deployer: Any, contracts: Any) -> None:
        self.token = deploy_contract(deployer, contracts.Token)
        self.decimals = DECIMALS
        self._deployer = deployer

    def require(self, amount: int) -> None:
        pass

    def give(self, account: Any, amount: int) -> None:
        self.token.mint(account, amount, sender=self._deployer)


class Impersonated:
    """What `holder` has of an existing token. Raises MarketError if there is no such token."""

    def __init__(self, provider: Any, token: str, holder: str) -> None:
        if not provider.get_code(token):
            raise MarketError(f"there is no contract at {token}")
        self.token = token_at(token)
        try:
            self.decimals = int(self.token.decimals())
            int(self.token.balanceOf(holder))
        except (ApeException, TypeError, ValueError):
            raise MarketError(f"the contract at {token} is not a token with decimals and balances") from None
        self._holder = accounts.test_accounts.impersonate_account(holder)
        provider.set_balance(holder, _GAS_MONEY)

    def require(self, amount: int) -> None:
        balance = int(self.token.balanceOf(self._holder))
        if balance < amount:
            raise MarketError(f"{self._holder.address} has {balance} of the token's smallest unit, {amount} are needed")

    def give(self, account: Any, amount: int) -> None:
        self.token.transfer(account, amount, sender=self._holder)

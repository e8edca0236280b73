"""Where a simulated market's money comes from.

On a development chain, or a fork without a token, the market makes a token of its own and mints what its parties need.
On a fork an existing token can be the reward: a holder that has enough of it there is impersonated, and gives each
party what it needs. Nothing of this reaches the chain that was forked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ape import accounts
from ape.exceptions import ApeException

from offchain.market.chain import deploy_contract, token_at
from offchain.market.errors import MarketError, SettingsError
from offchain.market.money import MOST_DECIMALS, check_token

__all__ = ["OWN_DECIMALS", "HeldToken", "Money", "OwnToken"]

OWN_DECIMALS = 18
GAS_MONEY = 10**20  # wei: a holder may be a contract that has none


class Money(ABC):
    """A reward token, and a way to give it. token: the contract; decimals: 10^decimals units are one token."""

    token: Any
    decimals: int

    @abstractmethod
    def require(self, amount: int) -> None:
        """Raises MarketError unless that many units can be given, all in all."""

    @abstractmethod
    def give(self, account: Any, amount: int) -> None:
        """That many units to an account. Raises MarketError if they don't arrive."""


class OwnToken(Money):
    """Made for the market: there is as much of it as anybody asks for."""

    decimals = OWN_DECIMALS

    def __init__(self, contracts: Any, deployer: Any) -> None:
        self.token = deploy_contract(deployer, contracts.Token)
        self._deployer = deployer

    def require(self, amount: int) -> None:
        pass

    def give(self, account: Any, amount: int) -> None:
        self.token.mint(account, amount, sender=self._deployer)


class HeldToken(Money):
    """An ERC-20 that exists, given away by an account that holds some. provider: of a development chain or a fork, that
    lets itself be told balances and lets anybody send from the account.

    Raises SettingsError for an address without code, or code that doesn't answer as an ERC-20 does.
    """

    def __init__(self, token: str, holder: str, provider: Any) -> None:
        self._told = check_token(token, provider)
        if self._told.decimals is None:
            raise SettingsError(f"token {token}: it doesn't say its `decimals`, or more than {MOST_DECIMALS}")
        self.decimals = self._told.decimals
        self.token = token_at(token)
        self._address = token
        self._holder = holder
        provider.set_balance(holder, max(GAS_MONEY, provider.get_balance(holder)))
        self._account = accounts.test_accounts.impersonate_account(holder)

    def require(self, amount: int) -> None:
        held = int(self.token.balanceOf(self._holder))
        if held < amount:
            raise MarketError(
                f"holder {self._holder} has {self._told.exact(held)} and {self._told.exact(amount)} are needed: "
                "name a richer one, or ask for a smaller reward, fewer rounds or fewer trainers"
            )

    def give(self, account: Any, amount: int) -> None:
        before = int(self.token.balanceOf(account))
        try:
            self.token.transfer(account, amount, sender=self._account)
        except ApeException as error:
            raise MarketError(f"token {self._address} refuses a transfer from {self._holder}: {error}") from error
        arrived = int(self.token.balanceOf(account)) - before
        if arrived != amount:
            raise MarketError(
                f"token {self._address} takes a fee: of {self._told.exact(amount)} "
                f"{self._told.exact(arrived)} arrived, and an escrow refuses such a token"
            )

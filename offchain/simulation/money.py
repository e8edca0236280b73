"""Where a simulated market's money comes from, and how its amounts are written.

On a development chain, or a fork without a token, the market makes a token of its own and mints what its parties need.
On a fork an existing token can be the reward: a holder that has enough of it there is impersonated, and gives each
party what it needs. Nothing of this reaches the chain that was forked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from ape import accounts
from ape.exceptions import ApeException

from offchain.market.chain import deploy_contract, token_at
from offchain.market.errors import MarketError

__all__ = ["MAX_REWARD", "OWN_DECIMALS", "HeldToken", "Money", "OwnToken", "as_units", "shown"]

OWN_DECIMALS = 18
MAX_REWARD = 2**96 - 1  # units, of a round: contracts/TermLimits.vy, MAX_AMOUNT
MOST_DECIMALS = 77  # 10^77 is the largest power of ten in 256 bits
GAS_MONEY = 10**20  # wei: a holder may be a contract that has none
DIGITS = 4  # of a round's reward that a table shows, at least
LEAST_PLACES = 2


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

    Raises MarketError for an address without code, or code that doesn't answer as an ERC-20 does.
    """

    def __init__(self, token: str, holder: str, provider: Any) -> None:
        if not provider.get_code(token):
            raise MarketError(f"token {token}: there is no contract at this address on {provider.network.choice}")
        self.token = token_at(token)
        try:
            self.decimals = int(self.token.decimals())
            self.token.balanceOf(holder)
        except Exception as error:  # whatever other code answers with, Ape fails on in its own ways
            raise MarketError(f"token {token}: not an ERC-20, it has no `decimals` or no `balanceOf`") from error
        if self.decimals > MOST_DECIMALS:
            raise MarketError(f"token {token}: not an ERC-20, it claims {self.decimals} decimals")
        self._address = token
        self._holder = holder
        provider.set_balance(holder, max(GAS_MONEY, provider.get_balance(holder)))
        self._account = accounts.test_accounts.impersonate_account(holder)

    def require(self, amount: int) -> None:
        held = int(self.token.balanceOf(self._holder))
        if held < amount:
            raise MarketError(
                f"holder {self._holder} has {self._tokens(held)} tokens and {self._tokens(amount)} are needed: "
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
                f"token {self._address} takes a fee: of {self._tokens(amount)} tokens "
                f"{self._tokens(arrived)} arrived, and an escrow refuses such a token"
            )

    def _tokens(self, amount: int) -> str:
        return f"{Decimal(amount).scaleb(-self.decimals):,f}"


def as_units(tokens: str, decimals: int) -> int:
    """A round's reward in the token's smallest unit, exactly. Raises MarketError unless it is a whole number of them,
    and no more than the contract takes.
    """
    try:
        amount = Decimal(tokens)
    except InvalidOperation:
        amount = Decimal("NaN")
    size = amount.adjusted() + decimals  # of the first digit, in units: what is far out of range is never worked out
    units = Fraction(0)
    if amount.is_finite() and amount > 0 and size >= 0:
        units = Fraction(amount) * 10**decimals if size <= MOST_DECIMALS else Fraction(MAX_REWARD + 1)
    if units < 1 or units.denominator != 1:
        raise MarketError(f"reward: not an amount of a token with {decimals} decimals: {tokens}")
    if units > MAX_REWARD:
        most = Decimal(MAX_REWARD // 10**decimals)
        raise MarketError(f"reward: at most {most:,} tokens of {decimals} decimals, the contract's limit, not {tokens}")
    return int(units)


def shown(amount: int | str, decimals: int, reward: int) -> str:
    """An amount in tokens, with as many places as a round's reward of that many units needs to show four digits."""
    size = Decimal(reward).scaleb(-decimals).adjusted()
    places = min(decimals, max(LEAST_PLACES, DIGITS - 1 - size))
    return f"{Decimal(amount).scaleb(-decimals):,.{places}f}"

"""Amounts of a reward token: in tokens for people, in the token's smallest unit for contracts.

    "250"                tokens
    "250 USDC"           the same, if that is the token's symbol
    "250000000 units"    the smallest unit

A token is a stranger's contract. What it says of itself (`decimals`, `symbol`) may be missing, of another type, or made
to be misread: it is asked with a bounded amount of gas, its symbol is cut, and stands in quotes if it is more than
letters and digits. Without usable decimals amounts are in units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from eth_utils import keccak
from web3.exceptions import BadFunctionCallOutput, ContractLogicError, Web3RPCError

from offchain.market.errors import SettingsError

__all__ = ["MAX_AMOUNT", "Token", "as_units", "balance_of", "check_token", "read_token", "shown"]

MAX_AMOUNT = 1 << 96  # exclusive: the limit of an escrow's terms
MOST_DECIMALS = 77  # 10^77 is the largest power of ten in 256 bits
NO_SYMBOL = "tokens"
_UNITS = ("unit", "units")
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?(e[+-]?[0-9]{1,2})?", re.ASCII | re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._+-]*", re.ASCII)
_STRAY = re.compile(r"[^A-Za-z0-9$._+-]", re.ASCII)
_MOST_SYMBOL = 16  # characters
_MOST_TEXT = 30  # characters of an amount in tokens; beyond, it is said in units
_PLACES = 6
_DIGITS = 4  # of a round's reward that a table shows, at least
_LEAST_PLACES = 2
_GAS = 1_000_000  # of a question to a token: bounds what it can answer to less than a megabyte
_WORD = 32


@dataclass(frozen=True)
class Token:
    """What is known of a token. decimals: 10^decimals units are one token; None if it doesn't say."""

    address: str
    decimals: int | None
    symbol: str  # as it can be shown

    def units(self, text: str, name: str) -> int:
        """What a person wrote, in units. name: of the setting, for errors. Raises SettingsError."""
        number, _, word = text.strip().partition(" ")
        word = word.strip()
        if word in _UNITS:
            return as_units(number, 0, name)
        if word not in ("", self.symbol, self.symbol.strip('"')):
            raise SettingsError(f"{name}: in {self.symbol}, which is the token at {self.address}, not {word!r}")
        if self.decimals is None:
            raise SettingsError(
                f"{name}: the token {self.address} doesn't say its decimals: give its smallest unit, '{number} units'"
            )
        return as_units(number, self.decimals, name)

    def exact(self, units: int) -> str:
        """An amount with what it is of, to the unit: "1,312.5 USDC"."""
        number = "" if self.decimals is None else _trimmed(f"{_tokens(units, self.decimals):,f}")
        return f"{units:,} units of {self.symbol}" if not 0 < len(number) <= _MOST_TEXT else f"{number} {self.symbol}"

    def told(self, units: int) -> str:
        """As `exact`, but "~333.333333 USDC" for what needs more than six places."""
        if self.decimals is None or self.decimals <= _PLACES:
            return self.exact(units)
        amount = _tokens(units, self.decimals)
        rounded = _trimmed(f"{amount:,.{_PLACES}f}")
        if units % 10 ** (self.decimals - _PLACES) == 0 or rounded == "0" or len(rounded) > _MOST_TEXT:
            return self.exact(units)
        return f"~{rounded} {self.symbol}"

    def shown(self, units: int | str, reward: int) -> str:
        """The number alone, for a table: see `shown`."""
        return shown(units, self.decimals or 0, reward)

    @property
    def unit(self) -> str:
        """What the numbers of `shown` are of."""
        return self.symbol if self.decimals is not None else f"units of {self.symbol}"


def read_token(address: str, provider: Any) -> Token:
    """What a token says of itself. Never raises for what the token is."""
    decimals = _ask(provider, address, "decimals()")
    number = int.from_bytes(decimals[:_WORD], "big") if len(decimals) >= _WORD else MOST_DECIMALS + 1
    return Token(address, number if number <= MOST_DECIMALS else None, _symbol_of(_ask(provider, address, "symbol()")))


def check_token(address: str, provider: Any) -> Token:
    """A token that can pay: `read_token` of code that has balances. Raises SettingsError."""
    if not bytes(provider.get_code(address)):
        raise SettingsError(f"token {address}: there is no contract at this address on {provider.network.choice}")
    balance_of(address, "0x" + "00" * 19 + "01", provider)
    return read_token(address, provider)


def balance_of(token: str, account: str, provider: Any) -> int:
    """Units that an account has. Raises SettingsError if the token doesn't say."""
    answer = _ask(provider, token, "balanceOf(address)", bytes.fromhex(account[2:]).rjust(_WORD, b"\0"))
    if len(answer) < _WORD:
        raise SettingsError(f"token {token}: not an ERC-20, it has no `balanceOf`")
    return int.from_bytes(answer[:_WORD], "big")


def as_units(tokens: str, decimals: int, name: str = "amount") -> int:
    """An amount of tokens in their smallest unit. Raises SettingsError unless it is a whole number of them, above zero,
    that an escrow can hold.
    """
    if not _AMOUNT.fullmatch(tokens):
        raise SettingsError(f"{name}: not an amount of a token with {decimals} decimals: {tokens[:40]}")
    _, digits, exponent = Decimal(tokens).as_tuple()
    assert isinstance(exponent, int)  # the pattern has no NaN
    number, shift = int("".join(map(str, digits))), exponent + decimals
    units, rest = (number * 10**shift, 0) if shift >= 0 else divmod(number, 10**-shift)
    if rest or units < 1:
        raise SettingsError(f"{name}: not an amount of a token with {decimals} decimals: {tokens[:40]}")
    if units >= MAX_AMOUNT:
        hint = f"; for the smallest unit write '{tokens} units'" if decimals and tokens.isdigit() else ""
        raise SettingsError(
            f"{name}: {tokens[:40]} is more than an escrow can hold, which is below 2^96 of the token's smallest unit, "
            f"10^-{decimals} tokens{hint}"
        )
    return units


def shown(amount: int | str, decimals: int, reward: int) -> str:
    """An amount in tokens, with as many places as a round's reward of that many units needs to show four digits. What
    is too little for them is "<0.01", not nothing.
    """
    size = _tokens(reward, decimals).adjusted()
    places = min(decimals, max(_LEAST_PLACES, _DIGITS - 1 - size))
    tokens = _tokens(int(amount), decimals)
    least = Decimal((0, (1,), -places))
    return f"<{least:f}" if 0 < tokens < least else f"{tokens:,.{places}f}"


def _tokens(units: int, decimals: int) -> Decimal:
    """Exact, whatever the context's precision."""
    return Decimal(f"{units}E-{decimals}")


def _trimmed(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number


def _symbol_of(answer: bytes) -> str:
    """A string's or a bytes32's text, as it can be shown."""
    if len(answer) == _WORD:
        raw = answer  # as MKR
    elif len(answer) > 2 * _WORD and int.from_bytes(answer[:_WORD], "big") == _WORD:
        raw = answer[2 * _WORD :][: min(int.from_bytes(answer[_WORD : 2 * _WORD], "big"), 8 * _MOST_SYMBOL)]
    else:
        return NO_SYMBOL
    text = raw.decode("utf-8", "replace").strip("\0 ")
    if len(text) > _MOST_SYMBOL:
        text = text[: _MOST_SYMBOL - 1] + "?"
    if not text:
        return NO_SYMBOL
    is_plain = _PLAIN.fullmatch(text) and text.lower() not in _UNITS
    return text if is_plain else f'"{_STRAY.sub("?", text)}"'


def _ask(provider: Any, address: str, signature: str, arguments: bytes = b"") -> bytes:
    """What a stranger's contract answers; nothing if it reverts."""
    data = keccak(text=signature)[:4] + arguments
    try:
        return bytes(provider.web3.eth.call({"to": address, "data": "0x" + data.hex(), "gas": _GAS}))
    except (ContractLogicError, Web3RPCError, BadFunctionCallOutput, ValueError):
        return b""

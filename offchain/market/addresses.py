"""Addresses as people write them: in a file, on a command line, by the alias of an account that Ape has here."""

from __future__ import annotations

import re
from typing import Any

from eth_utils import is_checksum_address, is_hex_address, to_checksum_address

from offchain.market.errors import SettingsError

__all__ = ["checked_address", "resolved_address"]

_TEST = re.compile(r"TEST::([0-9]{1,4})", re.ASCII)
_EXPECTED = "an address is 0x and 40 hex digits"


def checked_address(text: str, name: str) -> str:
    """With its checksum. name: of the setting, for errors. Raises SettingsError."""
    if not text.startswith("0x") or not is_hex_address(text):
        raise SettingsError(f"{name}: {text[:80]!r} is no address; {_EXPECTED}")
    digits = text[2:]
    if digits not in (digits.lower(), digits.upper()) and not is_checksum_address(text):
        raise SettingsError(f"{name}: a digit of {text} is wrong, its capital letters don't fit (EIP-55)")
    if not int(text, 16):
        raise SettingsError(f"{name}: the zero address is nobody's")
    return str(to_checksum_address(text))


def resolved_address(text: str, name: str, accounts: Any) -> str:
    """An address, the alias of an account, or a test account as TEST::1. accounts: Ape's manager of them. Raises
    SettingsError.
    """
    if text.startswith("0x"):
        return checked_address(text, name)
    if test := _TEST.fullmatch(text):
        number = int(test[1])
        if number < len(accounts.test_accounts):
            return str(accounts.test_accounts[number].address)
    elif text in (aliases := list(accounts.aliases)):
        return str(accounts.load(text).address)
    else:
        known = f"here are: {', '.join(aliases)}" if aliases else "there is none here"
        raise SettingsError(
            f"{name}: {text[:80]!r} is neither an address (0x and 40 hex digits; names such as ENS's aren't looked up) "
            f"nor the alias of an account of Ape ({known})"
        )
    raise SettingsError(f"{name}: there are {len(accounts.test_accounts)} test accounts, so no {text}")

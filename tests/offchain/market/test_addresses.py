"""Who is meant by what a person wrote."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from offchain.market.addresses import checked_address, resolved_address
from offchain.market.errors import SettingsError

ALICE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
BOB = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"


class Accounts:
    """As Ape's manager of accounts."""

    def __init__(self, **aliases: str) -> None:
        self.by_alias = aliases
        self.test_accounts = [SimpleNamespace(address=ALICE), SimpleNamespace(address=BOB)]

    @property
    def aliases(self) -> Any:
        return iter(self.by_alias)

    def load(self, alias: str) -> Any:
        return SimpleNamespace(address=self.by_alias[alias])


@pytest.mark.parametrize("text", [ALICE, ALICE.lower(), "0x" + ALICE[2:].upper()])
def test_checked_address__any_case__has_its_checksum(text: str) -> None:
    assert checked_address(text, "token") == ALICE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo", "project: 'foo' is no address; an address is 0x and 40 hex digits"),
        (ALICE[2:], "is no address"),
        (ALICE[:-1], "is no address"),
        (ALICE + "0", "is no address"),
        ("0x" + "g" * 40, "is no address"),
        (ALICE.replace("C5", "c5"), "a digit of 0x70997970c51812dc3A010C7d01b50e0d17dc79C8 is wrong"),
        ("0x" + "0" * 40, "the zero address is nobody's"),
    ],
)
def test_checked_address__anything_else__says_what_is_expected(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        checked_address(text, "project")


@pytest.mark.parametrize(("text", "address"), [(BOB.lower(), BOB), ("agg", BOB), ("TEST::0", ALICE), ("TEST::1", BOB)])
def test_resolved_address__address_or_alias_or_test_account__the_address(text: str, address: str) -> None:
    assert resolved_address(text, "aggregators", Accounts(agg=BOB)) == address


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ag", "aggregators: 'ag' is neither an address .* nor the alias of an account of Ape (here are: agg, owner)"),
        ("vitalik.eth", "names such as ENS's aren't looked up"),
        ("TEST::2", "aggregators: there are 2 test accounts, so no TEST::2"),
        ("TEST::x", "'TEST::x' is neither"),
        ("", "'' is neither"),
    ],
)
def test_resolved_address__nobody__says_who_there_is(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message).replace(r"\.\*", ".*")):
        resolved_address(text, "aggregators", Accounts(agg=BOB, owner=ALICE))


def test_resolved_address__no_accounts_at_all__says_so() -> None:
    with pytest.raises(SettingsError, match="there is none here"):
        resolved_address("agg", "aggregators", Accounts())

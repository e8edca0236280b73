"""Amounts in tokens and in units, and what is believed of a token."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from eth_abi import encode
from eth_utils import keccak
from web3.exceptions import ContractLogicError

from offchain.market.errors import SettingsError
from offchain.market.money import MAX_AMOUNT, Token, as_units, balance_of, check_token, read_token, shown

ADDRESS = "0x0000000000000000000000000000000012345678"
USDC = Token(ADDRESS, 6, "USDC")
EIGHTEEN = Token(ADDRESS, 18, "DAI")
SILENT = Token(ADDRESS, None, "tokens")


def answering(**answers: bytes) -> Any:
    """A provider on whose chain one contract answers these views, and reverts at all others."""
    by_selector = {keccak(text=f"{name}()")[:4].hex(): answer for name, answer in answers.items()}

    def call(request: dict[str, Any]) -> bytes:
        selector = request["data"][2:10]
        if selector not in by_selector:
            raise ContractLogicError("execution reverted")
        return by_selector[selector]

    return SimpleNamespace(web3=SimpleNamespace(eth=SimpleNamespace(call=call)))


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.mark.parametrize(
    ("tokens", "decimals", "units"),
    [
        ("1000", 18, 10**21),
        ("0.000001", 6, 1),
        ("2.5", 6, 2_500_000),
        ("7", 0, 7),
        ("1e3", 0, 1_000),
        ("1e-6", 6, 1),
        ("79228162514.264337593543950335", 18, MAX_AMOUNT - 1),  # more digits than a Decimal's context keeps
        ("0." + "0" * 76 + "1", 77, 1),
    ],
)
def test_as_units__whole_number_of_them__exact(tokens: str, decimals: int, units: int) -> None:
    assert as_units(tokens, decimals) == units


@pytest.mark.parametrize(
    ("tokens", "decimals"),
    [
        *[("0", 18), ("-1", 18), ("0.0000001", 6), ("0.5", 0), ("much", 6), ("nan", 6), ("inf", 6), ("", 6)],
        *[("1_000", 6), ("1,000", 6), ("1.", 6), (".5", 6), ("1e999999999", 18), ("\u0661", 6), ("1 000", 6)],
    ],
)
def test_as_units__anything_else__refused(tokens: str, decimals: int) -> None:
    with pytest.raises(SettingsError, match=f"amount: not an amount of a token with {decimals} decimals: {tokens}"):
        as_units(tokens, decimals)


@pytest.mark.parametrize(
    ("tokens", "decimals", "hint"),
    [("1e30", 18, ""), ("79228162514.264337593543950336", 18, ""), (str(10**21), 18, f"; .* write '{10**21} units'")],
)
def test_as_units__more_than_an_escrow_holds__refused(tokens: str, decimals: int, hint: str) -> None:
    """A reward in the smallest unit, as files had it once, is 10^18 times too much."""
    with pytest.raises(SettingsError, match=f"reward: {tokens} is more than an escrow can hold.*{hint}$"):
        as_units(tokens, decimals, "reward")


@pytest.mark.parametrize(
    ("text", "units"),
    [
        *[("250", 250_000_000), ("250 USDC", 250_000_000), (" 0.5  USDC ", 500_000)],
        *[("250000000 units", 250_000_000), ("1 unit", 1)],
    ],
)
def test_units__tokens_with_or_without_symbol_or_units__in_units(text: str, units: int) -> None:
    assert USDC.units(text, "round_reward") == units


@pytest.mark.parametrize(
    ("coin", "text", "message"),
    [
        (USDC, "250 DAI", f"round_reward: in USDC, which is the token at {ADDRESS}, not 'DAI'"),
        (USDC, "0.5 units", "round_reward: not an amount of a token with 0 decimals: 0.5"),
        (SILENT, "250", rf"the token {ADDRESS} doesn't say its decimals: give its smallest unit, '250 units'"),
    ],
)
def test_units__what_can_not_be_meant__refused(coin: Token, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        coin.units(text, "round_reward")


def test_units__token_without_decimals__in_its_smallest_unit() -> None:
    assert SILENT.units("12 units", "round_reward") == 12


@pytest.mark.parametrize(
    ("coin", "units", "exact", "told"),
    [
        (USDC, 5_250_000_000, "5,250 USDC", "5,250 USDC"),
        (USDC, 1, "0.000001 USDC", "0.000001 USDC"),
        (USDC, 0, "0 USDC", "0 USDC"),
        (EIGHTEEN, 10**21 // 3, "333.333333333333333333 DAI", "~333.333333 DAI"),
        (EIGHTEEN, 125 * 10**17, "12.5 DAI", "12.5 DAI"),
        (EIGHTEEN, 250, "0.00000000000000025 DAI", "0.00000000000000025 DAI"),  # never nothing
        (Token(ADDRESS, 0, "WHOLE"), 1_200, "1,200 WHOLE", "1,200 WHOLE"),
        (Token(ADDRESS, 77, "TINY"), 12, "12 units of TINY", "12 units of TINY"),  # 79 characters else
        (SILENT, 1_200, "1,200 units of tokens", "1,200 units of tokens"),
    ],
)
def test_told__amounts__with_what_they_are_of(coin: Token, units: int, exact: str, told: str) -> None:
    assert (coin.exact(units), coin.told(units)) == (exact, told)


@pytest.mark.parametrize(
    ("amount", "decimals", "reward", "text"),
    [
        (1_234_567_890, 6, 10**9, "1,234.57"),
        ("12500000000000000000", 18, 10**21, "12.50"),
        (12_345, 8, 10**5, "0.000123"),
        (12, 0, 1_000, "12"),
        (1, 18, 10**21, "<0.01"),
        (0, 18, 10**21, "0.00"),
    ],
)
def test_shown__amount__has_places_that_fit_the_reward(
    amount: int | str, decimals: int, reward: int, text: str
) -> None:
    assert shown(amount, decimals, reward) == text


SYMBOLS = {
    "as most": (encode(["string"], ["USDC.e"]), "USDC.e"),
    "bytes32, as MKR": (b"MKR".ljust(32, b"\0"), "MKR"),
    "digits first": (encode(["string"], ["1INCH"]), '"1INCH"'),  # could be read as a part of the number
    "digits": (encode(["string"], ["000"]), '"000"'),
    "units": (encode(["string"], ["units"]), '"units"'),
    "not ASCII": (encode(["string"], ["USD\u20ae0"]), '"USD?0"'),
    "a terminal's colour": (encode(["string"], ["\x1b[31mUSDC\n"]), '"??31mUSDC?"'),
    "markup, and another direction": (encode(["string"], ["[red]A\u202eB"]), '"?red?A?B"'),
    "long": (encode(["string"], ["A" * 5_000]), '"' + "A" * 15 + '?"'),
    "empty": (encode(["string"], [""]), "tokens"),
    "two strings": (encode(["string", "string"], ["A", "B"]), "tokens"),
    "a length that isn't true": (word(32) + word(2**255) + b"AB".ljust(32, b"\0"), "AB"),
    "nothing": (b"", "tokens"),
    "three bytes": (b"USD", "tokens"),
    "not UTF-8": (encode(["bytes"], [b"\xff"]), '"?"'),
}


@pytest.mark.parametrize(("answer", "symbol"), SYMBOLS.values(), ids=SYMBOLS)
def test_read_token__symbol__as_it_can_be_shown(answer: bytes, symbol: str) -> None:
    assert read_token(ADDRESS, answering(decimals=word(6), symbol=answer)) == Token(ADDRESS, 6, symbol)


@pytest.mark.parametrize(
    ("answer", "decimals"),
    [(word(0), 0), (word(77), 77), (word(78), None), (word(2**256 - 1), None), (b"", None), (b"\x06", None)],
)
def test_read_token__decimals__none_if_they_are_of_no_use(answer: bytes, decimals: int | None) -> None:
    assert read_token(ADDRESS, answering(decimals=answer)) == Token(ADDRESS, decimals, "tokens")


CODES = {
    "nothing": "00",
    "reverts": "5f5ffd",
    "is invalid": "fe",
    "never ends": "5b5f56",
    "answers 16 MiB": "62ffffff5ff3",
}


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_token__code_that_answers_nothing_of_use__nothing_is_known(chain: Any, code: str) -> None:
    provider = chain.provider
    provider.set_code(ADDRESS, bytes.fromhex(code))
    assert read_token(ADDRESS, provider) == Token(ADDRESS, None, "tokens")
    with pytest.raises(SettingsError, match=f"token {ADDRESS}: not an ERC-20, it has no `balanceOf`"):
        check_token(ADDRESS, provider)


def test_check_token__address_without_code__named_with_the_network(chain: Any, stranger: Any) -> None:
    with pytest.raises(SettingsError, match=f"token {stranger.address}: there is no contract at this .* on ethereum"):
        check_token(stranger.address, chain.provider)


def test_check_token__tokens_on_chain__what_they_say(chain: Any, deploy: Callable[..., Any], stranger: Any) -> None:
    six, silent = deploy("SixDecimalsToken"), deploy("NothingReturnedToken")
    six.mint(stranger, 12, sender=stranger)
    assert check_token(six.address, chain.provider) == Token(six.address, 6, "PLAIN")
    assert check_token(silent.address, chain.provider) == Token(silent.address, 6, "tokens")
    assert balance_of(six.address, stranger.address, chain.provider) == 12

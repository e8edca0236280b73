"""Where a simulated market's money comes from: an impersonated holder, and the errors that stop it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from offchain.market.errors import MarketError, SettingsError
from offchain.simulation.market import Market
from offchain.simulation.money import HeldToken
from offchain.simulation.options import MarketOptions, OptionError
from scripts.simulate import cli

HELD = 10**9
HOLDER = "0x00000000000000000000000000000000C0FFEE00"

Deploy = Callable[..., Any]


@pytest.fixture
def usdx(deploy: Deploy, stranger: Any) -> Any:
    """A token of six decimals, of which the holder has a thousand."""
    token = deploy("SixDecimalsToken")
    token.mint(HOLDER, HELD, sender=stranger)
    return token


@pytest.fixture
def held(usdx: Any, chain: Any) -> HeldToken:
    return HeldToken(usdx.address, HOLDER, chain.provider)


def test_held_token__given__moves_from_the_holder(held: HeldToken, usdx: Any, stranger: Any) -> None:
    assert held.decimals == 6
    held.give(stranger, 123)
    assert (usdx.balanceOf(stranger), usdx.balanceOf(HOLDER)) == (123, HELD - 123)


def test_held_token__holder_has_enough__is_all_that_is_required(held: HeldToken) -> None:
    held.require(HELD)
    with pytest.raises(MarketError, match=rf"holder {HOLDER} has 1,000 PLAIN and 1,000\.000001 PLAIN are needed"):
        held.require(HELD + 1)


def test_held_token__more_than_the_holder_has__says_who_refuses(held: HeldToken, usdx: Any, stranger: Any) -> None:
    with pytest.raises(MarketError, match=f"token {usdx.address} refuses a transfer from {HOLDER}: "):
        held.give(stranger, HELD + 1)


def test_held_token__nothing_returned__given_all_the_same(deploy: Deploy, chain: Any, stranger: Any) -> None:
    """As USDT."""
    token = deploy("NothingReturnedToken")
    token.mint(HOLDER, HELD, sender=stranger)
    HeldToken(token.address, HOLDER, chain.provider).give(stranger, HELD)
    assert (token.balanceOf(stranger), token.balanceOf(HOLDER)) == (HELD, 0)


@pytest.mark.parametrize("wei", [0, 10**21])
def test_held_token__holder__has_ether_for_gas_and_no_less_than_before(usdx: Any, chain: Any, wei: int) -> None:
    chain.provider.set_balance(HOLDER, wei)
    HeldToken(usdx.address, HOLDER, chain.provider)
    assert chain.provider.get_balance(HOLDER) == max(wei, 10**20)


def test_held_token__fee_on_transfer__says_what_arrived(deploy: Deploy, chain: Any, stranger: Any) -> None:
    token = deploy("FeeOnTransferToken")
    token.mint(HOLDER, 10**20, sender=stranger)
    token.setTakesFee(True, sender=stranger)
    money = HeldToken(token.address, HOLDER, chain.provider)
    with pytest.raises(MarketError, match=r"takes a fee: of 100 PLAIN 99 PLAIN arrived"):
        money.give(stranger, 10**20)


def test_held_token__address_without_code__named_with_the_network(chain: Any, stranger: Any) -> None:
    with pytest.raises(
        SettingsError, match=f"token {stranger.address}: there is no contract at this address on ethereum"
    ):
        HeldToken(stranger.address, HOLDER, chain.provider)


def test_held_token__contract_that_is_no_token__refused(policy: Any, chain: Any) -> None:
    with pytest.raises(SettingsError, match="not an ERC-20, it has no `balanceOf`"):
        HeldToken(policy.address, HOLDER, chain.provider)


def test_market__holder_too_poor__says_the_sum_before_anything_is_given(
    project: Any, accounts: Any, held: HeldToken, usdx: Any, tmp_path: Path
) -> None:
    options = MarketOptions(
        trainers=3, rounds=1, byzantine=0, adversaries=(), task="wine", epochs=1, round_reward=600 * 10**6
    )
    market = Market(options, project, accounts, tmp_path, money=held)
    # R + fee + bond, the aggregator's stake, three parts, and a unit to spare for each of five
    with pytest.raises(MarketError, match=r"has 1,000 PLAIN and 2,040\.000005 PLAIN are needed"):
        market.open()
    assert usdx.balanceOf(HOLDER) == HELD


def test_options__reward_too_small_to_share__refused() -> None:
    with pytest.raises(OptionError, match="reward: at least one of the token's smallest units for each of 8 trainers"):
        MarketOptions(round_reward=7)


def test_options__reward_beyond_the_contract__refused() -> None:
    assert MarketOptions(round_reward=2**96 - 1).round_reward == 2**96 - 1
    with pytest.raises(OptionError, match=r"reward: at most 2\^96 - 1 of the token's smallest units, not 79228"):
        MarketOptions(round_reward=2**96)


@pytest.mark.parametrize(
    ("dev", "token", "holder", "message"),
    [
        (False, None, None, "for development chains and forks, and ethereum:mainnet is neither"),
        (True, HOLDER, None, "--token needs --holder"),
        (True, None, HOLDER, "--holder goes with --token"),
    ],
)
def test_simulate__arguments_that_do_not_fit__usage_error_before_anything(
    dev: bool, token: str | None, holder: str | None, message: str, tmp_path: Path
) -> None:
    provider = SimpleNamespace(network=SimpleNamespace(is_dev=dev, choice="ethereum:mainnet"))
    arguments = {"adversaries": (), "location": None, "reward": "1000", "token": token, "holder": holder}
    with pytest.raises(click.UsageError, match=message):
        cli.callback(provider=provider, out=tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


def test_simulate__not_an_address__usage_error() -> None:
    with pytest.raises(click.UsageError, match="not an address: vitalik"):
        cli.make_context("simulate", ["--network", "ethereum:local:foundry", "--token", "vitalik"])

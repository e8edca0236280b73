"""`owner create`: what is refused before anything is sent, what is kept once something was, and with which words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from offchain.market.deployment import deploy as deploy_all
from offchain.market.errors import SettingsError
from offchain.market.journal import Journal
from offchain.market.money import Token
from offchain.market.programs.base import Surroundings
from offchain.market.programs.owner import create
from offchain.market.project import Project
from offchain.market.sender import Sender
from offchain.market.settings import OwnerSettings
from offchain.market.terms import ProjectTerms
from offchain.proving.srs import Srs
from offchain.storage.embedded import EmbeddedStore
from offchain.storage.errors import StoreError
from offchain.training.registry import make_task
from offchain.training.vector import dimension

WAD = 10**18
SETTINGS: dict[str, Any] = {"task": "wine", "seats": 6, "max_excluded": 0, "round_reward": "100"}


class Stopped(BaseException):
    """kill -9, as far as the state folder can tell."""


class Owner:
    """An owner with one state folder, who calls `create` again and again. settings: but for those that differ."""

    def __init__(self, contracts: Any, provider: Any, account: Any, deployment: dict[str, str], folder: Path) -> None:
        self.contracts, self.provider, self.account, self.deployment = contracts, provider, account, deployment
        self.folder = folder
        self.store = EmbeddedStore(folder / "store")
        self.srs = Srs.insecure_cached(1 << 17)
        self.settings: dict[str, Any] = {}
        self.asked: list[tuple[ProjectTerms, Token]] = []

    def create(self, choice: str | None = None, **changes: Any) -> Project:
        journal = Journal(self.folder / "state")
        sender = Sender(self.account, self.provider, journal, sleep=lambda _: None)
        around = Surroundings(self.account, self.contracts, self.store, self.srs, journal, sender)
        try:
            settings = OwnerSettings(**(self.settings | changes))
            return create(settings, around, self.deployment, 0, lambda *a: self.asked.append(a), choice)
        finally:
            self.attempts = journal.attempts()
            journal.close()

    def approve_only(self, patch: pytest.MonkeyPatch, **changes: Any) -> None:
        """Is stopped when the approval is mined, and nothing else was sent."""

        def stop(*_: Any) -> None:
            raise Stopped

        with patch.context() as inside:
            inside.setattr("offchain.market.owner.contract_at", stop)  # what comes after the second call
            inside.setattr(Sender, "transact", _only("approve", Sender.transact, stop))
            with pytest.raises(Stopped):
                self.create(**changes)


def _only(name: str, transact: Callable[..., Any], stop: Callable[..., None]) -> Callable[..., Any]:
    def limited(sender: Any, method: Any, *arguments: Any) -> Any:
        return transact(sender, method, *arguments) if method.abis[-1].name == name else stop()

    return limited


@pytest.fixture(scope="module")
def deployment(project: Any, accounts: Any) -> dict[str, str]:
    return deploy_all(project, accounts[5], Srs.insecure_cached(1 << 17)).as_dict()


@pytest.fixture(scope="module")
def coin(deployment: dict[str, str], deploy: Callable[..., Any]) -> Any:
    return deploy("PlainToken")


@pytest.fixture
def owner(
    project: Any, chain: Any, accounts: Any, deployment: dict[str, str], coin: Any, tmp_path: Path
) -> Iterator[Owner]:
    """With 450 tokens."""
    account = accounts[11]
    owner = Owner(project, chain.provider, account, deployment, tmp_path)
    owner.settings = SETTINGS | {"token": str(coin.address), "aggregators": (accounts[12].address,)}
    with chain.isolate():
        fund(coin, account, 450 * WAD)
        yield owner


def fund(coin: Any, account: Any, amount: int) -> None:
    coin.mint(account, amount, sender=account)


def test_create__settings__are_the_terms(owner: Owner, coin: Any, accounts: Any) -> None:
    project = owner.create(round_reward="75", aggregators=(accounts[12].address, "TEST::13"))
    terms = project.terms
    assert terms.aggregators == [accounts[12].address, accounts[13].address]
    assert (terms.round_reward, terms.round_fee, terms.funds) == (75 * WAD, 15 * WAD, 375 * WAD)
    assert coin.balanceOf(owner.account) == 75 * WAD
    assert terms.dimension == dimension(make_task("wine").build(0))
    assert [(asked.funds, token.symbol) for asked, token in owner.asked] == [(375 * WAD, "PLAIN")]


def test_create__alias_of_nobody__then_corrected_in_the_same_folder__creates(owner: Owner, accounts: Any) -> None:
    with pytest.raises(SettingsError, match="aggregators: 'agg' is neither an address"):
        owner.create(aggregators=("agg",))
    assert owner.create(aggregators=("TEST::12",), round_reward="75").terms.aggregators == [accounts[12].address]


def test_create__too_little__says_amounts_and_a_lowered_reward_is_what_is_locked(owner: Owner, coin: Any) -> None:
    with pytest.raises(
        SettingsError,
        match=rf"needs 500 PLAIN: 4 rounds x \(100 PLAIN reward \+ 20 PLAIN fee\) \+ 20 PLAIN bond; "
        rf"the account {owner.account.address} has 450 PLAIN \(token {coin.address}\)",
    ):
        owner.create()
    assert (owner.attempts, owner.asked) == (0, [])
    assert owner.create(round_reward="90").terms.round_reward == 90 * WAD
    assert coin.balanceOf(owner.account) == 0


def test_create__a_unit_too_little__refused_and_with_it_enough(owner: Owner, coin: Any) -> None:
    coin.transfer(owner.provider.web3.to_checksum_address("0x" + "12" * 20), 1, sender=owner.account)
    with pytest.raises(SettingsError, match=r"needs 450 PLAIN: .* has 449\.9{18} PLAIN"):
        owner.create(round_reward="90")
    fund(coin, owner.account, 1)
    owner.create(round_reward="90")


def test_create__nothing_was_signed__terms_that_were_kept_are_made_again(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as inside:
        inside.setattr(EmbeddedStore, "put", lambda *_: (_ for _ in ()).throw(StoreError("the store is away")))
        with pytest.raises(StoreError):
            owner.create(round_reward="75")
    assert owner.attempts == 0
    assert owner.create(round_reward="60").terms.round_reward == 60 * WAD


def test_create__too_little_then_funded__terms_of_the_settings_as_they_are_then(owner: Owner, coin: Any) -> None:
    with pytest.raises(SettingsError, match="needs 500 PLAIN"):
        owner.create()
    fund(coin, owner.account, 10_000 * WAD)
    assert owner.create(round_reward="10", rounds=2).terms.funds == 26 * WAD


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"round_reward": ""}, "round_reward is needed: token, aggregators and round_reward have no default"),
        ({"aggregators": ()}, "aggregators is needed"),
        ({"aggregators": ("TEST::12", "TEST::12")}, "aggregators: 1 to 8 accounts, none twice"),
        ({"aggregators": tuple(f"TEST::{k}" for k in range(9))}, "aggregators: 1 to 8 accounts, none twice"),
        ({"token": "coin"}, "token: 'coin' is no address"),
        ({"round_reward": "100 USDC"}, "round_reward: in PLAIN, which is the token at 0x.*, not 'USDC'"),
        ({"round_reward": "1e30"}, "round_reward: 1e30 is more than an escrow can hold"),
        ({"round_reward": str(100 * WAD)}, f"is more than an escrow can hold.* write '{100 * WAD} units'"),
        ({"round_reward": "100000000"}, "needs 500,000,000 PLAIN.* has 450 PLAIN.*write '100000000 units'"),
        ({"round_reward": "250 units"}, "250 of the token's smallest unit is 0.00000000000000025 PLAIN.*accept_tiny"),
        ({"round_reward": "0.00001"}, r"10,000,000,000,000 of the token's smallest unit is 0.00001 PLAIN"),
        ({"round_reward": "75", "min_rows": 7}, "the contract refuses these terms: terms: seats out of range"),
        (
            {"round_reward": "50", "max_excluded": 2, "min_rows": 5},
            "the contract refuses these terms: terms: too many may be",
        ),
    ],
)
def test_create__what_can_not_be__is_said_and_nothing_is_sent_nor_published(
    owner: Owner, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        owner.create(**changes)
    assert (owner.attempts, owner.asked) == (0, [])
    assert not any(path.is_file() for path in (owner.folder / "store").rglob("*"))


def test_create__token_that_is_none__refused(owner: Owner, accounts: Any, deployment: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="there is no contract at this address on ethereum"):
        owner.create(token=accounts[20].address)
    with pytest.raises(SettingsError, match="not an ERC-20, it has no `balanceOf`"):
        owner.create(token=deployment["registry"])


def test_create__tiny_reward_that_is_meant__is_the_reward(owner: Owner) -> None:
    assert owner.create(round_reward="250 units", accept_tiny_reward=True).terms.round_reward == 250


def test_create__no_money_for_gas__says_how_much(owner: Owner, chain: Any) -> None:
    chain.provider.set_balance(owner.account.address, 10**10)
    chain.provider.web3.provider.make_request("anvil_setNextBlockBaseFeePerGas", [hex(10**9)])
    chain.mine()
    with pytest.raises(
        SettingsError, match=rf"needs about 0\.\d{{6}} ETH for gas, the account {owner.account.address} has 0\.000000"
    ):
        owner.create(round_reward="75")
    assert owner.attempts == 0


def test_create__not_agreed__nothing_is_sent_and_the_next_call_asks_again(owner: Owner) -> None:
    class No(Exception):
        pass

    def refuse(*_: Any) -> None:
        raise No

    asked, owner.asked = owner.asked, type("Refusing", (), {"append": refuse})()
    with pytest.raises(No):
        owner.create(round_reward="75")
    assert owner.attempts == 0
    owner.asked = asked
    owner.create(round_reward="50")
    assert [terms.round_reward for terms, _ in owner.asked] == [50 * WAD]


def test_create__after_the_approval__same_settings__goes_on_without_asking(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.approve_only(monkeypatch, round_reward="75")
    (asked,) = owner.asked
    assert owner.create(round_reward="75").terms == asked[0]
    assert len(owner.asked) == 1


def test_create__after_the_approval__other_settings__refused_with_what_differs(
    owner: Owner, coin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.approve_only(monkeypatch, round_reward="75")
    with pytest.raises(
        SettingsError,
        match=r"a transaction was sent for a project of other terms: round_reward is kept as '75', the settings say "
        r"'60', seats is kept as 6, the settings say 5\. .*nothing is locked\. `--terms kept` .* `--terms new`",
    ):
        owner.create(round_reward="60", seats=5)
    assert owner.attempts == 1
    assert coin.balanceOf(owner.account) == 450 * WAD


def test_create__after_the_approval__kept_terms_chosen__are_those_approved(
    owner: Owner, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.approve_only(monkeypatch, round_reward="75")
    caplog.clear()
    with caplog.at_level(logging.WARNING, "offchain"):
        assert owner.create("kept", round_reward="60", nonce=3).terms.round_reward == 75 * WAD
    assert "round_reward is kept as '75', the settings say '60'" in caplog.text
    assert owner.attempts == 2  # the approval, and the creation under the nonce that was approved


def test_create__after_the_approval__new_terms_chosen__are_those_of_the_settings(
    owner: Owner, coin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.approve_only(monkeypatch, round_reward="75")
    with pytest.raises(SettingsError, match="needs 500 PLAIN"):
        owner.create("new", round_reward="100")
    project = owner.create(round_reward="60")  # nothing was sent for those of 100, so they aren't kept
    assert project.terms.round_reward == 60 * WAD
    assert coin.balanceOf(project.address) == 300 * WAD
    assert [terms.round_reward for terms, _ in owner.asked] == [75 * WAD, 60 * WAD]


def test_create__project_exists__other_settings_have_no_effect_and_that_is_said(
    owner: Owner, coin: Any, caplog: pytest.LogCaptureFixture
) -> None:
    first = owner.create(round_reward="75")
    with caplog.at_level(logging.WARNING, "offchain"):
        assert owner.create("new", round_reward="60").address == first.address
    assert "these settings have no effect: round_reward is kept as '75', the settings say '60'" in caplog.text
    assert coin.balanceOf(owner.account) == 75 * WAD


def test_create__killed_while_the_creation_is_mined__other_settings_find_the_project(
    owner: Owner, coin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction is on chain, and the state folder doesn't know yet."""

    def stop(*_: Any) -> None:
        raise Stopped

    with monkeypatch.context() as inside:
        inside.setattr("offchain.market.owner.contract_at", stop)
        with pytest.raises(Stopped):
            owner.create(round_reward="75")
    assert coin.balanceOf(owner.account) == 75 * WAD
    project = owner.create("new", round_reward="60")
    assert project.terms.round_reward == 75 * WAD
    assert coin.balanceOf(owner.account) == 75 * WAD

"""What a project will be, before it is created: read from the settings, checked, kept.

Until a transaction is signed nothing is for good, and each call makes the terms of the settings as they are. From then
on they are kept, since the project's address, which was approved for the funds, commits to them. Settings that would
make others are refused, with what differs.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from ape import accounts
from ape.exceptions import ContractLogicError

from offchain.market.addresses import checked_address, resolved_address
from offchain.market.chain import contract_at
from offchain.market.errors import SettingsError
from offchain.market.journal import Journal
from offchain.market.money import Token, balance_of, check_token
from offchain.market.owner import Owner
from offchain.market.programs.base import Surroundings
from offchain.market.settings import OwnerSettings, Settings
from offchain.market.terms import ProjectTerms, funds, proposed_amounts

__all__ = ["Parties", "Plan", "check_funds", "check_limits", "keep_plan", "kept_plan", "parties", "sources", "warn"]

logger = logging.getLogger(__name__)

MAX_AGGREGATORS = 8  # of the contract
CREATE_GAS = 1_700_000  # measured: 46,000 to approve, 1.15 million to create with eight aggregators; and a third more
MANY_DIGITS = 6  # of a reward that may have been meant in the smallest unit
TINY = 10_000  # a reward below this part of a token shows as 0.0000


@dataclass(frozen=True)
class Plan:
    """Terms of a project that is to be created, and what they were made of: settings, and the registry's address.

    is_named: the user says that this registry is to be trusted (`trust`).
    """

    terms: ProjectTerms
    sources: dict[str, Any]
    is_named: bool = False

    @property
    def nonce(self) -> int:
        return int(self.sources["nonce"])

    def owner(self, around: Surroundings) -> Owner:
        """Who creates it."""
        registry = contract_at(around.contracts.Registry, self.sources["registry"])
        transact = around.sender.transact
        return Owner(around.account, around.contracts, registry, around.store, transact, around.srs, self.is_named)


def sources(settings: OwnerSettings, deployment: dict[str, str]) -> dict[str, Any]:
    """All that terms are made of, as JSON: not where things are on this machine."""
    names = {f.name for f in fields(OwnerSettings)} - {f.name for f in fields(Settings)} - {"deployment"}
    values = {name: getattr(settings, name) for name in sorted(names)}
    return dict(json.loads(json.dumps(values | {"registry": deployment["registry"]})))


def keep_plan(journal: Journal, plan: Plan) -> None:
    """The terms last: with them everything is there that belongs to them."""
    struct = plan.terms.as_struct()
    journal.set_fact("made", {"attempts": journal.attempts(), "sources": plan.sources})
    journal.set_fact("terms", {k: {"hex": v.hex()} if isinstance(v, bytes) else v for k, v in struct.items()})


def kept_plan(
    around: Surroundings, now: dict[str, Any], is_named: bool = False, choice: str | None = None
) -> Plan | None:
    """What was kept, if a transaction was signed since. now: what the settings would make terms of. choice: "kept" or
    "new", if that differs and no project was created. Raises SettingsError if there is no choice then.
    """
    journal = around.journal
    kept, made = journal.fact("terms"), journal.fact("made") or {"attempts": 0, "sources": now}
    if kept is None or journal.attempts() <= made["attempts"]:
        return None
    values: dict[str, Any] = {k: bytes.fromhex(v["hex"]) if isinstance(v, dict) else v for k, v in kept.items()}
    plan = Plan(ProjectTerms(**values), made["sources"], is_named)
    changed = differences(plan.sources, now)
    address = plan.owner(around).address_of(plan.terms, plan.nonce)
    if changed and not bytes(around.sender.provider.get_code(address)):
        if choice == "new":
            journal.set_fact("terms", None)  # before anything that belongs to them changes
            return None
        if choice != "kept":
            raise SettingsError(
                f"a transaction was sent for a project of other terms: {changed}. That project wasn't created, and "
                "nothing is locked. `--terms kept` goes on with it, `--terms new` makes one of the settings as they are"
            )
    warn(plan.sources, now)
    return plan


def differences(kept: dict[str, Any], now: dict[str, Any]) -> str:
    """Of settings, in words; nothing if they are the same."""
    changed = [name for name in now if name in kept and kept[name] != now[name]]
    return ", ".join(f"{name} is kept as {kept[name]!r}, the settings say {now[name]!r}" for name in changed)


def warn(kept: dict[str, Any], now: dict[str, Any]) -> None:
    """Says which settings come too late."""
    if changed := differences(kept, now):
        logger.warning("the project's terms are made, these settings have no effect: %s", changed)


# --- checks, before anything is sent


@dataclass(frozen=True)
class Parties:
    """Who and what a project is made with. reward: of a round, in the token's smallest unit."""

    token: Token
    reward: int
    aggregators: list[str]


def parties(settings: OwnerSettings, around: Surroundings) -> Parties:
    """Checked before anything that takes long, and that the account can pay. Raises SettingsError."""
    for name in ("token", "aggregators", "round_reward"):
        if not getattr(settings, name):
            raise SettingsError(f"{name} is needed: token, aggregators and round_reward have no default")
    aggregators = [resolved_address(text, "aggregators", accounts) for text in settings.aggregators]
    if len(set(aggregators)) < len(aggregators) or len(aggregators) > MAX_AGGREGATORS:
        raise SettingsError(f"aggregators: 1 to {MAX_AGGREGATORS} accounts, none twice, not {', '.join(aggregators)}")
    token = check_token(checked_address(settings.token, "token"), around.sender.provider)
    reward = token.units(settings.round_reward, "round_reward")
    if token.decimals and reward * TINY < 10**token.decimals and not settings.accept_tiny_reward:
        raise SettingsError(
            f"round_reward: {reward:,} of the token's smallest unit is {token.exact(reward)}, less than a ten "
            "thousandth of a token; if that is meant, set accept_tiny_reward = true"
        )
    amounts = proposed_amounts(reward, settings.seats, settings.max_excluded)
    try:
        check_funds(around, token, settings.rounds, reward, amounts["round_fee"])
    except SettingsError as error:
        if not settings.round_reward.isdigit() or len(settings.round_reward) <= MANY_DIGITS:
            raise
        hint = f"round_reward is in tokens: for the smallest unit write '{settings.round_reward} units'"
        raise SettingsError(f"{error}; {hint}") from None
    return Parties(token, reward, aggregators)


def check_funds(around: Surroundings, token: Token, rounds: int, reward: int, fee: int) -> None:
    """Raises SettingsError unless the account can lock what a project takes, and pay for the calls."""
    provider, account = around.sender.provider, str(around.account.address)
    needed, held = funds(rounds, reward, fee), balance_of(token.address, account, provider)
    if held < needed:
        raise SettingsError(
            f"needs {token.exact(needed)}: {rounds} rounds x ({token.exact(reward)} reward + {token.exact(fee)} fee) "
            f"+ {token.exact(fee)} bond; the account {account} has {token.exact(held)} (token {token.address})"
        )
    eth = provider.web3.eth
    price = 2 * int(eth.gas_price)  # about what the next blocks may rise to
    wei = CREATE_GAS * (price if around.sender.max_fee is None else min(price, around.sender.max_fee))
    if (has := int(eth.get_balance(account))) < wei:
        coin = provider.network.ecosystem.fee_token_symbol
        needs, has_coins = (f"{Decimal(amount).scaleb(-18):.6f}" for amount in (wei, has))
        raise SettingsError(f"needs about {needs} {coin} for gas, the account {account} has {has_coins}")


def check_limits(terms: ProjectTerms, owner: Owner) -> None:
    """Asks the contract that would refuse the terms later. Raises SettingsError."""
    contracts = owner.contracts
    escrow = contract_at(contracts.Escrow, str(owner.registry.IMPLEMENTATION()))
    size = int(contract_at(contracts.RoundVerifier, str(escrow.VERIFIER())).srs_size())
    try:
        contract_at(contracts.TermLimits, str(escrow.TERM_LIMITS())).check(terms.as_struct(), size)
    except ContractLogicError as error:
        raise SettingsError(f"the contract refuses these terms: {error.revert_message or error}") from None

"""One aggregate of a round is published, whenever the aggregator is killed and whenever a payload comes late.

Two rounds in which one trainer shows its payload after the aggregator has made the aggregate without it, and is killed:
first before anything of it is kept, then when the call is kept and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from offchain.market.deployment import deploy as deploy_all
from offchain.market.programs.aggregator import AggregatorProgram
from offchain.market.programs.base import Program, Surroundings, kept_key
from offchain.market.project import Phase, Project
from offchain.market.settings import AggregatorSettings, OwnerSettings
from offchain.proving.srs import Srs
from offchain.storage.errors import SealingError, TooLarge
from offchain.storage.members import Place, What, open_as_member
from offchain.storage.payload import aggregate_size
from offchain.storage.unixfs import cid_of
from tests.offchain.market.company import Company

SEATS, REWARD, LATE = 4, 10**21, "trainer-3"
PROMPT = ["owner", "aggregator-0", *(f"trainer-{k}" for k in range(SEATS - 1))]
MINUTE = 60
KILLED_BEFORE = [("write", "aggregate-0"), ("set_fact", "proving")]


class Punctual(Company):
    """Its aggregator waits for payloads until a minute before the deadline."""

    def _make(self, name: str, around: Surroundings) -> Program:
        if name != "aggregator-0":
            return super()._make(name, around)
        return AggregatorProgram(AggregatorSettings(poll=0.05, proving=MINUTE // 2), the_project(self), around)


@pytest.fixture(scope="module")
def company(
    project: Any, chain: Any, accounts: Any, deploy: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    """After both rounds."""
    srs = Srs.insecure_cached(1 << 17)
    deployment = deploy_all(project, accounts[5], srs)
    coin = deploy("Token")
    by_name = dict(zip([*PROMPT, LATE], accounts[10:], strict=False))
    for account in by_name.values():
        coin.mint(account, 10 * REWARD, sender=account)
    company = Punctual(project, chain.provider, by_name, srs, tmp_path_factory.mktemp("company"))
    settings = OwnerSettings(
        token=str(coin.address),
        aggregators=(by_name["aggregator-0"].address,),
        task="wine",
        round_reward=f"{REWARD} units",
        rounds=2,
        seats=SEATS,
        min_rows=SEATS,
        max_excluded=1,
        byzantine=0,
    )
    company.create(settings, deployment.as_dict())
    patch = pytest.MonkeyPatch()
    company.killer.install(patch, chain.provider.web3.eth)
    for round_, (effect, what) in enumerate(KILLED_BEFORE):
        play_round(company, chain, round_, effect, what)
    yield company
    patch.undo()
    for name in list(company.programs):
        company.stop(name)


def play_round(company: Company, chain: Any, round_: int, effect: str, what: str) -> None:
    project = the_project(company)
    company.play([*PROMPT, LATE], lambda: (project.status().round, project.status().phase) == (round_, Phase.SCORING))
    for name in PROMPT[2:]:
        company.turn(name)  # they publish
    chain.provider.set_timestamp(project.status().deadline - MINUTE)  # what isn't there by now is left out
    chain.provider.mine()

    def is_killed() -> bool:
        return any(
            (who, name) == ("aggregator-0", effect) and what in label for who, name, label in company.killer.seen
        )

    company.doomed = {"aggregator-0"}
    company.play(PROMPT, is_killed)
    company.doomed = set()
    company.turn(LATE)
    company.play([*PROMPT, LATE], lambda: len(project.settlements()) > round_)


def the_project(company: Company) -> Project:
    return Project(company.contracts.Escrow.at(company.address, detect_proxy=False))


def test_late_payload__nothing_was_kept__is_in_the_only_aggregate(company: Company) -> None:
    assert the_project(company).settlements()[0].seats == [0, 1, 2, 3]


def test_late_payload__call_was_kept__stays_out(company: Company) -> None:
    late = the_project(company).account(company.accounts[LATE].address).seat
    assert the_project(company).settlements()[1].seats == [seat for seat in range(SEATS) if seat != late]


def test_late_payload__each_round__has_one_aggregate_on_the_store(company: Company) -> None:
    project = the_project(company)
    for name in [*PROMPT, LATE] * 3:
        company.turn(name)
    company.stop("aggregator-0")
    key, size = kept_key(company.surroundings("aggregator-0").journal), aggregate_size(project.terms.dimension)
    found: set[tuple[int, bytes]] = set()
    for content in company.killer.puts:
        for round_ in range(2):
            with suppress(SealingError, TooLarge):
                open_as_member(content, key, Place(project.chain_id, project.address, What.AGGREGATE, round_), size)
                found.add((round_, cid_of(content).digest))
    assert found == {(settlement.round, settlement.cid) for settlement in project.settlements()}

"""kill -9 between any two effects of the owner, of an aggregator and of a trainer, over a project of two rounds."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from offchain.market.chain import token_at
from offchain.market.deployment import deploy as deploy_all
from offchain.market.page import page
from offchain.market.programs.base import kept_key
from offchain.market.project import Phase, Project
from offchain.market.settings import OwnerSettings
from offchain.proving.srs import Srs
from offchain.storage.errors import SealingError, TooLarge
from offchain.storage.members import Place, What, open_as_member
from offchain.storage.payload import aggregate_size, payload_from_bytes, payload_size
from offchain.storage.sealing import Envelope, SealingKey
from offchain.storage.unixfs import cid_of
from tests.offchain.market.company import Company, Signal

ROUNDS, SEATS, REWARD = 2, 3, 10**21
DOOMED = ("owner", "aggregator-0", "trainer-0")
NAMES = ["owner", "aggregator-0", *(f"trainer-{k}" for k in range(SEATS))]


@pytest.fixture(scope="module")
def company(
    project: Any, chain: Any, accounts: Any, deploy: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    """After the project has ended."""
    folder = tmp_path_factory.mktemp("company")
    srs = Srs.insecure_cached(1 << 17)
    deployment = deploy_all(project, accounts[5], srs)
    coin = deploy("Token")
    by_name = dict(zip(NAMES, accounts[10:], strict=False))
    for account in by_name.values():
        coin.mint(account, 10 * REWARD, sender=account)
    company = Company(project, chain.provider, by_name, srs, folder)
    patch = pytest.MonkeyPatch()
    company.killer.install(patch, chain.provider.web3.eth)
    settings = OwnerSettings(
        token=str(coin.address),
        aggregators=(by_name["aggregator-0"].address,),
        task="wine",
        round_reward=str(REWARD // 10**18),
        rounds=ROUNDS,
        seats=SEATS,
        min_rows=SEATS,
        max_excluded=0,
        byzantine=0,
    )
    company.create(settings, deployment.as_dict())
    company.doomed = set(DOOMED)
    company.play(NAMES, lambda: the_project(company).status().phase == Phase.CLOSED)
    for _ in range(20):
        for name in NAMES:
            company.turn(name)
    yield company
    patch.undo()
    for name in list(company.programs):
        company.stop(name)


def the_project(company: Company) -> Project:
    return Project(company.contracts.Escrow.at(company.address, detect_proxy=False))


def test_killed__everywhere__it_was(company: Company) -> None:
    """The test tests something: each kind of effect, of each of the three, was prevented once."""
    effects = {(who, name) for who, name, _ in company.killer.seen}
    for who in DOOMED:
        for name in ("set_fact", "write", "add_attempt", "end_attempts", "put"):
            assert (who, name) in effects
    assert company.killed == len(company.killer.seen) > 60


def test_killed_trainer__every_round__submits_and_delivers_once_and_loses_nothing(company: Company) -> None:
    escrow = the_project(company)
    for event in ("Submitted", "Delivered"):
        calls = [(e.round, e.seat) for e in escrow._events(event)]
        assert sorted(calls) == [(round_, seat) for round_ in range(ROUNDS) for seat in range(SEATS)]
    assert escrow._events("Missed") == []
    assert [settlement.seats for settlement in escrow.settlements()] == [[0, 1, 2]] * ROUNDS


def test_killed_trainer__error_feedback__nothing_of_its_updates_is_lost(company: Company) -> None:
    """What it meant to say in all rounds is what it said, times the quantum, and the last residual."""
    escrow, account = the_project(company), company.accounts["trainer-0"]
    terms = escrow.terms
    company.stop("aggregator-0")
    key: SealingKey = kept_key(company.surroundings("aggregator-0").journal)
    said = np.zeros(terms.dimension)
    for round_ in range(ROUNDS):
        (delivery,) = (d for d in escrow.deliveries(round_) if d.trainer == account.address)
        size = payload_size(terms.dimension)
        sealed = company.store.get(delivery.cid, 2 * size)
        envelope = Envelope(escrow.chain_id, escrow.address, round_, account.address)
        payload = payload_from_bytes(key.open(sealed, envelope, size), terms.dimension, terms.bits)
        said += payload.update * (terms.quantum / 2.0**64)
    residual = np.frombuffer((company.folder / "trainer-0" / f"residual-{ROUNDS - 1}").read_bytes(), np.float64)
    wanted = sum(Signal.wanted[account.address, round_] for round_ in range(ROUNDS))
    assert np.abs(residual).max() > 0
    np.testing.assert_allclose(said + residual, wanted, rtol=0, atol=1e-12)


def test_killed_aggregator__every_round__settles_once_and_keeps_its_stake(company: Company) -> None:
    escrow = the_project(company)
    assert len(escrow.settlements()) == ROUNDS
    assert escrow._events("Slashed") == []
    assert escrow._events("Voided") == []


def test_killed_aggregator__proof__is_sent_again_and_never_made_again(company: Company) -> None:
    calls = [data for who, purpose, data in company.killer.calls if (who, purpose) == ("aggregator-0", "settle")]
    assert len(calls) == 2 * ROUNDS  # each is prevented once
    assert len(set(calls)) == ROUNDS


def test_killed_aggregator__every_round__publishes_the_settled_aggregate_alone(company: Company) -> None:
    escrow = the_project(company)
    company.stop("aggregator-0")
    journal = company.surroundings("aggregator-0").journal
    key, size = kept_key(journal), aggregate_size(escrow.terms.dimension)
    published: list[tuple[int, bytes]] = []
    for content in company.killer.puts:
        for round_ in range(ROUNDS):
            with suppress(SealingError, TooLarge):
                open_as_member(content, key, Place(escrow.chain_id, escrow.address, What.AGGREGATE, round_), size)
                published.append((round_, cid_of(content).digest))
    settled = [(settlement.round, settlement.cid) for settlement in escrow.settlements()]
    assert sorted(set(published)) == settled
    rows = [sorted(d.commitment for d in escrow.deliveries(round_)) for round_ in range(ROUNDS)]
    assert [journal.fact(f"published-{round_}") for round_ in range(ROUNDS)] == [[[[*p] for p in r]] for r in rows]


def test_killed_owner__creates_one_project_and_pays_once(company: Company) -> None:
    assert len(the_project(company).grants()) == 1
    terms = the_project(company).terms
    coin = token_at(terms.token)
    balances = {name: coin.balanceOf(account) - 10 * REWARD for name, account in company.accounts.items()}
    sunk = the_project(company).escrow.sunk()
    assert coin.balanceOf(company.address) == sunk
    assert sum(balances.values()) + sunk == 0
    credits = sum(sum(settlement.credits) for settlement in the_project(company).settlements())
    assert balances["aggregator-0"] == ROUNDS * terms.round_fee
    assert sum(balances[name] for name in NAMES[2:]) == credits
    assert Path(company.folder / "owner" / "model").exists()


def test_page__closed_project__shows_rounds_and_what_can_be_done(company: Company) -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(page(the_project(company)))
    text = console.export_text()
    told = "closed: everything is decided", "2 of 2", "Settled rounds", "0-2", "ape run audit", "amounts in tokens"
    for expected in (company.address, *told):
        assert expected in text
    assert ["sunk", "0", "tokens"] in [line.split() for line in text.splitlines()]

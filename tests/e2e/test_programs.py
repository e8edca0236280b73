"""A whole project by separate processes on separate stores: killed, restarted, cheated on.

One owner, two aggregators of whom the first is killed in scoring, six trainers: two are killed and started again in the
middle of a round, one publishes garbage, one copies another's sealed payload byte for byte.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ape
import pytest
from ape import networks
from safetensors import safe_open

from offchain.market.chain import contract_at, deploy_contract
from offchain.market.deployment import deploy
from offchain.market.project import Phase, Project
from offchain.proving.srs import Srs
from tests.e2e.cast import ROOT, Cast

OWNER, FIRST, STANDBY = 1, 2, 3
TRAINERS = {f"trainer-{k}": 4 + k for k in range(6)}
GARBAGE, COPIER = "trainer-4", "trainer-5"
ROUNDS, REWARD = 2, 10**21
LONG = 1_000  # seconds of a phase: nobody waits for one, but for the aggregator that is gone


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    cast = Cast(tmp_path_factory.mktemp("cast"))
    yield cast
    cast.close()


@pytest.fixture(scope="module")
def outcome(project: Any, cast: Cast) -> dict[str, Any]:
    """The project's end, as a page of facts."""
    return play(project, cast)


def own_store(name: str) -> int:
    return sum(map(ord, name)) % 2


def settings(cast: Cast, name: str, **values: Any) -> Path:
    """Half of the parties have one store, half the other; everybody reads both."""
    own = own_store(name)
    stores = [f"folder:{cast.folder / f'store-{k}'}" for k in (own, 1 - own)]
    values = {"store": stores, "state": str(cast.folder / name), "poll": 1.0} | values
    file = cast.folder / f"{name}.toml"
    windows = values.pop("windows", None)
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
    if windows:
        text += "[windows]\n" + "".join(f"{key} = {value}\n" for key, value in windows.items())
    file.write_text(text)
    return file


def play(contracts: Any, cast: Cast) -> dict[str, Any]:
    environment = pytest.MonkeyPatch()
    environment.setenv("APE_FOUNDRY_HOST", cast.url)
    with networks.ethereum.local.use_provider("foundry", provider_settings={"host": cast.url}):
        try:
            return _play(contracts, ape.accounts.test_accounts, cast)
        finally:
            environment.undo()


def _play(contracts: Any, accounts: Any, cast: Cast) -> dict[str, Any]:
    deployment = deploy(contracts, accounts[0], Srs.insecure_cached(1 << 17))
    (cast.folder / "deployment.json").write_text(json.dumps(deployment.as_dict()))
    token = deploy_contract(accounts[0], contracts.Token)
    minted = 10 * REWARD
    numbers = {"owner": OWNER, "first": FIRST, "standby": STANDBY, **TRAINERS}
    for number in numbers.values():
        token.mint(accounts[number], minted, sender=accounts[0])
    cast.rpc("evm_setAutomine", False)
    cast.rpc("evm_setIntervalMining", 1)

    owner = settings(
        cast,
        "owner",
        deployment=str(cast.folder / "deployment.json"),
        token=str(token.address),
        aggregators=[accounts[FIRST].address, accounts[STANDBY].address],
        task="wine",
        round_reward=str(REWARD // 10**18),
        rounds=ROUNDS,
        seats=6,
        min_rows=6,
        max_excluded=2,
        byzantine=0,
        learning_rate=0.05,
        windows=dict.fromkeys(("accept", "enrol", "collect", "deliver", "score", "handover"), LONG),
    )
    cast.program("owner", "owner", "create", "--config", str(owner), "--account", f"TEST::{OWNER}")
    registry = contract_at(contracts.Registry, deployment.registry)
    cast.until(lambda: registry.count() == 1, "the project")
    project = Project(contract_at(contracts.Escrow, registry.projects(0)))
    address = project.address

    def start(name: str) -> None:
        number = numbers[name]
        if name in (GARBAGE, COPIER):
            share = [number - 3, 6]
            config = settings(cast, name, project=address, share=share)
            cast.rogue(name, "garbage" if name == GARBAGE else "copier", config, number)
        elif name in TRAINERS:
            config = settings(cast, name, project=address, share=[number - 3, 6])
            cast.program(name, "trainer", "--config", str(config), "--account", f"TEST::{number}")
        else:
            config = settings(cast, name, project=address, proving=30)
            cast.program(name, "aggregator", "--config", str(config), "--account", f"TEST::{number}")

    def phase() -> Phase:
        return project.status().phase

    for name in ["first", "standby", *TRAINERS]:
        start(name)
    # two are killed in the middle of the first round: one when it has submitted, one wherever it is
    cast.until(lambda: phase() == Phase.COLLECTING, "the first round")
    cast.until(lambda: project.status().submitted & 1 << seat_of(project, accounts, "trainer-1"), "a submission")
    cast.kill("trainer-1")
    cast.kill("trainer-2")
    start("trainer-2")
    start("trainer-1")
    # the first aggregator is killed as soon as it could settle
    cast.until(lambda: phase() == Phase.SCORING, "scoring")
    cast.kill("first")
    assert project.status().round == 0
    cast.rpc("evm_increaseTime", 3 * LONG)
    cast.until(lambda: project.status().current == accounts[STANDBY].address, "the standby to take over")
    start("first")  # its turn is lost, and its stake
    cast.until(lambda: phase() == Phase.CLOSED, "the project to end")
    names = ["owner", "first", "standby", *TRAINERS]
    cast.until(lambda: all(cast.processes[name].poll() == 0 for name in names), "everybody to be done")
    escrow = project.escrow
    return {
        "address": address,
        "terms": project.terms,
        "settlements": project.settlements(),
        "balances": {name: token.balanceOf(accounts[number]) - minted for name, number in numbers.items()},
        "seats": {name: seat_of(project, accounts, name) for name in TRAINERS},
        "left": token.balanceOf(escrow),
        "sunk": escrow.sunk(),
        "events": {name: project._events(name) for name in ("Submitted", "Delivered", "Slashed", "Missed", "Released")},
    }


def seat_of(project: Project, accounts: Any, name: str) -> int:
    seat = project.account(accounts[TRAINERS[name]].address).seat
    assert seat is not None
    return seat


def test_programs__whole_project__every_trainer_submits_and_delivers_once_a_round(outcome: dict[str, Any]) -> None:
    for event in ("Submitted", "Delivered"):
        calls = [(e.round, e.seat) for e in outcome["events"][event]]
        assert sorted(calls) == [(round_, seat) for round_ in range(ROUNDS) for seat in range(6)]


def test_programs__garbage_and_copied_payload__excluded_in_every_round(outcome: dict[str, Any]) -> None:
    honest = sorted(seat for name, seat in outcome["seats"].items() if name not in (GARBAGE, COPIER))
    assert [settlement.seats for settlement in outcome["settlements"]] == [honest] * ROUNDS


def test_programs__first_aggregator_killed__slashed_and_the_standby_settles(
    outcome: dict[str, Any],
) -> None:
    (slashed,) = outcome["events"]["Slashed"]
    assert slashed.round == 0
    assert {settlement.aggregator for settlement in outcome["settlements"]} != {slashed.aggregator}
    assert len(outcome["settlements"]) == ROUNDS


def test_programs__closed__everybody_has_what_is_right(outcome: dict[str, Any]) -> None:
    terms, balances = outcome["terms"], outcome["balances"]
    stake, part = terms.aggregator_stake, terms.trainer_part
    fee = terms.round_fee - 2 * part
    assert balances["first"] == -stake
    assert balances["standby"] == ROUNDS * fee
    for name, seat in outcome["seats"].items():
        credits = sum(s.credits[s.seats.index(seat)] for s in outcome["settlements"] if seat in s.seats)
        lost = ROUNDS * part if name in (GARBAGE, COPIER) else 0
        assert balances[name] == credits + stake // 6 - lost
    rounding = sum(terms.round_reward * 4 // 6 - sum(s.credits) for s in outcome["settlements"])
    assert balances["owner"] == terms.round_fee + rounding - terms.funds


def test_programs__closed__money_is_conserved(outcome: dict[str, Any]) -> None:
    assert sum(outcome["balances"].values()) + outcome["left"] == 0
    assert outcome["left"] == outcome["sunk"]


def test_programs__state_folders__nobody_else_can_read_them(cast: Cast, outcome: dict[str, Any]) -> None:
    for name in ("owner", "first", "standby", *TRAINERS):
        folder = cast.folder / name
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for file in folder.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_programs__logs__show_no_secret(cast: Cast, outcome: dict[str, Any]) -> None:
    for name in ("owner", "first", "standby", *TRAINERS):
        secret = (cast.folder / name / "sealing.key").read_text().strip()
        assert secret not in cast.log(name)


@pytest.mark.skipif(not (ROOT / "scripts" / "audit.py").exists(), reason="there is no auditor")
def test_programs__audit__passes(cast: Cast, outcome: dict[str, Any]) -> None:
    """From the store of the standby, who mirrors everything, with its key."""
    store, key = cast.folder / f"store-{own_store('standby')}", cast.folder / "standby" / "sealing.key"
    cast.program("auditor", "audit", outcome["address"], "--store", f"folder:{store}", "--key", str(key))
    assert cast.processes["auditor"].wait(120) == 0, cast.log("auditor")


def test_programs__model__owner_and_trainer_have_the_same(cast: Cast, outcome: dict[str, Any]) -> None:
    hashes = []
    for name in ("owner", "trainer-0"):
        out = cast.folder / f"{name}.safetensors"
        stores = [word for k in (0, 1) for word in ("--store", f"folder:{cast.folder / f'store-{k}'}")]
        cast.program(f"model-{name}", "model", "--state", str(cast.folder / name), "--out", str(out), *stores)
        assert cast.processes[f"model-{name}"].wait(120) == 0, cast.log(f"model-{name}")
        with safe_open(out, "np") as file:
            hashes.append(file.metadata()["hash"])
    assert hashes[0] == hashes[1] != ""

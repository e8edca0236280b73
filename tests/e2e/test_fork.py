"""A market on a fork, with a token that is there already: a second Anvil plays the network that is forked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web3 import HTTPProvider, Web3

from tests.e2e.cast import ROOT, Cast

MAINNET = 1
DECIMALS = 6
BALANCE = 10_000 * 10**DECIMALS


class Upstream:
    """A network with a token of six decimals that one account has all of."""

    def __init__(self, cast: Cast, token_type: Any) -> None:
        self.url = cast.url
        self.web3 = Web3(HTTPProvider(cast.url))
        creator, self.holder = self.web3.eth.accounts[20:22]
        code = token_type.get_deployment_bytecode()
        abi = token_type.model_dump()["abi"]
        deployed = self.web3.eth.contract(abi=abi, bytecode=code).constructor().transact({"from": creator})
        address = self.web3.eth.wait_for_transaction_receipt(deployed)["contractAddress"]
        assert address is not None
        self.token = self.web3.eth.contract(address, abi=abi)
        self.web3.eth.wait_for_transaction_receipt(
            self.token.functions.mint(self.holder, BALANCE).transact({"from": creator})
        )

    @property
    def state(self) -> tuple[int, int]:
        """Its height, and what the holder has."""
        return self.web3.eth.block_number, self.token.functions.balanceOf(self.holder).call()

    def simulate(
        self, out: Path, *more: str, network: str = "mainnet-fork:foundry"
    ) -> subprocess.CompletedProcess[str]:
        """The command, as README has it."""
        command = [sys.executable, "-c", "from ape._cli import cli; cli()", "run", "simulate"]
        command += ["--network", f"ethereum:{network}", "--data", "wine", "--rounds", "1", "--out", str(out), *more]
        upstream = json.dumps({"mainnet": {"uri": self.url}})
        environment = os.environ | {"APE_NODE_ETHEREUM": upstream, "PYTHONPATH": str(ROOT), "COLUMNS": "160"}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def upstream(project: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    cast = Cast(tmp_path_factory.mktemp("upstream"), "--chain-id", str(MAINNET))
    yield Upstream(cast, project.SixDecimalsToken.contract_type)
    cast.close()


def test_simulate__on_a_fork_with_an_existing_token__pays_in_it_and_leaves_the_network_alone(
    upstream: Upstream, tmp_path: Path
) -> None:
    before = upstream.state
    done = upstream.simulate(tmp_path, "--token", upstream.token.address, "--holder", upstream.holder)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["token"], result["decimals"]) == (upstream.token.address, DECIMALS)
    assert int(result["reward"]) == 1_000 * 10**DECIMALS
    paid = [int(trainer["paid"]) for trainer in result["trainers"]]
    parts = sum(paid) + int(result["aggregator_fees"]) + int(result["refunded"]) + int(result["sunk"])
    assert parts == int(result["funded"])
    assert result["left_in_escrow"] == result["sunk"]
    assert sum(paid) > 0
    assert "1,500.00 tokens locked" in done.stdout  # a reward, and a fee and a bond of two parts of an eighth each
    assert upstream.state == before


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--token", "TOKEN"], "give --token and --holder, or neither"),
        (["--token", "0x" + "11" * 20, "--holder", "HOLDER"], "there is no contract at 0x1111"),
        (["--token", "TOKEN", "--holder", "0x" + "22" * 20], "has 0 of the token's smallest unit, "),
    ],
    ids=["no holder", "no contract", "poor holder"],
)
def test_simulate__token_is_not_to_be_had__says_why(
    upstream: Upstream, tmp_path: Path, more: list[str], words: str
) -> None:
    known = {"TOKEN": upstream.token.address, "HOLDER": upstream.holder}
    done = upstream.simulate(tmp_path, *(known.get(argument, argument) for argument in more))
    assert done.returncode != 0
    assert words in " ".join((done.stdout + done.stderr).split())


def test_simulate__on_the_network_itself__refused(upstream: Upstream, tmp_path: Path) -> None:
    before = upstream.state
    done = upstream.simulate(tmp_path, network="mainnet:node")
    assert done.returncode != 0
    assert "on a development chain or a fork, not on" in done.stderr
    assert upstream.state == before

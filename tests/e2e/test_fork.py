"""A market on a fork, as a user runs it: an existing token with six decimals is the reward, given by a holder of it.

A second Anvil plays mainnet, by its chain id. Whatever happens on the fork, nothing of it reaches that chain.
"""

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

from tests.e2e.cast import ROOT, Cast, end_with_parent

HELD = 100_000 * 10**6
ROUNDS, REWARD, TRAINERS = 1, 250_500_000, 3  # 250.5 tokens
MARKET = ["--data", "wine", "--byzantine", "0", "--adversary", "none", "--epochs", "1", "--reward", "250.5"]
TIMEOUT = 300  # seconds


@pytest.fixture(scope="module")
def mainnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    cast = Cast(tmp_path_factory.mktemp("upstream"), "--chain-id", "1")
    yield cast
    cast.close()


@pytest.fixture(scope="module")
def upstream(mainnet: Cast) -> Web3:
    return Web3(HTTPProvider(mainnet.url))


@pytest.fixture(scope="module")
def usdx(project: Any, upstream: Web3) -> Any:
    """The token, on the upstream."""
    return deployed(upstream, project.SixDecimalsToken)


@pytest.fixture(scope="module")
def vault(project: Any, upstream: Web3, usdx: Any) -> str:
    """A holder as rich ones are: a contract, without ether."""
    address = str(deployed(upstream, project.PlainToken).address)
    usdx.functions.mint(address, HELD).transact({"from": upstream.eth.accounts[0]})
    return address


@pytest.fixture(scope="module")
def before(upstream: Web3, usdx: Any, vault: str) -> tuple[Any, ...]:
    return state(upstream, usdx, vault)


@pytest.fixture(scope="module")
def fork_result(
    mainnet: Cast, before: tuple[Any, ...], usdx: Any, vault: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("fork")
    size = ["--trainers", str(TRAINERS), "--rounds", str(ROUNDS), "--out", str(out)]
    reward = ["--token", usdx.address.lower(), "--holder", vault.lower()]
    run = simulate(mainnet, "ethereum:mainnet-fork:foundry", *MARKET, *size, *reward)
    assert run.returncode == 0, run.stdout
    result: dict[str, Any] = json.loads((out / "result.json").read_text())
    return result | {"printed": run.stdout}


def deployed(web3: Web3, container: Any) -> Any:
    kind = container.contract_type
    abi = [entry.model_dump(mode="json", by_alias=True) for entry in kind.abi]
    contract = web3.eth.contract(abi=abi, bytecode=kind.get_deployment_bytecode())
    receipt = web3.eth.wait_for_transaction_receipt(contract.constructor().transact({"from": web3.eth.accounts[0]}))
    return web3.eth.contract(receipt["contractAddress"], abi=abi)


def state(web3: Web3, token: Any, holder: str) -> tuple[Any, ...]:
    """What any change of the upstream would change."""
    head = web3.eth.get_block("latest")
    return head["hash"], head["stateRoot"], web3.eth.get_balance(holder), token.functions.balanceOf(holder).call()


def simulate(mainnet: Cast, network: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "APE_NODE_ETHEREUM": json.dumps({"mainnet": {"uri": mainnet.url}}),
        "APE_DATA_FOLDER": str(mainnet.folder / "ape"),  # Ape keeps there what it knows of mainnet's contracts
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "160",
    }
    environment.pop("APE_FOUNDRY_HOST", None)  # the fork is a node of its own
    command = [sys.executable, "-c", "from ape._cli import cli; cli()", "run", "simulate", "--network", network]
    return subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
        preexec_fn=end_with_parent,
    )


def test_fork__existing_token__is_the_reward(fork_result: dict[str, Any], usdx: Any) -> None:
    assert fork_result["token"] == usdx.address
    assert fork_result["decimals"] == 6
    assert int(fork_result["reward"]) == ROUNDS * REWARD


def test_fork__closed__everybody_is_paid_as_the_rounds_credited(fork_result: dict[str, Any]) -> None:
    assert len(fork_result["rounds"]) == ROUNDS
    for seat, trainer in enumerate(fork_result["trainers"]):
        assert int(trainer["paid"]) == sum(int(r["credits"][seat]) for r in fork_result["rounds"])
        assert int(trainer["stake_returned"]) == ROUNDS * (REWARD // TRAINERS)
    paid = sum(int(t["paid"]) for t in fork_result["trainers"])
    assert REWARD - TRAINERS < paid <= REWARD


def test_fork__closed__money_is_conserved(fork_result: dict[str, Any]) -> None:
    paid = sum(int(t["paid"]) for t in fork_result["trainers"])
    others = sum(int(fork_result[name]) for name in ("refunded", "aggregator_fees", "left_in_escrow"))
    assert paid + others == int(fork_result["funded"])
    assert fork_result["left_in_escrow"] == fork_result["sunk"]


def test_fork__six_decimals__tables_show_tokens(fork_result: dict[str, Any]) -> None:
    """A part is 83.5 tokens, and the stake is one part."""
    assert f"│ {'83.50':>18} │" in fork_result["printed"]


def test_fork__whole_market__upstream_unchanged(
    fork_result: dict[str, Any], before: tuple[Any, ...], upstream: Web3, usdx: Any, vault: str
) -> None:
    assert state(upstream, usdx, vault) == before
    assert before[2:] == (0, HELD)
    assert upstream.eth.get_code(fork_result["project"]) == b""


def test_simulate__live_network__refused(mainnet: Cast, upstream: Web3, usdx: Any, vault: str, tmp_path: Path) -> None:
    head = upstream.eth.block_number
    reward = ["--token", usdx.address, "--holder", vault, "--out", str(tmp_path)]
    run = simulate(mainnet, "ethereum:mainnet:node", *MARKET, *reward)
    assert run.returncode == 2
    assert "a simulated market is for development chains and forks, and ethereum:mainnet is neither" in run.stdout
    assert upstream.eth.block_number == head

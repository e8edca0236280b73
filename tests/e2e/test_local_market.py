"""`ape run local`, and the commands that it prints, pasted as they stand."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from offchain.market.settings import AggregatorSettings, OwnerSettings, TrainerSettings, load
from offchain.simulation.local import Local, LocalError, check_port
from tests.e2e.cast import ROOT, end_with_parent

APE = Path(sys.executable).parent / "ape"
TIMEOUT = 240  # seconds


class Terminals:
    """Each runs a command, and keeps what it says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def paste(self, name: str, command: str) -> None:
        environment = {key: value for key, value in os.environ.items() if key != "APE_FOUNDRY_HOST"}
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                command,
                shell=True,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env=environment | {"PYTHONPATH": str(ROOT), "COLUMNS": "160"},
                process_group=0,
                preexec_fn=end_with_parent,
            )

    def says(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def until(self, holds: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + TIMEOUT
        while not holds():
            for name, process in self.running.items():
                assert process.poll() in (None, 0), f"{name} failed:\n{self.says(name)[-3000:]}"
            assert time.monotonic() < end, what + "".join(f"\n{n}: {self.says(n)[-1000:]}" for n in self.running)
            time.sleep(0.2)

    def done(self, name: str) -> bool:
        return self.running[name].poll() == 0

    def close(self) -> None:
        for process in self.running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Terminals]:
    terminals = Terminals(tmp_path)
    yield terminals
    terminals.close()


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def start(terminals: Terminals, port: int, out: Path) -> list[str]:
    """Starts the chain. What it prints at first: the owner's command."""
    options = f"--port {port} --out {out} --data wine --rounds 1 --poll 0.3"
    terminals.paste("local", f"exec {APE} run local {options}")
    terminals.until(lambda: len(commands(terminals)) == 1, "the owner's command")
    return commands(terminals)


def commands(terminals: Terminals) -> list[str]:
    return re.findall(r"^APE_FOUNDRY_HOST=.*$", terminals.says("local"), re.MULTILINE)


def stop(terminals: Terminals, port: int) -> None:
    """Ctrl-C."""
    os.kill(terminals.running["local"].pid, signal.SIGINT)
    terminals.until(lambda: terminals.done("local"), "the chain's end")
    check_port(port)  # the node is gone


def test_local__owner_creates__the_others_commands_are_printed(terminals: Terminals, port: int, tmp_path: Path) -> None:
    (owner,) = start(terminals, port, tmp_path / "local")
    terminals.paste("owner", f"{owner} --no-run")
    terminals.until(lambda: len(commands(terminals)) == 7, "the others' commands")
    terminals.until(lambda: terminals.done("owner"), "the owner")
    (address,) = re.findall(r"Project (0x\w{40})", terminals.says("owner"))
    assert all(address in command for command in commands(terminals)[1:])
    terminals.paste("status", commands(terminals)[-2])
    terminals.until(lambda: terminals.done("status"), "status")
    assert "accepting: aggregators accept" in terminals.says("status")
    stop(terminals, port)


@pytest.mark.slow
def test_local__printed_commands__play_a_market_to_its_end(terminals: Terminals, port: int, tmp_path: Path) -> None:
    (owner,) = start(terminals, port, tmp_path / "local")
    terminals.paste("owner", owner)
    terminals.until(lambda: len(commands(terminals)) == 7, "the others' commands")
    _, aggregator, *trainers, status, audit = commands(terminals)
    players = {"aggregator": aggregator, **{f"trainer-{k + 1}": command for k, command in enumerate(trainers)}}
    for name, command in players.items():
        terminals.paste(name, command)
    terminals.until(lambda: all(map(terminals.done, ["owner", *players])), "everybody to withdraw")
    for name in ("owner", *players):
        assert "withdraw done" in terminals.says(name)
    terminals.paste("status", status)
    terminals.paste("audit", audit)
    terminals.until(lambda: terminals.done("status") and terminals.done("audit"), "status and audit")
    assert "closed: everything is decided" in terminals.says("status")
    assert "No difference." in terminals.says("audit")
    stop(terminals, port)


def test_check_port__something_listens__says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(LocalError, match=f"port {port} is taken, .*: stop it, or give --port another"):
            check_port(port)


def test_local__set_up__programs_read_their_settings(tmp_path: Path, project: Any, accounts: Any, chain: Any) -> None:
    local = Local(folder=tmp_path, url="http://127.0.0.1:1", ape="ape", trainers=3)
    registry = local.set_up(project, accounts, chain.provider, "prague")
    assert registry.count() == 0
    owner = load(OwnerSettings, tmp_path / "owner.toml", {})
    assert owner.aggregators == (accounts[2].address,)
    assert Path(owner.deployment) == tmp_path / "deployment.json"
    seconds = load(TrainerSettings, tmp_path / "trainer-2.toml", {})
    assert (seconds.share, Path(seconds.state)) == ((2, 3), tmp_path / "state" / "trainer-2")
    both = [load(AggregatorSettings, tmp_path / "standby.toml", {}), owner]
    assert [settings.store for settings in both] == [(f"folder:{tmp_path / 'store'}",)] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(set(local.names) - {"store", "state"})

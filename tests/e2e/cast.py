"""Programs as processes of their own, on an Anvil of their own."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[2]
MNEMONIC = "test test test test test test test test test test test junk"  # Ape's default


PR_SET_PDEATHSIG = 1  # prctl(2)
LIBC = ctypes.CDLL(None)


def end_with_parent() -> None:
    """Linux ends a process that asks for it with its parent: nothing is left of tests that are killed."""
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Cast:
    """Starts programs, kills them, and ends all of them. Logs are in `folder`. anvil: further options of the chain."""

    def __init__(self, folder: Path, *anvil: str) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        port = self.url.rsplit(":", 1)[1]
        options = ["--port", port, "--hardfork", "prague", "--accounts", "30", "--silent"]
        self._start("anvil", ["anvil", *options, *anvil, "--mnemonic", MNEMONIC])
        self.until(self._answers, "Anvil to answer")

    def program(self, name: str, *arguments: str) -> None:
        """ape run ..., called `name`."""
        command = [sys.executable, "-c", "from ape._cli import cli; cli()", "run", *arguments]
        self._start(name, [*command, "--network", "ethereum:local:foundry"])

    def rogue(self, name: str, kind: str, config: Path, account: int) -> None:
        self._start(name, [sys.executable, "-m", "tests.e2e.rogue", kind, str(config), str(account)])

    def kill(self, name: str) -> None:
        """kill -9."""
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):  # it has ended
            os.killpg(process.pid, signal.SIGKILL)  # npm's anvil is a launcher with a child
        process.wait()

    def close(self) -> None:
        for name in reversed(list(self.processes)):
            self.kill(name)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def rpc(self, method: str, *parameters: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        answer = requests.post(self.url, json=request, timeout=10).json()
        assert "error" not in answer, answer
        return answer["result"]

    def until(self, holds: Callable[[], Any], what: str, seconds: float = 120) -> Any:
        """Waits for something to be true; which it is then. No program may have failed meanwhile."""
        end = time.monotonic() + seconds
        while not (found := holds()):
            for name, process in self.processes.items():
                assert process.poll() in (None, 0), f"{name} failed:\n{self.log(name)[-3000:]}"
            assert time.monotonic() < end, f"waited for {what} in vain\n{self._logs()}"
            time.sleep(0.3)
        return found

    def _logs(self) -> str:
        return "\n".join(f"--- {name}\n{self.log(name)[-1500:]}" for name in self.processes)

    def _start(self, name: str, command: list[str]) -> None:
        environment = os.environ | {"APE_FOUNDRY_HOST": self.url, "PYTHONPATH": str(ROOT), "COLUMNS": "160"}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def _answers(self) -> bool:
        try:
            return bool(self.rpc("eth_chainId"))
        except requests.RequestException:
            return False

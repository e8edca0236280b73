"""A chain on this machine on which programs of all roles can play: contracts, a test token, funded accounts, settings.

| Ape's test account | is |
|---|---|
| TEST::0 | the deployer |
| TEST::1 | the owner |
| TEST::2, TEST::3 | the aggregator, and a standby |
| TEST::4 and so on | trainer-1 and so on |

Their keys are known to everybody: they are for development chains alone.
"""

from __future__ import annotations

import json
import shlex
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offchain.errors import FatalError
from offchain.market.chain import contract_at, deploy_contract
from offchain.market.deployment import deploy, record
from offchain.proving.srs import Srs
from offchain.simulation.stage import SRS_SIZE

__all__ = ["FIRST_TRAINER", "HOST", "NAMES", "Local", "LocalError", "check_port"]

HOST = "127.0.0.1"  # anybody who reaches an Anvil can do anything with it
OWNER, AGGREGATOR, STANDBY, FIRST_TRAINER = 1, 2, 3, 4
FUNDS = 10**24  # units of the token for each party: a million tokens
REWARD = 1_000  # tokens, of a round
NAMES = ("deployment.json", "owner.toml", "aggregator.toml", "standby.toml", "store", "state")  # and the trainers'


class LocalError(FatalError):
    """The chain can't be had as it was asked for."""


def check_port(port: int) -> None:
    """Raises LocalError if something listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise LocalError(
                f"port {port} is taken, perhaps by another node ({error.strerror}): stop it, or give --port another"
            ) from error


@dataclass(frozen=True)
class Local:
    """What the programs are told. ape: how they are started, as `ape`."""

    folder: Path
    url: str
    ape: str
    trainers: int
    rounds: int = 2
    task: str = "digits"
    window: int = 600  # seconds of each phase at most: it ends as soon as all have done their part
    poll: float = 1.0  # seconds

    @property
    def parties(self) -> dict[str, int]:
        """Test accounts by name."""
        trainers = {f"trainer-{k + 1}": FIRST_TRAINER + k for k in range(self.trainers)}
        return {"owner": OWNER, "aggregator": AGGREGATOR, "standby": STANDBY, **trainers}

    @property
    def names(self) -> list[str]:
        """What `set_up` makes in the folder, and the programs beside it."""
        return [*NAMES, *(f"trainer-{k + 1}.toml" for k in range(self.trainers))]

    def set_up(self, contracts: Any, accounts: Sequence[Any], provider: Any, evm: str) -> Any:
        """Deploys, funds, and writes the files. Returns the registry. contracts: the Ape project."""
        srs = Srs.insecure_cached(SRS_SIZE)
        deployment = deploy(contracts, accounts[0], srs)
        kept = record(deployment, provider, provider.network.choice, evm, srs)
        (self.folder / "deployment.json").write_text(json.dumps(kept, indent=1) + "\n")
        token = deploy_contract(accounts[0], contracts.Token)
        for name, number in self.parties.items():
            token.mint(accounts[number], FUNDS, sender=accounts[0])
            self._write(name, {})
        self._write(
            "owner",
            {
                "deployment": "deployment.json",
                "token": str(token.address),
                "aggregators": [str(accounts[AGGREGATOR].address)],
                "task": self.task,
                "round_reward": str(REWARD),
                "rounds": self.rounds,
                "seats": self.trainers,
                "byzantine": 0,
                "max_excluded": 0,
                "window": self.window,
            },
            f"# a second aggregator may be {accounts[STANDBY].address}, the standby: both accept before anybody enrols",
        )
        for k in range(self.trainers):
            self._write(f"trainer-{k + 1}", {"share": [k + 1, self.trainers], "seed": k + 1})
        return contract_at(contracts.Registry, deployment.registry)

    def _write(self, name: str, settings: dict[str, Any], *lines: str) -> None:
        """A program's TOML, whose values are JSON's too. Paths in it are relative to it."""
        settings = {"store": ["store"], "state": f"state/{name}", "poll": self.poll} | settings
        values = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        (self.folder / f"{name}.toml").write_text("\n".join([*values, *lines]) + "\n")

    # --- commands, to be pasted

    def owner_command(self) -> str:
        return self._command("owner", "create", *self._as("owner"))

    def commands(self, project: str) -> dict[str, str]:
        """What everybody else does in the owner's project, by who does it."""
        found = {"aggregator": self._command("aggregator", "--project", project, *self._as("aggregator"))}
        for name in (f"trainer-{k + 1}" for k in range(self.trainers)):
            found[name] = self._command("trainer", "--project", project, *self._as(name))
        found["where it stands"] = self._command("owner", "status", "--project", project)
        store, key = self.folder / "store", self.folder / "state" / "trainer-1" / "sealing.key"
        found["whether all was right"] = self._command("audit", project, "--store", str(store), "--key", str(key))
        return found

    def _as(self, name: str) -> list[str]:
        return ["--config", str(self.folder / f"{name}.toml"), "--account", f"TEST::{self.parties[name]}"]

    def _command(self, *words: str) -> str:
        return f"APE_FOUNDRY_HOST={self.url} {shlex.join([self.ape, 'run', *words])}"

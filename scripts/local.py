"""ape run local: a whole chain on this machine, on which the owner's, aggregators' and trainers' programs can play."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import click
from ape import accounts, networks, project
from ape.exceptions import ApeException
from rich.console import Console

from offchain import progress
from offchain.errors import MeedError
from offchain.node import stoppable, watched, without_traces
from offchain.proving.kernels.build import is_compiled
from offchain.quiet import quiet_ape
from offchain.simulation.local import HOST, Local, check_port
from offchain.simulation.results import move_aside, own_folder

MOST_TRAINERS = 32
LOOK = 1.0  # seconds between two looks for a project


@click.command(context_settings={"show_default": True})
@click.option("--port", type=click.IntRange(1, 65_535), default=8545, help="Of the node, on 127.0.0.1.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs/local"),
    help="Settings, state and store of all. What an earlier run left is kept, in OUT/earlier-1 and so on.",
)
@click.option("--trainers", type=click.IntRange(3, MOST_TRAINERS), default=3)
@click.option("--rounds", type=click.IntRange(1, 4), default=2)
@click.option("--data", "task", default="digits", help="A bundled task.")
@click.option("--window", type=click.IntRange(10), default=600, help="Seconds of each phase, at most.")
@click.option("--poll", type=click.FloatRange(0.05, 60), default=1.0, help="Seconds between two looks of a program.")
def cli(port: int, out: Path, **chosen: Any) -> None:
    """Starts a node, deploys all contracts and a test token, gives tokens to Ape's test accounts, and writes the
    settings of an owner, two aggregators and some trainers. Then it prints the commands by which they play a market,
    each to be pasted into a terminal of its own. Ctrl-C ends the node, and all that is on it.
    """
    quiet_ape()
    url = f"http://{HOST}:{port}"
    local = Local(folder=out, url=url, ape=_this_ape(), **chosen)
    try:
        check_port(port)
        with own_folder(out):
            earlier = move_aside(out, local.names)
            without_traces()
            os.environ.pop("APE_FOUNDRY_HOST", None)  # it would go before the port
            with networks.ethereum.local.use_provider("foundry", provider_settings={"host": url}) as provider:
                run(local, provider, earlier)
    except (MeedError, ApeException, OSError) as error:
        raise click.ClickException(" ".join(str(error).split())) from error


def run(local: Local, provider: Any, earlier: Path | None) -> None:
    """Until somebody stops it, or the node has ended."""
    try:
        with stoppable(), watched(provider):
            with progress.show(Console()):
                if not is_compiled():
                    progress.note("Compiling the prover's kernels: once, about a minute in all")
                registry = local.set_up(
                    project, accounts.test_accounts, provider, str(project.config.foundry.evm_version)
                )
            click.echo(f"\nA chain at {local.url}, chain id {provider.chain_id}. It ends with this command: Ctrl-C\n")
            for name, number in {"deployer": 0, **local.parties}.items():
                click.echo(f"  {name:12} TEST::{number:<3} {accounts.test_accounts[number].address}")
            click.echo(f"\nSettings are in {local.folder}." + (f" Earlier ones: {earlier}." if earlier else ""))
            click.echo(f"Each command goes into a terminal of its own, in {Path.cwd()}. The owner, first:\n")
            click.echo(f"{local.owner_command()}\n\nThe others' are printed here once the project is there.")
            follow(local, registry)
    except KeyboardInterrupt:
        click.echo("\nThe node is stopped; what was on it is gone.")


def follow(local: Local, registry: Any) -> None:
    """Prints the commands for each project that the registry makes."""
    known = 0
    while True:
        if known < int(registry.count()):
            address = str(registry.projects(known))
            known += 1
            click.echo(f"\nProject {address}")
            for who, command in local.commands(address).items():
                click.echo(f"\n{who}:\n{command}")
        time.sleep(LOOK)


def _this_ape() -> str:
    """How a person in this folder starts Ape, whatever is on PATH in another terminal."""
    ape = Path(sys.executable).parent / "ape"
    if not ape.exists():
        return "ape"
    return os.path.relpath(ape) if ape.is_relative_to(Path.cwd()) else str(ape)

"""ape run audit: replays a project from the chain and a store, and says what it checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape import project
from ape.cli import ConnectedProviderCommand
from eth_utils import is_address, to_checksum_address
from rich.console import Console
from rich.markup import escape

from offchain import progress
from offchain.errors import MeedError
from offchain.market.audit.finding import Difference
from offchain.market.auditor import Auditor
from offchain.market.chain import contract_at
from offchain.market.errors import UntrustedCode
from offchain.market.follow import find_creation
from offchain.market.nodes import use_nodes
from offchain.market.project import Project
from offchain.market.trust import check_code, implementation_of
from offchain.proving.kernels.build import is_compiled
from offchain.proving.srs import Srs
from offchain.storage.open import open_store
from offchain.storage.sealing import SealingKey


@click.command(cls=ConnectedProviderCommand, context_settings={"show_default": True})
@click.argument("address", metavar="PROJECT")
@click.option("--store", "location", required=True, help="A folder, or the RPC of a Kubo daemon.")
@click.option(
    "--key",
    "key_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A member's sealing key: opens what is sealed to it.",
)
@click.option("--since", type=click.IntRange(0), default=None, help="A block no later than the project's creation.")
@click.option("--registry", default="", help="The one that has to have made it.  [any of this package's]")
@click.option("--depth", type=click.IntRange(0), default=None, help="Newest blocks to leave alone.  [the network's]")
@click.option(
    "--ptau",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The ceremony's powers of tau. A development chain does without.",
)
@click.option("--why", "explains", is_flag=True, help="Also says of each row why it was paid what it was.")
@click.option("--strict", is_flag=True, help="What can't be checked is a failure too.")
def cli(
    provider: Any,
    address: str,
    location: str,
    key_file: Path | None,
    since: int | None,
    registry: str,
    depth: int | None,
    ptau: Path | None,
    explains: bool,
    strict: bool,
) -> None:
    """Audits the project at this address. Fails at the first difference, and names it."""
    console = Console(width=120)
    network = provider.network
    if ptau is None and not network.is_dev:
        raise click.UsageError(f"on {network.choice} give --ptau FILE: whoever made an SRS can forge proofs over it")
    for given in (address, registry or address):
        if not is_address(given):
            raise click.UsageError(f"not an address: {given}")
    unchecked = 0
    try:
        with progress.show(console):
            if not is_compiled():
                progress.note("Compiling the prover's kernels: once, about a minute in all")
            use_nodes(provider)
            escrow = contract_at(project.Escrow, to_checksum_address(address))
            implementation_of(provider, str(escrow.address))  # else its creation would be looked for in vain
            audited = Project(escrow, find_creation(escrow) if since is None else since)
            size = check_code(audited, project, None, registry).srs_size
            auditor = Auditor(
                audited,
                project,
                open_store(location, is_own=False),
                Srs.insecure_cached(size) if ptau is None else Srs.from_ptau(ptau, size),
                SealingKey.load(key_file) if key_file is not None else None,
                network.required_confirmations if depth is None else depth,
                registry,
                explains,
            )
            for finding in auditor.run():
                sign = "[green]checked  [/]" if finding.checked else "[yellow]unchecked[/]"
                console.print(
                    f"{sign} [bold]{finding.subject:8}[/] {escape(finding.text)}", highlight=False, soft_wrap=True
                )
                unchecked += not finding.checked
    except (Difference, UntrustedCode) as difference:
        console.print(f"[red]DIFFERENT[/] {escape(str(difference))}", highlight=False, soft_wrap=True)
        raise click.exceptions.Exit(1) from difference
    except MeedError as error:
        raise click.ClickException(str(error)) from error
    if strict and unchecked:
        raise click.ClickException(f"{unchecked} things could not be checked")
    console.print(f"No difference; {unchecked} things could not be checked." if unchecked else "No difference.")

"""ape run deploy: the contracts that all projects of a network share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from ape import project
from ape.cli import ConnectedProviderCommand, account_option, select_account
from rich.console import Console

from offchain import progress
from offchain.errors import MeedError
from offchain.market.deployment import deploy, record, verify
from offchain.proving.kernels.build import is_compiled
from offchain.proving.srs import Srs


@click.command(cls=ConnectedProviderCommand, context_settings={"show_default": True})
@account_option(prompt=False)
@click.option(
    "--ptau",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Powers of tau of a public ceremony, in snarkjs' format.",
)
@click.option(
    "--insecure-srs",
    is_flag=True,
    help="Make an SRS here instead: who makes it can forge any proof. Development chains alone.",
)
@click.option(
    "--size",
    type=click.IntRange(64, (1 << 27) + 16),
    default=1 << 17,
    help="Powers of tau: an update's entries plus 16, at most.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=Path("runs/deployment.json"))
@click.option(
    "--check",
    "kept",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Deploy nothing: check that what this record names is what this tree compiles to.",
)
def cli(
    account: Any, provider: Any, ptau: Path | None, insecure_srs: bool, size: int, out: Path, kept: Path | None
) -> None:
    """Deploys verifier, policies, term limits, escrow implementation and registry, and writes a record of them."""
    network = provider.network
    if kept is not None:
        check(kept, provider)
        return
    if (ptau is None) == (not insecure_srs):
        raise click.UsageError("give either --ptau FILE or --insecure-srs")
    if insecure_srs and not network.is_dev:
        raise click.UsageError(f"an insecure SRS is refused on {network.choice}: give --ptau FILE")
    account = account or select_account()
    click.echo(f"Network {network.choice}, chain id {provider.chain_id}, from {account.address}, {size} powers of tau")
    if not network.is_dev:
        click.confirm("Deploy?", abort=True)
    try:
        with progress.show(Console()):
            if not is_compiled():
                progress.note("Compiling the prover's kernels: once, about a minute in all")
            srs = Srs.insecure_cached(size) if ptau is None else Srs.from_ptau(ptau, size)
        deployment = deploy(project, account, srs)
    except MeedError as error:
        raise click.ClickException(str(error)) from error
    out.parent.mkdir(parents=True, exist_ok=True)
    written = record(deployment, provider, network.choice, project.config.foundry.evm_version, srs)
    out.write_text(json.dumps(written, indent=1) + "\n")
    for name, address in deployment.as_dict().items():
        click.echo(f"{name:16} {address}")
    click.echo(f"Written to {out}")


def check(kept: Path, provider: Any) -> None:
    """Says that a recorded deployment is what this tree compiles to, or what differs."""
    try:
        deployment = verify(json.loads(kept.read_text()), project, provider)
    except (MeedError, json.JSONDecodeError) as error:
        raise click.ClickException(str(error)) from error
    for name, address in deployment.as_dict().items():
        click.echo(f"{name:16} {address} is this tree's")

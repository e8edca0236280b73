"""ape run deploy: the contracts that all projects of a network share."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import click
from ape import project
from ape.cli import ConnectedProviderCommand, account_option, select_account
from ape.exceptions import ApeException
from rich.console import Console

from offchain import progress
from offchain.errors import FatalError, MeedError
from offchain.market.deployment import deploy, record, verify
from offchain.market.nodes import use_nodes
from offchain.market.programs.setup import unlock
from offchain.node import without_traces
from offchain.proving.kernels.build import is_compiled
from offchain.proving.ptau import digest_of
from offchain.proving.srs import Srs
from offchain.quiet import quiet_ape

without_traces()  # before Ape connects


@click.command(cls=ConnectedProviderCommand, context_settings={"show_default": True})
@account_option(prompt=False)
@click.option(
    "--ptau",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Powers of tau of a public ceremony, in snarkjs' format.",
)
@click.option(
    "--ptau-digest",
    metavar="HEX",
    help="What the ceremony says that the file's BLAKE2b-512 is (b2sum): another file is refused.",
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
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("runs/deployment.json"),
    help="The record. One that is there is never overwritten.",
)
@click.option(
    "--check",
    "kept",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Deploy nothing: check that what this record names is what this tree compiles to.",
)
def cli(
    account: Any,
    provider: Any,
    ptau: Path | None,
    ptau_digest: str | None,
    insecure_srs: bool,
    size: int,
    out: Path,
    kept: Path | None,
) -> None:
    """Deploys verifier, policies, term limits, escrow implementation and registry, and writes a record of them.

    An account of your own comes into Ape by `ape accounts import NAME`; its passphrase is asked for once. On a network
    that is not one of Ape's own, `ape-config.yaml` has to say the chain id (networks: custom: in Ape's guide).

    FILE.ptau is of a ceremony whose secret nobody knows, such as the Perpetual Powers of Tau: files
    powersOfTau28_hez_final_K.ptau, which snarkjs' README lists with their digests. One has 2^(K + 1) - 1 powers: for
    the default SIZE of 131,072 that is K = 17, and K = 20 for updates of a million entries.
    """
    network = provider.network
    use_nodes(provider)
    if kept is not None:
        check(kept, provider)
        return
    if (ptau is None) == (not insecure_srs):
        raise click.UsageError("give either --ptau FILE or --insecure-srs")
    if ptau_digest is not None and ptau is None:
        raise click.UsageError("--ptau-digest goes with --ptau")
    if insecure_srs and not network.is_dev:
        raise click.UsageError(f"an insecure SRS is refused on {network.choice}: give --ptau FILE")
    quiet_ape()
    try:
        make_room(out)
        digest = None if ptau is None else checked_digest(ptau, ptau_digest)
        account = account or select_account()
        click.echo(f"Network {network.choice}, chain id {provider.chain_id}, from {account.address}, size {size}")
        if not network.is_dev:
            click.confirm("Deploy?", abort=True)
        unlock(account)
        with progress.show(Console()):
            if not is_compiled():
                progress.note("Compiling the prover's kernels: once, about a minute in all")
            srs = Srs.insecure_cached(size) if ptau is None else Srs.from_ptau(ptau, size)
        deployment = deploy(project, account, srs)
    except (MeedError, ApeException) as error:
        raise click.ClickException(str(error)) from error
    for name, address in deployment.as_dict().items():
        click.echo(f"{name:16} {address}")
    written = record(deployment, provider, network.choice, project.config.foundry.evm_version, srs)
    write(written | ({} if digest is None else {"ptau_blake2b": digest}), out)


def make_room(out: Path) -> None:
    """So that what was paid for is written down. Raises DeployError."""
    if out.exists():
        raise DeployError(f"{out} is the record of an earlier deployment: give --out another file, or move it away")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise DeployError(f"can't write {out}: {error.strerror or error}. Give --out another file") from error


def checked_digest(ptau: Path, expected: str | None) -> str:
    """The file's digest, said, and compared with what the ceremony says. Raises DeployError, SrsError."""
    digest = digest_of(ptau)
    if expected is not None and "".join(expected.split()).lower().removeprefix("0x") != digest:
        raise DeployError(f"{ptau}: its BLAKE2b-512 is {digest}, and not the one of --ptau-digest: get the file anew")
    is_checked = "as --ptau-digest says" if expected is not None else "compare it with what the ceremony has published"
    click.echo(f"BLAKE2b-512 of {ptau}: {digest}, {is_checked}")
    return digest


def write(written: dict[str, Any], out: Path) -> None:
    text = json.dumps(written, indent=1) + "\n"
    try:
        with out.open("x") as file:  # nobody else's meanwhile
            file.write(text)
    except OSError as error:
        click.echo(text)
        raise click.ClickException(f"can't write {out}: {error.strerror}. Keep the record above") from error
    click.echo(f"Written to {out}")


class DeployError(FatalError):
    """Nothing is deployed: its record could not be written, or the powers of tau aren't the ones expected."""


def check(kept: Path, provider: Any) -> None:
    """Says that a recorded deployment is what this tree compiles to, or what differs."""
    try:
        deployment = verify(json.loads(kept.read_text()), project, provider)
    except (MeedError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    for name, address in deployment.as_dict().items():
        click.echo(f"{name:16} {address} is this tree's")

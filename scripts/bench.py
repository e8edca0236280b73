"""ape run bench: figures as JSON, for people and for graphs; nothing here passes or fails."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import click
from ape import accounts, project
from ape.cli import ConnectedProviderCommand

from offchain.bench.case import ONE_ROW, SCALARS, STAGES, Case
from offchain.bench.compare import PEERS, measure_against, measure_stage
from offchain.bench.errors import BenchError
from offchain.node import without_traces
from offchain.scoring.policy import ALL_RULES

without_traces()  # before Ape connects


@click.group()
def cli() -> None:
    """Measures gas, time and memory."""


@cli.command(cls=ConnectedProviderCommand)
@click.option("--rows", type=click.IntRange(3, 32), multiple=True, default=(7, 10, 16, 32), show_default=True)
@click.option("--policy", "rule", type=click.Choice(ALL_RULES), default=ALL_RULES[0], show_default=True)
def gas(rows: tuple[int, ...], rule: str) -> None:
    """Gas of every call of a project, in transactions."""
    # imported here: it brings torch, which the other commands don't use
    from offchain.bench.gas import measure_gas

    for count in rows:
        with tempfile.TemporaryDirectory() as folder:
            click.echo(json.dumps(measure_gas(project, accounts.test_accounts, Path(folder), count, rule)))


@cli.command(cls=ConnectedProviderCommand)
@click.option("--renew", is_flag=True, help="Write what was measured.")
def snapshot(provider: Any, renew: bool) -> None:
    """Gas and bytecode beside what tests/gas_snapshot.json has, which `make test` holds them to."""
    from offchain.bench.snapshot import load, rises, write
    from offchain.bench.snapshot import snapshot as measure

    evm = project.config.foundry.evm_version
    found = measure(project, accounts.test_accounts, provider.client_version, evm)
    if renew:
        write(found)
    for line in rises(load(), found):
        click.echo(line)


@cli.command(options_metavar="", context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", metavar="[OPTIONS OF SIMULATE]", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def market(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Time and peak memory, in MiB, of a whole market, of all its processes together and of its node.

    Options are those of `ape run simulate`, as --trainers 32 --rounds 50 --policy trimmed-cosine; results are thrown
    away. On Linux memory is the processes' PSS, from /proc, elsewhere their RSS, both seen four times a second.
    """
    from offchain.bench.market import measure_market

    if {"-h", "--help"} & set(arguments):
        click.echo(context.get_help())
        return
    try:
        click.echo(json.dumps(measure_market(arguments)))
    except BenchError as error:
        raise click.ClickException(str(error)) from error


WHAT = {
    "commit": "the commitment to one update",
    "gram": "the Gram matrix of all rows",
    "prove": "that matrix with its proof, the commitments being known",
    "range": "the proof that all entries have 16 bits",
    "verify": "a Gram proof's verification in Python",
    "msm": "one multi-scalar multiplication over as many points of the SRS",
    "product": "1,000 products of field elements, DIMENSION at a time, on one thread",
    "transform": "one number-theoretic transform; its size is the least power of two >= DIMENSION, and 256 at least",
}


def stage_command(stage: str) -> click.Command:
    rows_help = "It works on one: no effect." if stage in ONE_ROW else None
    peers = [name for name, peer in PEERS.items() if stage in peer.stages]
    against_help = f"Also measure what others would use: {', '.join(peers) or 'none for this stage'}."

    @click.command(stage, help=f"Seconds and peak memory, in MiB, of {WHAT[stage]}. Runs are warm.")
    @click.option("--rows", type=click.IntRange(1, 32), default=8, show_default=True, help=rows_help)
    @click.option("--dimension", type=click.IntRange(48, 1 << 27), default=1 << 14, show_default=True)
    @click.option("--threads", type=click.IntRange(1, 256), help="One a core if not given.")
    @click.option("--repeat", type=click.IntRange(1), default=1, show_default=True, help="Medians of so many runs.")
    @click.option("--against", type=click.Choice(list(PEERS)), help=against_help)
    def command(rows: int, dimension: int, threads: int | None, repeat: int, against: str | None, **other: str) -> None:
        case = Case(stage, rows, dimension, repeat=repeat, **other)
        try:
            if against is None:
                click.echo(json.dumps(measure_stage(case, threads)))
                return
            for line in measure_against(case, against, threads):
                click.echo(json.dumps(line))
        except BenchError as error:
            raise click.ClickException(str(error)) from error

    if stage == "msm":
        kinds = click.option("--scalars", type=click.Choice(SCALARS), default=SCALARS[0], show_default=True)
        command = kinds(command)
    return command


for name in STAGES:
    cli.add_command(stage_command(name))

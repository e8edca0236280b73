"""ape run bench: figures as JSON, for people and for graphs; nothing here passes or fails."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click
from ape import accounts, project
from ape.cli import ConnectedProviderCommand

from offchain.scoring.policy import RULES
from offchain.simulation.measure import STAGES, measure_gas, measure_stage


@click.group()
def cli() -> None:
    """Measures gas, time and memory."""


@cli.command(cls=ConnectedProviderCommand)
@click.option("--rows", type=click.IntRange(3, 32), multiple=True, default=(7, 10, 16, 32), show_default=True)
@click.option("--policy", "rule", type=click.Choice(RULES), default=RULES[0], show_default=True)
def gas(rows: tuple[int, ...], rule: str) -> None:
    """Gas of every call of a project, in transactions."""
    for count in rows:
        with tempfile.TemporaryDirectory() as folder:
            click.echo(json.dumps(measure_gas(project, accounts.test_accounts, Path(folder), count, rule)))


def stage_command(stage: str) -> click.Command:
    @click.command(stage, help=f"Wall and CPU seconds and peak memory of: {stage}.")
    @click.option("--rows", type=click.IntRange(1, 32), default=8, show_default=True)
    @click.option("--dimension", type=click.IntRange(48, 1 << 24), default=1 << 14, show_default=True)
    def command(rows: int, dimension: int) -> None:
        click.echo(json.dumps(measure_stage(stage, rows, dimension)))

    return command


for name in STAGES:
    cli.add_command(stage_command(name))

"""ape run trainer: takes part in a project with this machine's data, until it is paid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape import project as contracts
from ape.cli import account_option

from offchain.market.programs.command import NodeCommand, agree, common_options, reporting
from offchain.market.programs.setup import find_project, surroundings, unlock
from offchain.market.programs.trainer import TrainerProgram
from offchain.market.settings import TrainerSettings, load


@click.command(cls=NodeCommand)
@account_option()
@common_options
@click.option("--path", help="Data file, for a task that reads one.", default=None)
@click.option("--share", nargs=2, type=int, default=None, help="Of the bundled data: its number from 1, of how many.")
@click.option("--seed", type=int, default=None)
@click.option("--accept-unknown-policy", is_flag=True, default=None, help="The policy's code was read, and is sound.")
def cli(account: Any, provider: Any, config: Path | None, **flags: Any) -> None:
    """Trains in a project: checks it, takes a seat, and does each round's steps in time."""
    with reporting():
        settings = load(TrainerSettings, config, flags)
        around = surroundings(settings, "trainer", account, contracts, provider)
        project = find_project(settings, around)
        if project.account(str(account.address)).seat is None:
            agree(project, provider, project.terms.trainer_stake)
        unlock(account)
        TrainerProgram(settings, project, around).run()

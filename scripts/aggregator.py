"""ape run aggregator: proves and settles the rounds of a project, or stands by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape import project as contracts
from ape.cli import account_option

from offchain.market.programs.aggregator import AggregatorProgram
from offchain.market.programs.command import NodeCommand, agree, common_options, reporting
from offchain.market.programs.setup import find_project, surroundings, unlock
from offchain.market.settings import AggregatorSettings, load


@click.command(cls=NodeCommand)
@account_option()
@common_options
@click.option("--proving", type=int, default=None, help="Seconds that a proof takes on this machine.")
def cli(account: Any, provider: Any, config: Path | None, **flags: Any) -> None:
    """Aggregates for a project that lists this account: accepts, takes the turn, settles; or stands by."""
    with reporting():
        settings = load(AggregatorSettings, config, flags)
        around = surroundings(settings, "aggregator", account, contracts, provider)
        project = find_project(settings, around)
        if not any(project.escrow.sealing_keys(account)):
            agree(project, provider, project.terms.aggregator_stake)
        unlock(account)
        AggregatorProgram(settings, project, around).run()

"""ape run project: what a project is about and what it takes to join, before anybody does."""

from __future__ import annotations

from typing import Any

import click
from ape import project as contracts

from offchain.market.nodes import use_nodes
from offchain.market.programs.command import NodeCommand, reporting
from offchain.market.programs.setup import open_shelf, project_at
from offchain.market.prospectus import prospectus
from offchain.market.settings import Settings


@click.command(cls=NodeCommand)
@click.argument("address", metavar="PROJECT")
@click.option("--store", "stores", multiple=True, help="Where the task is described: a folder or a Kubo RPC.")
def cli(provider: Any, address: str, stores: tuple[str, ...]) -> None:
    """Shows the project at this address: terms in words, money, windows, its task, the command to join."""
    with reporting() as console:
        use_nodes(provider)
        project, relied = project_at(address, contracts, provider, depth=0)
        store = open_shelf(Settings(store=stores)) if stores else None
        console.print(prospectus(project, relied.known_policy, store, stores), crop=False)

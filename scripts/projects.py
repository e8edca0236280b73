"""ape run projects: what a registry has to offer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape import project as contracts

from offchain.market.nodes import use_nodes
from offchain.market.programs.command import NodeCommand, reporting
from offchain.market.programs.setup import registry_at
from offchain.market.prospectus import listing


@click.command(cls=NodeCommand, context_settings={"show_default": True})
@click.option("--registry", default=None, help="Its address.  [default: the deployment's]")
@click.option("--deployment", type=click.Path(path_type=Path), default=Path("runs/deployment.json"))
@click.option("--newest", type=click.IntRange(1, 10_000), default=20, help="How many are looked at.")
@click.option("--joinable", is_flag=True, help="Only those in which a seat can be taken now.")
def cli(provider: Any, registry: str | None, deployment: Path, newest: int, joinable: bool) -> None:
    """Lists a registry's projects with their phase, reward and free seats."""
    with reporting() as console:
        use_nodes(provider)
        found = registry_at(registry, deployment, contracts, provider)
        console.print(listing(found, contracts, newest, joinable), crop=False)
        console.print("What one is about: ape run project ADDRESS --store STORE", soft_wrap=True)

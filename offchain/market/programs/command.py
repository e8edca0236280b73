"""What the commands of all roles have in common: options, logs, one line for an expected error."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from ape.exceptions import ApeException
from ape.logging import LogLevel
from ape.logging import logger as ape_logger
from rich.console import Console
from rich.logging import RichHandler

from offchain.errors import MeedError
from offchain.market.project import Project

__all__ = ["agree", "common_options", "reporting"]

Command = TypeVar("Command", bound=Callable[..., Any])


def common_options(command: Command) -> Command:
    """--config, --project, --store, --state."""
    for option in (
        click.option("--state", help="Folder for what the program must not lose.", default=None),
        click.option("--store", multiple=True, help="Own store first, then others to read: a folder or a Kubo RPC."),
        click.option("--project", help="The project's address.", default=None),
        click.option(
            "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TOML file of settings."
        ),
    ):
        command = option(command)
    return command


@contextmanager
def reporting() -> Iterator[Console]:
    """Logs to the terminal; expected errors end a command with their sentence."""
    console = Console()
    if ape_logger.level == LogLevel.INFO:
        ape_logger.set_level(LogLevel.WARNING)
    log = logging.getLogger("offchain")
    log.setLevel(logging.INFO)
    log.handlers = [RichHandler(console=console, show_path=False, log_time_format="%d %b %H:%M:%S", markup=False)]
    log.propagate = False
    try:
        yield console
    except (MeedError, ApeException) as error:
        raise click.ClickException(str(error)) from error


def agree(project: Project, provider: Any, stake: int) -> None:
    """Shows what joining costs, and asks on a public chain: the token is the owner's choice, and a person has to judge
    it.
    """
    terms, token = project.terms, project.token
    click.echo(
        f"Project {project.address} on {provider.network.choice}, owner {project.escrow.owner()}\n"
        f"{terms.rounds} rounds, reward {token.told(terms.round_reward)} a round, {terms.seats} seats, "
        f"stake {token.told(stake)}; the token is {terms.token}"
    )
    if not provider.network.is_dev:
        click.confirm("Join?", abort=True)

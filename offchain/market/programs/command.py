"""What the commands of all roles have in common: options, logs, one line for an expected error."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from ape.cli import ConnectedProviderCommand
from ape.exceptions import ApeException
from ape.logging import logger as ape_logger
from requests import RequestException
from rich.console import Console
from web3.exceptions import Web3Exception

from offchain.errors import MeedError
from offchain.market.nodes import connected
from offchain.market.project import Project
from offchain.market.settings import urls_of
from offchain.quiet import quiet_ape
from offchain.redact import Redacting, redacted

__all__ = ["NodeCommand", "agree", "common_options", "reporting"]

_REDACTING = Redacting()

_INTERRUPTED = 130  # what shells give a program that Ctrl-C has ended

Command = TypeVar("Command", bound=Callable[..., Any])


class NodeCommand(ConnectedProviderCommand):
    """A command on a network whose own node may be away: then the settings' `rpc` takes its place."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            if urls := urls_of(ctx.params.get("config")):
                ctx.params["network"] = connected(ctx.params["network"], urls)
        except MeedError as error:
            raise click.ClickException(str(error)) from None
        return super().invoke(ctx)


def common_options(command: Command) -> Command:
    """--config, --project, --store, --state, --task."""
    for option in (
        click.option("--task", help="A task of your own: FILE.py:CLASS or PACKAGE.MODULE:CLASS.", default=None),
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
    """Logs to the terminal, in lines that nothing cuts; expected errors end a command with their sentence, Ctrl-C with
    another.
    """
    console = Console()
    quiet_ape()
    log = logging.getLogger("offchain")
    log.setLevel(logging.INFO)
    log.handlers = [_Lines(console)]
    log.propagate = False
    for place in (log.handlers[0], ape_logger._logger):
        place.addFilter(_REDACTING)
    try:
        yield console
    except KeyboardInterrupt:
        click.echo("Stopped. The state is kept: the same command goes on from there.")
        raise click.exceptions.Exit(_INTERRUPTED) from None
    except (MeedError, ApeException, Web3Exception, RequestException) as error:
        raise click.ClickException(redacted(str(error))) from None
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except Exception as error:  # a mistake in the code: where it is, but no key of an RPC that it quotes
        click.echo(redacted(traceback.format_exc()), err=True)
        raise click.exceptions.Exit(1) from error


class _Lines(logging.Handler):
    """A line for each message, however narrow the terminal is: an address that is broken in two can't be copied."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)-8s %(message)s", "%d %b %H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._console.print(self.format(record), soft_wrap=True, markup=False, highlight=False)
        except Exception:  # a log never stops a program
            self.handleError(record)


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

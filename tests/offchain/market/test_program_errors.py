"""What a command lets anybody read of an error: never the key of an RPC."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
import requests
from ape.exceptions import ProviderError
from ape.logging import logger as ape_logger
from click.testing import CliRunner
from web3.exceptions import Web3RPCError

from offchain.market.errors import MarketError, NodeError
from offchain.market.programs import command
from offchain.market.programs.command import NodeCommand, reporting

URL = "https://me:s3cret@node.example:8545/v3/s3cret?key=s3cret"
SHOWN = "https://node.example:8545/***"


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """As they were, afterwards."""
    log, filters = logging.getLogger("offchain"), list(ape_logger._logger.filters)
    handlers, propagate, level = log.handlers, log.propagate, ape_logger.level
    yield
    log.handlers, log.propagate, ape_logger._logger.filters = handlers, propagate, filters
    ape_logger.set_level(level)


@pytest.mark.parametrize(
    "error",
    [
        MarketError(f"away: {URL}"),
        NodeError(f"away: {URL}"),
        ProviderError(f"No (supported) node found on '{URL}'"),
        requests.HTTPError(f"401 Client Error: Unauthorized for url: {URL}"),
        Web3RPCError(f"no plan for {URL}"),
    ],
)
def test_reporting__expected_error__one_line_without_the_key(error: Exception) -> None:
    with pytest.raises(click.ClickException) as caught, reporting():
        raise error
    assert SHOWN in caught.value.message
    assert "s3cret" not in caught.value.message
    assert caught.value.__suppress_context__


def test_reporting__mistake_in_the_code__shows_where_without_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.exceptions.Exit) as caught, reporting():
        raise TypeError(f"can't add {URL}")
    assert caught.value.exit_code == 1
    printed = capsys.readouterr().err
    assert f"TypeError: can't add {SHOWN}" in printed
    assert "test_program_errors.py" in printed
    assert "s3cret" not in printed


@pytest.mark.parametrize("stop", [click.Abort(), click.exceptions.Exit(3), click.UsageError("no such option")])
def test_reporting__end_of_a_command__is_left_alone(stop: Exception) -> None:
    with pytest.raises(type(stop)) as caught, reporting():
        raise stop
    assert caught.value is stop


def test_reporting__what_is_logged__is_without_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting():
        logging.getLogger("offchain.market.programs.base").info("%s: %s", "OSError", URL)
        ape_logger.warning(f"RPC at '{URL}' not available")
        try:
            raise OSError(URL)
        except OSError:
            logging.getLogger("offchain").exception("failed")
    printed = "".join(capsys.readouterr())
    assert printed.replace("\n", "").count("node.example") == 3
    assert "s3cret" not in printed


def test_node_command__settings_name_nodes__connects_through_one_that_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('rpc = ["https://a.example"]')
    asked: list[Any] = []

    def connected(provider: Any, urls: Any) -> Any:
        asked.append((provider, urls))
        raise NodeError(f"no node answers: {URL}")

    monkeypatch.setattr(command, "connected", connected)
    own = SimpleNamespace()
    context = click.Context(NodeCommand("x", callback=lambda: None), obj={})
    context.params = {"config": file, "network": own}
    with pytest.raises(click.ClickException, match="no node answers") as caught:
        context.command.invoke(context)
    assert asked == [(own, ("https://a.example",))]
    assert "s3cret" not in caught.value.message


def test_node_command__settings_are_wrong__says_so_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('rpc = "ftp://a.example/s3cret"')

    @click.command(cls=NodeCommand)
    @click.option("--config", type=click.Path(path_type=Path))
    def program(config: Path) -> None:
        pytest.fail("it was run")

    outcome = CliRunner().invoke(program, ["--config", str(file), "--network", "ethereum:local:foundry"])
    assert outcome.exit_code == 1
    assert "rpc: URLs that begin with http:// or https://, not ftp://a.example/***" in outcome.output

"""What a command shows: lines that nothing cuts, none of Ape's noise, a sentence for what ends it; its state folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from ape.logging import logger as ape_logger
from click.testing import CliRunner

from offchain.market.errors import SettingsError
from offchain.market.journal import Journal
from offchain.market.programs import setup
from offchain.market.programs.command import reporting

LONG = f"left with 0x{'ab' * 32} and 0x{'cd' * 20}, as [bold]told[/bold] by /ip4/127.0.0.1/tcp/5001"
FIRST, SECOND, PROJECT = "0x" + "b2" * 20, "0x" + "c3" * 20, "0x" + "E5" * 20


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    log, ape = logging.getLogger("offchain"), logging.getLogger("ape")
    kept = log.handlers, log.level, log.propagate, list(ape.filters), ape_logger.level
    yield
    log.handlers, log.level, log.propagate, ape.filters = kept[0], kept[1], kept[2], kept[3]
    ape_logger.set_level(kept[4])


def run(action: Any) -> Any:
    @click.command()
    def command() -> None:
        with reporting():
            action()

    return CliRunner().invoke(command, env={"COLUMNS": "80", "TERM": "dumb"})


def test_reporting__message_longer_than_the_terminal__is_one_line_as_it_is() -> None:
    result = run(lambda: logging.getLogger("offchain.market").warning(LONG))
    (line,) = result.output.splitlines()
    assert line.endswith(f" WARNING  {LONG}")


def test_reporting__ctrl_c__one_line_and_its_exit_code() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    result = run(interrupted)
    assert result.exit_code == 130
    assert result.output == "Stopped. The state is kept: the same command goes on from there.\n"


def test_reporting__expected_error__one_line() -> None:
    def fail() -> None:
        raise SettingsError("project: its address is needed")

    result = run(fail)
    assert (result.exit_code, result.output) == (1, "Error: project: its address is needed\n")


def test_reporting__ape_says_at_every_step_that_it_signs__is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def signed() -> None:
        ape_logger.warning("Danger! This account will now sign any transaction it's given.")
        ape_logger.warning("Using cached key for %s", "me")
        ape_logger.warning("The node is slow.")

    for _ in range(2):
        run(signed)
    assert [record.getMessage() for record in caplog.records if record.name == "ape"] == ["The node is slow."] * 2


# --- state folders


def account(address: str) -> Any:
    return SimpleNamespace(address=address)


def used(folder: Path, address: str | None) -> None:
    journal = Journal(folder)
    if address is not None:
        journal.claim(role="trainer", account=address)
    journal.close()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_state_folder__two_accounts__have_one_each() -> None:
    folders = [setup._state_folder("trainer", PROJECT.lower(), account(a)) for a in (FIRST, SECOND)]
    assert len(set(folders)) == 2
    assert all(a in folder.name for a, folder in zip((FIRST, SECOND), folders, strict=True))


def test_state_folder__address_in_another_case__is_the_same() -> None:
    lower, upper = (setup._state_folder("trainer", name, account(FIRST)) for name in (PROJECT.lower(), PROJECT))
    assert lower == upper


def test_state_folder__older_one_of_this_account__is_used_on() -> None:
    old = Path("runs") / f"trainer-{PROJECT}"
    used(old, FIRST)
    assert setup._state_folder("trainer", PROJECT, account(FIRST)) == old
    assert setup._state_folder("trainer", PROJECT, account(SECOND)) != old


def test_state_folder__older_one_in_use__is_still_told_from_others() -> None:
    old = Path("runs") / f"trainer-{PROJECT}"
    used(old, FIRST)
    journal = Journal(old)
    assert setup._state_folder("trainer", PROJECT, account(FIRST)) == old
    journal.close()


def test_state_folder__older_one_of_a_project_half_made__is_used_on() -> None:
    """An owner that was killed before its project was there: whose it is isn't written yet."""
    used(Path("runs/owner-own"), None)
    assert setup._state_folder("owner", "own", account(FIRST)) == Path("runs/owner-own")
    assert setup._state_folder("owner", "other", account(FIRST)) == Path(f"runs/owner-other-{FIRST}")

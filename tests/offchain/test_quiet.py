"""What of Ape's own log reaches the terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from ape.logging import LogLevel
from ape.logging import logger as ape_logger

from offchain.quiet import quiet_ape


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What gets through. Ape's level and filters are afterwards as they were."""
    log = logging.getLogger("ape")
    level, filters, propagates = ape_logger.level, list(log.filters), log.propagate
    log.propagate, log.filters = True, []  # a command that another test ran may have left its own
    ape_logger.set_level(LogLevel.INFO)
    yield caplog
    ape_logger.set_level(level)
    log.filters, log.propagate = filters, propagates


def speak() -> None:
    ape_logger.info("Confirmed 0x12 (total fees paid = 0)")
    ape_logger.warning("Danger! This account will now sign any transaction it's given.")
    ape_logger.warning("Using cached key for %s", "me")
    ape_logger.warning("Upstream network has mismatching genesis block.")


def test_quiet_ape__at_its_default_level__leaves_what_tells_something(said: pytest.LogCaptureFixture) -> None:
    quiet_ape()
    quiet_ape()
    speak()
    assert said.messages == ["Upstream network has mismatching genesis block."]


def test_quiet_ape__more_asked_for__nothing_is_dropped(said: pytest.LogCaptureFixture) -> None:
    ape_logger.set_level(LogLevel.DEBUG)
    quiet_ape()
    speak()
    assert len(said.messages) == 4

"""Ape's own log without what tells a person nothing."""

from __future__ import annotations

import logging

from ape.logging import LogLevel
from ape.logging import logger as ape_logger

__all__ = ["quiet_ape"]

# said whenever an account signs that a program was allowed to sign with, which its passphrase was asked for
_AT_EVERY_STEP = ("Danger! This account will now sign", "Using cached key for")


def quiet_ape() -> None:
    """Drops Ape's line for each transaction and for each signature. Who asks for more by `--verbosity` gets all of it.
    May be called again.
    """
    if ape_logger.level == LogLevel.INFO:  # the default
        ape_logger.set_level(LogLevel.WARNING)
    log = logging.getLogger("ape")
    if ape_logger.level == LogLevel.WARNING and _tells_something not in log.filters:
        log.addFilter(_tells_something)


def _tells_something(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(_AT_EVERY_STEP)

"""The development chain that Ape starts: on a diet, watched, and ended when the command says so.

ape-foundry starts Anvil with `--steps-tracing`: each step of each transaction is kept, 2 to 3 GB for a round of ten
trainers. Nothing here reads these traces: a revert's reason and `ape.reverts` need none.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ape_foundry.provider import FoundryProvider

from offchain.errors import FatalError

__all__ = ["NodeGone", "stoppable", "watched", "without_traces"]

_TRACING = "--steps-tracing"


class NodeGone(FatalError):
    """The development chain has ended, or doesn't answer any more: everything on it is lost."""


def without_traces() -> None:
    """Has every Anvil that this process starts keep no traces. May be called again."""
    build = FoundryProvider.build_command
    if getattr(build, "is_without_traces", False):
        return

    def build_command(self: FoundryProvider) -> list[str]:
        return [word for word in build(self) if word != _TRACING]

    build_command.is_without_traces = True  # type: ignore[attr-defined]
    FoundryProvider.build_command = build_command


@contextmanager
def watched(provider: Any) -> Iterator[None]:
    """If the node no longer answers when something goes wrong inside, NodeGone says so in its place."""
    try:
        yield
    except Exception as error:
        if _answers(provider):
            raise
        raise NodeGone(
            "the development chain has ended, and all that was on it is lost: Anvil was stopped, or memory ran out. "
            "Free some, or ask for fewer trainers or rounds: `ape run bench market` measures what a market takes"
        ) from error


def _answers(provider: Any) -> bool:
    try:
        return bool(provider.web3.is_connected())
    except Exception:  # Ape forgets the connection of a node that it has stopped
        return False


@contextmanager
def stoppable() -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM raise KeyboardInterrupt. Ape, which has started a node, would end the process there
    and then.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

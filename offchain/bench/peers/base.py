"""What a peer is: a name, the stages it has an equivalent of, and the measuring of one of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from offchain.bench.case import Case

__all__ = ["Peer"]


class Peer(ABC):
    """Imports nothing of the peer's: that happens in the process which is measured."""

    name: str
    stages: tuple[str, ...]
    needs_answer = False  # measure() wants what Meed gets from the same inputs, and the points where there are any

    @abstractmethod
    def missing(self) -> str | None:
        """What must be installed first, and how; None if all is there."""

    @abstractmethod
    def measure(self, case: Case, folder: Path, answer: Any, threads: int | None) -> dict[str, Any]:
        """The peer's figures, with what they include and exclude.

        folder: for its files. Raises BenchError if the peer fails, or doesn't get what Meed does.
        """

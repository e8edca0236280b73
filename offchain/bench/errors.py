"""What can go wrong in measuring."""

from __future__ import annotations

from offchain.errors import FatalError

__all__ = ["BenchError"]


class BenchError(FatalError):
    """A peer is missing, can't do a stage or gives another answer, or a measured process failed."""

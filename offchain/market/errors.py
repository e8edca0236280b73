"""What goes wrong between parties."""

from __future__ import annotations

__all__ = ["FalseAggregate", "MarketError"]


class MarketError(Exception):
    """A step that can't be taken now, or a project that a party should not be in."""


class FalseAggregate(MarketError):
    """A published aggregate that is not the one the contract has a commitment to."""

"""What the stories share."""

from __future__ import annotations

from tests.escrow_market import make_market

__all__ = ["make_market"]

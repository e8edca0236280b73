"""What can go wrong in choosing an attack."""

from __future__ import annotations

from offchain.errors import FatalError

__all__ = ["AttackError"]


class AttackError(FatalError, ValueError):
    """No such attack; the message says which there are."""

"""What can go wrong in proving, by who is at fault."""

from __future__ import annotations

from offchain.errors import FatalError, PassingError

__all__ = ["InputError", "Rejected", "SrsError"]


class InputError(FatalError, ValueError):
    """The caller asks for something that can't be proved or committed: wrong shape, type or bounds."""


class SrsError(FatalError):
    """A structured reference string is missing, truncated, of another curve, or not powers of one tau."""


class Rejected(PassingError):
    """A proof is malformed or doesn't verify."""

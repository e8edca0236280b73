"""What can go wrong in proving, by who is at fault."""

from __future__ import annotations

__all__ = ["InputError", "ProvingError", "Rejected", "SrsError"]


class ProvingError(Exception):
    """Any error of this package."""


class InputError(ProvingError, ValueError):
    """The caller asks for something that can't be proved or committed: wrong shape, type or bounds."""


class SrsError(ProvingError):
    """A structured reference string is missing, truncated, of another curve, or not powers of one tau."""


class Rejected(ProvingError):
    """A proof is malformed or doesn't verify."""

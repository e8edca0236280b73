"""What can go wrong in storing, sealing and parsing."""

from __future__ import annotations

from offchain.errors import FatalError, PassingError

__all__ = [
    "AmbiguousContent",
    "CidError",
    "Corrupt",
    "DiskError",
    "LocationError",
    "NotFound",
    "PayloadError",
    "SealingError",
    "StoreError",
    "TooLarge",
    "Unavailable",
]


class StoreError(PassingError):
    """A store can't do what it was asked."""


class NotFound(StoreError, KeyError):
    """A block of the content isn't in the store. It may come later, or be somewhere else."""

    def __str__(self) -> str:  # a KeyError would quote its message
        return str(self.args[0])


class Corrupt(StoreError):
    """Bytes that don't have the digest they are kept under, or blocks that don't make up a file.

    Never returned to a caller.
    """


class TooLarge(StoreError):
    """The content is longer than the caller takes."""


class Unavailable(StoreError):
    """The program that keeps the store doesn't answer, or not as it should. Nothing is said about the content: try
    again later.
    """


class DiskError(StoreError, OSError):
    """A folder that can't be read or written now: full, away, or somebody else's. The message has the cause."""


class LocationError(FatalError):
    """A text that doesn't say where a store is."""


class AmbiguousContent(StoreError):
    """The content reads as the root of another file (`unixfs.py`), so no reader could tell it from that file."""


class CidError(FatalError, ValueError):
    """A text that is no CID of ours."""


class PayloadError(PassingError, ValueError):
    """Bytes from outside that aren't exactly the payload, aggregate, model or task expected."""


class SealingError(PassingError):
    """A sealed payload doesn't open, or a key can't be used. Says no more than that: the reason could help a forger."""

"""The base of every error of this package: by it, a program knows whether waiting can help.

A command reports any of them in one line rather than with a stack trace. What isn't a `MeedError` is a mistake in the
code, and shows where.
"""

from __future__ import annotations

from offchain.redact import redacted

__all__ = ["FatalError", "MeedError", "PassingError"]


class MeedError(Exception):
    """Anything that can go wrong without a mistake in the code. Every class is one of the two below. What such an
    error quotes of others may hold the key of an RPC: its text is without.
    """

    def __str__(self) -> str:
        return redacted(super().__str__())


class PassingError(MeedError):
    """What others do or leave undone: a node or a store that is away, contents that aren't what they should be, a call
    that the contract refuses because somebody was faster. A program says so, and looks again.
    """


class FatalError(MeedError):
    """What doesn't get better by waiting: a setting, code that isn't trusted, data that don't fit, impossible
    arguments. A program that has nothing at stake ends; one that has goes on with all that doesn't need it.
    """

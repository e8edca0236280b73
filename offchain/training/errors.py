"""What can go wrong in training, by where."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from offchain.errors import FatalError, MeedError

__all__ = ["PartitionError", "QuantiseError", "TaskError", "TrainingError", "VectorError", "failing"]


class TaskError(FatalError, ValueError):
    """A task, its description or its data can't be used. The message says what to do about it."""


class VectorError(FatalError, ValueError):
    """A module can't be made a vector, or a vector isn't of this module."""


class TrainingError(FatalError, ValueError):
    """Training was asked for with impossible arguments, or diverged."""


class QuantiseError(FatalError, ValueError):
    """An update can't be quantised: its shape, a value that isn't finite, or parameters out of range."""


class PartitionError(FatalError, ValueError):
    """A data set can't be split as asked."""


@contextmanager
def failing(what: str) -> Iterator[None]:
    """Whatever a user's own code raises inside becomes a TaskError that begins with `what`."""
    try:
        yield
    except MeedError:
        raise
    except Exception as error:  # the code is a stranger to us: it may raise anything
        raise TaskError(f"{what}: {type(error).__name__}: {error}") from error

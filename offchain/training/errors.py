"""What can go wrong in training, by where."""

from __future__ import annotations

from offchain.errors import FatalError

__all__ = ["PartitionError", "QuantiseError", "TaskError", "TrainingError", "VectorError"]


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

"""What a command reports in one line rather than with a stack trace."""

from __future__ import annotations

from offchain.market.errors import MarketError
from offchain.proving.errors import SrsError
from offchain.simulation.options import OptionError
from offchain.storage.errors import PayloadError, SealingError, StoreError
from offchain.training.errors import PartitionError, QuantiseError, TaskError, TrainingError, VectorError

__all__ = ["EXPECTED"]

EXPECTED = (
    MarketError,
    OptionError,
    PartitionError,
    PayloadError,
    QuantiseError,
    SealingError,
    SrsError,
    StoreError,
    TaskError,
    TrainingError,
    VectorError,
)

"""Quantising: an update becomes a vector of small integers, which is what is committed, sealed and aggregated.

    x = update + residual                   what the trainer has to say, with what it couldn't say in earlier rounds
    values = clip(round(x / q), -2^(bits-1), 2^(bits-1) - 1)
    residual' = x - q values                carried to its next round (error feedback)

q is the *quantum*, fixed in the project's terms as an integer in units of 2^-64. Ties are rounded to even. By
telescoping, the updates of some rounds sum to q times their values plus the last residual: nothing is lost, only
late. Clipped entries are counted: many of them mean that the quantum is too small for the learning rate. What was
clipped stays in the residual too.

A power of two as quantum (`choose_quantum` gives one) makes q * values exact in float64, with no rounding but the one
above.

Reference: Seide et al., "1-Bit Stochastic Gradient Descent" (2014); Karimireddy et al., "Error Feedback Fixes
SignSGD" (2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offchain.training.errors import QuantiseError

__all__ = [
    "MAX_QUANTUM",
    "QUANTUM_BITS",
    "Quantised",
    "choose_quantum",
    "dequantise",
    "in_quanta",
    "quantise",
    "zero_residual",
]

QUANTUM_BITS = 64  # a quantum is a number of 2^-64
MAX_QUANTUM = 2**96  # limit of the terms
MAX_MODEL = 2**52  # quanta in an entry of a model: what a public row may have

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Quantised:
    """A quantised update:

    the integers that leave the machine, int16[d], what they leave out, float64[d], and how many entries were clipped.
    """

    values: npt.NDArray[np.int16]
    residual: Floats
    clipped: int


def quantise(update: Floats, residual: Floats, quantum: int, bits: int) -> Quantised:
    """Quantises float64[d] with the residual, float64[d], of the last time (`zero_residual` at first).

    Raises QuantiseError.
    """
    if update.ndim != 1 or update.shape != residual.shape or update.dtype != np.float64 or residual.dtype != np.float64:
        raise QuantiseError(
            f"expected two float64[d], not {update.dtype}{list(update.shape)}, {residual.dtype}{list(residual.shape)}"
        )
    q, low, high = _step(quantum), -(1 << (_checked(bits) - 1)), (1 << (bits - 1)) - 1
    with np.errstate(over="ignore"):  # beyond float64 is beyond the range too, and clipped
        wanted = update + residual
        if not np.isfinite(wanted).all():
            raise QuantiseError("the update or the residual isn't finite")
        rounded = np.rint(wanted / q)
    values = np.clip(rounded, low, high)
    clipped = int(np.count_nonzero(values != rounded))
    return Quantised(values.astype(np.int16), wanted - q * values, clipped)


def dequantise(values: npt.NDArray[np.int16], quantum: int) -> Floats:
    """q * values, float64[d]: what the others read in a quantised update."""
    return values.astype(np.float64) * _step(quantum)


def in_quanta(model: Floats, quantum: int) -> npt.NDArray[np.int64]:
    """A model, float64[d], in quanta, each entry rounded to an integer, ties to even: int64[d].

    So an initial model is a row beside quantised updates, the same on every machine. Raises QuantiseError for entries
    that aren't finite or are beyond 2^52 quanta.
    """
    with np.errstate(over="ignore"):
        rounded = np.rint(model / _step(quantum))
    if model.ndim != 1 or model.dtype != np.float64 or not (np.abs(rounded) <= MAX_MODEL).all():
        raise QuantiseError("a model is a float64 vector of at most 2^52 quanta an entry")
    return rounded.astype(np.int64)


def zero_residual(dimension: int) -> Floats:
    """The residual of a trainer's first round."""
    return np.zeros(dimension)


def choose_quantum(updates: Floats, bits: int, head_room: float = 4.0) -> int:
    """A quantum for the terms, from one or more pilot updates (float64, any shape): the least power of two with which
    `head_room` times the largest entry still fits `bits`. Other trainers' data give larger entries than the owner's
    pilot, hence the room. Raises QuantiseError.
    """
    largest = float(np.abs(updates).max(initial=0.0))
    if not (math.isfinite(largest) and largest > 0 and math.isfinite(head_room) and head_room >= 1):
        raise QuantiseError("a pilot needs finite updates that aren't all zero, and a head room of at least 1")
    mantissa, exponent = math.frexp(largest * head_room / ((1 << (_checked(bits) - 1)) - 1))
    power = exponent + QUANTUM_BITS - (1 if mantissa == 0.5 else 0)
    if not 0 <= power <= 96:
        raise QuantiseError(f"a quantum of 2^{power - QUANTUM_BITS} is outside the terms' range; scale the loss")
    return 1 << power


def _step(quantum: int) -> float:
    if not 1 <= quantum <= MAX_QUANTUM:
        raise QuantiseError(f"a quantum is an integer from 1 to 2^96, in units of 2^-{QUANTUM_BITS}, not {quantum}")
    return math.ldexp(quantum, -QUANTUM_BITS)


def _checked(bits: int) -> int:
    if not 2 <= bits <= 16:
        raise QuantiseError(f"2 to 16 bits, not {bits}")
    return bits

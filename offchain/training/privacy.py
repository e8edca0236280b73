"""Differential privacy of a trainer's data against everybody who sees its updates, aggregators included.

Before it is quantised, an update is clipped to length C and Gaussian noise is added to every entry:

    u' = u min(1, C / |u|) + N(0, (z C)^2)

The neighbours are any two data sets of this trainer: all of it may be another. Then two clipped updates are at most 2C
apart, so a round is a Gaussian mechanism of noise multiplier z / 2, and a project its composition over the rounds that
the trainer submitted in; each may depend on those before, through the model. What comes after the noise costs nothing
more: quantising, error feedback (the residual holds noised updates alone), commitments, the public Gram matrix.

For each delta there is an epsilon such that P(seen | data) <= e^epsilon P(seen | other data) + delta. It is computed by
Google's accountant over privacy loss distributions, which is exact here up to its rounding, upwards.

Running statistics (`vector.py`) are brought to a small scale in an update, so noise that is the same for every entry
would drown them, in everybody's model. Who adds noise leaves them to the others: their entries are zero, whatever the
data are. Where all do, the task's statistics should be local.

This protects the whole of the data, and asks for far more noise than protecting one row of it does: with d entries the
noise is z sqrt(d) times as long as the update. It pays where many trainers' noise averages out; who adds it earns less,
since the policy sees an update that agrees less with others.

The noise is drawn in floating point (Mironov 2012 shows what its lowest bits may tell); it is rounded to the project's
quantum afterwards, which is far coarser.

References: Dwork, Roth, "The Algorithmic Foundations of Differential Privacy" (2014), appendix A; Balle, Wang,
"Improving the Gaussian Mechanism" (2018), arXiv 1805.06530; Koskela, Jaelkoe, Honkela, "Computing Tight Differential
Privacy Guarantees Using FFT" (2020), arXiv 1906.03049.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from offchain.training.errors import TrainingError

__all__ = [
    "MAX_NOISE",
    "MAX_ROUNDS",
    "MIN_NOISE",
    "Privacy",
    "PrivacyError",
    "Privatising",
    "noise_for",
    "privatised",
]

MIN_NOISE, MAX_NOISE = 0.25, 10_000.0  # below it epsilon says nothing
MAX_ROUNDS = 256  # of a project
DEFAULT_DELTA = 1e-5


class PrivacyError(TrainingError):
    """Privacy was asked for with parameters that give none."""


@dataclass(frozen=True)
class Privacy:
    """What a trainer adds to its updates. Raises PrivacyError if anything is out of range."""

    clip: float  # C: the most length of an update, in the model's units
    noise: float  # z: standard deviation of each entry's noise, in units of C
    delta: float = DEFAULT_DELTA

    def __post_init__(self) -> None:
        if not (math.isfinite(self.clip) and self.clip > 0):
            raise PrivacyError(f"clip must be above 0, not {self.clip}")
        if not MIN_NOISE <= self.noise <= MAX_NOISE:
            raise PrivacyError(f"noise must be in {MIN_NOISE} .. {MAX_NOISE:g}, not {self.noise}")
        _check_delta(self.delta)

    @classmethod
    def within(cls, clip: float, epsilon: float, rounds: int, delta: float = DEFAULT_DELTA) -> Privacy:
        """With the least noise that keeps so many rounds within epsilon. Raises PrivacyError."""
        return cls(clip, noise_for(epsilon, rounds, delta), delta)

    def privatise(
        self, update: npt.NDArray[np.float64], generator: np.random.Generator | None = None
    ) -> npt.NDArray[np.float64]:
        """The clipped and noised update, float64[d]: what may leave the machine. It is other noise each time, so draw
        it once for a round. Raises PrivacyError if an entry isn't finite.

        generator: for tests; else one that is seeded with the system's randomness.
        """
        if update.dtype != np.float64 or update.ndim != 1 or not np.isfinite(update).all():
            raise PrivacyError("an update is a finite float64[d]")
        generator = np.random.default_rng(secrets.randbits(256)) if generator is None else generator
        largest = float(np.abs(update).max(initial=0.0))
        # scaled before it is squared, so that no square overflows
        length = largest * float(np.linalg.norm(update / largest)) if largest else 0.0
        clipped = update * min(1.0, self.clip / length) if length else update
        return clipped + generator.normal(0.0, self.noise * self.clip, update.shape)

    def epsilon(self, rounds: int) -> float:
        """What has been spent after so many submitted rounds, at this delta. 0 for none."""
        if not 0 <= rounds <= MAX_ROUNDS:
            raise PrivacyError(f"rounds must be in 0 .. {MAX_ROUNDS}, not {rounds}")
        return _epsilon(self.noise, rounds, self.delta) if rounds else 0.0

    def __str__(self) -> str:
        return f"clipped to {self.clip:g}, noise {self.noise:g} of that in each entry, delta {self.delta:g}"


class Privatising(Protocol):
    """Makes of what was learned, float64[learned], what may leave the machine. Called once for a round."""

    def privatise(self, update: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]: ...


def privatised(privacy: Privatising, update: npt.NDArray[np.float64], learned: int) -> npt.NDArray[np.float64]:
    """An update, float64[d], whose first `learned` entries are privatised, and whose statistics are zero."""
    return np.concatenate([privacy.privatise(update[:learned]), np.zeros(update.size - learned)])


def noise_for(epsilon: float, rounds: int, delta: float = DEFAULT_DELTA) -> float:
    """The least z, to three digits upwards, with which so many rounds stay within epsilon. Raises PrivacyError."""
    from scipy.optimize import brentq

    _check_delta(delta)
    if not (math.isfinite(epsilon) and epsilon > 0) or not 1 <= rounds <= MAX_ROUNDS:
        raise PrivacyError(f"epsilon must be above 0 and rounds in 1 .. {MAX_ROUNDS}")
    # the classical bound; small noise takes long to account for, so we look from above
    high = min(MAX_NOISE, max(MIN_NOISE, 2 * math.sqrt(2 * rounds * math.log(1.25 / delta)) / min(epsilon, 1.0)))
    if _epsilon(high, rounds, delta) > epsilon:
        raise PrivacyError(f"no noise up to {MAX_NOISE:g} keeps {rounds} rounds within epsilon {epsilon:g}")
    low = high
    while low > MIN_NOISE and _epsilon(low, rounds, delta) <= epsilon:
        high, low = low, max(MIN_NOISE, low / 2)
    if _epsilon(low, rounds, delta) <= epsilon:
        return low
    root = brentq(
        lambda logarithm: _epsilon(math.exp(logarithm), rounds, delta) - epsilon,
        math.log(low),
        math.log(high),
        xtol=1e-3,
    )
    noise = _rounded_up(math.exp(root))
    while _epsilon(noise, rounds, delta) > epsilon:
        noise = _rounded_up(noise * 1.0005)
    return noise


@cache
def _epsilon(noise: float, rounds: int, delta: float) -> float:
    # loaded by those who ask: it takes longer than the rest of training
    from dp_accounting import GaussianDpEvent
    from dp_accounting.pld import PLDAccountant

    accountant = PLDAccountant()
    accountant.compose(GaussianDpEvent(noise / 2), rounds)
    return float(accountant.get_epsilon(delta))


def _check_delta(delta: float) -> None:
    if not 0 < delta <= 0.01:
        raise PrivacyError(f"delta must be above 0 and at most 0.01, not {delta}")


def _rounded_up(value: float) -> float:
    step = 10.0 ** (math.floor(math.log10(value)) - 2)
    return round(math.ceil(value / step) * step, 12)

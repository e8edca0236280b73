"""The owner's pilot: one trainer's worth of training, before any money moves. It tells how large updates get.

    made = pilot(task, data, seed=0, learning_rate=0.1, epochs=2, batch_size=32, bits=16)
    made.model, made.quantum        # for the terms
    describe(task)                  # has the scales now
    made.findings                   # sentences for the owner: what quantising will cost

The quantum is chosen by what was learned. Shared statistics begin as they are on the owner's data with the pilot's
weights, so that the first round needn't bring them there; members can read them, as all of the model. Their scales are
such that, if each moved by its spread at once, they would have just the part of the pilot's update that statistics may
have (`statistics.py`): coarser scales would cost whoever wants to falsify them less of its row, finer ones would be
clipped. Scales become public, and with them each spread on the owner's data, to a factor of two.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from offchain.training.errors import TaskError, TrainingError
from offchain.training.local import initial_model, trained
from offchain.training.order import deterministic
from offchain.training.quantise import QUANTUM_BITS, choose_quantum, quantise, zero_residual
from offchain.training.statistics import STATISTICS_PART, scaled
from offchain.training.task import Samples, Task
from offchain.training.vector import to_vector

__all__ = ["Pilot", "pilot", "rounding"]

_MOST_LOST = 1 / 4  # of the learned entries that moved

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pilot:
    """What a project starts with: model float64[d], update float64[learned], quantum in 2^-64."""

    model: Floats = field(repr=False)
    update: Floats = field(repr=False)
    quantum: int
    findings: list[str]


def pilot(
    task: Task, data: Samples, *, seed: int, learning_rate: float, epochs: int, batch_size: int, bits: int
) -> Pilot:
    """Trains once on the data, and gives the task its layout. Raises TaskError, TrainingError, VectorError,
    QuantiseError with what makes the task unfit.
    """
    layout = task.laid_out()
    if odd := layout.differing(task.laid_out()):
        raise TaskError(
            f"{odd.name} ({odd}) differs from build to build, so trainers could never have the same: make it of "
            f"torch's generator, which is seeded, and not of another or of the clock"
        )
    task.settle(layout)
    model = initial_model(task, seed, data)
    update, module = trained(
        task, model, data, learning_rate=learning_rate, epochs=epochs, batch_size=batch_size, seed=seed
    )
    learned = update[: layout.learned]
    if not learned.any():
        raise TrainingError(
            "the pilot learned nothing: every gradient is zero. Inputs far too large or too small for the module are "
            "the usual cause: bring them near one, or begin with a normalisation"
        )
    quantum = choose_quantum(learned, bits)
    if layout.has_statistics:
        each = np.sqrt(STATISTICS_PART * float(learned @ learned) / layout.exponents.size)
        reach = max(min(each, float(np.abs(learned).max())), np.ldexp(quantum, -QUANTUM_BITS))  # a quantum at least
        with deterministic(0):
            task.settle(scaled(task, module, layout, data, float(reach)))
        statistics = to_vector(module, task.layout)[layout.learned :]
        model = np.concatenate([model[: layout.learned], statistics])
    return Pilot(model, learned, quantum, rounding(learned, quantum, bits))


def rounding(update: Floats, quantum: int, bits: int) -> list[str]:
    """What an owner should know of a quantum, float64[learned] being what one trainer learned in a round: a sentence
    each, none if all is well.
    """
    moved = int(np.count_nonzero(update))
    quantised = quantise(update, zero_residual(update.size), quantum, bits)
    lost = moved - int(np.count_nonzero(quantised.values[update != 0]))
    findings = []
    if lost > _MOST_LOST * moved:
        findings.append(
            f"{lost:,} of {moved:,} learned entries that moved round to zero: a few move far more than the rest, and "
            f"one quantum has to fit all. Inputs of very different sizes are the usual cause: bring them to one scale, "
            f"or begin with a normalisation"
        )
    if quantised.clipped > _MOST_LOST * moved:
        findings.append(
            f"{quantised.clipped:,} of {moved:,} learned entries that moved are clipped: the quantum is too small for "
            f"the learning rate"
        )
    return findings

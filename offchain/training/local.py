"""A trainer's round: training from the global model, on its own data, as the task does it.

    start = the global model w, rounded to the module's types
    local = start after `task.fit`, by default `epochs` passes of gradient descent (`descent.py`)
    update = local - start

What leaves the machine is the update alone, and that only quantised and sealed. An entry that training doesn't touch
has an update of exactly zero.

What running statistics moved by is clipped to a small part of the update (`statistics.py`). So they can't be what is
paid for - a row that has them alone has a cosine of 0.03 at most with an honest one - nor choose the quantum. They move
towards the trainer's own anew in each round, so what was clipped isn't carried.

The result is a function of the arguments: rows are shuffled and dropout is drawn from `seed`, on one thread. The same
arguments give the same bits on the same machine and build of torch. No other party has to repeat it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from offchain.training.descent import Steps, rows_said
from offchain.training.errors import TrainingError, failing
from offchain.training.order import deterministic
from offchain.training.statistics import calibrate, clipped, scaled
from offchain.training.task import Samples, Task
from offchain.training.vector import LOCAL, STATISTICS, load_vector, to_vector

__all__ = ["evaluate", "initial_model", "ready", "train", "trained"]

_REACH = 2.0**-10  # of a statistic's spread in a vector, before a pilot has told how large updates are

Floats = npt.NDArray[np.float64]


def initial_model(task: Task, seed: int, data: Samples | None = None) -> Floats:
    """The model, float64[d], that a project starts from: learned parameters as they are built from `seed`, shared
    statistics of the data, or of the task's own. A task without a layout gets one; `pilot` finds better scales.
    """
    module = task.build(seed)
    layout = task.layout if task.has_layout else task.laid_out()
    if layout.has_statistics:
        rows = data or getattr(task.load(), "train", None)  # a task may load none, where a simulation deals them
        if rows is not None:
            with deterministic(0):
                found = scaled(task, module, layout, rows, _REACH)
            layout = layout if task.has_layout else found
    task.settle(layout)
    return to_vector(module, layout)


def train(
    task: Task,
    model: Floats,
    data: Samples,
    *,
    learning_rate: float,
    epochs: int,
    batch_size: int,
    seed: int,
    momentum: float = 0.0,
) -> Floats:
    """Trains from the global model, float64[d], and returns the update, float64[d].

    Raises VectorError if the model isn't of the task's module, TrainingError for arguments out of range or if
    training diverges, TaskError if module or loss fail on the data.
    """
    update, _ = trained(
        task,
        model,
        data,
        learning_rate=learning_rate,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        momentum=momentum,
    )
    return clipped(update, task.layout)


def trained(
    task: Task,
    model: Floats,
    data: Samples,
    *,
    learning_rate: float,
    epochs: int,
    batch_size: int,
    seed: int,
    momentum: float = 0.0,
) -> tuple[Floats, nn.Module]:
    """The update, float64[d], before its statistics are clipped, and the trained module. Raises as `train` does."""
    steps = Steps(learning_rate, epochs, batch_size, seed, momentum)
    with deterministic(seed):
        module, layout = task.skeleton(), task.layout
        load_vector(module, model, layout)
        start = to_vector(module, layout)
        with failing(f"training {task.name!r} fails"):
            task.fit(module, data, steps)
        update = to_vector(module, layout) - start
    if not np.isfinite(update).all():
        name = layout.name_at(int(np.flatnonzero(~np.isfinite(update))[0]))
        raise TrainingError(
            f"the update of {name} isn't finite: take a smaller learning rate, or look for such values in the data"
        )
    return update, module


def ready(task: Task, model: Floats, data: Samples | None = None, recompute: bool = False) -> nn.Module:
    """A module with a model, float64[d], in evaluation mode. Local statistics are computed from `data`; without any
    they are as built. So are shared ones if asked to: who has data needn't rely on what others say of theirs. Raises
    VectorError, TaskError.
    """
    module, layout = task.skeleton(), task.layout
    load_vector(module, model, layout)
    module.eval()
    specs = layout.of_kind(LOCAL, *([STATISTICS] if recompute else []))
    if data is not None and specs:
        calibrate(task, module, specs, data)
    return module


def evaluate(
    task: Task, model: Floats, data: Samples, own: Samples | None = None, recompute: bool = False
) -> tuple[float, float]:
    """Loss and metric of a model, float64[d], on some rows. Where statistics are local, or all if asked to, they are
    computed from the features of `own`, or of those rows themselves. Raises VectorError, TaskError; TrainingError if
    either is NaN.
    """
    with deterministic(0), torch.no_grad():
        module = ready(task, model, own or data, recompute)
        with failing(f"{task.name!r} can't be evaluated on {rows_said(data.features, data.labels)}"):
            loss, metric = task.measure(module, data)
    if math.isnan(loss) or math.isnan(metric):
        raise TrainingError(f"the model can't be evaluated: loss {loss}, metric {metric}")
    return loss, metric

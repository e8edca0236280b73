"""Running statistics of a module: computed from data, brought to scale, and kept a small part of an update.

A *spread* is by how much a statistic may differ from data set to data set: of a running mean its deviation, the root of
the running variance beside it; of a running variance itself; of a statistic that a task names, what it sways by over
batches. Where the owner's data are constant nobody knows, and the median of the tensor's other numbers stands in.

A spread becomes `reach` in a vector: scale = spread / reach, rounded up to a power of two. Each number has a scale of
its own, since one layer may see money, age and a ratio: no scale of a tensor fits a variance of 10^10 and one of 0.01.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from offchain.training.errors import failing
from offchain.training.order import batches
from offchain.training.task import Samples, Task
from offchain.training.vector import STATISTICS, Layout, Spec, measure, norms

__all__ = ["STATISTICS_PART", "calibrate", "clipped", "scaled"]

Floats = npt.NDArray[np.float64]

STATISTICS_PART = 1 / 1_000  # of an update's squared norm, at most; with 1 / 100 a row of them alone was paid
_TOGETHER = 256  # rows of a batch of which statistics are computed
_SWAY = 8.0  # a spread in units of what a running statistic sways by over batches: those average over many rows
_UNKNOWN = 1 / 64  # of a typical spread: for numbers that don't vary on the data
_NOISE = 1e-6  # of a mean: what a variance's root has from rounding


def calibrate(task: Task, module: nn.Module, specs: list[Spec], data: Samples) -> dict[str, Tensor]:
    """Computes a module's statistics, `specs`, from all of the data; the rest of it is in evaluation mode meanwhile,
    and all of it afterwards. Torch's own become means over batches; others are updated by their module's own rule, and
    by how much they swayed is returned, by name. Raises TaskError.
    """
    wanted, buffers = {spec.name for spec in specs}, dict(module.named_buffers())
    momenta = [(norm, norm.momentum) for norm in norms(module)]
    own = {id(tensor) for norm, _ in momenta for tensor in (norm.running_mean, norm.running_var)}
    module.eval()
    for name in wanted:
        module.get_submodule(name.rpartition(".")[0]).training = True  # not what is below it
    for norm, _ in momenta:
        if norm.training:
            norm.reset_running_stats()
            norm.momentum = None  # a mean over all batches
    others = [spec for spec in specs if id(buffers[spec.name]) not in own]
    seen: dict[str, list[Tensor]] = {spec.name: [] for spec in others}
    with torch.no_grad(), failing(f"the running statistics of {task.name!r} fail on {len(data)} rows"):
        for rows in batches(len(data), 1, _TOGETHER, 0):
            task.loss(module, data.features[rows], data.labels[rows])
            for spec in others:
                seen[spec.name].append(measure(spec, module.get_buffer(spec.name)).clone())
    for norm, momentum in momenta:
        norm.momentum = momentum
    module.eval()
    return {name: torch.stack(values).amax(0) - torch.stack(values).amin(0) for name, values in seen.items()}


def scaled(task: Task, module: nn.Module, layout: Layout, data: Samples, reach: float) -> Layout:
    """Computes the statistics of a module from the data, and returns the layout with scales such that a spread is
    `reach` at most in a vector, and half of it at least. Raises TaskError.
    """
    shared = layout.of_kind(STATISTICS)
    spreads = {name: _SWAY * sway for name, sway in calibrate(task, module, shared, data).items()}
    buffers = dict(module.named_buffers())
    by_id = {id(tensor): name for name, tensor in buffers.items()}
    for norm in norms(module):
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None  # it keeps both
        assert variance is not None
        deviation = variance.double().sqrt()
        deviation *= deviation > _NOISE * mean.double().abs()
        spreads |= {by_id[id(mean)]: deviation, by_id[id(variance)]: deviation}
    scales = []
    for spec in shared:
        spread = spreads[spec.name].reshape(-1).numpy()
        positive = spread[spread > 0]
        typical = np.median(positive) if positive.size else float(measure(spec, buffers[spec.name]).abs().max()) or 1.0
        scales.append(np.where(spread > 0, spread, float(typical) * _UNKNOWN) / reach)
    return layout.scaled(np.concatenate(scales))


def clipped(update: Floats, layout: Layout) -> Floats:
    """An update, float64[d], with its statistics clipped: at the largest level with which their squared norm is
    `STATISTICS_PART` of that of what was learned at most, and no entry larger than the largest learned one.
    """
    learned, moved = update[: layout.learned], update[layout.learned :]
    largest = float(np.abs(learned).max())
    sizes = np.sort(np.abs(moved))
    # with the k least sizes as they are and the others at one level, that level has to be:
    below = np.cumsum(np.concatenate([[0.0], sizes[:-1] ** 2]))[: sizes.size]
    room = np.maximum(STATISTICS_PART * float(learned @ learned) - below, 0)
    levels = np.sqrt(room / np.arange(sizes.size, 0, -1))
    too_large = np.flatnonzero(levels < sizes)
    level = min(largest, float(levels[too_large[0]])) if too_large.size else largest
    return np.concatenate([learned, np.clip(moved, -level, level)])

"""How a torch task is trained unless it says otherwise: plain stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from offchain.training.errors import TrainingError, failing
from offchain.training.order import batches

if TYPE_CHECKING:
    from offchain.training.task import Samples, Task

__all__ = ["MAX_RATE", "Steps", "descend", "rows_said"]

MAX_RATE = 2.0**32  # limit of the terms


@dataclass(frozen=True)
class Steps:
    """What a round asks for. Raises TrainingError for values out of range."""

    learning_rate: float
    epochs: int
    batch_size: int
    seed: int
    momentum: float = 0.0

    def __post_init__(self) -> None:
        if not (
            0 < self.learning_rate <= MAX_RATE and 0 <= self.momentum < 1 and self.epochs >= 1 and self.batch_size >= 1
        ):
            raise TrainingError(
                "training needs a rate above 0 and at most 2^32, 0 <= momentum < 1, one or more epochs and rows in a "
                "batch"
            )


def descend(task: Task, module: nn.Module, data: Samples, steps: Steps) -> None:
    """Trains a module, in place: in batches, v <- momentum v + grad, x <- x - rate v. Raises TrainingError and
    TaskError.
    """
    module.train()
    learned = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(learned, lr=steps.learning_rate, momentum=steps.momentum)
    for rows in batches(len(data), steps.epochs, steps.batch_size, steps.seed):
        features, labels = data.features[rows], data.labels[rows]
        optimiser.zero_grad()
        with failing(f"{task.name!r} fails on {rows_said(features, labels)}"):
            loss = task.loss(module, features, labels)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise TrainingError(f"the loss of {task.name!r} isn't one number: take the mean over the rows")
        if not torch.isfinite(loss):
            raise TrainingError(
                "the loss isn't finite: take a smaller learning rate, or look for such values in the data"
            )
        with failing(f"the gradient of {task.name!r} can't be computed on {rows_said(features, labels)}"):
            loss.backward()
            optimiser.step()


def rows_said(features: Tensor, labels: Tensor) -> str:
    """Some rows, in words: how many, and of which types and shapes."""
    one, other = (f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}" for tensor in (features, labels))
    return f"{len(features)} rows (features {one}, labels {other})"

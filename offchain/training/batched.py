"""Training and evaluating many models of one task at once, for simulations.

What `local.train` does for one trainer, for m models side by side: the same batches from the same seeds, the same
steps, so that each update is that of `train` but for the rounding of float32 sums, whose order differs. Small models
leave a processor idle; a thousand at once don't. Meant for exact Shapley values by retraining, where every coalition
has its own model.

It takes tasks with the loss and the metric of a classifier, whose modules hold parameters alone: batch normalisation
would mix the rows of padded batches, and dropout would draw in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from offchain.training.errors import TaskError, TrainingError
from offchain.training.order import batches, one_thread
from offchain.training.task import Samples, Task
from offchain.training.vector import LEARNED

__all__ = ["evaluate_many", "train_many"]

Floats = npt.NDArray[np.float64]

_LOGITS = 1 << 22  # of an evaluation at once: 16 MB
_PLAIN = ("fit", "loss", "metric", "measure")  # of a task: done here in their own way


@one_thread()
def train_many(
    task: Task,
    models: Floats,
    data: Sequence[Samples],
    whose: Sequence[int],
    *,
    learning_rate: float,
    epochs: int,
    batch_size: int,
    seeds: Sequence[int],
) -> Floats:
    """Trains model i of float64[m, d] on the data of trainer `whose[i]`; returns the updates, float64[m, d].

    `data` and `seeds` have an entry for each trainer. Raises TaskError for a task that can't be batched,
    TrainingError if an update isn't finite.
    """
    apply = _module_function(task)
    steps = [list(batches(len(rows), epochs, batch_size, seed)) for rows, seed in zip(data, seeds, strict=True)]
    starts = np.cumsum([0, *(len(rows) for rows in data)])
    features = torch.cat([rows.features for rows in data])
    labels = torch.cat([rows.labels for rows in data])
    start = torch.from_numpy(np.asarray(models)).float()
    now = start.clone()
    gradients = vmap(grad(_weighted_loss(apply)))
    for step in range(max(len(steps[trainer]) for trainer in whose)):
        busy = [i for i, trainer in enumerate(whose) if step < len(steps[trainer])]
        width = max(len(steps[whose[i]][step]) for i in busy)
        used = sorted({whose[i] for i in busy})
        place = {trainer: k for k, trainer in enumerate(used)}
        rows = torch.zeros(len(used), width, dtype=torch.int64)
        weights = torch.zeros(len(used), width)
        for trainer in used:
            batch = steps[trainer][step]
            rows[place[trainer], : len(batch)] = batch + int(starts[trainer])
            weights[place[trainer], : len(batch)] = 1 / len(batch)
        own = torch.tensor([place[whose[i]] for i in busy])
        chosen = rows[own]
        if len(busy) == len(now):
            now -= learning_rate * gradients(now, features[chosen], labels[chosen], weights[own])
        else:
            index = torch.tensor(busy)
            current = now[index]
            now[index] = current - learning_rate * gradients(current, features[chosen], labels[chosen], weights[own])
    update = (now.double() - start.double()).numpy()
    if not np.isfinite(update).all():
        raise TrainingError("an update isn't finite: take a smaller learning rate")
    return update


@one_thread()
def evaluate_many(task: Task, models: Floats, data: Samples) -> tuple[Floats, Floats]:
    """Mean cross-entropy and accuracy, each float64[m], of models float64[m, d] on some rows. Raises TaskError."""
    apply = _module_function(task)
    outputs = vmap(apply, in_dims=(0, None))
    losses, hits = [], []
    vectors = torch.from_numpy(np.asarray(models)).float()
    with torch.no_grad():
        rows = max(1, _LOGITS // (len(data) * 64))
        for part in vectors.split(rows):
            logits = outputs(part, data.features)
            expected = data.labels.expand(len(part), -1)
            losses.append(nn.functional.cross_entropy(logits.transpose(1, 2), expected, reduction="none").mean(1))
            hits.append((logits.argmax(2) == expected).double().mean(1))
    return torch.cat(losses).double().numpy(), torch.cat(hits).numpy()


def _module_function(task: Task) -> Callable[[Tensor, Tensor], Tensor]:
    """(vector [d], features [rows, ...]) -> logits [rows, classes]."""
    if own := [name for name in _PLAIN if getattr(type(task), name) is not getattr(Task, name)]:
        raise TaskError(f"{task.name} has a {own[0]} of its own: it can't be trained in batches of models")
    module = task.skeleton()
    if any(True for _ in module.buffers()) or any(isinstance(part, nn.Dropout) for part in module.modules()):
        raise TaskError(f"the module of {task.name} holds more than parameters: it can't be trained in batches")
    learned = task.layout.of_kind(LEARNED)

    def apply(vector: Tensor, features: Tensor) -> Tensor:
        pieces = vector.split([spec.count for spec in learned])
        parameters = {spec.name: piece.reshape(spec.shape) for spec, piece in zip(learned, pieces, strict=True)}
        result: Tensor = functional_call(module, parameters, (features,))
        return result

    return apply


def _weighted_loss(apply: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    def loss(vector: Tensor, features: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        return (nn.functional.cross_entropy(apply(vector, features), labels, reduction="none") * weights).sum()

    return loss

"""In-run data Shapley: the Shapley value of a round from derivatives of the validation loss, without coalitions.

A round adds the step s_N = sum_i s_i to the model w, with s_i = k_i u_i / sum_j k_j the part of trainer i. Coalition S
would have added s_S = sum over S of s_i (weights stay as they are: whoever is absent adds nothing, the others don't
grow). It is worth the fall of the validation loss L, by Taylor's formula with gradient g and Hessian H at w

    v(S) = L(w) - L(w + s_S) ~ -<g, s_S> - 1/2 <s_S, H s_S>

- *first order*, v(S) = -<g, s_S> is additive:   phi_i = -<g, s_i>
- *second order*, pairs share what they do together:   phi_i = -<g, s_i> - 1/2 <s_i, H s_N>

Both are exact Shapley values of their games; the second is that of v itself where the loss is quadratic. The paper
has one step of gradient descent, s_i = -rate grad l_i, and takes the rise of the loss for worth: there the formulas
are -rate <g, grad l_i> + rate^2/2 <grad l_i, H sum_j grad l_j>, with the sign turned.

Cost: no evaluations; one gradient, and for the second order one Hessian-vector product (about two gradients more), for
any n; O(n d) for the products. H is never formed: H s = grad of <grad L, s>, both in reverse mode, which more of
torch's operations have than forward mode.

Derivatives are by what is learned. Running statistics are those of w: torch doesn't differentiate by them, and what a
step changes in them isn't counted.

Source: Wang, Mittal, Song and Jia, "Data Shapley in one training run", arXiv 2406.11011.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad

from offchain.scoring.utility.game import UtilityError
from offchain.training.task import Samples, Task
from offchain.training.vector import LEARNED, load_vector

__all__ = ["in_run_first_order", "in_run_second_order"]

Floats = npt.NDArray[np.float64]


def in_run_first_order(task: Task, model: Floats, steps: Floats, validation: Samples) -> list[float]:
    """-<g, s_i> for each of the steps, float64[n, d], from the model, float64[d].

    Any task: its own loss, of its module in evaluation mode. Raises VectorError if the model isn't of the task's
    module, UtilityError for steps of another shape or type, or if a derivative isn't finite.
    """
    loss = _loss_function(task, model, validation)
    parts = _checked(steps, model)
    return _finite(-parts @ grad(loss)(torch.from_numpy(model)).numpy())


def in_run_second_order(task: Task, model: Floats, steps: Floats, validation: Samples) -> list[float]:
    """-<g, s_i> - 1/2 <s_i, H s_N>; arguments and errors as for the first order."""
    loss = _loss_function(task, model, validation)
    parts = _checked(steps, model)
    whole = torch.from_numpy(parts.sum(axis=0))

    def slope(vector: Tensor) -> tuple[Tensor, Tensor]:
        gradient = grad(loss)(vector)
        return gradient @ whole, gradient

    curvature, gradient = grad(slope, has_aux=True)(torch.from_numpy(model))  # H s_N, g
    return _finite(-parts @ (gradient + curvature / 2).numpy())


class _Loss(nn.Module):
    """The loss as a module, so that a task's own loss sees a module with the vector's numbers in it."""

    def __init__(self, task: Task, model: nn.Module) -> None:
        super().__init__()
        self.task, self.model = task, model

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        return self.task.loss(self.model, features, labels)


def _loss_function(task: Task, model: Floats, data: Samples) -> Callable[[Tensor], Tensor]:
    """Vector float64[d], as `training.vector` orders it, to the loss."""
    module, layout = task.skeleton(), task.layout
    load_vector(module, model, layout)  # refuses what isn't a vector of this module
    module.eval()
    whole, learned = _Loss(task, module).requires_grad_(False), layout.of_kind(LEARNED)

    def loss(vector: Tensor) -> Tensor:
        pieces = vector[: layout.learned].split([spec.count for spec in learned])
        numbers = {
            f"model.{spec.name}": piece.reshape(spec.shape).to(getattr(torch, spec.dtype))
            for spec, piece in zip(learned, pieces, strict=True)
        }
        result: Tensor = functional_call(whole, numbers, (data.features, data.labels))
        return result

    return loss


def _checked(steps: Floats, model: Floats) -> Floats:
    if steps.dtype != np.float64 or steps.ndim != 2 or not len(steps) or steps.shape[1] != len(model):
        raise UtilityError(f"steps must be float64[n, {len(model)}], not {steps.dtype}{list(steps.shape)}")
    return steps


def _finite(scores: Floats) -> list[float]:
    if not np.isfinite(scores).all():
        raise UtilityError("a derivative of the validation loss, or a step, isn't finite")
    return scores.tolist()

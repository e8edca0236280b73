"""Rules that are compared: what a round's updates mean for pay and for the model, on identical updates.

*Policies* are Meed's, in the integers of the contract, so that what is measured is what is paid. *Rivals* pay by what
marketplaces use today: the same to each, data size as claimed, stake, norm of the update, change of the loss on a
validation set. *Robust* rules combine updates, and pay by the weight that they give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offchain.scoring.constants import NUMBERS, Numbers
from offchain.scoring.policy import ONE, SHOWN, WITH_PUBLIC_ROWS, PolicyTerms, evaluate
from offchain.scoring.robust.rules import ROBUST_RULES
from offchain.scoring.shown import NOTHING
from offchain.scoring.utility.cosine_gradient import cosine_gradient
from offchain.training.batched import evaluate_many
from offchain.training.task import Samples, Task

__all__ = ["POLICIES", "RIVALS", "Decision", "RoundView", "Rule", "rule"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RoundView:
    """A round as a rule may see it. Rows are seats."""

    updates: Floats  # float64[n, d], as the others read them
    gram: Sequence[int]  # of the quantised updates: upper triangle, row by row
    public: Sequence[Sequence[int]]  # products with the public rows: of each row, then of these from itself on
    reference: Sequence[int] | None  # products of the owner's row with itself, with each row, with each public row
    sizes: Sequence[int]  # rows of data that each trainer claims
    stakes: Sequence[float]
    task: Task
    model: Floats
    validation: Samples


@dataclass(frozen=True, eq=False)
class Decision:
    """What a rule makes of a round."""

    pay: Floats  # float64[n], of the round's reward: at least 0, of sum 1, or 0 where nobody is paid
    weights: Floats  # float64[n], of the aggregate; integers where a policy decides
    total: float  # what the weighted sum is divided by; 0: the model stays
    decay: float = 1.0  # of the learning rate, from the next round on
    memory: tuple[int, ...] = NOTHING  # what the policy remembers, which all can read


Rule = Callable[[RoundView], Decision]


def rule(
    name: str,
    byzantine: int,
    *,
    public: bool = True,
    reference: bool = False,
    numbers: Numbers = NUMBERS,
    **terms: int,
) -> Rule:
    """By name: a policy (with the public rows, if it takes them and `public`), a rival or a robust rule. A policy may
    remember: what this returns is for the rounds of one project, in order.

    With `reference` the owner's row judges, where there is one. `numbers` are a policy's constants, `terms` further
    fields of its terms.
    """
    if name in (*POLICIES, SHOWN):
        return _policy(PolicyTerms(name, byzantine, **terms), public and name in WITH_PUBLIC_ROWS, reference, numbers)
    if name in RIVALS:
        return _rival(RIVALS[name])
    return _robust(name, byzantine)


def _policy(terms: PolicyTerms, public: bool, reference: bool, numbers: Numbers) -> Rule:
    memory = NOTHING

    def decide(view: RoundView) -> Decision:
        nonlocal memory
        n = len(view.updates)
        gram = _bordered(view.gram, view.public, n) if public else list(view.gram)
        judges = int(reference and view.reference is not None)
        if reference and view.reference is not None:
            gram = [*(view.reference if public else view.reference[: 1 + n]), *gram]
        outcome = evaluate(judges + n, gram, terms, ONE, has_reference=bool(judges), memory=memory, numbers=numbers)
        memory = outcome.memory
        weights = np.array(outcome.weights[judges:], dtype=np.float64)
        shares = _shares(np.array([float(c) for c in outcome.contributions[judges:]]))
        if judges:  # rows that the reference removes take their part of the reward with them
            shares *= sum(outcome.kept) / n
        return Decision(shares, weights, float(weights.sum()), outcome.next_rate / ONE, memory)

    return decide


def _bordered(gram: Sequence[int], public: Sequence[Sequence[int]], n: int) -> list[int]:
    """The upper triangle with the public rows, which come last."""
    entries, result = iter(gram), []
    for i in range(n):
        result += [next(entries) for _ in range(n - i)] + list(public[i])
    return result + [entry for row in public[n:] for entry in row]


def _rival(pay: Callable[[RoundView], Floats]) -> Rule:
    def decide(view: RoundView) -> Decision:
        n = len(view.updates)
        return Decision(_shares(pay(view)), np.ones(n), float(n))

    return decide


def _robust(name: str, byzantine: int) -> Rule:
    def decide(view: RoundView) -> Decision:
        weights = np.asarray(ROBUST_RULES[name](view.updates @ view.updates.T, byzantine), dtype=np.float64)
        return Decision(_shares(weights), weights, 1.0)

    return decide


def _shares(scores: Floats) -> Floats:
    scores = np.maximum(scores, 0.0)
    total = scores.sum()
    return scores / total if total > 0 else np.zeros_like(scores)


def _by_loss_change(view: RoundView) -> Floats:
    losses, _ = evaluate_many(view.task, np.vstack([view.model[None], view.model + view.updates]), view.validation)
    return losses[0] - losses[1:]


def _by_cosine(view: RoundView) -> Floats:
    return np.asarray(cosine_gradient(view.updates @ view.updates.T), dtype=np.float64)


POLICIES = ("consensus", "trimmed-cosine", "multi-krum", "none")
RIVALS: dict[str, Callable[[RoundView], Floats]] = {
    "equal": lambda view: np.ones(len(view.updates)),
    "data size": lambda view: np.array(view.sizes, dtype=np.float64),
    "stake": lambda view: np.array(view.stakes, dtype=np.float64),
    "norm": lambda view: np.linalg.norm(view.updates, axis=1),
    "loss change": _by_loss_change,
    "cosine gradient": _by_cosine,
}

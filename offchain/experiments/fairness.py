"""Does pay follow contribution? Rank correlation of each rule's pay with exact Shapley values by retraining.

Each coalition of trainers trains a model by itself, by federated averaging from the same start; its worth is that
model's accuracy on the test set, and the exact Shapley value of this game is the contribution to compare with. Then
the project is played once, by plain averaging, and every rule pays on the same updates.

Training has a seed, so these values have noise of their own: *exact, trained again* are those of the same coalitions
with batches of another seed. No rule can be expected to rank trainers better than that. The mean of both has less
noise, and is a second yardstick; what noise is left in it still lowers every correlation.

What is exact, the dear part, doesn't depend on any rule, and is kept apart from what the rules pay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from offchain.experiments.experiment import Experiment, Results, Table, pairs, setup, where
from offchain.experiments.federation import play, retrain
from offchain.experiments.rules import POLICIES, RIVALS, rule
from offchain.experiments.runner import Cell
from offchain.experiments.statistics import interval, pearson, spearman
from offchain.scoring.policy import SHOWN
from offchain.scoring.utility.exact import shapley_of_table
from offchain.simulation.settings import deal
from offchain.training.task import Samples

__all__ = ["FAIRNESS", "holder"]

SETTINGS = ("label-noise", "size", "feature-noise", "distribution", "dirichlet-0.5", "missing-classes")
TRAINERS = (5, 8, 10)
BYZANTINE = {5: 1, 8: 2, 10: 3}
RULES = (SHOWN, *POLICIES, *RIVALS)
AGAIN = "exact, trained again"
OTHER_SEED = 1_000


def _cells(seeds: int) -> list[dict[str, Any]]:
    return [
        {"what": what, "setting": setting, "trainers": n, "seed": seed}
        for what in ("exact", "pay")
        for n in TRAINERS
        for setting in (SETTINGS if n < 10 else SETTINGS[:2])
        for seed in range(seeds)
    ]


def _measure(cell: Cell) -> dict[str, Any]:
    n, seed = cell["trainers"], cell["seed"]
    project = setup()
    shares = deal(project.data.train, n, cell["setting"], seed)
    if cell["what"] == "exact":
        losses, accuracies = retrain(project, shares, seed)
        again = retrain(project, shares, seed + OTHER_SEED)[1]
        return {
            "shapley": shapley_of_table(accuracies).tolist(),
            "shapley_loss": shapley_of_table(-losses).tolist(),
            "again": shapley_of_table(again).tolist(),
        }
    rounds = play(project, shares, rule("equal", 0), seed=seed, keep=True).rounds
    result: dict[str, Any] = {"rare": holder(shares)}
    for name in RULES:
        decide = rule(name, BYZANTINE[n])
        result[name] = list(sum((decide(view).pay for view in rounds), np.zeros(n)) / len(rounds))
    return result


def holder(shares: Sequence[Samples]) -> int:
    """The trainer with most rows of the last class: in missing-classes the only one."""
    last = max(int(share.labels.max()) for share in shares)
    return int(np.argmax([int((share.labels == last).sum()) for share in shares]))


def _found(results: Results, n: int, setting: str) -> list[dict[str, Any]]:
    """By seed: exact values, and pay under each rule's name."""
    cell = {"trainers": n, "setting": setting}
    found = pairs(results, cell | {"what": "exact"}, cell | {"what": "pay"})
    return [exact | {AGAIN: exact["again"]} | pay for exact, pay in found]


def _rare_share(result: dict[str, Any], name: str) -> float:
    """What the holder of rare classes gets, in parts of an equal share."""
    positive = [max(0.0, value) for value in result[name]]
    return len(positive) * positive[result["rare"]] / max(1e-12, sum(positive))


def _mean(result: dict[str, Any]) -> list[float]:
    """Exact values, of both trainings."""
    return [(a + b) / 2 for a, b in zip(result["shapley"], result["again"], strict=True)]


def _rows(
    found: dict[Any, list[dict[str, Any]]], names: Sequence[str], value: Callable[[dict[str, Any], str], float]
) -> list[list[str]]:
    """A line for each name, a column for each kind of cells."""
    return [[name, *(str(interval([value(r, name) for r in rs])) for rs in found.values())] for name in names]


def _tables(results: Results) -> list[Table]:
    tables = []
    for n in TRAINERS:
        found = {s: _found(results, n, s) for s in SETTINGS if where(results, trainers=n, setting=s)}
        if not found:
            continue
        columns, names = ["pay by", *found], (*RULES, AGAIN)
        ranks = _rows(found, names, lambda r, name: spearman(r[name], r["shapley"]))
        tables.append(Table(f"Spearman with exact Shapley, n = {n}", columns, ranks))
        if n == 8:
            ranks = _rows(found, (SHOWN, "consensus", *RIVALS), lambda r, name: spearman(r[name], _mean(r)))
            tables.append(Table(f"Spearman with the mean of both trainings, n = {n}", columns, ranks))
        values = _rows(found, names, lambda r, name: pearson(r[name], r["shapley"]))
        tables.append(Table(f"Pearson with exact Shapley, n = {n}", columns, values))
    sizes = [n for n in TRAINERS if where(results, trainers=n, setting="missing-classes")]
    by_size = {n: _found(results, n, "missing-classes") for n in sizes}
    shares = _rows(by_size, ("shapley", AGAIN, *RULES), _rare_share)
    title = "Pay of the only trainer with two rare classes, in parts of an equal share"
    return [*tables, Table(title, ["pay by", *(f"n = {n}" for n in sizes)], shares)]


def _figure(results: Results, figure: Figure) -> None:
    axes = figure.subplots(1, 2, sharey=True)
    for ax, setting in zip(axes, SETTINGS[:2], strict=True):
        found = _found(results, 8, setting)
        for at, name in enumerate((*RULES, AGAIN)):
            i = interval([spearman(r[name], r["shapley"]) for r in found])
            colour = "C0" if name == "consensus" else "0.4"
            ax.errorbar(
                [i.median], [at], xerr=[[i.median - i.low], [i.high - i.median]], fmt="o", color=colour, capsize=3
            )
        ax.axvline(0.9, color="0.8", zorder=0)
        ax.set(title=f"{setting}, n = 8", xlabel="Spearman with exact Shapley", xlim=(-0.5, 1.05))
    axes[0].set_yticks(range(len(RULES) + 1), (*RULES, AGAIN))
    axes[0].invert_yaxis()


FAIRNESS = Experiment("fairness", "Does pay follow contribution?", _cells, _measure, _tables, _figure)

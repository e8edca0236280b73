"""Does pay follow contribution? Rank correlation of each rule's pay with exact Shapley values by retraining.

Each coalition of trainers trains a model by itself, by federated averaging from the same start; its worth is that
model's accuracy on the test set, and the exact Shapley value of this game is the contribution to compare with. Then
the project is played once, by plain averaging, and every rule pays on the same updates.

Training has a seed, so these values have noise of their own: *exact, trained again* are those of the same coalitions
with batches of another seed. No rule can be expected to rank trainers better than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from offchain.experiments.experiment import Experiment, Results, Table, setup, where
from offchain.experiments.federation import play, retrain
from offchain.experiments.rules import POLICIES, RIVALS, rule
from offchain.experiments.runner import Cell
from offchain.experiments.statistics import interval, pearson, spearman
from offchain.scoring.utility.exact import shapley_of_table
from offchain.simulation.settings import deal
from offchain.training.task import Samples

__all__ = ["FAIRNESS", "holder"]

SETTINGS = ("label-noise", "size", "feature-noise", "distribution", "dirichlet-0.5", "missing-classes")
TRAINERS = (5, 8, 10)
BYZANTINE = {5: 1, 8: 2, 10: 3}
RULES = (*POLICIES, *RIVALS)
AGAIN = "exact, trained again"
OTHER_SEED = 1_000


def _cells(seeds: int) -> list[dict[str, Any]]:
    return [
        {"setting": setting, "trainers": n, "seed": seed}
        for n in TRAINERS
        for setting in (SETTINGS if n < 10 else SETTINGS[:2])
        for seed in range(seeds)
    ]


def _measure(cell: Cell) -> dict[str, Any]:
    n, seed = cell["trainers"], cell["seed"]
    project = setup()
    shares = deal(project.data.train, n, cell["setting"], seed)
    losses, accuracies = retrain(project, shares, seed)
    by_accuracy, by_loss = shapley_of_table(accuracies).tolist(), shapley_of_table(-losses).tolist()
    rounds = play(project, shares, rule("equal", 0), seed=seed, keep=True).rounds
    result: dict[str, Any] = {"shapley": by_accuracy, "shapley_loss": by_loss, "rare": holder(shares)}
    pays = {}
    for name in RULES:
        decide = rule(name, BYZANTINE[n])
        pays[name] = list(sum((decide(view).pay for view in rounds), np.zeros(n)) / len(rounds))
    pays[AGAIN] = shapley_of_table(retrain(project, shares, seed + OTHER_SEED)[1]).tolist()
    for name, pay in pays.items():
        result[name] = {
            "pay": pay,
            "spearman": spearman(pay, by_accuracy),
            "pearson": pearson(pay, by_accuracy),
            "spearman_loss": spearman(pay, by_loss),
        }
    return result


def holder(shares: Sequence[Samples]) -> int:
    """The trainer with most rows of the last class: in missing-classes the only one."""
    last = max(int(share.labels.max()) for share in shares)
    return int(np.argmax([int((share.labels == last).sum()) for share in shares]))


def _rare_share(result: dict[str, Any], name: str) -> float:
    """What the holder of rare classes gets, in parts of an equal share."""
    values = result["shapley"] if name == "shapley" else result[name]["pay"]
    positive = [max(0.0, value) for value in values]
    return len(values) * positive[result["rare"]] / max(1e-12, sum(positive))


def _tables(results: Results) -> list[Table]:
    tables = []
    for n in TRAINERS:
        settings = [s for s in SETTINGS if where(results, trainers=n, setting=s)]
        for measure, title in (("spearman", "Spearman"), ("pearson", "Pearson")):
            rows = [
                [
                    name,
                    *(
                        str(interval([r[name][measure] for r in where(results, trainers=n, setting=s)]))
                        for s in settings
                    ),
                ]
                for name in (*RULES, AGAIN)
            ]
            if settings:
                tables.append(Table(f"{title} with exact Shapley, n = {n}", ["pay by", *settings], rows))
    sizes = [n for n in TRAINERS if where(results, trainers=n, setting="missing-classes")]
    rows = [
        [
            name,
            *(
                str(interval([_rare_share(r, name) for r in where(results, trainers=n, setting="missing-classes")]))
                for n in sizes
            ),
        ]
        for name in ("shapley", AGAIN, *RULES)
    ]
    title = "Pay of the only trainer with two rare classes, in parts of an equal share"
    return [*tables, Table(title, ["pay by", *(f"n = {n}" for n in sizes)], rows)]


def _figure(results: Results, figure: Figure) -> None:
    axes = figure.subplots(1, 2, sharey=True)
    for ax, setting in zip(axes, SETTINGS[:2], strict=True):
        found = where(results, trainers=8, setting=setting)
        for at, name in enumerate((*RULES, AGAIN)):
            i = interval([r[name]["spearman"] for r in found])
            colour = "C0" if name == "consensus" else "0.4"
            ax.errorbar(
                [i.median], [at], xerr=[[i.median - i.low], [i.high - i.median]], fmt="o", color=colour, capsize=3
            )
        ax.axvline(0.9, color="0.8", zorder=0)
        ax.set(title=f"{setting}, n = 8", xlabel="Spearman with exact Shapley", xlim=(-0.5, 1.05))
    axes[0].set_yticks(range(len(RULES) + 1), (*RULES, AGAIN))
    axes[0].invert_yaxis()


FAIRNESS = Experiment("fairness", "Does pay follow contribution?", _cells, _measure, _tables, _figure)

"""What does a reference of the owner's change? Its row, trained on root data of its own, judges the others.

*Fairness*: eight trainers, paid on the same updates by consensus without and with a reference; rank correlation with
exact Shapley values by retraining, and the pay of the only trainer with two rare classes, in parts of an equal share.
*Majority*: ten trainers, Dirichlet 1.0, of whom three or six are one hostile party. Root data are drawn at random
before data are dealt.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from offchain.experiments.experiment import Experiment, Results, Table, pairs, setup, where
from offchain.experiments.fairness import holder
from offchain.experiments.federation import attacked_shares, play, retrain
from offchain.experiments.rules import rule
from offchain.experiments.runner import Cell
from offchain.experiments.statistics import interval, spearman
from offchain.scoring.utility.exact import shapley_of_table
from offchain.simulation.attacks.table import ATTACKS
from offchain.simulation.settings import deal
from offchain.training.task import Samples

__all__ = ["REFERENCE"]

SETTINGS = ("label-noise", "size", "feature-noise", "missing-classes")
ROOTS = (100, 30)  # rows of the owner's data
TRAINERS, BYZANTINE = 8, 2
FEDERATION, HOSTILE = 10, (3, 6)
POISONS = ("sign-flip", "label-flip", "ipm")
RULES = {"consensus": False, "with a reference": True}


def _cells(seeds: int) -> list[dict[str, Any]]:
    fairness = [
        {"setting": setting, "root": root, "seed": seed}
        for setting in SETTINGS
        for root in ROOTS
        for seed in range(seeds)
    ]
    return fairness + [
        {"attack": attack, "hostile": k, "rule": name, "seed": seed}
        for attack, k in [(None, 0), *((attack, k) for attack in POISONS for k in HOSTILE)]
        for name in RULES
        for seed in range(seeds)
    ]


def _measure(cell: Cell) -> dict[str, Any]:
    return _fairness(cell) if "setting" in cell else _majority(cell)


def _fairness(cell: Cell) -> dict[str, Any]:
    project, seed = setup(), cell["seed"]
    root, rest = _split(project.data.train, cell["root"], seed)
    shares = deal(rest, TRAINERS, cell["setting"], seed)
    shapley = shapley_of_table(retrain(project, shares, seed)[1]).tolist()
    rounds = play(project, shares, rule("equal", 0), seed=seed, root=root, keep=True).rounds
    result: dict[str, Any] = {"shapley": shapley, "rare": holder(shares)}
    for name, judged in RULES.items():
        decide = rule("consensus", BYZANTINE, reference=judged)
        pay = list(sum((decide(view).pay for view in rounds), np.zeros(TRAINERS)) / len(rounds))
        result[name] = {"pay": pay, "spearman": spearman(pay, shapley)}
    return result


def _majority(cell: Cell) -> dict[str, Any]:
    project, seed = setup(), cell["seed"]
    root, rest = _split(project.data.train, ROOTS[0], seed)
    shares, party = deal(rest, FEDERATION, "dirichlet-1", seed), None
    if cell["attack"] is not None:
        shares, party = attacked_shares(shares, ATTACKS[cell["attack"]], cell["hostile"], seed)
    decide = rule("consensus", 3, reference=RULES[cell["rule"]])
    played = play(project, shares, decide, seed=seed, party=party, root=root)
    return {"accuracy": played.accuracy[-1], "pay": list(played.pay)}


def _split(data: Samples, rows: int, seed: int) -> tuple[Samples, Samples]:
    """The owner's rows, and those that are dealt."""
    order = np.random.default_rng([seed, 13]).permutation(len(data))
    return data.take(order[:rows]), data.take(order[rows:])


def _share(result: dict[str, Any], pay: list[float]) -> float:
    """Of the holder of rare classes, in parts of an equal share."""
    positive = [max(0.0, value) for value in pay]
    return len(pay) * positive[result["rare"]] / max(1e-12, sum(positive))


def _tables(results: Results) -> list[Table]:
    names = [(name, root) for root in ROOTS for name in RULES]
    ranks = [
        [
            f"{name}, {root} rows",
            *(str(interval([r[name]["spearman"] for r in _of(results, s, root)])) for s in SETTINGS),
        ]
        for name, root in names
        if _of(results, SETTINGS[0], root)
    ]
    rare = []
    for root in ROOTS:
        found = _of(results, "missing-classes", root)
        if found:
            pays = [[_share(r, r["shapley"]) for r in found], *([_share(r, r[n]["pay"]) for r in found] for n in RULES)]
            rare.append([str(root), *(str(interval(values)) for values in pays)])
    lost = [
        [attack, f"{k} of {FEDERATION}", *(_told(results, attack, k, name) for name in RULES)]
        for attack in POISONS
        for k in HOSTILE
        if where(results, attack=attack, hostile=k)
    ]
    return [
        Table(f"Spearman with exact Shapley, n = {TRAINERS}", ["pay by", *SETTINGS], ranks),
        Table(
            "Pay of the only trainer with two rare classes, in parts of an equal share",
            ["rows of root data", "exact Shapley", *RULES],
            rare,
        ),
        Table("Points of accuracy lost, and the party's pay beside honest pay", ["attack", "hostile", *RULES], lost),
    ]


def _of(results: Results, setting: str, root: int) -> list[dict[str, Any]]:
    return where(results, setting=setting, root=root)


def _told(results: Results, attack: str, k: int, name: str) -> str:
    both = pairs(results, {"attack": None, "rule": name, "hostile": 0}, {"attack": attack, "hostile": k, "rule": name})
    points = interval([100 * (a["accuracy"] - b["accuracy"]) for a, b in both])
    pay = interval([sum(b["pay"][:k]) / max(1e-9, sum(a["pay"][:k])) for a, b in both])
    return f"{points.median:.1f}, {100 * pay.median:.0f} %"


def _figure(results: Results, figure: Figure) -> None:
    axes = figure.subplots(1, len(ROOTS), sharey=True)
    for ax, root in zip(axes, ROOTS, strict=True):
        for at, name in enumerate(RULES):
            medians = [interval([r[name]["spearman"] for r in _of(results, s, root)]).median for s in SETTINGS]
            ax.barh(np.arange(len(SETTINGS)) + 0.4 * at, medians, height=0.35, label=name)
        ax.set(title=f"{root} rows of root data", xlabel="Spearman with exact Shapley")
        ax.set_yticks(np.arange(len(SETTINGS)) + 0.2, SETTINGS)
    axes[0].legend(frameon=False, fontsize=7)


REFERENCE = Experiment(
    "reference", "What does a reference of the owner's change?", _cells, _measure, _tables, _figure, seeds=10
)

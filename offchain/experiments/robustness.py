"""Do attacks harm the model, and what do they earn? Ten trainers, Dirichlet 1.0, up to four of them one hostile party.

Attackers know their own updates and everything public; f = 3 throughout, so that four are more than the rules are
made for. Every attack is played against every rule.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from offchain.experiments.experiment import Experiment, Results, Table, pairs, setup, where
from offchain.experiments.federation import Played, Setup, attacked_shares, play
from offchain.experiments.rules import POLICIES, rule
from offchain.experiments.runner import Cell
from offchain.experiments.statistics import interval
from offchain.scoring.robust.rules import ROBUST_RULES
from offchain.simulation.attacks.poison import TARGET, with_trigger
from offchain.simulation.attacks.table import ATTACKS
from offchain.simulation.settings import deal
from offchain.training.batched import evaluate_many
from offchain.training.task import Samples

__all__ = ["ROBUSTNESS"]

TRAINERS, BYZANTINE = 10, 3
HOSTILE = (1, 2, 3, 4)
RULES = (*POLICIES, *(name for name in ROBUST_RULES if name not in POLICIES))
POISONS = tuple(name for name, attack in ATTACKS.items() if attack.kind == "poison")


def _cells(seeds: int) -> list[dict[str, Any]]:
    honest = [{"rule": name, "attack": None, "hostile": 0, "seed": seed} for name in RULES for seed in range(seeds)]
    return honest + [
        {"rule": name, "attack": attack, "hostile": k, "seed": seed}
        for attack in POISONS
        for k in HOSTILE
        for name in (RULES if k == BYZANTINE else ("consensus", "mean"))
        for seed in range(seeds)
    ]


def _measure(cell: Cell) -> dict[str, Any]:
    seed, k = cell["seed"], cell["hostile"]
    project = setup()
    shares = deal(project.data.train, TRAINERS, "dirichlet-1", seed)
    decide = rule(cell["rule"], BYZANTINE)
    if cell["attack"] is None:
        played = play(project, shares, decide, seed=seed)
    else:
        shares, party = attacked_shares(shares, ATTACKS[cell["attack"]], k, seed)
        played = play(project, shares, decide, seed=seed, party=party)
    return {
        "accuracy": played.accuracy[-1],
        "pay": list(played.pay),
        "backdoor": _opened(project, played) if cell["attack"] in (None, "backdoor") else None,
    }


def _opened(project: Setup, played: Played) -> float:
    """The part of test rows of other classes that the model takes for the backdoor's once they carry the trigger."""
    test = project.data.test
    others = test.take(np.flatnonzero(test.labels.numpy() != TARGET))
    marked = Samples(with_trigger(others.features), torch.full_like(others.labels, TARGET))
    return float(evaluate_many(project.task, played.model[None], marked)[1][0])


def _lost(results: Results, attack: str, k: int, name: str) -> list[float]:
    """Points of accuracy that an attack costs, one a seed."""
    return [100 * (a["accuracy"] - b["accuracy"]) for a, b in _beside_honest(results, attack, k, name)]


def _profit(results: Results, attack: str, k: int, name: str) -> list[float]:
    """The party's pay less what the same seats earn honestly, in parts of the latter."""
    return [sum(b["pay"][:k]) / max(1e-9, sum(a["pay"][:k])) - 1 for a, b in _beside_honest(results, attack, k, name)]


def _beside_honest(results: Results, attack: str, k: int, name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return pairs(results, {"rule": name, "hostile": 0}, {"rule": name, "attack": attack, "hostile": k})


def _opened_in(results: Results, name: str, attack: str | None, k: int) -> str:
    found = [r["backdoor"] for r in where(results, rule=name, attack=attack, hostile=k)]
    return f"{100 * interval(found).median:.0f} %"


def _tables(results: Results) -> list[Table]:
    lost = [
        [name, *(f"{interval(_lost(results, attack, BYZANTINE, name)).median:.1f}" for attack in POISONS)]
        for name in RULES
    ]
    by_count = [
        [
            attack,
            *(f"{interval(_lost(results, attack, k, 'consensus')).median:.1f}" for k in HOSTILE),
            *(f"{interval(_lost(results, attack, k, 'mean')).median:.1f}" for k in HOSTILE),
            *(f"{100 * interval(_profit(results, attack, k, 'consensus')).median:+.0f} %" for k in HOSTILE),
        ]
        for attack in POISONS
    ]
    doors = [
        [name, _opened_in(results, name, None, 0), _opened_in(results, name, "backdoor", BYZANTINE)] for name in RULES
    ]
    base = [[name, str(interval([r["accuracy"] for r in where(results, rule=name, hostile=0)]))] for name in RULES]
    counts = [f"{k} of {TRAINERS}" for k in HOSTILE]
    return [
        Table("Accuracy without attackers", ["rule", "accuracy"], base),
        Table("Points of accuracy lost, 3 of 10 hostile", ["rule", *POISONS], lost),
        Table("Rows with the trigger that are taken for its class", ["rule", "no attack", "3 of 10 hostile"], doors),
        Table(
            "By the number of attackers",
            [
                "attack",
                *(f"lost, consensus, {c}" for c in counts),
                *(f"lost, mean, {c}" for c in counts),
                *(f"profit, consensus, {c}" for c in counts),
            ],
            by_count,
        ),
    ]


def _figure(results: Results, figure: Figure) -> None:
    axes = figure.subplots()
    grid = [[interval(_lost(results, a, BYZANTINE, name)).median for a in POISONS] for name in RULES]
    image = axes.imshow(grid, vmin=0, vmax=20, cmap="Reds", aspect="auto")
    for i, row in enumerate(grid):
        for j, value in enumerate(row):
            axes.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=7)
    axes.set_xticks(range(len(POISONS)), POISONS, rotation=45, ha="right")
    axes.set_yticks(range(len(RULES)), RULES)
    figure.colorbar(image, label="points of accuracy lost")


ROBUSTNESS = Experiment(
    "robustness", "Do attacks harm the model?", _cells, _measure, _tables, _figure, seeds=10, size=(9.0, 5.5)
)

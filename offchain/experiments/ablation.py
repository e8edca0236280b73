"""What does each constant of the policy earn? Shown without one of them after the other.

One hostile party in ten seats, twenty rounds, the cases of the experiment shown that a constant may be there for, and
three seats with one data set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from offchain.experiments.experiment import Experiment, Results, Table, pairs, setup, where
from offchain.experiments.federation import attacked_shares, play
from offchain.experiments.rules import rule
from offchain.experiments.runner import Cell
from offchain.experiments.statistics import interval
from offchain.scoring.constants import MEANINGS, NUMBERS
from offchain.scoring.policy import SHOWN
from offchain.simulation.attacks.table import ATTACKS
from offchain.simulation.settings import deal

__all__ = ["ABLATION"]

TRAINERS, BYZANTINE, ROUNDS = 10, 3, 20
SETTINGS = ("same", "dirichlet-1")
ALL = "as it is"
WITHOUT: Mapping[str, int] = MappingProxyType(
    {name: one.without for name, one in MEANINGS.items() if one.without is not None}
)
VARIANTS = (ALL, *WITHOUT)
# seats of the party; a free rider's pay is in equal shares, of the others the gain over honest pay in the same seats
RIDERS = {"masked": 1, "late-history": 1, "late-mixture": 1}
GAINS = {"sharpen-half": 1, "mix-add": 1, "copies": 3, "noisy-0.5": 3, "shards": 3}


def _cells(seeds: int) -> list[dict[str, Any]]:
    honest = [(None, 1), (None, 3)]
    return [
        {"setting": setting, "variant": variant, "attack": attack, "seats": seats, "seed": seed}
        for seed in range(seeds)
        for setting in SETTINGS
        for variant in VARIANTS
        for attack, seats in [*honest, *RIDERS.items(), *GAINS.items()]
    ]


def _measure(cell: Cell) -> dict[str, Any]:
    """Pay of the party's seats, and of each of all."""
    shares, party = deal(setup().data.train, TRAINERS, cell["setting"], cell["seed"]), None
    if (name := cell["attack"]) is not None:
        shares, party = attacked_shares(shares, ATTACKS[name], cell["seats"], cell["seed"])
    variant = cell["variant"]
    numbers = NUMBERS if variant == ALL else replace(NUMBERS, **{variant: WITHOUT[variant]})
    played = play(setup(rounds=ROUNDS), shares, rule(SHOWN, BYZANTINE, numbers=numbers), seed=cell["seed"], party=party)
    return {"own": float(played.pay[: cell["seats"]].sum()), "all": [float(pay) for pay in played.pay]}


def _pay(results: Results, variant: str, setting: str, attack: str) -> str:
    found = where(results, variant=variant, setting=setting, attack=attack)
    return f"{interval([TRAINERS * result['own'] for result in found]).median:.2f}"


def _gain(results: Results, variant: str, setting: str, attack: str) -> str:
    cell = {"variant": variant, "setting": setting, "seats": GAINS[attack]}
    found = pairs(results, cell | {"attack": None}, cell | {"attack": attack})
    gains = [cheat["own"] / max(1e-9, honest["own"]) - 1 for honest, cheat in found]
    return f"{100 * interval(gains).median:+.0f} %"


def _spread(results: Results, variant: str, setting: str) -> float:
    found = where(results, variant=variant, setting=setting, attack=None, seats=1)
    return interval([TRAINERS * float(np.std(result["all"])) for result in found]).median


def _tables(results: Results) -> list[Table]:
    tables = [
        Table(
            "The constants",
            ["constant", "is", "answers", "set by", "without"],
            [
                [name, one.meaning, one.answers, one.experiment, "" if one.without is None else _said(one.without)]
                for name, one in MEANINGS.items()
            ],
        )
    ]
    for setting in SETTINGS:
        rows = [
            [
                variant,
                f"{_spread(results, variant, setting):.2f}",
                *(_pay(results, variant, setting, attack) for attack in RIDERS),
                *(_gain(results, variant, setting, attack) for attack in GAINS),
            ]
            for variant in VARIANTS
        ]
        columns = ["without", "deviation, honest", *RIDERS, *GAINS]
        tables.append(Table(f"Pay of free riders in equal shares, and gains, {setting}", columns, rows))
    return tables


def _said(value: int) -> str:
    return "none" if value > 1 << 32 else str(value)


def _figure(results: Results, figure: Figure) -> None:
    axes = figure.subplots(1, 2, sharey=True)
    for ax, setting in zip(axes, SETTINGS, strict=True):
        for i, attack in enumerate(("late-mixture", "masked", "late-history")):
            values = [float(_pay(results, variant, setting, attack)) for variant in VARIANTS]
            ax.plot(values, range(len(VARIANTS)), "o", color=f"C{i}", label=attack)
        ax.set_yticks(range(len(VARIANTS)), VARIANTS, fontsize=7)
        ax.set_title(setting, fontsize=9)
        ax.set_xlabel("pay of a free rider, in equal shares")
    axes[0].legend(frameon=False, fontsize=7)


ABLATION = Experiment("ablation", "What does each constant earn?", _cells, _measure, _tables, _figure, seeds=5)

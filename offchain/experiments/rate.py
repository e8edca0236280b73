"""Does the learning-rate rule help? Where the kept rows agree less than the floor, the rate decays to a half.

Twenty rounds by consensus, with rates that are too small, right and too large, for several floors; a floor of 0 never
decays.
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from offchain.experiments.experiment import Experiment, Results, Table, setup, where
from offchain.experiments.federation import play
from offchain.experiments.rules import rule
from offchain.experiments.runner import Cell
from offchain.experiments.statistics import Interval, interval
from offchain.scoring.policy import ONE
from offchain.simulation.settings import deal

__all__ = ["RATE"]

TRAINERS, BYZANTINE, ROUNDS = 10, 3, 20
SETTINGS = ("same", "label-noise", "dirichlet-1", "dirichlet-0.1")
RATES = (0.1, 0.3, 1.0)
FLOORS = (0.0, 1 / 16, 1 / 8, 1 / 4, 1 / 2)


def _cells(seeds: int) -> list[dict[str, Any]]:
    return [
        {"setting": setting, "rate": rate, "floor": floor, "seed": seed}
        for setting in SETTINGS
        for rate in RATES
        for floor in FLOORS
        for seed in range(seeds)
    ]


def _measure(cell: Cell) -> dict[str, Any]:
    project = setup(rounds=ROUNDS, learning_rate=cell["rate"])
    shares = deal(project.data.train, TRAINERS, cell["setting"], cell["seed"])
    decide = rule("consensus", BYZANTINE, agreement_floor=int(cell["floor"] * ONE))
    return {"accuracy": play(project, shares, decide, seed=cell["seed"]).accuracy}


def _last(results: Results, setting: str, rate: float, floor: float) -> list[float]:
    return [100 * r["accuracy"][-1] for r in where(results, setting=setting, rate=rate, floor=floor)]


def _text(i: Interval) -> str:
    return f"{i.median:.1f} [{i.low:.1f}, {i.high:.1f}]"


def _tables(results: Results) -> list[Table]:
    rows = [
        [setting, str(rate), *(_text(interval(_last(results, setting, rate, floor))) for floor in FLOORS)]
        for setting in SETTINGS
        for rate in RATES
    ]
    columns = ["setting", "first rate", *(f"floor {floor:g}" for floor in FLOORS)]
    return [Table(f"Accuracy in % after {ROUNDS} rounds", columns, rows)]


def _figure(results: Results, figure: Figure) -> None:
    axes = figure.subplots(1, len(SETTINGS), sharey=True)
    for ax, setting in zip(axes, SETTINGS, strict=True):
        for rate in RATES:
            medians = [interval(_last(results, setting, rate, floor)).median for floor in FLOORS]
            ax.plot(FLOORS, medians, "o-", label=f"rate {rate}")
        ax.set(title=setting, xlabel="floor of agreement")
    axes[0].set_ylabel("accuracy in %")
    axes[0].legend(frameon=False, fontsize=7)


RATE = Experiment("rate", "Does the learning-rate rule help?", _cells, _measure, _tables, _figure, seeds=3)

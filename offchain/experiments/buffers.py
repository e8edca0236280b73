"""What do running statistics do to pay and to accuracy? Modules with and without batch normalisation, over inputs as
they come: pixels of 0 to 255, money around 100,000, columns that each have a unit of their own.

Pay: ten trainers, f = 2, by consensus with public rows. One's labels are all false; one trains nothing, lets its data
run through the module, and sends what that does to the statistics, made as long as an honest row.

Griefing: two of the ten put running means of their own choice into three tenths of their squared length, or as much
noise into what is learned. Accuracy after the last round, with the statistics of the model, and with statistics that
the owner recomputes from rows of its own.

Accuracy: ten honest trainers, the mean of their updates, by round. *Floats* are the same updates, neither quantised nor
clipped. *Unscaled* is without scales, from statistics as the module is built: one quantum has to fit all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from torch import nn

from offchain.experiments.experiment import Experiment, Results, Table, setup, where
from offchain.experiments.federation import Setup, play
from offchain.experiments.rules import rule
from offchain.experiments.runner import Cell
from offchain.experiments.statistics import interval
from offchain.simulation.settings import deal
from offchain.training.bundled import Digits
from offchain.training.local import evaluate, trained
from offchain.training.pilot import pilot
from offchain.training.statistics import clipped
from offchain.training.task import Samples
from offchain.training.vector import Layout, to_vector

__all__ = ["BUFFERS", "RawDigits"]

GRIEFED = ("accuracy", "recomputed", "pay of the two in equal shares")

TRAINERS, BYZANTINE, ROUNDS = 10, 2, 8
FALSE, IDLE = 0, 1  # seats
SPOILED = 0.3  # of a squared length
SETTINGS = ("same", "dirichlet-0.5")
INPUTS: dict[str, tuple[float | npt.NDArray[np.float64], float]] = {  # a pixel of 0 to 16 times one, plus the other
    "0 to 1": (1 / 16, 0.0),
    "0 to 255": (255 / 16, 0.0),
    "around 100,000": (3_000.0, 1e5),
    "unlike units": (10.0 ** (np.arange(64) % 7 - 3), 0.0),
}
MODULES = (  # where the normalisation is, what the inputs are, and the statistics
    ("none", "0 to 1", "shared"),
    ("first", "0 to 255", "shared"),
    ("first", "around 100,000", "shared"),
    ("first", "unlike units", "shared"),
    ("first", "0 to 255", "local"),
    ("inside", "0 to 1", "shared"),
)


class RawDigits(Digits):
    """Digits whose pixels come in other units, and a normalisation first, inside or nowhere."""

    def __init__(self, norm: str, inputs: str, statistics: str) -> None:
        self.norm, self.unit, self.running_statistics = norm, INPUTS[inputs], statistics

    def scale(self, train: npt.NDArray[Any], test: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        factor, shift = self.unit
        return train * factor + shift, test * factor + shift

    def module(self) -> nn.Module:
        layers = list(super().module().children())
        if self.norm == "first":
            layers.insert(0, nn.BatchNorm1d(64))
        if self.norm == "inside":
            layers.insert(1, nn.BatchNorm1d(32))
        return nn.Sequential(*layers)


@dataclass(frozen=True, eq=False)
class OneByOne(Setup):
    """Trainers that train as in a market, with whatever module; `how` as in this file's head."""

    how: str = "scaled"  # or "floats", "unscaled"
    idle: int | None = None  # the seat of who trains nothing
    grief: str = ""  # what the first two seats spoil: "statistics" or "weights"

    def start(self, data: Samples, seed: int) -> npt.NDArray[np.float64]:
        if self.how == "unscaled":
            self.task.settle(self.task.laid_out())
            return to_vector(self.task.build(seed), self.task.layout)
        schedule = {"learning_rate": self.learning_rate, "epochs": self.epochs, "batch_size": self.batch_size}
        return pilot(self.task, data, seed=seed, bits=16, **schedule).model  # type: ignore[arg-type]

    def train(
        self,
        models: npt.NDArray[np.float64],
        shares: Sequence[Samples],
        whose: Sequence[int],
        seed: int,
        round_: int,
        decayed: float = 1.0,
    ) -> npt.NDArray[np.float64]:
        layout, updates = self.task.layout, []
        for model, trainer in zip(models, whose, strict=True):
            update, _ = trained(
                self.task,
                model,
                shares[trainer],
                learning_rate=self.learning_rate * decayed,
                epochs=self.epochs,
                batch_size=self.batch_size,
                seed=(seed * 1_000 + trainer) * 100 + round_,
            )
            if trainer == self.idle:
                moved = update * (np.arange(update.size) >= layout.learned)
                update = moved * np.linalg.norm(update[: layout.learned]) / (np.linalg.norm(moved) or 1.0)
            elif self.how == "scaled":
                update = clipped(update, layout)
            if self.grief and trainer < BYZANTINE:
                update = _spoiled(update, layout, self.grief)
            updates.append(update)
        return np.stack(updates)

    def accuracy(self, model: npt.NDArray[np.float64]) -> float:
        return evaluate(self.task, model, self.data.test, self.data.train)[1]


def _spoiled(update: npt.NDArray[np.float64], layout: Layout, what: str) -> npt.NDArray[np.float64]:
    """As long as before."""
    wrong = np.zeros(update.size)
    if what == "weights":
        wrong[: layout.learned] = np.random.default_rng(0).standard_normal(layout.learned)
    else:
        wrong[layout.learned : (layout.learned + update.size) // 2] = 1.0  # means come before variances
    wrong *= np.linalg.norm(update) / (np.linalg.norm(wrong) or 1.0)
    return np.sqrt(1 - SPOILED) * update + np.sqrt(SPOILED) * wrong


def _cells(seeds: int) -> list[dict[str, Any]]:
    return [
        {"norm": norm, "inputs": inputs, "statistics": statistics, "setting": setting, "seed": seed}
        for norm, inputs, statistics in MODULES
        for setting in SETTINGS
        for seed in range(seeds)
    ]


def _measure(cell: Cell) -> dict[str, Any]:
    task = RawDigits(cell["norm"], cell["inputs"], cell["statistics"])
    base, seed = setup(task, rounds=ROUNDS, learning_rate=0.1, epochs=2, batch_size=32), cell["seed"]
    given = {field.name: getattr(base, field.name) for field in fields(base)}
    shares = deal(base.data.train, TRAINERS, cell["setting"], seed)
    accuracy = {
        how: play(OneByOne(**given | {"bits": bits}, how=how), shares, rule("equal", 0), seed=seed).accuracy
        for how, bits in (("scaled", 16), ("floats", 0), ("unscaled", 16))
    }
    griefed: dict[str, list[float]] = {}
    for what in ("statistics", "weights"):
        played = play(OneByOne(**given, grief=what), shares, rule("consensus", BYZANTINE), seed=seed)
        _, recomputed = evaluate(base.task, played.model, base.data.test, shares[-1], recompute=True)
        griefed[what] = [played.accuracy[-1], recomputed, float(played.pay[:BYZANTINE].mean() / played.pay.mean())]
    labels = shares[FALSE].labels
    shares[FALSE] = Samples(shares[FALSE].features, base.data.train.labels.max() - labels)
    played = play(OneByOne(**given, idle=IDLE), shares, rule("consensus", BYZANTINE), seed=seed)
    unscaled = play(OneByOne(**given, idle=IDLE, how="unscaled"), shares, rule("consensus", BYZANTINE), seed=seed)
    pays = {"pay": list(played.pay), "pay unscaled": list(unscaled.pay)}
    return {"accuracy": accuracy, "griefed": griefed} | pays


def _title(module: tuple[str, str, str]) -> str:
    norm, inputs, statistics = module
    name = "no normalisation" if norm == "none" else f"normalised {norm}"
    return f"{name}, inputs {inputs}" + (", local statistics" if statistics == "local" else "")


def _of(results: Results, module: tuple[str, str, str], setting: str) -> list[dict[str, Any]]:
    norm, inputs, statistics = module
    return where(results, norm=norm, inputs=inputs, statistics=statistics, setting=setting)


def _shares(results: list[dict[str, Any]], name: str, seats: Sequence[int]) -> str:
    """Pay of the mean of some seats, in parts of an equal share of what was paid."""
    pays = [np.array(result[name]) for result in results]
    return str(interval([float(pay[list(seats)].mean() * pay.size / max(1e-12, pay.sum())) for pay in pays]))


def _points(results: list[dict[str, Any]], how: str, round_: int) -> str:
    return f"{100 * interval([result['accuracy'][how][round_] for result in results]).median:.1f}"


def _tables(results: Results) -> list[Table]:
    honest = [seat for seat in range(TRAINERS) if seat not in (FALSE, IDLE)]
    tables = []
    for setting in SETTINGS:
        found = [(module, _of(results, module, setting)) for module in MODULES]
        tables.append(
            Table(
                f"Pay in parts of an equal share, {setting}",
                [
                    "module",
                    "honest",
                    "false labels",
                    "statistics alone",
                    "false labels, unscaled",
                    "alone, unscaled",
                ],
                [
                    [
                        _title(module),
                        *(_shares(cells, "pay", seats) for seats in (honest, [FALSE], [IDLE])),
                        *(_shares(cells, "pay unscaled", seats) for seats in ([FALSE], [IDLE])),
                    ]
                    for module, cells in found
                ],
            )
        )
        last = len(found[0][1][0]["accuracy"]["floats"]) - 1
        rounds = sorted({0, last // 2, last})
        tables.append(
            Table(
                f"Accuracy in percent, {setting}",
                ["module", *(f"{how}, round {r + 1}" for r in rounds for how in ("floats", "scaled", "unscaled"))],
                [
                    [
                        _title(module),
                        *(_points(cells, how, r) for r in rounds for how in ("floats", "scaled", "unscaled")),
                    ]
                    for module, cells in found
                ],
            )
        )
        tables.append(
            Table(
                f"Two of ten spoil statistics, or weights, {setting}",
                [
                    "module",
                    *(f"{what}: {told}" for what in ("statistics", "weights") for told in GRIEFED),
                ],
                [[_title(module), *_griefed(cells)] for module, cells in found],
            )
        )
    return tables


def _griefed(results: list[dict[str, Any]]) -> list[str]:
    texts = []
    for what in ("statistics", "weights"):
        *accuracies, pay = np.median([result["griefed"][what] for result in results], axis=0)
        texts += [*(f"{100 * accuracy:.1f}" for accuracy in accuracies), f"{pay:.2f}"]
    return texts


def _figure(results: Results, figure: Figure) -> None:
    axes = figure.subplots(2, 3, sharex=True, sharey=True)
    for ax, module in zip(axes.flat, MODULES, strict=True):
        for how, style in (("floats", "-"), ("scaled", "o"), ("unscaled", ":")):
            curves = [result["accuracy"][how] for result in _of(results, module, SETTINGS[1])]
            ax.plot(range(1, len(curves[0]) + 1), np.median(curves, axis=0), style, label=how)
        ax.set_title(_title(module), fontsize=8)
    axes[0][0].legend(frameon=False, fontsize=7)
    figure.supxlabel("round")
    figure.supylabel(f"accuracy, {SETTINGS[1]}")


BUFFERS = Experiment(
    "buffers",
    "What do running statistics do to pay and to accuracy?",
    _cells,
    _measure,
    _tables,
    _figure,
    seeds=3,
    size=(9.0, 5.0),
)

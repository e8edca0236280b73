"""What does a score cost, and how good is it for that? Contribution by utility beside the score that is on chain.

Methods by utility need a validation set, which somebody must be trusted with, and evaluate coalitions' models; the
chain could verify none of it. n = 8, sums over five rounds, against exact Shapley values by retraining.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from offchain.experiments.experiment import Experiment, Results, Table, setup, where
from offchain.experiments.federation import play, retrain
from offchain.experiments.rules import RoundView, rule
from offchain.experiments.runner import Cell
from offchain.experiments.statistics import interval, pearson, spearman
from offchain.scoring.utility.exact import exact, shapley_of_table
from offchain.scoring.utility.game import Game
from offchain.scoring.utility.guided import guided
from offchain.scoring.utility.in_run import in_run_first_order, in_run_second_order
from offchain.scoring.utility.leave_one_out import leave_one_out
from offchain.scoring.utility.monte_carlo import monte_carlo
from offchain.scoring.utility.reconstruction import reconstruction_game
from offchain.simulation.settings import deal

__all__ = ["COST"]

TRAINERS, BYZANTINE = 8, 2
SETTINGS = ("label-noise", "size")
Scores = tuple[Sequence[float], int]  # of a round, with the evaluations that it took


def _game(view: RoundView) -> Game:
    return reconstruction_game(view.task, view.model, view.updates, view.validation)


def _by_game(method: Callable[[Game], Sequence[float]]) -> Callable[[RoundView], Scores]:
    def score(view: RoundView) -> Scores:
        game = _game(view)
        return method(game), game.evaluations

    return score


def _in_run(method: Callable[..., Any]) -> Callable[[RoundView], Scores]:
    def score(view: RoundView) -> Scores:
        steps = view.updates / len(view.updates)
        return method(view.task, view.model, steps, view.validation), 1

    return score


METHODS: dict[str, Callable[[RoundView], Scores]] = {
    "consensus (on chain)": lambda view: (list(rule("consensus", BYZANTINE)(view).pay), 0),
    "leave-one-out": _by_game(leave_one_out),
    "exact, of each round": _by_game(exact),
    "truncated Monte Carlo": _by_game(lambda game: monte_carlo(game, seed=0, convergence=0.05)),
    "guided truncation": _by_game(lambda game: guided(game, seed=0)),
    "in-run, first order": _in_run(in_run_first_order),
    "in-run, second order": _in_run(in_run_second_order),
}


def _cells(seeds: int) -> list[dict[str, Any]]:
    return [{"setting": setting, "seed": seed} for setting in SETTINGS for seed in range(seeds)]


def _measure(cell: Cell) -> dict[str, Any]:
    project = setup()
    shares = deal(project.data.train, TRAINERS, cell["setting"], cell["seed"])
    started = time.perf_counter()
    _, accuracies = retrain(project, shares, cell["seed"])
    truth = shapley_of_table(accuracies).tolist()
    result: dict[str, Any] = {"exact, by retraining": _row(truth, truth, 1 << TRAINERS, time.perf_counter() - started)}
    rounds = play(project, shares, rule("equal", 0), seed=cell["seed"], keep=True).rounds
    for name, method in METHODS.items():
        started, total, evaluations = time.perf_counter(), np.zeros(TRAINERS), 0
        for view in rounds:
            scores, used = method(view)
            total += np.asarray(scores, dtype=np.float64)
            evaluations += used
        result[name] = _row(total, truth, evaluations, time.perf_counter() - started)
    return result


def _row(scores: Any, truth: Sequence[float], evaluations: int, seconds: float) -> dict[str, float]:
    return {
        "spearman": spearman(list(scores), truth),
        "pearson": pearson(list(scores), truth),
        "evaluations": evaluations,
        "seconds": seconds,
    }


def _tables(results: Results) -> list[Table]:
    tables = []
    for setting in SETTINGS:
        found = where(results, setting=setting)
        rows = [
            [
                name,
                str(interval([r[name]["spearman"] for r in found])),
                str(interval([r[name]["pearson"] for r in found])),
                f"{interval([r[name]['evaluations'] for r in found]).median:.0f}",
                f"{interval([r[name]['seconds'] for r in found]).median:.3f}",
            ]
            for name in ("exact, by retraining", *METHODS)
        ]
        columns = ["score", "Spearman", "Pearson", "evaluations", "seconds"]
        tables.append(Table(f"Scores of a project of five rounds, {setting}, n = {TRAINERS}", columns, rows))
    return tables


def _figure(results: Results, figure: Figure) -> None:
    axes = figure.subplots(1, len(SETTINGS), sharey=True)
    for ax, setting in zip(axes, SETTINGS, strict=True):
        found = where(results, setting=setting)
        for name in METHODS:
            seconds = interval([r[name]["seconds"] for r in found]).median
            ax.plot([seconds], [interval([r[name]["spearman"] for r in found]).median], "o", label=name)
        ax.set(title=setting, xlabel="seconds for five rounds", xscale="log", ylim=(0, 1.05))
    axes[0].set_ylabel("Spearman with exact Shapley")
    axes[0].legend(frameon=False, fontsize=7)


COST = Experiment("cost", "What does a score cost?", _cells, _measure, _tables, _figure, seeds=5)

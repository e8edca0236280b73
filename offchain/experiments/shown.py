"""What does a memory do? Pay over twenty rounds by *shown*, which caps it by what each seat showed in the first.

One of ten seats cheats; the same updates are paid by consensus, without a memory, and by shown with several caps. Free
riders never train; *late* ones and those that repeat themselves trained in the first round, so a part of what they get
they have shown. What a repeat is still worth is measured too: its first-order in-run value (Wang et al., arXiv
2406.11011), by the slope of the loss on the test set along each update, clipped to the median norm and at 0.

*Luck*: who misses the first round is never paid afterwards, and who is unlucky in it (an update with twice as much
noise as signal) less. That is the rule's price, beside the spread of pay among honest trainers with equal data. *Lazy*
trains on a tenth of its data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from offchain.experiments.experiment import Experiment, Results, Table, pairs, setup, where
from offchain.experiments.federation import Setup, attacked_shares, play
from offchain.experiments.rules import Decision, RoundView, Rule, rule
from offchain.experiments.runner import Cell
from offchain.experiments.statistics import interval
from offchain.scoring.policy import CONSENSUS, ONE, SHOWN
from offchain.simulation.attacks.attack import Attack
from offchain.simulation.attacks.table import ATTACKS
from offchain.simulation.settings import deal
from offchain.training.batched import evaluate_many
from offchain.training.task import Samples

__all__ = ["SHOWN_EXPERIMENT"]

TRAINERS, BYZANTINE, ROUNDS = 10, 3, 20
SETTINGS = ("same", "dirichlet-1")
CAPS = {"shown": ONE, "shown, cap 1.25": 5 * ONE // 4, "shown, cap 1.5": 3 * ONE // 2}
RULES = (*CAPS, CONSENSUS)
FREE = ("delta", "extrapolate", "masked", "positive", "cube")
LATE = ("delta", "history", "extrapolate", "mixture", "masked", "positive", "cube")
REPEATS = ("repeat-first", "repeat-noise", "repeat-third", "cycle")
GAINS = ("sharpen-half", "adaptive", "average-own", "mix", "mix-add")
LUCK = ("absent first", "unlucky first", "lazy")
STEP = 0.05  # of an update, along which the slope of the loss is measured


def _lazy(data: Samples, random: np.random.Generator) -> Samples:
    """A tenth of the data, at random."""
    return data.take(random.permutation(len(data))[: max(1, len(data) // 10)])


def _first(change: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]) -> Callable[[Any], Any]:
    return lambda know: know.own.copy() if know.past else change(know.own)


# no attacks, but what can happen to anybody
CASES = {
    "absent first": Attack("absent first", "pay", _first(np.zeros_like)),
    "unlucky first": Attack("unlucky first", "pay", _first(lambda own: own + 2 * np.roll(own, 1, axis=1))),
    "lazy": Attack("lazy", "pay", lambda know: know.own.copy(), poisons=_lazy),
}


def _cells(seeds: int) -> list[dict[str, Any]]:
    names = [None, *FREE, *(f"late-{name}" for name in LATE), *REPEATS, *GAINS, *LUCK]
    return [
        {"setting": setting, "attack": name, "seed": seed}
        for seed in range(seeds)
        for setting in SETTINGS
        for name in names
    ]


def _measure(cell: Cell) -> dict[str, Any]:
    """Of each rule the pay of the first seat, of each round and of the others in all; the first seat's value."""
    project = setup(rounds=ROUNDS)
    shares, party = deal(project.data.train, TRAINERS, cell["setting"], cell["seed"]), None
    if (name := cell["attack"]) is not None:
        shares, party = attacked_shares(shares, (CASES | ATTACKS)[name], 1, cell["seed"])
    decides = {name: rule(SHOWN, BYZANTINE, cap=cap) for name, cap in CAPS.items()}
    decides[CONSENSUS] = rule(CONSENSUS, BYZANTINE)
    paid: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in decides}
    values = np.zeros(TRAINERS)
    decide = _all(decides, paid, lambda view: _add_value(project, view, values))
    play(project, shares, decide, seed=cell["seed"], party=party)
    result: dict[str, Any] = {"value": float(values[0] / values.sum())}
    for name, pays in paid.items():
        result[name] = {"own": [round(float(pay[0]), 6) for pay in pays], "all": list(np.mean(pays, axis=0))}
    return result


def _all(
    decides: dict[str, Rule], paid: dict[str, list[npt.NDArray[np.float64]]], look: Callable[[RoundView], None]
) -> Rule:
    """What the first decides; the others, which weigh alike, pay beside it."""

    def decide(view: RoundView) -> Decision:
        look(view)
        decisions = {name: one(view) for name, one in decides.items()}
        for name, decision in decisions.items():
            paid[name].append(decision.pay)
        return next(iter(decisions.values()))

    return decide


def _add_value(project: Setup, view: RoundView, values: npt.NDArray[np.float64]) -> None:
    norms = np.linalg.norm(view.updates, axis=1)
    clipped = view.updates * np.minimum(1.0, np.median(norms) / np.maximum(norms, 1e-12))[:, None]
    models = np.vstack([view.model + STEP * clipped, view.model - STEP * clipped])
    losses, _ = evaluate_many(project.task, models, project.data.test)
    values += np.maximum(0.0, losses[len(norms) :] - losses[: len(norms)])


def _own(results: Results, attack: str | None, name: str, setting: str) -> list[float]:
    """Pay of the first seat, in equal shares."""
    found = where(results, attack=attack, setting=setting)
    return [TRAINERS * float(np.mean(result[name]["own"])) for result in found]


def _against_honest(results: Results, attack: str, setting: str, of: Callable[[dict[str, Any]], float]) -> list[float]:
    """Times what the same seat has honestly."""
    found = pairs(results, {"attack": None, "setting": setting}, {"attack": attack, "setting": setting})
    return [of(cheat) / max(1e-9, of(honest)) for honest, cheat in found]


def _paid(name: str) -> Callable[[dict[str, Any]], float]:
    return lambda result: float(np.mean(result[name]["own"]))


def _tables(results: Results) -> list[Table]:
    tables = []
    for setting in SETTINGS:
        riders = [None, *FREE, *(f"late-{name}" for name in LATE)]
        tables.append(
            Table(
                f"Pay of one seat over {ROUNDS} rounds, in equal shares, {setting}",
                ["sends", *RULES],
                [[a or "honest", *(_median(_own(results, a, r, setting)) for r in RULES)] for a in riders],
            )
        )
        tables.append(
            Table(
                f"Gain over honest pay, {setting}",
                ["sends", *RULES],
                [
                    [a, *(_gain(_against_honest(results, a, setting, _paid(r))) for r in RULES)]
                    for a in (*GAINS, *REPEATS, *LUCK)
                ],
            )
        )
        tables.append(
            Table(
                f"Repeats: pay and in-run value, each times the honest seat's, {setting}",
                ["sends", "value", *RULES, "shown, pay for value"],
                [_repeat(results, a, setting) for a in REPEATS],
            )
        )
    spread = [[s, *(_spread(results, r, s) for r in RULES)] for s in SETTINGS]
    tables.append(Table("Spread of honest trainers' pay, deviation in equal shares", ["setting", *RULES], spread))
    low = [[s, *(_low(results, r, s) for r in RULES)] for s in SETTINGS]
    title = f"Rounds of {ROUNDS} in which an honest seat gets less than half of its median pay"
    return [*tables, Table(title, ["setting", *RULES], low)]


def _repeat(results: Results, attack: str, setting: str) -> list[str]:
    value = _against_honest(results, attack, setting, lambda result: float(result["value"]))
    paid = {r: _against_honest(results, attack, setting, _paid(r)) for r in RULES}
    ratio = [p / max(1e-9, v) for p, v in zip(paid["shown"], value, strict=True)]
    return [attack, _median(value), *(_median(paid[r]) for r in RULES), _median(ratio)]


def _median(values: list[float]) -> str:
    return f"{interval(values).median:.2f}"


def _gain(values: list[float]) -> str:
    return f"{100 * (interval(values).median - 1):+.0f} %"


def _spread(results: Results, name: str, setting: str) -> str:
    found = where(results, attack=None, setting=setting)
    return _median([TRAINERS * float(np.std(result[name]["all"])) for result in found])


def _low(results: Results, name: str, setting: str) -> str:
    """Of the first seat, over all seeds: the median and the most."""
    counts = []
    for result in where(results, attack=None, setting=setting):
        own = np.array(result[name]["own"])
        counts.append(int((own < np.median(own) / 2).sum()))
    return f"{int(np.median(counts))}, at most {max(counts)}"


def _figure(results: Results, figure: Figure) -> None:
    axes = figure.subplots(1, 2, sharex=True)
    names = [*(f"late-{name}" for name in LATE), *REPEATS]
    for ax, setting in zip(axes, SETTINGS, strict=True):
        for colour, marker, name in (("C0", "o", "shown"), ("0.5", "x", CONSENSUS)):
            paid = [interval(_own(results, a, name, setting)).median for a in names]
            ax.plot(paid, range(len(names)), marker, color=colour, label=name)
        ax.axvline(0.35, color="0.8", zorder=0)
        ax.set_yticks(range(len(names)), names, fontsize=7)
        ax.set_title(setting, fontsize=9)
        ax.set_xlabel("pay, in equal shares; the line: 0.35")
    axes[0].legend(frameon=False, fontsize=7)


SHOWN_EXPERIMENT = Experiment("shown", "What does a memory do?", _cells, _measure, _tables, _figure, seeds=10)

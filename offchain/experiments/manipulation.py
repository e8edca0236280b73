"""Does it pay to cheat? Profit of every attack on the pay: what the party gets, less what it gets honestly.

*Pay attacks*: three of ten seats know the policy and maximise their pay; some also one seat over ten rounds. *Free
riders*: one of ten seats, or a ring of three, doesn't train, over ten rounds, since the longer a project the more is
public; the party's pay in parts of an equal share for its seats, beside what the same seats get honestly. By consensus
also with a model of 256 hidden units, 19,210 parameters: in more dimensions noise is at right angles to everything,
and hides less. *Sybils*: one data set in two to five of sixteen seats; the party's pay in parts of what one seat gets
for it, beside the same other trainers.
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from offchain.experiments.experiment import Experiment, Results, Table, pairs, setup, where
from offchain.experiments.federation import attacked_shares, play
from offchain.experiments.rules import POLICIES, rule
from offchain.experiments.runner import Cell
from offchain.experiments.statistics import interval
from offchain.simulation.attacks.table import ATTACKS
from offchain.simulation.settings import deal
from offchain.training.bundled import Digits

__all__ = ["MANIPULATION"]

RULES = ("consensus", *POLICIES[1:], "equal", "data size", "norm", "loss change", "cosine gradient")
FREE_RULES = ("consensus", "trimmed-cosine", "norm", "loss change", "cosine gradient")
SPLIT_RULES = ("consensus", "trimmed-cosine")
SETTINGS = ("same", "dirichlet-1")
TRAINERS, BYZANTINE, HOSTILE = 10, 3, 3
FREE_ROUNDS = 10
SEATS, SYBIL_BYZANTINE, SPLITS = 16, 4, (2, 3, 4, 5)
# those that need several rounds are tried in the experiment "shown"
LATER = {name for name in ATTACKS if name.startswith(("repeat-", "late-"))} | {"cycle", "average-own", "mix", "mix-add"}
PAY = tuple(name for name, attack in ATTACKS.items() if attack.kind in ("pay", "poison") and name not in LATER)
# and the seats that it takes; copy-noise trains
FREE = {
    name: HOSTILE if name.startswith("ring") else 1
    for name, attack in ATTACKS.items()
    if attack.kind == "free-rider" and name != "copy-noise" and name not in LATER - {"late-switch"}
}
LONE = ("sharpen-half", "sharpen", "adaptive")  # of the pay attacks, those that one seat over ten rounds tries
SYBIL = tuple(name for name, attack in ATTACKS.items() if attack.kind == "sybil")


class WideDigits(Digits):
    """Digits by eight times as many hidden units, for this experiment alone."""

    hidden = 256


def _cells(seeds: int) -> list[dict[str, Any]]:
    cells = []
    for seed in range(seeds):
        for setting in SETTINGS:
            at = {"setting": setting, "seed": seed}
            for name in RULES:
                cell = {"what": "pay", "rule": name} | at
                cells += [cell | {"attack": attack, "seats": HOSTILE} for attack in (None, *PAY)]
            for what, name in [*(("free", name) for name in FREE_RULES), ("wide", "consensus")]:
                cell = {"what": what, "rule": name} | at
                cells.append(cell | {"attack": None, "seats": HOSTILE})
                cells += [cell | {"attack": attack, "seats": k} for attack, k in FREE.items()]
                cells += [cell | {"attack": attack, "seats": 1} for attack in LONE]
            for name in SPLIT_RULES:
                cell = {"what": "split", "rule": name} | at
                cells += [cell | {"attack": attack, "seats": k} for attack in (None, *SYBIL) for k in SPLITS]
    return cells


def _measure(cell: Cell) -> dict[str, Any]:
    """The pay of the party's seats, or of the same seats where nobody attacks; of one seat before it is split."""
    seed, k, what = cell["seed"], cell["seats"], cell["what"]
    if what == "wide":
        project = setup(WideDigits(), rounds=FREE_ROUNDS)
    else:
        project = setup(rounds=FREE_ROUNDS) if what == "free" else setup()
    trainers, byzantine = (SEATS - k + 1, SYBIL_BYZANTINE) if what == "split" else (TRAINERS, BYZANTINE)
    shares, party = deal(project.data.train, trainers, cell["setting"], seed), None
    if cell["attack"] is not None:
        shares, party = attacked_shares(shares, ATTACKS[cell["attack"]], k, seed)
    played = play(project, shares, rule(cell["rule"], byzantine), seed=seed, party=party)
    return {"pay": list(played.pay[: 1 if what == "split" and party is None else k])}


def _profits(results: Results, attack: str, name: str, setting: str) -> list[float]:
    kind = {"what": "pay", "rule": name, "setting": setting}
    found = pairs(results, kind | {"attack": None}, kind | {"attack": attack})
    return [sum(cheat["pay"]) / max(1e-9, sum(honest["pay"])) - 1 for honest, cheat in found]


def _rides(results: Results, attack: str | None, name: str, setting: str, k: int, what: str = "free") -> list[float]:
    """Pay of k seats, in parts of an equal share for each."""
    found = where(results, what=what, rule=name, setting=setting, attack=attack)
    return [sum(r["pay"][:k]) * TRAINERS / k for r in found]


def _lone(results: Results, attack: str, name: str, setting: str, what: str = "free") -> list[float]:
    """Profit of one seat over ten rounds."""
    kind = {"what": what, "rule": name, "setting": setting}
    found = pairs(results, kind | {"attack": None}, kind | {"attack": attack})
    return [cheat["pay"][0] / max(1e-9, honest["pay"][0]) - 1 for honest, cheat in found]


def _splits(results: Results, attack: str, name: str, setting: str, k: int) -> list[float]:
    kind = {"what": "split", "rule": name, "setting": setting, "seats": k}
    found = pairs(results, kind | {"attack": None}, kind | {"attack": attack})
    return [sum(many["pay"]) / max(1e-9, one["pay"][0]) for one, many in found]


def _tables(results: Results) -> list[Table]:
    tables = []
    riders: list[tuple[str, str | None, int]] = [("honest", None, 1), (f"honest, {HOSTILE} seats", None, HOSTILE)]
    riders += [(f"{a}, {k} seats" if k > 1 else a, a, k) for a, k in FREE.items()]
    for setting in SETTINGS:
        tables.append(
            Table(
                f"Profit of three of ten seats, {setting}",
                ["attack", *RULES],
                [[a, *(_change(_profits(results, a, r, setting)) for r in RULES)] for a in PAY],
            )
        )
        tables.append(
            Table(
                f"Profit of one seat that trains, over ten rounds, {setting}",
                ["attack", *FREE_RULES, "consensus, 19,210 parameters"],
                [
                    [
                        a,
                        *(_change(_lone(results, a, r, setting)) for r in FREE_RULES),
                        _change(_lone(results, a, "consensus", setting, "wide")),
                    ]
                    for a in LONE
                ],
            )
        )
        tables.append(
            Table(
                f"Free riders' pay over ten rounds, in parts of an equal share, {setting}",
                ["attack", *FREE_RULES],
                [
                    [text, *(_percent(_rides(results, attack, r, setting, k)) for r in FREE_RULES)]
                    for text, attack, k in riders
                ],
            )
        )
        tables.append(
            Table(
                f"One data set in k of sixteen seats, times its pay in one seat, {setting}",
                ["attack", *(f"{r}, k = {k}" for r in SPLIT_RULES for k in SPLITS)],
                [
                    [
                        a,
                        *(
                            f"{interval(_splits(results, a, r, setting, k)).median:.2f}"
                            for r in SPLIT_RULES
                            for k in SPLITS
                        ),
                    ]
                    for a in SYBIL
                ],
            )
        )
    wide = [
        [text, *(_percent(_rides(results, attack, "consensus", setting, k, "wide")) for setting in SETTINGS)]
        for text, attack, k in riders
    ]
    title = "Free riders' pay by consensus with a model of 19,210 parameters, in parts of an equal share"
    return [*tables, Table(title, ["attack", *SETTINGS], wide)]


def _change(values: list[float]) -> str:
    return f"{100 * interval(values).median:+.0f} %"


def _percent(values: list[float]) -> str:
    return f"{100 * interval(values).median:.1f} %"


def _figure(results: Results, figure: Figure) -> None:
    axes = figure.subplots(1, 3)
    for colour, name in (("C0", "consensus"), ("0.6", "trimmed-cosine")):
        profits = [interval(_profits(results, a, name, "dirichlet-1")).median for a in PAY]
        axes[0].plot(profits, range(len(PAY)), "o", color=colour, label=name)
        rides = [interval(_rides(results, a, name, "dirichlet-1", k)).median for a, k in FREE.items()]
        axes[1].plot(rides, range(len(FREE)), "o", color=colour, label=name)
    for ax, names, title in (
        (axes[0], PAY, "pay attacks: profit"),
        (axes[1], tuple(FREE), "free riders, ten rounds: of an equal share"),
    ):
        ax.set_yticks(range(len(names)), names, fontsize=7)
        ax.axvline(0, color="0.8", zorder=0)
        ax.set_title(title, fontsize=9)
    for attack in SYBIL:
        found = [interval(_splits(results, attack, "consensus", "dirichlet-1", k)).median for k in SPLITS]
        axes[2].plot(SPLITS, found, "o-", label=attack)
    axes[2].axhline(1.5, color="0.8", zorder=0)
    axes[2].set_title("one data set in k seats, consensus", fontsize=9)
    axes[0].legend(frameon=False, fontsize=7)
    axes[2].legend(frameon=False, fontsize=7)


MANIPULATION = Experiment(
    "manipulation", "Does it pay to cheat?", _cells, _measure, _tables, _figure, seeds=10, size=(12.0, 4.5)
)

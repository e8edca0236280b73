"""Does it pay to cheat? Profit of every attack on the pay: what the party gets, less what it gets honestly.

*Pay attacks*: three of ten seats know the policy and maximise their pay. *Free riders*: one of ten doesn't train; its
pay in parts of an equal share. *Sybils*: one data set in two to five of sixteen seats; the party's pay in parts of
what one seat gets for it, beside the same other trainers.
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from offchain.experiments.experiment import Experiment, Results, Table, setup, where
from offchain.experiments.federation import attacked_shares, play
from offchain.experiments.rules import POLICIES, rule
from offchain.experiments.runner import Cell
from offchain.experiments.statistics import interval
from offchain.simulation.attacks.table import ATTACKS
from offchain.simulation.settings import deal

__all__ = ["MANIPULATION"]

RULES = ("consensus", *POLICIES[1:], "equal", "data size", "norm", "loss change", "cosine gradient")
SETTINGS = ("same", "dirichlet-1")
TRAINERS, BYZANTINE, HOSTILE = 10, 3, 3
SEATS, SYBIL_BYZANTINE, SPLITS = 16, 4, (2, 3, 4, 5)
PAY = tuple(name for name, attack in ATTACKS.items() if attack.kind in ("pay", "poison"))
FREE = tuple(name for name, attack in ATTACKS.items() if attack.kind == "free-rider" and name != "copy-noise")
SYBIL = tuple(name for name, attack in ATTACKS.items() if attack.kind == "sybil")


def _cells(seeds: int) -> list[dict[str, Any]]:
    cells = []
    for seed in range(seeds):
        for setting in SETTINGS:
            for name in RULES:
                cell = {"rule": name, "setting": setting, "seed": seed}
                cells.append(cell | {"attack": None, "seats": 0})
                cells += [cell | {"attack": attack, "seats": HOSTILE} for attack in PAY]
                cells += [cell | {"attack": attack, "seats": 1} for attack in FREE]
            for name in ("consensus", "trimmed-cosine"):
                cell = {"rule": name, "setting": setting, "seed": seed}
                cells += [cell | {"attack": None, "seats": k, "split": True} for k in SPLITS]
                cells += [cell | {"attack": attack, "seats": k, "split": True} for attack in SYBIL for k in SPLITS]
    return cells


def _measure(cell: Cell) -> dict[str, Any]:
    seed, k = cell["seed"], cell["seats"]
    project = setup()
    if cell.get("split"):
        others = SEATS - k
        shares = deal(project.data.train, others + 1, cell["setting"], seed)
        decide = rule(cell["rule"], SYBIL_BYZANTINE)
    else:
        shares = deal(project.data.train, TRAINERS, cell["setting"], seed)
        decide = rule(cell["rule"], BYZANTINE)
    if cell["attack"] is None:
        played = play(project, shares, decide, seed=seed)
        return {"pay": list(played.pay)}
    shares, party = attacked_shares(shares, ATTACKS[cell["attack"]], k, seed)
    played = play(project, shares, decide, seed=seed, party=party)
    return {"pay": list(played.pay[:k])}


def _profits(results: Results, attack: str, name: str, setting: str) -> list[float]:
    honest = where(results, rule=name, setting=setting, attack=None, seats=0)
    cheat = where(results, rule=name, setting=setting, attack=attack, seats=HOSTILE)
    return [sum(c["pay"]) / max(1e-9, sum(h["pay"][:HOSTILE])) - 1 for h, c in zip(honest, cheat, strict=True)]


def _rides(results: Results, attack: str, name: str, setting: str) -> list[float]:
    return [r["pay"][0] * TRAINERS for r in where(results, rule=name, setting=setting, attack=attack, seats=1)]


def _splits(results: Results, attack: str, name: str, setting: str, k: int) -> list[float]:
    one = where(results, rule=name, setting=setting, attack=None, seats=k, split=True)
    many = where(results, rule=name, setting=setting, attack=attack, seats=k, split=True)
    return [sum(m["pay"]) / max(1e-9, o["pay"][0]) for o, m in zip(one, many, strict=True)]


def _tables(results: Results) -> list[Table]:
    tables = []
    for setting in SETTINGS:
        tables.append(
            Table(
                f"Profit of three of ten seats, {setting}",
                ["attack", *RULES],
                [
                    [a, *(f"{100 * interval(_profits(results, a, r, setting)).median:+.0f} %" for r in RULES)]
                    for a in PAY
                ],
            )
        )
        tables.append(
            Table(
                f"A free rider's pay, in parts of an equal share, {setting}",
                ["attack", *RULES],
                [[a, *(f"{100 * interval(_rides(results, a, r, setting)).median:.1f} %" for r in RULES)] for a in FREE],
            )
        )
        tables.append(
            Table(
                f"One data set in k of sixteen seats, times its pay in one seat, {setting}",
                ["attack", *(f"{r}, k = {k}" for r in ("consensus", "trimmed-cosine") for k in SPLITS)],
                [
                    [
                        a,
                        *(
                            f"{interval(_splits(results, a, r, setting, k)).median:.2f}"
                            for r in ("consensus", "trimmed-cosine")
                            for k in SPLITS
                        ),
                    ]
                    for a in SYBIL
                ],
            )
        )
    return tables


def _figure(results: Results, figure: Figure) -> None:
    axes = figure.subplots(1, 3)
    for ax, names, title, values, unit in (
        (axes[0], PAY, "pay attacks: profit", _profits, 1.0),
        (axes[1], FREE, "free riders: of an equal share", _rides, 1.0),
    ):
        for colour, name in (("C0", "consensus"), ("0.6", "trimmed-cosine")):
            found = [unit * interval(values(results, a, name, "dirichlet-1")).median for a in names]
            ax.plot(found, range(len(names)), "o", color=colour, label=name)
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
    "manipulation", "Does it pay to cheat?", _cells, _measure, _tables, _figure, seeds=3, size=(12.0, 4.5)
)

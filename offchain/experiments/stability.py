"""Is pay reproducible? The same data, trained again from other seeds, quantised with fewer bits, combined otherwise.

For each way of playing, the rank correlation of its pay with the pay at 16 bits and the first training seed, and with
exact Shapley values by retraining.
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from offchain.experiments.experiment import Experiment, Results, Table, setup, where
from offchain.experiments.federation import play
from offchain.experiments.rules import rule
from offchain.experiments.runner import Cell
from offchain.experiments.statistics import interval, spearman
from offchain.simulation.settings import deal

__all__ = ["STABILITY"]

TRAINERS, BYZANTINE = 8, 2
SETTINGS = ("label-noise", "size", "feature-noise")
PAYS = ("consensus", "trimmed-cosine", "norm", "loss change")
BITS = (16, 12, 8, 6, 4)
AGAIN = 5


def _cells(seeds: int) -> list[dict[str, Any]]:
    return [
        {"setting": setting, "pay": pay, "seed": seed} for setting in SETTINGS for pay in PAYS for seed in range(seeds)
    ]


def _measure(cell: Cell) -> dict[str, Any]:
    seed = cell["seed"]
    shares = deal(setup().data.train, TRAINERS, cell["setting"], seed)
    decide = rule(cell["pay"], BYZANTINE)

    def pays(training: int, **options: Any) -> list[float]:
        return list(play(setup(**options), shares, decide, seed=training).pay)

    first = pays(seed)
    return {
        "seeds": [spearman(first, pays(seed + 1_000 * again)) for again in range(1, AGAIN)],
        "bits": {str(bits): spearman(first, pays(seed, bits=bits)) for bits in BITS[1:]},
        "epochs": {str(epochs): spearman(first, pays(seed, epochs=epochs)) for epochs in (1, 5)},
        "rounds": {str(rounds): spearman(first, pays(seed, rounds=rounds)) for rounds in (2, 10)},
    }


def _tables(results: Results) -> list[Table]:
    rows = []
    for setting in SETTINGS:
        for pay in PAYS:
            found = where(results, setting=setting, pay=pay)
            rows.append(
                [
                    setting,
                    pay,
                    str(interval([value for r in found for value in r["seeds"]])),
                    *(f"{interval([r['bits'][str(bits)] for r in found]).median:.3f}" for bits in BITS[1:]),
                    *(f"{interval([r['epochs'][k] for r in found]).median:.3f}" for k in ("1", "5")),
                    *(f"{interval([r['rounds'][k] for r in found]).median:.3f}" for k in ("2", "10")),
                ]
            )
    columns = [
        "setting",
        "pay by",
        "other training seeds",
        *(f"{bits} bits" for bits in BITS[1:]),
        "1 epoch",
        "5 epochs",
        "2 rounds",
        "10 rounds",
    ]
    return [Table("Rank correlation of pay with that of 5 rounds of 3 epochs at 16 bits", columns, rows)]


def _figure(results: Results, figure: Figure) -> None:
    axes = figure.subplots(1, len(SETTINGS), sharey=True)
    for ax, setting in zip(axes, SETTINGS, strict=True):
        for pay in PAYS:
            found = where(results, setting=setting, pay=pay)
            medians = [interval([r["bits"][str(bits)] for r in found]).median for bits in BITS[1:]]
            ax.plot(BITS[1:], medians, "o-", label=pay)
        ax.set(title=setting, xlabel="bits of an entry")
    axes[0].set_ylabel("rank correlation with 16 bits")
    axes[0].legend(frameon=False, fontsize=7)


STABILITY = Experiment("stability", "Is pay reproducible?", _cells, _measure, _tables, _figure, seeds=10)

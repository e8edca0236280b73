"""The report of a simulated market: one HTML file that needs nothing else, figures included."""

from __future__ import annotations

import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import matplotlib
from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from offchain.market.money import shown

__all__ = ["render"]

COLOURS = {
    "honest": "#2a7f62",
    "flip-labels": "#c8553d",
    "invert": "#7a1f3d",
    "free-ride": "#8a8d91",
    "copied": "#8f6a1e",
    "copy": "#d9a441",
}


def render(result: dict[str, Any]) -> str:
    """HTML from what `result.json` holds."""
    figures = [
        ("Accuracy of the global model on the test set", _draw(result, _accuracy)),
        ("Pay of each trainer, all rounds", _draw(result, _pay)),
        ("Contribution of each trainer, as a share of its round", _draw(result, _contributions, wide=True)),
        ("Gas of each call, by round", _draw(result, _gas, wide=True)),
    ]
    environment = Environment(loader=PackageLoader("offchain.simulation"), autoescape=True)
    environment.filters["tokens"] = _tokens(result)
    return environment.get_template("report.html").render(
        result=result,
        figures=figures,
        colours=COLOURS,
        accuracy=result["rounds"][-1]["accuracy"],
        removed=[
            [t["name"] for t, kept in zip(result["trainers"], r["kept"], strict=True) if not kept]
            for r in result["rounds"]
        ],
    )


def _tokens(result: dict[str, Any]) -> Callable[[str], str]:
    reward = int(result["options"]["round_reward"])
    return lambda amount: shown(amount, result["decimals"], reward)


def _draw(result: dict[str, Any], plot: Callable[[Axes, dict[str, Any]], None], wide: bool = False) -> Markup:
    """A figure as inline SVG."""
    with matplotlib.rc_context({"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10}):
        figure = Figure(figsize=(9.0 if wide else 5.6, 3.4), layout="constrained")
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        plot(axes, result)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    svg = out.getvalue()
    return Markup(svg[svg.index("<svg") :])  # drawn here; text in it is escaped by matplotlib


def _numbers(result: dict[str, Any]) -> list[int]:
    return [r["number"] + 1 for r in result["rounds"]]


def _accuracy(axes: Axes, result: dict[str, Any]) -> None:
    rounds = [0, *_numbers(result)]
    values = [100 * a for a in (result["accuracy_before"], *(r["accuracy"] for r in result["rounds"]))]
    axes.plot(rounds, values, marker="o", color=COLOURS["honest"])
    for x, y in zip(rounds, values, strict=True):
        axes.annotate(f"{y:.1f}", (x, y), textcoords="offset points", xytext=(0, 6), ha="center", fontsize=9)
    axes.set(xlabel="round", ylabel="accuracy, %", ylim=(0, 108), xticks=rounds)


def _contributions(axes: Axes, result: dict[str, Any]) -> None:
    trainers, rounds = result["trainers"], result["rounds"]
    width = 0.8 / len(rounds)
    for k, r in enumerate(rounds):
        total = sum(map(int, r["contributions"])) or 1
        shares = [100 * int(c) / total for c in r["contributions"]]
        places = [i + (k - (len(rounds) - 1) / 2) * width for i in range(len(trainers))]
        axes.bar(
            places,
            shares,
            width * 0.9,
            color=[COLOURS[t["role"]] for t in trainers],
            alpha=0.45 + 0.55 * (k + 1) / len(rounds),
        )
    axes.set_xticks(range(len(trainers)), [f"{t['name']}\n{t['role']}" for t in trainers], fontsize=8)
    axes.set(ylabel="share, %")
    axes.axhline(100 / len(trainers), color="black", linewidth=0.7, linestyle=":")
    axes.annotate("equal share", (len(trainers) - 0.5, 100 / len(trainers)), ha="left", va="center", fontsize=8)


def _pay(axes: Axes, result: dict[str, Any]) -> None:
    trainers = result["trainers"]
    bars = axes.barh(
        [f"{t['name']} ({t['role']})" for t in trainers],
        [float(Decimal(t["paid"]).scaleb(-result["decimals"])) for t in trainers],
        color=[COLOURS[t["role"]] for t in trainers],
    )
    axes.bar_label(bars, labels=[_tokens(result)(t["paid"]) for t in trainers], padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.set(xlabel="tokens")


def _gas(axes: Axes, result: dict[str, Any]) -> None:
    rounds = _numbers(result)
    bottom = [0.0] * len(rounds)
    for call, colour in (("submit", "#7fb7a3"), ("deliver", "#2a7f62"), ("settle", "#22395b")):
        count = 1 if call == "settle" else len(result["trainers"])
        values = [count * r["gas"][call] / 1e6 for r in result["rounds"]]
        axes.bar(
            rounds, values, bottom=bottom, color=colour, width=0.6, label=call if count == 1 else f"{count} x {call}"
        )
        bottom = [b + v for b, v in zip(bottom, values, strict=True)]
    axes.set(xlabel="round", ylabel="million gas", xticks=rounds, ylim=(0, 1.35 * max(bottom)))
    axes.legend(frameon=False, ncols=3, fontsize=8, loc="upper center")

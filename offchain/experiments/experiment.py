"""What an experiment is: cells to measure, and what its results show in tables and a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from offchain.experiments.federation import Setup
from offchain.experiments.runner import Cell
from offchain.training.registry import make_task
from offchain.training.task import Task

__all__ = ["Experiment", "Results", "Table", "pairs", "setup", "where"]

Results = Sequence[dict[str, Any]]  # {"cell": ..., "result": ...}


@dataclass(frozen=True)
class Table:
    """Text cells; numbers are formatted already."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Experiment:
    """`cells(seeds)` lists what is measured, `measure` does one, in a process of its own; the rest reads results."""

    name: str
    question: str
    cells: Callable[[int], list[dict[str, Any]]]
    measure: Callable[[Cell], dict[str, Any]]
    tables: Callable[[Results], list[Table]]
    figure: Callable[[Results, Figure], None]
    seeds: int = 20
    size: tuple[float, float] = field(default=(9.0, 4.0))  # of the figure, in inches


def setup(task: str | Task = "digits", **options: Any) -> Setup:
    """A project on a task, by name or as it is."""
    made = make_task(task) if isinstance(task, str) else task
    return Setup(made, made.load(), **options)


def where(results: Results, **wanted: Any) -> list[dict[str, Any]]:
    """The results of the cells that have these parameters, in order."""
    return [entry["result"] for entry in _found(results, wanted)]


def pairs(results: Results, one: dict[str, Any], other: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The results of the cells of two kinds, side by side, a pair for each seed; in order of the first kind.

    Results lie in the order in which they were measured, which differs from kind to kind. Raises ValueError unless both
    kinds have each seed once.
    """
    first, second = _found(results, one), _found(results, other)
    by_seed = {entry["cell"]["seed"]: entry["result"] for entry in second}
    seeds = [entry["cell"]["seed"] for entry in first]
    if sorted(seeds) != sorted(entry["cell"]["seed"] for entry in second) or len(by_seed) != len(seeds):
        raise ValueError(f"{one} and {other} weren't measured with the same seeds, each once")
    return [(entry["result"], by_seed[entry["cell"]["seed"]]) for entry in first]


def _found(results: Results, wanted: dict[str, Any]) -> Results:
    return [entry for entry in results if all(entry["cell"].get(name) == value for name, value in wanted.items())]

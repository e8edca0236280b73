"""Every experiment: a cell is measured, and a whole set of such results becomes a section and a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from offchain.experiments.catalogue import EXPERIMENTS
from offchain.experiments.experiment import Table, setup, where
from offchain.experiments.federation import Setup
from offchain.experiments.report import draw, markdown, section

# by experiment: a cell of each kind
CELLS: dict[str, list[dict[str, Any]]] = {
    "fairness": [{"setting": "size", "trainers": 5, "seed": 0}],
    "robustness": [{"rule": "consensus", "attack": "sign-flip", "hostile": 3, "seed": 0}],
    "manipulation": [
        {"rule": "consensus", "setting": "same", "seed": 0, "attack": "copies", "seats": 5, "split": True}
    ],
    "stability": [{"setting": "size", "pay": "consensus", "seed": 0}],
    "quantisation": [{"task": "wine", "seed": 0}],
    "rate": [{"setting": "same", "rate": 0.3, "floor": 0.0, "seed": 0}],
    "reference": [
        {"setting": "label-noise", "root": 30, "seed": 0},
        {"attack": "ipm", "hostile": 3, "rule": "with a reference", "seed": 0},
    ],
    "cost": [{"setting": "size", "seed": 0}],
}


def small_setup(task: str = "wine", **options: Any) -> Setup:
    return setup("wine", **({"rounds": 2, "epochs": 1} | options))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_section__results_of_all_cells__has_the_command_and_each_table(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = EXPERIMENTS[name]
    monkeypatch.setattr(f"{experiment.measure.__module__}.setup", small_setup)
    cells = experiment.cells(2)
    assert all(cell in cells for cell in CELLS[name])
    measured = {tuple(cell): experiment.measure(cell) for cell in CELLS[name]}
    one = next(iter(measured.values()))
    results = [
        {"cell": cell, "result": measured.get(tuple(cell), one)} for cell in cells
    ]  # it stands for all of its kind

    text = section(experiment, results, "What it means.", "figures")
    draw(experiment, results, tmp_path / "figure.svg")

    assert f"    ape run experiment {name} --seeds 2\n\nWhat it means.\n" in text
    tables = experiment.tables(results)
    assert tables
    assert all(len(row) == len(table.columns) for table in tables for row in table.rows)
    assert all(f"**{table.title}**" in text for table in tables)
    first = (tmp_path / "figure.svg").read_bytes()
    assert b"<svg" in first
    draw(experiment, results, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == first


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_cells__more_seeds__repeat_nothing_and_keep_the_others(name: str) -> None:
    experiment = EXPERIMENTS[name]
    few, more = ([str(sorted(cell.items(), key=str)) for cell in experiment.cells(n)] for n in (1, 2))

    assert len(set(more)) == len(more) == 2 * len(few)
    assert set(few) < set(more)


def test_markdown__table__one_line_a_row() -> None:
    table = Table("Sizes", ["name", "size"], [["a", "1"], ["b", "2"]])
    assert markdown(table) == "**Sizes**\n\n| name | size |\n| --- | --- |\n| a | 1 |\n| b | 2 |"


def test_where__parameters__finds_the_cells_that_have_all_of_them() -> None:
    results: list[dict[str, Any]] = [
        {"cell": {"a": 1, "b": 1}, "result": {"x": 1}},
        {"cell": {"a": 1, "b": 2}, "result": {"x": 2}},
        {"cell": {"a": 2, "b": 2}, "result": {"x": 3}},
    ]
    assert where(results, a=1, b=2) == [{"x": 2}]
    assert where(results, a=1) == [{"x": 1}, {"x": 2}]

"""Every experiment: a cell is measured, and a whole set of such results becomes a section and a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from offchain.experiments.catalogue import EXPERIMENTS
from offchain.experiments.experiment import Table, pairs, setup, where
from offchain.experiments.federation import Setup
from offchain.experiments.manipulation import WideDigits
from offchain.experiments.report import draw, markdown, section
from offchain.training.local import initial_model
from offchain.training.task import Task

# by experiment: a cell of each kind
CELLS: dict[str, list[dict[str, Any]]] = {
    "fairness": [{"what": what, "setting": "size", "trainers": 5, "seed": 0} for what in ("exact", "pay")],
    "robustness": [{"rule": "consensus", "attack": "sign-flip", "hostile": 3, "seed": 0}],
    "manipulation": [
        {"what": what, "rule": "consensus", "setting": "same", "seed": 0, "attack": attack, "seats": seats}
        for what, attack, seats in (
            ("pay", "adaptive", 3),
            ("free", "ring", 3),
            ("wide", "cube", 1),
            ("wide", None, 3),
            ("split", "copies", 5),
        )
    ],
    "shown": [{"setting": "same", "attack": "repeat-first", "seed": 0}],
    "ablation": [{"setting": "same", "variant": "chance", "attack": "masked", "seats": 1, "seed": 0}],
    "stability": [{"setting": "size", "pay": "consensus", "seed": 0}],
    "quantisation": [{"task": "wine", "seed": 0}],
    "buffers": [{"norm": "first", "inputs": "0 to 255", "statistics": "shared", "setting": "same", "seed": 0}],
    "rate": [{"setting": "same", "rate": 0.3, "floor": 0.0, "seed": 0}],
    "reference": [
        {"setting": "label-noise", "root": 30, "seed": 0},
        {"attack": "ipm", "hostile": 3, "rule": "with a reference", "seed": 0},
    ],
    "cost": [{"setting": "size", "seed": 0}],
}


def small_setup(task: str | Task = "wine", **options: Any) -> Setup:
    return setup("wine", **({"epochs": 1} | options | {"rounds": 2}))


def kind(cell: dict[str, Any]) -> tuple[str, ...]:
    return (*cell, cell.get("what", ""))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_section__results_of_all_cells__has_the_command_and_each_table(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = EXPERIMENTS[name]
    monkeypatch.setattr(f"{experiment.measure.__module__}.setup", small_setup)
    cells = experiment.cells(2)
    assert all(cell in cells for cell in CELLS[name])
    measured = {kind(cell): experiment.measure(cell) for cell in CELLS[name]}
    one = next(iter(measured.values()))
    results = [{"cell": cell, "result": measured.get(kind(cell), one)} for cell in cells]  # it stands for all of a kind

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


def test_pairs__measured_in_another_order__are_of_the_same_seed() -> None:
    order = [("a", 0), ("b", 2), ("a", 1), ("b", 0), ("a", 2), ("b", 1)]
    results: list[dict[str, Any]] = [
        {"cell": {"rule": name, "seed": seed}, "result": {name: seed}} for name, seed in order
    ]

    assert pairs(results, {"rule": "a"}, {"rule": "b"}) == [({"a": seed}, {"b": seed}) for seed in range(3)]
    assert pairs(results, {"rule": "b"}, {"rule": "a"}) == [({"b": seed}, {"a": seed}) for seed in (2, 0, 1)]


@pytest.mark.parametrize("seeds", [[0], [0, 2], [0, 1, 1]])
def test_pairs__other_seeds__raises(seeds: list[int]) -> None:
    results: list[dict[str, Any]] = [{"cell": {"rule": "a", "seed": seed}, "result": {}} for seed in (0, 1)]
    results += [{"cell": {"rule": "b", "seed": seed}, "result": {}} for seed in seeds]

    with pytest.raises(ValueError, match="the same seeds"):
        pairs(results, {"rule": "a"}, {"rule": "b"})


def test_pairs__a_seed_twice_in_both__raises() -> None:
    results: list[dict[str, Any]] = [{"cell": {"rule": name, "seed": 0}, "result": {}} for name in ("a", "b")] * 2

    with pytest.raises(ValueError, match="each once"):
        pairs(results, {"rule": "a"}, {"rule": "b"})


def test_wide_digits__its_model__has_19210_parameters() -> None:
    assert initial_model(setup(WideDigits()).task, 0).size == 19_210

"""Cells are measured once, kept at once, and what was stopped goes on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from offchain.experiments.runner import Cell, load, run


def _square(cell: Cell) -> dict[str, Any]:
    return {"square": cell["x"] ** 2}


def _fails_at_three(cell: Cell) -> dict[str, Any]:
    if cell["x"] == 3:
        raise ValueError("three")
    return _square(cell)


def test_run__some_cells_known__measures_the_others_alone(tmp_path: Path) -> None:
    file = tmp_path / "squares.jsonl"
    file.write_text('{"cell": {"x": 2}, "result": {"square": -1}}\n')

    results = run("squares", [{"x": 1}, {"x": 2}], _square, file, workers=1)

    assert results == [{"cell": {"x": 1}, "result": {"square": 1}}, {"cell": {"x": 2}, "result": {"square": -1}}]
    assert load(file) == [results[1], results[0]]


def test_run__a_cell_fails__raises_and_keeps_what_was_measured(tmp_path: Path) -> None:
    file = tmp_path / "squares.jsonl"

    with pytest.raises(ValueError, match="three"):
        run("squares", [{"x": 1}, {"x": 3}, {"x": 4}], _fails_at_three, file, workers=1)

    assert {"cell": {"x": 1}, "result": {"square": 1}} in load(file)
    assert all(entry["cell"]["x"] != 3 for entry in load(file))


def test_load__last_line_cut_off__leaves_it_out_and_cuts_it_off(tmp_path: Path) -> None:
    file = tmp_path / "squares.jsonl"
    file.write_text('{"cell": {"x": 1}, "result": {}}\n{"cell": {"x"')

    assert load(file) == [{"cell": {"x": 1}, "result": {}}]
    assert file.read_text().endswith("}\n")


def test_load__no_file__nothing(tmp_path: Path) -> None:
    assert load(tmp_path / "none.jsonl") == []


def test_run__project_folder_not_on_the_path__processes_find_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `ape run` leaves the path once a script is loaded."""
    root = str(Path(__file__).resolve().parents[3])
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", root)])
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)

    results = run("squares", [{"x": 3}], _square, tmp_path / "squares.jsonl", workers=1)

    assert results[0]["result"] == {"square": 9}

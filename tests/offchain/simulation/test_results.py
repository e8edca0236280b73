"""What a run leaves: whole, after every round, and never in the place of an earlier run's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from offchain.simulation import report
from offchain.simulation.results import Results, ResultsError, move_aside, own_folder


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Results that a report was drawn of; drawing takes no time."""
    seen: list[Any] = []
    monkeypatch.setattr(report, "render", lambda result: seen.append(result) or f"page {len(seen)}")
    return seen


def test_results__written_twice__files_are_of_the_newer(tmp_path: Path, drawn: list[Any]) -> None:
    results = Results(tmp_path)
    results.write({"n": 1})
    results.write({"n": 2})
    assert json.loads((tmp_path / "result.json").read_text()) == {"n": 2}
    assert (tmp_path / "report.html").read_text() == f"page {len(drawn)}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "result.json"]
    assert str(results) == f"{tmp_path}/result.json and {tmp_path}/report.html"


def test_results__drawing_takes_long__a_round_leaves_the_report_and_the_last_one_does_not(
    tmp_path: Path, drawn: list[Any]
) -> None:
    results = Results(tmp_path)
    results.write({"n": 1})
    results._drawing = 3_600
    results.write({"n": 2})
    assert drawn == [{"n": 1}]
    assert json.loads((tmp_path / "result.json").read_text()) == {"n": 2}
    results.write({"n": 3}, last=True)
    assert drawn == [{"n": 1}, {"n": 3}]


def test_results__of_an_earlier_run__are_kept_and_said(tmp_path: Path, drawn: list[Any]) -> None:
    for n in (1, 2, 3):
        results = Results(tmp_path)
        results.write({"n": n})
    kept = {path.parent.name: json.loads(path.read_text())["n"] for path in tmp_path.rglob("result.json")}
    assert kept == {"earlier-1": 1, "earlier-2": 2, tmp_path.name: 3}
    assert (tmp_path / "earlier-2" / "report.html").read_text() == "page 2"
    assert str(results).endswith(f"; what was there before is in {tmp_path}/earlier-2")


def test_results__disk_is_full__says_where(tmp_path: Path, drawn: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("offchain.simulation.results.written_whole", full)
    with pytest.raises(ResultsError, match=f"can't write to {tmp_path}: No space left on device"):
        Results(tmp_path).write({"n": 1})


def test_move_aside__what_is_not_the_runs__stays(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "block").write_text("old")
    assert move_aside(tmp_path, ("result.json", "store")) == tmp_path / "earlier-1"
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "earlier-1" / "store" / "block").read_text() == "old"
    assert not (tmp_path / "store").exists()
    assert move_aside(tmp_path, ("result.json", "store")) is None


def test_own_folder__two_runs__the_second_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with own_folder(tmp_path / "runs"), pytest.raises(ResultsError, match="another run is using"):
        own_folder(tmp_path / "runs").__enter__()
    with own_folder(tmp_path / "runs"):
        pass
    assert list((tmp_path / "runs").iterdir()) == []


def test_own_folder__error_inside__is_not_its_own(tmp_path: Path) -> None:
    with pytest.raises(BlockingIOError, match="something else"), own_folder(tmp_path):
        raise BlockingIOError("something else")


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_own_folder__not_to_be_made__says_so_and_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ResultsError, match=f"can't write to {tmp_path}/{name}: .*Give --out another folder"),
        own_folder(tmp_path / name),
    ):
        pass

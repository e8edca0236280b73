"""The command that plays a market: what it leaves when it is stopped, and its tables at 80 columns."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from rich.console import Console

from offchain.market.errors import MarketError
from offchain.simulation.market import RoundResult
from offchain.simulation.options import MAX_TRAINERS, MarketOptions
from offchain.simulation.results import Results
from scripts.simulate import one_line, payout_table, play, round_table

NODE = SimpleNamespace(web3=SimpleNamespace(is_connected=lambda: True))
GONE = SimpleNamespace(web3=SimpleNamespace(is_connected=lambda: False))
MOST = 2**96 - 1  # the largest reward of a round


class Played:
    """A market without a chain, in which something happens in place of a round. Nobody trains."""

    def __init__(self, happens: BaseException | None = None, after: int = 2, rounds: int = 4, **options: Any) -> None:
        self.options = MarketOptions(rounds=rounds, **options)
        self.happens, self.after = happens, after
        self.project = SimpleNamespace(address="0x" + "ab" * 20, terms=SimpleNamespace(funds=10**21))
        self.stage = SimpleNamespace(money=SimpleNamespace(decimals=18))
        self.task = SimpleNamespace(notes=list)
        self.trainers = [SimpleNamespace(role="flip-labels") for _ in range(self.options.trainers)]
        self.rounds: list[RoundResult] = []
        self.accuracy_before = 0.1

    def open(self) -> None:
        if self.happens and not self.after:
            raise self.happens

    def play_round(self) -> RoundResult:
        if self.happens and len(self.rounds) == self.after:
            raise self.happens
        n = self.options.trainers
        gas = {"submit": 57_649, "deliver": 48_035, "settle": 2_931_846}
        reward = self.options.round_reward
        result = RoundResult(len(self.rounds), 0.5, 0.3, 0.9, [True] * n, [1] * n, [reward] * n, [0] * n, 0.1, gas)
        self.rounds.append(result)
        return result

    def so_far(self) -> dict[str, Any]:
        trainers = [
            {"name": f"trainer-{i + 1}", "role": t.role, "rows": 9, "paid": "5", "stake_returned": "0"}
            for i, t in enumerate(self.trainers)
        ]
        return {
            "finished": False,
            "project": self.project.address,
            "token": "0x" + "cd" * 20,
            "decimals": 18,
            "options": {"round_reward": "1000", "rounds": self.options.rounds, "task": "wine", "rule": "none"},
            "dimension": 275,
            "reward": "4000",
            "accuracy_before": self.accuracy_before,
            "trainers": trainers,
            "rounds": [result.as_json() for result in self.rounds],
        }

    def close(self) -> dict[str, Any]:
        if self.happens and len(self.rounds) == self.options.rounds:
            raise self.happens
        amounts = {"refunded": "1", "aggregator_fees": "2", "sunk": "3", "left_in_escrow": "3"}
        return self.so_far() | amounts | {"finished": True}


def run(market: Any, folder: Path, node: Any = NODE) -> str:
    console = Console(file=StringIO(), width=80)
    play(market, Results(folder), console, node)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_play__to_the_end__result_and_report_say_finished(tmp_path: Path) -> None:
    printed = run(Played(), tmp_path)
    assert json.loads((tmp_path / "result.json").read_text())["finished"] is True
    assert "not played to its end" not in (tmp_path / "report.html").read_text()
    assert f"Results: {tmp_path}/result.json and {tmp_path}/report.html" in printed


def test_play__ctrl_c__what_was_played_is_there_and_exit_code_130(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(click.exceptions.Exit) as ended:
        run(Played(KeyboardInterrupt()), tmp_path)
    assert ended.value.exit_code == 130
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["finished"], len(result["rounds"])) == (False, 2)
    assert "after round 2\nof 4" in (tmp_path / "report.html").read_text()
    said = f"Stopped after round 2 of 4; what was played is in {tmp_path}/result.json and {tmp_path}/report.html"
    assert capsys.readouterr().err.strip() == said


def test_play__node_dies__says_so_and_where_results_are(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException) as error:
        run(Played(ConnectionResetError(104, "reset by peer"), after=3), tmp_path, GONE)
    first, second = error.value.message.splitlines()
    assert first.startswith("the development chain has ended")
    assert second.startswith(f"Stopped after round 3 of 4; what was played is in {tmp_path}/result.json")
    assert len(json.loads((tmp_path / "result.json").read_text())["rounds"]) == 3


def test_play__node_dies_before_the_first_round__says_that_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="before the first round was played: there are no results"):
        run(Played(ConnectionResetError(104, "reset by peer"), after=0), tmp_path, GONE)
    assert not list(tmp_path.iterdir())


def test_play__handover_fails__all_rounds_are_there_and_not_finished(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="handover failed\nStopped after the last round, before the hand"):
        run(Played(MarketError("handover failed"), after=4), tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["finished"], len(result["rounds"])) == (False, 4)


def test_play__killed_between_two_rounds__result_is_of_the_last_one(tmp_path: Path) -> None:
    """As the system does when memory runs out: nothing is written after that."""
    with pytest.raises(SystemExit):
        run(Played(SystemExit(), after=2), tmp_path)
    assert len(json.loads((tmp_path / "result.json").read_text())["rounds"]) == 2
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize("reward", [3, 10**21, MOST])
def test_tables__80_columns_and_any_amount__nothing_is_cut(tmp_path: Path, reward: int) -> None:
    market: Any = Played(trainers=MAX_TRAINERS, rule="none", byzantine=0, rounds=64, round_reward=max(reward, 32))
    result = market.play_round()
    paid = str(64 * MOST)
    ended = market.close() | {"refunded": paid, "aggregator_fees": paid, "sunk": paid, "left_in_escrow": paid}
    ended["trainers"][0] |= {"paid": paid, "stake_returned": paid}
    console = Console(file=StringIO(), width=80)
    console.print(round_table(market, result, console.width))
    console.print(payout_table(market, ended, console.width))
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert "flip-labels" in printed


def test_one_line__os_error__names_the_file() -> None:
    assert one_line(PermissionError(13, "Permission denied", "runs/x")) == "runs/x: Permission denied"
    assert one_line(OSError(28, "No space left on device")) == "No space left on device"
    assert one_line(ValueError("two\n  lines")) == "two lines"
    assert one_line(ValueError()) == "ValueError"

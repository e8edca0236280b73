"""Peers: an answer must be the same, and a missing one is named with how to get it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from offchain.bench import compare
from offchain.bench.case import Case
from offchain.bench.compare import PEERS, measure_against
from offchain.bench.errors import BenchError
from offchain.bench.peers.base import Peer
from offchain.bench.peers.zksnake import POINTS, Zksnake
from offchain.bench.stages import answer, write_points
from scripts.bench import cli

needs_zksnake = pytest.mark.skipif(find_spec("zksnake") is None, reason="`make peers` installs zksnake")
needs_ezkl = pytest.mark.skipif(PEERS["ezkl"].missing() is not None, reason="`make peers` installs ezkl")


class Slower(Peer):
    """Takes twice the CPU time and four times as long as Meed took at `figures`."""

    name = "slower"
    stages = ("gram",)
    figures: dict[str, Any]

    def missing(self) -> None:
        return None

    def measure(self, case: Case, folder: Path, answer: Any, threads: int | None) -> dict[str, Any]:
        return {"cpu_s": 2 * self.figures["cpu_s"], "wall_s": 4 * self.figures["wall_s"]}


def test_measure_against__peer_takes_longer__ratios_above_one(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Slower()
    monkeypatch.setitem(PEERS, "slower", peer)
    lines = measure_against(Case("gram", 3, 50), "slower")
    peer.figures = next(lines)
    _, ratios = lines
    assert ratios == {"stage": "gram", "peer": "slower", "cpu_ratio": 2, "wall_ratio": 4}


@pytest.mark.parametrize(("name", "stage"), [("zksnake", "msm"), ("ezkl", "prove"), ("snarkjs", "prove")])
def test_measure_against__not_installed__says_how(monkeypatch: pytest.MonkeyPatch, name: str, stage: str) -> None:
    monkeypatch.setenv("PATH", "")
    for module in (compare.Zksnake, compare.Ezkl):
        monkeypatch.setattr(f"{module.__module__}.find_spec", lambda package: None)
    with pytest.raises(BenchError, match=f"{name}.*`make peers`"):
        next(measure_against(Case(stage, 3, 50), name))


def test_measure_against__stage_that_a_peer_lacks__names_those_it_has() -> None:
    with pytest.raises(BenchError, match="ezkl is compared on prove; it has nothing like msm"):
        next(measure_against(Case("msm", 1, 50), "ezkl"))


def test_bench__unknown_peer__names_the_known() -> None:
    result = CliRunner().invoke(cli, ["msm", "--against", "nobody"])
    assert result.exit_code == 2
    assert "'nobody' is not one of 'zksnake', 'ezkl', 'snarkjs'" in result.output


def test_bench__peer_lacks_the_stage__one_line() -> None:
    result = CliRunner().invoke(cli, ["gram", "--against", "snarkjs"])
    assert result.exit_code == 1
    assert result.output == "Error: snarkjs is compared on prove; it has nothing like gram\n"


@needs_zksnake
@pytest.mark.parametrize(
    "case", [Case("msm", 1, 50), Case("msm", 1, 50, "int16"), Case("commit", 1, 50), Case("transform", 1, 50)]
)
def test_zksnake__same_inputs__same_answer(case: Case, tmp_path: Path) -> None:
    write_points(case, tmp_path / POINTS)
    figures = Zksnake().measure(case, tmp_path, answer(case), threads=1)
    assert figures["threads"] == 1
    assert figures["cpu_s"] > 0


@needs_zksnake
@pytest.mark.parametrize(("stage", "wrong"), [("msm", [1, 2]), ("transform", "00")])
def test_zksnake__another_answer__error(stage: str, wrong: Any, tmp_path: Path) -> None:
    case = Case(stage, 1, 50)
    write_points(case, tmp_path / POINTS)
    with pytest.raises(BenchError, match="than Meed"):
        Zksnake().measure(case, tmp_path, wrong, threads=1)


@needs_ezkl
def test_measure_against__ezkl__proves_the_same_matrix() -> None:
    ours, theirs, ratios = measure_against(Case("prove", 2, 48), "ezkl")
    assert theirs["peer"] == "ezkl"
    assert ratios["cpu_ratio"] == pytest.approx(theirs["cpu_s"] / ours["cpu_s"], rel=1e-3)

"""A stage's figures, alone or against a peer's on the same statement in the same call."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from offchain.bench.case import Case
from offchain.bench.child import call
from offchain.bench.errors import BenchError
from offchain.bench.meter import figure
from offchain.bench.peers.base import Peer
from offchain.bench.peers.ezkl import Ezkl
from offchain.bench.peers.snarkjs import Snarkjs
from offchain.bench.peers.zksnake import POINTS, Zksnake

__all__ = ["PEERS", "measure_against", "measure_stage"]

_STAGES = "offchain.bench.stages"
PEERS: dict[str, Peer] = {peer.name: peer for peer in (Zksnake(), Ezkl(), Snarkjs())}


def measure_stage(case: Case, threads: int | None = None) -> dict[str, Any]:
    """Figures of a case in a process of its own. Raises BenchError."""
    figures: dict[str, Any] = call(_STAGES, {"case": asdict(case)}, threads)["figures"]
    return figures


def measure_against(case: Case, peer_name: str, threads: int | None = None) -> Iterator[dict[str, Any]]:
    """Meed's figures, the peer's, and how many times more CPU and wall time the peer takes.

    Raises BenchError if the peer isn't installed, has no such stage, or gets another result.
    """
    peer = PEERS[peer_name]
    if case.stage not in peer.stages:
        raise BenchError(f"{peer_name} is compared on {', '.join(peer.stages)}; it has nothing like {case.stage}")
    if missing := peer.missing():
        raise BenchError(missing)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job: dict[str, Any] = {"case": asdict(case)}
        if peer.needs_answer:
            job["answer"] = True
            if case.stage != "transform":
                job["points"] = str(folder / POINTS)
        reply = call(_STAGES, job, threads)
        ours = reply["figures"]
        yield ours
        theirs = peer.measure(case, folder, reply.get("answer"), threads)
        yield theirs
    ratios = {kind: figure(theirs[f"{kind}_s"] / ours[f"{kind}_s"]) for kind in ("cpu", "wall")}
    if "conversion_cpu_s" in theirs:
        ratios["cpu_without_conversion"] = figure((theirs["cpu_s"] - theirs["conversion_cpu_s"]) / ours["cpu_s"])
    yield {"stage": case.stage, "peer": peer.name} | {f"{kind}_ratio": value for kind, value in ratios.items()}

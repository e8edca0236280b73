"""zksnake: a Python library over arkworks, the usual elliptic curve library in Rust.

It takes Python integers, so each call converts them first. `conversion_cpu_s` says how much that is, as far as it can
be told apart: the cost of the same call with zero scalars.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from offchain.bench.case import Case, random_scalars, random_tails, random_updates
from offchain.bench.child import call, say, serve, threads_of_libraries
from offchain.bench.errors import BenchError
from offchain.bench.meter import peak_mb, timed
from offchain.bench.peers.base import Peer
from offchain.proving.parameters import P

__all__ = ["POINTS", "Zksnake"]

POINTS = "points.npy"


class Zksnake(Peer):
    """Multi-scalar multiplications and transforms of arkworks."""

    name = "zksnake"
    stages = ("commit", "msm", "transform")
    needs_answer = True

    def missing(self) -> str | None:
        return (
            None if find_spec("zksnake") else "zksnake is not installed: `make peers` does it, or pip install zksnake"
        )

    def measure(self, case: Case, folder: Path, answer: Any, threads: int | None) -> dict[str, Any]:
        if case.stage != "transform":
            say(f"zksnake checks {case.dimension:,} points first: about {case.dimension / 10_000:.0f} s")
        return call(__name__, {"case": asdict(case), "folder": str(folder), "answer": answer}, threads)


def _scalars(case: Case) -> list[int]:
    """The integers that Meed's stage takes, modulo P."""
    if case.stage == "commit":
        return [int(value) % P for value in random_updates(1, case.dimension)[0]] + random_tails(1)[0]
    if case.stage == "msm" and case.scalars == "int16":
        return [int(value) % P for value in random_updates(1, case.dimension)[0]]
    data = random_scalars(case.dimension).astype("<u8").tobytes()
    return [int.from_bytes(data[k : k + 32], "little") for k in range(0, len(data), 32)]


def _serve(job: dict[str, Any]) -> dict[str, Any]:
    case = Case(**job["case"])
    scalars = _scalars(case)
    if case.stage == "transform":
        figures = _transform(case, scalars, job["answer"])
    else:
        figures = _multiply(case, scalars, Path(job["folder"]) / POINTS, job["answer"])
    return {
        "stage": case.stage,
        "peer": "zksnake",
        "version": metadata.version("zksnake"),
        "rows": case.rows,
        "dimension": case.dimension,
        "threads": threads_of_libraries(),
        **figures,
        "peak_mb": peak_mb(),
        "includes": "conversion from and to Python integers",
        "excludes": "making points and integers",
    }


def _multiply(case: Case, scalars: list[int], path: Path, answer: list[int]) -> dict[str, float]:
    from zksnake.ecc import EllipticCurve

    curve = EllipticCurve("BN254")
    points = [
        curve(int.from_bytes(row[:32], "big"), int.from_bytes(row[32:], "big")) for row in map(bytes, np.load(path))
    ]
    result = curve.multiexp(points, scalars)  # also the run before the measured ones
    if [int(result.x), int(result.y)] != answer:
        raise BenchError("zksnake gets another point than Meed")
    figures = timed(lambda: curve.multiexp(points, scalars), case.repeat)
    zeros = [0] * len(scalars)
    return {**figures, "conversion_cpu_s": timed(lambda: curve.multiexp(points, zeros), case.repeat)["cpu_s"]}


def _transform(case: Case, values: list[int], answer: str) -> dict[str, float]:
    from zksnake.polynomial import fft

    result = b"".join(int(value).to_bytes(32, "little") for value in fft(values, P))
    if hashlib.sha256(result).hexdigest() != answer:
        raise BenchError("zksnake's transform has other values than Meed's")
    return timed(lambda: fft(values, P), case.repeat)


if __name__ == "__main__":
    serve(_serve)

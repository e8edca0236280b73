"""circom and snarkjs: Groth16 in JavaScript and WebAssembly.

The circuit multiplies the Gram matrix out: n (n + 1) / 2 products of d entries, private inputs, public matrix. Unlike
Meed's statement it binds the rows to no commitments. Groth16 needs a set-up for each circuit; the one here is made
locally, insecure, and kept in Meed's cache by shape. Its powers of tau come from `powers`, which spares the hours that
snarkjs's own ceremony takes from some 100,000 products on.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from offchain.bench.case import Case, random_updates
from offchain.bench.child import call, say, serve
from offchain.bench.errors import BenchError
from offchain.bench.meter import figure
from offchain.bench.peers.base import Peer
from offchain.proving.cache import cache_folder
from offchain.proving.parameters import P

__all__ = ["Snarkjs"]

_CIRCUIT = Path(__file__).with_name("gram.circom")
_STATEMENT = "X X^T = G over the field, X private, G public; unlike Meed's it binds X to no commitments"
_SETUP_S = 1.5e-3  # wall seconds of set-up for each row of the circuit, on two cores


class Snarkjs(Peer):
    """The proof of a Gram matrix. snarkjs starts a thread for each core, however many are asked for."""

    name = "snarkjs"
    stages = ("prove",)

    def missing(self) -> str | None:
        if shutil.which("snarkjs") is None or shutil.which("circom2") is None:
            return (
                "snarkjs and circom2 are not installed, or not on PATH: `make peers` does it, or npm install --no-save "
                "snarkjs circom2, with node_modules/.bin on PATH"
            )
        if find_spec("zksnake") is None:
            return "snarkjs needs zksnake for its set-up: `make peers` installs it, or pip install zksnake"
        return None

    def measure(self, case: Case, folder: Path, answer: Any, threads: int | None) -> dict[str, Any]:
        job = {"case": asdict(case), "folder": str(folder)}
        prepared = call(__name__, job | {"step": "prepare"})
        return call(__name__, job | prepared | {"step": "prove"})


def _serve(job: dict[str, Any]) -> dict[str, Any]:
    case = Case(**job["case"])
    if job["step"] == "prepare":
        version = _version()
        keys, setup_s = _keys(case, cache_folder() / "peers" / f"snarkjs-{version}")
        return {"version": version, "keys": str(keys), "setup_s": figure(setup_s)}
    return _prove(case, job)


def _prove(case: Case, job: dict[str, Any]) -> dict[str, Any]:
    folder, keys = Path(job["folder"]), Path(job["keys"])
    updates = random_updates(case.rows, case.dimension).astype(np.int64)
    rows = [[str(value % P) for value in row] for row in updates.tolist()]
    (folder / "input.json").write_text(json.dumps({"x": rows}))
    say("snarkjs computes the witness, then proves")
    program = keys / "gram_js" / "gram.wasm"
    witness = _run(folder, "snarkjs", "wtns", "calculate", program, "input.json", "witness.wtns")
    prove = ("snarkjs", "groth16", "prove", keys / "gram.zkey", "witness.wtns", "proof.json", "public.json")
    proofs = [_run(folder, *prove) for _ in range(case.repeat)]
    _run(folder, "snarkjs", "groth16", "verify", keys / "key.json", "public.json", "proof.json")
    expected = [int(value) % P for value in (updates @ updates.T)[np.triu_indices(case.rows)]]
    if [int(value) for value in json.loads((folder / "public.json").read_text())] != expected:
        raise BenchError("snarkjs's matrix is not the Gram matrix")
    return {
        "stage": case.stage,
        "peer": "snarkjs",
        "version": job["version"],
        "rows": case.rows,
        "dimension": case.dimension,
        "threads": os.cpu_count(),
        "wall_s": figure(statistics.median(proof["wall_s"] for proof in proofs)),
        "cpu_s": figure(statistics.median(proof["cpu_s"] for proof in proofs)),
        "peak_mb": max(proof["peak_mb"] for proof in proofs),
        "statement": _STATEMENT,
        "includes": "starting node, reading the keys",
        "excludes": "set-up (setup_s, in a quicker way than snarkjs's), witness (witness_s, witness_cpu_s)",
        "setup_s": job["setup_s"],
        "witness_s": witness["wall_s"],
        "witness_cpu_s": witness["cpu_s"],
    }


def _version() -> str:
    """snarkjs says it in the first line of its help, and ends with an error code."""
    said = subprocess.run(["snarkjs", "--version"], stdout=subprocess.PIPE, text=True).stdout
    found = re.search(r"snarkjs@([\w.-]+)", said)
    return found[1] if found else "unknown"


def _run(folder: Path, *command: str | Path) -> dict[str, float]:
    """Runs a program in a folder; its wall and CPU seconds and peak memory in MiB, as the system counts them.

    The peak is at least what this Python process has itself: Linux counts from there.
    """
    with tempfile.TemporaryFile("w+") as said:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)  # already waited for
        if process.returncode:
            said.seek(0)
            raise BenchError(f"{command[0]} {command[1]} failed: {said.read().strip()[-500:]}")
    return {
        "wall_s": figure(time.perf_counter() - started),
        "cpu_s": figure(usage.ru_utime + usage.ru_stime),
        "peak_mb": usage.ru_maxrss // 1024,
    }


# --- set-up -------------------------------------------------------------------------------------------------------


def _once(target: Path, make: Callable[[Path], None]) -> float:
    """Fills a folder at the first call, all at once; how many seconds that took."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as name:
            folder = Path(name) / "unfinished"
            folder.mkdir()
            started = time.perf_counter()
            make(folder)
            (folder / "seconds").write_text(str(time.perf_counter() - started))
            folder.rename(target)
    return float((target / "seconds").read_text())


def _keys(case: Case, cache: Path) -> tuple[Path, float]:
    """The folder of a circuit's keys, and how many seconds they and the powers of tau took to make."""
    entries = case.rows * (case.rows + 1) // 2
    size = (entries * (case.dimension + 2)).bit_length()  # each product, each sum and each output is a row
    keys, powers = cache / f"gram-{case.rows}x{case.dimension}", cache / f"powers-{size}"
    if not keys.exists():
        minutes = math.ceil(_SETUP_S * (1 << size) / 60)
        say(
            f"INSECURE Groth16 set-up for {entries * case.dimension:,} products, once, into {cache}: "
            f"about {minutes} min on two cores"
        )
    from offchain.bench.peers.powers import write_powers  # loads kernels: the process that proves should not

    powers_s = _once(powers, lambda folder: write_powers(folder / "tau.ptau", size))
    return keys, powers_s + _once(keys, lambda folder: _make_keys(folder, case, powers / "tau.ptau"))


def _make_keys(folder: Path, case: Case, powers: Path) -> None:
    say("circom2 compiles the circuit, snarkjs makes its keys")
    main = f"component main = Gram({case.rows}, {case.dimension});\n"
    (folder / "gram.circom").write_text(_CIRCUIT.read_text() + main)
    _run(folder, "circom2", "gram.circom", "--r1cs", "--wasm", "--O1")
    _run(folder, "snarkjs", "groth16", "setup", "gram.r1cs", powers, "gram.zkey")
    _run(folder, "snarkjs", "zkey", "export", "verificationkey", "gram.zkey", "key.json")


if __name__ == "__main__":
    serve(_serve)

"""Measures in a fresh process: memory and CPU time are those of what is measured alone, and libraries start with as
many threads as are asked for. A job goes in as JSON on standard input; figures come out as the last line.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from offchain import progress
from offchain.bench.errors import BenchError
from offchain.errors import MeedError

__all__ = ["call", "say", "serve", "threads_of_libraries"]

_ROOT = Path(__file__).parents[2]
_THREADS = ("NUMBA_NUM_THREADS", "RAYON_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def call(module: str, job: dict[str, Any], threads: int | None = None) -> dict[str, Any]:
    """What a module's `serve` answers to a job; `threads` of each kind, or as many as its libraries choose.

    Raises BenchError if the module says what is wrong, or its process fails.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
    if threads:
        environment |= dict.fromkeys(_THREADS, str(threads))
    command = [sys.executable, "-m", module]
    done = subprocess.run(command, input=json.dumps(job), stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise BenchError(f"{module}: its process was ended by {name}; SIGKILL mostly means that memory ran out")
    if done.returncode:
        raise BenchError(f"{module}: its process failed, as it says above")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "error" in answer:
        raise BenchError(answer["error"])
    return answer


def serve(function: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answers the one job that this process was started for."""
    try:
        with progress.show(Console(stderr=True)):
            answer = function(json.load(sys.stdin))
    except MeedError as error:
        answer = {"error": str(error)}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


def say(text: str) -> None:
    """Tells what is being waited for; standard output is for figures alone."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def threads_of_libraries() -> int:
    """Threads that Rust's thread pool uses in this process."""
    return int(os.environ.get("RAYON_NUM_THREADS") or os.cpu_count() or 1)

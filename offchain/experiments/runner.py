"""Running an experiment: many independent cells, in processes, each result kept as soon as it is there.

A *cell* is one measurement, named by its JSON parameters. What is in the file already isn't measured again: an
experiment that was stopped goes on where it was, and one that got more cells measures those alone.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from offchain.progress import stage

__all__ = ["Cell", "load", "run"]

Cell = Mapping[str, Any]

_ROOT = str(Path(__file__).resolve().parents[2])


def run(
    name: str, cells: Iterable[Cell], measure: Callable[[Cell], dict[str, Any]], file: Path, workers: int = 0
) -> list[dict[str, Any]]:
    """Measures what the file lacks and returns the results of all cells, {"cell": ..., "result": ...}, in their order.

    `file` has one JSON object a line. workers: processes; 0 for one each processor. The first failure stops the run;
    what was measured before it is kept.
    """
    wanted = [dict(cell) for cell in cells]
    known = {_key(entry["cell"]): entry["result"] for entry in load(file)}
    missing = [cell for cell in wanted if _key(cell) not in known]
    file.parent.mkdir(parents=True, exist_ok=True)
    if _ROOT not in sys.path:  # processes get this path and import the package; Ape takes its folder off it
        sys.path.append(_ROOT)
    with (
        stage(f"{name}: {len(missing)} of {len(wanted)} measurements", len(missing)) as advance,
        file.open("a") as out,
        # fresh processes: torch's threads don't survive a fork
        ProcessPoolExecutor(workers or os.cpu_count() or 1, get_context("spawn"), _alone) as pool,
    ):
        running = {pool.submit(measure, cell): cell for cell in missing}
        try:
            for done in as_completed(running):
                cell, result = running[done], done.result()
                known[_key(cell)] = result
                out.write(json.dumps({"cell": cell, "result": result}) + "\n")
                out.flush()
                advance(1)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [{"cell": cell, "result": known[_key(cell)]} for cell in wanted]


def load(file: Path) -> list[dict[str, Any]]:
    """What a file has. A last line that was cut off is left out, and cut off the file."""
    if not file.exists():
        return []
    lines = file.read_text().splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        file.write_text("".join(lines[:-1]))
        lines = lines[:-1]
    return [json.loads(line) for line in lines]


def _key(cell: Cell) -> str:
    return json.dumps(cell, sort_keys=True)


def _alone() -> None:
    """One thread a process: they share the processors."""
    import torch

    torch.set_num_threads(1)

"""Time and memory of a whole market: `ape run simulate` as processes of its own, the node included.

They are a process group. Every INTERVAL seconds each is looked at, and what all of them have is added up:

- on Linux their proportional set sizes (PSS, /proc/PID/smaps_rollup): a page that several share counts once in all;
- elsewhere their resident set sizes, from `ps`: a page that several share counts once for each.

CPU seconds are those that each process had used when it was last seen. What begins and ends between two looks isn't.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offchain.bench.errors import BenchError
from offchain.bench.meter import figure

__all__ = ["INTERVAL", "Usage", "look", "measure_market"]

INTERVAL = 0.25  # seconds
NODE = "anvil"  # as the system calls its process
_ROOT = Path(__file__).parents[2]
_SIMULATE = [sys.executable, "-c", "from ape._cli import cli; cli()", "run", "simulate"]
_HAS_PROC = Path("/proc/self/smaps_rollup").exists()
HOW = "PSS, /proc" if _HAS_PROC else "RSS, ps"

Seen = tuple[int, str, int, float]  # a process: its number, name, KiB of memory, CPU seconds


@dataclass
class Usage:
    """What the processes of a group have used so far. Memory in KiB."""

    peak: int = 0  # of all together
    node_peak: int = 0
    seconds: dict[int, float] = field(default_factory=dict)  # of CPU, by process

    def add(self, seen: Sequence[Seen]) -> None:
        """One look."""
        self.peak = max(self.peak, sum(memory for _, _, memory, _ in seen))
        self.node_peak = max(self.node_peak, sum(memory for _, name, memory, _ in seen if name == NODE))
        self.seconds |= {number: seconds for number, _, _, seconds in seen}


def measure_market(arguments: Sequence[str]) -> dict[str, Any]:
    """Plays a market with these arguments of `ape run simulate`, which says on standard error how it goes. Memory in
    MiB. Raises BenchError if it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        command = [*_SIMULATE, *arguments, "--out", folder]
        environment = os.environ | {"PYTHONPATH": str(_ROOT)}
        with subprocess.Popen(command, stdout=sys.stderr, env=environment, process_group=0) as process:
            usage = Usage()
            try:
                while process.poll() is None:
                    usage.add(look(process.pid))
                    time.sleep(INTERVAL)
            except BaseException:
                os.killpg(process.pid, signal.SIGTERM)  # Ctrl-C reaches this process alone
                process.wait()
                raise
        wall = time.perf_counter() - started
        if process.returncode:
            raise BenchError("the market wasn't played to its end, as it says above")
        result = json.loads((Path(folder) / "result.json").read_text())
    options = result["options"]
    return {
        "trainers": options["trainers"],
        "rounds": len(result["rounds"]),
        "policy": options["rule"],
        "data": options["task"],
        "dimension": result["dimension"],
        "wall_s": figure(wall),
        "cpu_s": figure(sum(usage.seconds.values())),
        "peak_mb": usage.peak >> 10,
        "node_peak_mb": usage.node_peak >> 10,
        "memory": HOW,
    }


def look(group: int) -> list[Seen]:
    """The processes of a group."""
    return _look_at_proc(group) if _HAS_PROC else _ask_ps(group)


def _look_at_proc(group: int) -> list[Seen]:
    ticks = os.sysconf("SC_CLK_TCK")
    seen = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            # "PID (NAME) STATE PARENT GROUP ...", and from field 14 on CPU time, the user's and the system's
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(") ")
            fields = rest.split()
            if int(fields[2]) != group:
                continue
            pss = re.search(r"^Pss: +(\d+) kB", (folder / "smaps_rollup").read_text(), re.MULTILINE)
            if pss is not None:  # else it has ended, and waits to be asked how
                seen.append((int(folder.name), name, int(pss[1]), (int(fields[11]) + int(fields[12])) / ticks))
    return seen


def _ask_ps(group: int) -> list[Seen]:
    """Of any system that has no /proc, as macOS."""
    columns = ["ps", "-A", *("-o", "pid="), *("-o", "pgid="), *("-o", "rss="), *("-o", "time="), *("-o", "comm=")]
    seen = []
    for line in subprocess.run(columns, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines():
        number, of, memory, used, name = line.split(maxsplit=4)
        if int(of) == group:
            seen.append((int(number), Path(name).name, int(memory), _seconds(used)))
    return seen


def _seconds(used: str) -> float:
    """Of "[[days-]hours:]minutes:seconds"."""
    days, _, rest = used.rpartition("-")
    total = 86_400.0 * int(days or 0)
    for place, part in enumerate(reversed(rest.split(":"))):
        total += float(part) * 60**place
    return total

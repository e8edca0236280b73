"""Time and memory of this process."""

from __future__ import annotations

import re
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["figure", "peak_mb", "timed"]


def figure(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")


def timed(run: Callable[[], Any], repeat: int = 1) -> dict[str, float]:
    """Wall and CPU seconds, of all threads, of a call: the medians of `repeat` calls."""
    walls, cpus = [], []
    for _ in range(repeat):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"wall_s": figure(statistics.median(walls)), "cpu_s": figure(statistics.median(cpus))}


def peak_mb() -> int:
    """The most memory that this whole process has had, in MiB: what runs are given is part of it."""
    status = Path("/proc/self/status")
    # Linux's getrusage starts from the peak of the process that started this one
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    if found:
        return int(found[1]) >> 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (20 if sys.platform == "darwin" else 10)

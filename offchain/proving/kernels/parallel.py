"""Runs a kernel on all cores: plain threads, since kernels release the GIL.

Compared with numba's parallel loops: compiles in a fraction of the time, may be called from several threads at once,
and works after a fork.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from numba import config

__all__ = ["run", "split", "workers"]

_PARTS = 4  # a worker: uneven parts even out


def workers() -> int:
    """Threads in use: one a core, or $NUMBA_NUM_THREADS."""
    return int(config.NUMBA_NUM_THREADS)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers(), thread_name_prefix="kernel")


os.register_at_fork(after_in_child=_pool.cache_clear)  # threads don't survive a fork


def run(task: Callable[..., None], jobs: Sequence[tuple[Any, ...]]) -> None:
    """Calls task(*job) for each job, at the same time where there are several cores; raises the first error."""
    if len(jobs) == 1 or workers() == 1:
        for job in jobs:
            task(*job)
        return
    for future in [_pool().submit(task, *job) for job in jobs]:
        future.result()


def split(count: int, least: int) -> list[tuple[int, int]]:
    """Ranges (start, end) that cover [0, count), each at least `least` long but for the only one."""
    parts = max(1, min(_PARTS * workers(), count // least))
    return [(count * k // parts, count * (k + 1) // parts) for k in range(parts)]

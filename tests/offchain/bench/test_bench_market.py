"""What a group of processes has used, and a market that fails."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from offchain.bench import market
from offchain.bench.errors import BenchError
from offchain.bench.market import Seen, Usage, look, measure_market

MIB = 1 << 10  # KiB


def test_usage__several_looks__peaks_of_sums_and_last_seconds() -> None:
    usage = Usage()
    usage.add([(1, "python", 500, 1.0), (2, "anvil", 100, 0.5)])
    usage.add([(1, "python", 300, 2.0), (2, "anvil", 200, 0.7), (3, "python", 50, 0.1)])
    usage.add([(1, "python", 400, 2.5)])
    assert (usage.peak, usage.node_peak) == (600, 200)
    assert sum(usage.seconds.values()) == pytest.approx(2.5 + 0.7 + 0.1)


@pytest.mark.parametrize("see", [look, market._ask_ps])
def test_look__a_group__sees_memory_and_time_of_its_processes_alone(see: Callable[[int], list[Seen]]) -> None:
    busy = "import sys; held = b'x' * (64 << 20); sum(range(3_000_000)); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", busy]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        ((number, name, memory, seconds),) = see(process.pid)
        process.communicate()
    assert number == process.pid
    assert name.startswith("python")
    assert 64 * MIB < memory < 256 * MIB
    assert 0 <= seconds < 60
    assert not see(process.pid)


def test_look__own_group__has_this_process() -> None:
    assert os.getpid() in [number for number, *_ in look(os.getpgrp())]


@pytest.mark.parametrize(("used", "seconds"), [("0:01.55", 1.55), ("00:02:03", 123), ("1-02:03:04", 93_784)])
def test_seconds__as_ps_writes_them__are_read(used: str, seconds: float) -> None:
    assert market._seconds(used) == pytest.approx(seconds)


def test_measure_market__simulate_fails__says_where_to_look() -> None:
    with pytest.raises(BenchError, match="wasn't played to its end, as it says above"):
        measure_market(["--trainers", "no number"])

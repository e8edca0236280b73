"""A market whose node is killed in the middle, as a user sees it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from offchain.bench.market import NODE, look
from tests.e2e.cast import ROOT, end_with_parent

MARKET = ["--data", "wine", "--trainers", "3", "--byzantine", "0", "--adversary", "none", "--epochs", "1"]
TIMEOUT = 240  # seconds


def test_simulate__node_killed_after_a_round__says_so_and_keeps_what_was_played(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from ape._cli import cli; cli()", "run", "simulate", *MARKET]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.pop("APE_FOUNDRY_HOST", None)
    with subprocess.Popen(
        [*command, "--rounds", "8", "--out", str(tmp_path)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
        preexec_fn=end_with_parent,
    ) as run:
        try:
            end = time.monotonic() + TIMEOUT
            while not (tmp_path / "report.html").exists():
                assert run.poll() is None
                assert time.monotonic() < end
                time.sleep(0.1)
            for process, name, *_ in look(run.pid):
                if name == NODE:
                    os.kill(process, signal.SIGKILL)
            printed, _ = run.communicate(timeout=TIMEOUT)
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
    assert run.returncode == 1
    assert "Error: the development chain has ended" in printed
    assert "Traceback" not in printed
    result = json.loads((tmp_path / "result.json").read_text())
    played = len(result["rounds"])
    assert result["finished"] is False
    assert 1 <= played < 8
    assert f"Stopped after round {played} of 8; what was played is in {tmp_path}/result.json" in printed
    assert f"round {played}\nof 8" in (tmp_path / "report.html").read_text()

"""Where compiled kernels are kept, and that threads share work out whole."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from offchain.proving.kernels import build, parallel
from offchain.proving.kernels.parallel import run, split
from tests.offchain.proving.cases import ROOT

USE = (
    "import numba; from offchain.proving.kernels.field import powers; powers(3, 5); print(repr(numba.config.CACHE_DIR))"
)


def test_kernel__first_call__caches_under_the_chosen_folder_alone(tmp_path: Path) -> None:
    environment = {**os.environ, "MEED_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environment.pop("NUMBA_CACHE_DIR", None)
    before = set((ROOT / "offchain").rglob("*.nb?"))
    done = subprocess.run([sys.executable, "-c", USE], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "''"  # numba's own setting stays, for others who use it
    (folder,) = (tmp_path / "kernels").iterdir()
    assert list(folder.rglob("*.nbc"))
    assert set((ROOT / "offchain").rglob("*.nb?")) == before


def test_digest_of_sources__a_source_changes__is_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kernels = tmp_path / "kernels"
    kernels.mkdir()
    for source in (kernels / "build.py", kernels / "field.py", tmp_path / "parameters.py"):
        source.write_text("one")
    monkeypatch.setattr(build, "__file__", str(kernels / "build.py"))
    first = build._digest_of_sources()
    assert build._digest_of_sources() == first
    (kernels / "field.py").write_text("two")
    second = build._digest_of_sources()
    assert second != first
    (tmp_path / "parameters.py").write_text("two")
    assert build._digest_of_sources() not in (first, second)


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 12_345])
@pytest.mark.parametrize("least", [1, 100])
def test_split__any_count__covers_it_in_order(count: int, least: int) -> None:
    ranges = split(count, least)
    assert [k for start, end in ranges for k in range(start, end)] == list(range(count))
    assert len(ranges) == 1 or all(end - start >= least for start, end in ranges)


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_run__any_number_of_workers__does_every_job(monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.setattr(parallel, "workers", lambda: workers)
    done: list[int] = []
    run(done.append, [(k,) for k in range(50)])
    assert sorted(done) == list(range(50))


def test_run__a_job_fails__raises_its_error() -> None:
    with pytest.raises(ZeroDivisionError):
        run(lambda k: 1 // k, [(1,), (0,), (2,)])


def test_run__after_a_fork__works_in_the_child() -> None:
    run(lambda k: None, [(1,), (2,)])  # the parent has its threads
    child = os.fork()
    if child == 0:
        try:
            run(lambda k: None, [(1,), (2,)])
        finally:
            os._exit(0)
    deadline = time.monotonic() + 60
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, 9)
            os.waitpid(child, 0)
            pytest.fail("the child waits for threads that it doesn't have")
        time.sleep(0.01)

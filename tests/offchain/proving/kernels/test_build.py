"""Which build is taken, where its code is kept, and that threads share work out whole."""

from __future__ import annotations

import os
import platform
import re
import time
from pathlib import Path

import numpy as np
import pytest

from offchain.proving.commitment import commit
from offchain.proving.kernels import build, parallel
from offchain.proving.kernels.build import BUILDS
from offchain.proving.kernels.parallel import run, split
from offchain.proving.srs import Srs
from tests.offchain.proving.cases import ROOT
from tests.offchain.proving.kernels.other_builds import SETTINGS, missing_for, processor_features, python

ALL = set().union(*BUILDS.values())
NAME = "from offchain.proving.kernels.build import BUILD; print(BUILD)"
COMMIT = """
import numpy as np
from offchain.proving.commitment import commit
from offchain.proving.kernels.build import BUILD
from offchain.proving.srs import Srs
print(BUILD, *commit(Srs.insecure(32, 7), np.arange(-10, 10, dtype=np.int16), list(range(8))))
"""

# --- choice -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lacking", "expected"),
    [
        (set(), "ifma"),
        ({"avx512ifma"}, "adx"),
        ({"avx512f"}, "adx"),
        ({"avx512dq"}, "adx"),
        ({"adx"}, "portable"),
        ({"bmi2"}, "portable"),
        (ALL, "portable"),
    ],
)
def test_choose__features_are_lacking__takes_the_fastest_that_runs(lacking: set[str], expected: str) -> None:
    assert build._choose(None, ALL - lacking) == expected
    assert build._choose("", (ALL - lacking) | {"sse2", "avx2"}) == expected


@pytest.mark.parametrize("name", BUILDS)
def test_choose__forced_with_its_features__takes_it(name: str) -> None:
    assert build._choose(name, BUILDS[name]) == name
    assert build._choose(name, ALL) == name


@pytest.mark.parametrize("name", ["avx2", "IFMA", " ifma", "0"])
def test_choose__no_such_build__lists_them(name: str) -> None:
    with pytest.raises(ImportError, match=f"MEED_KERNELS={name}: the builds are ifma, adx, portable"):
        build._choose(name, ALL)


@pytest.mark.parametrize(("name", "lacking"), [(name, one) for name in BUILDS for one in sorted(BUILDS[name])])
def test_choose__forced_without_a_feature__says_which(name: str, lacking: str) -> None:
    with pytest.raises(ImportError, match=f"MEED_KERNELS={name}: this processor lacks {lacking}; leave it unset"):
        build._choose(name, ALL - {lacking})


@pytest.mark.parametrize("machine", ["arm64", "aarch64", "ppc64le", "riscv64", ""])
def test_target_features__another_architecture__are_none(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert build._target_features() == set()
    assert build._choose(None, build._target_features()) == "portable"


def test_import__nothing_forced__takes_the_fastest_that_this_processor_has() -> None:
    assert python("-c", NAME).stdout.split() == [build._choose(None, processor_features())]


@pytest.mark.parametrize("name", BUILDS)
def test_import__forced__takes_it_or_says_what_is_missing(name: str) -> None:
    done = python("-c", NAME, MEED_KERNELS=name)
    if missing := missing_for(name):
        assert done.returncode == 1
        assert f"ImportError: MEED_KERNELS={name}: this processor lacks {missing}" in done.stderr
    else:
        assert done.stdout.split() == [name]


def test_import__no_such_build__says_so() -> None:
    done = python("-c", NAME, MEED_KERNELS="fast")
    assert done.returncode == 1
    assert "ImportError: MEED_KERNELS=fast: the builds are ifma, adx, portable" in done.stderr


def test_import__numba_is_told_of_an_old_processor__is_portable_and_commits() -> None:
    srs, update, tail = Srs.insecure(32, 7), np.arange(-10, 10, dtype=np.int16), list(range(8))
    done = python("-c", COMMIT, NUMBA_CPU_NAME="generic")
    assert done.stdout.split() == ["portable", *map(str, commit(srs, update, tail))], done.stderr


@pytest.mark.parametrize("name", ["ifma", "adx"])
def test_import__forced_while_numba_is_told_of_an_old_processor__says_so_and_doesnt_abort(name: str) -> None:
    done = python("-c", COMMIT, MEED_KERNELS=name, NUMBA_CPU_NAME="generic")
    assert done.returncode == 1  # negative: killed by a signal, as by LLVM
    assert f"ImportError: MEED_KERNELS={name}: this processor lacks {', '.join(sorted(BUILDS[name]))}" in done.stderr


# --- caches -------------------------------------------------------------------------------------------------------

# compiles or loads one kernel of lanes and one of single elements; says which it was, and what the code uses
USE = """
import re, numpy, numba
from offchain.proving.kernels import build
compiled_before = build.is_compiled()
from offchain.proving.kernels.curve import xyzz_double
from offchain.proving.kernels.vector import _scale, scale
a = numpy.arange(1, 81, dtype=numpy.uint64).reshape(20, 4)
scale(a, 12345, a)
xyzz_double(a, 0)
stats = [kernel.stats for kernel in (_scale, xyzz_double)]
misses = sum(sum(stat.cache_misses.values()) for stat in stats)
hits = sum(sum(stat.cache_hits.values()) for stat in stats)
print("misses", misses, "hits", hits)
print("compiled before", compiled_before, "after", build.is_compiled())
print("setting", repr(numba.config.CACHE_DIR))
print("values", hash(a.tobytes()))
if misses:
    code = "".join(text for kernel in (_scale, xyzz_double) for text in kernel.inspect_asm().values())
    print("uses", *sorted(set(re.findall("mulx|adcx|adox|vpmadd52|ymm|zmm", code))))
"""


def use(cache: Path, **settings: str) -> dict[str, str]:
    done = python("-c", USE, MEED_CACHE=str(cache), PYTHONHASHSEED="0", **settings)
    assert done.returncode == 0, done.stderr
    lines = (line.partition(" ") for line in done.stdout.splitlines())
    return {name: rest for name, _, rest in lines}


@pytest.mark.parametrize("name", BUILDS)
def test_kernel__used_in_two_processes__is_compiled_in_the_first_alone(tmp_path: Path, name: str) -> None:
    if missing := missing_for(name):
        pytest.skip(f"{name} doesn't run on this processor, which lacks {missing}")
    before = set((ROOT / "offchain").rglob("*.nb?"))
    first, second = (use(tmp_path, **SETTINGS[name]) for _ in range(2))
    assert (first["misses"], second["misses"]) == ("2 hits 0", "0 hits 2")
    assert first["compiled"] == "before False after True"
    assert second["compiled"] == "before True after True"
    assert first["values"] == second["values"]
    assert first["setting"] == "''"  # numba's own stays, for others who use it
    (folder,) = (tmp_path / "kernels").iterdir()
    assert re.fullmatch(f"[0-9a-f]{{16}}-{name}", folder.name)
    assert list(folder.rglob("*.nbc"))
    assert set((ROOT / "offchain").rglob("*.nb?")) == before
    wanted = {"ifma": {"vpmadd52", "zmm", "mulx", "adcx", "adox"}, "adx": {"mulx", "adcx", "adox"}, "portable": set()}
    used = set(first["uses"].split())
    assert wanted[name] <= used
    assert name != "portable" or not used  # nothing that an old processor lacks
    assert name == "ifma" or "vpmadd52" not in used


def test_kernel__builds_and_processors_share_a_cache__each_compiles_its_own(tmp_path: Path) -> None:
    names = [name for name in BUILDS if not missing_for(name)]
    for name in names:
        assert use(tmp_path, **SETTINGS[name])["misses"] == "2 hits 0"
    suffixes = {folder.name.split("-")[1] for folder in (tmp_path / "kernels").iterdir()}
    assert suffixes == set(names)
    # the portable build for this processor has its instructions, so an old one must not be given it, nor the reverse
    if processor_features():
        assert use(tmp_path, MEED_KERNELS="portable")["misses"] == "2 hits 0"
    assert use(tmp_path, **SETTINGS["portable"])["misses"] == "0 hits 2"


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


@pytest.mark.parametrize(
    ("lacking", "expected"), [("avx512ifma", "adx"), ("adx", "portable"), ("bmi2", "portable")], ids=str
)
def test_kernel__numba_is_told_of_fewer_features__does_without(tmp_path: Path, lacking: str, expected: str) -> None:
    if missing := missing_for("ifma"):
        pytest.skip(f"this processor itself lacks {missing}")
    features = ",".join(f"+{name}" for name in sorted(processor_features() - {lacking})) + f",-{lacking}"
    less = use(tmp_path, NUMBA_CPU_FEATURES=features)
    (folder,) = (tmp_path / "kernels").iterdir()
    assert folder.name.endswith(f"-{expected}")
    assert (
        not set(less["uses"].split()) & {"avx512ifma": {"vpmadd52"}, "adx": {"adcx", "adox"}, "bmi2": {"mulx"}}[lacking]
    )
    assert less["values"] == use(tmp_path, **SETTINGS["portable"])["values"]


# --- threads ------------------------------------------------------------------------------------------------------


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

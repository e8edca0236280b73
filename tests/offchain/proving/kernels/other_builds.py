"""Kernels in processes of their own: another build, another processor to pretend, another cache."""

from __future__ import annotations

import hashlib
import os
import platform
import random
import subprocess
import sys

import numpy as np
from llvmlite import binding

from offchain.proving.gram import prove
from offchain.proving.kernels import build
from offchain.proving.srs import Srs
from tests.offchain.proving.cases import ROOT
from tests.offchain.proving.reference import TAU, P

# what decides on the build, or on where its code is kept; each process gets its own
_SETTINGS = ("MEED_KERNELS", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX", "NUMBA_CACHE_DIR")

# The portable build as an old processor has it: no instruction that some x86-64 lacks.
SETTINGS = {
    "ifma": {"MEED_KERNELS": "ifma"},
    "adx": {"MEED_KERNELS": "adx"},
    "portable": {"MEED_KERNELS": "portable", "NUMBA_CPU_NAME": "generic"},
}


def processor_features() -> set[str]:
    """What this processor has, whatever numba was told."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return set()
    return {name for name, present in binding.get_host_cpu_features().items() if present}


def missing_for(name: str) -> str:
    """The features that a build needs and this processor lacks, in words; empty where it runs."""
    return ", ".join(sorted(build.BUILDS[name] - processor_features()))


def python(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs the interpreter in this tree, with these settings of kernels and no others."""
    environment = {name: value for name, value in os.environ.items() if name not in _SETTINGS}
    environment |= {"PYTHONPATH": str(ROOT), **settings}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900
    )


def digest_of_a_proof() -> str:
    """Of a proof with a known mask, whose transforms are wider than a block: the same in every build."""
    n, d, source = 3, 9000, random.Random(12)
    updates = np.random.default_rng(12).integers(-(2**15), 2**15, (n, d)).astype(np.int16)
    tails = [[source.randrange(P) for _ in range(8)] for _ in range(n)]
    proof = prove(Srs.insecure(d + 20, TAU), bytes(32), updates, tails, random=source.randrange)
    return hashlib.sha256(repr(proof).encode()).hexdigest()

"""How kernels are compiled: for which instructions, and where the machine code is kept.

There are three builds of the same kernels, by what multiplies field elements:

    ifma       AVX-512 IFMA: sixteen elements at a time, in limbs of 52 bits
    adx        mulx, adcx and adox: one element at a time
    portable   what LLVM makes of 128-bit integers, on any processor

The best that the processor has is taken at import; `$MEED_KERNELS` forces one. LLVM aborts the process when told to
emit an instruction that it has not, so a forced build is refused, in words, where it can't run.

Numba knows compiled code by the time stamp of the file that declares a function, and misses a change in what the
function calls. So the code is cached in a folder named after all sources of the kernels: a changed kernel meets an
empty folder, never stale code. Numba itself keeps code for different processors apart.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import config, njit
from numba.core.registry import cpu_target

from offchain.proving.cache import cache_folder

__all__ = ["BUILD", "BUILDS", "is_compiled", "kernel"]

# processor features that each build needs, the fastest build first
BUILDS = {
    "ifma": {"avx512f", "avx512dq", "avx512ifma", "bmi2", "adx"},  # single elements as in the next
    "adx": {"bmi2", "adx"},
    "portable": set[str](),
}


def _target_features() -> set[str]:
    """What numba compiles for: this processor's features, unless $NUMBA_CPU_NAME or $NUMBA_CPU_FEATURES say less."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return set()
    features = cpu_target.target_context.codegen().magic_tuple()[2]
    return {feature[1:] for feature in features.split(",") if feature.startswith("+")}


def _choose(forced: str | None, features: set[str]) -> str:
    """The build that is forced, or the fastest that runs with these features; raises ImportError if it can't run."""
    if not forced:
        return next(name for name, needed in BUILDS.items() if needed <= features)
    if forced not in BUILDS:
        raise ImportError(f"MEED_KERNELS={forced}: the builds are {', '.join(BUILDS)}")
    if not BUILDS[forced] <= features:
        missing = ", ".join(sorted(BUILDS[forced] - features))
        raise ImportError(f"MEED_KERNELS={forced}: this processor lacks {missing}; leave it unset")
    return forced


BUILD = _choose(os.environ.get("MEED_KERNELS"), _target_features())


def _digest_of_sources() -> str:
    here = Path(__file__).parent
    sources = [*sorted(here.glob("*.py")), here.parent / "parameters.py"]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


_FOLDER = cache_folder() / "kernels" / f"{_digest_of_sources()[:16]}-{BUILD}"


def is_compiled() -> bool:
    """If some kernels of this build are there already, compiled: else the first calls wait for them."""
    return any(_FOLDER.glob("*/*.nbc"))


def kernel(function: Callable[..., Any]) -> Any:
    """A function that numba compiles at its first call. It releases the GIL, so threads can share out an array."""
    others = config.CACHE_DIR
    config.CACHE_DIR = str(_FOLDER)  # read when a function is declared; other users of numba keep their own
    try:
        return njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")(function)
    finally:
        config.CACHE_DIR = others

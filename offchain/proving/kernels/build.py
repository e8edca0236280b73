"""The decorator of every kernel: how numba compiles it, and where the machine code is kept.

Numba knows compiled code by the time stamp of the file that declares a function, and misses a change in what the
function calls. So the code is cached in a folder named after all sources of the kernels: a changed kernel meets an
empty folder, never stale code. Compiling everything takes about ten seconds, once a machine; loading it half a second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import config, njit

from offchain.proving.cache import cache_folder

__all__ = ["kernel"]


def _digest_of_sources() -> str:
    here = Path(__file__).parent
    sources = [*sorted(here.glob("*.py")), here.parent / "parameters.py"]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


_FOLDER = cache_folder() / "kernels" / _digest_of_sources()[:16]


def kernel(function: Callable[..., Any]) -> Any:
    """A function that numba compiles at its first call. It releases the GIL, so threads can share out an array."""
    others = config.CACHE_DIR
    config.CACHE_DIR = str(_FOLDER)  # read when a function is declared; other users of numba keep their own
    try:
        return njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")(function)
    finally:
        config.CACHE_DIR = others

"""Where Meed keeps what it can make again: compiled kernels and structured reference strings.

Never inside the repository: `$MEED_CACHE` if set, else `$XDG_CACHE_HOME/meed`, else `~/.cache/meed`.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """The folder of the cache; whoever writes to it makes it."""
    chosen = os.environ.get("MEED_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meed"

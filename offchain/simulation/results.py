"""Where a run leaves what it did: a folder that one run uses at a time, and in which nothing is overwritten.

What an earlier run has left under a name that this one uses is moved to `earlier-1`, `earlier-2`, ... inside it.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from offchain.errors import FatalError
from offchain.storage.files import written_whole

__all__ = ["Results", "ResultsError", "move_aside", "own_folder"]

_DRAWING = 0.1  # the most of a run's time that goes into drawing a report that the next round replaces


class ResultsError(FatalError):
    """The folder can't be written to, or another run is using it."""


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """Makes the folder, and keeps other runs out of it inside. Raises ResultsError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # can it be written to? sooner rather than after the first round
            pass
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        _lock(handle, folder)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ResultsError(f"another run is using {folder}: give --out another folder, or wait for its end") from None


def move_aside(folder: Path, names: Iterable[str]) -> Path | None:
    """Makes room for these names. Says where what was there is now; None if nothing was. Raises ResultsError."""
    there = [name for name in names if (folder / name).exists()]
    if not there:
        return None
    number = 1
    while (earlier := folder / f"earlier-{number}").exists():
        number += 1
    try:
        earlier.mkdir()
        for name in there:
            (folder / name).rename(earlier / name)
    except OSError as error:
        raise _unusable(folder, error) from error
    return earlier


def _unusable(folder: Path, error: OSError) -> ResultsError:
    return ResultsError(f"can't write to {folder}: {error.strerror or error}. Give --out another folder")


class Results:
    """result.json and report.html in a folder."""

    NAMES = ("result.json", "report.html")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.earlier: Path | None = None  # where an earlier run's are now
        self._has_written = False
        self._drawn = float("-inf")  # when the last report was
        self._drawing = 0.0  # seconds that it took

    def __str__(self) -> str:
        """Where they are."""
        result, report = (self.folder / name for name in self.NAMES)
        return f"{result} and {report}" + (f"; what was there before is in {self.earlier}" if self.earlier else "")

    def write(self, result: dict[str, Any], last: bool = False) -> None:
        """Both files, each whole or as it was. The report is left as it is, unless this is the last one, while drawing
        takes too much of the time. Raises ResultsError.
        """
        if not self._has_written:
            self.earlier, self._has_written = move_aside(self.folder, self.NAMES), True
        self._put("result.json", json.dumps(result, indent=1) + "\n")
        if not last and time.monotonic() - self._drawn < self._drawing / _DRAWING:
            return
        # figures take longer to load than all of the rest: not before they are needed
        from offchain.simulation.report import render

        started = time.monotonic()
        self._put("report.html", render(result))
        self._drawn = time.monotonic()
        self._drawing = self._drawn - started

    def _put(self, name: str, text: str) -> None:
        try:
            with written_whole(self.folder / name, mode=0o644) as file:
                file.write(text.encode())
        except OSError as error:
            raise _unusable(self.folder, error) from error

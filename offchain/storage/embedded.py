"""The embedded store: blocks as files in a folder, for one machine or a shared disk. The default; needs no other
program.

    folder/1f/1f3870be...     the block whose sha2-256 digest is 1f3870be...
    folder/1f/.new-...        a block being written; left over only if its writer was killed, and never read

Several processes may use a folder at once, without locks. A block is written to a file of its own, flushed to disk,
and moved to its name in one step, so a name either has the whole block or doesn't exist. Two writers of a block write
the same bytes, so it doesn't matter who is last. Nothing is ever removed, so pins change nothing. A block that was
damaged on disk is Corrupt until its content is put again, which repairs it.

What the disk refuses is a StoreError with the folder and the cause, and it may pass: a share that is away, a disk that
is full. A folder that can't be a store is found out before anything is kept in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from offchain.storage.cid import Cid
from offchain.storage.errors import DiskError, LocationError, NotFound, StoreError
from offchain.storage.files import flush_folder, written_whole
from offchain.storage.store import Store

__all__ = ["EmbeddedStore"]


class EmbeddedStore(Store):
    """Blocks in `folder`. is_own: it is made if it doesn't exist, and has to be writable; LocationError says why it
    can't be.
    """

    def __init__(self, folder: str | Path, *, is_own: bool = True) -> None:
        self._folder = Path(folder)
        if not is_own:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self._folder, os.W_OK | os.X_OK):
                raise OSError("not writable")
        except (OSError, ValueError) as error:
            raise LocationError(
                f"no store in {self._folder}: {_reason(error)}; give a folder that this account may write"
            ) from None

    def __repr__(self) -> str:
        return f"EmbeddedStore({str(self._folder)!r})"

    def pin(self, content: bytes | Cid) -> None:
        pass  # all is kept

    def unpin(self, content: bytes | Cid) -> None:
        pass

    def _path(self, digest: bytes) -> Path:
        name = digest.hex()
        return self._folder / name[:2] / name

    def _write(self, cid: Cid, block: bytes) -> None:
        path = self._path(cid.digest)
        with suppress(StoreError):
            if self._read(cid.digest, len(block) + 1) == block:
                return
        with self._told("keep a block"):
            if not path.parent.exists():
                path.parent.mkdir(exist_ok=True)
                flush_folder(self._folder)
            # contents are public or sealed, and others may share the folder
            with written_whole(path, mode=0o644) as file:
                file.write(block)

    def _read(self, digest: bytes, max_size: int) -> bytes:
        with self._told("read a block"):
            try:
                with self._path(digest).open("rb") as file:
                    return file.read(max_size)
            except (FileNotFoundError, NotADirectoryError):
                raise NotFound(f"no block {digest.hex()} in the store") from None

    def _holds(self, digest: bytes) -> bool:
        with self._told("look for a block"):
            return self._path(digest).is_file()

    @contextmanager
    def _told(self, deed: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DiskError(f"{self!r} can't {deed}: {_reason(error)}") from error


def _reason(error: OSError | ValueError) -> str:
    """Why a disk refuses, without the file's name: the folder's says enough."""
    if isinstance(error, FileExistsError):
        return "something else has its name"
    return str(getattr(error, "strerror", None) or error)

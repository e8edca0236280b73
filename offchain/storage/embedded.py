"""The embedded store: blocks as files in a folder, for one machine or a shared disk. The default; needs no other
program.

    folder/1f/1f3870be...     the block whose sha2-256 digest is 1f3870be...
    folder/1f/.new-...        a block being written; left over only if its writer was killed, and never read

Several processes may use a folder at once, without locks. A block is written to a file of its own, flushed to disk,
and moved to its name in one step, so a name either has the whole block or doesn't exist. Two writers of a block write
the same bytes, so it doesn't matter who is last. Nothing is ever removed. A block that was damaged on disk is Corrupt
until its content is put again, which repairs it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from offchain.storage.errors import NotFound
from offchain.storage.store import Store

__all__ = ["EmbeddedStore"]


class EmbeddedStore(Store):
    """Blocks in `folder`, which is made if it doesn't exist."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)

    def __repr__(self) -> str:
        return f"EmbeddedStore({str(self._folder)!r})"

    def _path(self, digest: bytes) -> Path:
        name = digest.hex()
        return self._folder / name[:2] / name

    def _write(self, digest: bytes, block: bytes) -> None:
        path = self._path(digest)
        with suppress(NotFound):
            if hashlib.sha256(self._read(digest, len(block) + 1)).digest() == digest:
                return
        if not path.parent.exists():
            path.parent.mkdir(exist_ok=True)
            _flush_folder(self._folder)
        handle, new = tempfile.mkstemp(prefix=".new-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(handle, 0o644)  # contents are public or sealed, and others may share the folder
                file.write(block)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(new)
            raise
        _flush_folder(path.parent)

    def _read(self, digest: bytes, max_size: int) -> bytes:
        try:
            with self._path(digest).open("rb") as file:
                return file.read(max_size)
        except FileNotFoundError:
            raise NotFound(f"no block {digest.hex()} in the store") from None

    def _holds(self, digest: bytes) -> bool:
        return self._path(digest).is_file()


def _flush_folder(folder: Path) -> None:
    """Makes new names in a folder survive a crash of the machine."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

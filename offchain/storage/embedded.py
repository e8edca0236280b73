"""The embedded store: blocks as files in a folder, for one machine or a shared disk. The default; needs no other
program.

    folder/1f/1f3870be...     the block whose sha2-256 digest is 1f3870be...
    folder/1f/.new-...        a block being written; left over only if its writer was killed, and never read

Several processes may use a folder at once, without locks. A block is written to a file of its own, flushed to disk,
and moved to its name in one step, so a name either has the whole block or doesn't exist. Two writers of a block write
the same bytes, so it doesn't matter who is last. Nothing is ever removed, so pins change nothing. A block that was
damaged on disk is Corrupt until its content is put again, which repairs it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from offchain.storage.cid import Cid
from offchain.storage.errors import NotFound
from offchain.storage.files import flush_folder, written_whole
from offchain.storage.store import Store

__all__ = ["EmbeddedStore"]


class EmbeddedStore(Store):
    """Blocks in `folder`, which is made if it doesn't exist."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)

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
        with suppress(NotFound):
            if self._read(cid.digest, len(block) + 1) == block:
                return
        if not path.parent.exists():
            path.parent.mkdir(exist_ok=True)
            flush_folder(self._folder)
        # contents are public or sealed, and others may share the folder
        with written_whole(path, mode=0o644) as file:
            file.write(block)

    def _read(self, digest: bytes, max_size: int) -> bytes:
        try:
            with self._path(digest).open("rb") as file:
                return file.read(max_size)
        except FileNotFoundError:
            raise NotFound(f"no block {digest.hex()} in the store") from None

    def _holds(self, digest: bytes) -> bool:
        return self._path(digest).is_file()

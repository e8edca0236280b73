"""Several stores as one: contents are put in the first, and read from whichever has them.

A member's own store comes first. Others, such as a neighbour's folder on a shared disk, are only read.
"""

from __future__ import annotations

from collections.abc import Sequence

from offchain.storage.cid import Cid
from offchain.storage.errors import NotFound, StoreError
from offchain.storage.store import Store

__all__ = ["Shelf"]


class Shelf(Store):
    """`own` is written to; `others` are read when it doesn't have a block, or a damaged one."""

    def __init__(self, own: Store, others: Sequence[Store] = ()) -> None:
        self.own = own
        self._all = (own, *others)

    def pin(self, content: bytes | Cid) -> None:
        self.own.pin(content)

    def unpin(self, content: bytes | Cid) -> None:
        self.own.unpin(content)

    def _write(self, cid: Cid, block: bytes) -> None:
        self.own._write(cid, block)

    def _read(self, digest: bytes, max_size: int) -> bytes:
        failure: StoreError = NotFound(f"no block {digest.hex()} in the stores")
        for store in self._all:
            try:
                return store._checked(digest)[:max_size]
            except StoreError as error:
                failure = error
        raise failure

    def _holds(self, digest: bytes) -> bool:
        return any(store._holds(digest) for store in self._all)

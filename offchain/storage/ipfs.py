"""A store in IPFS, through the RPC of a Kubo daemon of one's own.

CIDs are those of the embedded store (`unixfs.py`): blocks are made here and put one by one, so a content has the same
name in both, whatever the daemon's own settings for adding files. Blocks are found by digest, as Kubo keeps them: a
block asked for as *raw* is found also if it is a node of a tree. What isn't in the daemon's repository it looks for
among its peers, for `search` seconds at most.

The daemon isn't trusted with what it returns (`store.py` checks every block), nor with how long or how much: every
call has a limit of time, and no more of a block is read than a block can have. It is trusted to keep what is put, and
its RPC must not be open to others: whoever reaches it may use it. A content is pinned once all its blocks are there,
so a garbage collection in that moment can make a `put` fail; putting again repairs it.

Reference: docs.ipfs.tech/reference/kubo/rpc.
"""

from __future__ import annotations

import json
from typing import Any

from offchain.storage.cid import Cid, Codec
from offchain.storage.errors import NotFound, StoreError, Unavailable
from offchain.storage.rpc import Refused, Rpc, endpoint
from offchain.storage.store import Store
from offchain.storage.unixfs import decode_root

__all__ = ["IpfsStore"]

ATTEMPTS = 4  # of each call, until the daemon counts as away
SEARCH = 30.0  # seconds that the daemon looks for a block among its peers
ANSWER = 20.0  # seconds for an answer that takes no looking

# What Kubo says, in one version or another, of a block that it doesn't have and of a content without a pin of its own.
_ABSENT = ("could not find", "not found", "deadline exceeded")
_NOT_PINNED = ("not pinned", "pinned indirectly")


class IpfsStore(Store):
    """Blocks in the repository of the Kubo daemon whose RPC is at an address (`rpc.py`), as "/ip4/127.0.0.1/tcp/5001".

    secret: as Kubo's --api-auth takes it, for an address without credentials. Raises LocationError for another text. No
    call is made before the first use.
    """

    def __init__(
        self,
        address: str,
        *,
        secret: str = "",
        search: float = SEARCH,
        answer: float = ANSWER,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._rpc = Rpc(endpoint(address, secret), answer, attempts)
        self._search = search
        self._answer = answer

    def __repr__(self) -> str:
        return f"IpfsStore({self._rpc.at.shown!r})"

    def pin(self, content: bytes | Cid) -> None:
        if not self.has(content):  # or else the daemon would fetch what is missing, however much that is
            raise NotFound(f"{_digest(content).hex()} isn't all in the store")
        self._ask("pin", "pin/add", str(self._named(content)), seconds=self._search)

    def unpin(self, content: bytes | Cid) -> None:
        if not self._holds(_digest(content)):
            return
        try:
            self._ask("unpin", "pin/rm", str(self._named(content)), seconds=self._answer)
        except Refused as refusal:
            if not refusal.says(_NOT_PINNED):
                raise

    def _write(self, cid: Cid, block: bytes) -> None:
        codec = {"cid-codec": cid.codec.value[0], "mhtype": "sha2-256"}
        put = self._ask("keep a block", "block/put", seconds=self._answer, block=block, **codec)
        try:
            key = Cid.parse(str(json.loads(put)["Key"]))
        except (KeyError, TypeError, ValueError, RecursionError):
            raise Unavailable(f"{self!r} doesn't answer as Kubo does: {self._rpc.shown(put)!r}") from None
        if key != cid:
            raise StoreError(f"{self!r} keeps the block {cid} as {key}")

    def _read(self, digest: bytes, max_size: int) -> bytes:
        what = f"find the block {digest.hex()}"
        return self._ask(what, "block/get", str(Cid(digest)), seconds=self._search, most=max_size)

    def _holds(self, digest: bytes) -> bool:
        try:
            self._ask("look", "block/stat", str(Cid(digest)), seconds=self._answer, offline="true")
        except NotFound:
            return False
        return True

    def _named(self, content: bytes | Cid) -> Cid:
        """The CID that pins go by: with the codec that the content's root block tells."""
        if isinstance(content, Cid):
            return content
        return Cid(content, Codec.RAW if decode_root(self._checked(content)) is None else Codec.DAG_PB)

    def _ask(self, what: str, command: str, argument: str = "", **given: Any) -> bytes:
        """What the daemon answers. Raises NotFound for a block that it doesn't have, Refused and Unavailable."""
        try:
            return self._rpc.ask(command, argument, **given)
        except Refused as refusal:
            told = f"{self!r} can't {what}: {refusal}"
            if argument and refusal.says(_ABSENT):
                raise NotFound(told) from None
            raise Refused(told, refusal.message) from None
        except Unavailable as error:
            raise Unavailable(f"{self!r} can't {what}: {error}") from error


def _digest(content: bytes | Cid) -> bytes:
    return content.digest if isinstance(content, Cid) else Cid(content).digest

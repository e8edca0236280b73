"""A store in IPFS, through the RPC of a Kubo daemon of one's own.

CIDs are those of the embedded store (`unixfs.py`): blocks are made here and put one by one, so a content has the same
name in both, whatever the daemon's own settings for adding files. Blocks are found by digest, as Kubo keeps them: a
block asked for as *raw* is found also if it is a node of a tree. What isn't in the daemon's repository it looks for
among its peers, for `search` seconds at most.

The daemon isn't trusted with what it returns (`store.py` checks every block), nor with how long or how much: every
call has a limit of time, and no more of a block is read than a block can have. It is trusted to keep what is put, and
its RPC must not be open to others: whoever reaches it may use it. A content is pinned once all its blocks are there,
so a garbage collection in that moment can make a `put` fail; putting again repairs it.

`ipfshttpclient` was written for Kubo before 0.8, and its `connect` refuses newer daemons by their version. The few
calls made here take the form that Kubo documents since 0.13, so we make its `Client` without that check.

Reference: docs.ipfs.tech/reference/kubo/rpc.
"""

from __future__ import annotations

import io
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import requests
from ipfshttpclient import Client
from ipfshttpclient import exceptions as rpc
from urllib3.exceptions import HTTPError

from offchain.storage.cid import Cid, Codec
from offchain.storage.errors import LocationError, NotFound, StoreError, Unavailable
from offchain.storage.store import Store
from offchain.storage.unixfs import decode_root

__all__ = ["IpfsStore"]

ATTEMPTS = 4  # of each call, until the daemon counts as away
FIRST_PAUSE = 0.25  # seconds between the first two attempts; doubled each time
SEARCH = 30.0  # seconds that the daemon looks for a block among its peers
ANSWER = 20.0  # seconds for an answer that takes no looking

# What Kubo says, in one version or another, of a block that it doesn't have and of a content without a pin of its own.
_ABSENT = ("could not find", "not found", "deadline exceeded")
_NOT_PINNED = ("not pinned", "pinned indirectly")

# The client still gives urllib3 an argument that it has no use for; requirements.txt has one that takes it.
warnings.filterwarnings("ignore", "The 'strict' parameter is no longer needed", FutureWarning)

T = TypeVar("T")


class IpfsStore(Store):
    """Blocks in the repository of the Kubo daemon whose RPC is at a multiaddress, as "/ip4/127.0.0.1/tcp/5001".

    Raises LocationError for another text. No call is made before the first use.
    """

    def __init__(self, address: str, *, search: float = SEARCH, answer: float = ANSWER, attempts: int = ATTEMPTS):
        try:
            self._client = Client(address, session=True)
        except (rpc.AddressError, ValueError) as error:
            raise LocationError(f"not the address of a Kubo daemon: {address!r}") from error
        self._address = address
        self._search = search
        self._answer = answer
        self._attempts = attempts

    def __repr__(self) -> str:
        return f"IpfsStore({self._address!r})"

    def pin(self, content: bytes | Cid) -> None:
        if not self.has(content):  # or else the daemon would fetch what is missing, however much that is
            raise NotFound(f"{_digest(content).hex()} isn't all in the store")
        self._call(
            lambda: self._client.pin.add(str(self._named(content)), **self._limits(self._search)), "pin", absent=True
        )

    def unpin(self, content: bytes | Cid) -> None:
        if not self._holds(_digest(content)):
            return
        try:
            self._call(lambda: self._client.pin.rm(str(self._named(content)), **self._limits(self._answer)), "unpin")
        except _Refused as refusal:
            if not refusal.says(_NOT_PINNED):
                raise

    def _write(self, cid: Cid, block: bytes) -> None:
        codec = {"cid-codec": cid.codec.value[0], "mhtype": "sha2-256"}
        put = self._call(
            lambda: self._client.block.put(io.BytesIO(block), **self._limits(self._answer, **codec)), "keep a block"
        )
        try:
            key = Cid.parse(str(put["Key"]))
        except (KeyError, TypeError, ValueError):
            raise Unavailable(f"{self!r} doesn't answer as Kubo does") from None
        if key != cid:
            raise StoreError(f"{self!r} keeps the block {cid} as {key}")

    def _read(self, digest: bytes, max_size: int) -> bytes:
        return self._call(lambda: self._first(Cid(digest), max_size), f"find the block {digest.hex()}", absent=True)

    def _first(self, cid: Cid, max_size: int) -> bytes:
        """The first `max_size` bytes of what the daemon gives as a block.

        The client's own call reads all that is sent, however much, so we take the response beneath it.
        """
        limits = self._limits(self._search)
        deadline = time.monotonic() + self._search + self._answer
        (response, *_), _ = self._client._client._request(
            "POST",
            "/block/get",
            [("arg", str(cid)), *limits["opts"].items()],
            auth=None,
            data=None,
            headers=None,
            timeout=limits["timeout"],
            chunk_size=None,
        )
        read = bytearray()
        with response:
            while len(read) < max_size and (piece := response.raw.read1(max_size - len(read))):
                read += piece
                if time.monotonic() > deadline:
                    raise TimeoutError("the block came too slowly")
        return bytes(read)

    def _holds(self, digest: bytes) -> bool:
        limits = self._limits(self._answer)
        try:
            self._call(lambda: self._client.block.stat(str(Cid(digest)), offline=True, **limits), "look", absent=True)
        except NotFound:
            return False
        return True

    def _named(self, content: bytes | Cid) -> Cid:
        """The CID that pins go by: with the codec that the content's root block tells."""
        if isinstance(content, Cid):
            return content
        return Cid(content, Codec.RAW if decode_root(self._checked(content)) is None else Codec.DAG_PB)

    def _limits(self, seconds: float, **options: str) -> dict[str, Any]:
        """Arguments of a call: how long Kubo may take; how long we wait for a connection and for the next byte."""
        return {
            "opts": {"timeout": f"{round(1000 * seconds)}ms", **options},
            "timeout": (self._answer, seconds + self._answer),
        }

    def _call(self, call: Callable[[], T], what: str, absent: bool = False) -> T:
        """What `call` returns. It is repeated while the daemon doesn't answer; then Unavailable is raised.

        What the daemon refuses is _Refused, or NotFound if it is `absent` that it may say.
        """
        for attempt in range(self._attempts):
            if attempt:
                time.sleep(FIRST_PAUSE * 2 ** (attempt - 1))
            try:
                with _translated(self, what):
                    return call()
            except _Refused as refusal:
                if absent and refusal.says(_ABSENT):
                    raise NotFound(f"{self!r} can't {what}: {refusal.message}") from None
                raise
            except Unavailable as error:
                failure = error
        raise failure


class _Refused(Unavailable):
    """An answer that says no."""

    def __init__(self, store: IpfsStore, what: str, message: str) -> None:
        self.message = message[:200]
        super().__init__(f"{store!r} can't {what}: {self.message}")

    def says(self, phrases: tuple[str, ...]) -> bool:
        return any(phrase in self.message for phrase in phrases)


@contextmanager
def _translated(store: IpfsStore, what: str) -> Iterator[None]:
    """Raises the client's errors as ours."""
    try:
        yield
    except rpc.ErrorResponse as error:
        raise _Refused(store, what, str(error)) from None
    except (rpc.Error, requests.RequestException, HTTPError, OSError, AssertionError) as error:
        # the client asserts that an answer has one item
        raise Unavailable(f"{store!r} can't {what}: {type(error).__name__}") from error


def _digest(content: bytes | Cid) -> bytes:
    return content.digest if isinstance(content, Cid) else Cid(content).digest

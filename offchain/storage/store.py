"""A content-addressed store: put bytes, get a CID; give a digest, get the bytes back or a typed error.

A store trusts nothing that it reads. Every block is hashed and compared with the digest it was asked for, on every
read, and the tree of a long content must have, to the byte, the shape that its root's size implies (see `unixfs.py`).
So a disk, a peer or a gateway that lies can withhold, and nothing else. A store need only keep and find single
blocks; this class does the rest, the same for each kind.

A reader names the most bytes that it takes. The root says how long the content is, so nothing more is fetched for one
that is too long. `put_file` and `get_file` do the same with files of any length, one block in memory at a time.

A store may drop what nobody *pins*. `put` pins what it keeps; who reads what others put, and wants to serve it on,
pins it.
"""

from __future__ import annotations

import hashlib
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from offchain.storage.cid import Cid, Codec
from offchain.storage.errors import Corrupt, NotFound, TooLarge
from offchain.storage.files import written_whole
from offchain.storage.unixfs import CHUNK, Node, blocks_of_file, decode_node, decode_root

__all__ = ["Store"]


class Store(ABC):
    """What every store does. Subclasses keep blocks: `_write`, `_read`, `_holds`."""

    def put(self, content: bytes) -> Cid:
        """Keeps a content of any length and returns its CID. The same content again changes nothing.

        Raises AmbiguousContent (see `unixfs.py`), and another StoreError if it can't be kept; then nothing can be read
        under the CID.
        """
        return self._put(io.BytesIO(content), len(content))

    def put_file(self, path: Path) -> Cid:
        """`put` the content of a file. Raises StoreError, too, if it gets shorter meanwhile."""
        with path.open("rb") as file:
            return self._put(file, os.fstat(file.fileno()).st_size)

    def _put(self, file: IO[bytes], size: int) -> Cid:
        for cid, block in blocks_of_file(file, size):  # at least one; the root last, so who finds it finds all
            self._write(cid, block)
        self.pin(cid)
        return cid

    def get(self, content: bytes | Cid, max_size: int) -> bytes:
        """The content of a digest (32 bytes, as on chain) or a CID.

        Raises NotFound if a block is missing, Corrupt if one isn't what its digest says, TooLarge beyond `max_size`
        bytes.
        """
        return b"".join(self._pieces(content, max_size))

    def get_file(self, content: bytes | Cid, path: Path, max_size: int) -> None:
        """`get` into a file of mode 600, in place of another of its name. If it raises, nothing changes."""
        with written_whole(path) as file:
            for piece in self._pieces(content, max_size):
                file.write(piece)

    def has(self, content: bytes | Cid) -> bool:
        """Whether every block of the content is here.

        Leaves are looked up, not read: `get` may still find one corrupt.
        """
        digest = content.digest if isinstance(content, Cid) else Cid(content).digest
        try:
            if not self._holds(digest):
                return False
            root = decode_root(self._checked(digest))
            return root is None or self._has_below(root)
        except (NotFound, Corrupt):
            return False

    @abstractmethod
    def pin(self, content: bytes | Cid) -> None:
        """Keeps a content until it is unpinned, or raises NotFound unless all of it is here. Does nothing where all is
        kept.
        """

    @abstractmethod
    def unpin(self, content: bytes | Cid) -> None:
        """Lets a content go: the store may drop it, at once or later. Does nothing where all is kept, or if it isn't
        pinned.
        """

    @abstractmethod
    def _write(self, cid: Cid, block: bytes) -> None:
        """Keeps a block under its CID's digest."""

    @abstractmethod
    def _read(self, digest: bytes, max_size: int) -> bytes:
        """The first `max_size` bytes kept under a digest, unchecked. Raises NotFound."""

    @abstractmethod
    def _holds(self, digest: bytes) -> bool:
        """Whether something is kept under a digest."""

    def _pieces(self, content: bytes | Cid, max_size: int) -> Iterator[bytes]:
        """The content's leaves from left to right, each checked."""
        cid = content if isinstance(content, Cid) else Cid(content)
        block = self._checked(cid.digest)
        root = decode_root(block)
        if isinstance(content, Cid) and content.codec is not (Codec.RAW if root is None else Codec.DAG_PB):
            raise NotFound(f"no {content.codec.value[0]} content {cid.digest.hex()}: the block is of the other kind")
        size = len(block) if root is None else root.size
        if size > max_size:
            raise TooLarge(f"{cid.digest.hex()} has {size} bytes, {max_size} are allowed")
        if root is None:
            yield block
        else:
            yield from self._leaves(root)

    def _checked(self, digest: bytes) -> bytes:
        block = self._read(digest, CHUNK + 1)
        if len(block) > CHUNK or hashlib.sha256(block).digest() != digest:
            raise Corrupt(f"the block {digest.hex()} doesn't have its digest")
        return block

    def _node(self, digest: bytes, size: int, depth: int) -> Node:
        node = decode_node(self._checked(digest), size, depth)
        if node is None:
            raise Corrupt(f"the block {digest.hex()} isn't a node of {size} bytes")
        return node

    def _leaves(self, node: Node) -> Iterator[bytes]:
        for digest, size in node.children():
            if node.depth > 1:
                yield from self._leaves(self._node(digest, size, node.depth - 1))
                continue
            leaf = self._checked(digest)
            if len(leaf) != size:
                raise Corrupt(f"the block {digest.hex()} has {len(leaf)} bytes, its file says {size}")
            yield leaf

    def _has_below(self, node: Node) -> bool:
        if node.depth == 1:
            return all(map(self._holds, node.digests))
        return all(
            self._holds(digest) and self._has_below(self._node(digest, size, node.depth - 1))
            for digest, size in node.children()
        )

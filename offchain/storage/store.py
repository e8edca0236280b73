"""A content-addressed store: put bytes, get a CID; give a digest, get the bytes back or a typed error.

A store trusts nothing that it reads. Every block is hashed and compared with the digest it was asked for, on every
read, and the tree of a long content must have, to the byte, the shape that its root's size implies (see `unixfs.py`).
So a disk, a peer or a gateway that lies can withhold, and nothing else. A store need only keep and find single
blocks; this class does the rest, the same for each kind.

A reader names the most bytes that it takes. The root says how long the content is, so nothing more is fetched for one
that is too long.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator

from offchain.storage.cid import Cid, Codec
from offchain.storage.errors import Corrupt, NotFound, TooLarge
from offchain.storage.unixfs import CHUNK, Node, blocks_of, decode_node, decode_root

__all__ = ["Store"]


class Store(ABC):
    """What every store does. Subclasses keep blocks: `_write`, `_read`, `_holds`."""

    def put(self, content: bytes) -> Cid:
        """Keeps a content of any length and returns its CID. The same content again changes nothing.

        Raises AmbiguousContent (see `unixfs.py`) and OSError if it can't be written; then nothing can be read under the
        CID.
        """
        for cid, block in blocks_of(content):  # at least one; the root comes last, so who finds it finds all
            self._write(cid.digest, block)
        return cid

    def get(self, content: bytes | Cid, max_size: int) -> bytes:
        """The content of a digest (32 bytes, as on chain) or a CID.

        Raises NotFound if a block is missing, Corrupt if one isn't what its digest says, TooLarge beyond `max_size`
        bytes.
        """
        cid = content if isinstance(content, Cid) else Cid(content)
        block = self._checked(cid.digest)
        root = decode_root(block)
        if isinstance(content, Cid) and content.codec is not (Codec.RAW if root is None else Codec.DAG_PB):
            raise NotFound(f"no {content.codec.value[0]} content {cid.digest.hex()}: the block is of the other kind")
        size = len(block) if root is None else root.size
        if size > max_size:
            raise TooLarge(f"{cid.digest.hex()} has {size} bytes, {max_size} are allowed")
        return block if root is None else b"".join(self._leaves(root))

    def has(self, content: bytes | Cid) -> bool:
        """Whether every block of the content is here.

        Leaves are looked up, not read: `get` may still find one corrupt.
        """
        digest = content.digest if isinstance(content, Cid) else Cid(content).digest
        try:
            root = decode_root(self._checked(digest))
            return root is None or self._has_below(root)
        except (NotFound, Corrupt):
            return False

    @abstractmethod
    def _write(self, digest: bytes, block: bytes) -> None:
        """Keeps a block under its digest, for good once it returns."""

    @abstractmethod
    def _read(self, digest: bytes, max_size: int) -> bytes:
        """The first `max_size` bytes kept under a digest, unchecked. Raises NotFound."""

    @abstractmethod
    def _holds(self, digest: bytes) -> bool:
        """Whether something is kept under a digest."""

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
        return all(self._has_below(self._node(digest, size, node.depth - 1)) for digest, size in node.children())

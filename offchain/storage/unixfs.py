"""Long contents as trees of blocks, as IPFS makes them with raw leaves and its default chunking.

A file is cut into chunks of 262,144 bytes. One chunk or less is one *raw* block, the content itself. More make a
balanced tree: the leaves are raw blocks, each node above is a *dag-pb* block with up to 174 links, all leaves at one
depth, filled from the left. The CID of the root block is what `ipfs add --cid-version=1` prints.

On chain there is only the root's digest. **Whether it is a raw block or a tree is told by the block's bytes alone**:
a block that is, to the byte, the root that the chunker gives to a file of two or more chunks is that file; any other
block is the content itself. The tree's shape follows from the file's size, so a root is determined by the size and
its children's digests, and `decode_root` compares against that. All readers agree. The price is that a content which
itself reads as a root can't be stored (`AmbiguousContent`); nothing that a market stores looks like one.

Cost: one SHA-256 over the content, and 0.02 % more to keep.
References: github.com/ipfs/specs, UNIXFS.md; ipld.io/specs/codecs/dag-pb.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any

from offchain.storage.cid import DIGEST, Cid, Codec
from offchain.storage.errors import AmbiguousContent, StoreError

__all__ = ["CHUNK", "LINKS", "Node", "blocks_of", "blocks_of_file", "cid_of", "decode_node", "decode_root"]

CHUNK = 262_144  # bytes of a leaf
LINKS = 174  # children of a node, at most

_MAX_FILE = 2**60  # bytes: keeps sizes read from a block within reason
_MAX_NODE = 2**14  # bytes: a node of 174 links takes less
_FILE = 2  # UnixFS's type of node


@dataclass(frozen=True)
class Node:
    """A node of a file's tree: the size of the part of the file below it and its children from left to right."""

    size: int  # bytes of content
    depth: int  # 1: the children are leaves
    digests: tuple[bytes, ...]

    def children(self) -> list[tuple[bytes, int]]:
        """Digest and size of content of each child."""
        return list(zip(self.digests, _child_sizes(self.size, self.depth), strict=True))


def cid_of(content: bytes) -> Cid:
    """The CID of a content, computed without keeping anything. Raises AmbiguousContent."""
    *_, root = (cid for cid, _ in blocks_of(content))
    return root


def blocks_of(content: bytes) -> Iterator[tuple[Cid, bytes]]:
    """The blocks of a content with their CIDs, each after the blocks that it links to, so the root comes last.

    Raises AmbiguousContent.
    """
    yield from blocks_of_file(io.BytesIO(content), len(content))


def blocks_of_file(file: IO[bytes], size: int) -> Iterator[tuple[Cid, bytes]]:
    """`blocks_of` the next `size` bytes of a file, read one block at a time.

    Raises AmbiguousContent, and StoreError if the file ends early.
    """
    if size <= CHUNK:
        cid, block = _leaf(file, size)
        if decode_root(block) is not None:
            raise AmbiguousContent("the content reads as the root of a chunked file; store it in another form")
        yield cid, block
        return
    yield from _blocks_below(file, size, _depth(size))


def decode_root(block: bytes) -> Node | None:
    """The root of a chunked file that a block is, or None for a block that is the content itself.

    Looks at nothing but the bytes.
    """
    size, digests = _scan(block)
    if not CHUNK < size <= _MAX_FILE:
        return None
    return _checked(block, size, _depth(size), digests)


def decode_node(block: bytes, size: int, depth: int) -> Node | None:
    """The inner node that a block is, if it is to the byte one of `size` bytes of content at this depth, or None."""
    return _checked(block, size, depth, _scan(block)[1])


def _blocks_below(file: IO[bytes], size: int, depth: int) -> Iterator[tuple[Cid, bytes]]:
    if depth == 0:
        yield _leaf(file, size)
        return
    digests = []
    for child in _child_sizes(size, depth):
        for cid, block in _blocks_below(file, child, depth - 1):
            yield cid, block
        digests.append(cid.digest)  # of the last block: the child itself
    block = _encode(size, depth, tuple(digests))
    yield Cid(_sha256(block), Codec.DAG_PB), block


def _leaf(file: IO[bytes], size: int) -> tuple[Cid, bytes]:
    block = file.read(size)
    if len(block) != size:
        raise StoreError("the file became shorter while it was read")
    return Cid(_sha256(block)), block


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


# --- the shape of the tree: a function of the size ---


def _depth(size: int) -> int:
    """Least depth whose tree holds `size` bytes; 0 for a single leaf."""
    depth = 0
    while CHUNK * LINKS**depth < size:
        depth += 1
    return depth


def _child_sizes(size: int, depth: int) -> list[int]:
    """Content sizes of the children of a node: full ones, then the rest."""
    full = CHUNK * LINKS ** (depth - 1)
    rest = size % full
    return [full] * (size // full) + ([rest] if rest else [])


@lru_cache(maxsize=1024)
def _tree_size(size: int, depth: int) -> int:
    """Bytes of all blocks from a node down (the Tsize of the link to it)."""
    if depth == 0:
        return size
    sizes = _child_sizes(size, depth)
    node = _encode(size, depth, (bytes(DIGEST),) * len(sizes))
    return len(node) + sum(_tree_size(child, depth - 1) for child in sizes)


# --- dag-pb, by the numbers of its protobuf fields ---
# node { 2 links: { 1 CID, 2 name (empty), 3 bytes of all blocks below }, 1 file: { 1 type, 3 size, 4 sizes below } }


def _encode(size: int, depth: int, digests: tuple[bytes, ...]) -> bytes:
    codec = Codec.RAW if depth == 1 else Codec.DAG_PB
    sizes = _child_sizes(size, depth)
    node = b""
    for digest, child in zip(digests, sizes, strict=True):
        link = _bytes_field(1, bytes(Cid(digest, codec))) + _bytes_field(2, b"")
        node += _bytes_field(2, link + _int_field(3, _tree_size(child, depth - 1)))
    file = _int_field(1, _FILE) + _int_field(3, size) + b"".join(_int_field(4, child) for child in sizes)
    return node + _bytes_field(1, file)  # dag-pb's canonical order: links before data


def _bytes_field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _int_field(number: int, value: int) -> bytes:
    return bytes([number << 3]) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _checked(block: bytes, size: int, depth: int, digests: tuple[bytes, ...]) -> Node | None:
    """Encoding is canonical, so to check every field is to encode what was found and compare."""
    if size <= 0 or len(digests) != len(_child_sizes(size, depth)) or _encode(size, depth, digests) != block:
        return None
    return Node(size, depth, digests)


def _scan(block: bytes) -> tuple[int, tuple[bytes, ...]]:
    """Finds the file size and the links' digests of a node, (0, ()) if there are none.

    Whether the rest is right, only `_checked` says.
    """
    size, digests = 0, []
    try:
        for number, value in _fields(block if len(block) <= _MAX_NODE else b""):
            inner = dict(_fields(value))
            if number == 2:
                digests.append(inner[1][-DIGEST:])
            else:
                size = int(inner[3])
    except (ValueError, KeyError, TypeError):
        return 0, ()
    return size, tuple(digests) if all(len(digest) == DIGEST for digest in digests) else ()


def _fields(message: Any) -> Iterator[tuple[int, Any]]:
    """Number and value of each field of a protobuf message, `bytes` or `int`. Raises ValueError, TypeError."""
    rest = memoryview(message)
    while rest:
        key, rest = _read_varint(rest)
        value, rest = _read_varint(rest)
        if key & 7 == 2:
            if value > len(rest):
                raise ValueError("truncated field")
            yield key >> 3, bytes(rest[:value])
            rest = rest[value:]
        elif key & 7 == 0:
            yield key >> 3, value
        else:
            raise ValueError("unknown wire type")


def _read_varint(data: memoryview) -> tuple[int, memoryview]:
    value = 0
    for k, byte in enumerate(data[:10]):
        value |= (byte & 0x7F) << 7 * k
        if byte < 0x80:
            return value, data[k + 1 :]
    raise ValueError("truncated or long varint")

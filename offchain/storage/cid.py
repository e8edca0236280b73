"""Content identifiers: CIDv1 over sha2-256, as IPFS writes them.

A CID names a block of bytes: a version, a codec that says how the bytes are meant, and their digest. A block is
*raw*, the content itself, or *dag-pb*, the root of a content that was cut into several blocks (`unixfs.py`).

References: github.com/multiformats/cid, and the tables of github.com/multiformats/multicodec.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from multiformats import CID

from offchain.storage.errors import CidError

__all__ = ["DIGEST", "Cid", "Codec"]

DIGEST = 32  # bytes of a sha2-256 digest, which is all that the chain keeps
_VERSION = b"\x01"
_SHA2_256 = b"\x12\x20"


class Codec(Enum):
    """How a block's bytes are meant, with the name and the code of the multicodec table."""

    RAW = ("raw", 0x55)
    DAG_PB = ("dag-pb", 0x70)


@dataclass(frozen=True)
class Cid:
    """A CIDv1 over sha2-256.

    `str` gives the text (base32, "bafk..." or "bafy..."), `digest` is what the chain keeps.
    """

    digest: bytes
    codec: Codec = Codec.RAW

    def __post_init__(self) -> None:
        if len(self.digest) != DIGEST:
            raise CidError(f"a digest has {DIGEST} bytes, not {len(self.digest)}")

    def __str__(self) -> str:
        return str(CID("base32", 1, self.codec.value[0], ("sha2-256", self.digest)))

    def __bytes__(self) -> bytes:
        """The binary form, as links hold it: version, codec, hash function, length, digest."""
        return _VERSION + bytes([self.codec.value[1]]) + _SHA2_256 + self.digest

    @classmethod
    def parse(cls, text: str) -> Cid:
        """Reads a CID's text in any base. Raises CidError unless it is version 1, raw or dag-pb, sha2-256."""
        try:
            parsed = CID.decode(text)
            name, function, digest = parsed.codec.name, parsed.hashfun.name, bytes(parsed.raw_digest)
        except Exception as error:  # the library raises KeyError, ValueError and others for malformed text
            raise CidError(f"not a CID: {text[:80]!r}") from error
        codec = next((codec for codec in Codec if codec.value[0] == name), None)
        if parsed.version != 1 or codec is None or function != "sha2-256":
            raise CidError(
                f"a CID of version {parsed.version}, {name}, {function}; we use version 1, raw or dag-pb, sha2-256"
            )
        return cls(digest, codec)

"""Sealing to a project's members, so that onlookers don't get the model for free: the initial model and each round's
aggregate, of any length, in bounded memory.

A *stream* is a content encrypted under a fresh key in chunks of 1 MiB, each with ChaCha20-Poly1305 (the STREAM
construction). A *grant* gives a stream's key to the members: a slot each, HPKE as in `sealing.py`.

    stream  = "meedstrm" (8 bytes) | commitment (32) | chunk_0 | ... | chunk_m
    chunk_j = AEAD(key, content_j; nonce = 0 (7) | j (4) | last (1); associated data = label | info)
    grant   = "meedgrnt" (8 bytes) | recipients n (1 byte) | n x slot (80)
    slot_i  = HPKE.Seal(pk_i, info; key)
    info    = domain tag | what (1) | chain id (32) | project (20) | round (32)

- An *aggregate* is grant and stream in one: its members are known when it is made. `info` binds it to its place.
- The *initial model*'s CID is in the project's terms, and so comes before the project's address and before any
  member's key. It is a stream alone, whose info is empty; the owner keeps the key, and grants it once members are
  there, as often as they change. What is granted is bound to its place; which model the key opens, the CID says.
- *Cut, swapped, repeated chunks* don't open: each chunk's nonce has its number and whether it is the last. A content
  has one form: all chunks but the last are full, and only an empty content has an empty one.
- *One content for all.* The `commitment`, SHA-256 over info and key, fixes the key: two members who open a stream
  have the same content, whatever their slots hold (see `sealing.py`).
- *What this doesn't do.* Who seals can leave a member out, and a member can pass on what it opened. The place isn't
  proof of who sealed: of an aggregate the commitment on chain tells whether it is the right one.
- A model may be open, too: then it is its plain safetensors file, whose first 8 bytes can't be a stream's.

Functions on bytes have one on files beside them, which reads and writes a chunk at a time, and leaves no file if it
raises. Reference: Hoang, Reyhanitabar, Rogaway, Vizar, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance" (2015), for STREAM; RFC 9180.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from offchain.storage.errors import SealingError, TooLarge
from offchain.storage.files import written_whole
from offchain.storage.sealing import KEY, SLOT, SealingKey, address_bytes, wrap

__all__ = [
    "CHUNK",
    "MAX_MEMBERS",
    "Place",
    "What",
    "grant",
    "grant_size",
    "is_sealed_model",
    "open_as_member",
    "open_as_member_file",
    "open_grant",
    "open_model",
    "open_model_file",
    "seal_model",
    "seal_model_file",
    "seal_to_members",
    "seal_to_members_file",
    "sealed_model_size",
    "sealed_to_members_size",
]

MAX_MEMBERS = 48  # 32 seats, 8 aggregators, the owner, and some to spare
CHUNK = 1 << 20  # bytes of content in a chunk

_STREAM = b"meedstrm"
_GRANT = b"meedgrnt"
_DOMAIN = b"meed/members/1"
_COMMITMENT = b"meed/members/key/1"
_CONTENT = b"meed/members/chunk/1"
_TAG = 16
_STREAM_HEAD = len(_STREAM) + 32
_GRANT_HEAD = len(_GRANT) + 1
_NO_PLACE = b""


class What(Enum):
    """What is sealed, with the byte that stands for it."""

    MODEL = 1
    AGGREGATE = 2


@dataclass(frozen=True)
class Place:
    """Where a grant belongs. A model's round is 0. Raises SealingError for numbers or an address that aren't."""

    chain_id: int
    project: str  # the escrow's address, "0x" and 40 hex digits in any case
    what: What
    round: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.chain_id < 1 << 256 and 0 <= self.round < 1 << 256):
            raise SealingError("chain id and round are unsigned 256-bit integers")
        self.info()

    def info(self) -> bytes:
        """The bytes that slots and chunks bind: of fixed length, so that no two places share them."""
        number = self.round.to_bytes(32, "big")
        return b"".join(
            [_DOMAIN, bytes([self.what.value]), self.chain_id.to_bytes(32, "big"), address_bytes(self.project), number]
        )


# --- to all members at once: aggregates ---


def seal_to_members(content: bytes, recipients: list[bytes], place: Place) -> bytes:
    """Seals a content to 1 to 48 public keys of 32 bytes. Each call gives other bytes.

    Raises SealingError, also for a key that can't be sealed to.
    """
    target = io.BytesIO()
    _seal_to_members(io.BytesIO(content), target, recipients, place)
    return target.getvalue()


def seal_to_members_file(content: Path, sealed: Path, recipients: list[bytes], place: Place) -> None:
    """`seal_to_members` from file to file."""
    with content.open("rb") as source, written_whole(sealed) as target:
        _seal_to_members(source, target, recipients, place)


def open_as_member(sealed: bytes, key: SealingKey, place: Place, max_size: int) -> bytes:
    """The content of at most `max_size` bytes. Raises TooLarge, and SealingError if the bytes are for somebody or
    somewhere else, or not whole.
    """
    target = io.BytesIO()
    _open_as_member(io.BytesIO(sealed), target, key, place, max_size)
    return target.getvalue()


def open_as_member_file(sealed: Path, content: Path, key: SealingKey, place: Place, max_size: int) -> None:
    """`open_as_member` from file to file."""
    with sealed.open("rb") as source, written_whole(content) as target:
        _open_as_member(source, target, key, place, max_size)


def sealed_to_members_size(size: int, recipients: int = MAX_MEMBERS) -> int:
    """Bytes of a content of `size` bytes sealed to members: what a reader must be ready to take."""
    return grant_size(recipients) + sealed_model_size(size)


# --- the content first, its key later: the initial model ---


def seal_model(content: bytes) -> tuple[bytes, bytes]:
    """The sealed content, whose CID the terms can name, and its key (32 bytes, secret), to be granted later."""
    target, key = io.BytesIO(), secrets.token_bytes(KEY)
    _seal(io.BytesIO(content), target, key, _NO_PLACE)
    return target.getvalue(), key


def seal_model_file(content: Path, sealed: Path) -> bytes:
    """`seal_model` from file to file; returns the key."""
    key = secrets.token_bytes(KEY)
    with content.open("rb") as source, written_whole(sealed) as target:
        _seal(source, target, key, _NO_PLACE)
    return key


def open_model(sealed: bytes, key: bytes, max_size: int) -> bytes:
    """The content of at most `max_size` bytes. Raises TooLarge, SealingError."""
    target = io.BytesIO()
    _open(io.BytesIO(sealed), target, key, _NO_PLACE, max_size)
    return target.getvalue()


def open_model_file(sealed: Path, content: Path, key: bytes, max_size: int) -> None:
    """`open_model` from file to file."""
    with sealed.open("rb") as source, written_whole(content) as target:
        _open(source, target, key, _NO_PLACE, max_size)


def is_sealed_model(beginning: bytes) -> bool:
    """Whether bytes that begin so are a sealed model rather than an open one. 8 bytes are enough."""
    return beginning.startswith(_STREAM)


def sealed_model_size(size: int) -> int:
    """Bytes of a sealed model of `size` bytes."""
    return _STREAM_HEAD + size + _TAG * max(1, -(-size // CHUNK))


def grant(key: bytes, recipients: list[bytes], place: Place) -> bytes:
    """Gives a model's key to 1 to 48 public keys of 32 bytes. Public, as long as the recipients' keys are secret.

    Raises SealingError, also for a key that can't be sealed to.
    """
    if len(key) != KEY:
        raise SealingError(f"a model's key has {KEY} bytes, not {len(key)}")
    if not 1 <= len(recipients) <= MAX_MEMBERS:
        raise SealingError(f"seal to 1 to {MAX_MEMBERS} members, not {len(recipients)}")
    return _GRANT + bytes([len(recipients)]) + wrap(key, recipients, place.info())


def open_grant(granted: bytes, key: SealingKey, place: Place) -> bytes:
    """The model's key (32 bytes). Raises SealingError if it isn't granted to this key and place."""
    source = io.BytesIO(granted)
    model_key = _read_grant(source, key, place)
    if source.read(1):
        raise SealingError("the grant doesn't open")
    return model_key


def grant_size(recipients: int = MAX_MEMBERS) -> int:
    """Bytes of a grant."""
    return _GRANT_HEAD + recipients * SLOT


# --- streams ---


def _seal_to_members(source: IO[bytes], target: IO[bytes], recipients: list[bytes], place: Place) -> None:
    key = secrets.token_bytes(KEY)
    target.write(grant(key, recipients, place))
    _seal(source, target, key, place.info())


def _open_as_member(source: IO[bytes], target: IO[bytes], key: SealingKey, place: Place, max_size: int) -> None:
    _open(source, target, _read_grant(source, key, place), place.info(), max_size)


def _read_grant(source: IO[bytes], key: SealingKey, place: Place) -> bytes:
    head = source.read(_GRANT_HEAD)
    count = head[-1] if len(head) == _GRANT_HEAD and head.startswith(_GRANT) else 0
    slots = source.read(count * SLOT)
    if not 1 <= count <= MAX_MEMBERS or len(slots) != count * SLOT:
        raise SealingError("the grant doesn't open")
    opened = next(key.unwrap(slots, place.info()), None)
    if opened is None:
        raise SealingError("the grant doesn't open")
    return opened


def _seal(source: IO[bytes], target: IO[bytes], key: bytes, info: bytes) -> None:
    cipher = ChaCha20Poly1305(key)
    target.write(_STREAM + _commitment(key, info))
    for nonce, piece in _pieces(source, CHUNK):
        target.write(cipher.encrypt(nonce, piece, _CONTENT + info))


def _open(source: IO[bytes], target: IO[bytes], key: bytes, info: bytes, max_size: int) -> None:
    head = source.read(_STREAM_HEAD)
    if len(key) != KEY or not hmac.compare_digest(head, _STREAM + _commitment(key, info)):
        raise SealingError("the sealed content doesn't open")
    cipher, size = ChaCha20Poly1305(key), 0
    for number, (nonce, piece) in enumerate(_pieces(source, CHUNK + _TAG)):
        try:
            opened = cipher.decrypt(nonce, piece, _CONTENT + info)
        except InvalidTag:
            raise SealingError("the sealed content doesn't open") from None
        if number and not opened:  # all that an honest sealer wouldn't write
            raise SealingError("the sealed content doesn't open")
        size += len(opened)
        if size > max_size:
            raise TooLarge(f"the sealed content has more than {max_size} bytes")
        target.write(opened)


def _pieces(source: IO[bytes], size: int) -> Iterator[tuple[bytes, bytes]]:
    """The pieces of `size` bytes that a source is cut into, the last maybe shorter, each with its chunk's nonce."""
    piece = source.read(size)
    for number in range(1 << 32):
        following = source.read(size)
        yield bytes(7) + number.to_bytes(4, "big") + bytes([not following]), piece
        if not following:
            return
        piece = following
    raise SealingError("the content has more than 4 PiB")


def _commitment(key: bytes, info: bytes) -> bytes:
    return hashlib.sha256(_COMMITMENT + info + key).digest()

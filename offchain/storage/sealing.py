"""Sealing a payload to the aggregators of a project, so that nobody else reads it and nobody else can pass it off as
their own.

The content is encrypted once, under a fresh key, with ChaCha20-Poly1305; the key is encrypted to each recipient with
HPKE (RFC 9180) in base mode, suite DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305:

    sealed  = header | AEAD(key, content; associated data = info | header)
    header  = version (1 byte) | recipients n (1 byte) | commitment (32) | n x slot (80)
    slot_i  = HPKE.Seal(pk_i, info; key), its ephemeral secret HMAC-SHA256(key; tag | info | pk_i)
    info    = domain tag | chain id (32) | project (20) | round (32) | sender (20)

- *Bound to its place.* Chain, project, round and sender are in `info` and in the associated data. Sealed bytes that
  somebody copies and delivers under another name, in another round or project, open for nobody; and making new ones
  would take the content.
- *One content for all.* ChaCha20-Poly1305 doesn't commit to its key: bytes can be crafted that decrypt under two keys
  to two contents. The `commitment`, SHA-256 over info and key, rules that out: whoever opens sealed bytes at all has
  the same key and so the same content.
- *For all or for none.* Slots follow from key and recipients, so who opens one makes all of them again and compares
  the bits: payloads that some recipient couldn't open are refused by every other one too. HPKE's own ephemeral secret
  is drawn at random; one drawn from the sealed key, as Fujisaki and Okamoto do, hides as well, since nobody but the
  recipients can guess 32 random bytes, and any HPKE opens it.
- *No forward secrecy, no sender authentication.* Who learns an aggregator's key later can open what was sealed to it:
  use a key for one project. That the sender is who it says, the chain shows: only the sender could deliver the digest
  under its name.

Cost: two X25519 exchanges a recipient (about 0.1 ms) and one pass over the content. The nonce of the content is zero:
its key is used once. Reference: RFC 9180, sections 5.1.1 and 6.1; Len, Grubbs, Ristenpart, "Partitioning Oracle
Attacks" (2021), for the commitment; Fujisaki, Okamoto, "Secure Integration of Asymmetric and Symmetric Encryption
Schemes" (1999), for the slots.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from offchain.storage.errors import SealingError

__all__ = [
    "KEY",
    "MAX_RECIPIENTS",
    "SLOT",
    "Envelope",
    "SealingKey",
    "address_bytes",
    "check_public_key",
    "is_usable",
    "seal",
    "sealed_size",
    "usable",
    "wrap",
]

MAX_RECIPIENTS = 8  # aggregators that a project can list
KEY = 32  # bytes of a key, public or secret
SLOT = 32 + KEY + 16  # bytes of a recipient's slot: encapsulated key, sealed key, tag

_VERSION = 2
_DOMAIN = b"meed/sealed-payload/2"
_EPHEMERAL = b"meed/slot/ephemeral/1"
_KEM = b"KEM\x00\x20"  # suite identifiers of RFC 9180: DHKEM(X25519, HKDF-SHA256)
_HPKE = b"HPKE\x00\x20\x00\x01\x00\x03"  # with HKDF-SHA256 and ChaCha20-Poly1305
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_TAG = 16
_HEAD = 2 + 32
_NONCE = bytes(12)
_FIELD = 2**255 - 19  # of X25519


@dataclass(frozen=True)
class Envelope:
    """Where sealed bytes belong.

    Addresses are "0x" and 40 hex digits, in any case. Raises SealingError for anything else.
    """

    chain_id: int
    project: str  # the escrow's address
    round: int
    sender: str  # the trainer's address

    def __post_init__(self) -> None:
        if not (0 <= self.chain_id < 1 << 256 and 0 <= self.round < 1 << 256):
            raise SealingError("chain id and round are unsigned 256-bit integers")
        self.info()

    def info(self) -> bytes:
        """The bytes that HPKE and the AEAD bind: of fixed length, so that no two envelopes share them."""
        numbers = self.chain_id.to_bytes(32, "big"), self.round.to_bytes(32, "big")
        return b"".join([_DOMAIN, numbers[0], address_bytes(self.project), numbers[1], address_bytes(self.sender)])


class SealingKey:
    """An aggregator's secret key. `public` (32 bytes) goes on chain. Nothing prints the secret."""

    def __init__(self, secret: X25519PrivateKey) -> None:
        self._secret = secret
        self.public: bytes = secret.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"SealingKey(public={self.public.hex()})"

    @classmethod
    def generate(cls) -> SealingKey:
        """A new key from the system's randomness."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def load(cls, path: str | Path) -> SealingKey:
        """Reads a key from a file that only its owner may use, or raises SealingError."""
        try:
            with Path(path).open("rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise SealingError(f"{path} can be used by others: make it mode 600")
                text = file.read(2 * KEY + 2)
            return cls(X25519PrivateKey.from_private_bytes(bytes.fromhex(text.decode("ascii").strip())))
        except OSError as error:
            raise SealingError(f"can't read {path}: {error.strerror}") from None
        except ValueError:
            raise SealingError(f"{path} holds no sealing key") from None

    def save(self, path: str | Path) -> None:
        """Writes a new file of mode 600 with the key in hex.

        Raises SealingError if it exists: a key is never overwritten.
        """
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise SealingError(f"can't write {path}: {error.strerror}") from None
        with os.fdopen(handle, "w") as file:
            file.write(self._secret.private_bytes_raw().hex() + "\n")
            file.flush()
            os.fsync(file.fileno())

    def open(
        self, sealed: bytes, envelope: Envelope, max_size: int, recipients: Sequence[bytes] | None = None
    ) -> bytes:
        """The content of at most `max_size` bytes. recipients: all the keys that it has to be sealed to, in order;
        without them only this one counts.

        Raises SealingError: one message for whatever is wrong with the bytes, another if not all of the recipients can
        open them.
        """
        count = sealed[1] if len(sealed) >= _HEAD and sealed[0] == _VERSION else 0
        start = _HEAD + count * SLOT
        if not 1 <= count <= MAX_RECIPIENTS or not 0 <= len(sealed) - start - _TAG <= max_size:
            raise SealingError("the payload doesn't open")
        header, info = sealed[:start], envelope.info()
        for key in self.unwrap(sealed[_HEAD:start], info):
            if hmac.compare_digest(_commitment(key, info), sealed[2:_HEAD]):
                with suppress(InvalidTag):
                    content = ChaCha20Poly1305(key).decrypt(_NONCE, sealed[start:], info + header)
                    if recipients is not None and sealed[_HEAD:start] != wrap(key, usable(recipients), info):
                        raise SealingError("the payload isn't sealed alike to all aggregators")
                    return content
        raise SealingError("the payload doesn't open")

    def unwrap(self, slots: bytes, info: bytes) -> Iterator[bytes]:
        """The content keys (32 bytes) in those of the slots, one behind the other, that this key opens."""
        for k in range(0, len(slots), SLOT):
            try:
                key = _SUITE.decrypt(slots[k : k + SLOT], self._secret, info)
            except (InvalidTag, ValueError):
                continue
            yield key


def seal(content: bytes, recipients: list[bytes], envelope: Envelope) -> bytes:
    """Seals a content to 1 to 8 public keys of 32 bytes. Each call gives other bytes: keep them, the CID is of these.

    Raises SealingError, also for a key that can't be sealed to.
    """
    if not 1 <= len(recipients) <= MAX_RECIPIENTS:
        raise SealingError(f"seal to 1 to {MAX_RECIPIENTS} recipients, not {len(recipients)}")
    info, key = envelope.info(), secrets.token_bytes(KEY)
    header = b"".join([bytes([_VERSION, len(recipients)]), _commitment(key, info), wrap(key, recipients, info)])
    return header + ChaCha20Poly1305(key).encrypt(_NONCE, content, info + header)


def wrap(key: bytes, recipients: list[bytes], info: bytes) -> bytes:
    """The slots that give a content key (32 bytes, random) to each of the public keys, one behind the other. The same
    arguments give the same bytes.

    Raises SealingError for a key that can't be sealed to.
    """
    for public in recipients:
        check_public_key(public)
    return b"".join(_slot(key, public, info) for public in recipients)


def sealed_size(size: int, recipients: int = MAX_RECIPIENTS) -> int:
    """Bytes of a sealed content of `size` bytes: what a reader must be ready to take."""
    return _HEAD + recipients * SLOT + size + _TAG


def check_public_key(public: bytes) -> None:
    """Raises SealingError for a public key that nothing can be sealed to:

    wrong length; a point of small order (RFC 9180, section 7.1.4); or not in canonical form, in which no client writes
    its key, so that it could not open what HPKE binds to these bytes.
    """
    try:
        if int.from_bytes(public, "little") >= _FIELD:
            raise ValueError("not canonical")
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise SealingError(f"{public.hex()[:64]} is no usable public key") from None


def is_usable(public: bytes) -> bool:
    """Whether something can be sealed to a public key."""
    try:
        check_public_key(public)
    except SealingError:
        return False
    return True


def usable(keys: Sequence[bytes]) -> list[bytes]:
    """Those that something can be sealed to, in their order: whom payloads are sealed to."""
    return [public for public in keys if is_usable(public)]


def _slot(key: bytes, public: bytes, info: bytes) -> bytes:
    """HPKE.Seal of a key in base mode (RFC 9180, sections 4.1, 5.1, 5.2), with an ephemeral secret that follows from
    all of it.
    """
    ephemeral = X25519PrivateKey.from_private_bytes(hmac.digest(key, _EPHEMERAL + info + public, "sha256"))
    encapsulated = ephemeral.public_key().public_bytes_raw()
    exchanged = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    shared = _expand(_KEM, _extract(_KEM, b"", b"eae_prk", exchanged), b"shared_secret", encapsulated + public, 32)
    context = b"\x00" + _extract(_HPKE, b"", b"psk_id_hash", b"") + _extract(_HPKE, b"", b"info_hash", info)
    secret = _extract(_HPKE, shared, b"secret", b"")
    cipher = ChaCha20Poly1305(_expand(_HPKE, secret, b"key", context, 32))
    return encapsulated + cipher.encrypt(_expand(_HPKE, secret, b"base_nonce", context, 12), key, None)


def _extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    """LabeledExtract of RFC 9180, section 4."""
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, "sha256")


def _expand(suite: bytes, secret: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """LabeledExpand, of 32 bytes at the most: one block of HKDF."""
    labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(secret, labeled + b"\x01", "sha256")[:length]


def _commitment(key: bytes, info: bytes) -> bytes:
    return hashlib.sha256(b"meed/sealed-payload/key/1" + info + key).digest()


def address_bytes(text: str) -> bytes:
    """The 20 bytes of "0x" and 40 hex digits. Raises SealingError."""
    try:
        address = bytes.fromhex(text[2:])
    except (TypeError, ValueError):
        address = b""
    if len(address) != 20 or len(text) != 42 or not text.startswith("0x"):
        raise SealingError(f"not an address: {text!r}")
    return address

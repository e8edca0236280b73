"""Sealed payloads: who opens them and where, and that the key slots are RFC 9180's."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from offchain.storage import sealing
from offchain.storage.errors import SealingError
from offchain.storage.sealing import (
    Envelope,
    SealingKey,
    check_public_key,
    is_usable,
    seal,
    sealed_size,
    usable,
    wrap,
)

PROJECT = "0x" + "a1" * 20
SENDER = "0x" + "b2" * 20
ENVELOPE = Envelope(31337, PROJECT, 3, SENDER)
CONTENT = b"update and tail" * 20
CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
REFUSED = "^the payload doesn't open$"


@pytest.fixture(scope="module")
def keys() -> list[SealingKey]:
    return [SealingKey.generate() for _ in range(8)]


@pytest.fixture(scope="module")
def sealed(keys: list[SealingKey]) -> bytes:
    return seal(CONTENT, [key.public for key in keys[:3]], ENVELOPE)


def test_open__each_recipient__gets_the_content(keys: list[SealingKey], sealed: bytes) -> None:
    assert [key.open(sealed, ENVELOPE, len(CONTENT)) for key in keys[:3]] == [CONTENT] * 3


@pytest.mark.parametrize("count", [1, 8])
@pytest.mark.parametrize("content", [b"", b"x", bytes(100_000)])
def test_seal__any_count__size_is_as_told(keys: list[SealingKey], count: int, content: bytes) -> None:
    sealed = seal(content, [key.public for key in keys[:count]], ENVELOPE)
    assert len(sealed) == sealed_size(len(content), count) <= sealed_size(len(content))
    assert keys[count - 1].open(sealed, ENVELOPE, len(content)) == content


def test_seal__twice__shares_no_bytes_but_the_first(keys: list[SealingKey], sealed: bytes) -> None:
    again = seal(CONTENT, [key.public for key in keys[:3]], ENVELOPE)
    assert sum(a == b for a, b in zip(sealed, again, strict=True)) < len(sealed) / 10
    assert CONTENT[:15] not in sealed


def test_open__stranger__raises(keys: list[SealingKey], sealed: bytes) -> None:
    with pytest.raises(SealingError, match=REFUSED):
        keys[5].open(sealed, ENVELOPE, len(CONTENT))


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 1},
        {"project": SENDER},
        {"round": 4},
        {"sender": "0x" + "b3" * 20},
        {"project": SENDER, "sender": PROJECT},
    ],
    ids=lambda change: " and ".join(change),
)
def test_open__copied_elsewhere__raises(keys: list[SealingKey], sealed: bytes, change: dict) -> None:
    with pytest.raises(SealingError, match=REFUSED):
        keys[0].open(sealed, dataclasses.replace(ENVELOPE, **change), len(CONTENT))


def test_open__address_in_other_case__opens(keys: list[SealingKey], sealed: bytes) -> None:
    envelope = Envelope(31337, "0x" + "A1" * 20, 3, "0x" + "B2" * 20)
    assert keys[0].open(sealed, envelope, len(CONTENT)) == CONTENT


def test_open__any_byte_changed__raises(keys: list[SealingKey], sealed: bytes) -> None:
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 0x80 if position % 2 else 0x01
        with pytest.raises(SealingError, match=REFUSED):
            keys[1].open(bytes(changed), ENVELOPE, 10_000)


def test_open__cut_or_extended__raises(keys: list[SealingKey], sealed: bytes) -> None:
    for length in [*range(0, len(sealed), 7), len(sealed) - 1]:
        with pytest.raises(SealingError, match=REFUSED):
            keys[1].open(sealed[:length], ENVELOPE, 10_000)
    with pytest.raises(SealingError, match=REFUSED):
        keys[1].open(sealed + b"\0", ENVELOPE, 10_000)


def test_open__beyond_the_limit__raises(keys: list[SealingKey], sealed: bytes) -> None:
    with pytest.raises(SealingError, match=REFUSED):
        keys[0].open(sealed, ENVELOPE, len(CONTENT) - 1)


def two_keys_one_ciphertext(keys: tuple[bytes, bytes], data: bytes) -> bytes:
    """32 bytes of ciphertext and a tag that ChaCha20-Poly1305 accepts under both keys: of its two blocks the first is
    drawn and the second solved for, as the tag is linear in it (RFC 8439, sections 2.5 and 2.8).
    """
    p, padded, lengths = 2**130 - 5, data + bytes(-len(data) % 16), struct.pack("<QQ", len(data), 32)

    def tag(one_time: tuple[int, int], ciphertext: bytes) -> int:
        total, text = 0, padded + ciphertext + lengths
        for k in range(0, len(text), 16):
            total = (total + int.from_bytes(text[k : k + 16] + b"\x01", "little")) * one_time[0] % p
        return total + one_time[1]

    streams = [Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor().update(bytes(32)) for key in keys]
    halves = [struct.unpack("<16s16s", stream) for stream in streams]
    pairs = [(int.from_bytes(r, "little") & CLAMP, int.from_bytes(s, "little")) for r, s in halves]
    for count in range(1000):
        first = count.to_bytes(16, "little")
        difference = tag(pairs[1], first + bytes(16)) - tag(pairs[0], first + bytes(16))
        solved = difference * pow(pairs[0][0] ** 2 - pairs[1][0] ** 2, -1, p) % p
        if solved < 2**128:
            ciphertext = first + solved.to_bytes(16, "little")
            tags = [tag(pair, ciphertext) % 2**128 for pair in pairs]
            if tags[0] == tags[1]:
                return ciphertext + tags[0].to_bytes(16, "little")
    raise RuntimeError("no such ciphertext found")


def test_open__crafted_to_decrypt_to_two_contents__opens_for_one_key_only(keys: list[SealingKey]) -> None:
    info, slot_keys = ENVELOPE.info(), (b"\x01" * 32, b"\x02" * 32)
    slots = [
        sealing._SUITE.encrypt(slot_key, X25519PublicKey.from_public_bytes(key.public), info)
        for slot_key, key in zip(slot_keys, keys, strict=False)
    ]
    header = b"\x02\x02" + hashlib.sha256(b"meed/sealed-payload/key/1" + info + slot_keys[0]).digest() + b"".join(slots)
    body = two_keys_one_ciphertext(slot_keys, info + header)
    contents = [ChaCha20Poly1305(slot_key).decrypt(bytes(12), body, info + header) for slot_key in slot_keys]
    assert contents[0] != contents[1]  # the AEAD alone accepts both
    assert keys[0].open(header + body, ENVELOPE, 32) == contents[0]
    with pytest.raises(SealingError, match=REFUSED):
        keys[1].open(header + body, ENVELOPE, 32)


FIELD = 2**255 - 19
# the points of order 1, 2, 4 and 8 of the curve and its twist, whose product with any secret is zero (RFC 7748, section
# 6.1; the two of order 8 are those of D. J. Bernstein, "Curve25519", 2006)
LOW_ORDER = [
    0,
    1,
    FIELD - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]
ALIASES = [u + k for u in LOW_ORDER for k in (FIELD, 2**255, FIELD + 2**255) if u + k < 2**256]
NOT_CANONICAL = [FIELD + 2, 2**255 - 1, 2**255 + 9, 2**256 - 1]


def numbered(u: int) -> bytes:
    return u.to_bytes(32, "little")


# --- for all or for none


def publics(keys: list[SealingKey]) -> list[bytes]:
    return [key.public for key in keys]


def sealed_with(slots: list[bytes], key: bytes) -> bytes:
    """What opens for whoever finds the key in one of the slots."""
    info = ENVELOPE.info()
    header = bytes([2, len(slots)]) + hashlib.sha256(b"meed/sealed-payload/key/1" + info + key).digest()
    header += b"".join(slots)
    return header + ChaCha20Poly1305(key).encrypt(bytes(12), CONTENT, info + header)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_open__sealed_to_exactly_these__opens_for_each(keys: list[SealingKey], count: int) -> None:
    recipients = publics(keys[:count])
    sealed = seal(CONTENT, recipients, ENVELOPE)
    assert [key.open(sealed, ENVELOPE, len(CONTENT), recipients) for key in keys[:count]] == [CONTENT] * count


@pytest.mark.parametrize("odd", ["garbage", "other key", "own randomness", "swapped", "bit"])
def test_open__one_slot_is_odd__refused_by_those_whose_own_slot_is_good(keys: list[SealingKey], odd: str) -> None:
    key, info = b"\x07" * 32, ENVELOPE.info()
    slots = [wrap(key, [public], info) for public in publics(keys[:3])]
    slots[1] = {
        "garbage": bytes(80),
        "other key": wrap(b"\x08" * 32, [keys[1].public], info),
        "own randomness": sealing._SUITE.encrypt(key, X25519PublicKey.from_public_bytes(keys[1].public), info),
        "swapped": slots[0],
        "bit": slots[1][:-1] + bytes([slots[1][-1] ^ 1]),
    }[odd]
    sealed = sealed_with(slots, key)
    assert keys[0].open(sealed, ENVELOPE, len(CONTENT)) == CONTENT
    for holder in (keys[0], keys[2]):
        with pytest.raises(SealingError, match=r"^the payload isn't sealed alike to all aggregators$"):
            holder.open(sealed, ENVELOPE, len(CONTENT), publics(keys[:3]))


def test_open__sealed_to_others_too_or_not_to_all__refused(keys: list[SealingKey]) -> None:
    for recipients in ([0], [0, 1], [1, 0, 2], [0, 1, 2, 3], [0, 0, 1, 2]):
        sealed = seal(CONTENT, [keys[k].public for k in recipients], ENVELOPE)
        with pytest.raises(SealingError, match="isn't sealed alike to all"):
            keys[0].open(sealed, ENVELOPE, len(CONTENT), publics(keys[:3]))


def test_open__an_aggregator_has_an_unusable_key__it_is_left_out_by_all(keys: list[SealingKey]) -> None:
    listed = [keys[0].public, bytes(32), keys[1].public]
    assert usable(listed) == publics(keys[:2])
    sealed = seal(CONTENT, usable(listed), ENVELOPE)
    assert keys[1].open(sealed, ENVELOPE, len(CONTENT), listed) == CONTENT


def test_wrap__any_argument_changed__shares_no_ephemeral_key(keys: list[SealingKey]) -> None:
    key, info = b"\x07" * 32, ENVELOPE.info()
    slot = wrap(key, [keys[0].public], info)
    assert wrap(key, [keys[0].public], info) == slot
    others = [
        wrap(b"\x08" + key[1:], [keys[0].public], info),
        wrap(key, [keys[1].public], info),
        wrap(key, [keys[0].public], dataclasses.replace(ENVELOPE, round=4).info()),
    ]
    assert len({other[:32] for other in [slot, *others]}) == 4


@pytest.mark.parametrize(
    "public",
    [b"", bytes(31), bytes(33), *map(numbered, [*LOW_ORDER, *ALIASES, *NOT_CANONICAL])],
    ids=lambda key: f"{len(key)}-{key[::-1].hex()[:8]}-{key.hex()[:4]}",
)
def test_check_public_key__unusable__raises(keys: list[SealingKey], public: bytes) -> None:
    with pytest.raises(SealingError, match="no usable public key"):
        check_public_key(public)
    with pytest.raises(SealingError, match="no usable public key"):
        seal(CONTENT, [keys[0].public, public], ENVELOPE)
    assert not is_usable(public)


def test_check_public_key__another_form_of_a_key__could_not_be_opened_with_it(keys: list[SealingKey]) -> None:
    """HPKE binds the recipient's bytes, and who has the secret computes the canonical ones."""
    alias = keys[0].public[:31] + bytes([keys[0].public[31] | 0x80])
    slot = sealing._SUITE.encrypt(b"key", X25519PublicKey.from_public_bytes(alias), b"info")
    assert list(keys[0].unwrap(slot, b"info")) == []
    assert not is_usable(alias)
    assert is_usable(keys[0].public)


@pytest.mark.parametrize("count", [0, 9])
def test_seal__wrong_number_of_recipients__raises(keys: list[SealingKey], count: int) -> None:
    with pytest.raises(SealingError, match=f"1 to 8 recipients, not {count}"):
        seal(CONTENT, [keys[0].public] * count, ENVELOPE)


def test_open__more_slots_than_there_may_be__does_not(keys: list[SealingKey], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each slot costs whoever opens it a decapsulation."""
    with monkeypatch.context() as patch:
        patch.setattr(sealing, "MAX_RECIPIENTS", 9)
        sealed = seal(CONTENT, [keys[0].public] * 9, ENVELOPE)
        assert keys[0].open(sealed, ENVELOPE, len(CONTENT)) == CONTENT
    with pytest.raises(SealingError, match="doesn't open"):
        keys[0].open(sealed, ENVELOPE, len(CONTENT))


NO_ADDRESSES = ["", "0x", "a1" * 20, "0x" + "a1" * 19, "0x" + "a1" * 21, "0x" + "zz" * 20, "0x" + "a1 " * 20]


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_envelope__not_an_address__raises(address: str) -> None:
    with pytest.raises(SealingError, match="not an address"):
        Envelope(1, address, 0, SENDER)
    with pytest.raises(SealingError, match="not an address"):
        Envelope(1, PROJECT, 0, address)


@pytest.mark.parametrize(("chain_id", "number"), [(-1, 0), (1, -1), (2**256, 0), (1, 2**256)])
def test_envelope__number_out_of_range__raises(chain_id: int, number: int) -> None:
    with pytest.raises(SealingError, match="unsigned 256-bit"):
        Envelope(chain_id, PROJECT, number, SENDER)


def test_key__saved_and_loaded__opens(tmp_path: Path, sealed: bytes, keys: list[SealingKey]) -> None:
    keys[0].save(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert SealingKey.load(tmp_path / "key").open(sealed, ENVELOPE, len(CONTENT)) == CONTENT


def test_key__file_exists__is_not_overwritten(tmp_path: Path, keys: list[SealingKey]) -> None:
    keys[0].save(tmp_path / "key")
    with pytest.raises(SealingError, match="File exists"):
        keys[1].save(tmp_path / "key")
    assert SealingKey.load(tmp_path / "key").public == keys[0].public


def test_key__file_open_to_others__raises(tmp_path: Path, keys: list[SealingKey]) -> None:
    keys[0].save(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(SealingError, match="can be used by others: make it mode 600"):
        SealingKey.load(tmp_path / "key")


@pytest.mark.parametrize("text", ["", "abc", "00" * 31, "00" * 33, "zz" * 32, "\u00e9" * 32])
def test_key__file_without_a_key__raises_without_its_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(SealingError, match=r"/key holds no sealing key$"):
        SealingKey.load(path)


def test_key__no_file__raises(tmp_path: Path) -> None:
    with pytest.raises(SealingError, match=r"can't read .*: No such file"):
        SealingKey.load(tmp_path / "none")


def test_key__repr__shows_the_public_half_only(tmp_path: Path, keys: list[SealingKey]) -> None:
    keys[0].save(tmp_path / "key")
    secret = (tmp_path / "key").read_text().strip()
    assert repr(keys[0]) == f"SealingKey(public={keys[0].public.hex()})"
    assert secret not in repr(keys[0]) + str(vars(keys[0]))


# --- RFC 9180 by its text, as an oracle: first it against the RFC's vector, then our bytes against it ---

KEM_ID = b"KEM" + (0x20).to_bytes(2, "big")
SUITE_ID = b"HPKE" + (0x20).to_bytes(2, "big") + (1).to_bytes(2, "big") + (3).to_bytes(2, "big")


def labeled_extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    mac = HMAC(salt or bytes(32), SHA256())
    mac.update(b"HPKE-v1" + suite + label + material)
    return mac.finalize()


def labeled_expand(suite: bytes, secret: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return HKDFExpand(SHA256(), length, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info).derive(secret)


def rfc9180_keys(secret_key: X25519PrivateKey, enc: bytes, info: bytes) -> tuple[bytes, bytes, bytes]:
    """Shared secret, AEAD key and nonce of a recipient in base mode: sections 4.1 and 5.1."""
    exchanged = secret_key.exchange(X25519PublicKey.from_public_bytes(enc))
    context = enc + secret_key.public_key().public_bytes_raw()
    extracted = labeled_extract(KEM_ID, b"", b"eae_prk", exchanged)
    shared = labeled_expand(KEM_ID, extracted, b"shared_secret", context, 32)
    empty_psk = labeled_extract(SUITE_ID, b"", b"psk_id_hash", b"")
    schedule = b"\x00" + empty_psk + labeled_extract(SUITE_ID, b"", b"info_hash", info)
    secret = labeled_extract(SUITE_ID, shared, b"secret", b"")
    key = labeled_expand(SUITE_ID, secret, b"key", schedule, 32)
    return shared, key, labeled_expand(SUITE_ID, secret, b"base_nonce", schedule, 12)


def test_oracle__vector_of_the_rfc__agrees() -> None:
    path = Path(__file__).parents[2] / "vectors" / "hpke.json"
    vector = {name: bytes.fromhex(text) for name, text in json.loads(path.read_text()).items() if name != "about"}
    recipient = X25519PrivateKey.from_private_bytes(vector["skRm"])
    shared, key, nonce = rfc9180_keys(recipient, vector["enc"], vector["info"])
    assert (shared, key, nonce) == (vector["shared_secret"], vector["key"], vector["base_nonce"])
    assert ChaCha20Poly1305(key).decrypt(nonce, vector["ct"], vector["aad"]) == vector["pt"]


def test_seal__read_with_the_oracle__is_rfc_9180_and_the_documented_format(
    keys: list[SealingKey], tmp_path: Path
) -> None:
    keys[1].save(tmp_path / "key")
    secret = X25519PrivateKey.from_private_bytes(bytes.fromhex((tmp_path / "key").read_text()))
    sealed = seal(CONTENT, [keys[0].public, keys[1].public], ENVELOPE)
    info = (
        b"meed/sealed-payload/2"
        + (31337).to_bytes(32, "big")
        + bytes.fromhex(PROJECT[2:])
        + (3).to_bytes(32, "big")
        + bytes.fromhex(SENDER[2:])
    )
    header, slot = sealed[: 34 + 160], sealed[34 + 80 : 34 + 160]
    _, slot_key, nonce = rfc9180_keys(secret, slot[:32], info)
    key = ChaCha20Poly1305(slot_key).decrypt(nonce, slot[32:], None)
    assert sealed[:2] == b"\x02\x02"
    assert sealed[2:34] == hashlib.sha256(b"meed/sealed-payload/key/1" + info + key).digest()
    assert ChaCha20Poly1305(key).decrypt(bytes(12), sealed[34 + 160 :], info + header) == CONTENT

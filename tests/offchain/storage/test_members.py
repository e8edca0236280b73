"""Sealed to members: who opens it and where, what a changed stream does, and that long files pass in bounded memory."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from offchain.storage.errors import SealingError, TooLarge
from offchain.storage.members import (
    CHUNK,
    MAX_MEMBERS,
    Place,
    What,
    grant,
    grant_size,
    is_sealed_model,
    open_as_member,
    open_as_member_file,
    open_grant,
    open_model,
    open_model_file,
    seal_model,
    seal_model_file,
    seal_to_members,
    seal_to_members_file,
    sealed_model_size,
    sealed_to_members_size,
)
from offchain.storage.payload import model_to_bytes
from offchain.storage.sealing import Envelope, SealingKey, seal

PROJECT = "0x" + "a1" * 20
AGGREGATE = Place(31337, PROJECT, What.AGGREGATE, 3)
MODEL = Place(31337, PROJECT, What.MODEL)
CONTENT = hashlib.shake_256(b"content").digest(2 * CHUNK + 5)
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5]
REFUSED = "^the (sealed content|grant) doesn't open$"
TAG, HEAD = 16, 8 + 32


@pytest.fixture(scope="module")
def member_keys() -> list[SealingKey]:
    return [SealingKey.generate() for _ in range(4)]


@pytest.fixture(scope="module")
def to_members(member_keys: list[SealingKey]) -> bytes:
    return seal_to_members(CONTENT, [key.public for key in member_keys[:3]], AGGREGATE)


def test_open_as_member__each_member__gets_the_content(member_keys: list[SealingKey], to_members: bytes) -> None:
    for key in member_keys[:3]:
        assert open_as_member(to_members, key, AGGREGATE, len(CONTENT)) == CONTENT
    assert CONTENT[:16] not in to_members


def test_open_as_member__stranger__raises(member_keys: list[SealingKey], to_members: bytes) -> None:
    with pytest.raises(SealingError, match=REFUSED):
        open_as_member(to_members, member_keys[3], AGGREGATE, len(CONTENT))


@pytest.mark.parametrize("size", SIZES)
def test_seal__any_size__size_is_as_told_and_opens(member_keys: list[SealingKey], size: int) -> None:
    content = CONTENT[:size]
    sealed = seal_to_members(content, [key.public for key in member_keys], AGGREGATE)
    assert len(sealed) == sealed_to_members_size(size, 4) <= sealed_to_members_size(size)
    assert open_as_member(sealed, member_keys[3], AGGREGATE, size) == content
    stream, key = seal_model(content)
    assert len(stream) == sealed_model_size(size)
    assert open_model(stream, key, size) == content


def test_seal_to_members__most_members__the_last_opens(member_keys: list[SealingKey]) -> None:
    others = [SealingKey.generate().public for _ in range(MAX_MEMBERS - 1)]
    sealed = seal_to_members(b"x", [*others, member_keys[0].public], AGGREGATE)
    assert open_as_member(sealed, member_keys[0], AGGREGATE, 1) == b"x"


@pytest.mark.parametrize("count", [0, MAX_MEMBERS + 1])
def test_grant__wrong_number_of_members__raises(member_keys: list[SealingKey], count: int) -> None:
    with pytest.raises(SealingError, match=f"1 to {MAX_MEMBERS} members, not {count}"):
        grant(bytes(32), [member_keys[0].public] * count, MODEL)


def test_grant__unusable_public_key__raises(member_keys: list[SealingKey]) -> None:
    with pytest.raises(SealingError, match="no usable public key"):
        grant(bytes(32), [member_keys[0].public, bytes(32)], MODEL)


def test_grant__key_of_another_length__raises(member_keys: list[SealingKey]) -> None:
    with pytest.raises(SealingError, match="has 32 bytes, not 31"):
        grant(bytes(31), [member_keys[0].public], MODEL)


@pytest.mark.parametrize(
    "change",
    [{"chain_id": 1}, {"project": "0x" + "b2" * 20}, {"round": 4}, {"what": What.MODEL}],
    ids=lambda change: "".join(change),
)
def test_open__copied_elsewhere__raises(member_keys: list[SealingKey], to_members: bytes, change: dict) -> None:
    with pytest.raises(SealingError, match=REFUSED):
        open_as_member(to_members, member_keys[0], dataclasses.replace(AGGREGATE, **change), len(CONTENT))


def test_open__stream_behind_a_grant_for_another_place__raises(
    member_keys: list[SealingKey], to_members: bytes
) -> None:
    # a member knows the stream's key, and may grant it elsewhere: the stream itself is bound, too
    elsewhere = dataclasses.replace(AGGREGATE, round=4)
    key = open_grant(to_members[: grant_size(3)], member_keys[0], AGGREGATE)
    forged = grant(key, [member_keys[1].public], elsewhere) + to_members[grant_size(3) :]
    with pytest.raises(SealingError, match=REFUSED):
        open_as_member(forged, member_keys[1], elsewhere, len(CONTENT))


def test_open__any_byte_changed__raises(member_keys: list[SealingKey]) -> None:
    sealed = seal_to_members(b"short", [member_keys[0].public], AGGREGATE)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(SealingError, match=REFUSED):
            open_as_member(bytes(changed), member_keys[0], AGGREGATE, 100)


def test_open__cut_anywhere_or_extended__raises(member_keys: list[SealingKey]) -> None:
    sealed = seal_to_members(b"short", [member_keys[0].public], AGGREGATE)
    for other in [*(sealed[:length] for length in range(len(sealed))), sealed + b"\0", sealed + bytes(TAG)]:
        with pytest.raises(SealingError, match=REFUSED):
            open_as_member(other, member_keys[0], AGGREGATE, 100)


def chunks(stream: bytes) -> list[bytes]:
    return [stream[start : start + CHUNK + TAG] for start in range(HEAD, len(stream), CHUNK + TAG)]


@pytest.mark.parametrize(
    "rearranged",
    [
        lambda c: c[:2],  # cut between chunks
        lambda c: c[:1],
        lambda c: [],
        lambda c: [c[1], c[0], c[2]],
        lambda c: [c[0], c[0], c[2]],
        lambda c: [c[0], c[2]],
        lambda c: [*c, c[2]],
        lambda c: [c[2]],
    ],
)
def test_open__chunks_rearranged__raises(rearranged: Callable[[list[bytes]], list[bytes]]) -> None:
    stream, key = seal_model(CONTENT)
    assert len(chunks(stream)) == 3
    with pytest.raises(SealingError, match=REFUSED):
        open_model(stream[:HEAD] + b"".join(rearranged(chunks(stream))), key, len(CONTENT))


def test_open__second_form_of_a_content__raises() -> None:
    # an empty last chunk behind a full one, by somebody who has the key
    stream, key = seal_model(CONTENT[:CHUNK])
    cipher, data = ChaCha20Poly1305(key), b"meed/members/chunk/1"
    nonces = [bytes(7) + bytes([0, 0, 0, number, last]) for number, last in ((0, 0), (1, 1))]
    forged = cipher.encrypt(nonces[0], CONTENT[:CHUNK], data) + cipher.encrypt(nonces[1], b"", data)
    with pytest.raises(SealingError, match=REFUSED):
        open_model(stream[:HEAD] + forged, key, CHUNK)


def test_seal_model__read_with_the_aead__is_the_documented_format() -> None:
    stream, key = seal_model(CONTENT)
    nonces = [bytes(7) + number.to_bytes(4, "big") + bytes([number == 2]) for number in range(3)]
    cipher = ChaCha20Poly1305(key)
    opened = [
        cipher.decrypt(nonce, chunk, b"meed/members/chunk/1")
        for nonce, chunk in zip(nonces, chunks(stream), strict=True)
    ]
    assert b"".join(opened) == CONTENT
    assert stream[:HEAD] == b"meedstrm" + hashlib.sha256(b"meed/members/key/1" + key).digest()


def test_seal_to_members__read_by_the_format__binds_key_and_chunks_to_the_place(
    member_keys: list[SealingKey], to_members: bytes
) -> None:
    info = b"meed/members/1" + b"\x02" + (31337).to_bytes(32, "big") + bytes.fromhex("a1" * 20) + bytes(31) + b"\x03"
    assert AGGREGATE.info() == info
    granted, stream = to_members[: grant_size(3)], to_members[grant_size(3) :]
    assert granted[:9] == b"meedgrnt\x03"
    key = open_grant(granted, member_keys[2], AGGREGATE)
    assert stream[:HEAD] == b"meedstrm" + hashlib.sha256(b"meed/members/key/1" + info + key).digest()
    data = b"meed/members/chunk/1" + info
    assert ChaCha20Poly1305(key).decrypt(bytes(12), chunks(stream)[0], data) == CONTENT[:CHUNK]


@pytest.mark.parametrize("size", SIZES[1:])
def test_open__beyond_the_limit__raises(size: int) -> None:
    stream, key = seal_model(CONTENT[:size])
    with pytest.raises(TooLarge, match=f"more than {size - 1} bytes"):
        open_model(stream, key, size - 1)


@pytest.mark.parametrize("key", [bytes(32), bytes(31), b""], ids=len)
def test_open_model__other_key__raises(key: bytes) -> None:
    stream, _ = seal_model(b"model")
    with pytest.raises(SealingError, match=REFUSED):
        open_model(stream, key, 100)


def test_open_grant__members_of_the_model__get_its_key(member_keys: list[SealingKey]) -> None:
    stream, key = seal_model(b"model")
    granted = grant(key, [member.public for member in member_keys[:2]], MODEL)
    assert len(granted) == grant_size(2)
    for member in member_keys[:2]:
        assert open_model(stream, open_grant(granted, member, MODEL), 5) == b"model"
    for member, place in ((member_keys[2], MODEL), (member_keys[0], AGGREGATE)):
        with pytest.raises(SealingError, match=REFUSED):
            open_grant(granted, member, place)
    with pytest.raises(SealingError, match=REFUSED):
        open_grant(granted + b"\0", member_keys[0], MODEL)


def test_is_sealed_model__open_and_other_sealed_contents__are_told_apart(member_keys: list[SealingKey]) -> None:
    stream, _ = seal_model(model_to_bytes(np.zeros(3)))
    assert is_sealed_model(stream[:8])
    public = [member_keys[0].public]
    for other in (
        b"",
        model_to_bytes(np.zeros(3)),
        model_to_bytes(np.zeros(100_000)),
        seal(b"x", public, Envelope(1, PROJECT, 0, PROJECT)),
        seal_to_members(b"x", public, AGGREGATE),
    ):
        assert not is_sealed_model(other)


@pytest.mark.parametrize(("chain_id", "number"), [(-1, 0), (1, -1), (2**256, 0), (1, 2**256)])
def test_place__number_out_of_range__raises(chain_id: int, number: int) -> None:
    with pytest.raises(SealingError, match="unsigned 256-bit"):
        Place(chain_id, PROJECT, What.AGGREGATE, number)


def test_place__not_an_address__raises() -> None:
    with pytest.raises(SealingError, match="not an address"):
        Place(1, "0x12", What.MODEL)


def test_place__address_in_other_case__is_the_same() -> None:
    assert Place(1, PROJECT, What.MODEL).info() == Place(1, "0x" + "A1" * 20, What.MODEL).info()


def test_files__sealed_and_opened__are_the_same_and_private(tmp_path: Path, member_keys: list[SealingKey]) -> None:
    content, sealed, opened = tmp_path / "content", tmp_path / "sealed", tmp_path / "opened"
    content.write_bytes(CONTENT)
    key = seal_model_file(content, sealed)
    assert open_model(sealed.read_bytes(), key, len(CONTENT)) == CONTENT
    open_model_file(sealed, opened, key, len(CONTENT))
    assert opened.read_bytes() == CONTENT
    assert opened.stat().st_mode & 0o777 == 0o600
    seal_to_members_file(content, sealed, [member_keys[0].public], AGGREGATE)
    assert open_as_member(sealed.read_bytes(), member_keys[0], AGGREGATE, len(CONTENT)) == CONTENT
    open_as_member_file(sealed, opened, member_keys[0], AGGREGATE, len(CONTENT))
    assert opened.read_bytes() == CONTENT


def test_open_model_file__last_chunk_changed__leaves_what_was_there(tmp_path: Path) -> None:
    content, sealed, opened = tmp_path / "content", tmp_path / "sealed", tmp_path / "opened"
    content.write_bytes(CONTENT)
    key = seal_model_file(content, sealed)
    data = sealed.read_bytes()
    sealed.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    opened.write_bytes(b"before")
    with pytest.raises(SealingError, match=REFUSED):
        open_model_file(sealed, opened, key, len(CONTENT))
    assert opened.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["content", "opened", "sealed"]


HUNDRED_MEGABYTES = """
import resource, sys
from pathlib import Path
from offchain.storage.embedded import EmbeddedStore
from offchain.storage.members import open_model_file, seal_model_file
folder, size = Path(sys.argv[1]), 100_000_000
names = ("content", "sealed", "fetched", "opened")
content, sealed, fetched, opened = (folder / name for name in names)
with content.open("wb") as file:
    file.truncate(size)
store = EmbeddedStore(folder / "store")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
key = seal_model_file(content, sealed)
cid = store.put_file(sealed)
store.get_file(cid, fetched, 2 * size)
open_model_file(fetched, opened, key, size)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if opened.stat().st_size != size:
    raise SystemExit("another size")
print(after - before)
"""


def test_files__a_hundred_megabytes__take_a_few_of_memory(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", HUNDRED_MEGABYTES, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) < 20_000, f"grew by {run.stdout} KiB"

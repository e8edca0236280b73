"""The embedded store: verified reads, limits, and several processes on one folder."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import random
import stat
from pathlib import Path
from typing import Any

import pytest

from offchain.storage.cid import Cid, Codec
from offchain.storage.embedded import EmbeddedStore
from offchain.storage.errors import AmbiguousContent, CidError, Corrupt, DiskError, NotFound, StoreError, TooLarge
from offchain.storage.unixfs import CHUNK, LINKS, blocks_of, cid_of

LONG = 3 * CHUNK + 7


def content(seed: str, size: int) -> bytes:
    return hashlib.shake_256(seed.encode()).digest(size)


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path / "store")


def path_of(store: EmbeddedStore, digest: bytes) -> Path:
    return store._path(digest)


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, LONG])
def test_get__stored__gives_the_content(store: EmbeddedStore, size: int) -> None:
    data = content("a", size)
    cid = store.put(data)
    assert cid == cid_of(data)
    assert store.get(cid, size) == data
    assert store.get(cid.digest, size) == data
    assert store.has(cid)
    assert store.has(cid.digest)


def test_get__two_levels__gives_the_content(store: EmbeddedStore) -> None:
    data = bytes(LINKS * CHUNK) + content("b", CHUNK + 1)  # equal leaves are one block, so this is quick
    cid = store.put(data)
    assert store.get(cid, len(data)) == data
    assert store.has(cid)


def test_put__again__leaves_the_same_files(store: EmbeddedStore, tmp_path: Path) -> None:
    store.put(content("a", LONG))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    store.put(content("a", LONG))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before
    assert len(before) == 5


def test_put__content_that_reads_as_a_root__raises(store: EmbeddedStore) -> None:
    *_, (_, root) = blocks_of(content("a", LONG))
    with pytest.raises(AmbiguousContent):
        store.put(root)


def test_get__other_store_on_the_folder__reads_the_same(store: EmbeddedStore, tmp_path: Path) -> None:
    cid = store.put(b"kept")
    assert EmbeddedStore(tmp_path / "store").get(cid, 4) == b"kept"


def test_get__unknown__raises(store: EmbeddedStore) -> None:
    digest = hashlib.sha256(b"elsewhere").digest()
    with pytest.raises(NotFound, match=f"no block {digest.hex()} in the store"):
        store.get(digest, 100)
    assert not store.has(digest)


def test_get__leaf_missing__raises(store: EmbeddedStore) -> None:
    data = content("a", LONG)
    cid = store.put(data)
    path_of(store, hashlib.sha256(data[CHUNK : 2 * CHUNK]).digest()).unlink()
    assert not store.has(cid)
    with pytest.raises(NotFound):
        store.get(cid, LONG)


@pytest.mark.parametrize("size", [1000, LONG])
def test_get__beyond_the_limit__raises(store: EmbeddedStore, size: int) -> None:
    cid = store.put(content("a", size))
    with pytest.raises(TooLarge, match=f"has {size} bytes, {size - 1} are allowed"):
        store.get(cid, size - 1)


@pytest.mark.parametrize("tampering", ["flip", "cut", "extend", "empty", "longer than a block"])
def test_get__tampered_block__raises(store: EmbeddedStore, tampering: str) -> None:
    cid = store.put(b"the content")
    path_of(store, cid.digest).write_bytes(
        {
            "flip": b"The content",
            "cut": b"the conten",
            "extend": b"the content.",
            "empty": b"",
            "longer than a block": bytes(CHUNK + 1),
        }[tampering]
    )
    with pytest.raises(Corrupt, match="doesn't have its digest"):
        store.get(cid, 1000)
    assert not store.has(cid)


def test_put__damaged_block__repairs_it(store: EmbeddedStore) -> None:
    cid = store.put(b"the content")
    path_of(store, cid.digest).write_bytes(b"something else")
    store.put(b"the content")
    assert store.get(cid, 11) == b"the content"


def test_get__tampered_leaf__raises(store: EmbeddedStore) -> None:
    data = content("a", LONG)
    cid = store.put(data)
    path_of(store, hashlib.sha256(data[:CHUNK]).digest()).write_bytes(data[1 : CHUNK + 1])
    with pytest.raises(Corrupt):
        store.get(cid, LONG)


def test_get__leaf_of_another_length__raises(store: EmbeddedStore) -> None:
    # a root that is canonical for its size, whose last child is a true block of the wrong length
    data = content("a", CHUNK + 8)
    *_, (_, root) = blocks_of(data)
    short = b"short"
    forged = root.replace(hashlib.sha256(data[CHUNK:]).digest(), hashlib.sha256(short).digest())
    store.put(data)
    store.put(short)
    digest = hashlib.sha256(forged).digest()
    store._write(Cid(digest), forged)
    with pytest.raises(Corrupt, match="has 5 bytes, its file says 8"):
        store.get(digest, CHUNK + 8)


def test_get__child_that_is_no_node__raises(store: EmbeddedStore) -> None:
    data = bytes(LINKS * CHUNK + 1)
    blocks = list(blocks_of(data))
    lone = blocks[-2][0].digest
    forged = blocks[-1][1].replace(lone, hashlib.sha256(b"x").digest())
    store.put(data)
    store.put(b"x")
    digest = hashlib.sha256(forged).digest()
    store._write(Cid(digest), forged)
    with pytest.raises(Corrupt, match="isn't a node of 1 bytes"):
        store.get(digest, len(data))
    assert not store.has(digest)


def test_get__cid_of_the_other_codec__raises(store: EmbeddedStore) -> None:
    cid = store.put(b"raw")
    with pytest.raises(NotFound, match="the block is of the other kind"):
        store.get(Cid(cid.digest, Codec.DAG_PB), 10)


def test_get__short_digest__raises(store: EmbeddedStore) -> None:
    with pytest.raises(CidError):
        store.get(b"abc", 10)


def test_put__folder_that_cant_be_written__raises_and_leaves_nothing(
    store: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskError, match=r"^EmbeddedStore\('.*store'\) can't keep a block: No space left on device$"):
        store.put(b"the content")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_store__folder_is_away__what_is_asked_for_isnt_found_and_nothing_is_kept(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    cid = store.put(b"the content")
    (tmp_path / "store").rename(tmp_path / "away")
    assert not store.has(cid)
    with pytest.raises(NotFound, match="no block"):
        store.get(cid, 100)
    with pytest.raises(DiskError, match="can't keep a block: No such file or directory"):
        store.put(b"another")
    (tmp_path / "store").write_text("a file in its place")
    with pytest.raises(NotFound, match="no block"):
        store.get(cid, 100)
    with pytest.raises(DiskError, match="can't keep a block: Not a directory"):
        store.put(b"another")


def test_get__disk_fails__says_so_and_put_repairs_it(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    cid = store.put(b"the content")
    read, failing = Path.open, [True]

    def fail(path: Path, mode: str) -> Any:
        if failing[0]:
            raise OSError(5, "Input/output error", str(path))
        return read(path, mode)

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(DiskError, match=r"can't read a block: Input/output error$"):
        store.get(cid, 100)
    store.put(b"the content")
    failing.clear()
    failing.append(False)
    assert store.get(cid, 100) == b"the content"


def write_some(folder: str, seed: int) -> list[str]:
    """What each process does: contents that all write, in another order, and one of its own; each read back at once."""
    store = EmbeddedStore(folder)
    sizes = [(str(k), 40_000 * k) for k in range(12)]
    random.Random(seed).shuffle(sizes)
    texts = []
    for name, size in [*sizes, (f"own {seed}", CHUNK + seed)]:
        data = content(name, size)
        cid = store.put(data)
        if store.get(cid, size) != data:
            raise RuntimeError("read something else")
        texts.append(str(cid))
    return texts


def test_put__several_processes__all_contents_whole(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        written = pool.starmap(write_some, [(str(folder), seed) for seed in range(8)])
    store = EmbeddedStore(folder)
    assert len({text for texts in written for text in texts}) == 12 + 8
    for k in range(12):
        assert store.get(cid_of(content(str(k), 40_000 * k)), 2 * CHUNK) == content(str(k), 40_000 * k)
    for seed in range(8):
        assert store.get(cid_of(content(f"own {seed}", CHUNK + seed)), 2 * CHUNK) == content(
            f"own {seed}", CHUNK + seed
        )
    assert not list(folder.rglob(".new-*"))


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, LONG, LINKS * CHUNK + 1])
def test_put_file__any_length__is_what_put_keeps(store: EmbeddedStore, tmp_path: Path, size: int) -> None:
    data, source, target = content("f", size), tmp_path / "source", tmp_path / "target"
    source.write_bytes(data)
    cid = store.put_file(source)
    assert cid == cid_of(data)
    assert store.get(cid, size) == data
    store.get_file(cid, target, size)
    assert target.read_bytes() == data
    assert target.stat().st_mode & 0o777 == 0o600


def test_put_file__that_ends_early__raises_and_keeps_no_root(store: EmbeddedStore) -> None:
    with pytest.raises(StoreError, match="became shorter"):
        store._put(io.BytesIO(content("a", LONG - 1)), LONG)
    assert not store.has(cid_of(content("a", LONG - 1)))


def test_get_file__last_block_missing__leaves_what_was_there(store: EmbeddedStore, tmp_path: Path) -> None:
    data, target = content("a", LONG), tmp_path / "target"
    cid = store.put(data)
    path_of(store, hashlib.sha256(data[3 * CHUNK :]).digest()).unlink()
    target.write_bytes(b"before")
    with pytest.raises(NotFound):
        store.get_file(cid, target, LONG)
    assert target.read_bytes() == b"before"
    assert not list(tmp_path.glob(".new-*"))


def test_unpin__embedded__is_still_kept(store: EmbeddedStore) -> None:
    cid = store.put(b"kept")
    store.unpin(cid)
    assert store.get(cid, 4) == b"kept"

"""What a location means."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from offchain.storage.embedded import EmbeddedStore
from offchain.storage.errors import LocationError
from offchain.storage.open import open_store
from tests.offchain.storage.conftest import StagedDaemon, reply


@pytest.mark.parametrize("prefix", ["", "folder:"])
def test_open_store__folder__is_embedded(tmp_path: Path, prefix: str) -> None:
    store = open_store(f"{prefix}{tmp_path / 'a' / 'store'}")
    assert isinstance(store, EmbeddedStore)
    cid = store.put(b"kept")
    assert EmbeddedStore(tmp_path / "a" / "store").get(cid, 4) == b"kept"


def test_open_store__relative_folder__is_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_store("store")
    open_store("folder:http://x")  # odd, and said plainly
    assert sorted(path.name for path in tmp_path.iterdir()) == ["http:", "store"]


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("/ip4/127.0.0.1/tcp/5001", "/ip4/127.0.0.1/tcp/5001"),
        ("/dns/kubo.example/tcp/443/https", "/dns/kubo.example/tcp/443/https"),
        ("/unix/run/kubo.sock", "/unix/run/kubo.sock"),
        ("/unix%2Frun%2Fkubo.sock", "/unix%2Frun%2Fkubo.sock"),
        ("http://127.0.0.1:5001", "http://127.0.0.1:5001"),
        ("HTTPS://kubo.example/", "https://kubo.example:443"),
        ("http://[::1]:5001/api/v0", "http://[::1]:5001"),
        ("https://alice:hidden@kubo.example/hidden", "https://kubo.example:443/..."),
    ],
)
def test_open_store__daemon__is_ipfs_and_shows_no_secret(location: str, shown: str) -> None:
    assert repr(open_store(location)) == f"IpfsStore({shown!r})"


@pytest.mark.parametrize(("has_secret", "sent"), [(True, "Bearer tok"), (False, None)])
def test_open_store__secret_in_the_environment__is_for_ones_own_daemon(
    staged_daemon: StagedDaemon, monkeypatch: pytest.MonkeyPatch, has_secret: bool, sent: str | None
) -> None:
    monkeypatch.setenv("IPFS_API_AUTH", "bearer:tok")
    staged_daemon.answers = [reply(b"kept")]
    store = open_store(f"http://127.0.0.1:{staged_daemon.port}", has_secret=has_secret)
    assert store.get(hashlib.sha256(b"kept").digest(), 4) == b"kept"
    assert staged_daemon.authorizations == [sent]


@pytest.mark.parametrize(
    "location",
    [
        "",
        "folder:",
        "ipfs://bafkreib",
        "s3:bucket",
        "127.0.0.1:5001",
        "localhost:5001",
        "/ip4/127.0.0.1/udp/5001",
        "/ip4/127.0.0.1",
        "http://",
        "http://host:notaport",
        "http://host:5001/api/v1",
        "http://host:5001?x=1",
        "~nobody-of-this-name/store",
    ],
)
def test_open_store__other_text__raises(location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LocationError):
        open_store(location)
    assert not list(tmp_path.iterdir())


def test_open_store__other_scheme_with_a_password__raises_without_it() -> None:
    with pytest.raises(LocationError, match="no store: give a folder") as caught:
        open_store("ftp://user:hidden@host:5001")
    assert "hidden" not in str(caught.value)


def as_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The access of an account that may read and not write; root may always."""
    monkeypatch.setattr("os.access", lambda path, mode: not mode & os.W_OK)


@pytest.mark.parametrize(
    ("place", "cause"),
    [("file", "something else has its name"), ("file/below", "Not a directory"), ("\0", "null byte")],
)
def test_open_store__no_folder_can_be_there__raises_in_one_line(tmp_path: Path, place: str, cause: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocationError, match=f"no store in .*: .*{cause}; give a folder that this account may write$"):
        open_store(str(tmp_path / place))


def test_open_store__folder_that_cant_be_made__raises_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "/nonexistent")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(LocationError, match="no store in /nonexistent/x: Permission denied; give a folder"):
        open_store("/nonexistent/x")


def test_open_store__folder_that_cant_be_written__is_only_for_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cid = open_store(str(tmp_path)).put(b"kept")
    as_nobody(monkeypatch)
    with pytest.raises(LocationError, match=f"no store in {tmp_path}: not writable; give a folder"):
        open_store(str(tmp_path))
    assert open_store(str(tmp_path), is_own=False).get(cid, 4) == b"kept"


def test_open_store__others_folder_that_isnt_there_yet__is_not_made(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "theirs"
    store = open_store(f"folder:{folder}", is_own=False)
    assert not folder.exists()
    assert caplog.messages == [f"there is no store in {folder}, or none yet"]
    assert not store.has(hashlib.sha256(b"kept").digest())
    cid = open_store(str(folder)).put(b"kept")
    assert store.get(cid, 4) == b"kept"

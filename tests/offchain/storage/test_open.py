"""What a location means."""

from __future__ import annotations

from pathlib import Path

import pytest

from offchain.storage.embedded import EmbeddedStore
from offchain.storage.errors import LocationError
from offchain.storage.open import open_store


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
    ("location", "address"),
    [
        ("/ip4/127.0.0.1/tcp/5001", "/ip4/127.0.0.1/tcp/5001"),
        ("/dns/kubo.example/tcp/443/https", "/dns/kubo.example/tcp/443/https"),
        ("http://127.0.0.1:5001", "/ip4/127.0.0.1/tcp/5001/http"),
        ("http://localhost:5001/", "/dns/localhost/tcp/5001/http"),
        ("https://kubo.example", "/dns/kubo.example/tcp/443/https"),
        ("http://kubo.example", "/dns/kubo.example/tcp/80/http"),
        ("http://[::1]:5001", "/ip6/::1/tcp/5001/http"),
    ],
)
def test_open_store__daemon__is_ipfs(location: str, address: str) -> None:
    assert repr(open_store(location)) == f"IpfsStore({address!r})"


@pytest.mark.parametrize(
    "location",
    [
        "",
        "folder:",
        "ipfs://bafkreib",
        "s3:bucket",
        "/ip4/127.0.0.1/udp/5001",
        "/ip4/127.0.0.1",
        "http://",
        "http://host:notaport",
        "http://host:5001/api/v1",
        "http://host:5001?x=1",
    ],
)
def test_open_store__other_text__raises(location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LocationError):
        open_store(location)
    assert not list(tmp_path.iterdir())


def test_open_store__url_with_a_password__raises_without_it() -> None:
    with pytest.raises(LocationError) as caught:
        open_store("http://user:secret@host:5001")
    assert "secret" not in str(caught.value)

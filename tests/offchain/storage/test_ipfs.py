"""The store in IPFS: against two real Kubo nodes, and against a daemon that errs, lies, floods and stalls."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from offchain.storage.cid import Cid, Codec
from offchain.storage.embedded import EmbeddedStore
from offchain.storage.errors import Corrupt, NotFound, StoreError, TooLarge, Unavailable
from offchain.storage.ipfs import IpfsStore
from offchain.storage.members import Place, What, open_as_member, seal_to_members, sealed_to_members_size
from offchain.storage.sealing import SealingKey
from offchain.storage.unixfs import CHUNK, LINKS, cid_of
from tests.offchain.storage.conftest import Answer, StagedDaemon, reply

LONG = 3 * CHUNK + 7


def content(seed: str, size: int) -> bytes:
    return hashlib.shake_256(seed.encode()).digest(size)


def pins(store: IpfsStore) -> set[str]:
    return set(json.loads(store._rpc.ask("pin/ls", seconds=10))["Keys"])


# --- two real nodes ---


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, LONG])
def test_get__put_at_another_node__gives_the_content_under_the_embedded_cid(
    kubo_stores: list[IpfsStore], tmp_path: Path, size: int
) -> None:
    here, there = kubo_stores
    data = content(f"exchange {size}", size)
    cid = here.put(data)
    assert cid == EmbeddedStore(tmp_path).put(data)
    assert here.has(cid)
    assert not there.has(cid) or not size  # the empty block is in every repository
    assert there.get(cid.digest, size) == data
    assert there.get(cid, size) == data
    assert there.has(cid)


def test_put__two_levels__is_kept_and_pinned(kubo_stores: list[IpfsStore]) -> None:
    data = bytes(LINKS * CHUNK) + content("two levels", 5)
    cid = kubo_stores[0].put(data)
    assert cid == cid_of(data)
    assert kubo_stores[0].get(cid.digest, len(data)) == data
    assert str(cid) in pins(kubo_stores[0])


def test_get_file__put_as_a_file_at_another_node__is_the_same(kubo_stores: list[IpfsStore], tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(content("file", LONG))
    cid = kubo_stores[0].put_file(source)
    kubo_stores[1].get_file(cid, target, LONG)
    assert target.read_bytes() == source.read_bytes()


def test_get__too_long__fetches_the_root_alone(kubo_stores: list[IpfsStore]) -> None:
    data = content("too long", LONG)
    cid = kubo_stores[0].put(data)
    with pytest.raises(TooLarge, match=f"has {LONG} bytes, {LONG - 1} are allowed"):
        kubo_stores[1].get(cid, LONG - 1)
    assert kubo_stores[1]._holds(cid.digest)
    assert not kubo_stores[1]._holds(hashlib.sha256(data[:CHUNK]).digest())


@pytest.mark.parametrize("size", [10, LONG])
def test_unpin__pinned_by_put__is_pinned_no_more(kubo_stores: list[IpfsStore], size: int) -> None:
    here, there = kubo_stores
    cid = here.put(content(f"pins {size}", size))
    there.get(cid, size)
    assert str(cid) in pins(here)
    assert str(cid) not in pins(there)
    there.pin(cid.digest)
    there.pin(cid)
    assert str(cid) in pins(there)
    there.unpin(cid.digest)
    assert str(cid) not in pins(there)
    there.unpin(cid)
    there.unpin(Cid(hashlib.sha256(b"never here").digest()))
    assert str(cid) in pins(here)


def test_pin__content_that_isnt_here__raises_and_fetches_nothing(kubo_stores: list[IpfsStore]) -> None:
    cid = kubo_stores[0].put(content("not fetched", LONG))
    with pytest.raises(NotFound, match="isn't all in the store"):
        kubo_stores[1].pin(cid)
    assert not kubo_stores[1]._holds(cid.digest)


def test_get__nobody_has_it__raises(kubo_nodes: list[dict[str, str]]) -> None:
    store = IpfsStore(kubo_nodes[0]["rpc"], search=0.5, answer=10)
    digest = hashlib.sha256(b"nobody has it").digest()
    with pytest.raises(NotFound, match=digest.hex()):
        store.get(digest, 100)


def test_get__cid_of_the_other_codec__raises(kubo_stores: list[IpfsStore]) -> None:
    cid = kubo_stores[0].put(b"raw")
    with pytest.raises(NotFound, match="the block is of the other kind"):
        kubo_stores[0].get(Cid(cid.digest, Codec.DAG_PB), 10)


def test_get__sealed_to_members_at_another_node__opens(kubo_stores: list[IpfsStore]) -> None:
    key, place, data = SealingKey.generate(), Place(1, "0x" + "a1" * 20, What.AGGREGATE, 2), content("sealed", LONG)
    cid = kubo_stores[0].put(seal_to_members(data, [key.public], place))
    sealed = kubo_stores[1].get(cid.digest, sealed_to_members_size(LONG))
    assert open_as_member(sealed, key, place, LONG) == data


# --- a daemon that errs, lies, floods and stalls ---


def refuse(message: str) -> Answer:
    return reply(json.dumps({"Message": message, "Code": 0, "Type": "error"}).encode(), 500)


def flood(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:  # until the reader hangs up
        handler.wfile.write(bytes(1 << 16))


def trickle(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.05)


def stall(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def cut(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"half")


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


DIGEST = hashlib.sha256(b"the content").digest()


@pytest.mark.parametrize("answer", [reply(b"another"), reply(b""), reply(b"the content."), flood])
def test_get__other_bytes__raises(staged_daemon: StagedDaemon, answer: Answer) -> None:
    staged_daemon.answers = [answer]
    with pytest.raises(Corrupt, match="doesn't have its digest"):
        staged_daemon.store().get(DIGEST, 100)
    assert len(staged_daemon.calls) == 1


@pytest.mark.parametrize(
    "answer", [trickle, stall, cut, hang_up, reply(b"<html>", 502), reply(b"{}", 500), refuse("repo is closed")]
)
def test_get__daemon_that_doesnt_answer_as_it_should__raises(staged_daemon: StagedDaemon, answer: Answer) -> None:
    staged_daemon.answers = [answer]
    with pytest.raises(Unavailable, match=r"^IpfsStore\('/ip4/127.0.0.1/tcp/\d+'\) can't find the block "):
        staged_daemon.store().get(DIGEST, 100)


@pytest.mark.parametrize("answer", [stall, cut, hang_up, reply(b"busy", 503)])
def test_get__daemon_away_for_a_moment__is_asked_again(staged_daemon: StagedDaemon, answer: Answer) -> None:
    staged_daemon.answers = [answer, answer, reply(b"the content")]
    assert staged_daemon.store(attempts=3).get(DIGEST, 100) == b"the content"
    assert len(staged_daemon.calls) == 3


@pytest.mark.parametrize(
    "message",
    [
        "block was not found locally (offline): ipld: could not find bafkreib",
        "blockservice: key not found",
        "context deadline exceeded",
    ],
)
def test_get__daemon_that_hasnt_got_it__isnt_asked_again(staged_daemon: StagedDaemon, message: str) -> None:
    staged_daemon.answers = [refuse(message)]
    with pytest.raises(NotFound, match="can't find the block"):
        staged_daemon.store().get(DIGEST, 100)
    assert len(staged_daemon.calls) == 1
    assert not staged_daemon.store().has(DIGEST)


def test_get__any__names_kubo_a_limit_of_time(staged_daemon: StagedDaemon) -> None:
    staged_daemon.answers = [reply(b"the content")]
    staged_daemon.store().get(DIGEST, 100)
    assert "timeout=300ms" in staged_daemon.calls[0]


def key_of(cid: Any) -> Answer:
    return reply(json.dumps({"Key": cid, "Size": 1}).encode())


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (key_of(str(Cid(hashlib.sha256(b"other").digest()))), StoreError, "keeps the block"),
        (key_of("no CID"), Unavailable, "doesn't answer as Kubo does"),
        (key_of(None), Unavailable, "doesn't answer as Kubo does"),
        (reply(b"{}"), Unavailable, "doesn't answer as Kubo does"),
        (reply(b"<html>", kind="text/html"), Unavailable, "can't keep a block: a page answers, not Kubo's RPC$"),
        (reply(b"{" + b'"a":[' * 20_000), Unavailable, "doesn't answer as Kubo does"),
        (reply(b""), Unavailable, "doesn't answer as Kubo does: ''"),
        (reply(b"[1]"), Unavailable, "doesn't answer as Kubo does"),
        (refuse("no space left on device"), Unavailable, "can't keep a block: no space left on device"),
        (stall, Unavailable, "can't keep a block"),
    ],
)
def test_put__other_answer__raises(
    staged_daemon: StagedDaemon, answer: Answer, error: type[Exception], message: str
) -> None:
    staged_daemon.answers = [answer]
    with pytest.raises(error, match=message):
        staged_daemon.store().put(b"the content")


@pytest.mark.parametrize("deed", [lambda s: s.pin(DIGEST), lambda s: s.unpin(DIGEST), lambda s: s.has(DIGEST)])
def test_call__nobody_listens__raises(staged_daemon: StagedDaemon, deed: Callable[[IpfsStore], Any]) -> None:
    store = staged_daemon.store()
    staged_daemon.shutdown()
    staged_daemon.server_close()
    with pytest.raises(Unavailable):
        deed(store)


def test_unpin__other_refusal__raises(staged_daemon: StagedDaemon) -> None:
    staged_daemon.answers = [key_of("x"), reply(b"the content"), refuse("repo is locked")]
    with pytest.raises(Unavailable, match="can't unpin: repo is locked"):
        staged_daemon.store().unpin(DIGEST)

"""CIDs against those of IPFS, from vectors that no code of ours made."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from multiformats import CID, multibase

from offchain.storage.cid import Cid, Codec
from offchain.storage.errors import AmbiguousContent, CidError
from offchain.storage.unixfs import CHUNK, LINKS, blocks_of, cid_of, decode_node, decode_root

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "cid.json").read_text())


def content(seed: str, size: int) -> bytes:
    return hashlib.shake_256(seed.encode()).digest(size)


def root_block(data: bytes) -> bytes:
    *_, (_, block) = blocks_of(data)
    return block


@pytest.mark.parametrize("case", VECTORS["files"], ids=lambda case: str(case["size"]))
def test_cid_of__file__is_that_of_ipfs(case: dict) -> None:
    assert str(cid_of(content(case["seed"], case["size"]))) == case["cid"]


@pytest.mark.parametrize("case", VECTORS["texts"], ids=lambda case: repr(case["text"]))
def test_cid_of__text__is_that_of_ipfs(case: dict) -> None:
    assert str(cid_of(case["text"].encode())) == case["cid"]


@pytest.mark.parametrize("case", VECTORS["files"], ids=lambda case: str(case["size"]))
def test_parse__text__gives_digest_and_codec(case: dict) -> None:
    cid = Cid.parse(case["cid"])
    assert cid.codec is (Codec.RAW if case["size"] <= CHUNK else Codec.DAG_PB)
    assert str(Cid(cid.digest, cid.codec)) == case["cid"]
    assert Cid.parse(multibase.encode(bytes(cid), "base58btc")) == cid


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5",  # a letter short
        "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",  # version 0
        "bafyreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",  # dag-cbor
        str(CID("base32", 1, "raw", ("sha2-512", bytes(64)))),
    ],
)
def test_parse__other_text__raises(text: str) -> None:
    with pytest.raises(CidError):
        Cid.parse(text)


def test_cid__short_digest__raises() -> None:
    with pytest.raises(CidError, match="a digest has 32 bytes, not 31"):
        Cid(bytes(31))


def test_blocks_of__two_levels__each_block_before_its_parent() -> None:
    blocks = list(blocks_of(content("i", LINKS * CHUNK + 1)))
    depths = [cid.codec for cid, _ in blocks]
    assert depths == [Codec.RAW] * LINKS + [Codec.DAG_PB, Codec.RAW, Codec.DAG_PB, Codec.DAG_PB]
    assert all(hashlib.sha256(block).digest() == cid.digest for cid, block in blocks)


def test_decode_root__root__tells_size_and_children() -> None:
    data = content("e", 2 * CHUNK + 5)
    node = decode_root(root_block(data))
    assert node is not None
    pieces = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
    assert node.children() == [(hashlib.sha256(piece).digest(), len(piece)) for piece in pieces]


@pytest.mark.parametrize("data", [b"", b"hello", bytes(CHUNK), b"\x12" * 100, b"\x0a\x02\x08\x02"])
def test_decode_root__other_bytes__is_content(data: bytes) -> None:
    assert decode_root(data) is None


def test_decode_root__a_byte_changed__is_content_unless_in_a_digest() -> None:
    root = root_block(content("e", CHUNK + 1))
    again = 0
    for position in range(len(root)):
        changed = bytearray(root)
        changed[position] ^= 1
        node = decode_root(bytes(changed))
        again += node is not None
    assert again == 2 * 32  # the digests of the two links; every other byte is fixed by the size


def test_decode_root__cut_or_extended__is_content() -> None:
    root = root_block(content("e", CHUNK + 1))
    assert all(decode_root(root[:length]) is None for length in range(len(root)))
    assert decode_root(root + b"\x00") is None
    assert decode_root(root + b"\x0a\x00") is None


def test_decode_root__inner_node_of_one_child__is_content() -> None:
    blocks = list(blocks_of(content("i", LINKS * CHUNK + 1)))
    lone = blocks[-2][1]
    assert decode_root(lone) is None
    assert decode_node(lone, 1, 1) is not None
    assert decode_node(lone, 2, 1) is None


def test_blocks_of__content_that_reads_as_a_root__raises() -> None:
    root = root_block(content("e", CHUNK + 1))
    with pytest.raises(AmbiguousContent, match="reads as the root of a chunked file"):
        cid_of(root)

"""The proof as bytes: the verifier sees what was encoded, and whatever else is sent in its place settles nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak

from offchain.proving.encoding import Proof
from offchain.proving.range_transcript import RangeProof
from offchain.proving.transcript import GramProof
from tests.escrow_driver import GENERATOR, ProjectDriver
from tests.round_cases import case_named
from tests.unit.escrow.test_settle import STATEMENT

WORD = 32


def proof_of(name: str) -> Proof:
    """Of a test vector."""
    *_, gram, gram_proof, range_proof, hints = case_named(name).arguments
    fields = [{key: as_tuples(value) for key, value in proof.items()} for proof in (gram_proof, range_proof)]
    return Proof(tuple(gram), GramProof(**fields[0]), RangeProof(**fields[1]), tuple(hints))


def as_tuples(tree: Any) -> Any:
    return tuple(as_tuples(value) for value in tree) if isinstance(tree, list | tuple) else tree


def statement_of(proof: Proof, rows: int) -> bytes:
    """Of a round of the driver's, where everybody committed to the generator."""
    return keccak(encode(STATEMENT, [64, 11, rows, [GENERATOR] * rows, *proof.as_struct()[1:]]))


REAL, MOST = proof_of("ten rows"), proof_of("most rows")
# 32 seats and six public rows: as many entries and products with the mask as these have
WIDEST = replace(
    MOST,
    gram=(*MOST.gram, *[7] * (35 * 36 // 2 - len(MOST.gram))),
    gram_proof=replace(MOST.gram_proof, cross=(*MOST.gram_proof.cross, *[7] * 3)),
)
ENCODED = REAL.encode()


def with_word(index: int, value: int) -> Callable[[bytes], bytes]:
    return lambda proof: proof[: index * WORD] + (value % 2**256).to_bytes(WORD) + proof[(index + 1) * WORD :]


# the first three words say where matrix, Gram proof and range proof begin, counted from the word before them
SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda proof: b"",
    "a byte": lambda proof: proof[:1],
    "its head alone": lambda proof: proof[: 5 * WORD],
    "without its last byte": lambda proof: proof[:-1],
    "without its last word": lambda proof: proof[:-WORD],
    "a byte before it": lambda proof: b"\0" + proof,
    "with its first word": lambda proof: bytes(WORD) + proof,
    "as an argument": lambda proof: WORD.to_bytes(WORD) + bytes(WORD) + proof,
    **{
        f"{part} {where}": with_word(index, value)
        for index, part in enumerate(("matrix", "Gram proof", "range proof"))
        for where, value in {
            "in the head": 0,
            "a word further": int.from_bytes(ENCODED[index * WORD : (index + 1) * WORD]) + WORD,
            "a byte further": int.from_bytes(ENCODED[index * WORD : (index + 1) * WORD]) + 1,
            "behind the end": len(ENCODED) + WORD,
            "far behind the end": 2**64,
            "before the beginning": -WORD,
            "at the last word": 2**256 - 1,
        }.items()
    },
    "matrix of an entry less": with_word(5, len(REAL.gram) - 1),
    "matrix of an entry more": with_word(5, len(REAL.gram) + 1),
    "matrix of too many entries": with_word(5, 529),
    "matrix of 2^256 - 1 entries": with_word(5, -1),
    "another hint": with_word(4, REAL.hints[1] + 1),
}


@pytest.fixture
def proved(scoring: ProjectDriver, verifier: Any, owner: Any) -> ProjectDriver:
    """Scoring; the verifier takes the real proof alone."""
    scoring.answer([1, 2, 3, 4])
    verifier.set_statement(statement_of(REAL, 4), sender=owner)
    return scoring


def test_settle__real_proof__is_what_the_verifier_sees(proved: ProjectDriver) -> None:
    assert Proof.decode(ENCODED) == REAL
    proved.settle(proof=ENCODED)
    assert proved.escrow.last_settled() == 1


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_settle__malformed_proof__changes_nothing(proved: ProjectDriver, spoil: Callable[[bytes], bytes]) -> None:
    spoilt, before = spoil(ENCODED), (proved.status, proved.escrow.deliveries())
    assert spoilt != ENCODED
    with proved.moves() as moved, ape.reverts():
        proved.settle(proof=spoilt)
    assert moved == {}
    assert (proved.status, proved.escrow.deliveries(), proved.escrow.last_settled()) == (*before, 0)


@pytest.mark.parametrize("more", [b"\x01", bytes(WORD), b"\xff" * WORD], ids=["a byte", "a zero word", "a word"])
def test_settle__more_behind_the_proof__is_not_read(proved: ProjectDriver, more: bytes) -> None:
    proved.settle(proof=ENCODED + more)
    assert proved.escrow.last_settled() == 1


def test_settle__widest_proof__is_what_the_verifier_sees(largest: ProjectDriver, verifier: Any, owner: Any) -> None:
    """As many bytes as `settle` takes, not one more."""
    largest.answer([1] * 32)
    verifier.set_statement(statement_of(WIDEST, 32), sender=owner)
    with largest.chain.isolate(), ape.reverts():
        largest.settle(proof=WIDEST.encode() + b"\0")
    largest.settle(proof=WIDEST.encode())
    assert largest.phase == "handover"

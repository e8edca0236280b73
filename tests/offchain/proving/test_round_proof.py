"""Both proofs of a round in one: what each is about, and the arguments that calls take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from eth_abi.exceptions import DecodingError

from offchain.proving.commitment import Combination, commit, commit_combination, random_tail
from offchain.proving.encoding import Proof
from offchain.proving.errors import InputError
from offchain.proving.range_transcript import RangeStatement, range_hint
from offchain.proving.range_verifier import verify_range
from offchain.proving.round import RoundProof, prove_round
from offchain.proving.srs import Srs
from offchain.proving.transcript import hint
from offchain.proving.verifier import verify
from tests.offchain.proving.reference import TAU

CONTEXT, BITS, ROWS, DIMENSION = bytes(range(32)), 5, 3, 40


@pytest.fixture(autouse=True)
def by_trapdoor(trapdoor: Callable[[int], None]) -> None:
    trapdoor(TAU)


UPDATES = np.random.default_rng(1).integers(-16, 16, (ROWS, DIMENSION)).astype(np.int16)
TAILS = [random_tail() for _ in range(ROWS)]
PUBLIC = [
    Combination(np.random.default_rng(most).integers(-most, most, DIMENSION), tuple(random_tail()))
    for most in (2**52, 2**32, 1)
]


def range_statement_of(proof: RoundProof) -> RangeStatement:
    commitments = proof.statement.commitments[: proof.bounded]
    return RangeStatement(proof.statement.context, proof.statement.dimension, proof.bits, commitments)


@pytest.mark.parametrize("public", [[], PUBLIC[:1], PUBLIC], ids=["updates alone", "a public row", "public rows"])
def test_prove_round__both_proofs__verify_for_their_rows(srs: Srs, public: list[Combination]) -> None:
    proof = prove_round(srs, CONTEXT, UPDATES, TAILS, BITS, public=public)
    commitments = [commit(srs, update, tail) for update, tail in zip(UPDATES, TAILS, strict=True)]
    last = [commit_combination(srs, row) for row in public]
    assert list(proof.statement.commitments) == [*commitments, *last]
    assert (proof.bounded, proof.bits) == (ROWS, BITS)
    ranges = range_statement_of(proof)
    verify(srs.tau_g2, srs.size, proof.statement, proof.gram, proof.bounded)
    verify_range(srs.tau_g2, srs.size, ranges, proof.range)
    assert proof.hints == (hint(srs.tau_g2, proof.statement, proof.gram), range_hint(srs.tau_g2, ranges, proof.range))


def test_prove_round__public_rows__are_in_what_the_verifier_gets(srs: Srs) -> None:
    proof = prove_round(srs, CONTEXT, UPDATES, TAILS, BITS, public=PUBLIC)
    commitments = proof.statement.commitments
    shown = Proof.decode(proof.proof.encode())
    rows = ROWS + len(PUBLIC)
    assert (len(commitments), len(shown.gram)) == (rows, rows * (rows + 1) // 2)
    assert (shown.gram_proof, shown.range_proof, shown.hints) == (proof.gram, proof.range, proof.hints)
    assert proof.verify_arguments[-5:] == (commitments, *shown.as_struct()[1:])


def test_prove_round__public_rows_known__arent_committed_to_again(srs: Srs, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prove_round(srs, CONTEXT, UPDATES, TAILS, BITS, public=PUBLIC).statement
    for name in ("commit", "commit_combination"):
        monkeypatch.setattr(f"offchain.proving.inputs.{name}", lambda *_: pytest.fail("committed again"))
    known = {"commitments": first.commitments, "gram": first.gram}
    assert prove_round(srs, CONTEXT, UPDATES, TAILS, BITS, public=PUBLIC, **known).statement == first


def test_prove_round__without_the_public_rows_commitments__raises(srs: Srs) -> None:
    known = [commit(srs, update, tail) for update, tail in zip(UPDATES, TAILS, strict=True)]
    with pytest.raises(InputError, match="one commitment for each"):
        prove_round(srs, CONTEXT, UPDATES, TAILS, BITS, public=PUBLIC, commitments=known)


def test_decode__without_the_zeros_at_its_end__refused_as_by_the_verifier(srs: Srs) -> None:
    """The ABI pads a Bytes with zeros, so they would be there again."""
    shown = prove_round(srs, CONTEXT, UPDATES, TAILS, BITS).proof
    values = *shown.range_proof.v_opp[:-1], 7 << 16
    ending = replace(shown, range_proof=replace(shown.range_proof, v_opp=values))
    assert Proof.decode(ending.encode()) == ending
    with pytest.raises(DecodingError):
        Proof.decode(ending.encode()[:-2])


@pytest.mark.parametrize("more", [b"\0", bytes(32), b"\xff" * 64], ids=["a byte", "a zero word", "two words"])
def test_decode__more_behind_the_proof__refused(srs: Srs, more: bytes) -> None:
    shown = prove_round(srs, CONTEXT, UPDATES, TAILS, BITS).proof.encode()
    with pytest.raises(DecodingError, match="not canonical"):
        Proof.decode(shown + more)

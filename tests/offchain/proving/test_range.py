"""The range prover: bit for bit the reference's proofs, and what it refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from offchain.proving.commitment import TAIL, commit, random_tail
from offchain.proving.errors import InputError, Rejected
from offchain.proving.range import prove_range
from offchain.proving.range_transcript import RangeProof, RangeStatement
from offchain.proving.range_verifier import verify_range
from offchain.proving.srs import Srs
from tests.offchain.proving.cases import range_proof_of, range_statement_of
from tests.offchain.proving.reference import TAU
from tests.range_cases import case_named, load_vectors

CONTEXT = bytes(range(32))
VECTORS = load_vectors()["cases"]


@pytest.fixture(autouse=True)
def by_trapdoor(trapdoor: Callable[[int], None]) -> None:
    """Proofs over the SRS of TAU are verified without pairings, which test_range_verifier.py is for."""
    trapdoor(TAU)


@pytest.fixture(scope="module")
def wide_srs() -> Srs:
    """As many powers of TAU as the table of 16 bits takes."""
    return Srs.insecure((1 << 16) + 2 * TAIL, TAU)


def prove_vector(vector: dict[str, Any]) -> tuple[RangeStatement, RangeProof]:
    draws = iter(vector["draws"])
    result = prove_range(
        Srs.insecure(vector["srs_size"], int(vector["tau"], 16)),
        bytes.fromhex(vector["context"][2:]),
        np.array(vector["heads"], np.int16),
        [[int(value, 16) for value in tail] for tail in vector["tails"]],
        vector["bits"],
        random=lambda bound: int(next(draws), 16),
    )
    assert next(draws, None) is None
    return result


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_prove_range__witness_of_a_vector__gives_its_statement_and_proof(vector: dict[str, Any]) -> None:
    case = case_named(vector["name"])
    assert prove_vector(vector) == (range_statement_of(case), range_proof_of(case))


def updates_of(n: int, d: int, bits: int) -> np.ndarray:
    half = 1 << (bits - 1)
    return np.random.default_rng(n + d + bits).integers(-half, half, (n, d)).astype(np.int16)


def prove_and_verify(srs: Srs, updates: np.ndarray, bits: int) -> tuple[RangeStatement, RangeProof]:
    tails = [random_tail() for _ in updates]
    statement, proof = prove_range(srs, CONTEXT, updates, tails, bits)
    assert statement.commitments == tuple(commit(srs, u, tail) for u, tail in zip(updates, tails, strict=True))
    verify_range(srs.tau_g2, srs.size, statement, proof)
    return statement, proof


SHAPES = [
    *[(1, 17, 2), (32, 48, 6), (2, 18, 12), (2, 4984, 5), (2, 4096, 12)],
    # rows whose product just fits into a transform, or falls together at its ends
    *[(2, d, 4) for d in (116, 117, 127, 128, 129, 255, 256, 1024)],
]


@pytest.mark.parametrize(("n", "d", "bits"), SHAPES)
def test_prove_range__random_entries__verifies(srs: Srs, n: int, d: int, bits: int) -> None:
    prove_and_verify(srs, updates_of(n, d, bits), bits)


@pytest.mark.parametrize(("n", "d"), [(2, 18), (1, 17_000), (2, 65_536)])
def test_prove_range__of_16_bits__verifies(wide_srs: Srs, n: int, d: int) -> None:
    updates = updates_of(n, d, 16)
    updates[0, :2] = -(2**15), 2**15 - 1
    prove_and_verify(wide_srs, updates, 16)


@pytest.mark.parametrize("bits", [2, 3, 8])
@pytest.mark.parametrize("choice", ["least", "greatest", "zero", "both ends"])
def test_prove_range__entries_at_the_ends__verifies(srs: Srs, bits: int, choice: str) -> None:
    least, greatest = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    entries = {"least": [least], "greatest": [greatest], "zero": [0], "both ends": [least, greatest]}[choice]
    prove_and_verify(srs, np.resize(np.array(entries, np.int16), (3, 300)), bits)


def test_prove_range__repeated_rows__verifies(srs: Srs) -> None:
    row = updates_of(1, 150, 5)
    statement, proof = prove_and_verify(srs, np.concatenate([row, row]), 5)
    assert len(set(proof.inverses)) == len(set(statement.commitments)) + 1 == 3  # tails tell them apart


def test_prove_range__narrower_than_allowed__verifies(srs: Srs) -> None:
    prove_and_verify(srs, updates_of(2, 40, 3), 9)


def test_prove_range__twice__has_fresh_randomness(srs: Srs) -> None:
    updates, tails = updates_of(2, 20, 4), [random_tail() for _ in range(2)]
    (first, one), (second, other) = (prove_range(srs, CONTEXT, updates, tails, 4) for _ in range(2))
    assert first == second
    assert not set(one.points) & set(other.points)
    assert not set(one.scalars) & set(other.scalars)


def test_prove_range__known_commitments__arent_computed_again(srs: Srs, monkeypatch: pytest.MonkeyPatch) -> None:
    updates, tails = updates_of(2, 20, 4), [random_tail() for _ in range(2)]
    known = [commit(srs, u, tail) for u, tail in zip(updates, tails, strict=True)]
    monkeypatch.setattr("offchain.proving.inputs.commit", lambda *_: pytest.fail("committed again"))
    statement, proof = prove_range(srs, CONTEXT, updates, tails, 4, commitments=known)
    assert statement.commitments == tuple(known)
    verify_range(srs.tau_g2, srs.size, statement, proof)


def test_prove_range__wrong_commitment__doesnt_verify(srs: Srs) -> None:
    updates, tails = updates_of(2, 20, 4), [random_tail() for _ in range(2)]
    known = [commit(srs, updates[0], tails[0]), commit(srs, updates[0], tails[1])]
    with pytest.raises(Rejected, match="pairing check failed"):
        verify_range(srs.tau_g2, srs.size, *prove_range(srs, CONTEXT, updates, tails, 4, commitments=known))


@pytest.mark.parametrize("order", ["reversed", "transposed"])
def test_prove_range__strided_updates__prove_their_own_entries(srs: Srs, order: str) -> None:
    updates = updates_of(4, 80, 4)[::2, ::-2] if order == "reversed" else updates_of(40, 4, 4).T
    prove_and_verify(srs, updates, 4)


def test_prove_range__arguments__stay_as_they_are(srs: Srs) -> None:
    updates, tails = updates_of(2, 20, 4), [random_tail() for _ in range(2)]
    before = updates.copy(), [list(tail) for tail in tails], srs.g1.copy()
    prove_range(srs, CONTEXT, updates, tails, 4)
    assert np.array_equal(updates, before[0])
    assert tails == before[1]
    assert np.array_equal(srs.g1, before[2])


def test_prove_range__in_several_threads__gives_the_same_proofs() -> None:
    vectors, results = VECTORS[:4], dict[str, Any]()
    threads = [
        threading.Thread(target=lambda v=vector: results.update({v["name"]: prove_vector(v)})) for vector in vectors
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for vector in vectors:
        case = case_named(vector["name"])
        assert results[vector["name"]] == (range_statement_of(case), range_proof_of(case))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"updates": updates_of(1, 16, 4)}, "no proof for 1 updates of 16 entries"),
        ({"updates": updates_of(4, 19, 4)}, "no proof for 4 updates of 19 entries"),
        ({"updates": updates_of(2, 4985, 4)}, "no proof for 2 updates of 4985 entries of 4 bits with an SRS of 5000"),
        ({"updates": updates_of(41, 60, 4), "tails": [[1] * TAIL] * 41}, "no proof for 41 updates"),
        ({"updates": updates_of(1, 20, 4)[:0]}, "no proof for 0 updates"),
        ({"updates": updates_of(1, 20, 4)[0]}, "of shape"),
        ({"updates": updates_of(2, 20, 4).astype(np.int32)}, "not int32"),
        *[({"bits": bits}, f"of {bits} bits") for bits in (-1, 0, 1, 13, 16, 17)],
        ({"context": bytes(31)}, "context of 32 bytes"),
        ({"tails": [[1] * TAIL]}, "a tail of 8"),
        ({"tails": [[1] * TAIL, [1] * 7]}, "a tail of 8"),
        ({"commitments": [(1, 2)]}, "one commitment for each"),
    ],
)
def test_prove_range__what_cant_be_proved__raises(srs: Srs, changes: dict[str, Any], error: str) -> None:
    arguments = {"context": CONTEXT, "updates": updates_of(2, 20, 4), "tails": [[1] * TAIL] * 2, "bits": 4} | changes
    with pytest.raises(InputError, match=error):
        prove_range(srs, **arguments)


@pytest.mark.parametrize("bits", range(2, 13))
@pytest.mark.parametrize("side", [-1, 1])
def test_prove_range__an_entry_out_by_one__raises(srs: Srs, bits: int, side: int) -> None:
    updates, half = updates_of(2, 20, bits), 1 << (bits - 1)
    updates[1, 19] = half if side > 0 else -half - 1
    with pytest.raises(InputError, match=f"update 1 .* those of {bits} bits are -{half} to {half - 1}"):
        prove_range(srs, CONTEXT, updates, [[1] * TAIL] * 2, bits)

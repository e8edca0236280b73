"""The verifier in Python: the vectors, and the table of ways to spoil one that the contract is held to as well.

Most of the table ends in the pairing check, half a second each, so for the table the trapdoor (conftest.py) stands for
it. The pairing itself decides on the vectors and a few forgeries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from offchain.proving import verifier
from offchain.proving.errors import Rejected
from offchain.proving.verifier import verify
from tests.gram_cases import GramCase, case_named, load_cases, zero_case
from tests.gram_mutations import Mutation, Rule, mutations
from tests.offchain.proving.cases import load_public_vectors, load_vectors, proof_of, public_case, statement_of
from tests.offchain.proving.reference import P

BASE = case_named("longer SRS")

ERRORS = {
    Rule.LENGTHS: "lengths don't match",
    Rule.DIMENSION: "dimension out of bounds",
    Rule.ENTRY: "Gram entry out of bounds",
    Rule.SCALAR: "scalar not canonical",
    Rule.COORDINATE: "not a point of the curve",
    Rule.CURVE: "not a point of the curve",
    Rule.PAIRING: "pairing check failed",
}
SPOILT = [m for m in mutations(BASE) if m.name.split()[0] != "hint"]  # the hint is the contract's alone


@pytest.fixture
def by_trapdoor(trapdoor: Callable[[int], None]) -> None:
    trapdoor(int(next(vector for vector in load_vectors() if vector["name"] == BASE.name)["tau"], 16))


def check(case: GramCase) -> None:
    verify(case.tau_g2, case.srs_size, statement_of(case), proof_of(case))


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
def test_verify__vector__accepts(case: GramCase) -> None:
    check(case)


def test_verify__every_point_the_identity__accepts() -> None:
    check(zero_case(BASE, 2))


def test_verify__vector_by_the_trapdoor__accepts(by_trapdoor: None) -> None:
    check(BASE)


@pytest.mark.parametrize("mutation", SPOILT, ids=lambda mutation: mutation.name)
def test_verify__one_thing_changed__rejects_for_that(by_trapdoor: None, mutation: Mutation) -> None:
    with pytest.raises(Rejected, match=f"^{ERRORS[mutation.rule]}$"):
        check(mutation.case)


@pytest.mark.parametrize("name", ["gram 1 + 1", "w negated", "l the identity"])
def test_verify__forgery_by_the_pairing__rejects(name: str) -> None:
    (mutation,) = (m for m in SPOILT if m.name == name)
    with pytest.raises(Rejected, match="pairing check failed"):
        check(mutation.case)


def test_verify__another_key__rejects() -> None:
    other = case_named("two rows").tau_g2
    with pytest.raises(Rejected, match="pairing check failed"):
        check(replace(BASE, tau_g2=other))


def test_verify__another_proofs_statement__rejects(by_trapdoor: None) -> None:
    with pytest.raises(Rejected, match="lengths don't match"):
        check(replace(BASE, proof=case_named("two rows").proof))


@pytest.mark.parametrize("context", [b"", bytes(31), bytes(33)])
def test_verify__context_of_another_length__rejects(context: bytes) -> None:
    with pytest.raises(Rejected, match="lengths don't match"):
        check(replace(BASE, context=context))


def test_verify__entries_beyond_the_dimension__rejects(by_trapdoor: None) -> None:
    """A prover that has one entry more than it says: what the length identity is for."""
    assert BASE.srs_size - 16 > BASE.dimension
    with pytest.raises(Rejected, match="pairing check failed"):
        check(replace(BASE, dimension=BASE.dimension - 1))


@pytest.mark.parametrize("z", [0, 1, P - 1])
def test_verify__degenerate_challenge__rejects(monkeypatch: pytest.MonkeyPatch, z: int) -> None:
    drawn = verifier.challenges(BASE.tau_g2, statement_of(BASE), proof_of(BASE))
    monkeypatch.setattr(verifier, "challenges", lambda *_: replace(drawn, z=z))
    with pytest.raises(Rejected, match="degenerate challenge"):
        check(BASE)


# --- with public rows


@pytest.fixture
def beside_public(trapdoor: Callable[[int], None]) -> GramCase:
    """Two rows and public ones; its trapdoor stands for the pairing."""
    vector = load_public_vectors()[0]
    trapdoor(int(vector["tau"], 16))
    return public_case(vector)


def check_public(case: GramCase, rows: int) -> None:
    verify(case.tau_g2, case.srs_size, statement_of(case), proof_of(case), rows)


@pytest.mark.parametrize("vector", load_public_vectors(), ids=lambda vector: vector["name"])
def test_verify__vector_with_public_rows__accepts(vector: dict[str, Any]) -> None:
    check_public(public_case(vector), vector["rows"])


@pytest.mark.parametrize("rows", [-1, 0, 5])
def test_verify__no_row_or_more_than_there_are__rejects(beside_public: GramCase, rows: int) -> None:
    with pytest.raises(Rejected, match="lengths don't match"):
        check_public(beside_public, rows)


@pytest.mark.parametrize("rows", [3, 4, None])
def test_verify__public_rows_passed_off_as_rows__rejects(beside_public: GramCase, rows: int | None) -> None:
    with pytest.raises(Rejected, match="Gram entry out of bounds"):
        check_public(beside_public, rows)


def test_verify__rows_passed_off_as_public__is_for_the_range_proof_to_find(beside_public: GramCase) -> None:
    check_public(beside_public, 1)


# of the triangle 11 12 1S 1T 22 2S 2T SS ST TT, with so many rows that aren't public
SIZES = {
    4: [2**80] * 10,
    3: [2**80, 2**80, 2**80, 2**104, 2**80, 2**80, 2**104, 2**80, 2**104, 2**149],
    2: [2**80, 2**80, 2**104, 2**104, 2**80, 2**104, 2**104, 2**149, 2**149, 2**149],
    1: [2**80, 2**104, 2**104, 2**104, *[2**149] * 6],
}
SQUARES = {0: 0, 4: 1, 7: 2, 9: 3}  # the rows that they are of, by place


@pytest.mark.parametrize("k", range(10))
@pytest.mark.parametrize("rows", SIZES)
def test_verify__entry_at_its_bounds__rejects_beyond_them_as_out_of_bounds(
    beside_public: GramCase, rows: int, k: int
) -> None:
    least, most = 1 - SIZES[rows][k], SIZES[rows][k] - 1
    if SQUARES.get(k, 0) >= rows:
        least = 0
    small = [1] * 10
    for entry, error in [
        (least - 1, "Gram entry out of bounds"),
        (least, "pairing check failed"),
        (most, "pairing check failed"),
        (most + 1, "Gram entry out of bounds"),
    ]:
        gram = [*small[:k], entry, *small[k + 1 :]]
        with pytest.raises(Rejected, match=error):
            check_public(replace(beside_public, gram=gram), rows)


@pytest.mark.parametrize("k", range(4))
def test_verify__commitments_exchanged_beside_public_rows__rejects(beside_public: GramCase, k: int) -> None:
    points = list(beside_public.commitments)
    points[k], points[k - 1] = points[k - 1], points[k]
    with pytest.raises(Rejected, match="pairing check failed"):
        check_public(replace(beside_public, commitments=points), 2)

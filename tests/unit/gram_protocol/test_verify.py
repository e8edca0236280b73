"""The contract against proofs that are right, and against every way to spoil one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ape
import pytest

from tests.gram_cases import (
    IDENTITY,
    GramCase,
    P,
    case_named,
    challenge_z,
    hint_of,
    load_cases,
    load_public_cases,
    zero_case,
)
from tests.gram_mutations import Mutation, Rule, mutations

VerifierFor = Callable[[GramCase], Any]

BEFORE_Z = ("mask", "cross", "mask_norm", "t", "h", "r")  # what z depends on, of a proof
CASES = load_cases()
BASE = case_named("longer SRS")  # dimension and SRS have slack on both sides: a wrong dimension can be in bounds
OTHER_KEY = case_named("two rows")
PUBLIC = case_named("public rows")  # three and two
FIVE = case_named("five public rows")  # and three

named = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@named
def test_verify__right_proof__accepts(verifier_for: VerifierFor, case: GramCase) -> None:
    verifier_for(case).verify(*case.arguments)


@named
def test_transcript__of_vectors__gives_their_hint(case: GramCase) -> None:
    # the tables below lean on this transcript
    assert hint_of(challenge_z(case)) == case.hint


@pytest.mark.parametrize("rows", [1, 2, 32])
def test_verify__every_point_the_identity__accepts(verifier_for: VerifierFor, rows: int) -> None:
    case = zero_case(case_named("most rows"), rows)
    verifier_for(case).verify(*case.arguments)


@pytest.mark.parametrize("mutation", mutations(BASE), ids=lambda mutation: mutation.name)
def test_verify__one_thing_changed__reverts(verifier_for: VerifierFor, mutation: Mutation) -> None:
    with ape.reverts(mutation.error):
        verifier_for(BASE).verify(*mutation.case.arguments)


# --- the public rows


@pytest.mark.parametrize("case", load_public_cases(), ids=lambda case: case.name)
def test_verify__public_rows__accepts(verifier_for: VerifierFor, case: GramCase) -> None:
    verifier_for(case).verify(*case.arguments)


@pytest.mark.parametrize(
    "mutation",
    [
        m
        for m in mutations(PUBLIC)
        if m.name.startswith(("gram", "cross", "commitment", "dimension")) and m.name != "commitments missing"
    ],
    ids=lambda mutation: mutation.name,
)
def test_verify__one_thing_changed_beside_public_rows__reverts(verifier_for: VerifierFor, mutation: Mutation) -> None:
    with ape.reverts(mutation.error):
        verifier_for(PUBLIC).verify(*mutation.case.arguments)


@pytest.mark.parametrize("k", range(36))
def test_verify__one_entry_beside_five_public_rows_changed__reverts(verifier_for: VerifierFor, k: int) -> None:
    gram = [entry + (place == k) for place, entry in enumerate(FIVE.gram)]
    with ape.reverts("gram: pairing check failed"):
        verifier_for(FIVE).verify(*replace(FIVE, gram=gram).with_right_hint().arguments)


@pytest.mark.parametrize("i", range(8))
def test_verify__scalar_of_a_row_out_of_bounds__reverts(verifier_for: VerifierFor, i: int) -> None:
    cross = [value + P * (place == i) for place, value in enumerate(FIVE.proof["cross"])]
    with ape.reverts("gram: scalar not canonical"):
        verifier_for(FIVE).verify(*FIVE.with_proof(cross=cross).with_right_hint().arguments)


@pytest.mark.parametrize("i", range(1, 8))
def test_verify__two_of_the_rows_exchanged__reverts(verifier_for: VerifierFor, i: int) -> None:
    rows = list(FIVE.commitments)
    rows[i - 1], rows[i] = rows[i], rows[i - 1]
    with ape.reverts("gram: pairing check failed"):
        verifier_for(FIVE).verify(*replace(FIVE, commitments=rows).with_right_hint().arguments)


@pytest.mark.parametrize("public", [1, 3])
@pytest.mark.parametrize("k", range(10))
def test_verify__an_entry_at_its_bounds__reverts_beyond_them_as_out_of_bounds(
    verifier_for: VerifierFor, k: int, public: int
) -> None:
    """Four rows, of which so many are public, all products small but one."""
    case = replace(case_named("public rows at their bounds"), public=public, gram=[1] * 10)
    least, most = case.bounds(k)
    for entry, error in (
        (least - 1, "gram: entry out of bounds"),
        (least, "gram: pairing check failed"),
        (most, "gram: pairing check failed"),
        (most + 1, "gram: entry out of bounds"),
    ):
        changed = replace(case, gram=[entry if place == k else 1 for place in range(10)])
        with ape.reverts(error):
            verifier_for(case).verify(*changed.with_right_hint().arguments)


@pytest.mark.parametrize("off", [-1, 1])
@pytest.mark.parametrize("k", range(10))
def test_verify__an_entry_beside_its_bound__reverts(verifier_for: VerifierFor, k: int, off: int) -> None:
    case = case_named("public rows at their bounds")
    changed = replace(case, gram=[entry + off * (i == k) for i, entry in enumerate(case.gram)])
    least, most = case.bounds(k)
    inside = least <= changed.gram[k] <= most
    with ape.reverts("gram: pairing check failed" if inside else "gram: entry out of bounds"):
        verifier_for(case).verify(*changed.with_right_hint().arguments)


@pytest.mark.parametrize("public", [0, 1])
def test_verify__public_rows_passed_off_as_rows__reverts(verifier_for: VerifierFor, public: int) -> None:
    with ape.reverts("gram: entry out of bounds"):
        verifier_for(PUBLIC).verify(*replace(PUBLIC, public=public).arguments)


@pytest.mark.parametrize("public", [3, 4])
def test_verify__rows_passed_off_as_public__is_for_the_range_proof_to_find(
    verifier_for: VerifierFor, public: int
) -> None:
    verifier_for(PUBLIC).verify(*replace(PUBLIC, public=public).arguments)


@pytest.mark.parametrize("rows", [6, 32, 2**256 - 2, 2**256 - 1])
def test_verify__more_rows_than_there_are__reverts(verifier_for: VerifierFor, rows: int) -> None:
    context, dimension, _, *rest = PUBLIC.arguments
    with ape.reverts("gram: wrong lengths"):
        verifier_for(PUBLIC).verify(context, dimension, rows, *rest)


@pytest.mark.parametrize("k", [0, 1, 31, 32, 33, 496, 527])
def test_verify__one_entry_of_most_rows_changed__reverts(verifier_for: VerifierFor, k: int) -> None:
    case = case_named("most rows")
    gram = [entry + (1 if i == k else 0) for i, entry in enumerate(case.gram)]
    with ape.reverts("gram: pairing check failed"):
        verifier_for(case).verify(*replace(case, gram=gram).with_right_hint().arguments)


@pytest.mark.parametrize("field", BEFORE_Z)
def test_verify__message_before_z_changed_and_hint_kept__reverts(verifier_for: VerifierFor, field: str) -> None:
    value = BASE.proof[field]
    changed = {"cross": lambda: [0] * len(value), "mask_norm": lambda: 0}.get(field, lambda: IDENTITY)()
    with ape.reverts("gram: wrong hint"):
        verifier_for(BASE).verify(*BASE.with_proof(**{field: changed}).arguments)


def test_verify__context_changed_and_hint_kept__reverts(verifier_for: VerifierFor) -> None:
    with ape.reverts("gram: wrong hint"):
        verifier_for(BASE).verify(*replace(BASE, context=bytes(32)).arguments)


def test_verify__proof_of_another_key__reverts(verifier_for: VerifierFor) -> None:
    # for the other verifier the transcript starts from another key: the hint that fits there is not the proof's
    assert BASE.tau_g2 != OTHER_KEY.tau_g2
    verifier = verifier_for(OTHER_KEY)
    moved = replace(BASE, tau_g2=OTHER_KEY.tau_g2, dimension=OTHER_KEY.dimension)
    with ape.reverts("gram: wrong hint"):
        verifier.verify(*moved.arguments)
    with ape.reverts("gram: pairing check failed"):
        verifier.verify(*moved.with_right_hint().arguments)


def test_verify__proof_of_another_statement__reverts(verifier_for: VerifierFor) -> None:
    zero = zero_case(BASE, len(BASE.commitments))
    replayed = replace(BASE, proof=zero.proof).with_right_hint()
    with ape.reverts("gram: pairing check failed"):
        verifier_for(BASE).verify(*replayed.arguments)


def test_verify__same_tau_in_a_larger_srs__accepts(deploy: Callable[..., Any]) -> None:
    # the length of the vectors is proved: it doesn't rest on the SRS being short
    deploy("GramProtocolMock", BASE.tau_g2, 2**20).verify(*BASE.arguments)


def test_verify__same_tau_in_a_shorter_srs__reverts(deploy: Callable[..., Any]) -> None:
    verifier = deploy("GramProtocolMock", BASE.tau_g2, BASE.dimension + 15)
    with ape.reverts("gram: dimension out of bounds"):
        verifier.verify(*BASE.arguments)


def test_verify__more_rows_than_40__reverts(verifier_for: VerifierFor) -> None:
    # refused before the function starts, by the bound of the argument: without a message
    case = zero_case(case_named("most rows"), 41)
    with ape.reverts("Transaction failed."):
        verifier_for(case).verify(*case.arguments)


def test_rules__of_the_mutations__are_all_there() -> None:
    assert {mutation.rule for mutation in mutations(BASE)} == set(Rule)

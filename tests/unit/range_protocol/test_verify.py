"""The protocol against proofs that are right, against provers that cheat, and against every way to spoil a proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ape
import pytest

from tests.range_cases import LISTS, RangeCase, case_named, challenges, load_cases, load_cheats, load_vectors
from tests.range_mutations import Mutation, Rule, mutations

VerifierFor = Callable[[RangeCase], Any]

CASES = load_cases()
BASE = case_named("longer SRS")  # dimension, bits and SRS have slack on both sides: a wrong one can be in bounds
OTHER_KEY = case_named("two rows")

by_name = {"ids": lambda case: case.name}


@pytest.mark.parametrize("case", CASES, **by_name)
def test_verify__right_proof__accepts(verifier_for: VerifierFor, case: RangeCase) -> None:
    verifier_for(case).verify(*case.arguments)


@pytest.mark.parametrize("case", load_cheats(), **by_name)
def test_verify__false_statement__reverts(verifier_for: VerifierFor, case: RangeCase) -> None:
    with ape.reverts("range: pairing check failed"):
        verifier_for(case).verify(*case.arguments)


@pytest.mark.parametrize("vector", load_vectors()["cases"], ids=lambda vector: vector["name"])
def test_transcript__of_vectors__gives_their_challenges(vector: dict[str, Any]) -> None:
    # the tables below lean on this transcript
    expected = {name: int(value, 0) for name, value in vector["challenges"].items()}
    assert challenges(case_named(vector["name"])) == expected


@pytest.mark.parametrize("mutation", mutations(BASE), ids=lambda mutation: mutation.name)
def test_verify__one_thing_changed__reverts(verifier_for: VerifierFor, mutation: Mutation) -> None:
    with ape.reverts(mutation.error):
        verifier_for(BASE).verify(*mutation.case.arguments)


def test_rules__of_the_mutations__are_all_there() -> None:
    assert {mutation.rule for mutation in mutations(BASE)} == set(Rule)


@pytest.mark.parametrize("field", ["f_zeta", "v_opp"])
@pytest.mark.parametrize("row", [0, 1, 4])
def test_verify__one_value_of_a_longer_proof_changed__reverts(verifier_for: VerifierFor, field: str, row: int) -> None:
    case = case_named("four rows")
    values = [value + (1 if i == row else 0) for i, value in enumerate(case.proof[field])]
    with ape.reverts("range: pairing check failed"):
        verifier_for(case).verify(*case.with_proof(**{field: values}).with_right_hint().arguments)


def test_verify__proof_of_another_key__reverts(verifier_for: VerifierFor) -> None:
    # for the other verifier the transcript starts from another key: the hint that fits there is not the proof's
    verifier = verifier_for(OTHER_KEY)
    moved = replace(BASE, tau_g2=OTHER_KEY.tau_g2, dimension=OTHER_KEY.dimension)
    with ape.reverts("range: wrong hint"):
        verifier.verify(*moved.arguments)
    with ape.reverts("range: pairing check failed"):
        verifier.verify(*moved.with_right_hint().arguments)


def test_verify__same_tau_in_a_larger_srs__accepts(deploy: Callable[..., Any]) -> None:
    deploy("RangeProtocolMock", BASE.tau_g2, 2**20).verify(*BASE.arguments)


@pytest.mark.parametrize(
    ("srs_size", "bits", "error"),
    [
        (40, 5, "range: pairing check failed"),  # 2^5 and a tail just fit
        (39, 5, "range: bits out of bounds"),
        (2**16 + 8, 16, "range: pairing check failed"),
        (2**16 + 7, 16, "range: bits out of bounds"),
        (2**29 - 1, 17, "range: bits out of bounds"),
        (38, 3, None),  # dimension and twice the tail just fit
        (37, 3, "range: dimension out of bounds"),
    ],
)
def test_verify__srs_around_its_bounds__takes_what_fits(
    deploy: Callable[..., Any], srs_size: int, bits: int, error: str | None
) -> None:
    verifier = deploy("RangeProtocolMock", BASE.tau_g2, srs_size)
    case = replace(BASE, bits=bits).with_right_hint()
    if error is None:
        verifier.verify(*case.arguments)
    else:
        with ape.reverts(error):
            verifier.verify(*case.arguments)


def test_verify__more_rows_than_40__reverts(verifier_for: VerifierFor) -> None:
    # refused before the function starts, by the bounds of the arguments: without a message
    rows = [BASE.commitments[0]] * 41
    lists = {field: [BASE.proof[field][0]] * 42 for field in LISTS}
    for case in (replace(BASE, commitments=rows), BASE.with_proof(**lists)):
        with ape.reverts("Transaction failed."):
            verifier_for(BASE).verify(*case.arguments)

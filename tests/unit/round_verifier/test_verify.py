"""Both proofs at once. What each protocol checks is tested beside it; here, that both have to be right, of the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ape
import pytest

from tests import gram_mutations, range_cases, range_mutations
from tests.gram_mutations import put
from tests.round_cases import RoundCase, case_named, load_cases, load_public_cases, load_rejected, load_strangers

VerifierFor = Callable[[RoundCase], Any]

BASE = case_named("longer SRS")
PUBLIC = case_named("public rows")
PAIRING = "verifier: pairing check failed"

by_name = {"ids": lambda case: case.name}


def error_of(rule: str) -> str:
    """What this contract says where a protocol alone would say `rule`."""
    return PAIRING if rule.endswith(": pairing check failed") else rule


@pytest.mark.parametrize("case", load_cases(), **by_name)
def test_verify__right_proofs__accepts(verifier_for: VerifierFor, case: RoundCase) -> None:
    assert verifier_for(case).verify(*case.arguments)


@pytest.mark.parametrize("case", load_rejected(), **by_name)
def test_verify__wrong_pair__reverts(verifier_for: VerifierFor, case: RoundCase) -> None:
    with ape.reverts(PAIRING):
        verifier_for(case).verify(*case.arguments)


@pytest.mark.parametrize("case", load_rejected(), **by_name)
def test_rejected__each_proof_alone__is_wrong_too(deploy: Callable[..., Any], case: RoundCase) -> None:
    # but for entries that wrap around: a Gram proof can't tell
    gram, ranges = deploy("GramProtocolMock", *case.key), deploy("RangeProtocolMock", *case.key)
    with ape.reverts("range: pairing check failed"):
        ranges.verify(*case.ranges.arguments)
    if case.name == "entries that wrap around":
        gram.verify(*case.gram.arguments)
    else:
        with ape.reverts("gram: pairing check failed"):
            gram.verify(*case.gram.arguments)


# --- each of the two proofs has to be right


@pytest.mark.parametrize(
    "mutation",
    [m for m in gram_mutations.mutations(BASE.gram) if m.name.endswith((" doubled", " + 1", " P", "truncated"))],
    ids=lambda mutation: mutation.name,
)
def test_verify__gram_side_changed__reverts(verifier_for: VerifierFor, mutation: gram_mutations.Mutation) -> None:
    case = BASE.with_gram(mutation.case)
    with ape.reverts(error_of(mutation.error)):
        verifier_for(BASE).verify(*case.arguments)


@pytest.mark.parametrize(
    "mutation",
    [
        m
        for m in range_mutations.mutations(BASE.ranges)
        if m.name.endswith((" doubled", " + 1", " P", "truncated")) and not m.name.startswith(("comm", "dim"))
    ]
    + [m for m in range_mutations.mutations(BASE.ranges) if m.name.startswith("bits")],
    ids=lambda mutation: mutation.name,
)
def test_verify__range_side_changed__reverts(verifier_for: VerifierFor, mutation: range_mutations.Mutation) -> None:
    case = BASE.with_ranges(mutation.case)
    with ape.reverts(error_of(mutation.error)):
        verifier_for(BASE).verify(*case.arguments)


def test_verify__hints_swapped__reverts(verifier_for: VerifierFor) -> None:
    *rest, hints = BASE.arguments
    with ape.reverts("gram: wrong hint"):
        verifier_for(BASE).verify(*rest, hints[::-1])


# --- and they have to be of the same thing


SAME, *STRANGERS = load_strangers()


def test_verify__proofs_of_the_same__accepts(verifier_for: VerifierFor) -> None:
    verifier_for(SAME).verify(*SAME.arguments)


@pytest.mark.parametrize("stranger", STRANGERS, **by_name)
def test_verify__right_range_proof_of_another_statement__reverts(
    verifier_for: VerifierFor, deploy: Callable[..., Any], stranger: RoundCase
) -> None:
    deploy("RangeProtocolMock", *stranger.key).verify(*stranger.ranges.arguments)
    # asked about the Gram proof's statement, with its own hint and with the one that fits
    pair = RoundCase(SAME.gram, replace(stranger.ranges, bits=SAME.ranges.bits))
    with ape.reverts("range: wrong hint"):
        verifier_for(SAME).verify(*pair.arguments)
    with ape.reverts(PAIRING):
        verifier_for(SAME).verify(*pair.with_gram(SAME.gram).arguments)


@pytest.mark.parametrize("stranger", STRANGERS, **by_name)
def test_verify__right_gram_proof_of_another_statement__reverts(verifier_for: VerifierFor, stranger: RoundCase) -> None:
    # asked about the range proof's statement: the number of bits is the one thing that a Gram proof doesn't speak of
    pair = RoundCase(SAME.gram, stranger.ranges).with_ranges(stranger.ranges)
    if stranger.name == "bits":
        verifier_for(SAME).verify(*pair.arguments)
    else:
        with ape.reverts(PAIRING):
            verifier_for(SAME).verify(*pair.arguments)


def test_verify__proofs_of_another_key__reverts(verifier_for: VerifierFor) -> None:
    other = case_named("ten rows")
    moved = BASE.with_gram(replace(BASE.gram, tau_g2=other.gram.tau_g2).with_right_hint())
    with ape.reverts("gram: wrong hint"):
        verifier_for(other).verify(*BASE.arguments)
    with ape.reverts("range: wrong hint"):
        verifier_for(other).verify(*moved.arguments)


def test_verify__same_tau_in_a_larger_srs__accepts(deploy: Callable[..., Any]) -> None:
    deploy("RoundVerifier", BASE.key[0], 2**20).verify(*BASE.arguments)


def test_verify__more_rows_than_40__reverts(verifier_for: VerifierFor) -> None:
    # refused before the function starts, by the bound of the argument: without a message
    case = case_named("most rows")
    longer = replace(case.gram, commitments=[case.gram.commitments[0]] * 41)
    with ape.reverts("Transaction failed."):
        verifier_for(case).verify(*replace(case, gram=longer).arguments)


# --- the public rows: in the Gram proof, and not in the range proof


@pytest.mark.parametrize("case", load_public_cases(), **by_name)
def test_verify__public_rows__accepts(verifier_for: VerifierFor, case: RoundCase) -> None:
    assert verifier_for(case).verify(*case.arguments)


@pytest.mark.parametrize("k", [3, 4, 7, 8, 10, 11, 12, 13, 14])  # of 15
def test_verify__false_product_with_a_public_row__reverts(verifier_for: VerifierFor, k: int) -> None:
    gram = PUBLIC.gram.gram
    case = PUBLIC.with_gram(replace(PUBLIC.gram, gram=put(gram, k, gram[k] + 1)).with_right_hint())
    with ape.reverts(PAIRING):
        verifier_for(PUBLIC).verify(*case.arguments)


@pytest.mark.parametrize("point", [(1, 2), (0, 0), PUBLIC.gram.commitments[0]], ids=["another", "none", "a row"])
@pytest.mark.parametrize("which", [-1, -2])
def test_verify__another_public_row__reverts(verifier_for: VerifierFor, point: tuple[int, int], which: int) -> None:
    commitments = list(PUBLIC.gram.commitments)
    commitments[which] = point
    case = PUBLIC.with_gram(replace(PUBLIC.gram, commitments=commitments).with_right_hint())
    with ape.reverts(PAIRING):
        verifier_for(PUBLIC).verify(*case.arguments)


def test_verify__public_row_is_a_row_too__accepts(verifier_for: VerifierFor) -> None:
    # what a free rider sends when an aggregate is short enough: nothing is wrong with that
    case = case_named("public rows sent again")
    assert case.gram.commitments[0] == case.gram.commitments[-2]
    assert verifier_for(case).verify(*case.arguments)


@pytest.mark.parametrize("name", ["public rows", "public rows of zeros"])
@pytest.mark.parametrize("public", [0, 1])
def test_verify__public_rows_passed_off_as_rows__reverts(verifier_for: VerifierFor, name: str, public: int) -> None:
    """Whether or not its entries would pass for those of a row: the range proof doesn't speak of it."""
    case = case_named(name)
    taken_in = RoundCase(replace(case.gram, public=public), case.ranges)
    with ape.reverts("gram: entry out of bounds" if name == "public rows" else "range: wrong lengths"):
        verifier_for(case).verify(*taken_in.arguments)


@pytest.mark.parametrize("public", [1, 2])
def test_verify__rows_passed_off_as_public__reverts(verifier_for: VerifierFor, public: int) -> None:
    case = RoundCase(replace(BASE.gram, public=public), BASE.ranges)
    with ape.reverts("range: wrong lengths"):
        verifier_for(BASE).verify(*case.arguments)


@pytest.mark.parametrize("public", [1, 2])
def test_verify__range_proof_of_other_rows__reverts(verifier_for: VerifierFor, public: int) -> None:
    """One about fewer rows, cut to fit: it can't be moved."""
    gram, proof = replace(BASE.gram, public=public), dict(BASE.ranges.proof)
    for name in range_cases.LISTS:
        proof[name] = proof[name][:-public]
    ranges = replace(BASE.ranges, commitments=BASE.ranges.commitments[:-public], proof=proof)
    case = RoundCase(gram, ranges).with_gram(gram)
    with ape.reverts(PAIRING):
        verifier_for(BASE).verify(*case.arguments)


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (0, "range: wrong lengths"),
        (1, "range: wrong lengths"),
        (2, "range: wrong lengths"),
        (4, "gram: entry out of bounds"),
        (5, "gram: entry out of bounds"),
        (6, "gram: wrong lengths"),
        (2**256 - 2, "gram: wrong lengths"),
        (2**256 - 1, "gram: wrong lengths"),
    ],
)
def test_verify__wrong_number_of_rows__reverts(verifier_for: VerifierFor, rows: int, error: str) -> None:
    arguments = list(PUBLIC.arguments)
    arguments[3] = rows
    with ape.reverts(error):
        verifier_for(PUBLIC).verify(*arguments)


@pytest.mark.parametrize("name", ["single row", "public rows"])
def test_verify__public_rows_alone__reverts(verifier_for: VerifierFor, name: str) -> None:
    """Also with a range proof of no rows."""
    case = case_named(name)
    arguments = list(case.arguments)
    arguments[3] = 0
    with ape.reverts("range: wrong lengths"):
        verifier_for(case).verify(*arguments)
    arguments[7] = case.ranges.proof | {field: case.ranges.proof[field][:1] for field in range_cases.LISTS}
    with ape.reverts("range: dimension out of bounds"):
        verifier_for(case).verify(*arguments)

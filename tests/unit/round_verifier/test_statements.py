"""Right proofs, of the wrong thing: another round's, another SRS's, of commitments that are nobody's own.

As in test_tables.py the hints fit whatever is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from eth_abi import encode
from eth_utils import keccak

from offchain.proving.commitment import Combination
from offchain.proving.gram import prove as prove_gram
from offchain.proving.verifier import verify
from tests.gram_cases import IDENTITY, P, zero_case
from tests.gram_mutations import put as put_in
from tests.offchain.proving.reference import multiple, negate, sum_of
from tests.round_calls import Answers, Call, as_lists, call_of, put, with_right_hints
from tests.round_cases import RoundCase
from tests.round_proved import BITS, TAUS, prove, srs_of

AskBoth = Callable[[RoundCase, list[Call]], list[Answers]]

DIMENSION = 24
FIRST = [(7 * k + 3) % 5 - 2 for k in range(DIMENSION)]  # within [-2, 2]: a sum of three fits the range
SECOND = [(3 * k + 1) % 4 - 1 for k in range(DIMENSION)]
THIRD = [k % 3 - 1 for k in range(DIMENSION)]
UPDATES = [FIRST, SECOND, THIRD]
TAILS = [[(i + 2) * (k + 7) ** 50 % P for k in range(8)] for i in range(3)]
PUBLIC = [Combination(np.array(row) * 2**40, tuple(TAILS[i])) for i, row in enumerate([FIRST, THIRD, SECOND])]
TAIL_OF_NOTHING = [0] * 8
PAIRING_FAILED = Answers("verifier: pairing check failed", "pairing check failed")
OUT_OF_BOUNDS = Answers("gram: entry out of bounds", "Gram entry out of bounds")
PROOFS = ("gram_proof", "range_proof")


def ask(ask_both: AskBoth, case: RoundCase, call: Call) -> Answers:
    """For the case's key."""
    (answers,) = ask_both(case, [with_right_hints(call, case.key)])
    return answers


# --- replays

HERE: dict[str, Any] = {"chain": 31337, "escrow": "0x" + "11" * 20, "round": 4, "aggregator": "0x" + "22" * 20}
CONTEXTS = {
    "the same": HERE,
    "another chain": HERE | {"chain": 1},
    "another project": HERE | {"escrow": "0x" + "33" * 20},
    "the round before": HERE | {"round": 3},
    "the next round": HERE | {"round": 5},
    "another aggregator": HERE | {"aggregator": "0x" + "44" * 20},
}


@pytest.fixture(scope="module")
def proved() -> dict[str, RoundCase]:
    """The same rows, in each of the contexts."""
    types = ["uint256", "address", "uint256", "address"]
    return {
        name: prove(UPDATES, TAILS, context=keccak(encode(types, list(values.values()))))
        for name, values in CONTEXTS.items()
    }


def test_judge__proofs_of_another_context__accepted_in_their_own_alone(
    ask_both: AskBoth, proved: dict[str, RoundCase]
) -> None:
    for (here, asked), (there, taken) in product(proved.items(), repeat=2):
        call = call_of(taken) | {"context": call_of(asked)["context"]}
        answers = ask(ask_both, asked, call)
        assert answers.accepted if here == there else answers.refused_for_one_reason, (here, there)


@pytest.mark.parametrize("name", [name for name in CONTEXTS if name != "the same"])
@pytest.mark.parametrize("proof", PROOFS)
def test_judge__one_of_the_proofs_of_another_context__refused_by_both(
    ask_both: AskBoth, proved: dict[str, RoundCase], proof: str, name: str
) -> None:
    here, there = proved["the same"], proved[name]
    assert ask(ask_both, here, call_of(here) | {proof: call_of(there)[proof]}).refused_for_one_reason


def test_judge__proofs_of_other_updates__refused_by_both(ask_both: AskBoth) -> None:
    here, there = prove(UPDATES), prove([THIRD, FIRST, SECOND])
    for fields in (PROOFS, ("commitments",), ("gram",), ("commitments", "gram"), *((proof,) for proof in PROOFS)):
        call = call_of(here) | {field: call_of(there)[field] for field in fields}
        assert ask(ask_both, here, call).refused_for_one_reason, fields


# --- a matrix that is right modulo P


@pytest.mark.parametrize("public", [[], PUBLIC], ids=["rows alone", "public rows"])
@pytest.mark.parametrize("shift", [P, -P, 2 * P], ids=["P", "-P", "2 P"])
def test_judge__proof_of_an_entry_shifted_by_the_order__refused_by_both(
    ask_both: AskBoth, shift: int, public: list[Combination]
) -> None:
    """By a prover that goes ahead with it: to the proof alone it is the same number."""
    case = prove(UPDATES, TAILS, public=public)
    assert ask(ask_both, case, call_of(case)).accepted
    for k, entry in enumerate(case.gram.gram):
        shifted = prove(UPDATES, TAILS, public=public, gram=put_in(case.gram.gram, k, entry + shift))
        assert ask(ask_both, shifted, call_of(shifted)) == OUT_OF_BOUNDS


@pytest.mark.parametrize("public", [[], PUBLIC], ids=["rows alone", "public rows"])
def test_judge__proof_of_a_wrong_entry__refused_by_both(ask_both: AskBoth, public: list[Combination]) -> None:
    case = prove(UPDATES, TAILS, public=public)
    for k, entry in enumerate(case.gram.gram):
        wrong = prove(UPDATES, TAILS, public=public, gram=put_in(case.gram.gram, k, entry + 1))
        assert ask(ask_both, wrong, call_of(wrong)) == PAIRING_FAILED


# --- more rows than the contract takes


@pytest.mark.parametrize(("rows", "python"), [(40, "lengths don't match"), (41, "dimension out of bounds")])
def test_judge__more_rows_than_40__refused_by_both(ask_both: AskBoth, rows: int, python: str) -> None:
    """The Gram proof would be right. The contract refuses before it begins, by the bounds of its arguments."""
    case = prove(UPDATES, TAILS)
    zeros = RoundCase(zero_case(replace(case.gram, dimension=58), rows), case.ranges)
    said = ask(ask_both, case, call_of(zeros))
    assert said == Answers("range: wrong lengths" if rows == 40 else "", python)


# --- another SRS


@pytest.mark.parametrize("taken", [PROOFS, ("commitments",), ("commitments", *PROOFS), *((proof,) for proof in PROOFS)])
def test_judge__proofs_for_another_srs__refused_by_both(ask_both: AskBoth, taken: tuple[str, ...]) -> None:
    """Of the same vectors; what isn't taken from the other SRS is right for the one that is asked."""
    one, other = (prove(UPDATES, TAILS, tau=tau) for tau in TAUS)
    assert ask(ask_both, one, call_of(one)).accepted
    assert ask(ask_both, other, call_of(other)).accepted
    for here, there in ((one, other), (other, one)):
        call = call_of(here) | {field: call_of(there)[field] for field in taken}
        assert ask(ask_both, here, call).refused_for_one_reason


# --- the identity as a trainer's commitment


@pytest.mark.parametrize("row", range(3))
def test_judge__nothing_committed__accepted_for_an_update_of_zeros_alone(ask_both: AskBoth, row: int) -> None:
    """An update of zeros without a tail has the identity as its commitment; the escrow takes none such."""
    updates, tails = list(UPDATES), list(TAILS)
    updates[row], tails[row] = [0] * DIMENSION, TAIL_OF_NOTHING
    case = prove(updates, tails)
    call = call_of(case)
    assert tuple(call["commitments"][row]) == IDENTITY
    assert ask(ask_both, case, call).accepted
    for k in range(6):
        assert ask(ask_both, case, put(call, ("gram", k), call["gram"][k] + 1)).refused_for_one_reason


@pytest.mark.parametrize("row", range(3))
def test_judge__identity_in_place_of_a_commitment__refused_by_both(ask_both: AskBoth, row: int) -> None:
    """Also with the matrix that is then the right one."""
    case = prove(UPDATES)
    call = put(call_of(case), ("commitments", row), list(IDENTITY))
    assert ask(ask_both, case, call).refused_for_one_reason
    places = [(i, j) for i in range(3) for j in range(i, 3)]
    zeroed = [0 if row in place else entry for place, entry in zip(places, call["gram"], strict=True)]
    assert ask(ask_both, case, call | {"gram": zeroed}).refused_for_one_reason


# --- a commitment that is a combination of others'

COMBINATIONS = {
    "a copy": [1, 0],
    "negated": [-1, 0],
    "doubled": [2, 0],
    "the sum": [1, 1],
    "the difference": [1, -1],
    "some of both": [1, -2],
}


def combined(factors: list[int], rows: list[list[int]]) -> list[int]:
    return [sum(f * entry for f, entry in zip(factors, entries, strict=True)) for entries in zip(*rows, strict=True)]


@pytest.mark.parametrize("factors", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_judge__combination_of_others__accepted_from_who_knows_them(ask_both: AskBoth, factors: list[int]) -> None:
    """Nothing about it is false: what keeps trainers from it is that they can't see others' commitments in time."""
    third, tail = combined(factors, UPDATES[:2]), [value % P for value in combined(factors, TAILS[:2])]
    case = prove([*UPDATES[:2], third], [*TAILS[:2], tail])
    call = call_of(case)
    assert tuple(call["commitments"][2]) == combined_points(factors, call)
    assert ask(ask_both, case, call).accepted


@pytest.mark.parametrize("factors", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_judge__combination_of_others_by_anyone_else__refused_by_both(ask_both: AskBoth, factors: list[int]) -> None:
    """In place of another row's commitment, with the matrix of that row and with that of the combination."""
    case = prove(UPDATES)
    call = call_of(case)
    call["commitments"][2] = list(combined_points(factors, call))
    rows = [*UPDATES[:2], combined(factors, UPDATES[:2])]
    gram = [sum(a * b for a, b in zip(rows[i], rows[j], strict=True)) for i in range(3) for j in range(i, 3)]
    for matrix in (call["gram"], gram):
        assert ask(ask_both, case, call | {"gram": matrix}).refused_for_one_reason


def test_judge__combination_out_of_range__refused_by_both(ask_both: AskBoth) -> None:
    """Its Gram proof is right, and it has a range proof of the other rows: that can't be moved."""
    factors = [3, 2]
    third, tail = combined(factors, UPDATES[:2]), [value % P for value in combined(factors, TAILS[:2])]
    assert max(map(abs, third)) >= 2 ** (BITS - 1)
    case = prove(UPDATES, TAILS)
    updates = np.array([*UPDATES[:2], third], np.int16)
    statement, proof = prove_gram(srs_of(TAUS[0]), bytes(32), updates, [*TAILS[:2], tail])
    verify(*case.key, statement, proof)
    changed = {"commitments": statement.commitments, "gram": statement.gram, "gram_proof": vars(proof)}
    assert ask(ask_both, case, as_lists(call_of(case) | changed)).refused_for_one_reason


def combined_points(factors: list[int], call: Call) -> tuple[int, int]:
    """Of the first commitments."""
    terms = zip(factors, call["commitments"], strict=False)
    return sum_of([multiple(f, tuple(c)) if f >= 0 else negate(multiple(-f, tuple(c))) for f, c in terms])

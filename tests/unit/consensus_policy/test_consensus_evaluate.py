"""The contract gives what the Python rule gives, and refuses what it refuses."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import ape
import pytest
from eth_abi import encode

from offchain.scoring import policy
from offchain.scoring.policy import CONSENSUS, ONE, NotAGramMatrixError, PolicyTerms
from tests.policy_matrices import MOST, VECTORS, of, triangle
from tests.unit.consensus_policy.conftest import NO_MORE, Evaluate
from tests.unit.consensus_policy.matrices import OWN_EXTREMES, OWN_FAMILIES, PUBLIC, scaled_last

ORTHOGONAL = of(5, lambda i, j: int(i == j))
TERMS = PolicyTerms(CONSENSUS, 1)


def some_terms(rng: random.Random, rows: int) -> PolicyTerms:
    byzantine = rng.randrange(min(14, max(0, rows - 3) // 2) + 1)
    floor = rng.choice([0, ONE // 16, ONE])
    return PolicyTerms(CONSENSUS, byzantine, floor, rng.choice([0, ONE // 3, ONE]), rng.choice([1, 2**64 - 1]))


@pytest.mark.parametrize("family", OWN_FAMILIES, ids=lambda family: family.__name__)
def test_evaluate__random_for_consensus__is_the_python_policys(
    evaluate: Evaluate, family: Callable[..., list[int]]
) -> None:
    rng = random.Random(family.__name__)
    for rows in [1, 2, *rng.sample(range(3, 33), 12), 32]:
        gram = family(rng, rows)
        terms = some_terms(rng, rows)
        rate = rng.choice([1, ONE, 2**64 - 1])
        assert evaluate(rows, gram, terms, rate) == policy.evaluate(rows, gram, terms, rate)


@pytest.mark.parametrize("name", PUBLIC)
def test_evaluate__public_rows__is_the_python_policys(evaluate: Evaluate, name: str) -> None:
    rng = random.Random(name)
    for rows in [1, 2, *rng.sample(range(3, 31), 10), 16, 30, 31, 32]:
        gram = PUBLIC[name](rng, rows)
        terms = some_terms(rng, rows)
        assert evaluate(rows, gram, terms, ONE) == policy.evaluate(rows, gram, terms, ONE)


@pytest.mark.parametrize("name", OWN_EXTREMES)
def test_evaluate__extreme_for_consensus__is_the_python_policys(evaluate: Evaluate, name: str) -> None:
    for rows in (3, 6, 7, 12, 13, 18, 24, 25, 31, 32):
        for byzantine in {0, (rows - 3) // 2}:
            terms = PolicyTerms(CONSENSUS, byzantine, agreement_floor=ONE)
            gram = OWN_EXTREMES[name](rows)
            assert evaluate(rows, gram, terms, 2**64 - 1) == policy.evaluate(rows, gram, terms, 2**64 - 1)


@pytest.mark.parametrize("byzantine", range(15))
def test_evaluate__any_f__is_the_python_policys(evaluate: Evaluate, byzantine: int) -> None:
    rng = random.Random(byzantine)
    terms = PolicyTerms(CONSENSUS, byzantine)
    for rows in {2 * byzantine + 2, 2 * byzantine + 3, 30} - {31}:
        gram = PUBLIC["aggregated"](rng, rows)
        assert evaluate(rows, gram, terms, ONE) == policy.evaluate(rows, gram, terms, ONE)


@pytest.mark.parametrize("rows", [1, 4, 6])
def test_evaluate__too_few_rows__void(evaluate: Evaluate, rows: int) -> None:
    terms = PolicyTerms(CONSENSUS, 2, agreement_floor=ONE, decay=0)
    outcome = evaluate(rows, of(rows, lambda i, j: 1), terms, 77)
    assert outcome == policy.Outcome(True, [False] * rows, [0] * rows, [0] * rows, 0, 77)


def test_evaluate__too_few_rows_that_are_not_zeros__void(evaluate: Evaluate) -> None:
    terms = PolicyTerms(CONSENSUS, 2)
    living = {alive: of(9, lambda i, j, alive=alive: int(max(i, j) < alive)) for alive in (2, 3)}
    assert evaluate(9, living[2], terms, 77).void
    assert evaluate(9, living[3], terms, 77).kept == [True] * 3 + [False] * 6


def test_evaluate__row_replays_the_public_row__earns_nothing(evaluate: Evaluate) -> None:
    rng = random.Random(1)
    common, public = ([rng.gauss(0, 100) for _ in range(60)] for _ in range(2))
    updates = [[round(c + p + rng.gauss(0, 50)) for c, p in zip(common, public, strict=True)] for _ in range(9)]
    last, before = [round(p) << 20 for p in public], [round(2 * p + rng.gauss(0, 50)) << 20 for p in public]
    gram = triangle([*updates, [round(p) for p in public], before, last])
    outcome = evaluate(10, gram, PolicyTerms(CONSENSUS, 2), ONE)
    assert outcome.contributions[9] < min(outcome.contributions[:9]) // 10**6


@pytest.mark.parametrize("case", VECTORS["rejected"], ids=lambda case: case["name"])
def test_evaluate__not_a_gram_matrix_for_consensus__reverts(consensus_policy: Any, case: dict[str, Any]) -> None:
    with ape.reverts("policy: not a Gram matrix"):
        consensus_policy.evaluate(case["rows"], case["gram"], PolicyTerms(CONSENSUS, 0).encode(), ONE, *NO_MORE)


def changed(gram: list[int], at: int, value: int) -> list[int]:
    return [*gram[:at], value, *gram[at + 1 :]]


# of three rows and two public ones: products of row i with these stand at 3, 4, 7, 8, 10, 11, their own at 12, 13, 14
PUBLIC_LARGEST = scaled_last(of(5, lambda i, j: MOST), 5, 2)
SQUARES_LARGEST = [1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 2**149 - 1, 2**149 - 1, 2**149 - 1]
PUBLIC_UNSOUND = {
    f"{name}, public row {k}": changed(PUBLIC_LARGEST, at[k], value)
    for k in range(2)
    for name, at, value in (
        ("square of 2^149", (12, 14), 2**149),
        ("square below 0", (12, 14), -1),
        ("square of 2^255 - 1", (12, 14), 2**255 - 1),
        ("square of -2^255", (12, 14), -(2**255)),
        ("square too small", (12, 14), PUBLIC_LARGEST[12] - 1),
        ("product of 2^104", (10, 11), 2**104),
        ("product of -2^104", (3, 4), -(2**104)),
        ("product of 2^255 - 1", (7, 8), 2**255 - 1),
        ("product of -2^255", (7, 8), -(2**255)),
    )
} | {
    "between public rows 2^149": changed(PUBLIC_LARGEST, 13, 2**149),
    "between public rows -2^149": changed(PUBLIC_LARGEST, 13, -(2**149)),
    "between public rows -2^255": changed(PUBLIC_LARGEST, 13, -(2**255)),
    "product beyond the norms": [1, 0, 0, 2, 0, 1, 0, 0, 0, 1, 0, 0, 3, 0, 1],
    "product beyond the norms, of the other": [1, 0, 0, 0, 2, 1, 0, 0, 0, 1, 0, 0, 1, 0, 3],
    "product with no square": [1, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    "product beyond 2^80": [1, 2**80, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 1],
}


def test_evaluate__public_rows_at_their_bounds__accepted(evaluate: Evaluate) -> None:
    assert evaluate(3, PUBLIC_LARGEST, PolicyTerms(CONSENSUS, 0), ONE).kept == [True] * 3
    assert evaluate(3, SQUARES_LARGEST, PolicyTerms(CONSENSUS, 0), ONE).kept == [True] * 3


@pytest.mark.parametrize("gram", PUBLIC_UNSOUND.values(), ids=PUBLIC_UNSOUND)
def test_evaluate__public_rows_unsound__reverts(consensus_policy: Any, gram: list[int]) -> None:
    terms = PolicyTerms(CONSENSUS, 0)
    with pytest.raises(NotAGramMatrixError):
        policy.evaluate(3, gram, terms, ONE)
    with ape.reverts("policy: not a Gram matrix"):
        consensus_policy.evaluate(3, gram, terms.encode(), ONE, *NO_MORE)


def test_evaluate__void_and_not_a_gram_matrix_for_consensus__reverts(consensus_policy: Any) -> None:
    with ape.reverts("policy: not a Gram matrix"):
        consensus_policy.evaluate(2, [1, 2, 1], TERMS.encode(), ONE, *NO_MORE)


@pytest.mark.parametrize("rows", [0, 33, 2**256 - 1])
def test_evaluate__rows_out_of_range_for_consensus__reverts(consensus_policy: Any, rows: int) -> None:
    with ape.reverts("policy: rows out of range"):
        consensus_policy.evaluate(rows, [], TERMS.encode(), ONE, *NO_MORE)


WRONG_LENGTHS = {
    "empty": (5, []),
    "one less": (5, ORTHOGONAL[:-1]),
    "one more": (5, [*ORTHOGONAL, 0]),
    "a public row short of one": (5, [0] * 20),
    "a public row and one more": (5, [0] * 22),
    "two public rows short of one": (5, [0] * 27),
    "fewer rows": (6, ORTHOGONAL),
    "seven public rows": (5, [0] * 78),
    "32 rows without all": (32, [0] * 527),
}


@pytest.mark.parametrize(("rows", "gram"), WRONG_LENGTHS.values(), ids=WRONG_LENGTHS)
def test_evaluate__wrong_lengths_for_consensus__reverts(consensus_policy: Any, rows: int, gram: list[int]) -> None:
    with ape.reverts("policy: wrong lengths"):
        consensus_policy.evaluate(rows, gram, TERMS.encode(), ONE, *NO_MORE)


@pytest.mark.parametrize("rate", [0, 2**64, 2**256 - 1])
def test_evaluate__rate_out_of_range_for_consensus__reverts(consensus_policy: Any, rate: int) -> None:
    with ape.reverts("policy: rate out of range"):
        consensus_policy.evaluate(5, ORTHOGONAL, TERMS.encode(), rate, *NO_MORE)


MALFORMED = {
    "empty": b"",
    "a byte short": TERMS.encode()[:-1],
    "two words more": TERMS.encode() + b"\0" * 64,
    "rule 0": encode(["uint256"] * 5, [0, 1, 0, 0, 1]),
    "rule 3": encode(["uint256"] * 5, [3, 1, 0, 0, 1]),
    "rule 5": encode(["uint256"] * 5, [5, 1, 0, 0, 1]),
    "rule 6": encode(["uint256"] * 5, [6, 1, 0, 0, 1]),
    "consensus with a cap": encode(["uint256"] * 6, [4, 1, 0, 0, 1, ONE]),
    "consensus with a cap of 0": encode(["uint256"] * 6, [4, 1, 0, 0, 1, 0]),
    "no cap": encode(["uint256"] * 6, [5, 1, 0, 0, 1, 0]),
    "cap above 2^40": encode(["uint256"] * 6, [5, 1, 0, 0, 1, 2**40 + 1]),
    "shown with f = 15": encode(["uint256"] * 6, [5, 15, 0, 0, 1, ONE]),
    "shown and a word more": encode(["uint256"] * 7, [5, 1, 0, 0, 1, ONE, 0]),
    "f = 15": encode(["uint256"] * 5, [4, 15, 0, 0, 1]),
    "f = 2^256 - 1": encode(["uint256"] * 5, [4, 2**256 - 1, 0, 0, 1]),
    "floor above 1": encode(["uint256"] * 5, [4, 1, ONE + 1, 0, 1]),
    "decay above 1": encode(["uint256"] * 5, [4, 1, 0, ONE + 1, 1]),
    "no least rate": encode(["uint256"] * 5, [4, 1, 0, 0, 0]),
    "least rate of 2^64": encode(["uint256"] * 5, [4, 1, 0, 0, 2**64]),
}


@pytest.mark.parametrize("params", MALFORMED.values(), ids=MALFORMED)
def test_views__malformed_terms__reverts_or_false(consensus_policy: Any, params: bytes) -> None:
    with ape.reverts("policy: malformed terms"):
        consensus_policy.evaluate(5, ORTHOGONAL, params, ONE, *NO_MORE)
    with ape.reverts("policy: malformed terms"):
        consensus_policy.least_rows(params)
    assert not consensus_policy.validate(params, 5, 10, 10**9)

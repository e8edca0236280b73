"""The contract gives what the specification gives and what the Python policy gives, and refuses what they refuse."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import ape
import pytest
from eth_abi import encode

from offchain.scoring import policy
from offchain.scoring.policy import ONE, RULES, Outcome, PolicyTerms
from tests.policy_matrices import EXTREMES, FAMILIES, MOST, VECTORS, of
from tests.unit.round_policy.conftest import NO_MORE, Evaluate

NAMES = sorted({case["name"] for case in VECTORS["outcomes"]})
ORTHOGONAL = of(5, lambda i, j: int(i == j))
TERMS = PolicyTerms(byzantine=1)


@pytest.mark.parametrize("name", NAMES)
def test_evaluate__vector__is_the_specifications(evaluate: Evaluate, name: str) -> None:
    for case in VECTORS["outcomes"]:
        if case["name"] != name:
            continue
        terms = PolicyTerms(case["rule"], case["byzantine"], case["agreement_floor"], case["decay"], case["least_rate"])
        outcome = evaluate(case["rows"], case["gram"], terms, case["rate"])
        assert outcome == Outcome(*(case[field] for field in Outcome.__dataclass_fields__ if field in case))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_evaluate__random__is_the_python_policys(
    evaluate: Evaluate, family: Callable[..., list[int]], rule: str
) -> None:
    rng = random.Random(f"{family.__name__} {rule}")
    for rows in [1, 2, *rng.sample(range(3, 33), 14), 32]:
        gram = family(rng, rows)
        byzantine = rng.randrange(min(14, max(0, rows - 3) // 2) + 1)
        floor = rng.choice([0, ONE // 16, ONE])
        terms = PolicyTerms(rule, byzantine, floor, rng.choice([0, ONE // 3, ONE]), rng.choice([1, 2**64 - 1]))
        rate = rng.choice([1, ONE, 2**64 - 1])
        assert evaluate(rows, gram, terms, rate) == policy.evaluate(rows, gram, terms, rate)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", EXTREMES)
def test_evaluate__extreme__is_the_python_policys(evaluate: Evaluate, name: str, rule: str) -> None:
    for rows in (3, 6, 7, 12, 13, 18, 19, 30, 31, 32):
        for byzantine in {0, (rows - 3) // 2}:
            terms = PolicyTerms(rule, byzantine, agreement_floor=ONE)
            gram = EXTREMES[name](rows)
            assert evaluate(rows, gram, terms, 2**64 - 1) == policy.evaluate(rows, gram, terms, 2**64 - 1)


def test_evaluate__largest_numbers__contributions_within_bounds(evaluate: Evaluate) -> None:
    outcome = evaluate(32, of(32, lambda i, j: MOST), PolicyTerms("none", 0), ONE)
    assert 2**100 < max(outcome.contributions) < 2**150
    assert max(outcome.weights) <= ONE


@pytest.mark.parametrize("case", VECTORS["rejected"], ids=lambda case: case["name"])
def test_evaluate__not_a_gram_matrix__reverts(round_policy: Any, case: dict[str, Any]) -> None:
    rule = RULES[len(case["name"]) % 3]
    with ape.reverts("policy: not a Gram matrix"):
        round_policy.evaluate(case["rows"], case["gram"], PolicyTerms(rule, 0).encode(), ONE, *NO_MORE)


def test_evaluate__void_and_not_a_gram_matrix__reverts(round_policy: Any) -> None:
    with ape.reverts("policy: not a Gram matrix"):
        round_policy.evaluate(2, [1, 2, 1], TERMS.encode(), ONE, *NO_MORE)


@pytest.mark.parametrize("rows", [0, 33, 2**256 - 1])
def test_evaluate__rows_out_of_range__reverts(round_policy: Any, rows: int) -> None:
    with ape.reverts("policy: rows out of range"):
        round_policy.evaluate(rows, [], TERMS.encode(), ONE, *NO_MORE)


@pytest.mark.parametrize("gram", [[], ORTHOGONAL[:-1], [*ORTHOGONAL, 0]], ids=["empty", "one less", "one more"])
def test_evaluate__wrong_lengths__reverts(round_policy: Any, gram: list[int]) -> None:
    with ape.reverts("policy: wrong lengths"):
        round_policy.evaluate(5, gram, TERMS.encode(), ONE, *NO_MORE)


@pytest.mark.parametrize("rate", [0, 2**64, 2**256 - 1])
def test_evaluate__rate_out_of_range__reverts(round_policy: Any, rate: int) -> None:
    with ape.reverts("policy: rate out of range"):
        round_policy.evaluate(5, ORTHOGONAL, TERMS.encode(), rate, *NO_MORE)


MALFORMED = {
    "empty": b"",
    "a byte short": TERMS.encode()[:-1],
    "a word more": TERMS.encode() + b"\0" * 32,
    "rule 0": encode(["uint256"] * 5, [0, 1, 0, 0, 1]),
    "rule 4": encode(["uint256"] * 5, [4, 1, 0, 0, 1]),
    "f = 15": encode(["uint256"] * 5, [1, 15, 0, 0, 1]),
    "f = 2^256 - 1": encode(["uint256"] * 5, [1, 2**256 - 1, 0, 0, 1]),
    "floor above 1": encode(["uint256"] * 5, [1, 1, ONE + 1, 0, 1]),
    "decay above 1": encode(["uint256"] * 5, [1, 1, 0, ONE + 1, 1]),
    "no least rate": encode(["uint256"] * 5, [1, 1, 0, 0, 0]),
    "least rate of 2^64": encode(["uint256"] * 5, [1, 1, 0, 0, 2**64]),
}


@pytest.mark.parametrize("params", MALFORMED.values(), ids=MALFORMED)
def test_evaluate__malformed_terms__reverts(round_policy: Any, params: bytes) -> None:
    with ape.reverts("policy: malformed terms"):
        round_policy.evaluate(5, ORTHOGONAL, params, ONE, *NO_MORE)


@pytest.mark.parametrize("params", MALFORMED.values(), ids=MALFORMED)
def test_least_rows__malformed_terms__reverts(round_policy: Any, params: bytes) -> None:
    with ape.reverts("policy: malformed terms"):
        round_policy.least_rows(params)


@pytest.mark.parametrize("params", MALFORMED.values(), ids=MALFORMED)
def test_validate__malformed_terms__false(round_policy: Any, params: bytes) -> None:
    assert not round_policy.validate(params, 5, 10, 10**9)

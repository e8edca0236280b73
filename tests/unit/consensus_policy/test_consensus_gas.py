"""The work depends on the number of rows and the terms alone, and what `validate` asks for is half as much again."""

from __future__ import annotations

import random
from dataclasses import replace
from math import isqrt
from typing import Any

import ape
import pytest

from offchain.scoring import policy
from offchain.scoring.policy import CONSENSUS, ONE, SHOWN, PolicyTerms
from offchain.scoring.shown import NOTHING
from tests.policy_matrices import of
from tests.unit.consensus_policy.conftest import Gas, remembering
from tests.unit.consensus_policy.matrices import OWN_EXTREMES, PUBLIC, scaled_last

SIZES = [3, 5, 7, 10, 12, 13, 18, 19, 24, 25, 30]  # a word holds six rows and a sort twelve: both sides of the steps
WITH_ZEROS = ["zeros", "all but three zeros", "last a row of zeros"]
FULL = [name for name in OWN_EXTREMES if name not in WITH_ZEROS]


MARGIN = 1.5  # a fork of the chain may price something anew


def all_rows(gram: list[int]) -> int:
    """Of the matrix, public ones included."""
    return (isqrt(8 * len(gram) + 1) - 1) // 2


def levels(rows: int) -> list[PolicyTerms]:
    """Terms with few and many hostile rows; the rate decays: nothing is spared."""
    numbers = sorted({0, 1, (rows - 3) // 4, (rows - 3) // 2})
    return [PolicyTerms(CONSENSUS, f, agreement_floor=ONE) for f in numbers if 2 * f + 3 <= rows]


@pytest.mark.parametrize("rows", [*SIZES, 32])
def test_evaluate__any_matrix_for_consensus__gas_within_bounds(consensus_policy: Any, gas: Gas, rows: int) -> None:
    for terms in levels(rows):
        costs = [gas(rows, OWN_EXTREMES[name](rows), terms, 2**64 - 1) for name in FULL]
        assert MARGIN * max(costs) <= consensus_policy.gas_for(4, rows)
        assert max(costs) - min(costs) < 0.065 * max(costs)  # medians of fewer rows, where some were removed
        for name in WITH_ZEROS:
            cost = gas(rows, OWN_EXTREMES[name](rows), terms, 2**64 - 1)
            assert MARGIN * cost <= consensus_policy.gas_for(4, rows)


@pytest.mark.parametrize("rows", SIZES)
def test_evaluate__public_rows__gas_within_bounds(consensus_policy: Any, gas: Gas, rows: int) -> None:
    rng = random.Random(rows)
    for terms in levels(rows):
        for matrix in PUBLIC.values():
            gram = matrix(rng, rows)
            assert MARGIN * gas(rows, gram, terms, 2**64 - 1) <= consensus_policy.gas_for(4, all_rows(gram))


@pytest.mark.parametrize(
    ("rows", "public"), [(3, 1), (5, 1), (13, 1), (17, 1), (27, 1), (31, 1), (32, 1), (32, 2), (32, 3), (16, 3), (3, 3)]
)
def test_evaluate__worst_shapes__gas_within_bounds(consensus_policy: Any, gas: Gas, rows: int, public: int) -> None:
    """One public row and as many hostile rows as there may be: of all shapes of a size the one that takes most."""
    limit, hostile = consensus_policy.gas_for(4, rows + public), (rows - 3) // 2
    for name in ("last a row of zeros", "noisy", "orthogonal, smallest", "clusters", "identical, largest"):
        gram = scaled_last(OWN_EXTREMES[name](rows + public), rows + public, public)
        for has_reference in [False, True] if 2 * hostile + 3 < rows else [False]:
            terms = PolicyTerms(CONSENSUS, hostile, agreement_floor=ONE)
            assert MARGIN * gas(rows, gram, terms, 2**64 - 1, has_reference) <= limit
            capped = replace(terms, rule=SHOWN)
            for memory in (NOTHING, remembering([ONE - 1] * 32)):
                used = gas(rows, gram, capped, 2**64 - 1, has_reference, 2**32 - 2 ** (32 - rows), memory)
                assert MARGIN * used <= limit


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_evaluate__void__gas_within_bounds(consensus_policy: Any, gas: Gas, rows: int) -> None:
    gram = of(rows + 2, lambda i, j: int(i == j))
    assert MARGIN * gas(rows, gram, PolicyTerms(CONSENSUS, 1), ONE) <= consensus_policy.gas_for(4, rows + 2)


def test_gas_for__consensus__is_the_python_policys(consensus_policy: Any) -> None:
    for rows in range(1, 36):
        for number, rule in ((4, CONSENSUS), (5, SHOWN)):
            assert consensus_policy.gas_for(number, rows) == policy.gas_for(rule, rows)


@pytest.mark.parametrize("rule", [0, 1, 3, 6])
def test_gas_for__another_rule__reverts(consensus_policy: Any, rule: int) -> None:
    with ape.reverts("policy: malformed terms"):
        consensus_policy.gas_for(rule, 7)


@pytest.mark.parametrize("rows", [0, 36])
def test_gas_for__rows_out_of_range_for_consensus__reverts(consensus_policy: Any, rows: int) -> None:
    with ape.reverts("policy: rows out of range"):
        consensus_policy.gas_for(4, rows)

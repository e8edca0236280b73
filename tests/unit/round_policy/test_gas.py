"""The work depends on the number of rows and the terms alone, and what `validate` asks for is half as much again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape
import pytest

from offchain.scoring import policy
from offchain.scoring.policy import ONE, RULES, PolicyTerms
from tests.policy_matrices import EXTREMES, of

Gas = Callable[[int, list[int], PolicyTerms, int], int]

MARGIN = 1.5  # a fork of the chain may price something anew
SIZES = [
    7,
    8,
    9,
    10,
    11,
    12,
    13,
    16,
    18,
    19,
    24,
    25,
    31,
    32,
]  # a word holds six rows, or three: both sides of the steps


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("rows", SIZES)
def test_evaluate__any_matrix__same_gas_within_bounds(round_policy: Any, gas: Gas, rule: str, rows: int) -> None:
    for byzantine in sorted({0, 1, (rows - 3) // 4, (rows - 3) // 2}):
        # the rate decays: nothing is spared
        terms = PolicyTerms(rule, byzantine, agreement_floor=ONE)
        costs = [gas(rows, extreme(rows), terms, 2**64 - 1) for extreme in EXTREMES.values()]
        assert MARGIN * max(costs) <= round_policy.gas_for(terms.rule_number, rows)
        assert max(costs) - min(costs) < 0.03 * max(costs)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 10, 32])
def test_evaluate__rows_of_zeros__no_more_gas(round_policy: Any, gas: Gas, rule: str, rows: int) -> None:
    terms = PolicyTerms(rule, max(0, rows - 3) // 2, agreement_floor=ONE)
    most = gas(rows, of(rows, lambda i, j: int(i == j)), terms, ONE)
    assert MARGIN * most <= round_policy.gas_for(terms.rule_number, rows)
    for zeros in {1, terms.byzantine, terms.byzantine + 1, rows}:
        for hidden in (range(zeros), range(rows - zeros, rows)):
            gram = of(rows, lambda i, j, hidden=hidden: int(i == j and i not in hidden))
            assert gas(rows, gram, terms, ONE) <= most * 1.03


@pytest.mark.parametrize("rule", RULES)
def test_gas_for__is_the_python_policys(round_policy: Any, rule: str) -> None:
    number = PolicyTerms(rule).rule_number
    for rows in range(1, 33):
        assert round_policy.gas_for(number, rows) == policy.gas_for(rule, rows)


@pytest.mark.parametrize("rule", [0, 4])
def test_gas_for__no_such_rule__reverts(round_policy: Any, rule: int) -> None:
    with ape.reverts("policy: malformed terms"):
        round_policy.gas_for(rule, 7)


@pytest.mark.parametrize("rows", [0, 33])
def test_gas_for__rows_out_of_range__reverts(round_policy: Any, rows: int) -> None:
    with ape.reverts("policy: rows out of range"):
        round_policy.gas_for(1, rows)

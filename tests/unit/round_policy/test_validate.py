"""Which terms the policy accepts for which rounds and how much gas."""

from __future__ import annotations

from typing import Any

import pytest

from offchain.scoring.policy import ONE, RULES, PolicyTerms

PLENTY = 10**8

# f, fewest rows, most rows
SOUND = [(0, 3, 3), (0, 3, 32), (1, 5, 5), (2, 7, 10), (14, 31, 32), (14, 32, 32)]
UNSOUND = {
    "too few rows": (0, 2, 32),
    "one row less than 2f + 3": (3, 8, 32),
    "no rows": (0, 0, 0),
    "more than 32 rows": (1, 5, 33),
    "fewest above most": (1, 11, 10),
    "huge numbers": (1, 2**256 - 1, 2**256 - 1),
    "huge most": (1, 5, 2**256 - 1),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("byzantine", "least", "most"), SOUND)
def test_validate__sound__true(round_policy: Any, rule: str, byzantine: int, least: int, most: int) -> None:
    assert round_policy.validate(PolicyTerms(rule, byzantine).encode(), least, most, PLENTY)


@pytest.mark.parametrize(("byzantine", "least", "most"), UNSOUND.values(), ids=UNSOUND)
def test_validate__rows_out_of_range__false(round_policy: Any, byzantine: int, least: int, most: int) -> None:
    assert not round_policy.validate(PolicyTerms(byzantine=byzantine).encode(), least, most, PLENTY)


@pytest.mark.parametrize(
    "terms",
    [
        PolicyTerms(agreement_floor=0, decay=0, least_rate=1),
        PolicyTerms(agreement_floor=ONE, decay=ONE, least_rate=2**64 - 1),
    ],
    ids=["lowest", "highest"],
)
def test_validate__ends_of_the_ranges__true(round_policy: Any, terms: PolicyTerms) -> None:
    assert round_policy.validate(terms.encode(), 5, 32, PLENTY)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("most", [7, 10, 32])
def test_validate__gas__enough_or_not(round_policy: Any, rule: str, most: int) -> None:
    terms = PolicyTerms(rule)
    needed = round_policy.gas_for(terms.rule_number, most)
    assert round_policy.validate(terms.encode(), 5, most, needed)
    assert not round_policy.validate(terms.encode(), 5, most, needed - 1)


@pytest.mark.parametrize("byzantine", [0, 1, 14])
def test_least_rows__is_2f_plus_3(round_policy: Any, byzantine: int) -> None:
    assert round_policy.least_rows(PolicyTerms(byzantine=byzantine).encode()) == 2 * byzantine + 3

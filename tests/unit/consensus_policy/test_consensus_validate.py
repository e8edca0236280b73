"""Which terms the consensus rule accepts for which rounds and how much gas."""

from __future__ import annotations

from typing import Any

import ape
import pytest

from offchain.scoring.policy import CONSENSUS, ONE, PolicyTerms

PLENTY = 10**8

# f, fewest rows, most rows
SOUND = [(0, 3, 3), (0, 3, 32), (1, 5, 5), (2, 7, 10), (14, 31, 32), (14, 32, 32), (14, 32, 35)]
UNSOUND = {
    "too few rows": (0, 2, 32),
    "one row less than 2f + 3": (3, 8, 32),
    "no rows": (0, 0, 0),
    "more than 35 rows": (1, 5, 36),
    "fewest above most": (1, 11, 10),
    "huge numbers": (1, 2**256 - 1, 2**256 - 1),
    "huge most": (1, 5, 2**256 - 1),
}


@pytest.mark.parametrize(("byzantine", "least", "most"), SOUND)
def test_validate__sound_for_consensus__true(consensus_policy: Any, byzantine: int, least: int, most: int) -> None:
    assert consensus_policy.validate(PolicyTerms(CONSENSUS, byzantine).encode(), least, most, PLENTY)


@pytest.mark.parametrize(("byzantine", "least", "most"), UNSOUND.values(), ids=UNSOUND)
def test_validate__rows_out_of_range_for_consensus__false(
    consensus_policy: Any, byzantine: int, least: int, most: int
) -> None:
    assert not consensus_policy.validate(PolicyTerms(CONSENSUS, byzantine).encode(), least, most, PLENTY)


@pytest.mark.parametrize(
    "terms",
    [
        PolicyTerms(CONSENSUS, agreement_floor=0, decay=0, least_rate=1),
        PolicyTerms(CONSENSUS, agreement_floor=ONE, decay=ONE, least_rate=2**64 - 1),
    ],
    ids=["lowest", "highest"],
)
def test_validate__ends_of_the_ranges_for_consensus__true(consensus_policy: Any, terms: PolicyTerms) -> None:
    assert consensus_policy.validate(terms.encode(), 5, 32, PLENTY)


@pytest.mark.parametrize("most", [7, 10, 35])
def test_validate__gas_for_consensus__enough_or_not(consensus_policy: Any, most: int) -> None:
    params = PolicyTerms(CONSENSUS).encode()
    needed = consensus_policy.gas_for(4, most)
    assert consensus_policy.validate(params, 5, most, needed)
    assert not consensus_policy.validate(params, 5, most, needed - 1)


@pytest.mark.parametrize("byzantine", [0, 1, 14])
def test_least_rows__consensus__is_2f_plus_3(consensus_policy: Any, byzantine: int) -> None:
    assert consensus_policy.least_rows(PolicyTerms(CONSENSUS, byzantine).encode()) == 2 * byzantine + 3


def test_takes_public_rows__consensus__true(consensus_policy: Any) -> None:
    assert consensus_policy.takes_public_rows(PolicyTerms(CONSENSUS).encode()) is True


def test_views__word_of_a_reference__is_no_term(consensus_policy: Any) -> None:
    params = PolicyTerms(CONSENSUS).encode() + bytes(32)
    with ape.reverts("policy: malformed terms"):
        consensus_policy.least_rows(params)
    assert not consensus_policy.validate(params, 5, 10, 10**9)

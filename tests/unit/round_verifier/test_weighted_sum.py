"""The commitment to a weighted sum of committed vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape
import pytest

from tests.round_cases import RoundCase, case_named
from tests.unit.bn254.points import IDENTITY, P, g1

LOGS = [3, 5, P - 7, 0]
VERIFIER = case_named("single row")


@pytest.fixture(scope="module")
def summing(verifier_for: Callable[[RoundCase], Any]) -> Any:
    return verifier_for(VERIFIER)


@pytest.mark.parametrize("weights", [[1, 1, 1, 1], [2**32, 0, 12_345, 9], [0, 0, 0, 1], [2**32, 2**32 - 1, 1, 0]])
def test_weighted_sum__of_weights__is_the_sum(summing: Any, weights: list[int]) -> None:
    padded = [*weights, *[99] * 28]  # what is beyond the rows doesn't count
    expected = g1(sum(weight * log for weight, log in zip(weights, LOGS, strict=True)))
    assert tuple(summing.weighted_sum([g1(log) for log in LOGS], padded)) == expected


def test_weighted_sum__most_rows__are_all_in(summing: Any) -> None:
    total = sum((i + 1) * 2**i for i in range(32))
    assert tuple(summing.weighted_sum([g1(i + 1) for i in range(32)], [2**i for i in range(32)])) == g1(total)


@pytest.mark.parametrize("rows", [0, 3])
def test_weighted_sum__nothing_to_add__is_the_identity(summing: Any, rows: int) -> None:
    assert tuple(summing.weighted_sum([(1, 2)] * rows, [0] * 32)) == IDENTITY


def test_weighted_sum__point_off_the_curve__reverts(summing: Any) -> None:
    for weight in (0, 1):
        with ape.reverts("bn254: not on the curve"):
            summing.weighted_sum([(1, 2), (1, 3)], [1, weight, *[0] * 30])

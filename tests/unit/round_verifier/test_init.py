"""What the verifier takes for a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape
import pytest

from tests.gram_cases import case_named
from tests.unit.bn254.points import Q, outside_of_subgroup

BASE = case_named("two rows")
MIN_SRS_SIZE = 1 + 16 + 16  # a row, what hides it, and twice the tail
MAX_SRS_SIZE = 2**29 - 1

Deploy = Callable[..., Any]


@pytest.mark.parametrize("size", [MIN_SRS_SIZE, MAX_SRS_SIZE])
def test_init__size_at_bound__deploys(deploy: Deploy, size: int) -> None:
    verifier = deploy("RoundVerifier", BASE.tau_g2, size)
    assert verifier.srs_size() == size
    assert tuple(verifier.tau_g2()) == BASE.tau_g2


@pytest.mark.parametrize("size", [0, MIN_SRS_SIZE - 1, MAX_SRS_SIZE + 1, 2**256 - 1])
def test_init__size_beyond_bound__reverts(deploy: Deploy, size: int) -> None:
    with ape.reverts("verifier: srs size out of bounds"):
        deploy("RoundVerifier", BASE.tau_g2, size)


def test_init__identity__reverts(deploy: Deploy) -> None:
    with ape.reverts("verifier: tau is zero"):
        deploy("RoundVerifier", (0, 0, 0, 0), BASE.srs_size)


def test_init__real_part_first__reverts(deploy: Deploy) -> None:
    # the order that most libraries print
    x_imaginary, x_real, y_imaginary, y_real = BASE.tau_g2
    with ape.reverts("verifier: not in the second group"):
        deploy("RoundVerifier", (x_real, x_imaginary, y_real, y_imaginary), BASE.srs_size)


@pytest.mark.parametrize("word", range(4))
def test_init__off_the_curve__reverts(deploy: Deploy, word: int) -> None:
    point = list(BASE.tau_g2)
    point[word] = (point[word] + 1) % Q
    with ape.reverts("verifier: not in the second group"):
        deploy("RoundVerifier", point, BASE.srs_size)


@pytest.mark.parametrize("word", range(4))
def test_init__coordinate_not_canonical__reverts(deploy: Deploy, word: int) -> None:
    point = list(BASE.tau_g2)
    point[word] += Q
    with ape.reverts("verifier: not in the second group"):
        deploy("RoundVerifier", point, BASE.srs_size)


def test_init__outside_of_the_subgroup__reverts(deploy: Deploy) -> None:
    with ape.reverts("verifier: not in the second group"):
        deploy("RoundVerifier", outside_of_subgroup(), BASE.srs_size)

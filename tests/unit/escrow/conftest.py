"""Projects part of the way, made once a test file and restored after each test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.escrow_driver import ProjectDriver

Create = Callable[..., ProjectDriver]


@pytest.fixture(scope="session", autouse=True)
def _deployed_first(
    registry: Any,
    policy: Any,
    token: Any,
    verifier: Any,
    term_limits: Any,
    owner: Any,
    aggregator: Any,
    stranger: Any,
    trainers: Any,
) -> None:
    """What all tests share exists before any file makes its project: Ape would make the project again otherwise."""


@pytest.fixture(scope="module")
def accepting(create_project: Create) -> ProjectDriver:
    return create_project()


@pytest.fixture(scope="module")
def enrolling(create_project: Create) -> ProjectDriver:
    """Two of four seats are taken."""
    project = create_project().to_enrolling()
    project.enrol(0)
    project.enrol(1)
    return project


@pytest.fixture(scope="module")
def collecting(create_project: Create) -> ProjectDriver:
    return create_project().to_collecting()


@pytest.fixture(scope="module")
def delivering(create_project: Create) -> ProjectDriver:
    return create_project().to_collecting().to_delivering()


@pytest.fixture(scope="module")
def scoring(create_project: Create) -> ProjectDriver:
    return create_project().to_collecting().to_scoring()


@pytest.fixture(scope="module")
def second_round(create_project: Create) -> ProjectDriver:
    """Collecting, with the first round's fee pending."""
    project = create_project().to_collecting()
    project.round([1, 2, 3, 4])
    return project


@pytest.fixture(scope="module")
def handover(create_project: Create) -> ProjectDriver:
    """After the only round of a project."""
    project = create_project(rounds=1).to_collecting()
    project.round([1, 2, 3, 4])
    return project


@pytest.fixture(scope="module")
def largest(create_project: Create) -> ProjectDriver:
    """Scoring with 32 rows, and the largest amounts and policy gas that the terms may have."""
    amount = 2**96 - 1
    project = create_project(
        rounds=1,
        seats=32,
        min_rows=32,
        round_reward=amount,
        round_fee=amount,
        trainer_part=amount // 32,
        aggregator_stake=amount,
        policy_gas=10_000_000,
        collect_window=10_000,
        deliver_window=10_000,
    )
    return project.to_collecting().to_scoring()

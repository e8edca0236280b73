"""A reference: the owner has the first seat, and the policy is told whether its row is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak

from tests.escrow_driver import ONE, ProjectDriver, outcome_bytes

SEATS = 6  # the mock needs 3 rows, a reference is one more, and one may be excluded


@pytest.fixture
def with_reference(create_project: Callable[..., ProjectDriver], policy: Any, owner: Any) -> ProjectDriver:
    """Enrolling; seat 0 is the owner's."""
    policy.set_takes_reference(b"params", sender=owner)
    project = create_project(reference=True, seats=SEATS, min_rows=5, max_excluded=1)
    trainers = [owner, *project.parties.trainers[1:]]
    project.parties = replace(project.parties, trainers=trainers)
    return project.to_enrolling()


def asked_with(project: ProjectDriver, rows: int, word: int, excluded: Iterable[int] = ()) -> bool:
    """Whether the policy was asked with this word behind its params."""
    weights = [ONE] * rows
    project.policy.set_answer(outcome_bytes(2**rows - 1, weights, [1] * rows, 5), sender=project.parties.owner)
    params = b"params" + word.to_bytes(32, "big")
    question = [rows, [1] * (rows * (rows + 1) // 2), params, project.rate]
    project.policy.set_question(
        keccak(encode(["uint256", "int256[]", "bytes", "uint256"], question)), sender=project.parties.owner
    )
    (settled,) = [f for name, f in project.events(project.settle(excluded)) if name == "Settled"]
    return not settled["policy_failed"]


def test_enrol__before_the_owner__reverts(with_reference: ProjectDriver) -> None:
    with ape.reverts("escrow: the owner has the first seat"):
        with_reference.enrol(1)
    with_reference.enrol(0)
    with_reference.enrol(1)
    assert with_reference.status.active == 0b11


def test_enrol__owner_of_a_project_without_reference__may_come_later(
    create_project: Callable[..., ProjectDriver], owner: Any
) -> None:
    project = create_project(seats=SEATS).to_enrolling()
    project.enrol(0)
    project.parties = replace(project.parties, trainers=[*project.parties.trainers[:1], owner])
    project.enrol(1)
    assert project.escrow.account_of(owner).seat == 2


def test_finish__owner_never_came__ends_the_project(with_reference: ProjectDriver, stranger: Any) -> None:
    with_reference.at(with_reference.status.deadline + with_reference.enrol_window + 1)
    with_reference.escrow.finish(sender=stranger)
    assert with_reference.phase == "closed"


@pytest.mark.parametrize("word", [0, 1])
def test_settle__owner_has_delivered__policy_is_told(with_reference: ProjectDriver, word: int) -> None:
    for seat in range(SEATS):
        with_reference.enrol(seat)
    assert asked_with(with_reference.to_scoring(), SEATS, word) == (word == 1)


@pytest.mark.parametrize("word", [0, 1])
def test_settle__owner_has_not_submitted__policy_is_told(with_reference: ProjectDriver, word: int) -> None:
    for seat in range(SEATS):
        with_reference.enrol(seat)
    with_reference.to_delivering(range(1, SEATS))
    assert asked_with(with_reference.to_scoring(), SEATS - 1, word) == (word == 0)


@pytest.mark.parametrize("word", [0, 1])
def test_settle__owner_is_excluded__policy_is_told(with_reference: ProjectDriver, word: int) -> None:
    for seat in range(SEATS):
        with_reference.enrol(seat)
    assert asked_with(with_reference.to_scoring(), SEATS - 1, word, excluded=[0]) == (word == 0)

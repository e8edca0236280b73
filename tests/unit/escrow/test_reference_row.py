"""A reference: the owner has the first seat, and the policy is told whether its row is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import ape
import pytest

from tests.escrow_driver import ONE, ProjectDriver, outcome_bytes, question

SEATS = 6  # the mock needs 3 rows, a reference is one more, and one may be excluded


@pytest.fixture
def with_reference(create_project: Callable[..., ProjectDriver], policy: Any, owner: Any) -> ProjectDriver:
    """Enrolling; seat 0 is the owner's."""
    policy.set_takes_reference(b"params", sender=owner)
    project = create_project(reference=True, seats=SEATS, min_rows=5, max_excluded=1)
    trainers = [owner, *project.parties.trainers[1:]]
    project.parties = replace(project.parties, trainers=trainers)
    return project.to_enrolling()


def asked_with(project: ProjectDriver, seats: int, told: bool, excluded: Iterable[int] = ()) -> bool:
    """Whether the policy was asked about the rows of these seats, and told this of a reference."""
    rows = seats.bit_count()
    weights = [ONE] * rows
    project.policy.set_answer(outcome_bytes(2**rows - 1, weights, [1] * rows, 5), sender=project.parties.owner)
    asked = question(rows, [1] * (rows * (rows + 1) // 2), b"params", project.rate, seats, told)
    project.policy.set_question(asked, sender=project.parties.owner)
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


@pytest.mark.parametrize("told", [False, True])
def test_settle__owner_has_delivered__policy_is_told(with_reference: ProjectDriver, told: bool) -> None:
    for seat in range(SEATS):
        with_reference.enrol(seat)
    assert asked_with(with_reference.to_scoring(), 0b111111, told) == told


@pytest.mark.parametrize("told", [False, True])
def test_settle__owner_has_not_submitted__policy_is_told(with_reference: ProjectDriver, told: bool) -> None:
    for seat in range(SEATS):
        with_reference.enrol(seat)
    with_reference.to_delivering(range(1, SEATS))
    assert asked_with(with_reference.to_scoring(), 0b111110, told) == (not told)


@pytest.mark.parametrize("told", [False, True])
def test_settle__owner_is_excluded__policy_is_told(with_reference: ProjectDriver, told: bool) -> None:
    for seat in range(SEATS):
        with_reference.enrol(seat)
    assert asked_with(with_reference.to_scoring(), 0b111110, told, excluded=[0]) == (not told)


@pytest.mark.parametrize(
    ("kept", "excluded", "paid"),
    [
        ([1, 2, 3, 4, 5], [], 5),
        ([1, 3], [], 2),
        ([2, 3, 4], [5], 3),  # an excluded row takes its part too
        ([1, 2, 3, 4], [0], 5),  # without the owner's row nothing was removed by it
    ],
)
def test_settle__rows_that_the_reference_removes__take_their_part_with_them(
    with_reference: ProjectDriver, kept: list[int], excluded: list[int], paid: int
) -> None:
    """Of five trainers, so that the owner gains nothing for a seat of its own by removing the others."""
    for seat in range(SEATS):
        with_reference.enrol(seat)
    with_reference.to_scoring()
    rows = [seat for seat in range(SEATS) if seat not in excluded]
    shares = [int(seat in kept) for seat in rows]
    with_reference.answer(shares)
    (settled,) = [f for name, f in with_reference.events(with_reference.settle(excluded)) if name == "Settled"]
    part = with_reference.round_reward * paid // (5 if 0 in rows else 6)
    assert settled["credits"] == [part // len(kept) * share for share in shares]
    assert settled["sunk"] == with_reference.round_reward - part + len(excluded) * with_reference.trainer_part


def test_settle__policy_that_keeps_the_reference_too__pays_no_more_than_the_reward(
    with_reference: ProjectDriver,
) -> None:
    for seat in range(SEATS):
        with_reference.enrol(seat)
    with_reference.to_scoring()
    with_reference.answer([1] * SEATS)
    (settled,) = [f for name, f in with_reference.events(with_reference.settle()) if name == "Settled"]
    assert sum(settled["credits"]) + settled["rounding"] == with_reference.round_reward

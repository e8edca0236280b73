from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.escrow_driver import ProjectDriver, mask


@pytest.fixture
def vacant(create_project: Any) -> ProjectDriver:
    """Before the second of three rounds: the first was voided, and cost the first aggregator its turn."""
    project = create_project().to_collecting().to_scoring()
    project.escrow.void(mask([0, 1]), sender=project.parties.aggregators[0])
    return project


@pytest.fixture
def vacant_in_scoring(create_project: Any, stranger: Any) -> ProjectDriver:
    project = create_project().to_collecting().to_scoring()
    project.after_deadline()
    project.escrow.slash(sender=stranger)
    return project


def test_take_turn__accepting__locks_the_stake(accepting: ProjectDriver, aggregator: Any) -> None:
    accepting.accept()
    with accepting.moves() as moved:
        receipt = accepting.take_turn()
    stake = accepting.aggregator_stake
    assert accepting.events(receipt) == [
        ("TurnTaken", {"aggregator": aggregator.address, "round": 0, "stake": stake, "score_by": 0})
    ]
    assert moved == {"stake": stake, "tokens": stake}
    assert accepting.token.balanceOf(aggregator) == 0
    assert accepting.status.current == aggregator.address
    assert accepting.phase == "accepting"


def test_take_turn__accepting__second_of_the_list(accepting: ProjectDriver) -> None:
    accepting.accept(1)
    accepting.take_turn(1)
    assert accepting.status.current == accepting.parties.aggregators[1].address


def test_take_turn__not_accepted__reverts(accepting: ProjectDriver) -> None:
    accepting.accept(1)
    with ape.reverts("escrow: not accepted"):
        accepting.take_turn(0)


def test_take_turn__not_listed__reverts(accepting: ProjectDriver, stranger: Any) -> None:
    with ape.reverts("escrow: not a listed aggregator"):
        accepting.escrow.take_turn(sender=stranger)


def test_take_turn__taken__reverts(accepting: ProjectDriver) -> None:
    accepting.to_enrolling()
    for number in (0, 1):
        with ape.reverts("escrow: turn is taken"):
            accepting.take_turn(number)


def test_take_turn__accepting_at_the_deadline__works(accepting: ProjectDriver) -> None:
    accepting.accept()
    accepting.fund(accepting.parties.aggregators[0], accepting.aggregator_stake)
    accepting.at_deadline()
    accepting.escrow.take_turn(sender=accepting.parties.aggregators[0])
    assert accepting.escrow.stake() == accepting.aggregator_stake


def test_take_turn__accepting_after_the_deadline__reverts(accepting: ProjectDriver, aggregator: Any) -> None:
    accepting.accept()
    accepting.fund(aggregator, accepting.aggregator_stake)
    accepting.after_deadline()
    with ape.reverts("escrow: too late to take the turn"):
        accepting.escrow.take_turn(sender=aggregator)


@pytest.mark.parametrize("approved", [0, -1], ids=["nothing", "one less"])
def test_take_turn__too_little_approved__reverts(accepting: ProjectDriver, aggregator: Any, approved: int) -> None:
    accepting.accept()
    accepting.token.mint(aggregator, accepting.aggregator_stake, sender=aggregator)
    accepting.token.approve(accepting.escrow, approved and accepting.aggregator_stake + approved, sender=aggregator)
    with ape.reverts("token: not approved"):
        accepting.escrow.take_turn(sender=aggregator)
    assert accepting.escrow.stake() == 0


def test_take_turn__before_a_round__starts_it(vacant: ProjectDriver) -> None:
    second, t = vacant.parties.aggregators[1], vacant.status.deadline - 7
    vacant.fund(second, vacant.aggregator_stake)
    with vacant.moves() as moved:
        vacant.at(t)
        receipt = vacant.escrow.take_turn(sender=second)
    assert vacant.events(receipt) == [
        (
            "TurnTaken",
            {"aggregator": second.address, "round": 1, "stake": vacant.aggregator_stake, "score_by": 0},
        ),
        (
            "RoundStarted",
            {"round": 1, "collect_by": t + 300, "deliver_by": t + 700, "score_by": t + 1200, "rate": vacant.rate},
        ),
    ]
    assert moved == {"stake": vacant.aggregator_stake, "tokens": vacant.aggregator_stake}
    assert vacant.phase == "collecting"
    assert vacant.status.current == second.address


def test_take_turn__in_scoring__has_a_whole_window(vacant_in_scoring: ProjectDriver) -> None:
    """Counted from the moment it takes over, not from the slash."""
    second, taken_at = vacant_in_scoring.parties.aggregators[1], vacant_in_scoring.status.deadline - 7
    vacant_in_scoring.fund(second, vacant_in_scoring.aggregator_stake)
    with vacant_in_scoring.moves() as moved:
        vacant_in_scoring.at(taken_at)
        receipt = vacant_in_scoring.escrow.take_turn(sender=second)
    stake, score_by = vacant_in_scoring.aggregator_stake, taken_at + vacant_in_scoring.score_window
    assert vacant_in_scoring.events(receipt) == [
        ("TurnTaken", {"aggregator": second.address, "round": 0, "stake": stake, "score_by": score_by})
    ]
    assert moved == {"stake": stake, "tokens": stake}
    status = vacant_in_scoring.status
    assert vacant_in_scoring.phase == "scoring"
    assert (status.deadline, status.delivered, status.current) == (score_by, 0b1111, second.address)


@pytest.mark.parametrize("kind", ["vacant", "vacant_in_scoring"])
def test_take_turn__spent__reverts(request: pytest.FixtureRequest, kind: str) -> None:
    with ape.reverts("escrow: turn is spent"):
        request.getfixturevalue(kind).take_turn(0)


@pytest.mark.parametrize("kind", ["vacant", "vacant_in_scoring"])
def test_take_turn__vacant_at_the_deadline__works(request: pytest.FixtureRequest, kind: str) -> None:
    project = request.getfixturevalue(kind)
    second = project.parties.aggregators[1]
    project.fund(second, project.aggregator_stake)
    project.at_deadline()
    project.escrow.take_turn(sender=second)
    assert project.status.current == second.address


@pytest.mark.parametrize("kind", ["vacant", "vacant_in_scoring"])
def test_take_turn__vacant_after_the_deadline__reverts(request: pytest.FixtureRequest, kind: str) -> None:
    project = request.getfixturevalue(kind)
    second = project.parties.aggregators[1]
    project.fund(second, project.aggregator_stake)
    project.after_deadline()
    with ape.reverts("escrow: too late to take the turn"):
        project.escrow.take_turn(sender=second)

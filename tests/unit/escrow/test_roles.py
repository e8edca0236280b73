"""Accounts with more than one role, dues kept by address beside those kept by seat, and aggregators out of turn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ape

from tests.escrow_driver import ProjectDriver

R, FEE, PART, STAKE = 1_000_003, 200_017, 50_021, 1_100_009


def told(project: ProjectDriver, account: Any) -> tuple[int, int, int]:
    """Due, seat and parts."""
    found = project.escrow.account_of(account)
    return found.due, found.seat, found.parts


def withdrawn(project: ProjectDriver, account: Any) -> int:
    """What it gets, by the token."""
    before = project.token.balanceOf(account)
    project.escrow.withdraw(account, sender=account)
    return project.token.balanceOf(account) - before


def test_withdraw__owner_that_trains__gets_both_dues(create_project: Any, owner: Any, stranger: Any) -> None:
    project = create_project()
    trainers = project.parties.trainers
    project.parties = replace(project.parties, trainers=[trainers[0], owner, *trainers[2:]])
    project.to_collecting()
    project.round([0, 1, 1, 1])
    assert told(project, owner) == (R // 3, 2, 3)
    project.to_delivering([0, 1, 2])
    project.escrow.fail(sender=stranger)  # the round's reward and fee are the owner's again
    assert told(project, owner) == (R // 3 + R + FEE, 2, 3)
    assert withdrawn(project, owner) == R // 3 + R + FEE
    assert told(project, owner) == (0, 2, 3)
    with ape.reverts("escrow: nothing due"):
        project.escrow.withdraw(owner, sender=owner)
    project.round([1, 1, 1, 1])
    project.escrow.confirm(sender=owner)
    rounding = R % 3 + R % 4
    assert told(project, owner) == (R // 4 + rounding + FEE, 2, 3)
    assert withdrawn(project, owner) == R // 4 + rounding + FEE + 3 * PART
    assert told(project, owner) == (0, 2, 0)


def test_withdraw__owner_that_aggregates_and_trains__gets_all(create_project: Any, owner: Any) -> None:
    """Alone in a project with others' seats: what it has by address is one account, whatever it is for."""
    project = create_project(aggregators=[owner.address], rounds=1)
    trainers = project.parties.trainers
    project.parties = replace(project.parties, aggregators=[owner], trainers=[*trainers[:3], owner])
    project.to_collecting()
    project.round([1, 1, 1, 2])
    seats = [R // 5] * 3 + [R * 2 // 5]
    assert told(project, owner) == (seats[3] + STAKE + R - sum(seats), 4, 1)
    project.escrow.confirm(sender=owner)
    due = seats[3] + STAKE + R - sum(seats) + FEE + FEE  # of the round, and the bond
    assert told(project, owner) == (due, 4, 1)
    assert withdrawn(project, owner) == due + PART
    assert [told(project, trainer) for trainer in trainers[:3]] == [(R // 5, seat, 1) for seat in (1, 2, 3)]
    assert project.token.balanceOf(project.escrow) == 3 * (R // 5 + PART)


def test_take_turn__with_a_due__keeps_it(create_project: Any, owner: Any, aggregator: Any, stranger: Any) -> None:
    project = create_project(aggregators=[aggregator.address, owner.address])
    project.parties = replace(project.parties, aggregators=[aggregator, owner])
    project.to_collecting().to_delivering([0, 1, 2])
    project.escrow.fail(sender=stranger)
    project.to_scoring()
    project.escrow.void(0b11, sender=aggregator)
    due = R + FEE + FEE  # of the failed round, and the voided one's fee
    assert told(project, owner) == (due, 0, 0)
    project.take_turn(1)
    assert told(project, owner) == (due, 0, 0)
    assert withdrawn(project, owner) == due
    assert told(project, owner) == (0, 0, 0)


def test_account_of__aggregator_without_a_due__has_nothing(scoring: ProjectDriver, stranger: Any) -> None:
    """One that lost its stake, one that only accepted, and one that has the turn."""
    lost, second = scoring.parties.aggregators[:2]

    def check_nothing_due(*accounts: Any) -> None:
        for account in accounts:
            assert told(scoring, account) == (0, 0, 0)
            with ape.reverts("escrow: nothing due"):
                scoring.escrow.withdraw(account, sender=account)

    check_nothing_due(lost, second)
    scoring.after_deadline()
    scoring.escrow.slash(sender=stranger)
    check_nothing_due(lost, second)
    scoring.take_turn(1)
    check_nothing_due(lost, second)


def test_withdraw__aggregators_fee__then_the_next(second_round: ProjectDriver, aggregator: Any) -> None:
    """Its slot holds what it held before: nothing more can be had, and what comes later adds up from zero."""
    second_round.to_scoring()
    second_round.answer([1, 1, 1, 1])
    second_round.settle()
    for _ in range(2):
        assert told(second_round, aggregator) == (FEE, 0, 0)
        assert withdrawn(second_round, aggregator) == FEE
        with ape.reverts("escrow: nothing due"):
            second_round.escrow.withdraw(aggregator, sender=aggregator)
        if second_round.status.round == 2:
            with second_round.moves() as moved:
                second_round.round([1, 1, 1, 1])
            assert moved["due of aggregator 0"] == FEE + STAKE
            assert withdrawn(second_round, aggregator) == FEE + STAKE
            second_round.escrow.confirm(sender=second_round.parties.owner)


def test_settle__aggregators_accept_in_any_order__each_is_itself(
    create_project: Any, parties: Any, stranger: Any
) -> None:
    """The third accepts before the second, and the first never does."""
    _, second, third = parties.aggregators
    project = create_project(aggregators=[account.address for account in parties.aggregators])
    project.accept(2)
    project.accept(1)
    project.take_turn(2)
    assert (project.status.accepted, project.status.current) == (0b110, third.address)
    project.after_deadline()
    for seat in range(4):
        project.enrol(seat)
    project.to_scoring()
    project.answer([1, 1, 1, 1])
    assert dict(project.events(project.settle(number=2)))["Settled"]["aggregator"] == third.address
    project.to_scoring()
    project.after_deadline()
    events = dict(project.events(project.escrow.slash(sender=stranger)))
    assert (events["Slashed"]["aggregator"], events["Acknowledged"]["aggregator"]) == (third.address,) * 2
    project.take_turn(1)
    assert (project.status.spent, project.status.current) == (0b100, second.address)
    project.settle(number=1)
    project.to_scoring()
    ended = dict(project.events(project.settle(number=1)))["Ended"]
    assert (ended["aggregator"], ended["returned"]) == (second.address, STAKE)
    project.escrow.confirm(sender=parties.owner)
    assert [told(project, account)[0] for account in parties.aggregators] == [0, 2 * FEE + STAKE, FEE]
    project.check_books()

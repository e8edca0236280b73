"""status, the views of the ledger, and how they change with the clock alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ape
import pytest

from tests.escrow_driver import ProjectDriver

R, FEE, PART, STAKE = 1_000_003, 200_017, 50_021, 1_100_009
NOBODY = "0x" + "00" * 20


def test_status__new_project__waits_for_aggregators(accepting: ProjectDriver) -> None:
    [created] = accepting.escrow.Created.query("*")["event_arguments"]
    status = accepting.status
    assert tuple(status) == (1, created["accept_by"], 0, NOBODY, False, 0, 0, 0, 0, 0, accepting.rate)


def test_status__enrolling__tells_the_enrolment_deadline(enrolling: ProjectDriver) -> None:
    [created] = enrolling.escrow.Created.query("*")["event_arguments"]
    status = enrolling.status
    assert (status.phase, status.deadline, status.active) == (2, created["enrol_by"], 0b11)
    assert (status.accepted, status.current) == (0b11, enrolling.parties.aggregators[0].address)


def test_status__turn_taken_and_nobody_enrolled__tells_the_deadline_that_is_next(accepting: ProjectDriver) -> None:
    """The stored state is still accepting when it is enrolment that goes on."""
    [created] = accepting.escrow.Created.query("*")["event_arguments"]
    accepting.to_enrolling()
    assert accepting.status.deadline == created["accept_by"]
    accepting.pass_deadline()
    assert (accepting.phase, accepting.status.deadline) == ("accepting", created["enrol_by"])


def test_status__nobody_took_the_turn__deadline_stays(accepting: ProjectDriver) -> None:
    accept_by = accepting.status.deadline
    accepting.pass_deadline()
    assert (accepting.phase, accepting.status.deadline) == ("accepting", accept_by)


def test_status__round_without_a_step__goes_with_the_clock(collecting: ProjectDriver) -> None:
    collect_by = collecting.status.deadline
    assert collecting.phase == "collecting"
    collecting.pass_deadline()
    assert (collecting.phase, collecting.status.deadline) == ("failed", 0)
    assert collecting.chain.blocks.head.timestamp == collect_by + 1


@pytest.mark.parametrize(("delivered", "phase"), [(range(3), "scoring"), (range(2), "failed")])
def test_status__delivering__ends_with_the_clock(create_project: Any, delivered: range, phase: str) -> None:
    project = create_project(min_rows=3, max_excluded=0).to_collecting()
    collect_by = project.status.deadline
    project.to_delivering()
    assert project.status.deadline == collect_by + project.deliver_window  # acting early brings no deadline forward
    for seat in delivered:
        project.deliver(seat)
    project.pass_deadline()
    assert project.phase == phase
    scoring_by = collect_by + project.deliver_window + project.score_window
    assert project.status.deadline == (scoring_by if phase == "scoring" else 0)


def test_status__all_act_early__deadlines_stay(collecting: ProjectDriver) -> None:
    collect_by = collecting.status.deadline
    collecting.to_scoring()
    assert (collecting.phase, collecting.status.deadline) == ("scoring", collect_by + 400 + 500)


def test_status__closed__has_no_deadline(handover: ProjectDriver, owner: Any) -> None:
    handover.escrow.confirm(sender=owner)
    assert (handover.status.phase, handover.status.deadline, handover.status.current) == (5, 0, NOBODY)


def test_pot__falls_by_a_round_and_is_gone_at_the_end(second_round: ProjectDriver, stranger: Any) -> None:
    over = sum(R * share // 10 for share in (1, 2, 3, 4)) - R
    assert second_round.escrow.pot() == 2 * (R + FEE) - over
    second_round.round([1, 1, 1, 1])
    assert second_round.escrow.pot() == R + FEE - over + R % 4
    second_round.round([1, 1, 1, 1])
    assert second_round.escrow.pot() == 0


def test_bond__stands_until_the_project_is_closed(handover: ProjectDriver, owner: Any) -> None:
    assert handover.escrow.bond() == FEE
    handover.escrow.confirm(sender=owner)
    assert handover.escrow.bond() == 0


def test_stake__stands_while_somebody_has_the_turn(accepting: ProjectDriver, stranger: Any) -> None:
    assert accepting.escrow.stake() == 0
    accepting.to_collecting().to_scoring()
    assert accepting.escrow.stake() == STAKE
    accepting.after_deadline()
    accepting.escrow.slash(sender=stranger)
    assert accepting.escrow.stake() == 0


def test_account_of__stranger__is_empty(collecting: ProjectDriver, stranger: Any) -> None:
    account = collecting.escrow.account_of(stranger)
    assert (account.due, account.seat, account.parts) == (0, 0, 0)


def test_account_of__open_account_without_a_due__has_nothing(
    collecting: ProjectDriver, owner: Any, aggregator: Any
) -> None:
    """Their slots are in use from the project's beginning, and from the turn on."""
    for account in (owner, aggregator):
        told = collecting.escrow.account_of(account)
        assert (told.due, told.seat, told.parts) == (0, 0, 0)
        with ape.reverts("escrow: nothing due"):
            collecting.escrow.withdraw(account, sender=account)


@pytest.mark.parametrize("seat", [0, 1])
def test_account_of__two_seats_of_a_pair__each_moves_alone(create_project: Any, stranger: Any, seat: int) -> None:
    """Credit, withdrawal, a missed round, leaving and a slashed stake of one, beside the other's largest."""
    reward = 2**96 - 1
    project = create_project(
        rounds=64, seats=5, min_rows=3, max_excluded=0, round_reward=reward, round_fee=reward, aggregator_stake=reward
    ).to_collecting()
    trainers, other = project.parties.trainers, 1 - seat
    project.round([int(row == other) for row in range(5)])
    full, empty = (reward, other + 1, 64), (0, seat + 1, 64)

    def accounts() -> list[tuple[int, int, int]]:
        told = [project.escrow.account_of(trainers[which]) for which in (seat, other)]
        return [(account.due, account.seat, account.parts) for account in told]

    assert accounts() == [empty, full]
    project.round([int(row == seat) for row in range(5)])
    assert accounts() == [(reward, seat + 1, 64), full]
    project.escrow.withdraw(stranger, sender=trainers[seat])
    assert accounts() == [empty, full]
    project.to_scoring([row for row in range(5) if row != seat])
    project.answer([1, 0, 0, 0] if other == 0 else [0, 0, 0, 0])
    project.settle()
    full = (project.due(trainers[other]), other + 1, 64)
    assert accounts() == [(0, seat + 1, 63), full]
    project.to_scoring()
    project.after_deadline()
    project.escrow.slash(sender=stranger)
    share = reward // 5
    assert accounts() == [(share, seat + 1, 63), (full[0] + share, other + 1, 64)]
    project.take_turn(1)
    project.answer([0] * 5)
    project.settle(number=1)
    project.escrow.leave(sender=trainers[seat])
    assert accounts() == [(share + 62 * project.trainer_part, seat + 1, 0), (full[0] + share, other + 1, 64)]
    project.check_books()


def test_account_of__aggregator_that_trains__has_both_dues(create_project: Any, parties: Any) -> None:
    both = parties.aggregators[0]
    project = create_project(rounds=2)
    project.parties = replace(parties, trainers=[both, *parties.trainers[:3]])
    project.to_collecting()
    project.round([1, 1, 1, 1])
    project.to_scoring()
    project.answer([1, 0, 0, 0])
    project.settle()
    due = R // 4 + R + FEE + STAKE
    account = project.escrow.account_of(both)
    assert (account.due, account.seat, account.parts) == (due, 1, 2)
    with project.moves() as moved:
        project.escrow.withdraw(both, sender=both)
    assert -moved["tokens"] == due + 2 * project.trainer_part
    told = project.escrow.account_of(both)
    assert (told.due, told.seat, told.parts) == (0, 1, 0)


def test_account_of__fields__keep_apart_at_their_largest(create_project: Any, trainers: list[Any]) -> None:
    """64 parts, and a credit of nearly 2^96 beside them in one word."""
    reward = 2**96 - 1
    project = create_project(rounds=64, round_reward=reward, round_fee=reward, aggregator_stake=reward).to_collecting()
    project.round([1, 0, 0, 0])
    account = project.escrow.account_of(trainers[0])
    assert (account.due, account.seat, account.parts) == (reward, 1, 64)
    project.check_books()

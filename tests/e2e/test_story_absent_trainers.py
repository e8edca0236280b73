"""Trainers that stay away, stop half-way or leave: it costs them a part a round, and the others go on or end it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.escrow_market import Market


@pytest.fixture
def market(make_market: Callable[..., Market]) -> Market:
    """Five seats of which four are enough, in the first round."""
    return make_market(seats=5).to_collecting()


def test_trainer__never_submits__loses_a_part_a_round_and_nobody_else_does(market: Market) -> None:
    *others, absent = market.trainers
    for _ in range(3):
        market.submit(*others)
        with market.refuses("escrow: not delivering"):
            market.deliver(others[0])
        market.after_deadline().deliver(*others)
        market.settle(market.aggregators[0], [1, 1, 1, 1])
    assert market.books["sunk"] == 3 * market.terms["trainer_part"]
    market.outsider_ends()
    with market.refuses("escrow: nothing due"):
        market.withdraw(absent)
    market.everyone_withdraws()


def test_trainers__too_few_submit__owner_has_reward_and_fee_back(market: Market) -> None:
    market.submit(*market.trainers[:3])
    with market.refuses("escrow: round has not failed"):
        market.at_deadline().fail()
    market.after_deadline().fail()
    assert market.books["due"][market.owner.address] == market.terms["round_reward"] + market.terms["round_fee"]
    market.outsider_ends()
    market.everyone_withdraws()


def test_trainers__too_few_submit_on_the_last_aggregate__its_fee_is_sunk(market: Market) -> None:
    market.to_scoring().settle(market.aggregators[0], [1, 2, 3, 4, 5])
    sunk = market.books["sunk"]
    market.submit(*market.trainers[:3])
    market.after_deadline().fail()
    assert market.books["pending"] == market.books["due"][market.aggregators[0].address] == 0
    missed = sunk + market.terms["round_fee"]
    assert (market.books["sunk"] - missed) % market.terms["trainer_part"] == 0
    market.outsider_ends()
    market.everyone_withdraws()


def test_trainer__never_delivers__loses_its_part_and_the_round_goes_on(market: Market) -> None:
    market.to_delivering().deliver(*market.trainers[1:])
    with market.refuses("escrow: not scoring"):
        market.at_deadline().settle(market.aggregators[0], None)
    market.after_deadline()
    with market.refuses("escrow: not delivering"):
        market.deliver(market.trainers[0])
    market.settle(market.aggregators[0], [1, 2, 3, 4])
    assert market.books["parts"][market.trainers[0].address] == 2
    assert market.books["sunk"] == market.terms["trainer_part"]
    market.outsider_ends()
    market.everyone_withdraws()


def test_trainers__too_few_deliver__who_did_loses_nothing_and_the_last_fee_is_earned(market: Market) -> None:
    first = market.aggregators[0]
    market.to_scoring().settle(first, [1, 2, 3, 4, 5])
    market.to_delivering().deliver(*market.trainers[:3])
    with market.refuses("escrow: round has not failed"):
        market.at_deadline().fail()
    market.after_deadline()
    with market.refuses("escrow: not scoring"):
        market.settle(first, None)
    market.fail()
    assert [market.books["parts"][trainer.address] for trainer in market.trainers] == [3, 3, 3, 2, 2]
    assert market.books["due"][first.address] == market.terms["round_fee"]
    market.outsider_ends()
    market.everyone_withdraws()


def test_trainer__leaves_in_the_first_round__costs_one_part_and_the_rest_is_free_at_once(market: Market) -> None:
    leaver = market.trainers[4]
    market.leave(leaver)
    assert market.books["due"][leaver.address] == 2 * market.terms["trainer_part"]
    market.withdraw(leaver)
    with market.refuses("escrow: seat is given up"):
        market.submit(leaver)
        market.leave(leaver)
    with market.refuses("escrow: not enrolling"):
        market.enrol(leaver)
    for _ in range(3):
        market.to_scoring().settle(market.aggregators[0], [4, 3, 2, 1])
    assert market.books["sunk"] == market.terms["trainer_part"]
    market.outsider_ends()
    market.everyone_withdraws()


def test_trainer__leaves_after_an_unsettled_round__costs_nothing(market: Market) -> None:
    market.to_delivering().deliver(*market.trainers[1:4])
    market.after_deadline().fail()
    market.leave(market.trainers[1])
    assert market.books["due"][market.trainers[1].address] == 3 * market.terms["trainer_part"]
    market.leave(market.trainers[0])  # it lost a part when it did not deliver
    assert market.books["due"][market.trainers[0].address] == 2 * market.terms["trainer_part"]
    market.outsider_ends()
    market.everyone_withdraws()


def test_trainers__too_many_leave__anyone_ends_the_project_at_once(market: Market) -> None:
    market.to_scoring().settle(market.aggregators[0], [1, 1, 1, 1, 1])
    market.leave(market.trainers[0])
    with market.refuses("escrow: project can go on"):
        market.finish()
    market.submit(market.trainers[2])
    market.leave(market.trainers[1])
    market.finish()
    assert market.books["phase"] == "handover"
    assert [market.books["parts"][trainer.address] for trainer in market.trainers] == [0, 0, 3, 3, 3]
    market.confirm(market.owner)
    market.everyone_withdraws()


def test_trainers__all_leave__rounds_fail_one_by_one_without_waiting(market: Market) -> None:
    market.leave(*market.trainers)
    started = market.clock
    market.outsider_ends()
    assert market.clock == started
    market.everyone_withdraws()


def test_trainer__submits__can_not_leave_nor_submit_again(market: Market) -> None:
    market.submit(market.trainers[0])
    with market.refuses("escrow: submitted already"):
        market.leave(market.trainers[0])
        market.submit(market.trainers[0])
    market.outsider_ends()
    market.everyone_withdraws()

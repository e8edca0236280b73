"""Aggregators that never come, vanish, exclude or give up: who delivered is paid, and another may go on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.escrow_driver import Parties
from tests.escrow_market import Market


@pytest.fixture
def market(make_market: Callable[..., Market]) -> Market:
    """Five seats of which four are enough; an aggregator and a standby."""
    return make_market(seats=5)


def test_aggregators__none_accepts__owner_has_everything_back(market: Market) -> None:
    with market.refuses("escrow: project can go on"):
        market.at_deadline().finish()
    market.after_deadline()
    with market.refuses("escrow: too late to accept"):
        market.accept(market.aggregators[0])
    market.finish()
    assert market.books["due"][market.owner.address] == market.driver.funds_of(market.terms)
    market.everyone_withdraws()


def test_aggregators__accept_but_none_takes_the_turn__owner_has_everything_back(market: Market) -> None:
    market.accept(*market.aggregators)
    market.after_deadline()
    with market.refuses("escrow: too late to take the turn"):
        market.take_turn(market.aggregators[0])
    with market.refuses("escrow: no aggregator"):
        market.enrol(market.trainers[0])
    market.finish()
    market.everyone_withdraws()
    assert market.books["wallets"] == market.start


def test_aggregator__vanishes_without_standby__its_stake_pays_who_delivered(
    make_market: Callable[..., Market], parties: Parties
) -> None:
    market = make_market(seats=5, aggregators=parties.aggregators[:1]).to_collecting()
    market.submit(*market.trainers)
    market.deliver(*market.trainers[:4])
    market.at_deadline()  # of delivering: scoring begins a second later
    market.wait(1)
    with market.refuses("escrow: too early to slash"):
        market.at_deadline().slash()
    market.after_deadline()
    with market.refuses("escrow: too late to score"):
        market.settle(market.aggregators[0], None)
        market.void(market.aggregators[0], [0, 1])
    market.slash()
    share = market.terms["aggregator_stake"] // 4
    assert [market.books["due"][trainer.address] for trainer in market.trainers] == [share] * 4 + [0]
    with market.refuses("escrow: turn is spent"):
        market.take_turn(market.aggregators[0])
    with market.refuses("escrow: project can go on"):
        market.at_deadline().finish(market.owner)
    market.after_deadline().finish()
    assert market.books["phase"] == "closed"
    assert market.books["due"][market.owner.address] == market.driver.funds_of(market.terms)
    market.everyone_withdraws()


def test_aggregator__vanishes__standby_settles_with_the_same_payloads(market: Market) -> None:
    first, standby = market.aggregators
    market.to_collecting().to_scoring().after_deadline().slash()
    market.at_deadline().take_turn(standby)
    with market.refuses("escrow: not the current aggregator"):
        market.settle(first, None)
    market.at_deadline().settle(standby, [1, 1, 1, 1, 1])
    share = market.terms["aggregator_stake"] // 5 + market.terms["round_reward"] // 5
    assert [market.books["due"][trainer.address] for trainer in market.trainers] == [share] * 5
    market.to_scoring().settle(standby, [1, 2, 3, 4, 5])
    assert market.books["due"][standby.address] == market.terms["round_fee"]  # of the round that it took over
    market.outsider_ends()
    market.everyone_withdraws()


def test_aggregator__vanishes_and_standby_comes_too_late__project_ends(market: Market) -> None:
    market.to_collecting().to_scoring().after_deadline().slash()
    market.after_deadline()
    with market.refuses("escrow: too late to take the turn"):
        market.take_turn(market.aggregators[1])
    market.finish()
    assert market.books["due"][market.owner.address] == market.driver.funds_of(market.terms)
    market.everyone_withdraws()


def test_aggregator__vanishes_and_standby_too__both_stakes_pay_who_delivered(market: Market) -> None:
    first, standby = market.aggregators
    market.to_collecting().to_scoring().after_deadline().slash()
    market.take_turn(standby)
    market.after_deadline().slash()
    share = market.terms["aggregator_stake"] // 5
    assert [market.books["due"][trainer.address] for trainer in market.trainers] == [2 * share] * 5
    with market.refuses("escrow: turn is spent"):
        market.take_turn(first, standby)
    market.outsider_ends()
    market.everyone_withdraws()


def test_aggregator__vanishes_in_a_later_round__is_paid_for_the_earlier(market: Market) -> None:
    first, standby = market.aggregators
    market.to_collecting().to_scoring().settle(first, [1, 2, 3, 4, 5])
    market.to_scoring().after_deadline().slash()
    assert market.books["due"][first.address] == market.terms["round_fee"]
    market.take_turn(standby)
    market.void(standby, [0, 1])
    market.outsider_ends()
    market.everyone_withdraws()


def test_aggregator__excludes_one__both_sides_lose_a_part(market: Market) -> None:
    first = market.aggregators[0]
    market.to_collecting().to_scoring()
    with market.refuses("escrow: too many excluded"):
        market.settle(first, None, excluded=[1, 3])
    with market.refuses("escrow: too few excluded to void"):
        market.void(first, [1])
    market.settle(first, [1, 1, 1, 1], excluded=[2])
    reward, fee, part = (market.terms[name] for name in ("round_reward", "round_fee", "trainer_part"))
    due = [market.books["due"][trainer.address] for trainer in market.trainers]
    assert due == [reward * 4 // 5 // 4] * 2 + [0] + [reward * 4 // 5 // 4] * 2
    assert market.books["pending"] == fee - part
    assert market.books["sunk"] == reward - reward * 4 // 5 + 2 * part
    assert market.books["parts"][market.trainers[2].address] == 2
    market.outsider_ends()
    market.everyone_withdraws()


def test_aggregator__excludes_who_has_not_delivered__refused(market: Market) -> None:
    first = market.aggregators[0]
    market.to_collecting().to_delivering()
    market.deliver(*market.trainers[:4])
    market.after_deadline()
    with market.refuses("escrow: excluded has not delivered"):
        market.settle(first, None, excluded=[4])
        market.void(first, [0, 1, 4])
        market.void(first, [0, 1, 31])
    market.outsider_ends()
    market.everyone_withdraws()


def test_aggregator__gives_the_round_up__standby_begins_the_next(market: Market) -> None:
    first, standby = market.aggregators
    market.to_collecting().to_scoring().void(first, [0, 1, 4])
    reward, fee, part, stake = (
        market.terms[name] for name in ("round_reward", "round_fee", "trainer_part", "aggregator_stake")
    )
    assert market.books["due"][first.address] == stake - 3 * part
    assert market.books["due"][market.owner.address] == fee
    assert market.books["sunk"] == reward + 6 * part
    with market.refuses("escrow: not collecting"):
        market.submit(market.trainers[0])
    with market.refuses("escrow: turn is spent"):
        market.take_turn(first)
    market.at_deadline().take_turn(standby)
    market.leave(market.trainers[0])  # the round before was not settled: it takes all its parts
    assert market.books["due"][market.trainers[0].address] == 2 * part
    for _ in range(2):
        market.to_scoring().settle(standby, [1, 2, 3, 4])
    market.outsider_ends()
    market.everyone_withdraws()


def test_aggregator__gives_a_later_round_up__is_paid_for_the_earlier(market: Market) -> None:
    first = market.aggregators[0]
    market.to_collecting().to_scoring().settle(first, [1, 2, 3, 4, 5])
    market.to_scoring().void(first, [3, 4])
    terms = market.terms
    earned = terms["round_fee"] + terms["aggregator_stake"] - 2 * terms["trainer_part"]
    assert market.books["due"][first.address] == earned
    market.outsider_ends()
    market.everyone_withdraws()


def test_aggregator__gives_the_round_up_alone__project_ends_after_the_vacancy(
    make_market: Callable[..., Market], parties: Parties
) -> None:
    market = make_market(aggregators=parties.aggregators[:1]).to_collecting()
    market.to_scoring().void(market.aggregators[0], range(4))
    with market.refuses("escrow: project can go on"):
        market.at_deadline().finish()
    market.after_deadline().finish()
    assert market.books["phase"] == "closed"
    market.everyone_withdraws()


def test_aggregator__gives_the_last_round_up__project_is_closed(market: Market) -> None:
    market.to_collecting()
    for _ in range(2):
        market.to_scoring().settle(market.aggregators[0], [1, 1, 1, 1, 1])
    market.to_scoring().void(market.aggregators[0], range(5))
    assert market.books["phase"] == "closed"
    with market.refuses("escrow: no turn to take"):
        market.take_turn(market.aggregators[1])
    with market.refuses("escrow: not in handover"):
        market.reject()
    market.republish(market.aggregators[1], 1)
    with market.refuses("escrow: round not settled"):
        market.republish(market.aggregators[1], 2)
    market.everyone_withdraws()


def test_aggregator__is_a_trainer_too__earns_and_loses_as_both(
    make_market: Callable[..., Market], parties: Parties
) -> None:
    both = parties.trainers[0]
    market = make_market(aggregators=[both, parties.aggregators[0]]).to_collecting()
    market.to_scoring().settle(both, [1, 1, 1, 1])
    market.to_scoring().after_deadline().slash()
    earned = market.terms["round_reward"] // 4 + market.terms["round_fee"] + market.terms["aggregator_stake"] // 4
    assert market.books["due"][both.address] == earned
    market.outsider_ends()
    market.everyone_withdraws()

"""Projects that too few join: whoever put money in has it back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.escrow_market import REVERTING, Market


@pytest.mark.parametrize("enrolled", [0, 3])
def test_enrolment__too_few_come__everyone_has_everything_back(
    enrolled: int, make_market: Callable[..., Market]
) -> None:
    market = make_market().to_enrolling()
    market.enrol(*market.trainers[:enrolled])
    market.at(market.model.enrol_by)
    with market.refuses("escrow: project can go on"):
        market.finish()
    market.wait(1)
    with market.refuses("escrow: too few trainers" if enrolled else "escrow: not enrolling"):
        market.start_rounds()
    with market.refuses("escrow: too late to enrol"):
        market.enrol(market.trainers[3])
    market.finish()
    assert market.books["phase"] == "closed"
    market.everyone_withdraws()
    assert market.books["wallets"] == market.start


def test_enrolment__some_seats_free__anyone_starts_after_the_deadline(make_market: Callable[..., Market]) -> None:
    market = make_market(seats=6).to_enrolling()
    market.enrol(*market.trainers[:4])
    with market.refuses("escrow: too early to start"):
        market.at_deadline().start_rounds(market.owner)
    market.after_deadline().start_rounds()
    with market.refuses("escrow: not enrolling"):
        market.enrol(market.trainers[4])
    market.to_scoring().settle(market.aggregators[0], [1, 2, 3, 4])
    market.outsider_ends()
    market.everyone_withdraws()


def test_enrolment__before_all_have_accepted__waits_for_the_keys(make_market: Callable[..., Market]) -> None:
    market = make_market()
    with market.refuses("escrow: no aggregator"):
        market.enrol(market.trainers[0])
    market.accept(market.aggregators[0])
    market.take_turn(market.aggregators[0])
    with market.refuses("escrow: still accepting"):
        market.at_deadline().enrol(market.trainers[0])
    market.after_deadline()
    market.policy_fails(REVERTING)  # any block will do: what the project waits for now is trainers
    market.check()
    market.enrol(market.trainers[0])
    with market.refuses("escrow: not accepting"):
        market.accept(market.aggregators[1])
    market.outsider_ends()
    market.everyone_withdraws()
    assert market.books["wallets"] == market.start

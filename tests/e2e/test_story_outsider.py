"""Whatever everyone else does or fails to do, a stranger's calls and time end the project, within a known bound."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.stages import STAGES
from tests.escrow_market import Market


@pytest.mark.parametrize("stage", STAGES)
def test_outsider__alone_from_every_stage__closes_within_the_bound(
    stage: str, make_market: Callable[..., Market]
) -> None:
    market = make_market(seats=5)
    STAGES[stage][0](market)
    market.outsider_ends()
    assert market.clock - market.created <= _bound(market)
    market.everyone_withdraws()


def test_project__everyone_as_slow_as_they_may__closes_within_the_bound(make_market: Callable[..., Market]) -> None:
    market = make_market(seats=5)
    first, standby = market.aggregators
    market.at_deadline().accept(first, standby)
    market.take_turn(first)
    market.at(market.model.enrol_by).enrol(*market.trainers[:4])
    market.after_deadline().start_rounds()
    _slow_round(market)
    market.at_deadline().settle(first, [1, 1, 1, 1])
    _slow_round(market)
    market.after_deadline().slash()
    market.at_deadline().take_turn(standby)
    market.at_deadline().settle(standby, [1, 1, 1, 1])
    _slow_round(market)
    market.after_deadline().slash()
    market.after_deadline().finish()
    lasted = market.clock - market.created
    # the second round was the longest, and a second is lost where an enforcing call has to wait for the deadline
    assert lasted == _bound(market) - market.terms["score_window"] - market.terms["handover_window"] + 4
    market.everyone_withdraws()


def _slow_round(market: Market) -> None:
    market.at_deadline().submit(*market.trainers[:4])
    market.at_deadline().deliver(*market.trainers[:4])


def _bound(market: Market) -> int:
    """Seconds from creation, but for the delay until somebody calls."""
    terms = market.terms
    one_round = terms["collect_window"] + terms["deliver_window"] + terms["score_window"]
    turns = 2 * len(market.model.accepted) * terms["score_window"]
    before = terms["accept_window"] + terms["enrol_window"]
    return before + terms["rounds"] * one_round + turns + terms["handover_window"]

"""An owner that tries every call to get its money back early: none works before its time, or is worth its price."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.stages import STAGES
from tests.escrow_driver import Parties
from tests.escrow_market import ANYONE_MAY, Call, Market

PLAIN = ("accept", "take_turn", "enrol", "submit", "leave", "deliver", "reject", "withdraw", *ANYONE_MAY)
MASKS = [frozenset(seats) for seats in ((), (0,), (0, 1), range(5))]


@pytest.mark.parametrize("stage", STAGES)
def test_owner__every_call_at_every_stage__only_what_is_its_turn(
    stage: str, make_market: Callable[..., Market]
) -> None:
    bring_there, allowed = STAGES[stage]
    market = make_market(seats=5)
    bring_there(market)
    assert _open_to(market, market.owner) == allowed
    if not market.model.deadline:  # it has failed: there is nothing to wait for
        return
    assert _open_to(market.at_deadline(), market.owner) == allowed
    # once the phase is over the owner may do what anybody may, and draw what was due to it before
    market.after_deadline()
    assert _open_to(market, market.owner) - {"withdraw"} == _open_to(market, market.stranger)


def test_owner__implementation_and_running_project__can_not_be_initialised_again(
    make_market: Callable[..., Market], implementation: Any
) -> None:
    market = make_market()
    for escrow in (implementation, market.escrow):
        data = escrow.initialize.encode_input(market.owner, market.terms)
        assert market.simulate(market.owner, escrow, data) == "escrow: exists already"


def test_owner__as_the_only_aggregator_lets_a_round_lapse__has_paid_the_trainers_all_the_same(
    make_market: Callable[..., Market], parties: Parties
) -> None:
    market = make_market(aggregators=[parties.owner]).to_collecting().to_scoring()
    market.outsider_ends()
    market.everyone_withdraws()
    stake, owner = market.terms["aggregator_stake"], market.owner.address
    assert market.start[owner] - market.books["wallets"][owner] == stake >= market.terms["round_reward"]


def test_owner__as_a_trainer_keeps_the_round_from_going_on__pays_a_part_and_reads_no_update(
    make_market: Callable[..., Market], parties: Parties
) -> None:
    market = make_market(trainers=[parties.owner, *parties.trainers[:3]]).to_collecting()
    market.to_delivering().deliver(*market.trainers[1:])
    market.after_deadline().fail()  # before scoring no payload's bytes are on the store
    assert market.books["parts"][market.owner.address] == 2
    market.outsider_ends()
    market.everyone_withdraws()


def _open_to(market: Market, who: Any) -> set[str]:
    """The names of the calls that the contract would take from it now, with any arguments; a refusal must say why."""
    calls = [Call(name, who) for name in PLAIN] + [Call("republish", who, (round_,)) for round_ in range(3)]
    calls += [Call("settle", who, (seats, None)) for seats in MASKS] + [Call("void", who, (seats,)) for seats in MASKS]
    reasons = [(call.name, market.simulate(who, market.escrow, market.encode(call))) for call in calls]
    assert all(reason is None or reason.startswith("escrow: ") for _, reason in reasons)
    return {name for name, reason in reasons if reason is None}

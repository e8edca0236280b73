"""Tokens that are not plain: each is refused with its reason, or works; nobody's money is stuck by another's doing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape
import pytest

from tests.escrow_driver import Parties, ProjectDriver, default_terms
from tests.escrow_market import ANYONE_MAY, Call, Market

PLAIN = ("accept", "take_turn", "enrol", "submit", "leave", "deliver", "reject", "withdraw", *ANYONE_MAY)


def test_token__returns_nothing__works(make_market: Callable[..., Market], deploy: Callable[..., Any]) -> None:
    market = make_market(token=deploy("SilentToken")).to_collecting()
    market.to_scoring().settle(market.aggregators[0], [1, 2, 3, 4])
    market.outsider_ends()
    market.everyone_withdraws()


def test_token__takes_a_fee__refused_wherever_money_comes_in(
    project: Any,
    chain: Any,
    registry: Any,
    policy: Any,
    parties: Parties,
    make_market: Callable[..., Market],
    deploy: Callable[..., Any],
) -> None:
    token = deploy("FeeToken")
    market = make_market(token=token)
    market.accept(*market.aggregators)
    market.tell(token, "set_takes_fee", True)
    aggregator, trainer = market.aggregators[0], market.trainers[0]
    assert refusal(market, Call("take_turn", aggregator)) == "escrow: token kept a fee"
    market.tell(token, "set_takes_fee", False)
    market.take_turn(aggregator)
    market.tell(token, "set_takes_fee", True)
    assert refusal(market, Call("enrol", trainer)) == "escrow: token kept a fee"
    terms = default_terms(token, policy, parties.aggregators)
    with ape.reverts("escrow: token kept a fee"):
        ProjectDriver.create(project, chain, registry, token, policy, parties, terms, 0)


def test_token__takes_a_fee_after_the_project_began__each_bears_its_own(
    make_market: Callable[..., Market], deploy: Callable[..., Any]
) -> None:
    token = deploy("FeeToken")
    market = make_market(token=token).to_collecting().to_scoring()
    market.settle(market.aggregators[0], [1, 1, 1, 1])
    market.tell(token, "set_takes_fee", True)
    trainer = market.trainers[0]
    before, due, held = token.balanceOf(trainer), market.books["due"][trainer.address], token.balanceOf(market.escrow)
    market.send(trainer, market.escrow, market.encode(Call("withdraw", trainer)))
    assert token.balanceOf(trainer) - before == due - due // 100
    assert held - token.balanceOf(market.escrow) == due


def test_token__refuses_one_account__only_that_one_waits_and_it_may_name_another(
    make_market: Callable[..., Market], deploy: Callable[..., Any]
) -> None:
    token = deploy("RefusingToken")
    market = make_market(token=token)
    market.accept(*market.aggregators)
    refused, stranger = market.trainers[0], market.stranger
    market.tell(token, "set_refused", market.aggregators[0], True)
    assert refusal(market, Call("take_turn", market.aggregators[0])) == "escrow: token refused"
    market.take_turn(market.aggregators[1])
    market.enrol(*market.trainers)
    market.to_scoring().settle(market.aggregators[1], [1, 1, 1, 1])

    market.tell(token, "set_refused", refused, True)
    due = market.books["due"][refused.address]
    assert refusal(market, Call("withdraw", refused)) == "escrow: token refused"
    market.withdraw(*market.trainers[1:])
    # its own due is whole, and somebody else can be its recipient
    assert market.books["due"][refused.address] == due
    before = token.balanceOf(stranger)
    receipt = market.send(refused, market.escrow, market.escrow.withdraw.encode_input(stranger))
    assert receipt.status == 1
    assert token.balanceOf(stranger) - before == due


@pytest.mark.parametrize("moment", ["take_turn", "enrol", "withdraw"])
def test_token__calls_back_from_within_a_transfer__nothing_enters(
    moment: str, parties: Parties, make_market: Callable[..., Market], deploy: Callable[..., Any]
) -> None:
    token = deploy("ReentrantToken")
    market = make_market(token=token, seats=5, **cast_with(token, parties))
    market.accept(parties.aggregators[0])
    if moment != "take_turn":
        market.take_turn(parties.aggregators[0])
        market.accept(token)
    if moment == "withdraw":
        market.enrol(token, *parties.trainers[:4])
        market.to_scoring().settle(parties.aggregators[0], [1, 1, 1, 1, 1])
    calls = [market.encode(call) for call in every_call(token)]
    market.tell(token, "arm", market.escrow, calls)

    match moment:
        case "take_turn":  # from within it the token would accept
            market.take_turn(parties.aggregators[0])
        case "enrol":  # from within it the token would enrol
            market.enrol(parties.trainers[0])
        case "withdraw":  # from within it the token would withdraw, submit and leave
            market.withdraw(parties.trainers[0])
    assert token.entered() == 0
    assert token.last_refusals() == [b""] * len(calls)  # the lock says nothing: no call came as far as a rule

    market.tell(token, "arm", market.escrow, [])
    market.outsider_ends()
    market.everyone_withdraws()


def test_token__calls_back_while_the_project_is_made__nothing_enters(
    project: Any, chain: Any, registry: Any, policy: Any, parties: Parties, deploy: Callable[..., Any]
) -> None:
    token = deploy("ReentrantToken")
    terms = default_terms(token, policy, [token])
    address = registry.address_of(parties.owner, terms, 0)
    accept = project.Escrow.at(registry.IMPLEMENTATION()).accept.encode_input(b"\x01" * 32)
    token.arm(address, [accept], sender=parties.stranger)
    driver = ProjectDriver.create(project, chain, registry, token, policy, parties, terms, 0)
    assert token.entered() == 0
    assert token.last_refusals() == [b""]
    assert driver.status.accepted == 0
    driver.check_books()


def cast_with(token: Any, parties: Parties) -> dict[str, list[Any]]:
    """The token is an aggregator and a trainer too, so that its calls fail for coming from inside and nothing else."""
    token.provider.make_request("anvil_impersonateAccount", [token.address])
    token.provider.make_request("anvil_setBalance", [token.address, hex(10**20)])
    return {"aggregators": [parties.aggregators[0], token], "trainers": [*parties.trainers[:4], token]}


def every_call(who: Any) -> list[Call]:
    scoring = [Call("settle", who, (frozenset(), None)), Call("void", who, (frozenset({0, 1}),))]
    return [Call(name, who) for name in PLAIN] + [*scoring, Call("republish", who, (0,))]


def refusal(market: Market, call: Call) -> str | None:
    """Why the contract refuses what the rules of the protocol allow."""
    assert market.allows(call)
    return market.simulate(call.who, market.escrow, market.encode(call))

"""Reward tokens in Solidity, as they are met on chain: nobody's money is stuck or lost by another's doing.

The token is the owner's choice. What a party loses to it is what that token takes from that party: the escrow's books
owe everyone the same whatever the token does, and one account's trouble holds up no other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape
import pytest

from tests.e2e.test_story_tokens import cast_with, every_call, refusal
from tests.escrow_driver import Parties, ProjectDriver, default_terms
from tests.escrow_market import Call, Market

Make = Callable[..., Market]
Deploy = Callable[..., Any]
GOOD = [
    "PlainToken",
    "SixDecimalsToken",
    "NothingReturnedToken",
    "FeeOnTransferToken",
    "BlocklistToken",
    "CallbackToken",
]


@pytest.mark.parametrize("name", GOOD)
def test_real_token__whole_project__everyone_has_what_the_rules_say(
    name: str, make_market: Make, deploy: Deploy
) -> None:
    """A settled round, one that an aggregator gives up, one taken over, somebody leaving: each step is checked."""
    market = make_market(token=deploy(name), seats=5, rounds=4).to_collecting()
    first, second = market.aggregators
    market.to_scoring().settle(first, [1, 2, 3, 4, 5], excluded=[])
    market.withdraw(market.trainers[0])
    market.to_scoring().void(first, [0, 1])
    market.take_turn(second)
    market.leave(market.trainers[4])
    market.to_scoring().after_deadline().slash()
    market.outsider_ends()
    market.everyone_withdraws()


def test_real_token__six_decimals__smallest_terms_round_to_whole_units(make_market: Make, deploy: Deploy) -> None:
    """The least reward that four seats may share is four millionths of a token; what rounds off is the owner's."""
    least = {"round_reward": 4, "round_fee": 1, "trainer_part": 1, "aggregator_stake": 4, "rounds": 1}
    market = make_market(token=deploy("SixDecimalsToken"), **least).to_collecting().to_scoring()
    market.settle(market.aggregators[0], [1, 1, 1, 2])
    assert market.books["due"][market.owner.address] == 4 - (0 + 0 + 0 + 1)
    market.outsider_ends()
    market.everyone_withdraws()


# --- a fee on transfer


def test_real_token__fee_on_transfer__no_money_comes_in(
    project: Any, chain: Any, registry: Any, policy: Any, parties: Parties, make_market: Make, deploy: Deploy
) -> None:
    token = deploy("FeeOnTransferToken")
    market = make_market(token=token)
    market.accept(*market.aggregators)
    market.tell(token, "setTakesFee", True)
    assert refusal(market, Call("take_turn", market.aggregators[0])) == "escrow: token kept a fee"
    market.tell(token, "setTakesFee", False)
    market.take_turn(market.aggregators[0])
    market.tell(token, "setTakesFee", True)
    assert refusal(market, Call("enrol", market.trainers[0])) == "escrow: token kept a fee"
    with ape.reverts("escrow: token kept a fee"):
        ProjectDriver.create(
            project, chain, registry, token, policy, parties, default_terms(token, policy, parties.aggregators), 0
        )


def test_real_token__fee_from_the_middle_on__each_bears_its_own(make_market: Make, deploy: Deploy) -> None:
    """The token starts to take its hundredth when all the money is in: the project goes on and pays all."""
    token = deploy("FeeOnTransferToken")
    market = make_market(token=token, rounds=2).to_collecting().to_scoring()
    market.settle(market.aggregators[0], [1, 2, 3, 4])
    market.tell(token, "setTakesFee", True)
    market.to_scoring().settle(market.aggregators[0], [4, 3, 2, 1])
    market.outsider_ends()
    for person in market.people:
        due = market.books["due"][person.address] + market.books["parts"][person.address] * market.terms["trainer_part"]
        if due:
            before, held = token.balanceOf(person), token.balanceOf(market.escrow)
            assert market.send(person, market.escrow, market.encode(Call("withdraw", person))).status == 1
            assert token.balanceOf(person) - before == due - due // 100
            assert held - token.balanceOf(market.escrow) == due
    assert token.balanceOf(market.escrow) == market.books["sunk"]


# --- a blocklist


@pytest.mark.parametrize("role", ["owner", "aggregator", "trainer"])
def test_real_token__one_account_blocked_midway__only_that_one_waits(
    role: str, make_market: Make, deploy: Deploy
) -> None:
    """Even the owner's or the aggregator's account on the list stops no round, and no one else's money."""
    token = deploy("BlocklistToken")
    market = make_market(token=token, rounds=2).to_collecting()
    blocked = {"owner": market.owner, "aggregator": market.aggregators[0], "trainer": market.trainers[0]}[role]
    market.tell(token, "setBlocked", blocked, True)
    market.to_scoring().settle(market.aggregators[0], [1, 1, 1, 2])
    market.to_scoring().settle(market.aggregators[0], [2, 1, 1, 1])
    market.outsider_ends()
    market.withdraw(*(p for p in market.people if p is not blocked and market.allows(Call("withdraw", p))))
    due = market.books["due"][blocked.address] + market.books["parts"][blocked.address] * market.terms["trainer_part"]
    assert due > 0
    assert refusal(market, Call("withdraw", blocked)) == "token: account is blocked"
    assert token.balanceOf(market.escrow) == due + market.books["sunk"]
    # it need not wait for the list: it may name another recipient
    friend = market.stranger
    before = token.balanceOf(friend)
    assert market.send(blocked, market.escrow, market.escrow.withdraw.encode_input(friend)).status == 1
    assert token.balanceOf(friend) - before == due
    assert token.balanceOf(market.escrow) == market.books["sunk"]


def test_real_token__account_blocked_before_it_joins__another_takes_its_place(
    make_market: Make, deploy: Deploy
) -> None:
    token = deploy("BlocklistToken")
    market = make_market(token=token)
    market.accept(*market.aggregators)
    for account in (market.aggregators[0], market.trainers[0]):
        market.tell(token, "setBlocked", account, True)
    assert refusal(market, Call("take_turn", market.aggregators[0])) == "token: account is blocked"
    market.take_turn(market.aggregators[1])
    assert refusal(market, Call("enrol", market.trainers[0])) == "token: account is blocked"
    market.enrol(*market.trainers[1:])
    assert market.books["parts"][market.trainers[0].address] == 0
    market.outsider_ends()
    market.everyone_withdraws()


def test_real_token__escrow_itself_blocked__rounds_go_on_and_all_is_paid_once_it_is_not(
    make_market: Make, deploy: Deploy
) -> None:
    """The worst that an issuer can do. No call but those that move tokens notices; nothing owed is lost."""
    token = deploy("BlocklistToken")
    market = make_market(token=token).to_collecting().to_scoring()
    market.settle(market.aggregators[0], [1, 2, 3, 4])
    market.tell(token, "setBlocked", market.escrow, True)
    for person in (market.trainers[0], market.trainers[3]):
        assert refusal(market, Call("withdraw", person)) == "token: account is blocked"
    market.to_scoring().settle(market.aggregators[0], [1, 1, 1, 1])
    market.to_scoring().settle(market.aggregators[0], None)
    market.outsider_ends()
    market.tell(token, "setBlocked", market.escrow, False)
    market.everyone_withdraws()


# --- calls back


@pytest.mark.parametrize("moment", ["take_turn", "enrol", "withdraw"])
def test_real_token__calls_back_into_the_escrow__nothing_enters(
    moment: str, parties: Parties, make_market: Make, deploy: Deploy
) -> None:
    """The token is a party of the project too, so that its calls fail for coming from inside and nothing else."""
    token = deploy("CallbackToken")
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
    {"take_turn": market.take_turn, "enrol": market.enrol, "withdraw": market.withdraw}[moment](
        parties.aggregators[0] if moment == "take_turn" else parties.trainers[0]
    )
    assert token.entered() == 0
    assert token.lastRefusals() == [b""] * len(calls)  # the lock says nothing: no call came as far as a rule
    market.tell(token, "arm", market.escrow, [])
    market.outsider_ends()
    market.everyone_withdraws()


def test_real_token__calls_another_project_from_within_a_transfer__an_ordinary_call_there(
    parties: Parties, make_market: Make, deploy: Deploy
) -> None:
    """Each project has a lock and a ledger of its own: what a token does in another one, anyone could have done."""
    callback = deploy("CallbackToken")
    other = make_market().to_collecting()
    other.submit(*other.trainers[:3])
    market = make_market(token=callback).to_enrolling()
    market.at(other.model.deadline + 1)
    other.at(market.clock)
    calls = [other.encode(Call("fail", callback)), other.encode(Call("withdraw", callback))]
    market.tell(callback, "arm", other.escrow, calls)
    market.enrol(market.trainers[0])
    other.model.fail(callback.address)
    other.check()
    assert callback.entered() == 1
    [refused] = callback.lastRefusals()
    assert b"escrow: nothing due" in refused
    market.tell(callback, "arm", other.escrow, [])
    for each in (other, market.at(market.clock)):
        each.outsider_ends()
        each.everyone_withdraws()
        market.at(other.clock)


# --- a token that stops altogether, or lies


def test_real_token__stops_altogether_and_mends__nothing_is_lost(make_market: Make, deploy: Deploy) -> None:
    """Every transfer of the escrow's token reverts for the rest of the project: it ends all the same."""
    token = deploy("BlocklistToken")
    market = make_market(token=token).to_collecting()
    for account in (market.escrow, *market.people):
        market.tell(token, "setBlocked", account, True)
    market.to_scoring().after_deadline().slash()
    market.outsider_ends()
    for account in (market.escrow, *market.people):
        market.tell(token, "setBlocked", account, False)
    market.everyone_withdraws()


def test_real_token__shares_of_a_pool_that_shrinks__each_is_paid_until_nothing_is_left(
    make_market: Make, deploy: Deploy
) -> None:
    """Balances fall by rounding alone. Who comes last has all but a few units, at once, and the rest once they are
    there: nobody waits for somebody else.
    """
    token = deploy("SharesToken")
    market = make_market(token=token, rounds=1).to_collecting().to_scoring()
    market.settle(market.aggregators[0], [1, 2, 3, 4])
    market.outsider_ends()
    token.setPool(token.pool() - 1, sender=market.owner)
    claims = {
        person: market.books["due"][person.address]
        + market.books["parts"][person.address] * market.terms["trainer_part"]
        for person in market.people
    }
    claims = {person: claim for person, claim in claims.items() if claim}
    owed = sum(claims.values())
    assert market.books["sunk"] == 0
    assert token.balanceOf(market.escrow) < owed

    paid = {}
    for person, claim in claims.items():
        had = token.balanceOf(market.escrow)
        assert market.send(person, market.escrow, market.encode(Call("withdraw", person))).status == 1
        left = market.escrow.account_of(person).due
        paid[person] = claim - left
        assert paid[person] == min(claim, had)
    *firsts, last = claims
    assert all(paid[person] == claims[person] for person in firsts)
    missing = claims[last] - paid[last]
    assert 0 < missing < 10
    assert market.escrow.account_of(last).due == missing

    token.mint(market.escrow, 2 * missing, sender=market.owner)
    assert market.send(last, market.escrow, market.encode(Call("withdraw", last))).status == 1
    assert market.escrow.account_of(last).due == 0


@pytest.mark.parametrize("said", [1, 10**30])
def test_real_token__lies_about_the_escrow__each_is_owed_what_the_books_say(
    said: int, make_market: Make, deploy: Deploy
) -> None:
    """Too little: so much is paid, and the rest once it tells the truth. Too much: as if it had said nothing."""
    token = deploy("LyingToken")
    market = make_market(token=token).to_collecting().to_scoring()
    market.settle(market.aggregators[0], [1, 1, 1, 1])
    liar, victim = market.stranger, market.trainers[0]
    due, before = market.books["due"][victim.address], token.balanceOf(victim)
    token.setSaid(market.escrow, said + 1, sender=liar)
    assert market.send(victim, market.escrow, market.encode(Call("withdraw", victim))).status == 1
    assert token.balanceOf(victim) - before == min(said, due)
    token.setSaid(market.escrow, 0, sender=liar)
    if said < due:
        assert market.escrow.account_of(victim).due == due - said
        assert market.send(victim, market.escrow, market.encode(Call("withdraw", victim))).status == 1
    assert token.balanceOf(victim) - before == due
    assert market.escrow.account_of(victim).due == 0

"""What each party can lose to the others, and what that costs them: the lines of the table in docs/security.md.

Each story is the worst that its attackers can do by the rules; the losses are exact. A party's loss is what it had
before the project less all that is its own after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.escrow_driver import Parties
from tests.escrow_market import Call, Market

Make = Callable[..., Market]
R, FEE, PART, STAKE = 1_000_003, 200_017, 50_021, 1_100_009
FUNDS = 3 * (R + FEE) + FEE


def loss(market: Market, *people: Any) -> int:
    """Of these together, when all that is theirs is counted; negative if they have gained."""
    lost = 0
    for account in (person.address for person in people):
        books = market.books
        has = books["wallets"][account] + books["due"][account] + books["parts"][account] * PART
        has += books["stake"] if account == market.model.current else 0
        lost += market.start[account] - has
    return lost


def seats(market: Market, *numbers: int) -> Iterable[Any]:
    return [market.trainers[number] for number in numbers]


# --- trainers against the others


def test_griefing__spam_takes_every_seat_and_never_submits__owner_loses_nothing(make_market: Make) -> None:
    market = make_market().to_collecting()
    market.outsider_ends()
    assert loss(market, market.owner) == 0
    assert loss(market, market.aggregators[0]) == 0
    assert loss(market, *market.trainers) == 4 * 3 * PART  # everything that it had at stake


def test_griefing__spam_leaves_one_seat_to_an_honest_trainer__that_one_leaves_for_nothing(make_market: Make) -> None:
    market = make_market().to_collecting()
    honest, *spam = market.trainers
    market.submit(honest)
    market.after_deadline().fail()
    market.leave(honest)
    market.outsider_ends()  # with too few left the project is over at once
    assert loss(market, market.owner, market.aggregators[0], honest) == 0
    assert loss(market, *spam) == 3 * PART


def test_griefing__seats_stay_empty__everyone_has_everything_back(make_market: Make) -> None:
    market = make_market().to_enrolling()
    market.enrol(*seats(market, 0, 1, 2))
    market.outsider_ends()
    assert loss(market, market.owner, *market.aggregators, *market.trainers) == 0
    assert market.clock - market.created <= market.terms["accept_window"] + market.terms["enrol_window"] + 1


def test_griefing__too_few_submit_next_round__aggregator_loses_the_last_fee(make_market: Make) -> None:
    """One trainer is enough where all seats are needed; it costs that one a part, the aggregator a fee."""
    market = make_market(rounds=2).to_collecting().to_scoring()
    market.settle(market.aggregators[0], [1, 1, 1, 1])
    market.submit(*seats(market, 0, 1, 2))
    before = loss(market, market.trainers[3])
    market.outsider_ends()
    assert loss(market, market.aggregators[0]) == 0  # of its own money; what it had earned is gone
    assert market.books["sunk"] == FEE + PART
    assert loss(market, market.trainers[3]) - before == PART


def test_griefing__too_few_deliver__who_did_and_owner_lose_nothing(make_market: Make) -> None:
    market = make_market(rounds=1).to_collecting().to_delivering()
    market.deliver(*seats(market, 0, 1, 2))
    market.outsider_ends()
    assert loss(market, market.owner, market.aggregators[0], *seats(market, 0, 1, 2)) == 0
    assert loss(market, market.trainers[3]) == PART


def test_griefing__more_garbage_than_may_be_excluded__owner_loses_a_reward_and_aggregator_their_parts(
    make_market: Make,
) -> None:
    """Two trainers; the aggregator names no more of them than giving up takes, whatever else is garbage."""
    market = make_market(rounds=1).to_collecting().to_scoring()
    market.void(market.aggregators[0], [0, 1])
    market.outsider_ends()
    assert loss(market, market.owner) == R
    assert loss(market, market.aggregators[0]) == 2 * PART
    assert loss(market, *seats(market, 0, 1)) == 2 * PART
    assert loss(market, *seats(market, 2, 3)) == 0


def test_griefing__garbage_round_after_round__owner_loses_a_reward_for_each_aggregator(make_market: Make) -> None:
    market = make_market().to_collecting()
    for aggregator in market.aggregators:
        market.to_scoring().void(aggregator, [0, 1])
        if market.allows(call := Call("take_turn", market.aggregators[1])):
            market.play(call)
    market.outsider_ends()
    assert loss(market, market.owner) == 2 * R
    assert loss(market, *seats(market, 0, 1)) == 2 * 2 * PART


# --- aggregators against the others


def test_griefing__aggregator_excludes_a_rival__trainer_loses_its_pay_and_a_part(make_market: Make) -> None:
    """Worst for who would have earned all of it. The others have what they would have had; the excluder pays a part."""
    market = make_market(rounds=1).to_collecting().to_scoring()
    market.settle(market.aggregators[0], [1, 0, 0], excluded=[3])
    market.outsider_ends()
    assert loss(market, market.trainers[3]) == PART
    assert loss(market, market.trainers[0]) == -(R * 3 // 4)
    assert loss(market, market.aggregators[0]) == -(FEE - PART)


def test_griefing__aggregator_excludes_its_own_trainer__others_lose_a_seats_share(make_market: Make) -> None:
    """What it takes from them goes to nobody, and costs the two a part each."""
    market = make_market(rounds=1).to_collecting().to_scoring()
    market.settle(market.aggregators[0], [1, 1, 1], excluded=[0])
    assert loss(market, *seats(market, 1, 2, 3)) == -(R * 3 // 4 // 3 * 3)
    assert loss(market, market.trainers[0]) == PART
    assert market.books["pending"] == FEE - PART


def test_griefing__aggregator_voids_for_nothing__round_goes_unpaid_once(make_market: Make) -> None:
    """It has seen all updates. Nobody gets the reward; it pays a part for each that it names, loses turn and fee."""
    market = make_market(rounds=2).to_collecting().to_scoring()
    market.void(market.aggregators[0], [0, 1])
    assert loss(market, *seats(market, 2, 3)) == 0
    assert loss(market, *seats(market, 0, 1)) == 2 * PART
    assert loss(market, market.aggregators[0]) == 2 * PART
    assert not market.allows(Call("take_turn", market.aggregators[0]))
    market.outsider_ends()
    assert loss(market, market.owner) == R


def test_griefing__aggregator_refuses_to_settle__its_stake_pays_the_round(make_market: Make) -> None:
    market = make_market(rounds=1).to_collecting().to_scoring()
    market.outsider_ends()
    assert loss(market, market.aggregators[0]) == STAKE
    assert loss(market, market.owner) == 0
    for trainer in market.trainers:
        assert loss(market, trainer) == -(STAKE // 4)
    assert STAKE // 4 >= R // 4


def test_griefing__aggregator_withholds_the_last_aggregate__costs_it_the_fee_and_the_owner_reward_and_bond(
    make_market: Make,
) -> None:
    """The trainers are paid: they have delivered. Any other accepted aggregator can rebuild the aggregate."""
    market = make_market(rounds=1).to_collecting().to_scoring()
    market.settle(market.aggregators[0], [1, 1, 1, 1])
    market.reject()
    rounding = R - R // 4 * 4
    assert loss(market, market.owner) == R - rounding + 2 * FEE
    assert loss(market, market.aggregators[0]) == 0
    assert market.books["sunk"] == 2 * FEE


def test_griefing__aggregator_withholds_a_running_aggregate__trainers_fail_the_round_and_it_forgoes_the_fee(
    make_market: Make,
) -> None:
    """Who could not go on submits on the last good model, or loses a part; who did submit loses nothing."""
    market = make_market(rounds=2).to_collecting().to_scoring()
    market.settle(market.aggregators[0], [1, 1, 1, 1])
    market.submit(*seats(market, 0, 1, 2))
    market.after_deadline().fail()
    assert loss(market, market.aggregators[0]) == 0
    assert market.books["pending"] == 0
    assert all(loss(market, trainer) == -(R // 4) for trainer in seats(market, 0, 1, 2))


# --- the owner against the others


def test_griefing__owner_rejects_a_good_aggregate__costs_both_one_fee(make_market: Make) -> None:
    losses = []
    for verdict in ("confirm", "reject"):
        market = make_market(rounds=1, model=verdict.encode().ljust(32))
        market.to_collecting().to_scoring().settle(market.aggregators[0], [1, 1, 1, 1])
        market.play(Call(verdict, market.owner))
        losses.append((loss(market, market.owner), loss(market, market.aggregators[0])))
    (owner, aggregator), (owner_rejecting, aggregator_rejected) = losses
    assert owner_rejecting - owner == FEE
    assert aggregator_rejected - aggregator == FEE


@pytest.mark.parametrize("shares", [None, [0, 0, 0, 0]])
def test_griefing__policy_fails_or_keeps_nobody__owner_pays_all_the_same(
    shares: list[int] | None, make_market: Make
) -> None:
    """It reverts, burns its gas, or pays no one: the reward is gone, and the aggregator has its fee."""
    market = make_market(rounds=1).to_collecting().to_scoring()
    market.settle(market.aggregators[0], shares)
    market.outsider_ends()
    rounding = 0 if shares else R - R // 4 * 4
    assert loss(market, market.owner) == R - rounding + FEE
    assert loss(market, market.aggregators[0]) == -FEE
    assert loss(market, *market.trainers) == (0 if shares else -(R - rounding))


def test_griefing__owner_takes_seats_and_stops_the_rounds__pays_a_part_each_and_sinks_a_fee(
    parties: Parties, make_market: Make
) -> None:
    """With one seat of those needed it can have the rest of its money back; nobody's update was readable then."""
    people = [parties.owner, *parties.trainers[:3]]
    market = make_market(trainers=people).to_collecting().to_scoring()
    market.settle(market.aggregators[0], [0, 1, 1, 1])
    for _ in range(2):
        market.submit(*people[1:])
        market.after_deadline().fail()
    assert market.model.state == "closed"
    rounding = R - R // 3 * 3
    assert loss(market, market.owner) == R - rounding + FEE + 2 * PART
    assert loss(market, market.aggregators[0]) == 0  # it worked for nothing: its fee is sunk
    assert market.books["sunk"] == FEE + 2 * PART
    assert all(loss(market, trainer) == -(R // 3) for trainer in people[1:])


# --- all others together


def test_griefing__all_against_one_trainer__loses_its_parts_and_no_more(make_market: Make) -> None:
    """Excluded in each round: one part a round, which is all that it brought."""
    market = make_market().to_collecting()
    for _ in range(3):
        market.to_scoring().settle(market.aggregators[0], [1, 1, 1], excluded=[3])
    market.outsider_ends()
    assert loss(market, market.trainers[3]) == 3 * PART


def test_griefing__all_against_an_aggregator_that_acts__loses_the_parts_it_names_and_its_turn(
    make_market: Make,
) -> None:
    """It settles what it can. The worst that it meets is a round of garbage, after one whose fee is then earned."""
    market = make_market(rounds=2).to_collecting().to_scoring()
    market.settle(market.aggregators[0], [1, 1, 1, 1])
    market.to_scoring().void(market.aggregators[0], [0, 1])
    market.outsider_ends()
    assert loss(market, market.aggregators[0]) == 2 * PART - FEE


def test_griefing__all_against_the_owner__loses_what_it_locked_but_its_bond(make_market: Make) -> None:
    """Trainers and aggregator are one, and the policy pays them for nothing: that is what rewards and fees are for."""
    market = make_market().to_collecting()
    for _ in range(3):
        market.to_scoring().settle(market.aggregators[0], [1, 0, 0, 0])
    market.outsider_ends()
    assert loss(market, market.owner) == FUNDS - FEE


# --- copies, races, clocks


def test_griefing__hash_copied_from_the_mempool__copier_can_not_open_it_and_loses_a_part(make_market: Make) -> None:
    market = make_market(min_rows=3, max_excluded=0, rounds=1).to_collecting()
    victim, thief = seats(market, 0, 1)
    stolen = market.escrow.submit.encode_input(market.hash_of(victim))
    assert market.send(thief, market.escrow, stolen).status == 1
    market.model.submit(thief.address)
    market.check()
    market.submit(victim, *seats(market, 2, 3))
    opening = market.encode(Call("deliver", victim))
    assert market.simulate(thief, market.escrow, opening) == "escrow: wrong commitment"
    market.deliver(victim, *seats(market, 2, 3))
    market.after_deadline().settle(market.aggregators[0], [1, 1, 1])
    assert loss(market, thief) == PART
    assert loss(market, victim) == -(R // 3)


CALLS = ("accept", "take_turn", "enrol", "submit", "deliver", "settle", "void", "withdraw", "republish", "leave")


@pytest.mark.parametrize("name", CALLS)
def test_griefing__call_sent_first_by_another__does_nothing_for_it(name: str, make_market: Make) -> None:
    """The very bytes of a party's call, sent a moment before it by a stranger who has read them in the mempool."""
    market = make_market()
    first = market.aggregators[0]
    calls = {
        "accept": (lambda: None, Call("accept", first), "escrow: not a listed aggregator"),
        "take_turn": (lambda: market.accept(first), Call("take_turn", first), "escrow: not a listed aggregator"),
        "submit": (market.to_collecting, Call("submit", market.trainers[0]), "escrow: not enrolled"),
        "leave": (market.to_collecting, Call("leave", market.trainers[0]), "escrow: not enrolled"),
        "deliver": (_delivering(market), Call("deliver", market.trainers[0]), "escrow: not enrolled"),
        "settle": (_scoring(market), Call("settle", first, (frozenset(), None)), "escrow: not the current aggregator"),
        "void": (_scoring(market), Call("void", first, (frozenset({0, 1}),)), "escrow: not the current aggregator"),
        "withdraw": (_settled(market), Call("withdraw", market.trainers[0]), "escrow: nothing due"),
        "republish": (_settled(market), Call("republish", first, (0,)), "escrow: not a listed aggregator"),
        "enrol": (market.to_enrolling, Call("enrol", market.trainers[0]), None),
    }
    prepare, call, reason = calls[name]
    prepare()
    refused = market.simulate(market.stranger, market.escrow, market.encode(call))
    assert refused == reason  # a seat is anyone's: who is too late for the last one has only lost its gas
    market.play(call)


def _delivering(market: Market) -> Callable[[], Any]:
    return lambda: market.to_collecting().to_delivering()


def _scoring(market: Market) -> Callable[[], Any]:
    return lambda: market.to_collecting().to_scoring()


def _settled(market: Market) -> Callable[[], Any]:
    return lambda: _scoring(market)().settle(market.aggregators[0], [1, 1, 1, 1])


@pytest.mark.parametrize("late", [0, 1, 12])
def test_griefing__blocks_keep_a_call_out_until_its_deadline_is_over__costs_one_part(
    late: int, make_market: Make
) -> None:
    """A proposer that shifts its clock, or leaves a call out, for 12 seconds: who sent it earlier than that is safe."""
    market = make_market(min_rows=3, max_excluded=0, rounds=1).to_collecting()
    market.submit(*seats(market, 0, 1, 2))
    market.at(market.model.deadline - 11 + late)
    call = Call("submit", market.trainers[3])
    if late == 12:
        with market.refuses("escrow: not collecting"):
            market.play(call)
    else:
        market.play(call)
    market.deliver(*seats(market, *market.model.submitted))
    market.settle(market.aggregators[0], [1] * len(market.model.delivered))
    assert loss(market, market.trainers[3]) == (PART if late == 12 else -(R // 4))

"""Projects in which everyone does what it said: every amount ends where the terms say."""

from __future__ import annotations

from collections.abc import Callable

from eth_abi import encode
from eth_utils import keccak
from py_ecc.bn128 import G1, multiply

from tests.escrow_driver import ONE
from tests.escrow_market import Market

CONTRIBUTIONS = ([5, 3, 1, 0], [1, 1, 1, 1], [0, 0, 7, 2])


def test_project__everyone_plays_along__rewards_by_contribution(make_market: Callable[..., Market]) -> None:
    market = make_market().to_collecting()
    aggregator = market.aggregators[0]
    for shares in CONTRIBUTIONS:
        market.to_scoring().settle(aggregator, shares)
        market.withdraw(market.trainers[2])  # what it has earned, at any time; its stake stays until the end
    assert market.books["phase"] == "handover"
    market.confirm(market.owner)
    market.everyone_withdraws()

    reward, fee = market.terms["round_reward"], market.terms["round_fee"]
    earned = [sum(reward * shares[i] // sum(shares) for shares in CONTRIBUTIONS) for i in range(4)]
    assert _gains(market, *market.trainers) == earned
    assert _gains(market, aggregator, market.aggregators[1]) == [3 * fee, 0]
    assert _gains(market, market.owner) == [-sum(earned) - 3 * fee]
    assert market.books["sunk"] == 0


def test_project__everyone_acts_in_the_last_second__goes_on(make_market: Callable[..., Market]) -> None:
    market = make_market(seats=5)
    market.at_deadline().accept(*market.aggregators)
    market.take_turn(market.aggregators[0])
    market.at(market.model.enrol_by).enrol(*market.trainers[:4])
    market.after_deadline().start_rounds()
    for _ in range(3):
        market.at_deadline().submit(*market.trainers[:4])
        market.at_deadline().deliver(*market.trainers[:4])
        market.at_deadline().settle(market.aggregators[0], [1, 2, 3, 4])
    market.at_deadline().reject()
    assert market.books["sunk"] == 2 * market.terms["round_fee"]
    market.everyone_withdraws()


def test_project__owner_silent_in_handover__aggregator_paid_by_anyone(make_market: Callable[..., Market]) -> None:
    market = make_market(rounds=1).to_collecting().to_scoring()
    market.settle(market.aggregators[0], [1, 1, 1, 1])
    with market.refuses("escrow: handover not over"):
        market.at_deadline().confirm(market.stranger)
    market.after_deadline().confirm(market.stranger)
    market.everyone_withdraws()
    assert _gains(market, market.aggregators[0]) == [market.terms["round_fee"]]


def test_project__aggregate__is_the_weighted_sum_of_the_commitments(make_market: Callable[..., Market]) -> None:
    market = make_market(public_rows=True).to_collecting()
    digest = bytes(32)
    for contributions in ([5, 3, 1, 0], [0, 0, 2, 1]):
        market.to_scoring().settle(market.aggregators[0], contributions)
        # who stands k-th among the people commits to k times the generator; a row with a contribution has weight 1.0
        paid = (trainer for trainer, share in zip(market.trainers, contributions, strict=True) if share)
        aggregate = multiply(G1, ONE * sum(market.people.index(trainer) + 1 for trainer in paid))
        digest = keccak(encode(["bytes32", "uint256[2]"], [digest, tuple(map(int, aggregate))]))
        assert market.escrow.public_rows() == digest


def test_project__every_term_at_its_limit__nothing_overflows(make_market: Callable[..., Market]) -> None:
    most = 2**96 - 1
    market = make_market(
        round_reward=most,
        round_fee=most,
        aggregator_stake=most,
        trainer_part=most // 32,
        seats=32,
        min_rows=32,
        rounds=64,
    )
    with market.unchecked():
        market.to_collecting().to_scoring()
    market.settle(market.aggregators[0], [2**150 - 1 - i for i in range(32)])
    # from here on nobody comes: every seat loses a part for each round that is left, and its last with the last
    with market.unchecked():
        while market.model.state == "rounds":
            market.after_deadline().fail()
    market.everyone_withdraws()
    assert market.books["sunk"] == most + 32 * 63 * (most // 32)


def _gains(market: Market, *people: object) -> list[int]:
    """What each has more than at the start, in its wallet."""
    return [market.books["wallets"][person.address] - market.start[person.address] for person in people]

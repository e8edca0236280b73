"""What settle pays, against the table of the protocol, written down a second time here."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import floor
from typing import Any

import ape
import pytest

from tests.escrow_driver import ONE, ProjectDriver, mask

R, FEE, PART = 1_000_003, 200_017, 50_021


@pytest.fixture(scope="module")
def six(create_project: Any) -> ProjectDriver:
    """Scoring: six rows, two of which may be excluded."""
    return create_project(seats=6, min_rows=5, max_excluded=2).to_collecting().to_scoring()


def expected_moves(contributions: list[int], excluded: list[int], seats: int = 6) -> dict[str, int]:
    """Of the first round, in which everybody delivers; accounts that gain nothing are not in it."""
    rows = [seat for seat in range(seats) if seat not in excluded]
    total = sum(contributions)
    payable = floor(Fraction(R * len(rows), seats))
    credit = {
        f"due of trainer {row}": floor(Fraction(payable * c, total)) if total else 0
        for row, c in zip(rows, contributions, strict=True)
    }
    rounding = payable - sum(credit.values()) if total else 0
    penalty = len(excluded) * PART
    moves = credit | {f"parts of trainer {seat}": -1 for seat in excluded}
    moves |= {"pending": FEE - penalty, "pot": rounding - (R + FEE)}
    # what nobody is credited with, and a part of each excluded trainer's stake
    moves["sunk"] = (R - payable if total else R) + penalty + penalty
    return {name: amount for name, amount in moves.items() if amount}


@pytest.mark.parametrize("excluded", [[], [0], [5], [1, 4]], ids=str)
@pytest.mark.parametrize(
    "contributions",
    [
        [1, 1, 1, 1, 1, 1],
        [1, 2, 3, 4, 5, 6],
        [0, 0, 7, 0, 0, 0],
        [2**150 - 1, 1, 2**150 - 1, 0, 2**149, 3],
        [0, 0, 0, 0, 0, 0],
    ],
    ids=["equal", "different", "one takes all", "extreme", "nobody contributed"],
)
def test_settle__money__goes_by_the_table(six: ProjectDriver, contributions: list[int], excluded: list[int]) -> None:
    contributions = contributions[: 6 - len(excluded)]
    six.answer(contributions)
    with six.moves() as moved:
        receipt = six.settle(excluded)
    expected = expected_moves(contributions, excluded)
    assert moved == expected
    events = dict(six.events(receipt))
    rows = [seat for seat in range(6) if seat not in excluded]
    settled = events["Settled"]
    assert settled["credits"] == [expected.get(f"due of trainer {row}", 0) for row in rows]
    assert settled["rounding"] == expected["pot"] + R + FEE
    assert settled["sunk"] == expected.get("sunk", 0) - len(excluded) * PART
    assert settled["pending"] == FEE - len(excluded) * PART
    assert (settled["rows"], settled["excluded"]) == (mask(rows), mask(excluded))
    missed = {"round": 0, "seats": mask(excluded), "sunk": len(excluded) * PART}
    assert events.get("Missed") == (missed if excluded else None)
    assert list(events) == ["Settled", *["Missed"] * bool(excluded), "RoundStarted"]


def test_settle__nobody_contributed__weights_still_make_an_aggregate(six: ProjectDriver) -> None:
    """The reward is sunk, though the model moves on."""
    six.answer([0] * 6, weights=[ONE] * 6)
    with six.moves() as moved:
        six.settle()
    assert moved == {"pot": -(R + FEE), "pending": FEE, "sunk": R}


def test_settle__some_missed_the_round__each_loses_a_part_once(create_project: Any) -> None:
    """One doesn't submit, one doesn't deliver, one is excluded, one has left: n counts those who delivered."""
    project = create_project(seats=7, min_rows=4, max_excluded=1).to_collecting()
    project.escrow.leave(sender=project.parties.trainers[6])
    project.to_delivering(range(5)).to_scoring([0, 2, 3, 4])
    project.answer([1, 1, 1])
    with project.moves() as moved:
        receipt = project.settle([3])
    payable = R * 3 // 4
    assert moved == {
        "pot": payable % 3 - (R + FEE),
        "pending": FEE - PART,
        "sunk": R - payable + PART + 3 * PART,
        **{f"due of trainer {seat}": payable // 3 for seat in (0, 2, 4)},
        **{f"parts of trainer {seat}": -1 for seat in (1, 3, 5)},
    }
    assert project.events(receipt)[1] == ("Missed", {"round": 0, "seats": mask([1, 3, 5]), "sunk": 3 * PART})


def test_settle__last_fee_pending__is_earned(second_round: ProjectDriver, aggregator: Any) -> None:
    second_round.to_scoring()
    second_round.answer([1, 0, 0])
    with second_round.moves() as moved:
        receipt = second_round.settle([3])
    assert second_round.events(receipt)[0] == ("Acknowledged", {"aggregator": aggregator.address, "fee": FEE})
    assert moved["due of aggregator 0"] == FEE
    assert moved["pending"] == -PART  # this round's is a part less than the last one's


def test_settle__fee_eaten_by_exclusions__closes_without_handover(create_project: Any) -> None:
    """Nothing is pending after the last round, so there is nothing to confirm."""
    project = create_project(rounds=1, round_fee=PART).to_collecting().to_scoring()
    project.answer([1, 1, 1])
    with project.moves() as moved:
        receipt = project.settle([0])
    assert dict(project.events(receipt))["Ended"]["confirm_by"] == 0
    assert project.phase == "closed"
    assert moved["bond"] == -PART
    assert moved["due of owner"] == PART + (R * 3 // 4) % 3
    assert project.escrow.pending() == 0


def test_settle__all_at_their_limits__pays_everyone(largest: ProjectDriver) -> None:
    """No product overflows, and the gas is enough."""
    reward = largest.round_reward
    largest.answer([2**150 - 1] * 32)
    with largest.moves() as moved:
        receipt = largest.settle()
    share, rounding = divmod(reward, 32)
    assert moved == {f"due of trainer {seat}": share for seat in range(32)} | {
        "due of owner": rounding,
        "pot": -2 * reward,
        "pending": reward,
        "stake": -reward,
        "due of aggregator 0": reward,
    }
    assert receipt.gas_used < 2**24


def test_settle__rounding_of_several_rounds__is_the_owners_at_the_end(create_project: Any, owner: Any) -> None:
    project = create_project(rounds=3).to_collecting()
    kept = 0
    for left, contributions in ((2, [1, 2, 3, 4]), (1, [1, 1, 1, 0])):
        receipt = project.round(contributions)
        kept += dict(project.events(receipt))["Settled"]["rounding"]
        assert kept
        assert (project.escrow.pot(), project.due(owner)) == (left * (R + FEE) + kept, 0)
        with ape.reverts("escrow: nothing due"):
            project.escrow.withdraw(owner, sender=owner)
    project.to_scoring()
    project.answer([5, 0, 3, 3])
    with project.moves() as moved:
        events = dict(project.events(project.settle()))
    kept += events["Settled"]["rounding"]
    assert events["Ended"]["refunded"] == moved["due of owner"] == kept
    assert project.escrow.pot() == 0


def test_settle__rounding__outlasts_rounds_that_fail_or_are_voided(
    create_project: Any, owner: Any, aggregator: Any, stranger: Any
) -> None:
    project = create_project(rounds=4).to_collecting()
    project.round([1, 2, 3, 4])
    kept = R - sum(R * share // 10 for share in (1, 2, 3, 4))
    assert project.escrow.pot() == 3 * (R + FEE) + kept
    project.after_deadline()
    with project.moves() as moved:
        project.escrow.fail(sender=stranger)
    assert (moved["pot"], moved["due of owner"]) == (-(R + FEE), R + FEE)
    project.to_scoring()
    with project.moves() as moved:
        project.escrow.void(0b11, sender=aggregator)
    assert (moved["pot"], moved["due of owner"]) == (-(R + FEE), FEE)
    project.escrow.withdraw(owner, sender=owner)
    assert project.escrow.pot() == R + FEE + kept
    project.after_deadline()
    with project.moves() as moved:
        receipt = project.escrow.finish(sender=stranger)
    assert dict(project.events(receipt))["Ended"]["refunded"] == R + FEE + kept
    assert (moved["pot"], moved["due of owner"]) == (-(R + FEE + kept), R + FEE + kept + FEE)


def test_settle__what_a_round_leaves__keeps_apart_at_its_largest(create_project: Any, parties: Any) -> None:
    """Rate, the last settled round, pending fee, who earns it and rounding share a word."""
    amount, rate, seven = 2**96 - 1, 2**64 - 1, parties.trainers[4:11]
    project = create_project(
        rounds=256, rate=rate, round_reward=amount, round_fee=amount, aggregator_stake=amount,
        aggregators=[account.address for account in seven],
    )  # fmt: skip
    project.parties = replace(parties, aggregators=seven)
    for number in range(7):
        project.accept(number)
    project.take_turn(6)
    for seat in range(4):
        project.enrol(seat)
    for _ in range(254):
        project.after_deadline()
        project.escrow.fail(sender=parties.stranger)
    for settled in (255, 256):
        assert project.status.rate == rate
        project.to_scoring()
        project.answer([1, 1, 1, 1])
        events = dict(project.events(project.settle(number=6)))
        assert events["Settled"]["rounding"] == 3
        assert (project.escrow.last_settled(), project.escrow.pending(), project.status.rate) == (settled, amount, rate)
        if settled == 255:
            assert "Acknowledged" not in events
            assert project.escrow.pot() == 2 * amount + 3
    assert events["Acknowledged"] == {"aggregator": seven[6].address, "fee": amount}
    assert events["Ended"]["refunded"] == 6
    project.escrow.confirm(sender=parties.owner)
    assert (project.escrow.last_settled(), project.escrow.pending(), project.status.rate) == (256, 0, rate)
    assert project.due(seven[6]) == 3 * amount  # two fees and the stake
    project.check_books()

from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.escrow_driver import ProjectDriver

R, FEE, PART, STAKE = 1_000_003, 200_017, 50_021, 1_100_009


def test_fail__too_few_submitted__refunds_the_owner(collecting: ProjectDriver, stranger: Any, aggregator: Any) -> None:
    collecting.to_delivering([0, 1, 3])
    with collecting.moves() as moved:
        receipt = collecting.escrow.fail(sender=stranger)
    t = receipt.timestamp
    assert collecting.events(receipt) == [
        ("Failed", {"round": 0, "submitted": 0b1011, "delivered": 0, "refunded": R + FEE}),
        ("Missed", {"round": 0, "seats": 0b0100, "sunk": PART}),
        (
            "RoundStarted",
            {"round": 1, "collect_by": t + 300, "deliver_by": t + 700, "score_by": t + 1200, "rate": collecting.rate},
        ),
    ]
    assert moved == {
        "pot": -(R + FEE),
        "due of owner": R + FEE,
        "sunk": PART,
        "parts of trainer 2": -1,  # delivering never opened: who submitted has done its part
    }
    status = collecting.status
    assert (collecting.phase, status.round, status.current) == ("collecting", 1, aggregator.address)
    assert (status.active, status.submitted, status.delivered) == (0b1111, 0, 0)
    assert collecting.escrow.last_settled() == 0


def test_fail__too_few_delivered__those_who_did_lose_nothing(delivering: ProjectDriver, stranger: Any) -> None:
    delivering.to_scoring([1, 2, 3])
    assert delivering.phase == "failed"
    with delivering.moves() as moved:
        receipt = delivering.escrow.fail(sender=stranger)
    assert delivering.events(receipt)[:2] == [
        ("Failed", {"round": 0, "submitted": 0b1111, "delivered": 0b1110, "refunded": R + FEE}),
        ("Missed", {"round": 0, "seats": 0b0001, "sunk": PART}),
    ]
    assert moved == {"pot": -(R + FEE), "due of owner": R + FEE, "sunk": PART, "parts of trainer 0": -1}


def test_fail__nobody_is_left__misses_nobody(create_project: Any, stranger: Any) -> None:
    project = create_project().to_collecting()
    for trainer in project.parties.trainers[:4]:
        project.escrow.leave(sender=trainer)
    assert project.phase == "failed"
    with project.moves() as moved:
        receipt = project.escrow.fail(sender=stranger)
    assert [name for name, _ in project.events(receipt)] == ["Failed", "RoundStarted"]
    assert moved == {"pot": -(R + FEE), "due of owner": R + FEE}
    assert project.phase == "failed"  # and so to the end, round by round


def test_fail__too_few_submitted_with_a_fee_pending__is_forgone(
    second_round: ProjectDriver, stranger: Any, aggregator: Any
) -> None:
    """Too few could go on from the last aggregate: whoever withheld it isn't paid for it."""
    second_round.to_delivering([0, 1, 2])
    with second_round.moves() as moved:
        receipt = second_round.escrow.fail(sender=stranger)
    names = [name for name, _ in second_round.events(receipt)]
    assert names == ["Forgone", "Failed", "Missed", "RoundStarted"]
    assert second_round.events(receipt)[0][1] == {"aggregator": aggregator.address, "fee": FEE}
    assert (moved["pending"], moved["sunk"]) == (-FEE, FEE + PART)
    assert "due of aggregator 0" not in moved


def test_fail__too_few_delivered_with_a_fee_pending__is_earned(
    second_round: ProjectDriver, stranger: Any, aggregator: Any
) -> None:
    second_round.to_delivering().to_scoring([0, 1, 2])
    with second_round.moves() as moved:
        receipt = second_round.escrow.fail(sender=stranger)
    names = [name for name, _ in second_round.events(receipt)]
    assert names == ["Acknowledged", "Failed", "Missed", "RoundStarted"]
    assert second_round.events(receipt)[0][1] == {"aggregator": aggregator.address, "fee": FEE}
    assert (moved["pending"], moved["sunk"], moved["due of aggregator 0"]) == (-FEE, PART, FEE)


def test_fail__last_round__ends_the_project(create_project: Any, stranger: Any, aggregator: Any) -> None:
    project = create_project(rounds=1).to_collecting().to_delivering([0])
    with project.moves() as moved:
        receipt = project.escrow.fail(sender=stranger)
    assert project.events(receipt)[-1] == (
        "Ended",
        {"round": 1, "refunded": 0, "aggregator": aggregator.address, "returned": STAKE, "bond": FEE, "confirm_by": 0},
    )
    assert project.phase == "closed"
    assert moved["due of owner"] == R + FEE + FEE
    assert moved["due of aggregator 0"] == STAKE
    assert moved["stake"] == -STAKE


def test_fail__collecting_at_its_deadline__reverts(collecting: ProjectDriver, stranger: Any) -> None:
    collecting.at_deadline()
    with ape.reverts("escrow: round has not failed"):
        collecting.escrow.fail(sender=stranger)


def test_fail__collecting_after_its_deadline__works(collecting: ProjectDriver, stranger: Any) -> None:
    collecting.after_deadline()
    collecting.escrow.fail(sender=stranger)
    assert collecting.status.round == 1


def test_fail__delivering_at_its_deadline__reverts(delivering: ProjectDriver, stranger: Any) -> None:
    delivering.at_deadline()
    with ape.reverts("escrow: round has not failed"):
        delivering.escrow.fail(sender=stranger)


def test_fail__delivering_after_its_deadline__works(delivering: ProjectDriver, stranger: Any) -> None:
    delivering.after_deadline()
    delivering.escrow.fail(sender=stranger)
    assert delivering.status.round == 1


@pytest.mark.parametrize("seats", [range(3), range(4)], ids=["just enough", "all"])
def test_fail__enough_delivered__reverts(create_project: Any, stranger: Any, seats: range) -> None:
    project = create_project(min_rows=3, max_excluded=0).to_collecting().to_delivering().to_scoring(seats)
    with ape.reverts("escrow: round has not failed"):
        project.escrow.fail(sender=stranger)

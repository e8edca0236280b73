from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.escrow_driver import ProjectDriver, mask

R, FEE, PART, STAKE = 1_000_003, 200_017, 50_021, 1_100_009


@pytest.mark.parametrize("excluded", [[0, 1], [0, 2, 3], [0, 1, 2, 3]], ids=str)
def test_void__more_than_may_be_excluded__gives_the_round_up(
    scoring: ProjectDriver, aggregator: Any, excluded: list[int]
) -> None:
    penalty = len(excluded) * PART
    with scoring.moves() as moved:
        receipt = scoring.escrow.void(mask(excluded), sender=aggregator)
    assert scoring.events(receipt) == [
        (
            "Voided",
            {
                "round": 0,
                "aggregator": aggregator.address,
                "excluded": mask(excluded),
                "sunk": R + penalty,
                "returned": STAKE - penalty,
                "refunded": FEE,
            },
        ),
        ("Missed", {"round": 0, "seats": mask(excluded), "sunk": penalty}),
        ("Vacated", {"round": 1, "take_by": receipt.timestamp + scoring.score_window}),
    ]
    assert moved == {
        "pot": -(R + FEE),
        "stake": -STAKE,
        "due of aggregator 0": STAKE - penalty,
        "due of owner": FEE,
        "sunk": R + penalty + penalty,  # the reward, and a part from either side for each
        **{f"parts of trainer {seat}": -1 for seat in excluded},
    }


def test_void__more_rounds_to_come__next_waits_for_another_aggregator(scoring: ProjectDriver, aggregator: Any) -> None:
    receipt = scoring.escrow.void(0b11, sender=aggregator)
    status = scoring.status
    assert scoring.phase == "vacant"
    assert status.deadline == receipt.timestamp + scoring.score_window
    assert (status.round, status.submitted, status.delivered, status.in_scoring) == (1, 0, 0, False)
    assert (status.active, status.spent, status.current) == (0b1111, 0b01, "0x" + "00" * 20)
    assert scoring.escrow.last_settled() == 0


def test_void__fee_pending__is_earned(second_round: ProjectDriver, aggregator: Any) -> None:
    second_round.to_scoring()
    with second_round.moves() as moved:
        receipt = second_round.escrow.void(0b11, sender=aggregator)
    assert [name for name, _ in second_round.events(receipt)] == ["Acknowledged", "Voided", "Missed", "Vacated"]
    assert second_round.events(receipt)[0][1] == {"aggregator": aggregator.address, "fee": FEE}
    assert moved["due of aggregator 0"] == FEE + STAKE - 2 * PART
    assert moved["pending"] == -FEE


def test_void__last_round__closes_the_project(create_project: Any, aggregator: Any, trainers: list[Any]) -> None:
    project = create_project(rounds=1).to_collecting().to_scoring()
    with project.moves() as moved:
        receipt = project.escrow.void(0b11, sender=aggregator)
    assert project.events(receipt)[-1] == (
        "Ended",
        {"round": 1, "refunded": 0, "aggregator": "0x" + "00" * 20, "returned": 0, "bond": FEE, "confirm_by": 0},
    )
    assert project.phase == "closed"
    assert moved["due of owner"] == FEE + FEE  # of the round, and the bond
    assert moved["bond"] == -FEE


def test_void__some_missed_the_round__each_loses_a_part_once(create_project: Any, aggregator: Any) -> None:
    project = create_project(seats=6, min_rows=4).to_collecting()
    project.to_delivering(range(5)).to_scoring(range(4))
    with project.moves() as moved:
        receipt = project.escrow.void(0b11, sender=aggregator)
    assert project.events(receipt)[1] == ("Missed", {"round": 0, "seats": 0b110011, "sunk": 4 * PART})
    assert {name: amount for name, amount in moved.items() if name.startswith("parts")} == {
        f"parts of trainer {seat}": -1 for seat in (0, 1, 4, 5)
    }


def test_void__every_seat_at_the_smallest_stake__penalty_takes_all_of_it(create_project: Any, aggregator: Any) -> None:
    project = create_project(round_reward=200_000, trainer_part=50_000, aggregator_stake=200_000)
    project.to_collecting().to_scoring()
    receipt = project.escrow.void(0b1111, sender=aggregator)
    assert project.events(receipt)[0][1]["returned"] == 0
    assert project.due(aggregator) == 0
    project.check_books()


@pytest.mark.parametrize("excluded", [0, 0b1, 0b1000])
def test_void__no_more_than_may_be_excluded__reverts(scoring: ProjectDriver, aggregator: Any, excluded: int) -> None:
    with ape.reverts("escrow: too few excluded to void"):
        scoring.escrow.void(excluded, sender=aggregator)


def test_void__excluded_has_not_delivered__reverts(scoring: ProjectDriver, aggregator: Any) -> None:
    with ape.reverts("escrow: excluded has not delivered"):
        scoring.escrow.void(0b10011, sender=aggregator)


def test_void__not_the_current__reverts(scoring: ProjectDriver, stranger: Any, owner: Any) -> None:
    for sender in (stranger, owner, scoring.parties.aggregators[1]):
        with ape.reverts("escrow: not the current aggregator"):
            scoring.escrow.void(0b11, sender=sender)


def test_void__at_the_deadline__works(scoring: ProjectDriver, aggregator: Any) -> None:
    scoring.at_deadline()
    scoring.escrow.void(0b11, sender=aggregator)
    assert scoring.phase == "vacant"


def test_void__after_the_deadline__reverts(scoring: ProjectDriver, aggregator: Any) -> None:
    scoring.after_deadline()
    with ape.reverts("escrow: too late to score"):
        scoring.escrow.void(0b11, sender=aggregator)

from __future__ import annotations

from typing import Any

import ape

from tests.escrow_driver import ProjectDriver

R, FEE, PART, STAKE = 1_000_003, 200_017, 50_021, 1_100_009
NOBODY = "0x" + "00" * 20
FUNDS = 3 * (R + FEE)


def check_finishes(project: ProjectDriver, *, current: bool, round_: int = 0, left: int = FUNDS) -> None:
    """Whatever is left of the pot goes to the owner with the bond, the stake to the current aggregator."""
    aggregator = project.parties.aggregators[0]
    with project.moves() as moved:
        receipt = project.escrow.finish(sender=project.parties.stranger)
    assert project.events(receipt) == [
        (
            "Ended",
            {
                "round": round_,
                "refunded": left,
                "aggregator": aggregator.address if current else NOBODY,
                "returned": STAKE if current else 0,
                "bond": FEE,
                "confirm_by": 0,
            },
        )
    ]
    expected = {"pot": -left, "bond": -FEE, "due of owner": left + FEE}
    expected |= {"stake": -STAKE, "due of aggregator 0": STAKE} if current else {}
    assert moved == {name: amount for name, amount in expected.items() if amount}
    assert project.phase == "closed"
    assert project.status.current == NOBODY


def check_goes_on(project: ProjectDriver) -> None:
    with ape.reverts("escrow: project can go on"):
        project.escrow.finish(sender=project.parties.stranger)


def test_finish__nobody_took_the_turn__after_the_accepting_deadline(accepting: ProjectDriver) -> None:
    accepting.accept()
    accepting.after_deadline()
    check_finishes(accepting, current=False)


def test_finish__nobody_took_the_turn__not_at_the_deadline(accepting: ProjectDriver) -> None:
    accepting.at_deadline()
    check_goes_on(accepting)


def test_finish__turn_is_taken__not_after_the_accepting_deadline(accepting: ProjectDriver) -> None:
    accepting.to_enrolling()
    accepting.after_deadline()
    check_goes_on(accepting)


def test_finish__nobody_enrolled__after_the_enrolment_deadline(accepting: ProjectDriver) -> None:
    """The stored state is still accepting."""
    created = accepting.status.deadline - accepting.accept_window
    accepting.to_enrolling()
    accepting.at(created + 3_001)
    check_finishes(accepting, current=True)


def test_finish__nobody_enrolled__not_at_the_enrolment_deadline(accepting: ProjectDriver) -> None:
    created = accepting.status.deadline - accepting.accept_window
    accepting.to_enrolling()
    accepting.at(created + 3_000)
    check_goes_on(accepting)


def test_finish__too_few_enrolled__after_the_deadline(enrolling: ProjectDriver) -> None:
    enrolling.enrol(2)
    enrolling.after_deadline()
    check_finishes(enrolling, current=True)
    assert [enrolling.parts(trainer) for trainer in enrolling.parties.trainers[:3]] == [3] * 3


def test_finish__too_few_enrolled__not_at_the_deadline(enrolling: ProjectDriver) -> None:
    enrolling.at_deadline()
    check_goes_on(enrolling)


def test_finish__enough_enrolled__not_after_the_deadline(create_project: Any) -> None:
    """The project is to be started instead."""
    project = create_project(min_rows=3, max_excluded=0).to_enrolling()
    for seat in range(3):
        project.enrol(seat)
    project.after_deadline()
    check_goes_on(project)


def test_finish__vacant_before_a_round__after_the_deadline(scoring: ProjectDriver, aggregator: Any) -> None:
    scoring.escrow.void(0b11, sender=aggregator)
    scoring.after_deadline()
    check_finishes(scoring, current=False, round_=1, left=2 * (R + FEE))


def test_finish__vacant_before_a_round__not_at_the_deadline(scoring: ProjectDriver, aggregator: Any) -> None:
    scoring.escrow.void(0b11, sender=aggregator)
    scoring.at_deadline()
    check_goes_on(scoring)


def test_finish__vacant_in_scoring__not_at_the_deadline(scoring: ProjectDriver, stranger: Any) -> None:
    """After it: test_slash__not_taken_over__owner_gets_the_round_back."""
    scoring.after_deadline()
    scoring.escrow.slash(sender=stranger)
    scoring.at_deadline()
    check_goes_on(scoring)


def test_finish__too_few_are_left__at_once(collecting: ProjectDriver, trainers: list[Any]) -> None:
    collecting.submit(1)
    check_goes_on(collecting)
    collecting.escrow.leave(sender=trainers[0])
    check_finishes(collecting, current=True)


def test_finish__enough_are_left__reverts(create_project: Any, trainers: list[Any]) -> None:
    project = create_project(min_rows=3, max_excluded=0).to_collecting()
    project.escrow.leave(sender=trainers[0])
    check_goes_on(project)


def test_finish__too_few_are_left_and_a_fee_pending__opens_the_handover(
    second_round: ProjectDriver, trainers: list[Any], stranger: Any, aggregator: Any
) -> None:
    second_round.escrow.leave(sender=trainers[0])
    left = 2 * (R + FEE) + R - sum(R * share // 10 for share in (1, 2, 3, 4))
    with second_round.moves() as moved:
        receipt = second_round.escrow.finish(sender=stranger)
    confirm_by = receipt.timestamp + second_round.handover_window
    assert second_round.events(receipt) == [
        (
            "Ended",
            {
                "round": 1,
                "refunded": left,
                "aggregator": aggregator.address,
                "returned": STAKE,
                "bond": 0,
                "confirm_by": confirm_by,
            },
        )
    ]
    assert moved == {
        "pot": -left,
        "due of owner": left,
        "stake": -STAKE,
        "due of aggregator 0": STAKE,
    }
    assert (second_round.phase, second_round.status.deadline) == ("handover", confirm_by)


def test_finish__delivering__reverts(delivering: ProjectDriver) -> None:
    check_goes_on(delivering)


def test_finish__scoring__reverts(scoring: ProjectDriver) -> None:
    check_goes_on(scoring)
    scoring.after_deadline()
    check_goes_on(scoring)


def test_finish__failed_round__reverts(collecting: ProjectDriver, trainers: list[Any]) -> None:
    """Even with too few left: the round is to be failed first."""
    collecting.escrow.leave(sender=trainers[0])
    collecting.after_deadline()
    check_goes_on(collecting)

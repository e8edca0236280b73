from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.escrow_driver import ProjectDriver, mask

PART = 50_021


def test_leave__first_round__forfeits_one_part(collecting: ProjectDriver, trainers: list[Any]) -> None:
    with collecting.moves() as moved:
        receipt = collecting.escrow.leave(sender=trainers[1])
    assert collecting.events(receipt) == [
        ("Left", {"trainer": trainers[1].address, "round": 0, "seat": 1, "returned": 2 * PART, "forfeited": PART})
    ]
    assert moved == {"due of trainer 1": 2 * PART, "parts of trainer 1": -3, "sunk": PART}
    assert collecting.status.active == 0b1101
    assert collecting.escrow.account_of(trainers[1]).seat == 2  # an account has one seat, for good


def test_leave__after_a_settled_round__forfeits_one_part(second_round: ProjectDriver, trainers: list[Any]) -> None:
    with second_round.moves() as moved:
        receipt = second_round.escrow.leave(sender=trainers[0])
    assert second_round.events(receipt) == [
        ("Left", {"trainer": trainers[0].address, "round": 1, "seat": 0, "returned": 2 * PART, "forfeited": PART})
    ]
    assert moved == {"due of trainer 0": 2 * PART, "parts of trainer 0": -3, "sunk": PART}


@pytest.mark.parametrize(("seat", "parts"), [(1, 3), (3, 2)], ids=["did its part", "missed the round"])
def test_leave__after_a_failed_round__is_free(collecting: ProjectDriver, stranger: Any, seat: int, parts: int) -> None:
    """All that is left comes back; a part lost for a round missed is not among it."""
    collecting.to_delivering([0, 1, 2])
    collecting.escrow.fail(sender=stranger)
    check_leaves_free(collecting, seat, parts)


@pytest.mark.parametrize(("seat", "parts"), [(1, 2), (3, 3)], ids=["excluded", "did its part"])
def test_leave__after_a_voided_round__is_free(collecting: ProjectDriver, seat: int, parts: int) -> None:
    collecting.to_scoring()
    collecting.escrow.void(mask([0, 1]), sender=collecting.parties.aggregators[0])
    collecting.take_turn(1)
    check_leaves_free(collecting, seat, parts)


def check_leaves_free(project: ProjectDriver, seat: int, parts: int) -> None:
    trainer = project.parties.trainers[seat]
    with project.moves() as moved:
        receipt = project.escrow.leave(sender=trainer)
    assert project.events(receipt) == [
        ("Left", {"trainer": trainer.address, "round": 1, "seat": seat, "returned": parts * PART, "forfeited": 0})
    ]
    assert moved == {f"due of trainer {seat}": parts * PART, f"parts of trainer {seat}": -parts}


@pytest.mark.parametrize(("min_rows", "phase"), [(3, "delivering"), (4, "failed")])
def test_leave__last_who_had_not_submitted__ends_collecting(create_project: Any, min_rows: int, phase: str) -> None:
    project = create_project(min_rows=min_rows, max_excluded=0).to_collecting()
    for seat in range(3):
        project.submit(seat)
    project.escrow.leave(sender=project.parties.trainers[3])
    assert project.phase == phase


def test_leave__submitted__reverts(collecting: ProjectDriver, trainers: list[Any]) -> None:
    collecting.submit(0)
    with ape.reverts("escrow: submitted already"):
        collecting.escrow.leave(sender=trainers[0])


def test_leave__twice__reverts(collecting: ProjectDriver, trainers: list[Any]) -> None:
    collecting.escrow.leave(sender=trainers[0])
    with ape.reverts("escrow: seat is given up"):
        collecting.escrow.leave(sender=trainers[0])


def test_leave__not_enrolled__reverts(collecting: ProjectDriver, stranger: Any) -> None:
    with ape.reverts("escrow: not enrolled"):
        collecting.escrow.leave(sender=stranger)


def test_leave__at_the_deadline__works(collecting: ProjectDriver, trainers: list[Any]) -> None:
    collecting.at_deadline()
    collecting.escrow.leave(sender=trainers[0])
    assert collecting.status.active == 0b1110


def test_leave__after_the_deadline__reverts(collecting: ProjectDriver, trainers: list[Any]) -> None:
    collecting.after_deadline()
    with ape.reverts("escrow: not collecting"):
        collecting.escrow.leave(sender=trainers[0])


def test_leave__then_enrol_again__reverts(collecting: ProjectDriver, trainers: list[Any]) -> None:
    collecting.escrow.leave(sender=trainers[0])
    with ape.reverts("escrow: not enrolling"):
        collecting.escrow.enrol(b"\x01" * 32, sender=trainers[0])

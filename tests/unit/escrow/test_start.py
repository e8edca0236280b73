from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.escrow_driver import ProjectDriver


@pytest.fixture(scope="module")
def enough(create_project: Any) -> ProjectDriver:
    """Three of four seats are taken, and three rows are enough."""
    project = create_project(min_rows=3, max_excluded=0).to_enrolling()
    for seat in range(3):
        project.enrol(seat)
    return project


def test_start__after_the_deadline_with_enough__starts_the_first_round(enough: ProjectDriver, stranger: Any) -> None:
    enough.after_deadline()
    with enough.moves() as moved:
        receipt = enough.escrow.start(sender=stranger)
    t = receipt.timestamp
    assert enough.events(receipt) == [
        (
            "RoundStarted",
            {"round": 0, "collect_by": t + 300, "deliver_by": t + 700, "score_by": t + 1200, "rate": enough.rate},
        )
    ]
    assert moved == {}
    assert enough.phase == "collecting"
    assert enough.status.active == 0b111


def test_start__at_the_deadline__reverts(enough: ProjectDriver, stranger: Any) -> None:
    enough.at_deadline()
    with ape.reverts("escrow: too early to start"):
        enough.escrow.start(sender=stranger)


def test_start__too_few__reverts(enrolling: ProjectDriver, stranger: Any) -> None:
    enrolling.enrol(2)
    enrolling.after_deadline()
    with ape.reverts("escrow: too few trainers"):
        enrolling.escrow.start(sender=stranger)


def test_start__twice__reverts(enough: ProjectDriver, stranger: Any) -> None:
    enough.after_deadline()
    enough.escrow.start(sender=stranger)
    with ape.reverts("escrow: not enrolling"):
        enough.escrow.start(sender=stranger)

from __future__ import annotations

from typing import Any

import ape

from tests.escrow_driver import ProjectDriver

FEE = 200_017


def test_reject__owner_in_time__costs_both_one_fee(handover: ProjectDriver, owner: Any, aggregator: Any) -> None:
    with handover.moves() as moved:
        receipt = handover.escrow.reject(sender=owner)
    assert handover.events(receipt) == [
        ("Forgone", {"aggregator": aggregator.address, "fee": FEE}),
        ("Rejected", {"sunk": 2 * FEE}),
    ]
    assert moved == {"pending": -FEE, "bond": -FEE, "sunk": 2 * FEE}
    assert handover.phase == "closed"


def test_reject__fee_reduced_by_exclusions__sinks_what_was_pending(create_project: Any, owner: Any) -> None:
    project = create_project(rounds=1).to_collecting().to_scoring()
    project.settle([2])
    with project.moves() as moved:
        receipt = project.escrow.reject(sender=owner)
    left = FEE - project.trainer_part
    assert project.events(receipt)[1] == ("Rejected", {"sunk": left + FEE})
    assert moved == {"pending": -left, "bond": -FEE, "sunk": left + FEE}


def test_reject__not_the_owner__reverts(handover: ProjectDriver, stranger: Any, aggregator: Any) -> None:
    for sender in (stranger, aggregator, handover.parties.trainers[0]):
        with ape.reverts("escrow: not the owner"):
            handover.escrow.reject(sender=sender)


def test_reject__at_the_deadline__works(handover: ProjectDriver, owner: Any) -> None:
    handover.at_deadline()
    handover.escrow.reject(sender=owner)
    assert handover.phase == "closed"


def test_reject__after_the_deadline__reverts(handover: ProjectDriver, owner: Any) -> None:
    handover.after_deadline()
    with ape.reverts("escrow: too late to reject"):
        handover.escrow.reject(sender=owner)


def test_reject__confirmed__reverts(handover: ProjectDriver, owner: Any) -> None:
    handover.escrow.confirm(sender=owner)
    with ape.reverts("escrow: not in handover"):
        handover.escrow.reject(sender=owner)

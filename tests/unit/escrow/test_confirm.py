from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.escrow_driver import ProjectDriver

FEE = 200_017


@pytest.mark.parametrize("who", ["owner", "anyone"])
def test_confirm__in_time_for_the_sender__pays_fee_and_bond(
    handover: ProjectDriver, owner: Any, stranger: Any, aggregator: Any, who: str
) -> None:
    sender = owner
    if who == "anyone":
        handover.after_deadline()
        sender = stranger
    with handover.moves() as moved:
        receipt = handover.escrow.confirm(sender=sender)
    assert handover.events(receipt) == [
        ("Acknowledged", {"aggregator": aggregator.address, "fee": FEE}),
        ("Confirmed", {"sender": sender.address, "bond": FEE}),
    ]
    assert moved == {"pending": -FEE, "due of aggregator 0": FEE, "bond": -FEE, "due of owner": FEE}
    assert handover.phase == "closed"


def test_confirm__owner_after_the_deadline__works(handover: ProjectDriver, owner: Any) -> None:
    handover.after_deadline()
    handover.escrow.confirm(sender=owner)
    assert handover.phase == "closed"


def test_confirm__anyone_at_the_deadline__reverts(handover: ProjectDriver, stranger: Any, aggregator: Any) -> None:
    for sender in (stranger, aggregator):
        with ape.reverts("escrow: handover not over"):
            handover.escrow.confirm(sender=sender)
    handover.at_deadline()
    with ape.reverts("escrow: handover not over"):
        handover.escrow.confirm(sender=stranger)


def test_confirm__twice__reverts(handover: ProjectDriver, owner: Any) -> None:
    handover.escrow.confirm(sender=owner)
    with ape.reverts("escrow: not in handover"):
        handover.escrow.confirm(sender=owner)


def test_confirm__settled_by_another_than_the_first__pays_whoever_settled(create_project: Any, owner: Any) -> None:
    project = create_project(rounds=1).to_collecting().to_scoring()
    project.after_deadline()
    project.escrow.slash(sender=owner)
    project.take_turn(1)
    project.settle(number=1)
    with project.moves() as moved:
        project.escrow.confirm(sender=owner)
    assert moved["due of aggregator 1"] == FEE

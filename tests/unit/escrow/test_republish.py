from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.escrow_driver import ProjectDriver

CID = b"\x0d" * 32


@pytest.mark.parametrize("who", ["who settled", "standby", "trainer", "trainer that left"])
def test_republish__settled_round__says_so_and_moves_nothing(second_round: ProjectDriver, who: str) -> None:
    (settler, standby, *_), trainer = second_round.parties.aggregators, second_round.parties.trainers[3]
    sender = {"who settled": settler, "standby": standby}.get(who, trainer)
    if who == "trainer that left":
        second_round.escrow.leave(sender=trainer)
    with second_round.moves() as moved:
        receipt = second_round.escrow.republish(0, CID, sender=sender)
    assert second_round.events(receipt) == [("Republished", {"round": 0, "by": sender.address, "cid": CID})]
    assert moved == {}


def test_republish__closed_project__works(handover: ProjectDriver, aggregator: Any, owner: Any) -> None:
    handover.escrow.confirm(sender=owner)
    receipt = handover.escrow.republish(0, CID, sender=aggregator)
    assert len(handover.events(receipt)) == 1


@pytest.mark.parametrize("round_", [1, 2, 255, 256, 2**16, 2**256 - 1])
def test_republish__round_not_settled__reverts(second_round: ProjectDriver, aggregator: Any, round_: int) -> None:
    with ape.reverts("escrow: round not settled"):
        second_round.escrow.republish(round_, CID, sender=aggregator)


def test_republish__voided_round__reverts(scoring: ProjectDriver, aggregator: Any) -> None:
    scoring.escrow.void(0b11, sender=aggregator)
    with ape.reverts("escrow: round not settled"):
        scoring.escrow.republish(0, CID, sender=aggregator)


def test_republish__not_listed__reverts(second_round: ProjectDriver, stranger: Any, owner: Any) -> None:
    for sender in (stranger, owner):
        with ape.reverts("escrow: not a listed aggregator"):
            second_round.escrow.republish(0, CID, sender=sender)


def test_republish__listed_but_not_accepted__reverts(create_project: Any) -> None:
    project = create_project()
    project.accept(0)
    project.take_turn(0)
    project.after_deadline()
    project.chain.mine()
    for seat in range(4):
        project.enrol(seat)
    project.round([1, 1, 1, 1])
    with ape.reverts("escrow: not accepted"):
        project.escrow.republish(0, CID, sender=project.parties.aggregators[1])


def test_republish__no_cid__reverts(second_round: ProjectDriver, aggregator: Any) -> None:
    with ape.reverts("escrow: no cid"):
        second_round.escrow.republish(0, b"\x00" * 32, sender=aggregator)

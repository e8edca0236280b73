from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.escrow_driver import ProjectDriver

CID = b"\x0e" * 32


@pytest.mark.parametrize("role", ["owner", "aggregator", "standby"])
def test_release__by_the_owner_or_an_accepted_aggregator__says_so_and_moves_nothing(
    second_round: ProjectDriver, role: str
) -> None:
    parties = second_round.parties
    sender = {"owner": parties.owner, "aggregator": parties.aggregators[0], "standby": parties.aggregators[1]}[role]
    with second_round.moves() as moved:
        receipt = second_round.escrow.release(CID, sender=sender)
    assert second_round.events(receipt) == [("Released", {"by": sender.address, "cid": CID})]
    assert moved == {}


def test_release__before_anyone_has_accepted__only_by_the_owner(create_project: Any, owner: Any) -> None:
    project = create_project()
    assert len(project.events(project.escrow.release(CID, sender=owner))) == 1
    with ape.reverts("escrow: not accepted"):
        project.escrow.release(CID, sender=project.parties.aggregators[0])


def test_release__by_anyone_else__reverts(second_round: ProjectDriver, stranger: Any) -> None:
    for sender in (stranger, second_round.parties.trainers[0]):
        with ape.reverts("escrow: not a listed aggregator"):
            second_round.escrow.release(CID, sender=sender)


def test_release__no_cid__reverts(second_round: ProjectDriver, owner: Any) -> None:
    with ape.reverts("escrow: no cid"):
        second_round.escrow.release(b"\x00" * 32, sender=owner)

from __future__ import annotations

from typing import Any

import ape

from tests.escrow_driver import ProjectDriver

HASH = b"\x09" * 32


def test_submit__first__records_the_hash_alone(collecting: ProjectDriver, trainers: list[Any]) -> None:
    with collecting.moves() as moved:
        receipt = collecting.escrow.submit(HASH, sender=trainers[2])
    assert collecting.events(receipt) == [
        ("Submitted", {"round": 0, "trainer": trainers[2].address, "seat": 2, "hash": HASH})
    ]
    assert moved == {}
    assert collecting.escrow.hashes(2) == HASH
    assert collecting.status.submitted == 0b0100
    assert collecting.phase == "collecting"


def test_submit__last__opens_delivering_early(collecting: ProjectDriver) -> None:
    for seat in range(4):
        assert collecting.phase == "collecting"
        collecting.submit(seat)
    assert collecting.phase == "delivering"


def test_submit__next_round__overwrites_the_hash(second_round: ProjectDriver, trainers: list[Any]) -> None:
    receipt = second_round.escrow.submit(HASH, sender=trainers[0])
    assert second_round.events(receipt)[0][1]["round"] == 1
    assert second_round.escrow.hashes(0) == HASH
    assert second_round.status.submitted == 0b0001


def test_submit__twice__reverts(collecting: ProjectDriver, trainers: list[Any]) -> None:
    collecting.escrow.submit(HASH, sender=trainers[0])
    with ape.reverts("escrow: submitted already"):
        collecting.escrow.submit(b"\x08" * 32, sender=trainers[0])
    assert collecting.escrow.hashes(0) == HASH


def test_submit__no_hash__reverts(collecting: ProjectDriver, trainers: list[Any]) -> None:
    with ape.reverts("escrow: no hash"):
        collecting.escrow.submit(b"\x00" * 32, sender=trainers[0])


def test_submit__not_enrolled__reverts(collecting: ProjectDriver, stranger: Any, aggregator: Any) -> None:
    for account in (stranger, aggregator):
        with ape.reverts("escrow: not enrolled"):
            collecting.escrow.submit(HASH, sender=account)


def test_submit__seat_given_up__reverts(collecting: ProjectDriver, trainers: list[Any]) -> None:
    collecting.escrow.leave(sender=trainers[0])
    with ape.reverts("escrow: seat is given up"):
        collecting.escrow.submit(HASH, sender=trainers[0])


def test_submit__at_the_deadline__works(collecting: ProjectDriver, trainers: list[Any]) -> None:
    collecting.at_deadline()
    collecting.escrow.submit(HASH, sender=trainers[0])
    assert collecting.status.submitted == 0b1


def test_submit__after_the_deadline__reverts(collecting: ProjectDriver, trainers: list[Any]) -> None:
    collecting.after_deadline()
    with ape.reverts("escrow: not collecting"):
        collecting.escrow.submit(HASH, sender=trainers[0])

from __future__ import annotations

from typing import Any

import ape

from tests.escrow_driver import ProjectDriver

KEY = b"\x07" * 32


def test_accept__listed__freezes_key(accepting: ProjectDriver, aggregator: Any) -> None:
    with accepting.moves() as moved:
        receipt = accepting.escrow.accept(KEY, sender=aggregator)
    assert accepting.events(receipt) == [("Accepted", {"aggregator": aggregator.address, "key": KEY})]
    assert accepting.escrow.sealing_keys(aggregator) == KEY
    assert accepting.status.accepted == 0b01
    assert moved == {}


def test_accept__second_of_the_list__sets_its_bit(accepting: ProjectDriver) -> None:
    accepting.accept(1)
    assert accepting.status.accepted == 0b10
    accepting.accept(0)
    assert accepting.status.accepted == 0b11


def test_accept__not_listed__reverts(accepting: ProjectDriver, stranger: Any) -> None:
    for account in (stranger, accepting.parties.aggregators[2], accepting.parties.owner):
        with ape.reverts("escrow: not a listed aggregator"):
            accepting.escrow.accept(KEY, sender=account)


def test_accept__twice__reverts_and_keeps_the_key(accepting: ProjectDriver, aggregator: Any) -> None:
    accepting.escrow.accept(KEY, sender=aggregator)
    with ape.reverts("escrow: accepted already"):
        accepting.escrow.accept(b"\x08" * 32, sender=aggregator)
    assert accepting.escrow.sealing_keys(aggregator) == KEY


def test_accept__no_key__reverts(accepting: ProjectDriver, aggregator: Any) -> None:
    with ape.reverts("escrow: no key"):
        accepting.escrow.accept(b"\x00" * 32, sender=aggregator)


def test_accept__at_the_deadline__works(accepting: ProjectDriver) -> None:
    accepting.at_deadline()
    accepting.accept()
    assert accepting.status.accepted == 1


def test_accept__after_the_deadline__reverts(accepting: ProjectDriver, aggregator: Any) -> None:
    accepting.after_deadline()
    with ape.reverts("escrow: too late to accept"):
        accepting.escrow.accept(KEY, sender=aggregator)


def test_accept__after_the_turn_is_taken__works(accepting: ProjectDriver) -> None:
    accepting.accept(0)
    accepting.take_turn(0)
    accepting.accept(1)
    assert accepting.status.accepted == 0b11

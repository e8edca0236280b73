from __future__ import annotations

from typing import Any

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak
from py_ecc.optimized_bn128 import field_modulus as P

from tests.escrow_driver import ProjectDriver

CID = b"\x05" * 32


def submitted(project: ProjectDriver, commitments: dict[int, tuple[int, int]]) -> ProjectDriver:
    """Everyone submits, these seats something else than the generator."""
    for seat in range(project.seats):
        trainer = project.parties.trainers[seat]
        project.escrow.submit(project.hash_of(seat, commitment=commitments.get(seat)), sender=trainer)
    return project


def test_deliver__what_was_submitted__tells_all_and_stores_the_bit(
    delivering: ProjectDriver, trainers: list[Any]
) -> None:
    with delivering.moves() as moved:
        receipt = delivering.escrow.deliver((1, 2), CID, sender=trainers[1])
    assert delivering.events(receipt) == [
        ("Delivered", {"round": 0, "trainer": trainers[1].address, "seat": 1, "commitment": [1, 2], "cid": CID})
    ]
    assert moved == {}
    assert delivering.status.delivered == 0b0010
    assert delivering.phase == "delivering"


def test_deliver__last__opens_scoring_early(delivering: ProjectDriver) -> None:
    for seat in range(4):
        assert delivering.phase == "delivering"
        delivering.deliver(seat)
    assert delivering.phase == "scoring"


def test_deliver__another_point__reverts(delivering: ProjectDriver, trainers: list[Any]) -> None:
    with ape.reverts("escrow: wrong commitment"):
        delivering.escrow.deliver((1, P - 2), CID, sender=trainers[0])


@pytest.mark.parametrize("part", ["chain id", "escrow", "round", "sender"])
def test_deliver__hash_of_another_context__reverts(collecting: ProjectDriver, part: str) -> None:
    """Each part of the preimage counts: a hash copied from another chain, project, round or trainer can't be opened."""
    trainers = collecting.parties.trainers
    values = {
        "chain id": collecting.chain.chain_id,
        "escrow": collecting.escrow.address,
        "round": 0,
        "sender": trainers[0].address,
    }
    wrong = {"chain id": 1, "escrow": collecting.token.address, "round": 1, "sender": trainers[1].address}
    values[part] = wrong[part]
    types = ["uint256", "address", "uint256", "address", "uint256[2]"]
    copied = keccak(encode(types, [*values.values(), (1, 2)]))
    for seat in range(4):
        collecting.escrow.submit(copied if seat == 0 else collecting.hash_of(seat), sender=trainers[seat])
    with ape.reverts("escrow: wrong commitment"):
        collecting.escrow.deliver((1, 2), CID, sender=trainers[0])


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ((0, 0), "escrow: commitment is the identity"),
        ((1, 3), "bn254: not on the curve"),
        ((0, 2), "bn254: not on the curve"),
        ((1 + P, 2), "bn254: coordinate not canonical"),
        ((1, 2 + P), "bn254: coordinate not canonical"),
        ((2**256 - 1, 2**256 - 1), "bn254: coordinate not canonical"),
    ],
)
def test_deliver__no_point__reverts(collecting: ProjectDriver, point: tuple[int, int], message: str) -> None:
    submitted(collecting, {0: point})
    with ape.reverts(message):
        collecting.escrow.deliver(point, CID, sender=collecting.parties.trainers[0])
    assert collecting.status.delivered == 0


@pytest.mark.parametrize("point", [(1, P - 2), (1, 2)])
def test_deliver__a_point__works(collecting: ProjectDriver, point: tuple[int, int]) -> None:
    submitted(collecting, {0: point})
    collecting.escrow.deliver(point, CID, sender=collecting.parties.trainers[0])
    assert collecting.status.delivered == 0b1


def test_deliver__no_cid__reverts(delivering: ProjectDriver, trainers: list[Any]) -> None:
    with ape.reverts("escrow: no cid"):
        delivering.escrow.deliver((1, 2), b"\x00" * 32, sender=trainers[0])


def test_deliver__twice__reverts(delivering: ProjectDriver, trainers: list[Any]) -> None:
    delivering.deliver(0)
    with ape.reverts("escrow: delivered already"):
        delivering.escrow.deliver((1, 2), CID, sender=trainers[0])


def test_deliver__not_enrolled__reverts(delivering: ProjectDriver, stranger: Any) -> None:
    with ape.reverts("escrow: not enrolled"):
        delivering.escrow.deliver((1, 2), CID, sender=stranger)


def test_deliver__nothing_submitted__reverts(create_project: Any, trainers: list[Any]) -> None:
    """Not even what it submitted to the round before."""
    project = create_project(min_rows=3, max_excluded=0).to_collecting()
    project.round([1, 1, 1, 1])
    project.to_delivering([0, 1, 2])
    with ape.reverts("escrow: nothing submitted"):
        project.escrow.deliver((1, 2), CID, sender=trainers[3])


def test_deliver__at_the_deadline__works(delivering: ProjectDriver, trainers: list[Any]) -> None:
    delivering.at_deadline()
    delivering.escrow.deliver((1, 2), CID, sender=trainers[0])
    assert delivering.status.delivered == 0b1


def test_deliver__after_the_deadline__reverts(delivering: ProjectDriver, trainers: list[Any]) -> None:
    for seat in range(3):
        delivering.deliver(seat)
    delivering.after_deadline()
    with ape.reverts("escrow: not delivering"):
        delivering.escrow.deliver((1, 2), CID, sender=trainers[3])

from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.escrow_driver import ProjectDriver

KEY = b"\x07" * 32


def test_enrol__first__takes_seat_and_stake(create_project: Any, trainers: list[Any]) -> None:
    project = create_project().to_enrolling()
    project.fund(trainers[0], stake := 3 * 50_021)
    with project.moves() as moved:
        receipt = project.escrow.enrol(KEY, sender=trainers[0])
    assert project.events(receipt) == [
        ("Enrolled", {"trainer": trainers[0].address, "seat": 0, "key": KEY, "stake": stake})
    ]
    assert moved == {"parts of trainer 0": 3, "tokens": stake}
    assert project.token.balanceOf(trainers[0]) == 0
    assert project.phase == "enrolling"
    assert project.status.active == 0b1
    assert project.escrow.members(0) == trainers[0]
    assert project.escrow.account_of(trainers[0]).seat == 1
    assert project.escrow.sealing_keys(trainers[0]) == KEY


def test_enrol__next__takes_the_next_seat(enrolling: ProjectDriver, trainers: list[Any]) -> None:
    enrolling.enrol(2)
    assert enrolling.status.active == 0b111
    assert [enrolling.escrow.members(i) for i in range(4)] == [*trainers[:3], "0x" + "00" * 20]
    assert enrolling.phase == "enrolling"


def test_enrol__last_seat__starts_the_first_round(enrolling: ProjectDriver, trainers: list[Any]) -> None:
    enrolling.enrol(2)
    receipt = enrolling.enrol(3)
    t = receipt.timestamp
    enrolled, started = enrolling.events(receipt)
    assert (enrolled[0], enrolled[1]["seat"], enrolled[1]["trainer"]) == ("Enrolled", 3, trainers[3].address)
    assert started == (
        "RoundStarted",
        {"round": 0, "collect_by": t + 300, "deliver_by": t + 700, "score_by": t + 1200, "rate": enrolling.rate},
    )
    assert enrolling.phase == "collecting"
    assert enrolling.status.active == 0b1111


def test_enrol__twice__reverts(enrolling: ProjectDriver) -> None:
    with ape.reverts("escrow: enrolled already"):
        enrolling.enrol(0)


def test_enrol__no_key__reverts(enrolling: ProjectDriver, trainers: list[Any]) -> None:
    with ape.reverts("escrow: no key"):
        enrolling.escrow.enrol(b"\x00" * 32, sender=trainers[2])


def test_enrol__one_short__reverts(enrolling: ProjectDriver, trainers: list[Any]) -> None:
    enrolling.fund(trainers[2], 3 * enrolling.trainer_part - 1)
    with ape.reverts("token: not approved"):
        enrolling.escrow.enrol(KEY, sender=trainers[2])
    assert enrolling.status.active == 0b11


def test_enrol__nobody_has_the_turn__reverts(create_project: Any) -> None:
    project = create_project()
    project.accept(0)
    project.accept(1)
    with ape.reverts("escrow: no aggregator"):
        project.enrol(0)


def test_enrol__not_all_have_accepted__reverts_until_the_deadline(create_project: Any) -> None:
    project = create_project()
    project.accept(0)
    project.take_turn(0)
    project.fund(project.parties.trainers[0], 3 * project.trainer_part)
    project.at_deadline()
    with ape.reverts("escrow: still accepting"):
        project.escrow.enrol(KEY, sender=project.parties.trainers[0])


def test_enrol__after_the_accepting_deadline__needs_no_further_acceptance(create_project: Any) -> None:
    project = create_project()
    project.accept(0)
    project.take_turn(0)
    project.fund(project.parties.trainers[0], 3 * project.trainer_part)
    project.after_deadline()
    project.escrow.enrol(KEY, sender=project.parties.trainers[0])
    assert project.phase == "enrolling"


def test_enrol__at_the_deadline__works(enrolling: ProjectDriver, trainers: list[Any]) -> None:
    enrolling.fund(trainers[2], 3 * enrolling.trainer_part)
    enrolling.at_deadline()
    enrolling.escrow.enrol(KEY, sender=trainers[2])
    assert enrolling.status.active == 0b111


def test_enrol__after_the_deadline__reverts(enrolling: ProjectDriver, trainers: list[Any]) -> None:
    enrolling.fund(trainers[2], 3 * enrolling.trainer_part)
    enrolling.after_deadline()
    with ape.reverts("escrow: too late to enrol"):
        enrolling.escrow.enrol(KEY, sender=trainers[2])


def test_enrol__after_the_deadline_while_still_accepting__reverts(create_project: Any) -> None:
    """Nobody has enrolled, so the stored state is still accepting: the enrolment deadline holds all the same."""
    project = create_project().to_enrolling()
    project.fund(project.parties.trainers[0], 3 * project.trainer_part)
    project.at(project.status.deadline + project.enrol_window + 1)
    with ape.reverts("escrow: too late to enrol"):
        project.escrow.enrol(KEY, sender=project.parties.trainers[0])


@pytest.mark.parametrize("role", ["current", "standby"])
def test_enrol__aggregator__keeps_the_key_it_accepted_with(enrolling: ProjectDriver, role: str) -> None:
    """Payloads are sealed to that key: no key changes after its party joined."""
    account = enrolling.parties.aggregators[["current", "standby"].index(role)]
    accepted_with = enrolling.escrow.sealing_keys(account)
    enrolling.fund(account, 3 * enrolling.trainer_part)
    receipt = enrolling.escrow.enrol(KEY, sender=account)
    assert enrolling.events(receipt)[0][1]["key"] == accepted_with
    assert enrolling.escrow.sealing_keys(account) == accepted_with
    assert enrolling.escrow.members(2) == account


def test_enrol__owner__may_take_a_seat_like_anyone(enrolling: ProjectDriver, owner: Any) -> None:
    enrolling.fund(owner, 3 * enrolling.trainer_part)
    with enrolling.moves() as moved:
        enrolling.escrow.enrol(KEY, sender=owner)
    assert moved == {"parts of owner": 3, "tokens": 3 * enrolling.trainer_part}

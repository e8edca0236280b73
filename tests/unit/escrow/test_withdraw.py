from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.escrow_driver import ProjectDriver

R, FEE, PART, STAKE = 1_000_003, 200_017, 50_021, 1_100_009
ZERO = "0x" + "00" * 20
CREDIT = 100_000  # of trainer 0 for the first round: R * 1 // 10


def test_withdraw__due_in_a_running_project__leaves_the_parts(second_round: ProjectDriver, trainers: list[Any]) -> None:
    with second_round.moves() as moved:
        receipt = second_round.escrow.withdraw(trainers[0], sender=trainers[0])
    account = trainers[0].address
    assert second_round.events(receipt) == [
        ("Withdrawn", {"account": account, "to": account, "amount": CREDIT, "parts": 0})
    ]
    assert receipt.return_value == CREDIT
    assert moved == {"due of trainer 0": -CREDIT, "tokens": -CREDIT}
    assert second_round.token.balanceOf(trainers[0]) == CREDIT


def test_withdraw__to_another__pays_it_there(second_round: ProjectDriver, trainers: list[Any], stranger: Any) -> None:
    receipt = second_round.escrow.withdraw(stranger, sender=trainers[0])
    fields = second_round.events(receipt)[0][1]
    assert (fields["account"], fields["to"]) == (trainers[0].address, stranger.address)
    assert second_round.token.balanceOf(stranger) == CREDIT
    assert second_round.token.balanceOf(trainers[0]) == 0


@pytest.mark.parametrize("stage", ["handover", "closed"])
def test_withdraw__project_over__pays_the_parts_too(
    handover: ProjectDriver, trainers: list[Any], owner: Any, stage: str
) -> None:
    if stage == "closed":
        handover.escrow.confirm(sender=owner)
    with handover.moves() as moved:
        receipt = handover.escrow.withdraw(trainers[0], sender=trainers[0])
    assert handover.events(receipt)[0][1]["amount"] == CREDIT + PART
    assert handover.events(receipt)[0][1]["parts"] == PART
    assert moved == {"due of trainer 0": -CREDIT, "parts of trainer 0": -1, "tokens": -(CREDIT + PART)}


def test_withdraw__parts_alone_of_a_closed_project__works(
    enrolling: ProjectDriver, trainers: list[Any], stranger: Any
) -> None:
    enrolling.after_deadline()
    enrolling.escrow.finish(sender=stranger)
    with enrolling.moves() as moved:
        receipt = enrolling.escrow.withdraw(trainers[1], sender=trainers[1])
    fields = enrolling.events(receipt)[0][1]
    assert (fields["amount"], fields["parts"]) == (3 * PART, 3 * PART)
    assert moved == {"parts of trainer 1": -3, "tokens": -3 * PART}


def test_withdraw__parts_before_the_end__reverts(create_project: Any, trainers: list[Any], owner: Any) -> None:
    project = create_project(min_rows=3, max_excluded=0).to_enrolling()
    project.enrol(0)

    def check_nothing_due(phase: str) -> None:
        assert project.phase == phase
        with ape.reverts("escrow: nothing due"):
            project.escrow.withdraw(trainers[0], sender=trainers[0])
        assert project.parts(trainers[0]) == 3

    check_nothing_due("enrolling")
    for seat in (1, 2, 3):
        project.enrol(seat)
    check_nothing_due("collecting")
    project.to_delivering()
    check_nothing_due("delivering")
    project.to_scoring()
    check_nothing_due("scoring")
    project.answer([0, 1, 1, 1])
    project.settle()
    check_nothing_due("collecting")


def test_withdraw__twice__reverts(handover: ProjectDriver, trainers: list[Any]) -> None:
    handover.escrow.withdraw(trainers[0], sender=trainers[0])
    with ape.reverts("escrow: nothing due"):
        handover.escrow.withdraw(trainers[0], sender=trainers[0])


def test_withdraw__nothing_due__reverts(handover: ProjectDriver, stranger: Any) -> None:
    with ape.reverts("escrow: nothing due"):
        handover.escrow.withdraw(stranger, sender=stranger)


def test_withdraw__to_zero_or_to_itself__reverts(handover: ProjectDriver, trainers: list[Any]) -> None:
    for to in (ZERO, handover.escrow.address):
        with ape.reverts("escrow: bad recipient"):
            handover.escrow.withdraw(to, sender=trainers[0])
    assert handover.due(trainers[0]) == CREDIT


def test_withdraw__everyone__leaves_what_is_sunk(handover: ProjectDriver, owner: Any, aggregator: Any) -> None:
    handover.escrow.reject(sender=owner)
    for account in (owner, aggregator, *handover.parties.trainers[:4]):
        handover.escrow.withdraw(account, sender=account)
    assert {name: amount for name, amount in handover.accounts().items() if amount} == {
        "sunk": 2 * FEE,
        "tokens": 2 * FEE,
    }
    assert handover.token.balanceOf(aggregator) == STAKE


def test_withdraw__seat_kept_after_withdrawal__no_second_enrolment(
    enrolling: ProjectDriver, trainers: list[Any], stranger: Any
) -> None:
    enrolling.after_deadline()
    enrolling.escrow.finish(sender=stranger)
    enrolling.escrow.withdraw(trainers[0], sender=trainers[0])
    assert enrolling.escrow.account_of(trainers[0]).seat == 1


def test_withdraw__left_a_running_project__has_its_parts_back(collecting: ProjectDriver, trainers: list[Any]) -> None:
    collecting.escrow.leave(sender=trainers[0])
    with collecting.moves() as moved:
        receipt = collecting.escrow.withdraw(trainers[0], sender=trainers[0])
    assert collecting.events(receipt)[0][1]["parts"] == 0  # they were due already
    assert moved == {"due of trainer 0": -2 * PART, "tokens": -2 * PART}


# --- a token that has rounded, or taken, from what is here


def take_from(project: ProjectDriver, amount: int) -> None:
    """The token moves tokens out of the escrow."""
    ape.accounts.test_accounts.impersonate_account(project.escrow.address)
    project.chain.provider.set_balance(project.escrow.address, 10**18)
    project.token.transfer(project.parties.stranger, amount, sender=project.escrow.address)


def held(project: ProjectDriver) -> int:
    return int(project.token.balanceOf(project.escrow))


@pytest.mark.parametrize("missing", [1, CREDIT, CREDIT + PART - 1])
def test_withdraw__tokens_missing__pays_what_is_there_and_the_rest_stays_due(
    handover: ProjectDriver, trainers: list[Any], stranger: Any, missing: int
) -> None:
    trainer, due = trainers[0], CREDIT + PART
    take_from(handover, held(handover) - due + missing)
    receipt = handover.escrow.withdraw(trainer, sender=trainer)
    paid = due - missing
    assert handover.events(receipt) == [
        ("Withdrawn", {"account": trainer.address, "to": trainer.address, "amount": paid, "parts": PART})
    ]
    assert receipt.return_value == paid
    assert handover.token.balanceOf(trainer) == paid
    assert held(handover) == 0
    account = handover.escrow.account_of(trainer)
    assert (account.due, account.parts, account.seat) == (missing, 0, 1)

    handover.token.transfer(handover.escrow, missing + 7, sender=stranger)
    receipt = handover.escrow.withdraw(trainer, sender=trainer)
    assert handover.events(receipt)[0][1] | {"account": "", "to": ""} == {
        "account": "",
        "to": "",
        "amount": missing,
        "parts": 0,
    }
    assert handover.token.balanceOf(trainer) == due
    assert held(handover) == 7
    with ape.reverts("escrow: nothing due"):
        handover.escrow.withdraw(trainer, sender=trainer)


@pytest.mark.parametrize("role", ["owner", "aggregator"])
def test_withdraw__tokens_missing_for_an_account_by_address__rest_stays_due(
    handover: ProjectDriver, role: str, owner: Any, aggregator: Any
) -> None:
    handover.escrow.confirm(sender=owner)
    account = {"owner": owner, "aggregator": aggregator}[role]
    due = handover.due(account)
    take_from(handover, held(handover) - 5)
    assert handover.escrow.withdraw(account, sender=account).return_value == 5
    assert handover.due(account) == due - 5


def test_withdraw__tokens_missing__others_are_owed_what_they_were(
    handover: ProjectDriver, trainers: list[Any], owner: Any
) -> None:
    take_from(handover, held(handover) - 5)
    before = handover.accounts()
    handover.escrow.withdraw(trainers[0], sender=trainers[0])
    after = handover.accounts()
    changed = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert changed == {"due of trainer 0": PART - 5, "parts of trainer 0": -1, "tokens": -5}


def test_withdraw__no_tokens_at_all__reverts_as_the_token_does(handover: ProjectDriver, trainers: list[Any]) -> None:
    take_from(handover, held(handover))
    with ape.reverts("token: too little"):
        handover.escrow.withdraw(trainers[0], sender=trainers[0])
    assert (handover.due(trainers[0]), handover.parts(trainers[0])) == (CREDIT, 1)


def test_withdraw__just_enough__pays_all(handover: ProjectDriver, trainers: list[Any]) -> None:
    take_from(handover, held(handover) - CREDIT - PART)
    assert handover.escrow.withdraw(trainers[0], sender=trainers[0]).return_value == CREDIT + PART
    assert handover.due(trainers[0]) == 0

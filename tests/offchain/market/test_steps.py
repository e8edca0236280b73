"""What each role does next, as tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from offchain.market.programs.steps import (
    AggregatorView,
    OwnerView,
    Step,
    TrainerView,
    enforcement,
    leave_opens,
    next_aggregator_step,
    next_owner_step,
    next_trainer_step,
    waiting_for,
)
from offchain.market.project import Account, Look, Phase, Status
from offchain.market.terms import ProjectTerms
from offchain.scoring.policy import PolicyTerms

WINDOW, DEADLINE = 1_000, 10_000
FIRST, SECOND, THIRD = "0xa1", "0xa2", "0xa3"
SEAT, OTHERS = 0b100, 0b1011  # the trainer's bit, and those of three others

TERMS = ProjectTerms.proposed(
    token="0x0",
    round_reward=600,
    rounds=3,
    seats=6,
    dimension=100,
    quantum=1,
    learning_rate=0.1,
    policy="0x0",
    policy_terms=PolicyTerms(byzantine=0),
    policy_gas=0,
    aggregators=[FIRST, SECOND, THIRD],
    model=b"",
    task=b"",
    window=WINDOW,
)  # min_rows 4, max_excluded 1
GUIDED = replace(TERMS, reference=True)


def look(phase: Phase, now: int = DEADLINE - 900, **changes: Any) -> Look:
    """In round 1, all four seats active, FIRST in turn, all aggregators accepted."""
    status = Status(phase, DEADLINE, 1, FIRST, False, 0b111, 0, SEAT | OTHERS, 0, 0, 1)
    return Look(5, now, replace(status, **changes), enrol_by=DEADLINE)


def accepting(now: int = DEADLINE - WINDOW, **changes: Any) -> Look:
    """Aggregators accept until DEADLINE, trainers enrol for as long again."""
    return replace(look(Phase.ACCEPTING, now, **({"current": None} | changes)), enrol_by=DEADLINE + WINDOW)


def trainer(at: Look, **changes: Any) -> TrainerView:
    view = TrainerView(
        at, TERMS, Account(0, 2, 3), is_owner=False, behind=0, has_copy=True, is_prepared=False, is_published=False
    )
    return replace(view, **changes)


STRANGER = Account(0, None, 0)
LEAVES = DEADLINE - WINDOW // 4 + 2 * (WINDOW // 8) // 6  # the third seat of six
LATE = DEADLINE + 1
SKIPPED = frozenset({Step.PREPARE})
DELIVERED = {"submitted": SEAT | OTHERS, "delivered": SEAT | OTHERS}


@pytest.mark.parametrize(
    ("view", "step"),
    [
        # joining
        (trainer(look(Phase.ACCEPTING, active=0), account=STRANGER), Step.ENROL),
        (trainer(look(Phase.ENROLLING), account=STRANGER), Step.ENROL),
        (trainer(look(Phase.ACCEPTING, current=None, active=0), account=STRANGER), Step.WAIT),
        # the first seat of a project with a reference is the owner's
        (trainer(look(Phase.ACCEPTING, active=0), account=STRANGER, terms=GUIDED), Step.WAIT),
        (trainer(look(Phase.ENROLLING, active=1), account=STRANGER, terms=GUIDED), Step.ENROL),
        (trainer(look(Phase.ACCEPTING, active=0), account=STRANGER, terms=GUIDED, is_owner=True), Step.ENROL),
        (trainer(look(Phase.ACCEPTING, LATE, current=None, active=0), account=STRANGER), Step.DONE),
        (trainer(look(Phase.ENROLLING, LATE), account=STRANGER), Step.DONE),
        (trainer(look(Phase.COLLECTING), account=STRANGER), Step.DONE),
        # a round's work comes before the stake, and before anybody has accepted
        (trainer(look(Phase.ACCEPTING, current=None, active=0), account=STRANGER, is_rehearsed=False), Step.REHEARSE),
        (trainer(look(Phase.ENROLLING), account=STRANGER, is_rehearsed=False), Step.REHEARSE),
        (trainer(look(Phase.COLLECTING), account=STRANGER, is_rehearsed=False), Step.DONE),
        (trainer(look(Phase.COLLECTING), is_rehearsed=False), Step.PREPARE),
        # nobody can enrol while an aggregator may still accept
        (trainer(accepting(DEADLINE, current=FIRST, accepted=0b011, active=0), account=STRANGER), Step.WAIT),
        (trainer(accepting(LATE, current=FIRST, accepted=0b011, active=0), account=STRANGER), Step.ENROL),
        (trainer(accepting(current=FIRST, active=0), account=STRANGER), Step.ENROL),
        # before the first round nobody has the key of the model
        (trainer(look(Phase.ENROLLING), has_copy=False), Step.WAIT),
        # collecting
        (trainer(look(Phase.COLLECTING)), Step.PREPARE),
        (trainer(look(Phase.COLLECTING), behind=1), Step.FOLLOW),
        (trainer(look(Phase.COLLECTING, DEADLINE - 400), behind=1), Step.PREPARE),
        (trainer(look(Phase.COLLECTING), has_copy=False), Step.FOLLOW),
        (trainer(look(Phase.COLLECTING, DEADLINE - 400), has_copy=False), Step.FOLLOW),
        # no model until the last quarter: the seat is given up, and what is left of the stake is saved
        (trainer(look(Phase.COLLECTING, LEAVES - 1), has_copy=False), Step.FOLLOW),
        (trainer(look(Phase.COLLECTING, LEAVES), has_copy=False), Step.LEAVE),
        (trainer(look(Phase.COLLECTING, DEADLINE), has_copy=False), Step.LEAVE),
        (trainer(look(Phase.COLLECTING, LEAVES, submitted=SEAT), has_copy=False), Step.FOLLOW),
        (trainer(look(Phase.COLLECTING, LEAVES), has_copy=False, is_prepared=True), Step.SUBMIT),
        (trainer(look(Phase.COLLECTING, LEAVES)), Step.PREPARE),
        (trainer(look(Phase.COLLECTING, LEAVES, active=SEAT | 0b11), has_copy=False), Step.ENFORCE),
        (trainer(look(Phase.DELIVERING, LEAVES), has_copy=False), Step.FOLLOW),
        (trainer(look(Phase.COLLECTING, active=OTHERS | 1 << 4), account=Account(9, 2, 0)), Step.WITHDRAW),
        (trainer(look(Phase.COLLECTING, active=OTHERS | 1 << 4), account=Account(0, 2, 0)), Step.DONE),
        (trainer(look(Phase.SCORING, LATE, active=OTHERS | 1 << 4), account=Account(0, 2, 0)), Step.DONE),
        # a round that can't be prepared: other steps go on, and after a second one the seat is given up
        (trainer(look(Phase.COLLECTING), aside=SKIPPED), Step.WAIT),
        (trainer(look(Phase.COLLECTING, DEADLINE - 400), aside=SKIPPED, behind=1), Step.FOLLOW),
        (trainer(look(Phase.COLLECTING, LEAVES), aside=SKIPPED), Step.WAIT),
        (trainer(look(Phase.COLLECTING, LEAVES), aside=SKIPPED, is_hopeless=True), Step.LEAVE),
        (trainer(look(Phase.COLLECTING, LEAVES - 1), aside=SKIPPED, is_hopeless=True), Step.WAIT),
        (trainer(look(Phase.COLLECTING, LEAVES), is_hopeless=True), Step.PREPARE),
        (trainer(look(Phase.FAILED, deadline=0), aside=SKIPPED), Step.ENFORCE),
        (trainer(look(Phase.COLLECTING), is_prepared=True), Step.SUBMIT),
        (trainer(look(Phase.COLLECTING), is_prepared=True, behind=1), Step.SUBMIT),
        (trainer(look(Phase.COLLECTING, submitted=SEAT), is_prepared=True), Step.WAIT),
        (trainer(look(Phase.COLLECTING, active=OTHERS | 1 << 4), is_prepared=True), Step.WAIT),
        # delivering
        (trainer(look(Phase.DELIVERING, submitted=SEAT | OTHERS), is_prepared=True), Step.DELIVER),
        (trainer(look(Phase.DELIVERING, submitted=SEAT | OTHERS), is_prepared=False), Step.WAIT),
        (trainer(look(Phase.DELIVERING, submitted=OTHERS), is_prepared=True), Step.WAIT),
        (trainer(look(Phase.DELIVERING, submitted=SEAT | OTHERS, delivered=SEAT), is_prepared=True), Step.WAIT),
        # the payload's bytes, in scoring alone
        (trainer(look(Phase.SCORING, **DELIVERED), is_prepared=True), Step.PUBLISH),
        (trainer(look(Phase.SCORING, **DELIVERED), is_prepared=True, is_published=True), Step.WAIT),
        (trainer(look(Phase.SCORING, submitted=SEAT | OTHERS, delivered=OTHERS), is_prepared=True), Step.WAIT),
        (trainer(look(Phase.VACANT, in_scoring=True, current=None, **DELIVERED), is_prepared=True), Step.PUBLISH),
        (trainer(look(Phase.VACANT, current=None), is_prepared=True), Step.WAIT),
        # the end
        (trainer(look(Phase.HANDOVER), account=Account(0, 2, 3)), Step.WITHDRAW),
        (trainer(look(Phase.HANDOVER), behind=1), Step.FOLLOW),
        (trainer(look(Phase.HANDOVER), account=Account(0, 2, 0)), Step.WAIT),
        (trainer(look(Phase.CLOSED), behind=1), Step.WITHDRAW),
        (trainer(look(Phase.CLOSED), account=Account(7, 2, 0)), Step.WITHDRAW),
        (trainer(look(Phase.CLOSED), account=Account(0, 2, 0)), Step.DONE),
    ],
)
def test_next_trainer_step__view__step(view: TrainerView, step: Step) -> None:
    assert next_trainer_step(view) == step


def aggregator(at: Look, number: int | None = 0, **changes: Any) -> AggregatorView:
    view = AggregatorView(
        at,
        TERMS,
        STRANGER,
        address=TERMS.aggregators[number] if number is not None else "0xff",
        number=number,
        unmirrored=0,
        unusable=None,
        is_ready=False,
        proving=100,
        behind=0,
        to_republish=False,
    )
    return replace(view, **changes)


def vacant(now: int = DEADLINE - WINDOW, **changes: Any) -> Look:
    return look(Phase.VACANT, now, **({"current": None} | changes))


@pytest.mark.parametrize(
    ("view", "step"),
    [
        # joining
        (aggregator(accepting(accepted=0)), Step.ACCEPT),
        (aggregator(accepting(LATE, accepted=0)), Step.DONE),
        (aggregator(accepting(accepted=0), None), Step.DONE),
        (aggregator(look(Phase.COLLECTING, accepted=0b110)), Step.DONE),
        # the turn: one after the other
        (aggregator(accepting()), Step.TAKE_TURN),
        (aggregator(accepting(), 1), Step.WAIT),
        (aggregator(accepting(DEADLINE - 875), 1), Step.TAKE_TURN),
        (aggregator(accepting(DEADLINE - 751), 2), Step.WAIT),
        (aggregator(vacant(), 1), Step.WAIT),
        (aggregator(vacant(spent=0b001), 1), Step.TAKE_TURN),
        (aggregator(vacant(accepted=0b110), 1), Step.TAKE_TURN),
        (aggregator(vacant(spent=0b001), 0), Step.WAIT),
        (aggregator(vacant(LATE), 1), Step.ENFORCE),
        # in turn
        (aggregator(look(Phase.SCORING), unmirrored=1), Step.MIRROR),
        (aggregator(look(Phase.SCORING, DEADLINE - 201), unmirrored=1), Step.MIRROR),
        (aggregator(look(Phase.SCORING, DEADLINE - 200), unmirrored=1), Step.UNSEAL),
        (aggregator(look(Phase.SCORING)), Step.UNSEAL),
        (aggregator(look(Phase.SCORING), unusable=0), Step.SETTLE),
        (aggregator(look(Phase.SCORING), unusable=1), Step.SETTLE),
        (aggregator(look(Phase.SCORING), unusable=2), Step.VOID),
        (aggregator(look(Phase.SCORING), is_ready=True, unmirrored=2), Step.SETTLE),
        (aggregator(look(Phase.SCORING, LATE), is_ready=True), Step.ENFORCE),
        # standing by
        (aggregator(look(Phase.SCORING), 1, unmirrored=1), Step.MIRROR),
        (aggregator(look(Phase.SCORING), 1), Step.WAIT),
        (aggregator(look(Phase.SCORING, LATE), 1), Step.ENFORCE),
        (aggregator(vacant(in_scoring=True, spent=0b010), 1, unmirrored=1), Step.MIRROR),
        (aggregator(look(Phase.COLLECTING), behind=1), Step.FOLLOW),
        (aggregator(look(Phase.COLLECTING), behind=1, to_republish=True), Step.REPUBLISH),
        # what fails keeps nothing else from being done
        (aggregator(look(Phase.SCORING), unusable=0, behind=1, aside=frozenset({Step.SETTLE})), Step.FOLLOW),
        (aggregator(vacant(), aside=frozenset({Step.TAKE_TURN})), Step.WAIT),
        # in turn and too late: the contract would refuse, and a proof shown then would be shown for nothing
        (aggregator(look(Phase.SCORING, LATE), is_ready=True, aside=frozenset({Step.ENFORCE})), Step.WAIT),
        (aggregator(look(Phase.CLOSED), account=Account(5, None, 0), aside=frozenset({Step.WITHDRAW})), Step.WAIT),
        # the end
        (aggregator(look(Phase.HANDOVER), account=Account(5, None, 0)), Step.WITHDRAW),
        (aggregator(look(Phase.CLOSED), account=Account(5, None, 0)), Step.WITHDRAW),
        (aggregator(look(Phase.CLOSED)), Step.DONE),
    ],
)
def test_next_aggregator_step__view__step(view: AggregatorView, step: Step) -> None:
    assert next_aggregator_step(view) == step


@pytest.mark.parametrize(
    ("at", "ungranted", "behind", "due", "step"),
    [
        (look(Phase.ENROLLING), 3, 0, 0, Step.WAIT),
        (look(Phase.COLLECTING), 3, 0, 0, Step.GRANT),
        (look(Phase.COLLECTING), 0, 1, 0, Step.FOLLOW),
        (look(Phase.COLLECTING), 0, 0, 9, Step.WAIT),
        (look(Phase.SCORING, LATE), 0, 1, 0, Step.ENFORCE),
        (look(Phase.HANDOVER), 0, 0, 0, Step.CONFIRM),
        (look(Phase.HANDOVER), 0, 1, 0, Step.FOLLOW),
        (look(Phase.CLOSED), 0, 1, 9, Step.WITHDRAW),
        (look(Phase.CLOSED), 0, 0, 0, Step.DONE),
    ],
)
def test_next_owner_step__view__step(at: Look, ungranted: int, behind: int, due: int, step: Step) -> None:
    assert next_owner_step(OwnerView(at, TERMS, Account(due, None, 0), ungranted, behind)) == step


def test_next_owner_step__a_step_that_fails__keeps_no_other_from_being_done() -> None:
    at, aside = look(Phase.SCORING, LATE), frozenset({Step.GRANT})
    assert next_owner_step(OwnerView(at, TERMS, Account(0, None, 0), 3, 0, aside)) == Step.ENFORCE


def test_leave_opens__six_seats__one_after_the_other_and_in_time_to_be_mined() -> None:
    times = [leave_opens(look(Phase.COLLECTING), TERMS, seat) for seat in range(6)]
    assert times[0] == DEADLINE - WINDOW // 4
    assert times == sorted(set(times))
    assert times[-1] < DEADLINE - WINDOW // 8


@pytest.mark.parametrize(
    ("at", "what", "until"),
    [
        (accepting(), "an aggregator to take the turn", DEADLINE),
        (accepting(current=FIRST, accepted=0b001), "all aggregators to accept", DEADLINE),
        (accepting(current=FIRST, active=0), "trainers to enrol", DEADLINE + WINDOW),
        (look(Phase.ENROLLING), "trainers to enrol", DEADLINE),
        (look(Phase.ENROLLING, LATE), "somebody to call start, which those before this account do first", 0),
        (look(Phase.COLLECTING), "trainers to submit in round 2", DEADLINE),
        (look(Phase.DELIVERING), "trainers to deliver in round 2", DEADLINE),
        (look(Phase.SCORING), "the aggregator to settle round 2", DEADLINE),
        (vacant(), "an aggregator to take the turn", DEADLINE),
        (look(Phase.HANDOVER), "the owner to confirm the last aggregate", DEADLINE),
        (look(Phase.CLOSED, deadline=0), "the project to go on", 0),
    ],
)
def test_waiting_for__look__says_what_and_until_when(at: Look, what: str, until: int) -> None:
    assert waiting_for(at, TERMS) == (what, until)


def test_waiting_for__the_owners_seat__says_so() -> None:
    assert waiting_for(accepting(current=FIRST, active=0), GUIDED)[0] == "the owner to take the first seat"


@pytest.mark.parametrize(
    ("at", "call"),
    [
        (look(Phase.ACCEPTING, current=None), None),
        (look(Phase.ACCEPTING, LATE, current=None), "finish"),
        (look(Phase.ENROLLING), None),
        (look(Phase.ENROLLING, LATE), "start"),
        (look(Phase.ENROLLING, LATE, active=0b111), "finish"),
        (look(Phase.COLLECTING), None),
        (look(Phase.COLLECTING, active=0b111), "finish"),
        (look(Phase.FAILED, deadline=0), "fail"),
        (look(Phase.SCORING, DEADLINE), None),
        (look(Phase.SCORING, LATE), "slash"),
        (look(Phase.VACANT, DEADLINE, current=None), None),
        (look(Phase.VACANT, LATE, current=None), "finish"),
        (look(Phase.HANDOVER, LATE), "confirm"),
        (look(Phase.CLOSED, deadline=0), None),
    ],
)
def test_enforcement__look__the_call_that_anybody_may_make(at: Look, call: str | None) -> None:
    assert enforcement(at, TERMS) == call


@pytest.mark.parametrize(
    ("phase", "now", "submitted", "delivered", "expected"),
    [
        (Phase.COLLECTING, DEADLINE, 0b1, 0, (Phase.COLLECTING, DEADLINE)),
        (Phase.COLLECTING, LATE, 0b111, 0, (Phase.FAILED, 0)),
        (Phase.COLLECTING, LATE, 0b1111, 0, (Phase.DELIVERING, DEADLINE + WINDOW)),
        (Phase.COLLECTING, LATE + WINDOW, 0b1111, 0, (Phase.FAILED, 0)),
        (Phase.DELIVERING, DEADLINE, 0b1111, 0b111, (Phase.DELIVERING, DEADLINE)),
        (Phase.DELIVERING, LATE, 0b11111, 0b111, (Phase.FAILED, 0)),
        (Phase.DELIVERING, LATE, 0b11111, 0b1111, (Phase.SCORING, DEADLINE + WINDOW)),
        (Phase.SCORING, LATE, 0b1111, 0b1111, (Phase.SCORING, DEADLINE)),
    ],
)
def test_status_at__clock_moves_on__phase_is_the_contracts(
    phase: Phase, now: int, submitted: int, delivered: int, expected: tuple[Phase, int]
) -> None:
    moved = look(phase, submitted=submitted, delivered=delivered).status.at(now, TERMS)
    assert (moved.phase, moved.deadline) == expected

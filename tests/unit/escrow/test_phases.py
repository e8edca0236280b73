"""Every call in every phase: where it works, and what it says where it doesn't.

One project stands in each stage; each party makes the call that it might make by mistake. What a call does where it
works is the business of its own test file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape
import pytest

from tests.escrow_driver import ProjectDriver

Create = Callable[..., ProjectDriver]


def vacant(create: Create) -> ProjectDriver:
    project = create().to_collecting().to_scoring()
    project.escrow.void(0b11, sender=project.parties.aggregators[0])
    return project


def vacant_in_scoring(create: Create) -> ProjectDriver:
    project = create().to_collecting().to_scoring()
    project.after_deadline()
    project.escrow.slash(sender=project.parties.stranger)
    return project


def after_its_deadline(project: ProjectDriver) -> ProjectDriver:
    project.pass_deadline()
    return project


def one_round(create: Create) -> ProjectDriver:
    project = create(rounds=1).to_collecting()
    project.round([1, 2, 3, 4])
    return project


def closed(create: Create) -> ProjectDriver:
    project = one_round(create)
    project.escrow.confirm(sender=project.parties.owner)
    return project


def two_of_four(create: Create) -> ProjectDriver:
    project = create().to_enrolling()
    project.enrol(0)
    project.enrol(1)
    return project


STAGES: dict[str, tuple[str, Callable[[Create], ProjectDriver]]] = {
    "accepting": ("accepting", lambda create: create()),
    "turn taken": ("accepting", lambda create: create().to_enrolling()),
    "enrolling": ("enrolling", two_of_four),
    "enrolment over": ("enrolling", lambda create: after_its_deadline(two_of_four(create))),
    "collecting": ("collecting", lambda create: create().to_collecting()),
    "too few submitted": ("failed", lambda create: create().to_collecting().to_delivering([0, 1])),
    "delivering": ("delivering", lambda create: create().to_collecting().to_delivering()),
    "too few delivered": ("failed", lambda create: create().to_collecting().to_delivering().to_scoring([0, 1])),
    "scoring": ("scoring", lambda create: create().to_collecting().to_scoring()),
    "scoring over": ("scoring", lambda create: after_its_deadline(create().to_collecting().to_scoring())),
    "vacant": ("vacant", vacant),
    "vacant in scoring": ("vacant", vacant_in_scoring),
    "vacancy over": ("vacant", lambda create: after_its_deadline(vacant(create))),
    "handover": ("handover", one_round),
    "handover over": ("handover", lambda create: after_its_deadline(one_round(create))),
    "closed": ("closed", closed),
}

KEY = b"\x07" * 32
CALLS: dict[str, Callable[[ProjectDriver], Any]] = {
    "initialize": lambda p: p.escrow.initialize(p.parties.owner, p.terms, sender=p.parties.owner),
    "accept": lambda p: p.escrow.accept(KEY, sender=p.parties.aggregators[1]),
    "take_turn": lambda p: p.take_turn(1),
    "enrol": lambda p: p.enrol(2),
    "start": lambda p: p.escrow.start(sender=p.parties.stranger),
    "submit": lambda p: p.escrow.submit(KEY, sender=p.parties.trainers[1]),
    "leave": lambda p: p.escrow.leave(sender=p.parties.trainers[1]),
    "deliver": lambda p: p.deliver(1),
    "settle": lambda p: p.settle(),
    "void": lambda p: p.escrow.void(0b11, sender=p.parties.aggregators[0]),
    "slash": lambda p: p.escrow.slash(sender=p.parties.stranger),
    "fail": lambda p: p.escrow.fail(sender=p.parties.stranger),
    "finish": lambda p: p.escrow.finish(sender=p.parties.stranger),
    "confirm": lambda p: p.escrow.confirm(sender=p.parties.owner),
    "reject": lambda p: p.escrow.reject(sender=p.parties.owner),
    "withdraw": lambda p: p.escrow.withdraw(p.parties.trainers[1], sender=p.parties.trainers[1]),
    "republish": lambda p: p.escrow.republish(0, KEY, sender=p.parties.aggregators[0]),
}

WORKS = None
# by call: what it says, and the stages in which it says something else or works
SAYS: dict[str, tuple[str, dict[str, str | None]]] = {
    "initialize": ("escrow: exists already", {}),
    "accept": (
        "escrow: not accepting",
        {"accepting": WORKS, "turn taken": "escrow: accepted already"},
    ),
    "take_turn": (
        "escrow: turn is taken",
        {
            "accepting": "escrow: not accepted",
            "vacant": WORKS,
            "vacant in scoring": WORKS,
            "vacancy over": "escrow: too late to take the turn",
            "handover": "escrow: no turn to take",
            "handover over": "escrow: no turn to take",
            "closed": "escrow: no turn to take",
        },
    ),
    "enrol": (
        "escrow: not enrolling",
        {
            "accepting": "escrow: no aggregator",
            "turn taken": WORKS,
            "enrolling": WORKS,
            "enrolment over": "escrow: too late to enrol",
        },
    ),
    "start": (
        "escrow: not enrolling",
        {"enrolling": "escrow: too early to start", "enrolment over": "escrow: too few trainers"},
    ),
    "submit": ("escrow: not collecting", {"collecting": WORKS}),
    "leave": ("escrow: not collecting", {"collecting": WORKS}),
    "deliver": ("escrow: not delivering", {"delivering": WORKS}),
    "settle": ("escrow: not scoring", {"scoring": WORKS, "scoring over": "escrow: too late to score"}),
    "void": ("escrow: not scoring", {"scoring": WORKS, "scoring over": "escrow: too late to score"}),
    "slash": ("escrow: not scoring", {"scoring": "escrow: too early to slash", "scoring over": WORKS}),
    "fail": ("escrow: round has not failed", {"too few submitted": WORKS, "too few delivered": WORKS}),
    "finish": ("escrow: project can go on", {"enrolment over": WORKS, "vacancy over": WORKS}),
    "confirm": ("escrow: not in handover", {"handover": WORKS, "handover over": WORKS}),
    "reject": ("escrow: not in handover", {"handover": WORKS, "handover over": "escrow: too late to reject"}),
    "withdraw": (
        "escrow: nothing due",
        {"vacant in scoring": WORKS, "handover": WORKS, "handover over": WORKS, "closed": WORKS},
    ),
    "republish": (
        "escrow: round not settled",
        {
            "accepting": "escrow: not accepted",
            "handover": WORKS,
            "handover over": WORKS,
            "closed": WORKS,
        },
    ),
}


@pytest.fixture(scope="module")
def staged(create_project: Create, request: pytest.FixtureRequest) -> ProjectDriver:
    phase, make = STAGES[request.param]
    project = make(create_project)
    assert project.phase == phase
    return project


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("staged", STAGES, indirect=True, scope="module")
def test_call__in_each_phase__works_or_says_why_not(
    staged: ProjectDriver, call: str, request: pytest.FixtureRequest
) -> None:
    stage = request.node.callspec.params["staged"]
    usual, others = SAYS[call]
    message = others.get(stage, usual)
    if message is WORKS:
        CALLS[call](staged)
        staged.check_books()
    else:
        with ape.reverts(message):
            CALLS[call](staged)

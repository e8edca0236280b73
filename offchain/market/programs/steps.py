"""What each role does next: pure functions of what it sees. The client rules of the protocol are here.

A *view* holds all that a decision depends on, taken at one look. `next_..._step` returns the one step that is due, of
those listed with each role. A step that fails is due again at the next look, unless the view sets it `aside`: then the
next one that is due comes first, so that what can't be done keeps nothing else from being done.

Calls that enforce (start, fail, slash, finish, confirm) are anybody's once a deadline has passed. Every role makes
them, since its own money waits for them; the contract takes the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from offchain.market.project import Account, Look, Phase
from offchain.market.terms import ProjectTerms

__all__ = [
    "AggregatorView",
    "OwnerView",
    "Step",
    "TrainerView",
    "enforcement",
    "leave_opens",
    "next_aggregator_step",
    "next_owner_step",
    "next_trainer_step",
    "turn_opens",
    "waiting_for",
]


class Step(Enum):
    """What to do; a program has a method of this name for each."""

    # everybody
    WAIT = "wait"
    ENFORCE = "enforce"  # the call that `enforcement` names
    WITHDRAW = "withdraw"
    DONE = "done"  # the project is closed and everything is withdrawn, or it takes no part
    # trainers, and others that hold a copy of the model
    FOLLOW = "follow"  # fetch, check, apply and serve the aggregates that were settled
    REHEARSE = "rehearse"  # a round's work on this machine, before there is a stake
    ENROL = "enrol"  # check the project, then take a seat
    PREPARE = "prepare"  # train, quantise, commit, seal; all of it is kept
    SUBMIT = "submit"
    DELIVER = "deliver"
    PUBLISH = "publish"  # the payload's bytes reach the store
    LEAVE = "leave"  # give the seat up, which costs what missing the round does, and saves the rest of the stake
    # aggregators
    ACCEPT = "accept"  # check the project, then agree
    TAKE_TURN = "take_turn"
    MIRROR = "mirror"  # fetch and serve the round's payloads
    UNSEAL = "unseal"  # open the payloads that are there, and check them
    SETTLE = "settle"  # prove once, keep the proof, send it
    VOID = "void"
    REPUBLISH = "republish"  # an aggregate that isn't to be had, made again from its payloads
    # the owner
    GRANT = "grant"  # the initial model's key, to those who joined
    CONFIRM = "confirm"


@dataclass(frozen=True)
class TrainerView:
    look: Look
    terms: ProjectTerms
    account: Account
    is_owner: bool
    behind: int  # settled rounds whose aggregate isn't in the copy
    has_copy: bool  # of the model, at least as it was at first
    is_prepared: bool  # the running round's commitment and payload are kept
    is_published: bool  # the running round's payload is on the store
    is_rehearsed: bool = True  # a round's work was done on this machine, before there is a stake
    is_hopeless: bool = False  # neither this round nor the one before could be prepared on this machine
    aside: frozenset[Step] = frozenset()


def next_trainer_step(view: TrainerView) -> Step:
    """REHEARSE, ENROL; then each round FOLLOW, PREPARE, SUBMIT, DELIVER, PUBLISH; at the end WITHDRAW.

    The payload's bytes go out in scoring, when nobody can submit or deliver any more, and as long as the round isn't
    over. If the last aggregate is not to be had by the middle of collecting, the last good model has to do. Without any
    model, or if a second round in a row can't be prepared, the trainer leaves towards the end of collecting.
    """
    return next((step for step in _trainer_steps(view) if step not in view.aside), Step.WAIT)


def _trainer_steps(view: TrainerView) -> Iterator[Step]:
    status, account = view.look.status, view.account
    if status.phase == Phase.CLOSED:
        yield Step.WITHDRAW if account.due or account.parts else Step.DONE
        return
    if account.seat is None:
        yield from _joining_steps(view)
        return
    bit, has_begun = 1 << account.seat, status.phase not in (Phase.ACCEPTING, Phase.ENROLLING)
    if has_begun and not status.active & bit and not account.parts:  # it has left
        yield Step.WITHDRAW if account.due else Step.DONE
        return
    if enforcement(view.look, view.terms):
        yield Step.ENFORCE
    if status.phase == Phase.COLLECTING and status.active & bit and not status.submitted & bit:
        half_over = view.look.now > status.deadline - view.terms.collect_window // 2
        if view.is_prepared:
            yield Step.SUBMIT
        elif view.has_copy and (not view.behind or half_over):
            yield Step.PREPARE
        is_lost = not view.is_prepared and (view.is_hopeless or not view.has_copy)
        if is_lost and view.look.now >= leave_opens(view.look, view.terms, account.seat):
            yield Step.LEAVE
    if status.phase == Phase.DELIVERING and status.submitted & bit and not status.delivered & bit and view.is_prepared:
        yield Step.DELIVER
    in_scoring = status.phase == Phase.SCORING or (status.phase == Phase.VACANT and status.in_scoring)
    if in_scoring and status.delivered & bit and view.is_prepared and not view.is_published:
        yield Step.PUBLISH
    if status.phase == Phase.HANDOVER and (account.due or account.parts) and not view.behind:
        yield Step.WITHDRAW
    if has_begun and (view.behind or not view.has_copy):
        yield Step.FOLLOW


def _joining_steps(view: TrainerView) -> Iterator[Step]:
    look, status, terms = view.look, view.look.status, view.terms
    if not look.may_enrol and (status.phase != Phase.ACCEPTING or look.is_overdue):
        yield Step.DONE
        return
    if not view.is_rehearsed:
        yield Step.REHEARSE
        return
    is_owners = terms.reference and not status.active  # the first seat, whose row is the reference
    if look.may_enrol and not _is_accepting(look, terms) and (view.is_owner or not is_owners):
        yield Step.ENROL


def _is_accepting(look: Look, terms: ProjectTerms) -> bool:
    """Whether an aggregator may still accept: until then nobody can enrol."""
    missing = look.status.accepted.bit_count() < len(terms.aggregators)
    return look.status.phase == Phase.ACCEPTING and missing and look.now <= look.enrol_by - terms.enrol_window


def leave_opens(look: Look, terms: ProjectTerms, seat: int) -> int:
    """From when on who can't take part in a round gives its seat up: in the last quarter of collecting, one seat after
    the other. Once so many have left that the project can't go on, it ends, and that costs the others nothing.
    """
    window = terms.collect_window
    return look.status.deadline - window // 4 + seat * (window // 8) // terms.seats


@dataclass(frozen=True)
class AggregatorView:
    look: Look
    terms: ProjectTerms
    account: Account
    address: str
    number: int | None  # in the terms' list; None if it isn't listed
    unmirrored: int  # payloads of the running round that aren't on the own store
    unusable: int | None  # payloads of the running round that are missing or don't open; None before that was tried
    is_ready: bool  # this round's proof is kept
    proving: int  # seconds that opening the payloads and proving takes
    behind: int  # settled rounds whose aggregate it doesn't serve yet
    to_republish: bool  # the next of them is not to be had
    aside: frozenset[Step] = frozenset()


def next_aggregator_step(view: AggregatorView) -> Step:
    """ACCEPT, TAKE_TURN; in each scoring MIRROR, then UNSEAL, SETTLE or VOID by who is in turn; WITHDRAW at the end.

    It tries to get payloads until its proof couldn't be done before the deadline, and excludes or voids only then. A
    proof that is kept is sent again, never made again.
    """
    return next((step for step in _aggregator_steps(view) if step not in view.aside), Step.WAIT)


def _aggregator_steps(view: AggregatorView) -> Iterator[Step]:
    status, number = view.look.status, view.number
    if status.phase == Phase.CLOSED:
        yield Step.WITHDRAW if view.account.due or view.account.parts else Step.DONE
        return
    if number is None:
        yield Step.DONE
        return
    has_accepted, is_spent = status.accepted >> number & 1, status.spent >> number & 1
    if not has_accepted:
        accept_by = view.look.enrol_by - view.terms.enrol_window
        yield Step.ACCEPT if status.phase == Phase.ACCEPTING and view.look.now <= accept_by else Step.DONE
        return
    is_free = status.current is None and status.phase in (Phase.ACCEPTING, Phase.VACANT)
    if is_free and not is_spent and turn_opens(view) <= view.look.now <= status.deadline:
        yield Step.TAKE_TURN
    if enforcement(view.look, view.terms):
        yield Step.ENFORCE
    in_scoring = status.phase == Phase.SCORING or (status.phase == Phase.VACANT and status.in_scoring)
    if status.phase == Phase.SCORING and status.current == view.address and view.look.now <= status.deadline:
        yield _scoring_step(view)
    elif in_scoring and view.unmirrored:
        yield Step.MIRROR
    if view.behind:
        yield Step.REPUBLISH if view.to_republish else Step.FOLLOW
    if status.phase == Phase.HANDOVER and view.account.due:
        yield Step.WITHDRAW


def _scoring_step(view: AggregatorView) -> Step:
    if view.is_ready:
        return Step.SETTLE
    last_call = view.look.now >= view.look.status.deadline - 2 * view.proving
    if view.unmirrored and not last_call:
        return Step.MIRROR
    if view.unusable is None:
        return Step.UNSEAL
    return Step.VOID if view.unusable > view.terms.max_excluded else Step.SETTLE


def turn_opens(view: AggregatorView) -> int:
    """From when on an aggregator takes a free turn: those before it in the terms go first, each for an eighth of the
    time that there is. Two at once would cost one of them a failed call.
    """
    status, terms = view.look.status, view.terms
    window = terms.accept_window if status.phase == Phase.ACCEPTING else terms.score_window
    others = [k for k in range(view.number or 0) if not status.spent >> k & 1]
    if status.phase == Phase.VACANT:
        others = [k for k in others if status.accepted >> k & 1]
    return status.deadline - window + len(others) * window // 8


@dataclass(frozen=True)
class OwnerView:
    look: Look
    terms: ProjectTerms
    account: Account
    ungranted: int  # members without a grant of the initial model's key; 0 if it is open
    behind: int  # settled rounds whose aggregate isn't in the owner's copy
    aside: frozenset[Step] = frozenset()


def next_owner_step(view: OwnerView) -> Step:
    """GRANT once aggregators have accepted and again once trainers have enrolled, CONFIRM once the last aggregate is
    there, WITHDRAW.
    """
    return next((step for step in _owner_steps(view) if step not in view.aside), Step.WAIT)


def _owner_steps(view: OwnerView) -> Iterator[Step]:
    status = view.look.status
    if status.phase == Phase.CLOSED:
        yield Step.WITHDRAW if view.account.due else Step.DONE
        return
    if view.ungranted and status.phase != Phase.ACCEPTING and status.phase != Phase.ENROLLING:
        yield Step.GRANT
    if status.phase == Phase.HANDOVER and not view.behind:
        yield Step.CONFIRM
    if enforcement(view.look, view.terms):
        yield Step.ENFORCE
    if view.behind:
        yield Step.FOLLOW


def enforcement(look: Look, terms: ProjectTerms) -> str | None:
    """The call that anybody may make at this look to end a phase, by its name in the contract."""
    status, enrolled = look.status, look.status.active.bit_count()
    if status.phase in (Phase.ACCEPTING, Phase.ENROLLING):
        if status.current is None:
            return "finish" if look.is_overdue else None
        if look.now <= look.enrol_by:
            return None
        return "start" if enrolled >= terms.min_rows else "finish"
    if status.phase == Phase.COLLECTING and enrolled < terms.min_rows:
        return "finish"
    if status.phase == Phase.FAILED:
        return "fail"
    ends = {Phase.VACANT: "finish", Phase.SCORING: "slash", Phase.HANDOVER: "confirm"}
    return ends.get(status.phase) if look.is_overdue else None


def waiting_for(look: Look, terms: ProjectTerms) -> tuple[str, int]:
    """What a program that has nothing to do waits for, in words, and until when (seconds since 1970; 0 if open)."""
    status, number = look.status, f"round {look.status.round + 1}"
    if call := enforcement(look, terms):
        return f"somebody to call {call}, which those before this account do first", 0
    if status.phase in (Phase.ACCEPTING, Phase.VACANT) and status.current is None:
        return "an aggregator to take the turn", status.deadline
    if _is_accepting(look, terms):
        return "all aggregators to accept", look.enrol_by - terms.enrol_window
    if status.phase in (Phase.ACCEPTING, Phase.ENROLLING):
        if terms.reference and not status.active:
            return "the owner to take the first seat", look.enrol_by
        return "trainers to enrol", look.enrol_by
    told = {
        Phase.COLLECTING: f"trainers to submit in {number}",
        Phase.DELIVERING: f"trainers to deliver in {number}",
        Phase.SCORING: f"the aggregator to settle {number}",
        Phase.HANDOVER: "the owner to confirm the last aggregate",
    }
    return told.get(status.phase, "the project to go on"), status.deadline

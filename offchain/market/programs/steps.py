"""What each role does next: pure functions of what it sees. The client rules of the protocol are here.

A *view* holds all that a decision depends on, taken at one look. `next_..._step` returns the one step that is due, of
those listed with each role. A step that fails is due again at the next look: nothing else keeps count.

Calls that enforce (start, fail, slash, finish, confirm) are anybody's once a deadline has passed. Every role makes
them, since its own money waits for them; the contract takes the first.
"""

from __future__ import annotations

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
    "next_aggregator_step",
    "next_owner_step",
    "next_trainer_step",
    "turn_opens",
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
    ENROL = "enrol"  # check the project, then take a seat
    PREPARE = "prepare"  # train, quantise, commit, seal; all of it is kept
    SUBMIT = "submit"
    DELIVER = "deliver"
    PUBLISH = "publish"  # the payload's bytes reach the store
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


def next_trainer_step(view: TrainerView) -> Step:
    """ENROL; then each round FOLLOW, PREPARE, SUBMIT, DELIVER, PUBLISH; at the end WITHDRAW.

    The payload's bytes go out in scoring, when nobody can submit or deliver any more, and as long as the round isn't
    over. If the last aggregate is not to be had by the middle of collecting, the last good model has to do.
    """
    status, account = view.look.status, view.account
    if status.phase == Phase.CLOSED:
        return Step.WITHDRAW if account.due or account.parts else Step.DONE
    if account.seat is None:
        if view.look.may_enrol:
            is_owners = view.terms.reference and not status.active  # the first seat, whose row is the reference
            return Step.WAIT if is_owners and not view.is_owner else Step.ENROL
        is_waiting = status.phase == Phase.ACCEPTING and not view.look.is_overdue
        return Step.WAIT if is_waiting else Step.DONE
    if enforcement(view.look, view.terms):
        return Step.ENFORCE
    bit = 1 << account.seat
    if status.phase == Phase.COLLECTING and status.active & bit and not status.submitted & bit:
        half_over = view.look.now > status.deadline - view.terms.collect_window // 2
        if view.is_prepared:
            return Step.SUBMIT
        if view.has_copy and (not view.behind or half_over):
            return Step.PREPARE
    if status.phase == Phase.DELIVERING and status.submitted & bit and not status.delivered & bit and view.is_prepared:
        return Step.DELIVER
    in_scoring = status.phase == Phase.SCORING or (status.phase == Phase.VACANT and status.in_scoring)
    if in_scoring and status.delivered & bit and view.is_prepared and not view.is_published:
        return Step.PUBLISH
    if status.phase == Phase.HANDOVER and (account.due or account.parts) and not view.behind:
        return Step.WITHDRAW
    has_begun = status.phase not in (Phase.ACCEPTING, Phase.ENROLLING)
    return Step.FOLLOW if has_begun and (view.behind or not view.has_copy) else Step.WAIT


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


def next_aggregator_step(view: AggregatorView) -> Step:
    """ACCEPT, TAKE_TURN; in each scoring MIRROR, then UNSEAL, SETTLE or VOID by who is in turn; WITHDRAW at the end.

    It tries to get payloads until its proof couldn't be done before the deadline, and excludes or voids only then. A
    proof that is kept is sent again, never made again.
    """
    status, number = view.look.status, view.number
    if status.phase == Phase.CLOSED:
        return Step.WITHDRAW if view.account.due or view.account.parts else Step.DONE
    if number is None:
        return Step.DONE
    has_accepted, is_spent = status.accepted >> number & 1, status.spent >> number & 1
    if status.phase == Phase.ACCEPTING and not has_accepted:
        accept_by = view.look.enrol_by - view.terms.enrol_window
        return Step.ACCEPT if view.look.now <= accept_by else Step.DONE
    if not has_accepted:
        return Step.DONE
    is_free = status.current is None and status.phase in (Phase.ACCEPTING, Phase.VACANT)
    if is_free and not is_spent and turn_opens(view) <= view.look.now <= status.deadline:
        return Step.TAKE_TURN
    if enforcement(view.look, view.terms):
        return Step.ENFORCE
    in_scoring = status.phase == Phase.SCORING or (status.phase == Phase.VACANT and status.in_scoring)
    if status.phase == Phase.SCORING and status.current == view.address and view.look.now <= status.deadline:
        return _scoring_step(view)
    if in_scoring and view.unmirrored:
        return Step.MIRROR
    if view.behind:
        return Step.REPUBLISH if view.to_republish else Step.FOLLOW
    if status.phase == Phase.HANDOVER and view.account.due:
        return Step.WITHDRAW
    return Step.WAIT


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


def next_owner_step(view: OwnerView) -> Step:
    """GRANT once aggregators have accepted and again once trainers have enrolled, CONFIRM once the last aggregate is
    there, WITHDRAW.
    """
    status = view.look.status
    if status.phase == Phase.CLOSED:
        return Step.WITHDRAW if view.account.due else Step.DONE
    if view.ungranted and status.phase != Phase.ACCEPTING and status.phase != Phase.ENROLLING:
        return Step.GRANT
    if status.phase == Phase.HANDOVER and not view.behind:
        return Step.CONFIRM
    if enforcement(view.look, view.terms):
        return Step.ENFORCE
    return Step.FOLLOW if view.behind else Step.WAIT


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

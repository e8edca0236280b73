"""A project as its parties see it: the escrow's state, its events, and what is bound to them.

Everything here is read from the chain; nothing is believed because somebody said it elsewhere.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from typing import Any

from eth_abi import encode
from eth_utils import keccak

from offchain.market.errors import MarketError
from offchain.market.follow import Follower
from offchain.market.money import Token, read_token
from offchain.market.named import Tries, copies_to_try, grants_to_try
from offchain.market.terms import ProjectTerms
from offchain.scoring.shown import NOTHING
from offchain.storage.sealing import is_usable

__all__ = ["Account", "Delivery", "Look", "Phase", "Point", "Project", "Settlement", "Status", "settlement_of"]

logger = logging.getLogger(__name__)

Point = tuple[int, int]  # EVM encoding; (0, 0) is the identity


class Phase(IntEnum):
    """As contracts/modules/machine.vy numbers them."""

    ACCEPTING = 1
    ENROLLING = 2
    HANDOVER = 4
    CLOSED = 5
    VACANT = 6
    COLLECTING = 7
    FAILED = 8
    DELIVERING = 9
    SCORING = 10


@dataclass(frozen=True)
class Status:
    phase: Phase
    deadline: int  # seconds since 1970; 0 if the phase has none
    round: int
    current: str | None  # aggregator in turn
    in_scoring: bool  # the round was vacated after it had reached scoring
    accepted: int  # masks over the listed aggregators
    spent: int
    active: int  # masks over seats
    submitted: int
    delivered: int
    rate: int  # in 2^-32

    def at(self, now: int, terms: ProjectTerms) -> Status:
        """As it is once the clock stands at `now`, if nothing else happens: deadlines open the next phase."""
        if self.phase == Phase.COLLECTING and now > self.deadline:
            if self.submitted.bit_count() < terms.min_rows:
                return replace(self, phase=Phase.FAILED, deadline=0)
            return replace(self, phase=Phase.DELIVERING, deadline=self.deadline + terms.deliver_window).at(now, terms)
        if self.phase == Phase.DELIVERING and now > self.deadline:
            if self.delivered.bit_count() < terms.min_rows:
                return replace(self, phase=Phase.FAILED, deadline=0)
            return replace(self, phase=Phase.SCORING, deadline=self.deadline + terms.score_window)
        return self


@dataclass(frozen=True)
class Look:
    """A project at one block, `depth` below the head."""

    block: int
    now: int  # seconds since 1970, by which deadlines are judged
    status: Status
    enrol_by: int

    @property
    def may_enrol(self) -> bool:
        """By the clock and the phase; whether a seat is free is another question."""
        s = self.status
        return s.phase in (Phase.ACCEPTING, Phase.ENROLLING) and s.current is not None and self.now <= self.enrol_by

    @property
    def is_overdue(self) -> bool:
        return 0 < self.status.deadline < self.now


@dataclass(frozen=True)
class Account:
    """What a party has in a project."""

    due: int  # token units that it may withdraw
    seat: int | None
    parts: int  # at stake


@dataclass(frozen=True)
class Delivery:
    """What a trainer revealed in a round."""

    round: int
    seat: int
    trainer: str
    commitment: Point
    cid: bytes  # digest of the sealed payload's CID


@dataclass(frozen=True)
class Settlement:
    """What the contract decided in a round. Lists are by row."""

    round: int
    aggregator: str
    seats: list[int]
    kept: list[bool]
    policy_failed: bool
    agreement: int
    weights: list[int]
    contributions: list[int]
    credits: list[int]
    aggregate: Point
    cid: bytes
    rate: int
    memory: tuple[int, ...]  # what the policy remembers from then on

    @property
    def total_weight(self) -> int:
        return sum(self.weights)


class Project:
    """One escrow. Blocks before `since` are not searched for its events, nor those less than `depth` below the head."""

    def __init__(self, escrow: Any, since: int = 0, depth: int = 0) -> None:
        self.escrow = escrow
        self.since = since
        self.follower = Follower(escrow, since, depth)
        self.tries = Tries()
        self._unusable: set[str] = set()  # accounts whose key was warned of

    @property
    def address(self) -> str:
        return str(self.escrow.address)

    @cached_property
    def terms(self) -> ProjectTerms:
        """They never change."""
        return ProjectTerms.from_struct(self.escrow.terms())

    @cached_property
    def token(self) -> Token:
        """What the reward token says of itself."""
        return read_token(self.terms.token, self.escrow.provider)

    @cached_property
    def chain_id(self) -> int:
        return int(self.escrow.provider.chain_id)

    def look(self) -> Look | None:
        """The project `depth` blocks below the head; None as long as it wasn't created there."""
        block = self.follower.follow()
        created = self.follower.events("Created")
        if not created:
            return None
        now = self.follower.now(block)
        status = self.status(block.number).at(now, self.terms)
        accept_by, enrol_by = int(created[0].accept_by), int(created[0].enrol_by)
        if status.phase == Phase.ACCEPTING and status.current is not None and now > accept_by:
            status = replace(status, deadline=enrol_by)
        return Look(block.number, now, status, enrol_by)

    def status(self, block: int | str = "latest") -> Status:
        s = self.escrow.status(block_id=block)
        current = str(s.current) if int(str(s.current), 16) else None
        return Status(
            Phase(s.phase),
            s.deadline,
            s.round,
            current,
            s.in_scoring,
            s.accepted,
            s.spent,
            s.active,
            s.submitted,
            s.delivered,
            s.rate,
        )

    def account(self, address: str, block: int | str = "latest") -> Account:
        a = self.escrow.account_of(address, block_id=block)
        return Account(int(a.due), int(a.seat) - 1 if a.seat else None, int(a.parts))

    def expect(self, phase: Phase) -> Status:
        """The status, in this phase; raises MarketError in any other."""
        status = self.status()
        if status.phase != phase:
            raise MarketError(f"the project is {status.phase.name.lower()}, not {phase.name.lower()}")
        return status

    def sealing_keys(self) -> list[bytes]:
        """Of the aggregators that have accepted, in the order of the terms."""
        keys = (bytes(self.escrow.sealing_keys(a)) for a in self.terms.aggregators)
        return [key for key in keys if any(key)]

    def member_keys(self) -> list[bytes]:
        """Of the aggregators that have accepted and of the trainers that have not left, in the order in which they
        joined; each once, and only those that something can be sealed to: the contract takes any 32 bytes, and one bad
        key must not keep anything from the others.
        """
        left = {str(event.trainer) for event in self._events("Left")}
        keys = {str(event.aggregator): bytes(event.key) for event in self._events("Accepted")}
        for event in self._events("Enrolled"):
            if str(event.trainer) not in left:
                keys.setdefault(str(event.trainer), bytes(event.key))
        return list(dict.fromkeys(key for account, key in keys.items() if self._can_seal_to(account, key)))

    def grants(self) -> list[bytes]:
        """Digests of the CIDs at which grants of the initial model's key were named, oldest first."""
        return [bytes(event.cid) for event in self._events("Released")]

    def grants_to_try(self) -> list[bytes]:
        """Of those, in the order in which a member tries them."""
        named = ((str(event.by), bytes(event.cid)) for event in self._events("Released"))
        return grants_to_try(named, str(self.escrow.owner()))

    def copies_to_try(self, settlement: Settlement) -> list[bytes]:
        """Digests of the CIDs of a settled round's aggregate, in the order in which a member tries them."""
        events = (event for event in self._events("Republished") if event.round == settlement.round)
        return copies_to_try(settlement.cid, ((str(event.by), bytes(event.cid)) for event in events))

    def has_submitted(self, round_: int, trainer: str, digest: bytes) -> bool:
        """Whether a trainer has submitted this hash in a round."""
        return any(
            event.round == round_ and str(event.trainer) == trainer and bytes(event.hash) == digest
            for event in self._events("Submitted")
        )

    def withdrawn(self, account: str) -> int:
        """Units that an account has withdrawn so far."""
        return sum(int(event.amount) for event in self._events("Withdrawn") if str(event.account) == account)

    def withdrawn_in(self, receipt: Any) -> int:
        """Units that a call of `withdraw` has moved."""
        (event,) = receipt.decode_logs(self.escrow.Withdrawn)
        return int(event.amount)

    def context(self, round_: int, aggregator: str) -> bytes:
        """What a round's proof is bound to: keccak(abi.encode(chain id, escrow, round, aggregator))."""
        types = ["uint256", "address", "uint256", "address"]
        return keccak(encode(types, [self.chain_id, self.address, round_, aggregator]))

    def submission_hash(self, round_: int, trainer: str, commitment: Point) -> bytes:
        """keccak(abi.encode(chain id, escrow, round, trainer, commitment))."""
        types = ["uint256", "address", "uint256", "address", "uint256[2]"]
        return keccak(encode(types, [self.chain_id, self.address, round_, trainer, commitment]))

    def deliveries(self, round_: int) -> list[Delivery]:
        """Of one round, in the order in which they were made."""
        return [
            Delivery(e.round, e.seat, str(e.trainer), (e.commitment[0], e.commitment[1]), bytes(e.cid))
            for e in self._events("Delivered")
            if e.round == round_
        ]

    def deliveries_hash(self, round_: int) -> bytes:
        """The running hash of a round's deliveries, as the escrow keeps it: h' = keccak(abi.encode(h, seat,
        commitment)), from the round's number on.
        """
        digest = round_.to_bytes(32, "big")
        for delivery in self.deliveries(round_):
            digest = keccak(encode(["bytes32", "uint256", "uint256[2]"], [digest, delivery.seat, delivery.commitment]))
        return digest

    def settlements(self) -> list[Settlement]:
        """Of all settled rounds, in order."""
        return [settlement_of(e) for e in self._events("Settled")]

    def public_settlements(self) -> list[Settlement]:
        """Those whose aggregates the running round's public rows are of, in order: all that kept anything.

        There are none if the terms have no public rows.
        """
        if not self.terms.public_rows:
            return []
        return [settlement for settlement in self.settlements() if settlement.aggregate != (0, 0)]

    def memory(self) -> tuple[int, ...]:
        """What the policy remembers."""
        settlements = self.settlements()
        return settlements[-1].memory if settlements else NOTHING

    def _can_seal_to(self, account: str, key: bytes) -> bool:
        """Whether this is a key; an account whose isn't is warned of once."""
        if is_usable(key):
            return True
        if account not in self._unusable:
            self._unusable.add(account)
            logger.warning("%s has joined with %s, which is no usable key: nothing is sealed to it", account, key.hex())
        return False

    def _events(self, name: str) -> list[Any]:
        self.follower.follow()
        return self.follower.events(name)


def settlement_of(event: Any) -> Settlement:
    """From the escrow's event Settled."""
    seats = [seat for seat in range(32) if event.rows >> seat & 1]
    return Settlement(
        round=event.round,
        aggregator=str(event.aggregator),
        seats=seats,
        kept=[bool(event.kept >> row & 1) for row in range(len(seats))],
        policy_failed=event.policy_failed,
        agreement=event.agreement,
        weights=list(event.weights),
        contributions=list(event.contributions),
        credits=list(event.credits),
        aggregate=(event.aggregate[0], event.aggregate[1]),
        cid=bytes(event.cid),
        rate=event.rate,
        memory=tuple(event.memory),
    )

"""A project as its parties see it: the escrow's state, its events, and what is bound to them.

Everything here is read from the chain; nothing is believed because somebody said it elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any

from eth_abi import encode
from eth_utils import keccak

from offchain.market.errors import MarketError
from offchain.market.terms import ProjectTerms

__all__ = ["Delivery", "Phase", "Point", "Project", "Settlement", "Status"]

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
    current: str  # aggregator in turn
    active: int  # masks over seats
    submitted: int
    delivered: int
    rate: int  # in 2^-32


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

    @property
    def total_weight(self) -> int:
        return sum(self.weights)


class Project:
    """One escrow. Blocks before `since` are not searched for its events."""

    def __init__(self, escrow: Any, since: int = 0) -> None:
        self.escrow = escrow
        self.since = since

    @property
    def address(self) -> str:
        return str(self.escrow.address)

    @cached_property
    def terms(self) -> ProjectTerms:
        """They never change."""
        return ProjectTerms.from_struct(self.escrow.terms())

    @cached_property
    def chain_id(self) -> int:
        return int(self.escrow.provider.chain_id)

    def status(self) -> Status:
        s = self.escrow.status()
        return Status(Phase(s.phase), s.deadline, s.round, str(s.current), s.active, s.submitted, s.delivered, s.rate)

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

    def context(self, round_: int, aggregator: str) -> bytes:
        """What a round's proof is bound to: keccak(abi.encode(chain id, escrow, round, aggregator))."""
        types = ["uint256", "address", "uint256", "address"]
        return keccak(encode(types, [self.chain_id, self.address, round_, aggregator]))

    def submission_hash(self, round_: int, trainer: str, commitment: Point) -> bytes:
        """keccak(abi.encode(chain id, escrow, round, trainer, commitment))."""
        types = ["uint256", "address", "uint256", "address", "uint256[2]"]
        return keccak(encode(types, [self.chain_id, self.address, round_, trainer, commitment]))

    def deliveries(self, round_: int) -> list[Delivery]:
        """Of one round, in seat order."""
        found = [
            Delivery(e.round, e.seat, str(e.trainer), (e.commitment[0], e.commitment[1]), bytes(e.cid))
            for e in self._events("Delivered")
            if e.round == round_
        ]
        return sorted(found, key=lambda delivery: delivery.seat)

    def settlements(self) -> list[Settlement]:
        """Of all settled rounds, in order."""
        return [settlement_of(e) for e in self._events("Settled")]

    def public_settlements(self) -> list[Settlement]:
        """Of whose aggregates the running round's public rows are made: all that kept anything.

        None if the terms have no public rows.
        """
        if not self.terms.public_rows:
            return []
        return [settlement for settlement in self.settlements() if settlement.aggregate != (0, 0)]

    def _events(self, name: str) -> list[Any]:
        head = self.escrow.provider.get_block("latest").number
        return list(getattr(self.escrow, name).range(self.since, head + 1))


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
    )

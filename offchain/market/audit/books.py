"""A project's state and money, replayed from its events by the rules of the escrow (docs/protocol.md).

Each event is one move. `take` checks that the rules allow it in this state and at this time, that it says what follows
from the state, amounts to the unit, and that it comes where it must: some events have to follow others in the same
transaction. So events that were left out, made up or changed show. What the policy decides is taken from the event
here; `rounds.py` checks it.

After each move all that came in is accounted for: in = out + due + pot + bond + pending + stake + parts + sunk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from offchain.market.audit.finding import Difference, must, same
from offchain.market.audit.history import Entry
from offchain.market.project import Phase, Point
from offchain.market.terms import ProjectTerms
from offchain.proving.pairing import PointError, decode_g1
from offchain.scoring.policy import shares
from offchain.scoring.shown import NOTHING

__all__ = ["Books", "Delivered", "Settled"]

NOBODY = "0x" + "0" * 40
AFTER_ACKNOWLEDGED = ("Settled", "Voided", "Slashed", "Failed", "Confirmed")
AFTER_FORGONE = ("Failed", "Rejected")


@dataclass(frozen=True)
class Delivered:
    """What a trainer delivered in a round."""

    round: int
    seat: int
    trainer: str
    commitment: Point
    cid: bytes


@dataclass(frozen=True)
class Settled:
    """A settled round: the event, its rows, the rate that it was played with, what was delivered and excluded, and what
    the policy remembered.
    """

    entry: Entry
    rows: tuple[Delivered, ...]
    rate: int
    delivered: tuple[Delivered, ...] = ()  # all, in the order in which they were
    excluded: tuple[Delivered, ...] = ()
    memory: tuple[int, ...] = NOTHING
    copies: list[tuple[str, bytes]] = field(default_factory=list, compare=False)  # who named which CID later

    @property
    def round(self) -> int:
        return int(self.entry["round"])

    @property
    def seats(self) -> list[int]:
        return [row.seat for row in self.rows]

    @property
    def aggregate(self) -> Point:
        x, y = self.entry["aggregate"]
        return x, y

    @property
    def total_weight(self) -> int:
        return sum(self.entry["weights"])


def mask(seats: object) -> int:
    """The bits of some seats."""
    return sum(1 << seat for seat in seats)  # type: ignore[attr-defined]


def seats_of(bits: int) -> list[int]:
    """The seats of some bits, in order."""
    return [seat for seat in range(bits.bit_length()) if bits >> seat & 1]


class Books:
    """What must be true of a project after the entries taken so far.

    opening: the hash that a trainer submits for a commitment, from round, trainer and commitment.
    """

    def __init__(self, terms: ProjectTerms, opening: Callable[[int, str, Point], bytes]) -> None:
        self.terms = terms
        self._opening = opening
        self.owner = NOBODY
        self.phase_outside: Phase | None = None  # while no round is played
        self.keys: dict[str, bytes] = {}  # sealing keys, by account
        self.accepted: set[str] = set()
        self.spent: set[str] = set()
        self.current: str | None = None
        self.seats: list[str] = []
        self.parts: list[int] = []  # by seat
        self.due: Counter[str] = Counter()
        self.pending, self.pending_to = 0, NOBODY
        self.rounding = 0
        self.sunk = self.stake = self.bond = self.paid_in = self.paid_out = 0
        self.round = 0
        self.in_scoring = False
        self.active: set[int] = set()
        self.submitted: dict[int, bytes] = {}
        self.delivered: dict[int, Delivered] = {}
        self.rate = terms.rate
        self.memory: tuple[int, ...] = NOTHING  # the policy's
        self.settled: list[Settled] = []
        self.deliveries: list[Delivered] = []
        self.grants: list[tuple[str, bytes]] = []  # who named which CID of a grant of the initial model's key
        self._d1 = self._d2 = self._d3 = 0
        self._next: tuple[str, ...] = ()  # what has to follow in the same transaction
        self._missed = 0  # seats that the event Missed, which comes next, has to name
        self._follows = False  # whether the entry is one that had to follow
        self._fee_event, self._fee = "", 0  # how the pending fee was just decided
        self._last = ("", "")

    # --- what is asked of them

    @property
    def pot(self) -> int:
        """Reward and fee of the running and all later rounds, and what the shares of earlier ones left over."""
        if self.owner == NOBODY or self.phase_outside in (Phase.HANDOVER, Phase.CLOSED):
            return 0
        return (self.terms.rounds - self.round) * (self.terms.round_reward + self.terms.round_fee) + self.rounding

    @property
    def staked_parts(self) -> int:
        return sum(self.parts) * self.terms.trainer_part

    @property
    def owed(self) -> int:
        """All that the escrow must have."""
        due = sum(self.due.values())
        return due + self.pot + self.bond + self.pending + self.stake + self.staked_parts + self.sunk

    @property
    def accounts(self) -> list[str]:
        """Everybody who may have something due."""
        return list(dict.fromkeys([self.owner, *self.terms.aggregators, *self.seats]))

    def phase(self, now: int) -> Phase:
        if self.phase_outside is not None:
            return self.phase_outside
        if self.current is None:
            return Phase.VACANT
        if now <= self._d1 and len(self.submitted) != len(self.active):
            return Phase.COLLECTING
        few_delivered = now > self._d2 and len(self.delivered) < self.terms.min_rows
        if len(self.submitted) < self.terms.min_rows or few_delivered:
            return Phase.FAILED
        if now <= self._d2 and len(self.delivered) != len(self.submitted):
            return Phase.DELIVERING
        return Phase.SCORING

    # --- moves

    def take(self, entry: Entry) -> None:
        """Raises Difference unless the entry is the move that the rules allow."""
        where = f"block {entry.block}, {entry.name}"
        move = getattr(self, f"_take_{entry.name.lower()}", None)
        if move is None:
            raise Difference(f"{where}: no such event is known")
        must(entry.name == "Created" or self.owner != NOBODY, f"{where}: comes before the project was created")
        previous, transaction = self._last
        if self._next:
            follows = entry.name in self._next and entry.transaction == transaction
            must(follows, f"{where}: {' or '.join(self._next)} has to follow {previous} in its transaction")
        self._follows, self._next = bool(self._next), ()
        try:
            move(entry)
            same("what came in", self.paid_in, self.paid_out + self.owed)
            must(min(self.due.values(), default=0) >= 0, "an account has less than nothing")
        except Difference as difference:
            raise Difference(f"{where}: {difference}") from None
        if entry.name not in ("Acknowledged", "Forgone"):
            self._fee_event = ""
        self._last = entry.name, entry.transaction

    def close(self) -> None:
        """Raises Difference if something should have followed the last entry."""
        must(not self._next, f"{' or '.join(self._next)} has to follow {self._last[0]}, and nothing does")

    def _take_created(self, e: Entry) -> None:
        terms = self.terms
        must(self.owner == NOBODY, "the project exists")
        same("the amount that was locked", e["funded"], terms.funds)
        self._d1 = e.time + terms.accept_window
        self._d2 = self._d1 + terms.enrol_window
        same("the deadlines", (e["accept_by"], e["enrol_by"]), (self._d1, self._d2))
        self.owner, self.phase_outside = e["owner"], Phase.ACCEPTING
        self.bond = terms.round_fee
        self.paid_in += e["funded"]

    def _take_accepted(self, e: Entry) -> None:
        who = e["aggregator"]
        self._expect(e, Phase.ACCEPTING)
        must(e.time <= self._d1, "it came after the deadline")
        must(who in self.terms.aggregators and who not in self.accepted, f"{who} may not accept")
        must(any(e["key"]), "the key is zero")
        self.accepted.add(who)
        self.keys[who] = e["key"]

    def _take_turntaken(self, e: Entry) -> None:
        who, terms = e["aggregator"], self.terms
        phase = self._expect(e, Phase.ACCEPTING, Phase.VACANT)
        must(self.current is None, "the turn is taken")
        must(e.time <= (self._d1 if phase == Phase.ACCEPTING else self._d3), "it came after the deadline")
        must(who in self.accepted and who not in self.spent, f"{who} may not take the turn")
        self._expect_round(e)
        same("the stake", e["stake"], terms.aggregator_stake)
        same("the deadline", e["score_by"], e.time + terms.score_window if self.in_scoring else 0)
        if self.in_scoring:
            self._d3 = e["score_by"]
        elif phase == Phase.VACANT:
            self._next = ("RoundStarted",)
        self.current, self.stake = who, e["stake"]
        self.paid_in += e["stake"]

    def _take_enrolled(self, e: Entry) -> None:
        who, terms = e["trainer"], self.terms
        phase = self._expect(e, Phase.ACCEPTING, Phase.ENROLLING)
        must(self.current is not None, "there is no aggregator")
        early = phase == Phase.ACCEPTING and e.time <= self._d1
        must(not early or len(self.accepted) == len(terms.aggregators), "aggregators could still accept")
        must(e.time <= self._d2, "it came after the deadline")
        must(who not in self.seats and len(self.seats) < terms.seats, f"{who} may not enrol")
        must(self.seats or not terms.reference or who == self.owner, "the owner has the first seat")
        same("the seat", e["seat"], len(self.seats))
        same("the stake", e["stake"], terms.trainer_stake)
        must(any(e["key"]), "the key is zero")
        same("the key", e["key"], self.keys.setdefault(who, e["key"]))
        self.active.add(len(self.seats))
        self.seats.append(who)
        self.parts.append(terms.rounds)
        self.paid_in += e["stake"]
        self.phase_outside = Phase.ENROLLING
        if len(self.seats) == terms.seats:
            self._next = ("RoundStarted",)

    def _take_roundstarted(self, e: Entry) -> None:
        terms = self.terms
        if self.phase_outside is not None:
            self._expect(e, Phase.ENROLLING)
            full = len(self.seats) == terms.seats
            must(full or (e.time > self._d2 and len(self.seats) >= terms.min_rows), "it is too early")
            self.phase_outside = None
        else:
            must(self._follows, "no round was over")
        self._expect_round(e)
        self._d1 = e.time + terms.collect_window
        self._d2 = self._d1 + terms.deliver_window
        self._d3 = self._d2 + terms.score_window
        same("the deadlines", (e["collect_by"], e["deliver_by"], e["score_by"]), (self._d1, self._d2, self._d3))
        same("the rate", e["rate"], self.rate)

    def _take_submitted(self, e: Entry) -> None:
        self._expect(e, Phase.COLLECTING)
        seat = self._expect_seat(e)
        must(seat in self.active and seat not in self.submitted, f"seat {seat} may not submit")
        must(any(e["hash"]), "the hash is zero")
        self.submitted[seat] = e["hash"]

    def _take_left(self, e: Entry) -> None:
        self._expect(e, Phase.COLLECTING)
        seat = self._expect_seat(e)
        must(seat in self.active and seat not in self.submitted, f"seat {seat} may not leave")
        free = self.round > 0 and self.round - 1 not in {settled.round for settled in self.settled}
        lost = 0 if free else 1
        part = self.terms.trainer_part
        amounts = ((self.parts[seat] - lost) * part, lost * part)
        same("what was returned and forfeited", (e["returned"], e["forfeited"]), amounts)
        self.due[self.seats[seat]] += e["returned"]
        self.sunk += e["forfeited"]
        self.parts[seat] = 0
        self.active.remove(seat)

    def _take_delivered(self, e: Entry) -> None:
        self._expect(e, Phase.DELIVERING)
        seat, who = self._expect_seat(e), e["trainer"]
        must(seat in self.submitted and seat not in self.delivered, f"seat {seat} may not deliver")
        x, y = e["commitment"]
        same("the hash of the commitment", self._opening(self.round, who, (x, y)), self.submitted[seat])
        must((x, y) != (0, 0) and any(e["cid"]), "the commitment is the identity, or the CID zero")
        try:
            decode_g1((x, y))
        except PointError as error:
            raise Difference(f"the commitment is no point: {error}") from None
        self.delivered[seat] = Delivered(self.round, seat, who, (x, y), e["cid"])
        self.deliveries.append(self.delivered[seat])

    def _take_acknowledged(self, e: Entry) -> None:
        self._expect_pending(e)
        self.due[self.pending_to] += self.pending
        self.pending, self._fee_event, self._next = 0, e.name, AFTER_ACKNOWLEDGED

    def _take_forgone(self, e: Entry) -> None:
        self._expect_pending(e)
        self.sunk += self.pending
        self.pending, self._fee_event, self._next = 0, e.name, AFTER_FORGONE

    def _take_settled(self, e: Entry) -> None:
        terms = self.terms
        self._expect_scoring(e)
        must(e.time <= self._d3, "it came after the deadline")
        excluded = seats_of(e["excluded"])
        must(set(excluded) <= set(self.delivered) and len(excluded) <= terms.max_excluded, "too many are excluded")
        seats = sorted(set(self.delivered) - set(excluded))
        same("the rows", seats_of(e["rows"]), seats)
        lengths = {len(e[name]) for name in ("weights", "contributions", "credits")}
        same("the number of weights, contributions and credits", lengths, {len(seats)})

        payable = terms.round_reward * len(seats) // len(self.delivered)
        if terms.has_reference(seats) and not e["policy_failed"]:
            # rows that the owner's reference removes take their part with them, as excluded ones do
            judged = len(self.delivered) - 1
            payable = terms.round_reward * min(e["kept"].bit_count(), judged) // judged
        paid = sum(e["contributions"]) > 0
        penalty = len(excluded) * terms.trainer_part
        same("the credits", e["credits"], shares(payable, e["contributions"]))
        same("the rounding", e["rounding"], payable - sum(e["credits"]) if paid else 0)
        same("what is sunk", e["sunk"], penalty + (terms.round_reward - payable if paid else terms.round_reward))
        same("the pending fee", e["pending"], terms.round_fee - penalty)
        for seat, credit in zip(seats, e["credits"], strict=True):
            self.due[self.seats[seat]] += credit
        self.rounding += e["rounding"]
        self.sunk += e["sunk"]
        self.pending, self.pending_to = e["pending"], e["aggregator"]

        rows, out = ([self.delivered[seat] for seat in group] for group in (seats, excluded))
        delivered = tuple(self.delivered.values())
        self.settled.append(Settled(e, tuple(rows), self.rate, delivered, tuple(out), self.memory))
        self.rate, self.memory = e["rate"], tuple(e["memory"])
        self._round_over(self.active - set(seats))

    def _take_voided(self, e: Entry) -> None:
        terms = self.terms
        self._expect_scoring(e)
        must(e.time <= self._d3, "it came after the deadline")
        excluded = set(seats_of(e["excluded"]))
        must(excluded <= set(self.delivered), "excluded has not delivered")
        must(len(excluded) > terms.max_excluded, "too few are excluded")
        penalty = len(excluded) * terms.trainer_part
        amounts = (terms.round_reward + penalty, terms.aggregator_stake - penalty, terms.round_fee)
        same("what is sunk, returned and refunded", (e["sunk"], e["returned"], e["refunded"]), amounts)
        self.sunk += e["sunk"]
        self.due[self.owner] += e["refunded"]
        self.due[e["aggregator"]] += e["returned"]
        self._end_turn()
        self._round_over(self.active - (set(self.delivered) - excluded))

    def _take_slashed(self, e: Entry) -> None:
        self._expect_scoring(e)
        must(e.time > self._d3, "it came before the deadline")
        same("who delivered", seats_of(e["delivered"]), sorted(self.delivered))
        share, dust = divmod(self.stake, len(self.delivered))
        same("the share of each and what is sunk", (e["share"], e["sunk"]), (share, dust))
        for seat in self.delivered:
            self.due[self.seats[seat]] += share
        self.sunk += dust
        self._end_turn()
        self.in_scoring = True
        self._d3 = e.time + self.terms.score_window
        same("the deadline", e["take_by"], self._d3)

    def _take_failed(self, e: Entry) -> None:
        terms = self.terms
        self._expect(e, Phase.FAILED)
        self._expect_round(e)
        masks = (mask(self.submitted), mask(self.delivered))
        same("who submitted and delivered", (e["submitted"], e["delivered"]), masks)
        same("what is refunded", e["refunded"], terms.round_reward + terms.round_fee)
        few = len(self.submitted) < terms.min_rows
        self._expect_fee_decided("Forgone" if few else "Acknowledged")
        self.due[self.owner] += e["refunded"]
        self._round_over(self.active - set(self.submitted if few else self.delivered))

    def _take_missed(self, e: Entry) -> None:
        must(self._missed != 0, "nobody missed a round")
        same("the seats", e["seats"], self._missed)
        seats = seats_of(e["seats"])
        same("what is sunk", e["sunk"], len(seats) * self.terms.trainer_part)
        for seat in seats:
            must(self.parts[seat] > 0, f"seat {seat} has no part left")
            self.parts[seat] -= 1
        self.sunk += e["sunk"]
        self._missed = 0
        same("the round", e["round"], self.round - 1)
        self._next = self._after_round()

    def _take_vacated(self, e: Entry) -> None:
        must(self._follows, "no round was over")
        self._expect_round(e)
        self._d3 = e.time + self.terms.score_window
        same("the deadline", e["take_by"], self._d3)

    def _take_ended(self, e: Entry) -> None:
        terms = self.terms
        same("the round", e["round"], self.round)
        must(self._follows or self._is_stuck(e.time), "the project could go on")
        same("what is refunded", e["refunded"], self.pot)
        same("whose turn ended", e["aggregator"], self.current or NOBODY)
        same("the stake", e["returned"], self.stake)
        self.due[self.owner] += e["refunded"]
        if self.current is not None:
            self.due[self.current] += e["returned"]
        self.stake, self.current = 0, None
        bond = 0 if self.pending else self.bond
        same("the bond", e["bond"], bond)
        self.phase_outside = Phase.HANDOVER if self.pending else Phase.CLOSED
        self._d1 = e.time + terms.handover_window if self.pending else 0
        same("the deadline", e["confirm_by"], self._d1)
        self.due[self.owner] += bond
        self.bond -= bond

    def _take_confirmed(self, e: Entry) -> None:
        self._expect(e, Phase.HANDOVER)
        must(e["sender"] == self.owner or e.time > self._d1, "it came before the deadline")
        same("the bond", e["bond"], self.bond)
        self._expect_fee_decided("Acknowledged")
        self.due[self.owner] += self.bond
        self.bond, self.phase_outside = 0, Phase.CLOSED

    def _take_rejected(self, e: Entry) -> None:
        self._expect(e, Phase.HANDOVER)
        must(e.time <= self._d1, "it came after the deadline")
        self._expect_fee_decided("Forgone")
        same("what is sunk", e["sunk"], self._fee + self.bond)
        self.sunk += self.bond
        self.bond, self.phase_outside = 0, Phase.CLOSED

    def _take_withdrawn(self, e: Entry) -> None:
        who = e["account"]
        over = self.phase_outside in (Phase.HANDOVER, Phase.CLOSED)
        parts = 0
        if over and who in self.seats:
            seat = self.seats.index(who)
            parts = self.parts[seat] * self.terms.trainer_part
            self.parts[seat] = 0
        same("the parts", e["parts"], parts)
        claim = self.due[who] + parts
        # less than the claim if the token had lost what the escrow should have: the state tells what is still due
        must(0 < e["amount"] <= claim, f"{who} was paid {e['amount']}, and {claim} was due")
        self.due[who] = claim - e["amount"]
        self.paid_out += e["amount"]

    def _take_republished(self, e: Entry) -> None:
        must(e["by"] in self.accepted or e["by"] in self.seats, f"{e['by']} may not republish")
        settled = [settled for settled in self.settled if settled.round == e["round"]]
        must(settled, "the round was not settled")
        settled[0].copies.append((e["by"], e["cid"]))

    def _take_released(self, e: Entry) -> None:
        must(e["by"] == self.owner or e["by"] in self.accepted, f"{e['by']} may not release")
        self.grants.append((e["by"], e["cid"]))

    # --- rules that several moves share

    def _expect(self, e: Entry, *phases: Phase) -> Phase:
        phase = self.phase(e.time)
        must(phase in phases, f"the project was {phase.name.lower()}")
        return phase

    def _expect_round(self, e: Entry) -> None:
        same("the round", e["round"], self.round)

    def _expect_seat(self, e: Entry) -> int:
        self._expect_round(e)
        seat = int(e["seat"])
        must(seat < len(self.seats) and self.seats[seat] == e["trainer"], f"{e['trainer']} doesn't have seat {seat}")
        return seat

    def _expect_scoring(self, e: Entry) -> None:
        self._expect(e, Phase.SCORING)
        self._expect_round(e)
        same("the aggregator", e["aggregator"], self.current)
        self._expect_fee_decided("Acknowledged")

    def _expect_pending(self, e: Entry) -> None:
        must(self.pending != 0, "no fee is pending")
        same("whose fee, and how much", (e["aggregator"], e["fee"]), (self.pending_to, self.pending))
        self._fee = self.pending

    def _expect_fee_decided(self, event: str) -> None:
        must(self.pending == 0, "the pending fee was passed over")
        must(self._fee_event in ("", event), f"the pending fee was {self._fee_event.lower()}")

    def _end_turn(self) -> None:
        self.spent.add(str(self.current))
        self.current, self.stake = None, 0

    def _round_over(self, missing: set[int]) -> None:
        self.round += 1
        self.submitted, self.delivered, self.in_scoring = {}, {}, False
        self._missed = mask(missing)
        self._next = ("Missed",) if missing else self._after_round()

    def _after_round(self) -> tuple[str, ...]:
        if self.round == self.terms.rounds:
            return ("Ended",)
        return ("Vacated",) if self.current is None else ("RoundStarted",)

    def _is_stuck(self, now: int) -> bool:
        phase, few = self.phase(now), len(self.active) < self.terms.min_rows
        if phase == Phase.ACCEPTING and self.current is None:
            return now > self._d1
        if phase in (Phase.ACCEPTING, Phase.ENROLLING):
            return now > self._d2 and few
        return (phase == Phase.VACANT and now > self._d3) or (phase == Phase.COLLECTING and few)

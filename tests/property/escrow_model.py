"""The escrow's machine and ledger in plain Python: the oracle that the contract is compared with, call by call.

Written from the rules (docs/protocol.md), not from the contract, and plainer than it: sets instead of masks, a field
for each deadline, and every account of the ledger stored. The contract derives pot, bond and stake from its state; here
money moves, always from one account to another, so that the two agree only if both are right.

One method a call, named alike. Each takes the caller, acts at `now`, and raises `Refused` before it changes anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """The rules do not allow this call, now, by this party."""


def need(condition: bool, reason: str) -> None:
    if not condition:
        raise Refused(reason)


class EscrowModel:
    def __init__(self, terms: Mapping[str, Any], owner: str, now: int) -> None:
        """A project that `owner` has just funded. Accounts are named by strings, `terms` are IEscrow.Terms by field."""
        self.terms = terms
        self.owner = owner
        self.now = now
        self.reward: int = terms["round_reward"]
        self.fee: int = terms["round_fee"]
        self.part: int = terms["trainer_part"]
        self.least: int = terms["min_rows"]
        self.listed: list[str] = list(terms["aggregators"])

        self.state = "accepting"
        self.accept_by = now + terms["accept_window"]
        self.enrol_by = self.accept_by + terms["enrol_window"]
        self.collect_by = self.deliver_by = self.score_by = self.take_by = self.confirm_by = 0

        self.accepted: set[str] = set()
        self.spent: set[str] = set()
        self.current: str | None = None
        self.members: list[str] = []  # by seat
        self.active: set[int] = set()
        self.submitted: set[int] = set()
        self.delivered: set[int] = set()
        self.order: list[int] = []  # in which they were
        self.round = 0
        self.in_scoring = False
        self.settled: set[int] = set()
        self.aggregates: list[tuple[str, ...]] = []  # whose updates are in each that is not void

        self.due: Counter[str] = Counter()
        self.parts: Counter[str] = Counter()
        self.pot = terms["rounds"] * (self.reward + self.fee)
        self.bond = self.fee
        self.pending = 0
        self.pending_to: str | None = None
        self.stake = 0
        self.sunk = 0
        self.gifts: Counter[str] = Counter()  # tokens that no call counts: sent here, or taken away by the token
        # tokens outside, as differences
        self.wallets: Counter[str] = Counter({owner: -self.pot - self.bond})
        # what became of the reward of each round that is over: "trainers", "rounding", "sunk" or "owner"
        self.fate: dict[int, Counter[str]] = {}
        self.scored: set[int] = set()  # rounds that reached scoring
        self.slashed: set[int] = set()

    # --- what can be seen

    @property
    def phase(self) -> str:
        if self.state != "rounds":
            return self.state
        if self.current is None:
            return "vacant"
        if self.now <= self.collect_by and self.submitted != self.active:
            return "collecting"
        if len(self.submitted) < self.least or (self.now > self.deliver_by and len(self.delivered) < self.least):
            return "failed"
        if self.now <= self.deliver_by and self.delivered != self.submitted:
            return "delivering"
        return "scoring"

    @property
    def deadline(self) -> int:
        """Of the phase; 0 if it has none."""
        return {
            "accepting": self.enrol_by if self.current and self.now > self.accept_by else self.accept_by,
            "enrolling": self.enrol_by,
            "vacant": self.take_by,
            "collecting": self.collect_by,
            "delivering": self.deliver_by,
            "scoring": self.score_by,
            "handover": self.confirm_by,
        }.get(self.phase, 0)

    @property
    def held(self) -> int:
        """All that is inside."""
        stakes = self.part * self.parts.total()
        return (
            self.due.total()
            + self.pot
            + self.bond
            + self.pending
            + self.stake
            + stakes
            + self.sunk
            + self.gifts.total()
        )

    # --- owner

    def reject(self, who: str) -> None:
        need(who == self.owner and self.state == "handover" and self.now <= self.confirm_by, "reject")
        self.sunk += self.pending + self.bond
        self.pending = self.bond = 0
        self.state = "closed"

    # --- aggregators

    def accept(self, who: str) -> None:
        need(self.state == "accepting" and self.now <= self.accept_by, "accept: phase")
        need(who in self.listed and who not in self.accepted, "accept: sender")
        self.accepted.add(who)

    def take_turn(self, who: str) -> None:
        need(who in self.accepted and who not in self.spent, "take_turn: sender")
        need(self.current is None, "take_turn: taken")
        opening = self.state == "accepting" and self.now <= self.accept_by
        vacancy = self.phase == "vacant" and self.now <= self.take_by
        need(opening or vacancy, "take_turn: phase")
        self.current = who
        self.stake = self.terms["aggregator_stake"]
        self.wallets[who] -= self.stake
        if vacancy and self.in_scoring:
            self.score_by = self.now + self.terms["score_window"]
        elif vacancy:
            self._begin_round()

    def settle(
        self, who: str, excluded: frozenset[int], contributions: tuple[int, ...] | None, genuine: bool = True
    ) -> None:
        """`contributions` by row, None if the policy fails; `genuine`: the commitments are the rows' own, and with
        public rows those of the aggregates so far.
        """
        self._need_scoring(who, excluded)
        need(len(excluded) <= self.terms["max_excluded"], "settle: too many excluded")
        need(genuine, "settle: commitments")
        rows = sorted(self.delivered - excluded)
        shares = [1] * len(rows) if contributions is None else contributions
        self._acknowledge()
        payable = self.reward * len(rows) // len(self.delivered)
        total = sum(shares)
        credits = [payable * share // total if total else 0 for share in shares]
        for seat, credit in zip(rows, credits, strict=True):
            self.due[self.members[seat]] += credit
        rounding = payable - sum(credits) if total else 0
        self.pot += rounding
        lost = self.reward - payable if total else self.reward
        penalty = len(excluded) * self.part
        self.sunk += lost + penalty
        self.pending, self.pending_to = self.fee - penalty, who
        self.pot -= self.reward + self.fee
        self.fate[self.round] = Counter(trainers=sum(credits), rounding=rounding, sunk=lost)
        self.scored.add(self.round)
        self.settled.add(self.round)
        kept = tuple(self.members[seat] for seat, share in zip(rows, shares, strict=True) if share)
        self.aggregates += [kept] if kept else []
        self._miss(self.active - set(rows))
        self._next_round()

    def void(self, who: str, excluded: frozenset[int]) -> None:
        self._need_scoring(who, excluded)
        need(len(excluded) > self.terms["max_excluded"], "void: too few excluded")
        self._acknowledge()
        penalty = min(self.stake, len(excluded) * self.part)
        self.sunk += self.reward + penalty
        self.due[who] += self.stake - penalty
        self.stake = 0
        self.due[self.owner] += self.fee
        self.pot -= self.reward + self.fee
        self.fate[self.round] = Counter(sunk=self.reward)
        self.scored.add(self.round)
        self.spent.add(who)
        self.current = None
        self._miss(self.active - (self.delivered - excluded))
        self._next_round()

    def republish(self, who: str, round_: int) -> None:
        need(who in self.accepted or who in self.members, "republish: who")
        need(round_ <= max(self.settled, default=-1), "republish: round")

    # --- trainers

    def enrol(self, who: str) -> None:
        need(self.state in ("accepting", "enrolling") and self.current is not None, "enrol: phase")
        need(self.now > self.accept_by or self.accepted == set(self.listed), "enrol: still accepting")
        need(self.now <= self.enrol_by and len(self.members) < self.terms["seats"], "enrol: no seat")
        need(who not in self.members, "enrol: twice")
        self.state = "enrolling"
        self.active.add(len(self.members))
        self.members.append(who)
        self.parts[who] = self.terms["rounds"]
        self.wallets[who] -= self.terms["rounds"] * self.part
        if len(self.members) == self.terms["seats"]:
            self.state = "rounds"
            self._begin_round()

    def submit(self, who: str) -> None:
        self.submitted.add(self._collecting_seat(who))

    def leave(self, who: str) -> None:
        seat = self._collecting_seat(who)
        free = self.round > 0 and self.round - 1 not in self.settled
        forfeited = 0 if free else 1
        self.due[who] += (self.parts[who] - forfeited) * self.part
        self.sunk += forfeited * self.part
        self.parts[who] = 0
        self.active.remove(seat)

    def deliver(self, who: str, genuine: bool = True) -> None:
        """`genuine`: the commitment is the one that was submitted."""
        need(self.phase == "delivering" and who in self.members, "deliver: phase")
        seat = self.members.index(who)
        need(seat in self.submitted and seat not in self.delivered, "deliver: seat")
        need(genuine, "deliver: commitment")
        self.delivered.add(seat)
        self.order.append(seat)

    # --- anyone

    def start(self, who: str) -> None:
        waiting = self.state in ("accepting", "enrolling")
        need(waiting and self.now > self.enrol_by and len(self.members) >= self.least, "start")
        self.state = "rounds"
        self._begin_round()

    def slash(self, who: str) -> None:
        need(self.phase == "scoring" and self.now > self.score_by, "slash")
        share, dust = divmod(self.stake, len(self.delivered))
        for seat in self.delivered:
            self.due[self.members[seat]] += share
        self.sunk += dust
        self.stake = 0
        self._acknowledge()
        self.spent.add(self.current)
        self.current = None
        self.in_scoring = True
        self.take_by = self.now + self.terms["score_window"]
        self.scored.add(self.round)
        self.slashed.add(self.round)

    def fail(self, who: str) -> None:
        need(self.phase == "failed", "fail")
        present = self.delivered
        if len(self.submitted) < self.least:
            present = self.submitted  # delivering never opened
            self.sunk += self.pending
            self.pending = 0
        else:
            self._acknowledge()
        self.due[self.owner] += self.reward + self.fee
        self.pot -= self.reward + self.fee
        self.fate[self.round] = Counter(owner=self.reward)
        self._miss(self.active - present)
        self._next_round()

    def finish(self, who: str) -> None:
        unfilled = self.now > self.enrol_by and len(self.members) < self.least
        stuck = {
            "accepting": unfilled or (self.now > self.accept_by and self.current is None),
            "enrolling": unfilled,
            "vacant": self.now > self.take_by,
            "collecting": len(self.active) < self.least,
        }
        need(stuck.get(self.phase, False), "finish")
        self._end()

    def confirm(self, who: str) -> None:
        need(self.state == "handover" and (who == self.owner or self.now > self.confirm_by), "confirm")
        self._acknowledge()
        self._close()

    def withdraw(self, who: str) -> None:
        parts = self.parts[who] if self.state in ("handover", "closed") else 0
        amount = self.due[who] + parts * self.part
        need(amount > 0 and self.held > 0, "withdraw")
        paid = min(amount, self.held)
        self.due[who] = amount - paid
        self.parts[who] -= parts
        self.wallets[who] += paid

    # --- not a call of the escrow

    def give(self, who: str, amount: int) -> None:
        """A plain transfer of the token; or, below zero, what the token itself moves out of here."""
        self.wallets[who] -= amount
        self.gifts[who] += amount

    # --- parts of several calls

    def _need_scoring(self, who: str, excluded: frozenset[int]) -> None:
        need(self.phase == "scoring" and self.now <= self.score_by, "scoring: phase")
        need(who == self.current and excluded <= self.delivered, "scoring: sender or excluded")

    def _collecting_seat(self, who: str) -> int:
        need(self.phase == "collecting" and who in self.members, "collecting: phase or sender")
        seat = self.members.index(who)
        need(seat in self.active and seat not in self.submitted, "collecting: seat")
        return seat

    def _acknowledge(self) -> None:
        if self.pending_to is not None:
            self.due[self.pending_to] += self.pending
        self.pending = 0

    def _miss(self, seats: set[int]) -> None:
        for seat in seats:
            self.parts[self.members[seat]] -= 1
            self.sunk += self.part

    def _begin_round(self) -> None:
        self.collect_by = self.now + self.terms["collect_window"]
        self.deliver_by = self.collect_by + self.terms["deliver_window"]
        self.score_by = self.deliver_by + self.terms["score_window"]

    def _next_round(self) -> None:
        self.round += 1
        self.submitted, self.delivered, self.order = set(), set(), []
        self.in_scoring = False
        if self.round == self.terms["rounds"]:
            self._end()
        elif self.current is None:
            self.take_by = self.now + self.terms["score_window"]
        else:
            self._begin_round()

    def _end(self) -> None:
        for round_ in range(self.round, self.terms["rounds"]):
            self.fate[round_] = Counter(owner=self.reward)
        self.due[self.owner] += self.pot
        self.pot = 0
        if self.current is not None:
            self.due[self.current] += self.stake
            self.stake = 0
            self.current = None
        if self.pending > 0:
            self.state = "handover"
            self.confirm_by = self.now + self.terms["handover_window"]
        else:
            self._close()

    def _close(self) -> None:
        self.due[self.owner] += self.bond
        self.bond = 0
        self.state = "closed"

"""An aggregator's program: agrees to a project that it has checked, settles rounds when it is its turn, stands by when
it isn't.

A proof is made once: the call's bytes are kept (`settle-N`) before they are sent, and are what is sent again after a
restart. The aggregate's bytes are kept with them (`aggregate-N`), and reach the store once the round is settled. Every
accepted aggregator mirrors the payloads and aggregates, so that each can take over.
"""

from __future__ import annotations

import math
import time
from functools import cached_property

from offchain.market.aggregator import Aggregator, Opened
from offchain.market.errors import MarketError, Waiting
from offchain.market.member import UNUSABLE, fetch_aggregate
from offchain.market.programs.base import Program
from offchain.market.programs.setup import least_window
from offchain.market.programs.steps import AggregatorView, Step, next_aggregator_step
from offchain.market.project import Look, Settlement
from offchain.market.settings import AggregatorSettings
from offchain.market.trust import check_project, check_windows
from offchain.storage.members import sealed_to_members_size
from offchain.storage.payload import aggregate_size, payload_size
from offchain.storage.sealing import sealed_size

__all__ = ["AggregatorProgram"]

_TRIES = 3  # looks at a settled aggregate that isn't to be had, before it is made again


class AggregatorProgram(Program):
    """Aggregates for the account."""

    role = "aggregator"
    settings: AggregatorSettings

    _mirrored: frozenset[bytes] = frozenset()  # CIDs' digests of payloads on the own store
    _opened: tuple[bytes, Opened] | None = None  # the hash of a round's deliveries, and its payloads
    _opening = 0.0  # seconds that this took
    _served = 0  # settled rounds whose aggregate is on the own store
    _tries = 0

    def has_stake(self, look: Look) -> bool:
        """From its acceptance on: a standby that isn't there can't take over."""
        terms = self.project.terms
        return self.address in terms.aggregators and bool(
            look.status.accepted >> terms.aggregators.index(self.address) & 1
        )

    def next_step(self, look: Look) -> Step:
        terms, status = self.project.terms, look.status
        number = terms.aggregators.index(self.address) if self.address in terms.aggregators else None
        deliveries = self.project.deliveries_hash(status.round)
        opened = self._opened[1] if self._opened and self._opened[0] == deliveries else None
        view = AggregatorView(
            look=look,
            terms=terms,
            account=self.project.account(self.address, look.block),
            address=self.address,
            number=number,
            unmirrored=sum(delivery.cid not in self._mirrored for delivery in self.project.deliveries(status.round)),
            unusable=None if opened is None else len(opened.excluded),
            is_ready=self._ready_call(status.round, deliveries) is not None,
            proving=self.settings.proving or self.journal.fact("proving") or terms.score_window // 10,
            behind=len(self.project.settlements()) - self._served,
            to_republish=self._tries >= _TRIES,
            aside=self.aside(look),
        )
        return next_aggregator_step(view)

    @cached_property
    def aggregator(self) -> Aggregator:
        """Raises the errors of `description`."""
        around, owner_key = self.around, self.description.owner_key

        def recipients() -> list[bytes]:
            return list(dict.fromkeys([*self.project.member_keys(), *([owner_key] if owner_key else [])]))

        return Aggregator(
            around.account,
            self.project,
            around.contracts,
            around.store,
            around.srs,
            key=self.key,
            transact=around.sender.transact,
            recipients=recipients if owner_key else None,
            journal=self.journal,
        )

    # --- steps

    def accept(self, look: Look) -> None:
        """Checks the project, and agrees. Raises what a check finds."""
        # unknown rules can't be foreseen, so they are never accepted
        check_project(self.project, self.around.contracts, self.around.srs, self.settings.registry)
        check_windows(self.project, least_window(self.settings, self.around.sender.provider))
        if not self.serve_beginning():
            raise MarketError("the project's task or its model is not to be had")
        self.aggregator.accept()

    def take_turn(self, look: Look) -> None:
        """Takes the turn. With public rows nobody can settle without the aggregates so far: they have to be there."""
        self.aggregator.public_rows()
        self.aggregator.take_turn()

    def mirror(self, look: Look) -> None:
        """Fetches payloads and serves them."""
        round_ = look.status.round
        size = sealed_size(payload_size(self.project.terms.dimension))
        deliveries = self.project.deliveries(round_)
        mirrored = {d.cid for d in deliveries if d.cid in self._mirrored or self.serve(d.cid, size)}
        has_more = not mirrored <= self._mirrored
        self._mirrored |= mirrored
        self._tidy(round_)
        if not has_more:
            self.around.sleep(self.settings.poll)

    def unseal(self, look: Look) -> None:
        """Opens what is to be had of the round's payloads. Before this, there is time to wait for the rest."""
        started = time.monotonic()
        deliveries = self.project.deliveries_hash(look.status.round)
        self._opened = deliveries, self.aggregator.open_round(look.status.round)
        self._opening = time.monotonic() - started

    def settle(self, look: Look) -> None:
        """Proves the round unless it is proven, and sends it."""
        round_, escrow = look.status.round, self.project.escrow
        call = self._ready_call(round_, self.project.deliveries_hash(round_))
        if call is None:
            assert self._opened is not None  # the step is due for what was opened
            deliveries, opened = self._opened
            made = self.aggregator.make_ready(opened, round_, look.status.rate)
            call = bytes(escrow.settle.encode_input(*made.arguments))
            self.journal.write(f"settle-{round_}", call)
            self.journal.set_fact(f"ready-{round_}", {"deliveries": deliveries.hex(), "excluded": made.excluded})
            self.journal.set_fact("proving", math.ceil(self._opening + made.prove_seconds))
        self.around.sender.call("settle", self.project.address, call)
        self._opened = None
        for settlement in self.project.settlements():
            if settlement.round == round_:
                self.aggregator.publish(settlement)
        self.journal.remove(f"settle-{round_ - 1}")

    def _ready_call(self, round_: int, deliveries: bytes) -> bytes | None:
        """The call that settles a round with just these deliveries, if it is kept: after a reorganisation they may be
        others, or in another order, and the contract would refuse it.
        """
        ready = self.journal.fact(f"ready-{round_}")
        is_of_them = ready is not None and ready.get("deliveries") == deliveries.hex()
        return self.journal.read(f"settle-{round_}") if is_of_them else None

    def void(self, look: Look) -> None:
        assert self._opened is not None  # the step is due for what was opened
        self.aggregator.void(self._opened[1].excluded)
        self._opened = None

    def follow(self, look: Look) -> None:
        """Checks the next settled aggregate and serves it; publishes its own, if it could not right after settling."""
        settlement = self._next_settlement()
        if settlement.total_weight:
            try:
                self.aggregator.publish(settlement)
                fetch_aggregate(self.project, self.around.store, self.around.srs, settlement, self.key)
            except (MarketError, *UNUSABLE) as error:
                self._tries += 1
                raise Waiting(f"the aggregate of round {settlement.round + 1}: {error}") from error
            self.serve(settlement.cid, sealed_to_members_size(aggregate_size(self.project.terms.dimension)))
        self._served, self._tries = self._served + 1, 0

    def republish(self, look: Look) -> None:
        """Makes an aggregate that is not to be had again. If its payloads aren't to be had either, it stays so."""
        settlement = self._next_settlement()
        self._served, self._tries = self._served + 1, 0
        try:
            self.aggregator.republish(settlement)
        except MarketError as error:
            self.say(str(error))

    def _tidy(self, round_: int) -> None:
        """Lets payloads go two rounds later: until then the last aggregate may have to be made of them again."""
        if round_ >= 2:
            for delivery in self.project.deliveries(round_ - 2):
                self.around.store.unpin(delivery.cid)

    def _next_settlement(self) -> Settlement:
        return self.project.settlements()[self._served]

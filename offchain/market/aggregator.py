"""An aggregator: opens the payloads of a round, proves their Gram matrix and range, settles, publishes the aggregate.

It can't choose: which rows count is what trainers delivered, what they are worth is what the policy contract says of
the proven matrix. What it may do is leave out a row whose payload it can't use; the row's part of the reward goes
with it.

One aggregate is published of a round, once the contract has settled it: of two, without and with a late payload, the
difference would be that trainer's update. So the bytes wait until then (`aggregate-N`), and of which rows they are is
kept before they are put on a store (`published-N`): never is another set that shares rows with it.

With public rows in the terms the aggregates so far are rows of the matrix too, and perhaps the initial model, so they
have to be had: from the store, or aggregates made again from the payloads that they were made of.
"""

from __future__ import annotations

import logging
import operator
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.market.chain import Transact, allow, contract_at, sending
from offchain.market.errors import MarketError, UnusablePayload
from offchain.market.journal import Journal, Memory
from offchain.market.member import UNUSABLE, fetch_aggregate
from offchain.market.project import Delivery, Phase, Project, Settlement, settlement_of
from offchain.market.public_rows import PublicRow, fetch_first_row, with_newest
from offchain.market.terms import ProjectTerms
from offchain.progress import stage
from offchain.proving.commitment import Combination, Point, combine, commit
from offchain.proving.gram import gram_matrix
from offchain.proving.round import RoundProof, prove_round
from offchain.proving.srs import Srs
from offchain.scoring.aggregate import aggregate
from offchain.scoring.policy import Outcome, evaluate
from offchain.storage.errors import PayloadError, SealingError, StoreError, TooLarge
from offchain.storage.members import Place, What, seal_to_members
from offchain.storage.payload import Aggregate, Payload, aggregate_to_bytes, payload_from_bytes, payload_size
from offchain.storage.sealing import Envelope, SealingKey, sealed_size
from offchain.storage.store import Store
from offchain.storage.unixfs import cid_of

__all__ = ["Aggregator", "Opened", "ReadyRound", "SettledRound", "settle_arguments"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SettledRound:
    """A round that this aggregator has settled."""

    settlement: Settlement
    excluded: list[int]  # seats
    prove_seconds: float
    receipt: Any


@dataclass(frozen=True)
class ReadyRound:
    """The arguments of `settle` for a round, proofs included. Sent again, never made again."""

    round: int
    excluded: list[int]  # seats
    arguments: tuple[Any, ...] = field(repr=False)
    prove_seconds: float


@dataclass(frozen=True)
class Opened:
    """The payloads of a round, by row, and the seats of those that can't be used."""

    deliveries: list[Delivery]  # all, in the order in which they were made
    rows: list[Delivery]  # that can be used, in seat order
    updates: npt.NDArray[np.int16] = field(repr=False)  # int16[rows, d]
    tails: list[tuple[int, ...]] = field(repr=False)
    missing: list[int]  # not on the store, which may change
    bad: list[int]  # nothing that opens to the commitment, which won't change

    @property
    def excluded(self) -> list[int]:
        return sorted([*self.missing, *self.bad])

    def without(self, seats: list[int]) -> Opened:
        """As if the payloads of these seats were missing."""
        kept = [k for k, row in enumerate(self.rows) if row.seat not in seats]
        rows, tails = [self.rows[k] for k in kept], [self.tails[k] for k in kept]
        return Opened(self.deliveries, rows, self.updates[kept], tails, [*self.missing, *seats], self.bad)


def settle_arguments(
    terms: ProjectTerms, opened: Opened, proof: RoundProof, claimed: Point, memory: Sequence[int], cid: bytes
) -> tuple[int, int, list[Point], bytes, Point, str, bytes, list[int], bytes]:
    """What `settle` takes, in its order."""
    excluded = sum(1 << seat for seat in opened.excluded)
    order = sum(delivery.seat << 8 * i for i, delivery in enumerate(opened.deliveries))
    public = proof.statement.commitments[proof.bounded :]
    commitments = [*(delivery.commitment for delivery in opened.deliveries), *public]
    policy = terms.policy, terms.params, list(memory)
    return excluded, order, commitments, proof.proof.encode(), claimed, *policy, cid


class Aggregator:
    """Acts for `account` in one project.

    key: a key that was kept; without it there is a new one. transact: how calls are sent, instead of as Ape does.
    recipients: the members' keys that aggregates are sealed to; without it they are open. journal: where it is kept
    what waits to be published, and what was.
    """

    def __init__(
        self,
        account: Any,
        project: Project,
        contracts: Any,
        store: Store,
        srs: Srs,
        key: SealingKey | None = None,
        transact: Transact | None = None,
        recipients: Callable[[], list[bytes]] | None = None,
        journal: Journal | Memory | None = None,
    ) -> None:
        self.account = account
        self.project = project
        self.store = store
        self.srs = srs
        self._policy = contract_at(getattr(contracts, project.terms.policy_terms.contract), project.terms.policy)
        self._key = key or SealingKey.generate()
        self._transact = transact or sending(account)
        self._recipients = recipients
        self._journal = journal or Memory()
        self._ready: tuple[list[Delivery], ReadyRound] | None = None  # the last one, and of which deliveries
        self._proof: RoundProof | None = None  # the last one
        self._public_rows: list[PublicRow] | None = None  # of those settled rounds whose aggregates were had so far
        self._public_rounds = 0  # how many these are

    def accept(self) -> Any:
        """Agrees to aggregate: payloads will be sealed to this key.

        Raises MarketError if the first public row is not to be had: nobody could settle without it.
        """
        self.public_rows()
        return self._transact(self.project.escrow.accept, self._key.public)

    def take_turn(self) -> Any:
        """Becomes the current aggregator, with a stake."""
        terms = self.project.terms
        allow(self._transact, self.account, terms.token, self.project.address, terms.aggregator_stake)
        return self._transact(self.project.escrow.take_turn)

    def settle(self) -> SettledRound:
        """Settles the running round. Raises MarketError if more payloads are unusable than may be excluded: then void
        the round, or wait for them. And if the public rows are not to be had.
        """
        status = self.project.expect(Phase.SCORING)
        deliveries, ready = self._ready or ([], None)
        if ready is None or ready.round != status.round or deliveries != self.project.deliveries(status.round):
            ready = self.make_ready(self.open_round(status.round), status.round, status.rate)
        receipt = self._transact(self.project.escrow.settle, *ready.arguments)
        (event,) = receipt.decode_logs(self.project.escrow.Settled)
        settlement = settlement_of(event)
        self.publish(settlement)
        return SettledRound(settlement, ready.excluded, ready.prove_seconds, receipt)

    def open_round(self, round_: int) -> Opened:
        """Whatever of a round's payloads is to be had now. Once an aggregate of some was published, the others count as
        missing: it can only be settled again.
        """
        opened = self._open_all(self.project.deliveries(round_))
        commitments = {row.commitment for row in opened.rows}
        for published in self._published(round_):
            if published & commitments and published != commitments:
                late = [row.seat for row in opened.rows if row.commitment not in published]
                logger.warning("round %d: published without the seats %s, which stay out", round_ + 1, late)
                return opened.without(late)
        return opened

    def make_ready(self, opened: Opened, round_: int, rate: int) -> ReadyRound:
        """Proves the round, without what can't be used, and keeps the aggregate for when it is settled. Raises
        MarketError as `settle`, and if the round was made ready or published of other payloads.
        """
        rows, updates, excluded = opened.rows, opened.updates, opened.excluded
        if len(excluded) > self.project.terms.max_excluded:
            raise MarketError(
                f"{len(excluded)} payloads can't be used, {self.project.terms.max_excluded} may be excluded"
            )
        if self._ready and self._ready[0] == opened.deliveries and self._ready[1].excluded != excluded:
            raise MarketError(
                f"round {round_ + 1} was made ready without the seats {self._ready[1].excluded}, and is not made again "
                f"without {excluded}: the difference of two aggregates is somebody's update"
            )
        self._refuse_another_set(round_, {row.commitment for row in rows})

        public = self.public_rows()
        gram = gram_matrix(updates, [row.combination for row in public])
        memory = self.project.memory()
        outcome = self._decide([row.seat for row in rows], gram, rate, memory)
        published = self._publish(round_, updates, opened.tails, outcome.weights)

        started = time.perf_counter()
        proof = self._prove(round_, opened, gram, public)
        prove_seconds = time.perf_counter() - started
        claimed = combine([row.commitment for row in rows], outcome.weights)
        arguments = settle_arguments(self.project.terms, opened, proof, claimed, memory, published)
        ready = ReadyRound(round_, excluded, arguments, prove_seconds)
        self._ready = opened.deliveries, ready
        return ready

    def publish(self, settlement: Settlement) -> None:
        """Puts the aggregate of a round that this account has settled on the store, unless it is there. Raises
        MarketError if another one of the round is.
        """
        name = f"aggregate-{settlement.round}"
        content = self._journal.read(name)
        if content is not None and cid_of(content).digest == settlement.cid:
            self._put_kept(name, settlement)

    def void(self, excluded: list[int]) -> Any:
        """Gives the running round up, because more payloads are unusable than may be excluded."""
        return self._transact(self.project.escrow.void, sum(1 << seat for seat in excluded))

    def republish(self, settlement: Settlement) -> Any:
        """Makes the aggregate of a settled round again from its payloads, and names the copy. Raises MarketError."""
        name, combination = f"copy-of-{settlement.round}", self._made_again(settlement)
        content = self._to_members(settlement.round, Aggregate(combination.values, combination.tail))
        self._journal.write(name, content)
        self._put_kept(name, settlement)
        return self._transact(self.project.escrow.republish, settlement.round, cid_of(content).digest)

    def withdraw(self) -> Any:
        return self._transact(self.project.escrow.withdraw, self.account)

    def _open_all(self, deliveries: list[Delivery], alike: bool = True) -> Opened:
        """What opens. alike: and opens for every other aggregator, so that each could have gone on from this round."""
        recipients = self.project.sealing_keys() if alike else None
        rows: list[Delivery] = []
        updates = np.empty((len(deliveries), self.project.terms.dimension), np.int16)
        tails: list[tuple[int, ...]] = []
        missing: list[int] = []
        bad: list[int] = []
        with stage(f"Opening {len(deliveries)} payloads", len(deliveries)) as advance:
            for delivery in sorted(deliveries, key=lambda delivery: delivery.seat):
                try:
                    payload = self._open(delivery, recipients)
                    updates[len(rows)] = payload.update
                    rows.append(delivery)
                    tails.append(payload.tail)
                except (TooLarge, SealingError, PayloadError, UnusablePayload) as error:
                    logger.warning("seat %d, round %d: %s", delivery.seat, delivery.round, error)
                    bad.append(delivery.seat)
                except StoreError as error:
                    logger.warning("seat %d, round %d: %s", delivery.seat, delivery.round, error)
                    missing.append(delivery.seat)
                advance(1)
        return Opened(deliveries, rows, updates[: len(rows)], tails, missing, bad)

    def _open(self, delivery: Delivery, recipients: list[bytes] | None = None) -> Payload:
        """The payload that opens the delivered commitment; recipients: to whom it has to be sealed. Raises the errors
        of store, sealing and payload, and UnusablePayload.
        """
        terms = self.project.terms
        size = payload_size(terms.dimension)
        envelope = Envelope(self.project.chain_id, self.project.address, delivery.round, delivery.trainer)
        sealed = self.store.get(delivery.cid, sealed_size(size))
        opened = self._key.open(sealed, envelope, size, recipients)
        payload = payload_from_bytes(opened, terms.dimension, terms.bits)
        if commit(self.srs, payload.update, payload.tail) != delivery.commitment:
            raise UnusablePayload("payload and commitment differ")
        return payload

    def public_rows(self) -> list[PublicRow]:
        """The running round's, oldest first. Raises MarketError if they are not to be had."""
        if self._public_rows is None:
            first = fetch_first_row(self.project, self.store, self.srs)
            self._public_rows = [] if first is None else [first]
        for settlement in self.project.public_settlements()[self._public_rounds :]:
            newest = PublicRow(self._aggregate_of(settlement), settlement.aggregate)
            self._public_rows = with_newest(self._public_rows, newest, operator.add)
            self._public_rounds += 1
        return self._public_rows

    def _aggregate_of(self, settlement: Settlement) -> Combination:
        """From the store, or made again. Raises MarketError if it is not to be had."""
        try:
            published = fetch_aggregate(self.project, self.store, self.srs, settlement, self._key)
            return Combination(published.values, published.tail)
        except UNUSABLE as error:
            logger.warning("aggregate of round %d: %s", settlement.round, error)
            return self._made_again(settlement)

    def _made_again(self, settlement: Settlement) -> Combination:
        deliveries = self.project.deliveries(settlement.round)
        settled = [delivery for delivery in deliveries if delivery.seat in settlement.seats]
        again = self._open_all(settled, alike=False)
        if again.excluded:
            raise MarketError(f"the aggregate of round {settlement.round} is not to be had, nor all of its payloads")
        return Combination(*aggregate(again.updates, again.tails, settlement.weights))

    def _prove(self, round_: int, opened: Opened, gram: list[int], public: Sequence[PublicRow] = ()) -> RoundProof:
        """The round's proof: made once for the same rows, since each further one would open the updates further."""
        context = self.project.context(round_, str(self.account.address))
        commitments = (*(delivery.commitment for delivery in opened.rows), *(row.commitment for row in public))
        last = self._proof and (self._proof.statement.context, self._proof.statement.commitments)
        if self._proof is None or last != (context, commitments):
            bits = self.project.terms.bits
            self._proof = prove_round(
                self.srs,
                context,
                opened.updates,
                opened.tails,
                bits,
                public=[row.combination for row in public],
                commitments=commitments,
                gram=gram,
            )
        return self._proof

    def _decide(self, seats: list[int], gram: list[int], rate: int, memory: Sequence[int]) -> Outcome:
        """The outcome, by the same rules here and on chain: a difference is found before anything is sent."""
        terms, rows = self.project.terms, len(seats)
        has_reference, whose = terms.has_reference(seats), sum(1 << seat for seat in seats)
        outcome = evaluate(
            rows, gram, terms.policy_terms, rate, seats=whose, has_reference=has_reference, memory=memory
        )
        there = self._policy.evaluate(rows, gram, terms.params, rate, whose, has_reference, list(memory))
        decided = list(there.weights[:rows]), list(there.contributions[:rows]), tuple(there.memory)
        if decided != (outcome.weights, outcome.contributions, outcome.memory):
            raise MarketError("the policy contract decides otherwise than this package")
        return outcome

    def _publish(
        self, round_: int, updates: npt.NDArray[np.int16], tails: list[tuple[int, ...]], weights: list[int]
    ) -> bytes:
        """Makes the aggregate as it will be published, and keeps it. Returns the digest of its CID."""
        with stage("Making the aggregate"):
            content = self._to_members(round_, Aggregate(*aggregate(updates, tails, weights)))
            self._journal.write(f"aggregate-{round_}", content)
        return cid_of(content).digest

    def _to_members(self, round_: int, content: Aggregate) -> bytes:
        """The aggregate's bytes, sealed if there are recipients."""
        data = aggregate_to_bytes(content)
        if self._recipients is None:
            return data
        place = Place(self.project.chain_id, self.project.address, What.AGGREGATE, round_)
        return seal_to_members(data, self._recipients(), place)

    def _put_kept(self, name: str, settlement: Settlement) -> None:
        """Publishes what is kept under this name: of which rows it is, is kept before."""
        rows = {d.commitment for d in self.project.deliveries(settlement.round) if d.seat in settlement.seats}
        self._refuse_another_set(settlement.round, rows)
        published = self._published(settlement.round)
        if rows not in published:
            self._journal.set_fact(f"published-{settlement.round}", [sorted(points) for points in [*published, rows]])
        if (content := self._journal.read(name)) is not None:
            self.store.put(content)
        self._journal.remove(name)

    def _published(self, round_: int) -> list[set[Point]]:
        """The sets of commitments whose aggregate was published. There are several only if the chain has changed under
        them, and no two share any.
        """
        return [{(x, y) for x, y in points} for points in self._journal.fact(f"published-{round_}") or []]

    def _refuse_another_set(self, round_: int, rows: set[Point]) -> None:
        """Raises MarketError if the aggregate of another set that has some of these rows was published."""
        if any(rows != published and rows & published for published in self._published(round_)):
            raise MarketError(
                f"round {round_ + 1}: an aggregate of other payloads was published before. This one is not: the "
                "difference of the two is somebody's update"
            )

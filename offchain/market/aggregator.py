"""An aggregator: opens the payloads of a round, proves their Gram matrix and range, publishes the aggregate, settles.

It can't choose: which rows count is what trainers delivered, what they are worth is what the policy contract says of
the proven matrix. What it may do is leave out a row whose payload it can't use; the row's part of the reward goes
with it.

With public rows in the terms the matrix has the last aggregate and the sum of all steps too, so all aggregates have to be
had: from the store, or made again from the payloads that they were made of.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.market.chain import contract_at, token_at
from offchain.market.errors import FalseAggregate, MarketError
from offchain.market.member import fetch_aggregate
from offchain.market.project import Delivery, Phase, Project, Settlement, settlement_of
from offchain.market.public_rows import PublicRow, PublicRows, after
from offchain.progress import stage
from offchain.proving.commitment import Combination, commit
from offchain.proving.gram import gram_matrix
from offchain.proving.round import RoundProof, prove_round
from offchain.proving.srs import Srs
from offchain.scoring.aggregate import aggregate
from offchain.scoring.policy import Outcome, evaluate
from offchain.storage.errors import PayloadError, SealingError, StoreError
from offchain.storage.payload import Aggregate, Payload, aggregate_to_bytes, payload_from_bytes, payload_size
from offchain.storage.sealing import Envelope, SealingKey, sealed_size
from offchain.storage.store import Store

__all__ = ["Aggregator", "SettledRound"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SettledRound:
    """A round that this aggregator has settled."""

    settlement: Settlement
    excluded: list[int]  # seats
    prove_seconds: float
    receipt: Any


@dataclass(frozen=True)
class _Opened:
    """The payloads of a round, by row, and the seats of those that can't be used."""

    rows: list[Delivery]
    updates: npt.NDArray[np.int16] = field(repr=False)  # int16[rows, d]
    tails: list[tuple[int, ...]] = field(repr=False)
    excluded: list[int]


class Aggregator:
    """Acts for `account` in one project."""

    def __init__(self, account: Any, project: Project, contracts: Any, store: Store, srs: Srs) -> None:
        self.account = account
        self.project = project
        self.store = store
        self.srs = srs
        self._policy = contract_at(getattr(contracts, project.terms.policy_terms.contract), project.terms.policy)
        self._key = SealingKey.generate()
        self._proof: RoundProof | None = None  # the last one
        self._public: PublicRows | None = None  # after so many settled rounds that kept anything
        self._public_rounds = 0

    def accept(self) -> Any:
        """Agrees to aggregate: payloads will be sealed to this key."""
        return self.project.escrow.accept(self._key.public, sender=self.account)

    def take_turn(self) -> Any:
        """Becomes the current aggregator, with a stake."""
        terms = self.project.terms
        token_at(terms.token).approve(self.project.address, terms.aggregator_stake, sender=self.account)
        return self.project.escrow.take_turn(sender=self.account)

    def settle(self) -> SettledRound:
        """Settles the running round. Raises MarketError if more payloads are unusable than may be excluded: then void
        the round, or wait for them. And if the public rows are not to be had.
        """
        status = self.project.expect(Phase.SCORING)
        opened = self._open_all(self.project.deliveries(status.round))
        rows, updates, excluded = opened.rows, opened.updates, opened.excluded
        if len(excluded) > self.project.terms.max_excluded:
            raise MarketError(
                f"{len(excluded)} payloads can't be used, {self.project.terms.max_excluded} may be excluded"
            )

        public = self._public_rows()
        gram = gram_matrix(updates, public.combinations if public else ())
        outcome = self._decide(len(rows), gram, status.rate)
        published = self._publish(updates, opened.tails, outcome.weights)

        started = time.perf_counter()
        proof = self._prove(status.round, opened, gram, public)
        prove_seconds = time.perf_counter() - started
        receipt = self.project.escrow.settle(
            sum(1 << seat for seat in excluded), *proof.settle_arguments, published, sender=self.account
        )
        (event,) = receipt.decode_logs(self.project.escrow.Settled)
        return SettledRound(settlement_of(event), excluded, prove_seconds, receipt)

    def withdraw(self) -> Any:
        return self.project.escrow.withdraw(self.account, sender=self.account)

    def _open_all(self, deliveries: list[Delivery]) -> _Opened:
        rows: list[Delivery] = []
        updates = np.empty((len(deliveries), self.project.terms.dimension), np.int16)
        tails: list[tuple[int, ...]] = []
        excluded: list[int] = []
        with stage(f"Opening {len(deliveries)} payloads", len(deliveries)) as advance:
            for delivery in deliveries:
                payload = self._open(delivery)
                if payload is None:
                    excluded.append(delivery.seat)
                else:
                    updates[len(rows)] = payload.update
                    rows.append(delivery)
                    tails.append(payload.tail)
                advance(1)
        return _Opened(rows, updates[: len(rows)], tails, excluded)

    def _open(self, delivery: Delivery) -> Payload | None:
        """The payload that opens the delivered commitment, or None if there is no such thing on the store."""
        terms = self.project.terms
        size = payload_size(terms.dimension)
        envelope = Envelope(self.project.chain_id, self.project.address, delivery.round, delivery.trainer)
        try:
            sealed = self.store.get(delivery.cid, sealed_size(size))
            payload = payload_from_bytes(self._key.open(sealed, envelope, size), terms.dimension, terms.bits)
        except (StoreError, SealingError, PayloadError) as error:
            logger.warning("seat %d, round %d: %s", delivery.seat, delivery.round, error)
            return None
        if commit(self.srs, payload.update, payload.tail) != delivery.commitment:
            logger.warning("seat %d, round %d: payload and commitment differ", delivery.seat, delivery.round)
            return None
        return payload

    def _public_rows(self) -> PublicRows | None:
        """The running round's, or None if it has none. Raises MarketError if they are not to be had."""
        for settlement in self.project.public_settlements()[self._public_rounds :]:
            row = PublicRow(self._aggregate_of(settlement), settlement.aggregate)
            self._public = after(self._public, row, settlement.total_weight)
            self._public_rounds += 1
        return self._public

    def _aggregate_of(self, settlement: Settlement) -> Combination:
        try:
            published = fetch_aggregate(self.project, self.store, self.srs, settlement)
            return Combination(published.values, published.tail)
        except (StoreError, PayloadError, FalseAggregate) as error:
            logger.warning("aggregate of round %d: %s", settlement.round, error)
            deliveries = self.project.deliveries(settlement.round)
            again = self._open_all([delivery for delivery in deliveries if delivery.seat in settlement.seats])
            if again.excluded:
                raise MarketError(
                    f"the aggregate of round {settlement.round} is not to be had, nor all of its payloads"
                ) from error
            return Combination(*aggregate(again.updates, again.tails, settlement.weights))

    def _prove(self, round_: int, opened: _Opened, gram: list[int], public: PublicRows | None = None) -> RoundProof:
        """The round's proof: made once for the same rows, since each further one would open the updates further."""
        context = self.project.context(round_, str(self.account.address))
        commitments = tuple(delivery.commitment for delivery in opened.rows)
        if public is not None:
            commitments += public.commitments
        last = self._proof and (self._proof.statement.context, self._proof.statement.commitments)
        if self._proof is None or last != (context, commitments):
            bits = self.project.terms.bits
            self._proof = prove_round(
                self.srs,
                context,
                opened.updates,
                opened.tails,
                bits,
                public=public.combinations if public else (),
                commitments=commitments,
                gram=gram,
            )
        return self._proof

    def _decide(self, rows: int, gram: list[int], rate: int) -> Outcome:
        """The outcome, by the same rules here and on chain: a difference is found before anything is sent."""
        terms = self.project.terms
        outcome = evaluate(rows, gram, terms.policy_terms, rate)
        there = self._policy.evaluate(rows, gram, terms.params, rate)
        if list(there.weights[:rows]) != outcome.weights or list(there.contributions[:rows]) != outcome.contributions:
            raise MarketError("the policy contract decides otherwise than this package")
        return outcome

    def _publish(self, updates: npt.NDArray[np.int16], tails: list[tuple[int, ...]], weights: list[int]) -> bytes:
        with stage("Publishing the aggregate"):
            values, tail = aggregate(updates, tails, weights)
            return self.store.put(aggregate_to_bytes(Aggregate(values, tail))).digest

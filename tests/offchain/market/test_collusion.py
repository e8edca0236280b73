"""An aggregator and a trainer that collude: entries as large as the field make a false Gram matrix true modulo P.

In one coordinate all honest updates are zero. There the trainer commits to s times a square root of -1: its products
with others stay what they are, and its square norm is s^2 less than that of its true update. So each of its cosines
comes out larger, and the policy chooses others. The Gram protocol accepts that matrix, as it should of field elements;
a range proof doesn't exist.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import ape
import numpy as np
import pytest

from offchain.market import trainer as trainer_module
from offchain.proving import gram as gram_module
from offchain.proving.commitment import Point
from offchain.proving.encoding import Proof
from offchain.proving.gram import gram_matrix, prove
from offchain.proving.kernels.curve import encode
from offchain.proving.kernels.field import P, Words, from_ints, to_ints
from offchain.proving.kernels.msm import msm
from offchain.proving.range import prove_range
from offchain.proving.range_transcript import range_hint
from offchain.proving.srs import Srs
from offchain.proving.transcript import hint
from offchain.scoring.policy import evaluate
from tests.offchain.market.play import Play

ROOT_OF_MINUS_ONE = pow(5, (P - 1) // 4, P)  # 5 generates the field's multiplicative group
DEAD = 0  # a coordinate in which honest updates are zero


class Colluder:
    """Commits to its update with another entry in the dead coordinate."""

    def __init__(self) -> None:
        self.forged: list[int] = []
        self.saved = 0  # by how much its square norm shrinks
        self.tail: Sequence[int] = ()

    def commit(self, srs: Srs, values: np.ndarray, tail: Sequence[int]) -> Point:
        s = math.isqrt(3 * int((values.astype(np.int64) ** 2).sum()) // 10)
        self.forged = [int(value) for value in values]
        self.forged[DEAD] = s * ROOT_OF_MINUS_ONE % P
        self.saved, self.tail = s * s, tail
        return encode(msm(srs.prefix(len(values) + len(tail)), from_ints([*self.forged, *tail])))


@pytest.fixture
def over_field_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prover takes rows of field elements, an object array, and believes the matrix that it is given."""

    def dot_products(scalars: Words, rows: Any) -> list[int]:
        mask = to_ints(scalars)
        return [sum(a * b for a, b in zip(mask, row, strict=True)) % P for row in rows]

    def fold(base: Words, rows: Any, challenges: Sequence[int], out: Words) -> Words:
        columns = zip(to_ints(base), *rows, strict=True)
        out[:] = from_ints(m + sum(a * u for a, u in zip(challenges, us, strict=True)) for m, *us in columns)
        return out

    monkeypatch.setattr(gram_module, "_check_updates", lambda updates: None)
    monkeypatch.setattr(gram_module, "dot_products", dot_products)
    monkeypatch.setattr(gram_module, "fold", fold)


def test_settle__entries_that_wrap_around__range_proof_refuses_what_the_gram_proof_lets_through(
    play: Play, deploy: Any, monkeypatch: pytest.MonkeyPatch, over_field_elements: None
) -> None:
    colluder, aggregator, project = Colluder(), play.aggregator, play.project
    for trainer in play.trainers:
        train = trainer.local_update

        def without_dead(rate: float, round_: int, train: Any = train) -> np.ndarray:
            update = train(rate, round_)
            update[DEAD] = 0
            return update

        monkeypatch.setattr(trainer, "local_update", without_dead)
    with monkeypatch.context() as patch:
        patch.setattr(trainer_module, "commit", colluder.commit)
        play.trainers[0].submit()
    for trainer in play.trainers[1:]:
        trainer.submit()
    for trainer in play.trainers:
        trainer.deliver()
    for trainer in play.trainers:
        trainer.publish()

    # what the two know together
    round_ = project.status().round
    deliveries = project.deliveries(round_)
    payloads = [aggregator._open(delivery) for delivery in deliveries[1:]]
    own = [0 if k == DEAD else value for k, value in enumerate(colluder.forged)]
    updates = np.array([own, *(payload.update for payload in payloads)], np.int16)
    tails = [colluder.tail, *(payload.tail for payload in payloads)]
    commitments = [delivery.commitment for delivery in deliveries]
    claimed = gram_matrix(updates)
    claimed[0] -= colluder.saved
    rows, rate, terms = len(updates), project.status().rate, project.terms
    honest = evaluate(rows, gram_matrix(updates), terms.policy_terms, rate)
    false = evaluate(rows, claimed, terms.policy_terms, rate)
    assert false.kept != honest.kept  # it moves money: another honest trainer would be left unpaid

    # the Gram protocol alone accepts
    context = project.context(round_, str(aggregator.account.address))
    field_rows = np.array([colluder.forged, *updates[1:].tolist()], object)
    statement, proof = prove(aggregator.srs, context, field_rows, tails, commitments=commitments, gram=claimed)
    gram_hint = hint(aggregator.srs.tau_g2, statement, proof)
    alone = deploy("GramProtocolMock", aggregator.srs.tau_g2, aggregator.srs.size)
    assert alone.verify(context, terms.dimension, rows, commitments, claimed, proof.as_struct(), gram_hint)

    # a range proof is there for other vectors alone
    ranges, range_proof = prove_range(aggregator.srs, context, updates, tails, terms.bits, commitments=commitments)
    hints = gram_hint, range_hint(aggregator.srs.tau_g2, ranges, range_proof)
    before = project.status()
    with ape.reverts("verifier: pairing check failed"):
        order = sum(delivery.seat << 8 * i for i, delivery in enumerate(deliveries))
        shown = Proof(tuple(claimed), proof, range_proof, hints).encode()
        arguments = 0, order, commitments, shown, (0, 0), terms.policy, terms.params, [0] * 8, b"\x01" * 32
        project.escrow.settle(*arguments, sender=aggregator.account)
    assert project.status() == before

"""What the aggregator does with payloads that it can't use, and with a policy that disagrees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from offchain.market.errors import MarketError
from offchain.market.project import Phase
from offchain.proving.commitment import commit, random_tail
from offchain.proving.gram import gram_matrix
from offchain.proving.kernels.fold import exact_products
from offchain.scoring.policy import evaluate
from offchain.storage.payload import Payload, payload_to_bytes
from offchain.storage.sealing import Envelope, seal
from tests.offchain.market.play import SEATS, Play


def sealed_for(play: Play, sender: Any, payload: Payload) -> bytes:
    envelope = Envelope(play.project.chain_id, play.project.address, 0, str(sender.address))
    return seal(payload_to_bytes(payload), play.project.sealing_keys(), envelope)


def test_settle__every_payload_good__credits_as_the_policy_says(play: Play) -> None:
    play.to_settling()
    settled = play.aggregator.settle()
    settlement = settled.settlement
    assert settled.excluded == []
    assert settlement.seats == list(range(SEATS))
    assert not settlement.policy_failed
    (event,) = settled.receipt.decode_logs(play.project.escrow.Settled)
    terms = play.project.terms
    total = sum(settlement.contributions)
    assert settlement.credits == [terms.round_reward * c // total for c in settlement.contributions]
    assert event.pending == terms.round_fee


def test_settle__matrix_and_commitments__are_computed_once(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    play.to_settling()
    calls: list[str] = []

    def counted(place: str, name: str, function: Callable[..., Any]) -> None:
        monkeypatch.setattr(place, lambda *arguments: calls.append(name) or function(*arguments))

    counted("offchain.proving.gram.exact_products", "matrix", exact_products)
    counted("offchain.market.aggregator.commit", "commitment", commit)
    counted("offchain.proving.inputs.commit", "commitment", commit)
    play.aggregator.settle()
    assert sorted(calls) == ["commitment"] * SEATS + ["matrix"]


def test_prove__same_rows_again__shows_the_same_proof(play: Play) -> None:
    """Each further range proof would open the updates at one more point."""
    play.to_settling()
    aggregator, round_ = play.aggregator, play.project.status().round
    opened = aggregator._open_all(play.project.deliveries(round_))
    proof = aggregator._prove(round_, opened, gram_matrix(opened.updates))
    assert aggregator._prove(round_, opened, gram_matrix(opened.updates)) is proof
    fewer = replace(opened, rows=opened.rows[1:], updates=opened.updates[1:], tails=opened.tails[1:])
    assert aggregator._prove(round_, fewer, gram_matrix(fewer.updates)) is not proof


def test_settle__a_payload_missing__its_row_is_excluded(play: Play) -> None:
    play.to_scoring()
    for trainer in play.trainers[1:]:
        trainer.publish()
    settled = play.aggregator.settle()
    assert settled.excluded == [0]
    assert settled.settlement.seats == [1, 2, 3, 4, 5]
    reward = play.project.terms.round_reward
    assert sum(settled.settlement.credits) <= reward * 5 // 6


def test_settle__more_payloads_missing_than_may_be_excluded__refuses_and_sends_nothing(play: Play) -> None:
    play.to_scoring()
    for trainer in play.trainers[2:]:
        trainer.publish()
    with pytest.raises(MarketError, match="2 payloads can't be used, 1 may be excluded"):
        play.aggregator.settle()
    assert play.project.status().phase == Phase.SCORING


def test_settle__copied_payload_under_another_name__does_not_open(play: Play) -> None:
    """Seat 1 has delivered its own commitment, but with the sealed bytes of seat 0."""
    play.to_delivering()
    thief = play.trainers[1]
    assert thief.prepared is not None
    assert play.trainers[0].prepared is not None
    thief.prepared = replace(thief.prepared, sealed=play.trainers[0].prepared.sealed)
    for trainer in play.trainers:
        trainer.deliver()
    for trainer in play.trainers:
        trainer.publish()
    assert play.aggregator.settle().excluded == [1]


def test_settle__payload_of_another_vector_than_committed__its_row_is_excluded(play: Play) -> None:
    play.to_delivering()
    liar = play.trainers[2]
    assert liar.prepared is not None
    other = Payload(np.ones(play.project.terms.dimension, np.int16), tuple(random_tail()))
    liar.prepared = replace(liar.prepared, sealed=sealed_for(play, liar.account, other))
    for trainer in play.trainers:
        trainer.deliver()
    for trainer in play.trainers:
        trainer.publish()
    assert play.aggregator.settle().excluded == [2]


def test_settle__policy_contract_decides_otherwise__refuses(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    def otherwise(*arguments: Any, **options: Any) -> Any:
        outcome = evaluate(*arguments, **options)
        return replace(outcome, contributions=[c + 1 for c in outcome.contributions])

    play.to_settling()
    monkeypatch.setattr("offchain.market.aggregator.evaluate", otherwise)
    with pytest.raises(MarketError, match="decides otherwise"):
        play.aggregator.settle()


def test_settle__another_phase__says_which(play: Play) -> None:
    with pytest.raises(MarketError, match="the project is collecting, not scoring"):
        play.aggregator.settle()

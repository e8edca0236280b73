"""What the aggregator does with payloads that it can't use, and with a policy that disagrees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offchain.market.errors import DescriptionError, MarketError
from offchain.market.journal import Journal
from offchain.market.member import fetch_aggregate
from offchain.market.programs.aggregator import AggregatorProgram
from offchain.market.programs.base import Surroundings
from offchain.market.project import Phase, Project
from offchain.market.sender import Sender
from offchain.market.settings import AggregatorSettings
from offchain.proving.commitment import commit, random_tail
from offchain.proving.gram import gram_matrix
from offchain.proving.kernels.fold import exact_products
from offchain.scoring.policy import evaluate
from offchain.storage.payload import Payload, payload_to_bytes, task_to_bytes
from offchain.storage.sealing import Envelope, seal
from offchain.storage.unixfs import cid_of
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


def put_on(play: Play, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What is put on the store from now on."""
    contents: list[bytes] = []
    put = play.stage.store.put
    monkeypatch.setattr(play.stage.store, "put", lambda content: contents.append(content) or put(content))
    return contents


def all_but_the_first_publish(play: Play) -> None:
    play.to_scoring()
    for trainer in play.trainers[1:]:
        trainer.publish()


def publish_late(play: Play) -> None:
    assert play.trainers[0].prepared is not None
    play.stage.store.put(play.trainers[0].prepared.sealed)


def test_make_ready__late_payload__another_set_is_refused_and_nothing_is_published(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The difference of the two aggregates would be the late update."""
    all_but_the_first_publish(play)
    aggregator, rate = play.aggregator, play.project.status().rate
    contents = put_on(play, monkeypatch)
    assert aggregator.make_ready(aggregator.open_round(0), 0, rate).excluded == [0]
    assert contents == []
    play.trainers[0].publish()
    late = aggregator.open_round(0)
    assert late.excluded == []
    with pytest.raises(MarketError, match=r"round 1 was made ready without the seats \[0\], and is not made again"):
        aggregator.make_ready(late, 0, rate)
    assert aggregator.settle().excluded == [0]
    (event,) = play.project.settlements()
    assert [cid_of(content).digest for content in contents[1:]] == [event.cid]  # the first is the late payload


def test_settle__aggregate__reaches_the_store_once_the_round_is_settled(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    play.to_settling()
    contents, transact = put_on(play, monkeypatch), play.aggregator._transact

    def sent(method: Any, *arguments: Any) -> Any:
        assert contents == []
        return transact(method, *arguments)

    monkeypatch.setattr(play.aggregator, "_transact", sent)
    settlement = play.aggregator.settle().settlement
    assert [cid_of(content).digest for content in contents] == [settlement.cid]


def test_settle__call_that_did_not_arrive__is_sent_again_with_the_same_rows(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_but_the_first_publish(play)
    calls: list[Any] = []

    def lost(method: Any, *arguments: Any) -> Any:
        calls.append(arguments)
        raise MarketError("the node is away")

    with monkeypatch.context() as patch:
        patch.setattr(play.aggregator, "_transact", lost)
        for _ in range(2):
            with pytest.raises(MarketError, match="the node is away"):
                play.aggregator.settle()
            play.trainers[0].publish()
    assert calls[0] == calls[1]
    assert play.aggregator.settle().excluded == [0]


def test_settle__chain_reorganised_after_publication__late_payload_stays_out(play: Play, chain: Any) -> None:
    all_but_the_first_publish(play)
    with chain.isolate():
        assert play.aggregator.settle().excluded == [0]
    assert play.project.status().phase == Phase.SCORING
    play.trainers[0].publish()
    aggregator, rate = play.aggregator, play.project.status().rate
    aggregator._ready = None  # as after a restart
    assert aggregator.open_round(0).excluded == [0]
    everything = aggregator._open_all(play.project.deliveries(0))
    assert everything.excluded == []
    with pytest.raises(MarketError, match="an aggregate of other payloads was published before"):
        aggregator.make_ready(everything, 0, rate)
    assert aggregator.settle().excluded == [0]


def test_republish__settled_round__is_of_the_settled_rows(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    all_but_the_first_publish(play)
    settlement = play.aggregator.settle().settlement
    publish_late(play)
    contents = put_on(play, monkeypatch)
    play.aggregator.republish(settlement)
    (copy,) = contents
    assert cid_of(copy).digest in play.project.copies_to_try(settlement)
    assert fetch_aggregate(play.project, play.stage.store, play.stage.srs, settlement) is not None


def test_republish__another_settlement_of_the_round_than_was_published__refused_before_anything_is_sent(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the chain had been reorganised, and somebody else had settled with the late payload."""
    all_but_the_first_publish(play)
    settlement = play.aggregator.settle().settlement
    publish_late(play)
    contents = put_on(play, monkeypatch)
    monkeypatch.setattr(play.aggregator, "_transact", pytest.fail)
    another = replace(settlement, seats=list(range(SEATS)), weights=[1] * SEATS)
    with pytest.raises(MarketError, match="an aggregate of other payloads was published before"):
        play.aggregator.republish(another)
    assert contents == []


def test_member_keys__trainer_has_left__its_key_is_not_among_them(play: Play) -> None:
    keys = [trainer._key.public for trainer in play.trainers]
    assert play.project.member_keys() == [play.aggregator._key.public, *keys]
    play.trainers[2].leave()
    assert play.project.member_keys() == [play.aggregator._key.public, *keys[:2], *keys[3:]]


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


@pytest.mark.parametrize("owner_key", ["00" * 32, "nonsense", "ff" * 32, ""])
def test_accept__owner_key_that_nothing_can_be_sealed_to__refused_before_anything_is_sent(
    play: Play, project: Any, chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner_key: str
) -> None:
    """Who accepted could not seal an aggregate, and would lose its stake."""
    description = {"task": {"task": "wine"}, "owner_key": owner_key}
    task = play.stage.store.put(task_to_bytes(description)).digest
    own = Project(play.project.escrow, play.project.since)  # the journal ends with the test
    monkeypatch.setattr(own, "terms", replace(own.terms, task=task))
    monkeypatch.setattr(
        f"{AggregatorProgram.__module__}.check_project", lambda *_: None
    )  # an address commits to its task
    journal = Journal(tmp_path / "state")
    sender = Sender(play.aggregator.account, chain.provider, journal)
    monkeypatch.setattr(sender, "transact", pytest.fail)
    around = Surroundings(play.aggregator.account, project, play.stage.store, play.stage.srs, journal, sender)
    program, look = AggregatorProgram(AggregatorSettings(), own, around), own.look()
    assert look is not None
    with pytest.raises(DescriptionError, match="no usable owner_key"):
        program.accept(look)
    journal.close()

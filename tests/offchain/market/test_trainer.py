"""A trainer's steps, each in its phase, and what it never shows too early."""

from __future__ import annotations

import numpy as np
import pytest

from offchain.market.errors import MarketError
from offchain.storage.errors import SealingError
from offchain.storage.unixfs import cid_of
from tests.offchain.market.play import Play


def test_deliver__before_submission_closed__refused(play: Play) -> None:
    play.trainers[0].submit()
    with pytest.raises(MarketError, match="the project is collecting, not delivering"):
        play.trainers[0].deliver()


def test_publish__before_delivery_closed__refused_and_nothing_on_the_store(play: Play) -> None:
    play.to_delivering()
    trainer = play.trainers[0]
    trainer.deliver()
    with pytest.raises(MarketError, match="the project is delivering, not scoring"):
        trainer.publish()
    assert trainer.prepared is not None
    assert not play.stage.store.has(cid_of(trainer.prepared.sealed))


def test_deliver__nothing_submitted_in_this_round__refused(play: Play) -> None:
    play.to_delivering()
    play.trainers[0].prepared = None
    with pytest.raises(MarketError, match="nothing was submitted in round 0"):
        play.trainers[0].deliver()


def test_submit__committed_vector__is_the_one_that_is_delivered(play: Play) -> None:
    play.to_scoring()
    deliveries = play.project.deliveries(0)
    assert [d.trainer for d in deliveries] == [t.account.address for t in play.trainers]
    assert [d.commitment for d in deliveries] == [t.prepared.commitment for t in play.trainers if t.prepared]


def test_submit__quantisation_error__is_carried_to_the_next_round(play: Play) -> None:
    trainer = play.trainers[0]
    update = trainer.local_update(0.1, 0)
    trainer.submit()
    np.testing.assert_allclose(trainer.residual, update - np.rint(update), atol=1e-9)  # the quantum is 1
    assert np.abs(trainer.residual).max() <= 0.5


def test_prepared__in_a_log__shows_no_payload(play: Play) -> None:
    play.trainers[0].submit()
    assert "sealed" not in repr(play.trainers[0].prepared)


def test_enrol__an_aggregator_key_that_nothing_can_be_sealed_to__refused(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(play.project, "sealing_keys", lambda: [bytes(32)])
    with pytest.raises(SealingError):
        play.trainers[0].enrol()


def test_prepare__an_aggregator_key_that_nothing_can_be_sealed_to__payload_is_sealed_to_the_others(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trainers don't join such a project; where there is one all the same, it must not stop the round."""
    keys = play.project.sealing_keys()
    monkeypatch.setattr(play.project, "sealing_keys", lambda: [bytes(32), *keys])
    play.to_settling()
    assert play.aggregator.settle().excluded == []

"""Members' copies of the model: the same to the bit, and never fed a false aggregate."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from offchain.market.errors import FalseAggregate
from offchain.market.member import ModelCopy
from offchain.storage.errors import NotFound
from offchain.storage.payload import Aggregate, aggregate_from_bytes, aggregate_size, aggregate_to_bytes
from tests.offchain.market.play import Play


def published(play: Play) -> Aggregate:
    (settlement,) = play.project.settlements()
    dimension = play.project.terms.dimension
    return aggregate_from_bytes(play.stage.store.get(settlement.cid, aggregate_size(dimension)), dimension)


def fresh_copy(play: Play) -> ModelCopy:
    return ModelCopy(play.project, play.stage.store, play.stage.srs)


def serve(play: Play, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Whoever asks for an aggregate gets these bytes: a store that doesn't check."""
    real = play.stage.store.get
    (settlement,) = play.project.settlements()

    def get(content: Any, max_size: int) -> bytes:
        return data if content == settlement.cid else real(content, max_size)

    monkeypatch.setattr(play.stage.store, "get", get)


def test_follow__settled_round__adds_the_weighted_mean_of_the_updates(play: Play) -> None:
    play.to_settling()
    settlement = play.aggregator.settle().settlement
    copy = fresh_copy(play)
    copy.follow()
    values = published(play).values
    expected = [Fraction(int(v), settlement.total_weight) for v in values]  # the quantum is 1, the model was zero
    assert copy.rounds == 1
    np.testing.assert_allclose(copy.vector, [float(e) for e in expected], rtol=1e-15)


def test_follow__two_members__have_the_same_bits(play: Play) -> None:
    play.to_settling()
    play.aggregator.settle()
    one, other = fresh_copy(play), play.trainers[0].copy
    one.follow()
    other.follow()
    assert one.vector.tobytes() == other.vector.tobytes()


@pytest.mark.parametrize("part", ["values", "tail"])
def test_follow__aggregate_changed_by_one__refused_and_the_model_stays(
    play: Play, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    play.to_settling()
    play.aggregator.settle()
    good = published(play)
    values, tail = good.values.copy(), list(good.tail)
    if part == "values":
        values[7] += 1
    else:
        tail[3] ^= 1
    serve(play, monkeypatch, aggregate_to_bytes(Aggregate(values, tuple(tail))))
    copy = fresh_copy(play)
    before = copy.vector.copy()
    with pytest.raises(FalseAggregate):
        copy.follow()
    assert copy.rounds == 0
    assert np.array_equal(copy.vector, before)


def test_follow__aggregate_not_to_be_had__model_stays(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    play.to_settling()
    play.aggregator.settle()
    copy = fresh_copy(play)
    monkeypatch.setattr(play.stage.store, "get", lambda *_: (_ for _ in ()).throw(NotFound("gone")))
    with pytest.raises(NotFound):
        copy.follow()
    assert copy.rounds == 0

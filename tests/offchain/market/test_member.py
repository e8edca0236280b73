"""Members' copies of the model: the same to the bit, and never fed a false aggregate."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from offchain.market.errors import FalseAggregate
from offchain.market.member import ModelCopy, fetch_initial_model
from offchain.market.named import Tries, grants_to_try
from offchain.market.project import Project
from offchain.storage.embedded import EmbeddedStore
from offchain.storage.errors import NotFound, SealingError
from offchain.storage.members import Place, What, grant, seal_model
from offchain.storage.payload import (
    Aggregate,
    aggregate_from_bytes,
    aggregate_size,
    aggregate_to_bytes,
    model_to_bytes,
)
from offchain.storage.sealing import SealingKey
from tests.offchain.market.play import Play

MODEL = np.linspace(-1.0, 1.0, 40)


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


# --- a sealed initial model, and grants of its key


class Granting:
    """What `fetch_initial_model` reads of a project whose model is sealed."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store = store
        self.member = SealingKey.generate()
        content, self.key = seal_model(model_to_bytes(MODEL))
        self.named: list[tuple[str, bytes]] = []
        self.address, self.chain_id = "0x" + "11" * 20, 31_337
        self.terms = SimpleNamespace(dimension=len(MODEL), model=store.put(content).digest)
        self.tries = Tries()

    def grants_to_try(self) -> list[bytes]:
        return grants_to_try(self.named, "owner")

    def grant(self, who: str, key: bytes, *recipients: bytes) -> None:
        place = Place(self.chain_id, self.address, What.MODEL)
        self.named.append((who, self.store.put(grant(key, list(recipients), place)).digest))

    def fetch(self) -> npt.NDArray[np.float64]:
        return fetch_initial_model(cast(Project, self), self.store, self.member)


@pytest.fixture
def granting(tmp_path: Path) -> Granting:
    return Granting(EmbeddedStore(tmp_path))


def test_fetch_initial_model__granted_after_five_hundred_that_are_not_there__is_had_at_once(
    granting: Granting, monkeypatch: pytest.MonkeyPatch
) -> None:
    granting.named += [("aggregator", number.to_bytes(32, "big")) for number in range(500)]
    granting.grant("owner", granting.key, granting.member.public)
    asked: list[bytes] = []
    get = granting.store.get
    monkeypatch.setattr(granting.store, "get", lambda cid, size: asked.append(cid) or get(cid, size))
    assert np.array_equal(granting.fetch(), MODEL)
    assert asked == [granting.terms.model, granting.named[-1][1]]


@pytest.mark.parametrize("first", ["owner", "aggregator"])
def test_fetch_initial_model__false_key_granted__the_right_one_is_found(granting: Granting, first: str) -> None:
    """It opens, and is the key of nothing."""
    other = "aggregator" if first == "owner" else "owner"
    granting.grant(first, bytes(32), granting.member.public)
    with pytest.raises(SealingError, match="was not granted to this member"):
        granting.fetch()
    granting.grant(other, granting.key, granting.member.public)
    assert np.array_equal(granting.fetch(), MODEL)


def test_fetch_initial_model__granted_to_those_before__each_finds_its_own(granting: Granting) -> None:
    later = SealingKey.generate()
    granting.grant("owner", granting.key, granting.member.public)
    granting.grant("owner", granting.key, later.public)
    assert np.array_equal(granting.fetch(), MODEL)
    granting.member = later
    assert np.array_equal(granting.fetch(), MODEL)

"""A member's copy of the global model, which is the same to the bit as everybody else's.

Each settled round the contract forms the commitment to the aggregate, sum_i k_i C_i, from the commitments that it has
verified. A member takes the published aggregate from the store, commits to it itself, and refuses it unless the two are
equal.

Aggregates, and the model that training starts from, may be sealed to the members (`storage/members.py`) or open; the
bytes tell. Who names another copy of an aggregate, or a grant of the initial model's key, need not be believed: what
opens is checked.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from offchain.market.errors import FalseAggregate
from offchain.market.project import Point, Project, Settlement
from offchain.proving.commitment import commit_integers
from offchain.proving.srs import Srs
from offchain.scoring.aggregate import apply
from offchain.storage.errors import PayloadError, SealingError, StoreError
from offchain.storage.members import (
    Place,
    What,
    grant_size,
    is_sealed_model,
    open_as_member,
    open_grant,
    open_model,
    sealed_model_size,
    sealed_to_members_size,
)
from offchain.storage.payload import (
    Aggregate,
    aggregate_from_bytes,
    aggregate_size,
    model_from_bytes,
    model_size,
)
from offchain.storage.sealing import SealingKey
from offchain.storage.store import Store

__all__ = ["UNUSABLE", "ModelCopy", "fetch_aggregate", "fetch_initial_model", "fetch_model_key"]

UNUSABLE = (StoreError, SealingError, PayloadError, FalseAggregate)  # what is wrong with others' contents


def fetch_aggregate(
    project: Project, store: Store, srs: Srs, settlement: Settlement, key: SealingKey | None = None
) -> Aggregate:
    """The aggregate of a settled round of the project, from the first of its copies that is to be had. Raises
    FalseAggregate if it does not open the commitment that the contract formed, and the errors of store, payload and
    sealing; with several copies, the last one's. What can't be used is remembered, and not fetched again.
    """

    def fetch(cid: bytes) -> Aggregate:
        return _fetch_aggregate(project, store, srs, settlement, key, cid)

    reader = b"" if key is None else key.public
    return project.tries.first(project.copies_to_try(settlement), reader, fetch, *UNUSABLE)


def _fetch_aggregate(
    project: Project, store: Store, srs: Srs, settlement: Settlement, key: SealingKey | None, cid: bytes
) -> Aggregate:
    dimension = project.terms.dimension
    size = aggregate_size(dimension)
    content = store.get(cid, sealed_to_members_size(size))
    if int.from_bytes(content[:8], "little") > len(content):  # no length of a safetensors header, so it is sealed
        place = Place(project.chain_id, project.address, What.AGGREGATE, settlement.round)
        content = open_as_member(content, _needed(key), place, size)
    aggregate = aggregate_from_bytes(content, dimension)
    if commit_integers(srs, aggregate.values, aggregate.tail) != settlement.aggregate:
        raise FalseAggregate(f"the aggregate of round {settlement.round} is not the one that was settled")
    return aggregate


def fetch_model_key(project: Project, store: Store, key: SealingKey) -> bytes:
    """A key that was granted to this member, from the first grant that opens. Raises SealingError if none does."""
    return _with_a_grant(project, store, key, lambda granted: granted)


def fetch_initial_model(project: Project, store: Store, key: SealingKey | None = None) -> npt.NDArray[np.float64]:
    """float64[d]. Raises the errors of store, payload and sealing."""
    dimension = project.terms.dimension
    size = model_size(dimension)
    content = store.get(project.terms.model, sealed_model_size(size))
    if is_sealed_model(content[:8]):
        sealed = content  # a grant may be of another key
        content = _with_a_grant(project, store, _needed(key), lambda granted: open_model(sealed, granted, size))
    return model_from_bytes(content, dimension)


def _with_a_grant(project: Project, store: Store, key: SealingKey, use: Callable[[bytes], bytes]) -> bytes:
    """What can be made of the first grant that opens and is of use. What isn't is remembered, and not tried again."""
    place = Place(project.chain_id, project.address, What.MODEL)

    def fetch(cid: bytes) -> bytes:
        return use(open_grant(store.get(cid, grant_size()), key, place))

    try:
        return project.tries.first(project.grants_to_try(), key.public, fetch, StoreError, SealingError)
    except (StoreError, SealingError) as error:
        raise SealingError(
            "the initial model's key was not granted to this member, or the grant is not to be had"
        ) from error


def _needed(key: SealingKey | None) -> SealingKey:
    if key is None:
        raise SealingError("the content is sealed to members, and there is no key")
    return key


class ModelCopy:
    """The model after the first `rounds` settled rounds: float64[d] in `vector`.

    vector, applied: a copy that was kept, and the commitments to the aggregates in it. Without them the copy begins
    with the initial model.
    """

    def __init__(
        self,
        project: Project,
        store: Store,
        srs: Srs,
        key: SealingKey | None = None,
        vector: npt.NDArray[np.float64] | None = None,
        applied: list[Point] | None = None,
    ) -> None:
        self._project = project
        self._store = store
        self._srs = srs
        self._key = key
        self.applied = list(applied or [])
        self.rounds = len(self.applied)
        self.vector = fetch_initial_model(project, store, key) if vector is None else vector

    def follow(self, took: Callable[[], None] = lambda: None) -> None:
        """Applies every aggregate settled since, and calls `took` after each. Raises one of UNUSABLE, and stays at the
        last good model.

        If the chain has settled other aggregates than those applied, the copy begins anew.
        """
        settlements = self._project.settlements()
        if [s.aggregate for s in settlements[: self.rounds]] != self.applied[: self.rounds]:
            self.vector, self.rounds = fetch_initial_model(self._project, self._store, self._key), 0
        for settlement in settlements[self.rounds :]:
            if settlement.total_weight:
                aggregate = fetch_aggregate(self._project, self._store, self._srs, settlement, self._key)
                self.vector = apply(self.vector, self._project.terms.quantum, aggregate.values, settlement.total_weight)
            self.applied[self.rounds :] = [settlement.aggregate]
            self.rounds += 1
            took()

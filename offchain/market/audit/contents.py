"""What a project's contents are, read from a store that need not be honest.

Every content is found by the digest that stands on chain, so a store can't pass other bytes off as it: bytes without
their digest are a difference. What it doesn't have, or what is sealed to somebody else, can't be checked, and the
audit says so: a payload need not be served once its round is over.

With a key more can be read: with that of an aggregator the payloads, with any member's the aggregates and the initial
model, where they are sealed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.errors import PassingError
from offchain.market.audit.books import Delivered, Settled
from offchain.market.audit.finding import Difference
from offchain.market.description import Description
from offchain.market.errors import DescriptionError
from offchain.market.project import Project
from offchain.proving.commitment import commit, commit_integers
from offchain.proving.srs import Srs
from offchain.storage.errors import Corrupt, PayloadError, SealingError, StoreError, TooLarge
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
    MAX_TASK,
    Aggregate,
    aggregate_from_bytes,
    aggregate_size,
    model_from_bytes,
    model_size,
    payload_from_bytes,
    payload_size,
    task_from_bytes,
)
from offchain.storage.sealing import Envelope, SealingKey, sealed_size
from offchain.storage.store import Store

__all__ = ["Contents", "Unreadable"]


class Unreadable(PassingError):
    """A content that can't be looked at: it isn't in the store, or sealed to others. The message says which."""


@dataclass(frozen=True)
class Contents:
    """The contents of one project. key: of a member, or none."""

    project: Project
    store: Store
    srs: Srs
    key: SealingKey | None = None

    def task(self) -> dict[str, Any]:
        """The task's description, which is one that parties act on. Raises Difference, Unreadable."""
        data = self._get("the task's description", self.project.terms.task, MAX_TASK)
        try:
            Description.from_bytes(data)
            return task_from_bytes(data)
        except (DescriptionError, PayloadError) as error:
            raise Difference(str(error)) from error

    def model(self, grants: list[bytes]) -> npt.NDArray[np.float64]:
        """The initial model, float64[d]. grants: CIDs in the order in which to try them. Raises Difference,
        Unreadable.
        """
        dimension = self.project.terms.dimension
        size = model_size(dimension)
        data = self._get("the initial model", self.project.terms.model, sealed_model_size(size))
        try:
            if is_sealed_model(data[:8]):
                data = self._opened(data, grants, size)
            return model_from_bytes(data, dimension)
        except (PayloadError, SealingError, TooLarge) as error:
            raise Difference(f"the initial model: {error}") from error

    def aggregate(self, settled: Settled, cid: bytes) -> Aggregate:
        """What is under this CID, which opens the round's commitment. Raises Difference, Unreadable."""
        what, dimension = f"the aggregate of round {settled.round}", self.project.terms.dimension
        size = aggregate_size(dimension)
        data = self._get(what, cid, sealed_to_members_size(size))
        try:
            if int.from_bytes(data[:8], "little") > len(data):  # no length of a safetensors header, so it is sealed
                place = Place(self.project.chain_id, self.project.address, What.AGGREGATE, settled.round)
                data = open_as_member(data, self._needed(what), place, size)
            aggregate = aggregate_from_bytes(data, dimension)
        except (PayloadError, SealingError, TooLarge) as error:
            raise Difference(f"{what}: {error}") from error
        if commit_integers(self.srs, aggregate.values, aggregate.tail) != settled.aggregate:
            raise Difference(f"{what} does not open the commitment that was settled")
        return aggregate

    def payload(self, row: Delivered, is_aggregator: bool) -> None:
        """The sealed bytes of a payload have their digest and, if the key is an aggregator's, open the commitment.
        Raises Difference, Unreadable.
        """
        what = f"the payload of seat {row.seat} in round {row.round}"
        terms = self.project.terms
        size = payload_size(terms.dimension)
        sealed = self._get(what, row.cid, sealed_size(size))
        if not is_aggregator or self.key is None:
            return
        envelope = Envelope(self.project.chain_id, self.project.address, row.round, row.trainer)
        try:
            payload = payload_from_bytes(self.key.open(sealed, envelope, size), terms.dimension, terms.bits)
        except (PayloadError, SealingError) as error:
            raise Difference(f"{what}: {error}") from error
        if commit(self.srs, payload.update, payload.tail) != row.commitment:
            raise Difference(f"{what} does not open the commitment that was delivered")

    def _get(self, what: str, cid: bytes, max_size: int) -> bytes:
        try:
            return self.store.get(cid, max_size)
        except (Corrupt, TooLarge) as error:
            raise Difference(f"{what}: {error}") from error
        except StoreError as error:
            raise Unreadable(f"{what} is not to be had: {error}") from error

    def _needed(self, what: str) -> SealingKey:
        if self.key is None:
            raise Unreadable(f"{what} is sealed to the members")
        return self.key

    def _opened(self, sealed: bytes, grants: list[bytes], size: int) -> bytes:
        """The initial model's content. Who may name a grant may name nonsense: that is of no use, and no difference."""
        key = self._needed("the initial model")
        place = Place(self.project.chain_id, self.project.address, What.MODEL)
        for cid in grants:
            try:
                granted = open_grant(self._get("a grant of the initial model", cid, grant_size()), key, place)
                return open_model(sealed, granted, size)
            except (SealingError, Unreadable, Difference):
                continue
        raise Unreadable("the initial model is sealed, and no grant is for this key")

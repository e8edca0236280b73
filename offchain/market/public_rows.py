"""The public rows of a round: what every party knows before it trains, so that nobody is paid for sending it.

They are the initial model in quanta, where the terms name it, and the aggregates of the rounds so far that kept
anything, oldest first. Where they would be more than three, all but the last two are one, their sum. The contract has
verified the commitments to aggregates, sums up those of the older ones, and keeps the running hash of all.

A sealed initial model isn't known to everybody, and an aggregator that can't read it could not settle: it is no row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from eth_abi import encode
from eth_utils import keccak

from offchain.market.errors import MarketError
from offchain.market.member import fetch_initial_model
from offchain.market.project import Point, Project
from offchain.market.terms import NO_ROW, PUBLIC_ROWS
from offchain.proving.commitment import Combination, combine, commit_combination
from offchain.proving.parameters import TAIL
from offchain.proving.srs import Srs
from offchain.storage.errors import PayloadError, SealingError, StoreError
from offchain.storage.store import Store
from offchain.training.errors import QuantiseError
from offchain.training.quantise import in_quanta

__all__ = ["PublicRow", "fetch_first_row", "first_row", "initial_row", "points_together", "running_hash", "with_newest"]

Row = TypeVar("Row")


@dataclass(frozen=True)
class PublicRow:
    """What it combines, and the commitment to that."""

    combination: Combination = field(repr=False)
    commitment: Point

    def __add__(self, other: PublicRow) -> PublicRow:
        commitment = points_together(self.commitment, other.commitment)
        return PublicRow(self.combination + other.combination, commitment)


def with_newest(rows: Sequence[Row], newest: Row, together: Callable[[Row, Row], Row]) -> list[Row]:
    """The public rows, oldest first, once there is one more. There are three at most: of four the two oldest become
    one. `together` adds two rows up.
    """
    rows = [*rows, newest]
    if len(rows) > PUBLIC_ROWS:
        rows[:2] = [together(rows[0], rows[1])]
    return rows


def points_together(one: Point, other: Point) -> Point:
    """The commitment to the sum of what these two commit to."""
    return combine([one, other], [1, 1])


def initial_row(srs: Srs, model: npt.NDArray[np.float64], quantum: int) -> PublicRow | None:
    """The row of an initial model, float64[d]: in quanta, with a tail of zeros, so that everybody makes the same one.

    None if it can't be a row: one of zeros, or with an entry beyond 2^52 quanta.
    """
    try:
        values = in_quanta(model, quantum)
    except QuantiseError:
        return None
    if not values.any():
        return None
    combination = Combination(values, (0,) * TAIL)
    return PublicRow(combination, commit_combination(srs, combination))


def first_row(row: PublicRow | None) -> bytes:
    """What the terms say of the initial model's row."""
    return NO_ROW if row is None else running_hash([row.commitment])


def fetch_first_row(project: Project, store: Store, srs: Srs) -> PublicRow | None:
    """The initial model's row, if the terms name one. Raises MarketError if it isn't to be had, or isn't what they
    name: who relied on it would not be able to settle.
    """
    terms = project.terms
    if terms.first_row == NO_ROW:
        return None
    try:
        row = initial_row(srs, fetch_initial_model(project, store), terms.quantum)
    except (StoreError, SealingError, PayloadError) as error:
        raise MarketError(f"the initial model, a public row by the terms, can't be read: {error}") from error
    if first_row(row) != terms.first_row:
        raise MarketError("the initial model isn't the public row that the terms name")
    return row


def running_hash(commitments: Iterable[Point]) -> bytes:
    """h' = keccak(abi.encode(h, commitment)) over all of them, from 32 zero bytes on, as the escrow keeps it."""
    digest = bytes(32)
    for commitment in commitments:
        digest = keccak(encode(["bytes32", "uint256[2]"], [digest, commitment]))
    return digest

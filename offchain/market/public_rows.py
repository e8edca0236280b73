"""The public rows of a round: what every party knows before it trains, so that nobody is paid for sending it.

Two, once a round has been settled that kept anything: the last aggregate S, and the sum M of all steps so far,
M = sum_r scale_r S_r (`scoring/aggregate.py`). The contract has formed the commitments to both, and keeps their hash.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from offchain.market.project import Point
from offchain.proving.commitment import Combination, combine
from offchain.proving.parameters import P
from offchain.scoring.aggregate import step_scale

__all__ = ["PublicRow", "PublicRows", "after"]


@dataclass(frozen=True)
class PublicRow:
    """A combination of updates that has a commitment on chain."""

    combination: Combination = field(repr=False)
    commitment: Point


@dataclass(frozen=True)
class PublicRows:
    """After some settled rounds."""

    last: PublicRow
    steps: PublicRow

    @property
    def combinations(self) -> tuple[Combination, ...]:
        return self.last.combination, self.steps.combination

    @property
    def commitments(self) -> tuple[Point, ...]:
        return self.last.commitment, self.steps.commitment


def after(before: PublicRows | None, aggregate: PublicRow, total_weight: int) -> PublicRows:
    """The public rows after a round that kept something: `total_weight` is at least 1."""
    scale = step_scale(total_weight)
    values, tail = aggregate.combination.values * np.int64(scale), [t * scale % P for t in aggregate.combination.tail]
    points, factors = [aggregate.commitment], [scale]
    if before is not None:
        steps = before.steps.combination
        values = values + steps.values
        tail = [(a + b) % P for a, b in zip(tail, steps.tail, strict=True)]
        points.append(before.steps.commitment)
        factors.append(1)
    return PublicRows(aggregate, PublicRow(Combination(values, tuple(tail)), combine(points, factors)))

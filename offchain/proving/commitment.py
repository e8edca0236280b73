"""Commitments to updates: C = sum_k v_k [tau^k]_1 for the vector v = (u, tail), in the coefficient basis.

The update u has d signed 16-bit integers; its tail, TAIL random field elements, hides it: in C, and in the few
evaluations that proofs open. A tail is a secret, and fresh for every update. Commitments add: sum_i k_i C_i commits
to (sum_i k_i u_i, sum_i k_i tail_i), which `commit_integers` computes from that vector, a `Combination`.

Cost: two windows of digits for 16-bit entries, so some 10 times less than for field elements.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offchain.progress import stage
from offchain.proving.errors import InputError
from offchain.proving.kernels.curve import Point, add, decode, encode
from offchain.proving.kernels.field import P, Words, from_ints
from offchain.proving.kernels.msm import msm
from offchain.proving.parameters import TAIL
from offchain.proving.srs import Srs

__all__ = [
    "TAIL",
    "Combination",
    "Point",
    "combine",
    "commit",
    "commit_combination",
    "commit_integers",
    "commit_polynomial",
    "random_tail",
]

_MAX_COMBINED = 1 << 60  # 256 aggregates of 32 rows, of weight 2^32 at most and 16 bits


@dataclass(frozen=True, eq=False)
class Combination:
    """An integer combination of committed updates, such as a round's aggregate, with its tail: both are public.

    values: int64[d], entries within 2^60. tail: TAIL integers, of any size. Raises InputError for anything else.
    """

    values: npt.NDArray[np.int64]
    tail: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.values.dtype != np.int64 or self.values.ndim != 1 or len(self.tail) != TAIL:
            raise InputError(f"a combination has int64 entries in one dimension and a tail of {TAIL}")
        # min and max, since abs() of the least int64 is negative
        if self.values.min(initial=0) < -_MAX_COMBINED or self.values.max(initial=0) > _MAX_COMBINED:
            raise InputError("a combination has entries within 2^60")

    def __add__(self, other: Combination) -> Combination:
        """What the sum of the two commitments commits to. Raises InputError if an entry outgrows a combination."""
        tail = tuple((a + b) % P for a, b in zip(self.tail, other.tail, strict=True))
        return Combination(self.values + other.values, tail)


def random_tail() -> list[int]:
    """A fresh tail: TAIL secret, uniform field elements."""
    return [secrets.randbelow(P) for _ in range(TAIL)]


def _commit(srs: Srs, values: npt.NDArray[np.int16] | npt.NDArray[np.int64], tail: Sequence[int]) -> Point:
    if values.ndim != 1 or len(tail) != TAIL:
        raise InputError(f"a committed vector has one dimension and a tail of {TAIL}")
    d = len(values)
    points = srs.prefix(d + TAIL)
    with stage("Committing to an update"):
        return encode(add(msm(points[:d], values), msm(points[d:], from_ints(tail))))


def commit(srs: Srs, update: npt.NDArray[np.int16], tail: Sequence[int]) -> Point:
    """The commitment to an update int16[d] with its tail, in the EVM's encoding.

    Raises InputError for another shape or type, SrsError if the SRS is shorter than d + TAIL.
    """
    if update.dtype != np.int16:
        raise InputError(f"an update has int16 entries, not {update.dtype}")
    return _commit(srs, update, tail)


def commit_integers(srs: Srs, values: npt.NDArray[np.int64], tail: Sequence[int]) -> Point:
    """The same for int64[d], with a tail of integers of any size: an aggregate with its exact tail."""
    if values.dtype != np.int64:
        raise InputError(f"values are int64, not {values.dtype}")
    return _commit(srs, values, tail)


def commit_combination(srs: Srs, combination: Combination) -> Point:
    """The commitment to a combination: the same combination of the updates' commitments."""
    return commit_integers(srs, combination.values, combination.tail)


def combine(commitments: Sequence[Point], factors: Sequence[int]) -> Point:
    """sum_i factors_i C_i: the commitment to that combination of what is committed."""
    return encode(msm(np.stack([decode(commitment) for commitment in commitments]), from_ints(factors)))


def commit_polynomial(srs: Srs, name: str, coefficients: Words) -> Point:
    """The commitment to field elements uint64[n, 4]; the name is for whoever watches the progress."""
    with stage(f"Committing to {name}"):
        return encode(msm(srs.prefix(len(coefficients)), coefficients))

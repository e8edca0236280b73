"""What both provers ask of their arguments: updates, a context, tails, and commitments that are known or are made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from offchain.proving.commitment import TAIL, Combination, Point, commit, commit_combination
from offchain.proving.errors import InputError
from offchain.proving.srs import Srs

__all__ = ["check_context_and_tails", "check_updates", "commitments_to"]


def check_updates(updates: npt.NDArray[np.int16]) -> None:
    """Raises InputError unless they are int16[n, d]."""
    if updates.ndim != 2 or updates.dtype != np.int16:
        raise InputError(f"updates are int16[n, d], not {updates.dtype} of shape {updates.shape}")


def check_context_and_tails(context: bytes, tails: Sequence[Sequence[int]], rows: int) -> None:
    """Raises InputError unless the context has 32 bytes, and each of the rows a tail of TAIL elements."""
    if len(context) != 32 or len(tails) != rows or any(len(tail) != TAIL for tail in tails):
        raise InputError(f"a proof takes a context of 32 bytes, and for each update a tail of {TAIL}")


def commitments_to(
    srs: Srs,
    updates: npt.NDArray[np.int16],
    tails: Sequence[Sequence[int]],
    known: Sequence[Point] | None,
    public: Sequence[Combination] = (),
) -> tuple[Point, ...]:
    """The known ones as they are, or else those to int16[n, d] with these tails and to the public rows, if any."""
    if known is not None:
        return tuple(known)
    made = [commit(srs, update, tail) for update, tail in zip(updates, tails, strict=True)]
    return (*made, *(commit_combination(srs, row) for row in public))

"""Values of lanes as kernels keep them, to and from Python integers, through the words that `stash` keeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from offchain.proving.kernels.lanes import STASH_WORDS, WIDTH
from tests.offchain.proving.reference import integers, words

LOOSE = WIDTH > 1  # values of lanes grow as they are added; single elements stay below 2p
HAIR = 2.0**-36  # by which `reduced` may miss 2p, as a part of it

_BITS = 52


def filled(values: Sequence[int]) -> list[int]:
    """The values, and the last one again up to a multiple of WIDTH."""
    return [*values, *values[-1:] * (-len(values) % WIDTH)]


def to_stash(values: Sequence[int]) -> np.ndarray:
    """The words of values, WIDTH at a time; there are a multiple of WIDTH."""
    if not LOOSE:
        return words(values).reshape(-1)
    limbs = [[value >> (_BITS * k) & (2**_BITS - 1) for k in range(4)] + [value >> (4 * _BITS)] for value in values]
    return np.array(limbs, np.uint64).reshape(-1, 8, 5).transpose(0, 2, 1).reshape(-1)


def from_stash(stash: np.ndarray) -> list[int]:
    """The values in the words; none of their limbs has more than 52 bits."""
    if not LOOSE:
        return integers(stash)
    limbs = stash.reshape(-1, 5, 8).transpose(0, 2, 1).reshape(-1, 5)
    assert int(limbs.max()) < 1 << _BITS
    return [sum(limb << (_BITS * k) for k, limb in enumerate(row)) for row in limbs.tolist()]


def empty_stash(groups: int) -> np.ndarray:
    """Room for `groups` values of WIDTH lanes."""
    return np.full(groups * STASH_WORDS, 2**64 - 1, np.uint64)

"""What an attack is: from what a party knows to the updates that its accounts send.

Updates are float64 vectors, not quantised; randomness comes from `Knowledge.random` alone, and what is known is left
as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from offchain.scoring.shown import NOTHING
from offchain.training.task import Samples

__all__ = ["Attack", "Floats", "Knowledge", "noise_like"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What a party with k accounts knows when a round's commitments are due."""

    model: Floats  # float64[d], the global model
    own: Floats  # float64[k, d], what its accounts would send honestly
    past: Sequence[Floats]  # float64[d], steps of the model in earlier rounds, newest last
    round: int
    rows: int  # of the round, the party's included
    byzantine: int  # f of the policy
    quantum: float  # the value of one quantised unit
    random: np.random.Generator
    # everybody else's updates, float64[m, d]: the protocol keeps them from it, since commitments stay behind hashes
    # until no more are taken; for harder experiments alone
    honest: Floats | None = None
    sent: Sequence[Floats] = ()  # float64[k, d], by its accounts in earlier rounds
    trained: Sequence[Floats] = ()  # float64[k, d], what they would have sent honestly, this round's the last
    others: Floats | None = None  # everybody else's updates of the last round: aggregators open them
    memory: Sequence[int] = NOTHING  # the policy's; its accounts have the first seats

    @property
    def sample(self) -> Floats:
        """The honest updates that it can learn from."""
        return self.own if self.honest is None else self.honest


@dataclass(frozen=True)
class Attack:
    """`updates` gives float64[k, d]; `poisons` what the party does to each account's data before it trains."""

    name: str
    kind: Literal["poison", "pay", "free-rider", "sybil"]
    updates: Callable[[Knowledge], Floats]
    poisons: Callable[[Samples, np.random.Generator], Samples] | None = None


def noise_like(vectors: Floats, level: float, random: np.random.Generator) -> Floats:
    """Gaussian noise in the entries that aren't zero, float64 of the shape of `vectors`: one vector, or one a row.

    Its expected square norm is that of `level` times the vector. An entry that is zero often has no gradient at all (a
    pixel that is never lit); noise there would give a copy away.
    """
    touched = vectors != 0
    count = np.maximum(1, touched.sum(axis=-1, keepdims=True))
    deviation = level * np.linalg.norm(vectors, axis=-1, keepdims=True) / np.sqrt(count)
    return random.normal(0.0, 1.0, vectors.shape) * deviation * touched

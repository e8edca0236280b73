"""What a stage is measured on: random inputs that depend on the case alone, so every process draws the same.

Importing this loads no kernel: a peer's process holds nothing of Meed's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offchain.proving.parameters import TAIL, P

__all__ = ["CONTEXT", "ONE_ROW", "SCALARS", "STAGES", "Case", "random_scalars", "random_tails", "random_updates"]

STAGES = ("commit", "gram", "prove", "range", "verify", "msm", "transform", "product")
ONE_ROW = ("commit", "msm", "transform", "product")  # these stages work on one
SCALARS = ("full", "int16")
CONTEXT = b"\x01" * 32
_LEAST_TRANSFORM = 1 << 8  # the kernels' LEAST_SIZE, which isn't imported: that would load them
_INT16 = np.iinfo(np.int16)


@dataclass(frozen=True)
class Case:
    """A stage and its size: `rows` is 1 for the stages of one row, a transform's `dimension` is a power of two from
    256 on.
    """

    stage: str
    rows: int
    dimension: int
    scalars: str = "full"  # of the stage msm: one of SCALARS
    repeat: int = 1  # figures are the medians of so many runs

    def __post_init__(self) -> None:
        if self.stage in ONE_ROW:
            object.__setattr__(self, "rows", 1)
        if self.stage == "transform":
            object.__setattr__(self, "dimension", max(_LEAST_TRANSFORM, 1 << (self.dimension - 1).bit_length()))


def random_updates(rows: int, dimension: int) -> npt.NDArray[np.int16]:
    """int16[rows, dimension], over the whole range."""
    return np.random.default_rng(rows).integers(_INT16.min, _INT16.max, (rows, dimension), np.int16, endpoint=True)


def random_scalars(count: int) -> npt.NDArray[np.uint64]:
    """uint64[count, 4]: field elements below P, as good as uniform: only the last 2^-62 of the field is never drawn."""
    rng = np.random.default_rng(count)
    scalars = rng.integers(0, 1 << 64, (count, 4), np.uint64)
    scalars[:, 3] = rng.integers(0, P >> 192, count, np.uint64)
    return scalars


def random_tails(rows: int) -> list[list[int]]:
    """For each row TAIL field elements. They are no secrets."""
    data = random_scalars(rows * TAIL).astype("<u8").tobytes()
    values = [int.from_bytes(data[k : k + 32], "little") for k in range(0, len(data), 32)]
    return [values[k : k + TAIL] for k in range(0, len(values), TAIL)]

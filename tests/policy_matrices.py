"""Gram matrices of integer vectors, as upper triangles: random and extreme ones to try a policy on."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

VECTORS: dict[str, list[dict[str, Any]]] = json.loads((Path(__file__).parent / "vectors" / "policy.json").read_text())
MOST = 2**80 - 1  # the largest product there may be

Vectors = list[list[int]]


def triangle(vectors: Vectors, scale: int = 1) -> list[int]:
    """Products row by row, times `scale`."""
    return [scale * sum(a * b for a, b in zip(u, v, strict=True)) for i, u in enumerate(vectors) for v in vectors[i:]]


def of(rows: int, product: Callable[[int, int], int]) -> list[int]:
    return [product(i, j) for i in range(rows) for j in range(i, rows)]


def noisy(rng: random.Random, rows: int) -> list[int]:
    """A common signal and independent noise of several strengths."""
    signal = [rng.gauss(0, 100) for _ in range(24)]
    return triangle([[round(s + rng.gauss(0, rng.choice([10, 100, 400]))) for s in signal] for _ in range(rows)])


def coarse(rng: random.Random, rows: int) -> list[int]:
    """Few values in few dimensions: ties everywhere, rows of zeros."""
    dimension = rng.choice([2, 3])
    return triangle([[rng.choice([-1, 0, 1]) for _ in range(dimension)] for _ in range(rows)])


def stretched(rng: random.Random, rows: int) -> list[int]:
    """One direction in lengths from 1 to 32767, both ways, tiled as far as products may go."""
    lengths: Sequence[int] = [1, -1, 300, 301, -32767, 32767, 0]
    return triangle([[rng.choice(lengths), rng.choice([0, 1])] for _ in range(rows)], scale=2**49)


def full(rng: random.Random, rows: int) -> list[int]:
    """Rows of +-32768 tiled to 2^27 entries."""
    return triangle([[rng.choice([1, -1]) for _ in range(32)] for _ in range(rows)], scale=2**52)


FAMILIES = [noisy, coarse, stretched, full]

EXTREMES: dict[str, Callable[[int], list[int]]] = {
    "noisy": lambda rows: noisy(random.Random(rows), rows),
    "identical, largest": lambda rows: of(rows, lambda i, j: MOST),
    "opposite, largest": lambda rows: of(rows, lambda i, j: MOST * (-1) ** (i + j)),
    "opposite, short": lambda rows: of(rows, lambda i, j: 2 * (-1) ** (i + j)),  # cosines beyond 1 before they are cut
    "orthogonal, largest": lambda rows: of(rows, lambda i, j: MOST * (i == j)),
    "identical, smallest": lambda rows: of(rows, lambda i, j: 1),
    "orthogonal, smallest": lambda rows: of(rows, lambda i, j: int(i == j)),
    "rising": lambda rows: of(rows, lambda i, j: (i + 1) * (j + 1)),
    "falling": lambda rows: of(rows, lambda i, j: (rows - i) * (rows - j)),
    "clusters": lambda rows: of(rows, lambda i, j: int(i % 3 == j % 3)),
}

"""More Gram matrices to try the consensus rule on, some with public rows. Those come last."""

from __future__ import annotations

import random
from collections.abc import Callable

from offchain.scoring.policy import PUBLIC_ROWS
from tests.policy_matrices import EXTREMES, FAMILIES, MOST, Vectors, coarse, noisy, of, stretched, triangle

__all__ = ["OWN_EXTREMES", "OWN_FAMILIES", "PUBLIC", "one_factor", "scaled_last"]


def one_factor(rng: random.Random, rows: int) -> Vectors:
    """A common direction and errors of several strengths, in several lengths; some copy others, some are hostile."""
    common = [rng.gauss(0, 100) for _ in range(60)]
    updates: Vectors = []
    for _ in range(rows):
        draw = rng.random()
        if updates and draw < 0.15:
            updates.append([x + rng.choice([0, 0, 1]) for x in rng.choice(updates)])
        else:
            sign = -1 if draw > 0.9 else 1
            noise, size = rng.choice([20, 100, 300]), rng.choice([0.3, 1, 1, 1, 4])
            updates.append([round(sign * size * (c + rng.gauss(0, noise))) for c in common])
    return updates


def federated(rng: random.Random, rows: int) -> list[int]:
    return triangle(one_factor(rng, rows), rng.choice([1, 2**40]))


def short(rng: random.Random, rows: int) -> list[int]:
    """Norms of 1 to 3, rows of zeros among them."""
    return triangle([[rng.choice([0, 0, 1]) for _ in range(8)] for _ in range(rows)])


def copies(rng: random.Random, rows: int) -> list[int]:
    """Few different updates, each sent several times."""
    originals = one_factor(rng, max(1, rows // 3))
    return triangle([rng.choice(originals) for _ in range(rows)])


def negative(rng: random.Random, rows: int) -> list[int]:
    """Every other row points the other way."""
    common = [rng.gauss(0, 100) for _ in range(24)]
    return triangle([[round((-1) ** i * c + rng.gauss(0, 50)) for c in common] for i in range(rows)])


OWN_FAMILIES = [*FAMILIES, federated, short, copies, negative]

OWN_EXTREMES = {
    **EXTREMES,
    "zeros": lambda rows: of(rows, lambda i, j: 0),
    "all but three zeros": lambda rows: of(rows, lambda i, j: 7 * (max(i, j) < 3)),
    "last a row of zeros": lambda rows: of(rows, lambda i, j: int(max(i, j) < rows - 1)),
    "half opposite": lambda rows: of(rows, lambda i, j: MOST * (1 if i % 2 == j % 2 else -1)),
    "two camps": lambda rows: of(
        rows, lambda i, j: MOST * (i < rows // 2) * (j < rows // 2) + MOST * (i == j >= rows // 2)
    ),
    "largest and smallest": lambda rows: of(rows, lambda i, j: (2**40 - 1) ** ((i % 2) + (j % 2))),
}


def scaled_last(gram: list[int], rows: int) -> list[int]:
    """The last two rows' vectors times 2^37: with products near 2^80, as long as public rows may be."""
    scaled = iter(gram)
    public = rows - PUBLIC_ROWS
    return [next(scaled) << 37 * ((i >= public) + (j >= public)) for i in range(rows) for j in range(i, rows)]


def replayed(rng: random.Random, rows: int) -> list[int]:
    """Some of the rows sent a mixture of the public rows."""
    updates = one_factor(rng, rows)
    last, steps = one_factor(rng, 2)
    for i in rng.sample(range(rows), rows // 3):
        a, b = rng.choice([(1, 0), (0, 3), (1, 1), (-1, 2)])
        updates[i] = [a * x + b * y for x, y in zip(last, steps, strict=True)]
    return triangle([*updates, [1000 * x for x in last], [10**6 * x for x in steps]])


def aggregated(rng: random.Random, rows: int) -> list[int]:
    """The last aggregate is the sum of all, the sum of steps has another in it."""
    updates = one_factor(rng, rows)
    last = [sum(column) << 20 for column in zip(*updates, strict=True)]
    (before,) = one_factor(rng, 1)
    return triangle([*updates, last, [x + (y << 22) for x, y in zip(last, before, strict=True)]])


def parallel(rng: random.Random, rows: int) -> list[int]:
    """After one round the sum of steps is that round's aggregate, times a number."""
    updates = one_factor(rng, rows)
    last = [sum(column) << 20 for column in zip(*updates, strict=True)]
    return triangle([*updates, last, [rng.choice([37, 37, -37]) * x for x in last]])


def nearly_parallel(rng: random.Random, rows: int) -> list[int]:
    """Public rows at an angle around the least one that counts."""
    updates = one_factor(rng, rows)
    last = [1000 * sum(column) for column in zip(*updates, strict=True)]
    size = max(1, max(map(abs, last)) // rng.choice([100, 250, 1000]))
    return triangle([*updates, last, [x + rng.randrange(-size, size + 1) for x in last]])


def nothing_public(rng: random.Random, rows: int) -> list[int]:
    return triangle([*one_factor(rng, rows), [0] * 60, rng.choice([[0] * 60, [5] * 60])])


def largest(rng: random.Random, rows: int) -> list[int]:
    return scaled_last(of(rows + PUBLIC_ROWS, lambda i, j: MOST), rows + PUBLIC_ROWS)


def with_public(family: Callable[[random.Random, int], list[int]]) -> Callable[[random.Random, int], list[int]]:
    return lambda rng, rows: family(rng, rows + PUBLIC_ROWS)


# by name: a matrix of so many rows and the public rows
PUBLIC: dict[str, Callable[[random.Random, int], list[int]]] = {
    "replayed": replayed,
    "aggregated": aggregated,
    "parallel": parallel,
    "nearly parallel": nearly_parallel,
    "of zeros": nothing_public,
    "largest": largest,
    "noisy": with_public(noisy),
    "coarse": with_public(coarse),
    "short": with_public(short),
    "copies": with_public(copies),
    "stretched": lambda rng, rows: scaled_last(stretched(rng, rows + PUBLIC_ROWS), rows + PUBLIC_ROWS),
}

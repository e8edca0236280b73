"""More Gram matrices to try the consensus rule on, some with public rows. Those come last."""

from __future__ import annotations

import random
from collections.abc import Callable

from offchain.scoring.policy import MAX_PUBLIC
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


def scaled_last(gram: list[int], rows: int, public: int) -> list[int]:
    """The last `public` rows' vectors times 2^16: with products near 2^80, as long as they may be beside the others."""
    scaled = iter(gram)
    own = rows - public
    return [next(scaled) << 16 * ((i >= own) + (j >= own)) for i in range(rows) for j in range(i, rows)]


def aggregates(rng: random.Random, count: int) -> Vectors:
    """Sums of rounds' updates, much alike as successive ones are."""
    rounds = [one_factor(rng, 4) for _ in range(count)]
    drift = [rng.gauss(0, 300) for _ in range(60)]
    return [
        [(sum(c) << 20) + round(2**22 * d) for c, d in zip(zip(*u, strict=True), drift, strict=True)] for u in rounds
    ]


def some(rng: random.Random, rows: int) -> int:
    """How many public rows: often one or two, any number that there may be."""
    return rng.choice([1, 2, rng.randrange(1, MAX_PUBLIC + 1), MAX_PUBLIC])


def replayed(rng: random.Random, rows: int) -> list[int]:
    """Some of the rows sent a mixture of the public rows."""
    updates = one_factor(rng, rows)
    public = aggregates(rng, some(rng, rows))
    for i in rng.sample(range(rows), rows // 3):
        parts = [rng.choice([0, 1, 1, -2]) for _ in public]
        updates[i] = [sum(map(int.__mul__, parts, column)) >> 20 for column in zip(*public, strict=True)]
    return triangle([*updates, *public])


def aggregated(rng: random.Random, rows: int) -> list[int]:
    """The last aggregate is the sum of all."""
    updates = one_factor(rng, rows)
    last = [sum(column) << 20 for column in zip(*updates, strict=True)]
    return triangle([*updates, *aggregates(rng, some(rng, rows) - 1), last])


def parallel(rng: random.Random, rows: int) -> list[int]:
    """Public rows that are one direction, one of them with another between."""
    updates = one_factor(rng, rows)
    last = [sum(column) << 20 for column in zip(*updates, strict=True)]
    public = [last, *aggregates(rng, 1), *[[rng.choice([37, 37, -37]) * x for x in last] for _ in range(30)]]
    return triangle([*updates, *public[: some(rng, rows)]])


def nearly_parallel(rng: random.Random, rows: int) -> list[int]:
    """Public rows at angles around the least one that counts."""
    updates = one_factor(rng, rows)
    last = [1000 * sum(column) for column in zip(*updates, strict=True)]
    sizes = [max(1, max(map(abs, last)) // rng.choice([100, 250, 1000])) for _ in range(some(rng, rows))]
    return triangle([*updates, *([x + rng.randrange(-size, size + 1) for x in last] for size in sizes)])


def nothing_public(rng: random.Random, rows: int) -> list[int]:
    public = [rng.choice([[0] * 60, [5] * 60]) for _ in range(some(rng, rows))]
    return triangle([*one_factor(rng, rows), *public])


def largest(rng: random.Random, rows: int) -> list[int]:
    width = some(rng, rows)
    return scaled_last(of(rows + width, lambda i, j: MOST), rows + width, width)


def most_public(rng: random.Random, rows: int) -> list[int]:
    return triangle([*one_factor(rng, rows), *aggregates(rng, MAX_PUBLIC)])


def with_public(family: Callable[[random.Random, int], list[int]]) -> Callable[[random.Random, int], list[int]]:
    return lambda rng, rows: family(rng, rows + some(rng, rows))


# by name: a matrix of so many rows and the public rows
PUBLIC: dict[str, Callable[[random.Random, int], list[int]]] = {
    "replayed": replayed,
    "aggregated": aggregated,
    "parallel": parallel,
    "nearly parallel": nearly_parallel,
    "of zeros": nothing_public,
    "largest": largest,
    "as many as there is room for": most_public,
    "noisy": with_public(noisy),
    "coarse": with_public(coarse),
    "short": with_public(short),
    "copies": with_public(copies),
    "stretched": lambda rng, rows: scaled_last(stretched(rng, rows + 2), rows + 2, 2),
}

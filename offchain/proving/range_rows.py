"""The rows of a range proof: integers kept as keys of a table, their inverses looked up, and the rows' products.

An entry u is kept as its key t = u + S/2, from 0 to S - 1, two bytes. Its inverse 1 / (chi + u) is table[t].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offchain.proving.commitment import TAIL, Point
from offchain.proving.kernels.curve import encode
from offchain.proving.kernels.field import P, Words, from_ints, to_ints
from offchain.proving.kernels.lanes import RADIX
from offchain.proving.kernels.laurent import Laurent
from offchain.proving.kernels.lookup import Keys, add_looked_up, look_up
from offchain.proving.kernels.msm import msm, sums_by_key
from offchain.proving.kernels.transform import LEAST_SIZE, inverse_transform, transform
from offchain.proving.kernels.vector import accumulate, add_products, powers, scale, weigh
from offchain.proving.srs import Srs

__all__ = ["InverseRows", "count_keys", "keys_of", "row_products"]


def keys_of(updates: npt.NDArray[np.int16], size: int) -> Keys:
    """uint16[n, d]: u + size/2 for entries u from -size/2 to size/2 - 1."""
    return np.ascontiguousarray(updates).view(np.uint16) + np.uint16(size // 2)  # wraps around for negative ones


def count_keys(keys: Keys, size: int) -> npt.NDArray[np.int64]:
    """int64[size]: how often each key comes."""
    counts = np.zeros(size, np.int64)
    for row in keys:
        counts += np.bincount(row, minlength=size)
    return counts


@dataclass(frozen=True)
class InverseRows:
    """F_1 .. F_n. Row i is table[keys_i], TAIL zeros, and tail i; the zeros keep its tail apart from that of v_i."""

    table: Words  # uint64[S, 4]: 1 / (chi + t - S/2)
    keys: Keys  # uint16[n, d]
    tails: Sequence[Words]  # n times uint64[TAIL, 4]

    @property
    def length(self) -> int:
        return self.keys.shape[1] + 2 * TAIL

    def fill(self, i: int, out: Words) -> None:
        """out, uint64[d + 2 TAIL, 4], = row i, counted from 0."""
        d = self.keys.shape[1]
        look_up(self.table, self.keys[i], out[:d])
        out[d : d + TAIL] = 0
        out[d + TAIL :] = self.tails[i]

    def add(self, total: Words, i: int, factor: int) -> None:
        """total = total + factor times row i; the total may be longer."""
        d = self.keys.shape[1]
        add_looked_up(total[:d], self.table, self.keys[i], factor)
        accumulate(total[d + TAIL : d + 2 * TAIL], self.tails[i], factor)

    def commit(self, srs: Srs) -> list[Point]:
        """The commitments: of each row one sum of points for each key, and the product of those sums."""
        d, points = self.keys.shape[1], srs.prefix(self.length)
        commitments = []
        for (sums, keys), tail in zip(sums_by_key(points[:d], self.keys, len(self.table)), self.tails, strict=True):
            scalars = np.concatenate([self.table[keys], tail])
            commitments.append(encode(msm(np.concatenate([sums, points[d + TAIL :]]), scalars)))
        return commitments


def _highest(f: Words, keys: npt.NDArray[np.uint16], y: int) -> list[int]:
    """The len(f) highest coefficients of F(X) K(y/X), where f has the highest ones of F and keys the lowest of K."""
    a, b = to_ints(f), [pow(y, k, P) * int(key) for k, key in enumerate(keys)]
    return [sum(p * q for p, q in zip(a[k:], b, strict=False)) % P for k in range(len(a))]


def row_products(rows: InverseRows, tails: Sequence[Sequence[int]], y: int, rho: int) -> tuple[Laurent, Words, Words]:
    """sum_i rho^i F_i(X) (v_i + S/2 1_d)(y/X), sum_i rho^i F_i and sum_i F_i, over i = 1 .. n.

    tails: those of v_i. Two transforms a row, whatever their number one back.

    Their size is the power of two from 2 d, not from the number of coefficients, 2 d + 3 TAIL - 1. So a few of the
    lowest coefficients may fall together with the highest; those are short sums, and made apart.
    """
    d, length = rows.keys.shape[1], rows.length
    size = max(LEAST_SIZE, 1 << (2 * d - 1).bit_length())
    wrapped = max(0, length + d + TAIL - 1 - size)
    left, right, total = (np.zeros((size, 4), np.uint64) for _ in range(3))
    weighted, plain = (np.zeros((length, 4), np.uint64) for _ in range(2))
    # RADIX^2 y^k, the highest first: then the right factors come out in Montgomery form, as `add_products` takes them
    weights = powers(pow(y, -1, P), d, RADIX * RADIX * pow(y, d - 1, P))
    high_sums = [0] * wrapped
    for i, tail in enumerate(tails):
        factor = pow(rho, i + 1, P)
        left[length:], right[: size - d - TAIL] = 0, 0
        rows.fill(i, left[:length])
        accumulate(weighted, left[:length], factor)
        accumulate(plain, left[:length], 1)
        row_sums = _highest(left[length - wrapped : length], rows.keys[i, :wrapped], y)
        high_sums = [before + factor * value for before, value in zip(high_sums, row_sums, strict=True)]

        # rho^i X^(size - 1) times the polynomial of y/X
        scale(weights, rho, weights)
        weigh(np.ascontiguousarray(rows.keys[i, ::-1]), weights, right[size - d :])
        scaled = from_ints(RADIX * factor * pow(y, d + k, P) * t for k, t in enumerate(tail))
        right[size - d - TAIL : size - d] = scaled[::-1]

        transform(left)
        transform(right)
        add_products(total, left, right)
    inverse_transform(total)

    product = Laurent(d + TAIL - 1, length - 1)  # total has the coefficient of X^k at place k - 1, modulo the size
    product.add(total[: length - 1], 1, 1)
    product.add(total[size - d - TAIL :], 1, 1 - d - TAIL)
    both = to_ints(total[length - 1 - wrapped : length - 1])
    product.add(from_ints(high - sum_ for high, sum_ in zip(high_sums, both, strict=True)), 1, length - wrapped)
    product.add(from_ints(-high for high in high_sums), 1, length - wrapped - size)
    return product, weighted, plain

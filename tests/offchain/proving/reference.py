"""What the kernels must agree with, in Python integers and py_ecc: plain and slow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from py_ecc import optimized_bn128 as bn

P, Q = bn.curve_order, bn.field_modulus
RADIX = 2**256
TAU = 0x1F2E3D4C5B6A79880112233445566778899AABBCCDDEEFF00123456789ABCDE  # of the tests' own SRS

Point = tuple[int, int]


def words(values: Iterable[int]) -> np.ndarray:
    """uint64[n, 4], as they are."""
    rows = [[value >> (64 * k) & (2**64 - 1) for k in range(4)] for value in values]
    return np.array(rows, np.uint64).reshape(-1, 4)


def integers(array: np.ndarray) -> list[int]:
    return [sum(int(limb) << (64 * k) for k, limb in enumerate(row)) for row in array.reshape(-1, 4)]


def points_to_words(points: Sequence[Point]) -> np.ndarray:
    """uint64[n, 8] in Montgomery form."""
    return words(value * RADIX % Q for point in points for value in point).reshape(-1, 8)


def words_to_points(array: np.ndarray) -> list[Point]:
    values = [value * pow(RADIX, -1, Q) % Q for value in integers(array)]
    return list(zip(values[::2], values[1::2], strict=True))


def lift(point: Point) -> tuple:
    return bn.Z1 if point == (0, 0) else (bn.FQ(point[0]), bn.FQ(point[1]), bn.FQ(1))


def affine(point: tuple) -> Point:
    if bn.is_inf(point):
        return (0, 0)
    x, y = bn.normalize(point)
    return int(x), int(y)


def multiple(scalar: int, point: Point = (1, 2)) -> Point:
    return affine(bn.multiply(lift(point), scalar % P))


def sum_of(points: Iterable[Point]) -> Point:
    total = bn.Z1
    for point in points:
        total = bn.add(total, lift(point))
    return affine(total)


def negate(point: Point) -> Point:
    return point[0], -point[1] % Q


def small_points(count: int) -> list[Point]:
    """Points whose x in Montgomery form is tiny: so it is still one with 2 Q added, and little more than 2 Q."""
    found: list[Point] = []
    value = 0
    while len(found) < count:
        value += 1
        x = value * pow(RADIX, -1, Q) % Q
        y = pow(x**3 + 3, (Q + 1) // 4, Q)
        if y * y % Q == (x**3 + 3) % Q:
            found.append((x, y))
    return found


def evaluate(coefficients: Sequence[int], x: int) -> int:
    return sum(coefficient * pow(x, k, P) for k, coefficient in enumerate(coefficients)) % P


def horner(coefficients: Sequence[int], x: int) -> list[int]:
    """Horner's sums, lowest first: the value at x, then the coefficients of the quotient by X - x."""
    sums, carry = [], 0
    for coefficient in reversed(coefficients):
        carry = (carry * x + coefficient) % P
        sums.append(carry)
    return sums[::-1]

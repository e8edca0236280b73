"""Laurent polynomials over Fr: sum_k c_k X^k with k from -low up.

They hold products A(X) B(y/X), whose constant term is sum_k y^k a_k b_k. Where B is a geometric sum, of
(x/X)^k for k < m, the product is (A(X) - (x/X)^m A(X)) / (1 - x/X); this division makes c_k to sum_j x^j c_(k+j), so
it takes no transform.
"""

from __future__ import annotations

import numpy as np

from offchain.proving.kernels.field import P, Words, from_ints, to_ints
from offchain.proving.kernels.polynomial import sum_suffixes
from offchain.proving.kernels.vector import accumulate

__all__ = ["Laurent", "short_product"]


class Laurent:
    """Exponents from -low to high, at first all coefficients zero."""

    def __init__(self, low: int, high: int) -> None:
        self._low = low
        self._coefficients = np.zeros((low + 1 + high, 4), np.uint64)

    def part(self, first: int, end: int) -> Words:
        """The coefficients of X^first .. X^(end - 1), a view."""
        return self._coefficients[self._low + first : self._low + end]

    def add(self, coefficients: Words, factor: int, exponent: int = 0) -> None:
        """Adds factor X^exponent f(X) for the coefficients of f."""
        accumulate(self.part(exponent, exponent + len(coefficients)), coefficients, factor)

    def add_all(self, other: Laurent) -> None:
        """Adds another one, of no more exponents."""
        self.add(other._coefficients, 1, -other._low)

    def add_span(self, coefficients: Words, factor: int, x: int, length: int) -> None:
        """Adds factor f(X) (1 - (x/X)^length): divided by 1 - x/X, this is f times the sum of (x/X)^k, k < length."""
        self.add(coefficients, factor)
        self.add(coefficients, -factor * pow(x, length, P), -length)

    def divide(self, x: int) -> None:
        """By 1 - x/X; it must divide exactly."""
        sum_suffixes(self._coefficients, x)

    @property
    def positive(self) -> Words:
        """The coefficients of X, X^2 .., a view."""
        return self._coefficients[self._low + 1 :]

    @property
    def negative(self) -> Words:
        """The coefficients of X^-1, X^-2 .., a copy."""
        return np.ascontiguousarray(self._coefficients[: self._low][::-1])


def short_product(a: Words, b: Words, y: int) -> Laurent:
    """A(X) B(y/X), term by term in Python."""
    product = Laurent(len(b) - 1, len(a) - 1)
    for k, value in enumerate(to_ints(b)):
        scaled = value * pow(y, k, P)
        product.add(from_ints(scaled * other for other in to_ints(a)), 1, -k)
    return product

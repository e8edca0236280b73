"""Polynomials over Fr as coefficient arrays uint64[n, 4], lowest first.

    evaluate           f(x), by Horner's rule on parts
    accumulate         f + s g
    divide_by_linear   (f(X) - f(x)) / (X - x), by Horner's rule
    autocorrelation    h_k = sum_j a_j a_(j+k) for k > 0, the upper half of f(X) f(1/X): by two transforms, not a double
                       loop, since the values of f(X) f(1/X) at the roots of unity are A_i A_-i

All linear in the length but for the transforms.
"""

from __future__ import annotations

import numpy as np

from offchain.proving.kernels.build import kernel
from offchain.proving.kernels.field import (
    RADIX,
    P,
    Words,
    canonical,
    constant,
    factor,
    fr,
    fr_zero,
    load_fr,
    store,
    to_ints,
)
from offchain.proving.kernels.parallel import run, split
from offchain.proving.kernels.transform import inverse_transform, transform

__all__ = ["accumulate", "autocorrelation", "divide_by_linear", "evaluate"]

_LEAST = 2048  # coefficients worth a thread

# --- evaluation, combination, division ---------------------------------------------------------------------------


@kernel
def _evaluate(coefficients: Words, x: Words, out: Words, part: int, start: int, end: int) -> None:
    point, y = load_fr(x, 0), fr_zero()
    for k in range(end - 1, start - 1, -1):
        y = y * point + load_fr(coefficients, k)
    store(out, part, canonical(y))


def evaluate(coefficients: Words, x: int) -> int:
    """f(x)."""
    parts, point = split(len(coefficients), _LEAST), factor(x)
    values = np.empty((len(parts), 4), np.uint64)
    run(
        lambda part, start, end: _evaluate(coefficients, point, values, part, start, end),
        [(part, *bounds) for part, bounds in enumerate(parts)],
    )
    return sum(value * pow(x, start, P) for value, (start, _) in zip(to_ints(values), parts, strict=True)) % P


@kernel
def _accumulate(total: Words, coefficients: Words, scale: Words, start: int, end: int) -> None:
    s = load_fr(scale, 0)
    for k in range(start, end):
        store(total, k, canonical(load_fr(total, k) + load_fr(coefficients, k) * s))


def accumulate(total: Words, coefficients: Words, scale: int) -> None:
    """total = total + scale f, in place; f is no longer than total."""
    if len(coefficients) > len(total):
        raise ValueError("the polynomial is longer than the sum")
    multiplier = factor(scale)
    run(lambda start, end: _accumulate(total, coefficients, multiplier, start, end), split(len(coefficients), _LEAST))


@kernel
def _divide(coefficients: Words, x: Words, quotient: Words) -> None:
    point, carry = load_fr(x, 0), fr_zero()
    for k in range(len(quotient) - 1, -1, -1):
        carry = load_fr(coefficients, k + 1) + point * carry
        store(quotient, k, canonical(carry))


def divide_by_linear(coefficients: Words, x: int) -> Words:
    """The quotient uint64[n - 1, 4] of f by (X - x); the remainder, f(x), is dropped.

    On one core: each coefficient needs the one before.
    """
    quotient = np.empty((len(coefficients) - 1, 4), np.uint64)
    _divide(coefficients, factor(x), quotient)
    return quotient


# --- autocorrelation ----------------------------------------------------------------------------------------------

_square_of_radix = constant(fr, RADIX**2)


@kernel
def _multiply_by_opposite(spectrum: Words, start: int, end: int) -> None:
    """Replaces A_i and A_-i by their product, for the pairs start to end (from 1).

    In bit-reversed order the place of -i mirrors that of i inside its block [b, 2 b), b a power of two.
    """
    half = 1
    for k in range(start, end):
        while 2 * half <= k:
            half *= 2
        i, opposite = k + half, 5 * half - 1 - k  # in [2 half, 4 half)
        product = canonical(_square_of_radix() * (load_fr(spectrum, i) * load_fr(spectrum, opposite)))
        store(spectrum, i, product)
        store(spectrum, opposite, product)


@kernel
def _square_first_two(spectrum: Words) -> None:
    """The same for i = 0 and i = N / 2, which are their own opposites."""
    for i in range(2):
        value = load_fr(spectrum, i)
        store(spectrum, i, canonical(_square_of_radix() * (value * value)))


def autocorrelation(coefficients: Words) -> Words:
    """h, uint64[d - 1, 4], of d coefficients: h_(k-1) = sum_j a_j a_(j+k) for 0 < k < d."""
    d = len(coefficients)
    size = 1 << max(2, (2 * d - 1).bit_length())  # so that nothing wraps around
    spectrum = np.zeros((size, 4), np.uint64)
    spectrum[:d] = coefficients
    transform(spectrum)
    _square_first_two(spectrum)
    run(lambda start, end: _multiply_by_opposite(spectrum, max(start, 1), end), split(size // 2, _LEAST))
    inverse_transform(spectrum)
    return spectrum[1:d].copy()

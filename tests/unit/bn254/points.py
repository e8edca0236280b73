"""Points as the contracts encode them, from py_ecc."""

from __future__ import annotations

from typing import Any

from py_ecc import bn128

P = bn128.curve_order
Q = bn128.field_modulus
WORD_MAX = 2**256 - 1

G1Words = tuple[int, int]
G2Words = tuple[int, int, int, int]

IDENTITY: G1Words = (0, 0)
IDENTITY_G2: G2Words = (0, 0, 0, 0)


def g1(scalar: int) -> G1Words:
    """scalar [1]_1."""
    return g1_words(bn128.multiply(bn128.G1, scalar % P))


def g2(scalar: int) -> G2Words:
    """scalar [1]_2."""
    return g2_words(bn128.multiply(bn128.G2, scalar % P))


def g1_words(point: Any) -> G1Words:
    return IDENTITY if bn128.is_inf(point) else (int(point[0]), int(point[1]))


def g2_words(point: Any) -> G2Words:
    if bn128.is_inf(point):
        return IDENTITY_G2
    x, y = point
    return int(x.coeffs[1]), int(x.coeffs[0]), int(y.coeffs[1]), int(y.coeffs[0])


def outside_of_subgroup() -> G2Words:
    """A point of the twist y^2 = x^3 + b with an order other than P: so are nearly all of them."""
    for real in range(1, 100):
        x = bn128.FQ2([real, 0])
        y = _square_root(x**3 + bn128.b2)
        if y is not None and not bn128.is_inf(bn128.multiply((x, y), P)):
            return g2_words((x, y))
    raise AssertionError("no such point among the first")


def _square_root(a: Any) -> Any:
    """A root in F_Q[i], for Q = 3 modulo 4 (Adj and Rodriguez-Henriquez, algorithm 9); None if there is none."""
    power = a ** ((Q - 3) // 4)
    candidate = power * a
    if power * candidate == bn128.FQ2([Q - 1, 0]):
        candidate = bn128.FQ2([0, 1]) * candidate
    else:
        candidate = (power * candidate + bn128.FQ2.one()) ** ((Q - 1) // 2) * candidate
    return candidate if candidate * candidate == a else None

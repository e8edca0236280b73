"""The pairing of BN254 and its points in Python, over py_ecc: for what is checked once, not for loops.

Points are exchanged in the encoding of the EVM's precompiles: (x, y) for G1, with (0, 0) for the identity, and for G2
the four coordinates (x imaginary, x real, y imaginary, y real).
"""

from __future__ import annotations

from typing import Any

from py_ecc import optimized_bn128 as bn

from offchain.errors import FatalError
from offchain.proving.kernels.curve import Point
from offchain.proving.kernels.field import Q

__all__ = [
    "G1",
    "G2",
    "G2Point",
    "PointError",
    "decode_g1",
    "decode_g2",
    "encode_g2",
    "linear_combination",
    "multiply",
    "pairings_agree",
]

G2Point = tuple[int, int, int, int]

G1, G2 = bn.G1, bn.G2  # as py_ecc has them: projective triples


class PointError(FatalError, ValueError):
    """An encoding isn't that of a point of the group."""


def decode_g1(point: Point) -> Any:
    """The py_ecc point; raises PointError where the precompiles fail."""
    x, y = point
    if (x, y) == (0, 0):
        return bn.Z1
    if not (0 <= x < Q and 0 <= y < Q) or (y * y - x * x * x - 3) % Q:
        raise PointError("not a point of the curve")
    return bn.FQ(x), bn.FQ(y), bn.FQ(1)


def decode_g2(point: G2Point) -> Any:
    """The py_ecc point; raises PointError unless it is a finite point of the subgroup of order P."""
    if not all(0 <= coordinate < Q for coordinate in point):
        raise PointError("a coordinate isn't below the modulus")
    x_imaginary, x_real, y_imaginary, y_real = point
    decoded = bn.FQ2([x_real, x_imaginary]), bn.FQ2([y_real, y_imaginary]), bn.FQ2.one()
    if not bn.is_on_curve(decoded, bn.b2) or not bn.is_inf(bn.multiply(decoded, bn.curve_order)):
        raise PointError("not a point of G2")
    return decoded


def encode_g2(point: Any) -> G2Point:
    """The EVM encoding of a finite py_ecc point."""
    x, y = bn.normalize(point)
    return int(x.coeffs[1]), int(x.coeffs[0]), int(y.coeffs[1]), int(y.coeffs[0])


def multiply(point: Any, scalar: int) -> Any:
    """scalar times a py_ecc point of either group."""
    return bn.multiply(point, scalar % bn.curve_order)


def linear_combination(points: list[Any], scalars: list[int]) -> Any:
    """sum_i scalars[i] points[i], of py_ecc points."""
    total = bn.Z1
    for point, scalar in zip(points, scalars, strict=True):
        total = bn.add(total, multiply(point, scalar))
    return total


def pairings_agree(left: Any, left_g2: Any, right: Any, right_g2: Any) -> bool:
    """If e(left, left_g2) = e(right, right_g2)."""
    quotient = bn.pairing(left_g2, left, final_exponentiate=False) * bn.pairing(
        right_g2, bn.neg(right), final_exponentiate=False
    )
    return bool(bn.final_exponentiate(quotient) == bn.FQ12.one())

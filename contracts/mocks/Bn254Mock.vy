# pragma version 0.4.3
"""
@title Exposes modules/bn254.vy, for tests alone
"""

from ..modules import bn254


@external
@pure
def check(point: uint256[2]):
    bn254._check(point)


@external
@view
def is_in_g2(point: uint256[4]) -> bool:
    return bn254._is_in_g2(point)


@external
@view
def power(base: uint256, exponent: uint256) -> uint256:
    return bn254._power(base, exponent)


@external
@view
def pairings_agree(a: uint256[2], b: uint256[2], b_g2: uint256[4]) -> bool:
    return bn254._pairings_agree(a, b, b_g2)


@external
@view
def add(a: uint256[2], b: uint256[2]) -> uint256[2]:
    return ecadd(a, b)


@external
@view
def multiply(point: uint256[2], scalar: uint256) -> uint256[2]:
    return ecmul(point, scalar)


@external
@pure
def constants() -> (uint256, uint256, uint256[2], uint256[4]):
    return bn254.P, bn254.Q, bn254.G1, bn254.MINUS_G2


@external
@pure
def negate(point: uint256[2]) -> uint256[2]:
    return bn254._negate(point)


@external
@view
def weighted_sum(points: DynArray[uint256[2], 40], weights: uint256[40]) -> uint256[2]:
    return bn254._weighted_sum(points, weights)

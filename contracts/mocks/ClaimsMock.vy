# pragma version 0.4.3
"""
@title Exposes modules/claims.vy, for tests alone
"""
from ..modules import claims


@external
@pure
def is_sound(rows: uint256, dimension: uint256, srs_size: uint256) -> bool:
    return claims._is_sound(rows, dimension, srs_size)


@external
@view
def both(first: claims.Claim, second: claims.Claim, rows: uint256) -> claims.Claim:
    return claims._both(first, second, rows)


@external
@view
def with_sum(claim: claims.Claim, weights: uint256[32], sum: uint256[2], rows: uint256) -> claims.Claim:
    return claims._with_sum(claim, weights, sum, rows)


@external
@view
def holds(claim: claims.Claim, rows: DynArray[uint256[2], 40], tau_g2: uint256[4]) -> bool:
    return claims._holds(claim, rows, tau_g2)

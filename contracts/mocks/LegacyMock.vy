# pragma version 0.4.3
"""
@title Exposes modules/legacy.vy, for tests alone
"""
from ..modules import legacy


@external
@pure
def pack(l: legacy.Legacy) -> uint256:
    return legacy._pack(l)


@external
@pure
def unpack(word: uint256) -> legacy.Legacy:
    return legacy._unpack(word)


@external
@pure
def single(word: uint256) -> (uint256, uint256, uint256, uint256):
    return legacy._rate(word), legacy._settled(word), legacy._pending(word), legacy._rounding(word)

# pragma version 0.4.3
"""
@title Exposes modules/carry.vy, for tests alone
"""
from ..modules import carry


@external
@pure
def pack(c: carry.Carry) -> uint256:
    return carry._pack(c)


@external
@pure
def unpack(word: uint256) -> carry.Carry:
    return carry._unpack(word)


@external
@pure
def single(word: uint256) -> (uint256, uint256, uint256, uint256):
    return carry._rate(word), carry._settled(word), carry._pending(word), carry._rounding(word)

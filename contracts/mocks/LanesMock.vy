# pragma version 0.4.3
"""
@title The lanes module, called from outside
"""
from ..modules import lanes


@external
@pure
def largest(
    columns: uint256[196],
    base: uint256,
    count: uint256,
    depth: uint256,
    width: uint256,
    guards: uint256,
    scale: uint256,
    tag: uint256,
) -> uint256[2][32]:
    return lanes._largest(columns, base, count, depth, width, guards, scale, tag)


@external
@pure
def discard(keys: uint256[8][4], count: uint256, times: uint256) -> (uint256, uint256):
    return lanes._discard(keys, count, times)

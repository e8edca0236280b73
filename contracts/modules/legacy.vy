# pragma version 0.4.3
"""
@title What one round leaves to the next, in one word of storage
@notice The learning rate, which rounds were settled, and the fee of the last settled round, which waits until enough trainers have
        shown that they could go on from its aggregate.
"""

struct Legacy:
    rate: uint256                      # 64 bits: learning rate of the running round, 2^32 = 1.0
    settled: uint256                   # 64 bits: mask over rounds
    pending: uint256                   # 96 bits: fee of the last settled round, until it is earned or lost
    earner: uint256                    # 8 bits: number in the terms of the aggregator that settled it, from 1; 0 is none
    rounding: uint256                  # 24 bits: what the shares of all rounds so far left over, less than a unit a row


@internal
@pure
def _unpack(word: uint256) -> Legacy:
    return Legacy(
        rate=word & (2**64 - 1),
        settled=(word >> 64) & (2**64 - 1),
        pending=(word >> 128) & (2**96 - 1),
        earner=(word >> 224) & 255,
        rounding=word >> 232,
    )


@internal
@pure
def _pack(l: Legacy) -> uint256:
    """
    @dev Every field fits its bits by the limits of the terms; 64 rounds of 32 rows leave less than 2^11 units over.
    """
    return l.rate | (l.settled << 64) | (l.pending << 128) | (l.earner << 224) | (l.rounding << 232)


@internal
@pure
def _rate(word: uint256) -> uint256:
    return word & (2**64 - 1)


@internal
@pure
def _settled(word: uint256) -> uint256:
    return (word >> 64) & (2**64 - 1)


@internal
@pure
def _pending(word: uint256) -> uint256:
    return (word >> 128) & (2**96 - 1)


@internal
@pure
def _rounding(word: uint256) -> uint256:
    return word >> 232

# pragma version 0.4.3
"""
@title What one round carries over to the next, in one word of storage
@notice The learning rate, which round was settled last, and the fee of that round, which waits until enough trainers have shown
        that they could go on from its aggregate.
"""

struct Carry:
    rate: uint256                      # 64 bits: learning rate of the running round, 2^32 = 1.0
    settled: uint256                   # 16 bits: number of the last settled round, from 1; 0 is none
    pending: uint256                   # 96 bits: fee of the last settled round, until it is earned or lost
    earner: uint256                    # 8 bits: number in the terms of the aggregator that settled it, from 1; 0 is none
    rounding: uint256                  # 72 bits: what the shares of all rounds so far left over, less than a unit a row


@internal
@pure
def _unpack(word: uint256) -> Carry:
    return Carry(
        rate=word & (2**64 - 1),
        settled=(word >> 64) & (2**16 - 1),
        pending=(word >> 80) & (2**96 - 1),
        earner=(word >> 176) & 255,
        rounding=word >> 184,
    )


@internal
@pure
def _pack(c: Carry) -> uint256:
    """
    @dev Every field fits its bits by the limits of the terms; 256 rounds of 32 rows leave less than 2^13 units over.
    """
    return c.rate | (c.settled << 64) | (c.pending << 80) | (c.earner << 176) | (c.rounding << 184)


@internal
@pure
def _rate(word: uint256) -> uint256:
    return word & (2**64 - 1)


@internal
@pure
def _settled(word: uint256) -> uint256:
    return (word >> 64) & (2**16 - 1)


@internal
@pure
def _pending(word: uint256) -> uint256:
    return (word >> 80) & (2**96 - 1)


@internal
@pure
def _rounding(word: uint256) -> uint256:
    return word >> 184

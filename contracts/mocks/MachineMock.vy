# pragma version 0.4.3
"""
@title Exposes modules/machine.vy, for tests alone
"""
from ..modules import machine


@external
@pure
def pack(m: machine.Machine) -> uint256:
    return machine._pack(m)


@external
@pure
def unpack(word: uint256) -> machine.Machine:
    return machine._unpack(word)


@external
@pure
def phase(m: machine.Machine, min_rows: uint256, now: uint256) -> uint256:
    return machine._phase(m, min_rows, now)


@external
@pure
def count(mask: uint256) -> uint256:
    return machine._count(mask)


@external
@pure
def seats_of(mask: uint256) -> DynArray[uint256, 32]:
    return machine._seats_of(mask)

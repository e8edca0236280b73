# pragma version 0.4.3
"""
@title Where a project stands, in one word of storage
@notice The phases of a project, and the struct that holds all that moves it from one to the next. The whole struct fits one
        storage slot, so that a call reads it once and writes it once.
@dev    Stored states are ACCEPTING, ENROLLING, ROUNDS, HANDOVER and CLOSED; 0 is a project that doesn't exist. Inside ROUNDS
        the phase follows from the clock and the masks, so that no call is needed to move on.

        What the deadlines mean, by state. At any time exactly one of a call that acts (t <= deadline) and a call that enforces
        (t > deadline) is possible.
          ACCEPTING, ENROLLING   d1: aggregators accept, d2: trainers enrol
          ROUNDS                 d1: collecting, d2: delivering, d3: scoring; while vacant d3: the turn may be taken
          HANDOVER               d1: the owner confirms or rejects
"""

ACCEPTING: constant(uint256) = 1
ENROLLING: constant(uint256) = 2
ROUNDS: constant(uint256) = 3
HANDOVER: constant(uint256) = 4
CLOSED: constant(uint256) = 5

# phases of ROUNDS
VACANT: constant(uint256) = 6
COLLECTING: constant(uint256) = 7
FAILED: constant(uint256) = 8
DELIVERING: constant(uint256) = 9
SCORING: constant(uint256) = 10

# 32-bit patterns: every other bit, every other pair, every other four bits, the lowest bit of each byte
BITS: constant(uint256) = (2**32 - 1) // 3
PAIRS: constant(uint256) = (2**32 - 1) // 5
NIBBLES: constant(uint256) = (2**32 - 1) // 17
BYTES: constant(uint256) = (2**32 - 1) // 255

struct Machine:
    state: uint256                     # 4 bits
    round: uint256                     # 12 bits: at most 256 rounds
    current: uint256                   # 4 bits: number of the current aggregator in the terms, from 1; 0 is none
    in_scoring: uint256                # 4 bits: 1 if the running round was vacated after it had reached scoring
    accepted: uint256                  # 8 bits: mask over the listed aggregators
    spent: uint256                     # 8 bits: mask over those who have voided or been slashed
    active: uint256                    # 32 bits: mask over seats, a seat's bit is its number in order of enrolment
    submitted: uint256                 # 32 bits
    delivered: uint256                 # 32 bits
    d1: uint256                        # 40 bits, seconds
    d2: uint256
    d3: uint256


@internal
@pure
def _unpack(word: uint256) -> Machine:
    return Machine(
        state=word & 15,
        round=(word >> 4) & 4095,
        current=(word >> 16) & 15,
        in_scoring=(word >> 20) & 15,
        accepted=(word >> 24) & 255,
        spent=(word >> 32) & 255,
        active=(word >> 40) & (2**32 - 1),
        submitted=(word >> 72) & (2**32 - 1),
        delivered=(word >> 104) & (2**32 - 1),
        d1=(word >> 136) & (2**40 - 1),
        d2=(word >> 176) & (2**40 - 1),
        d3=word >> 216,
    )


@internal
@pure
def _pack(m: Machine) -> uint256:
    """
    @dev Every field fits its bits: counts and masks by the limits of the terms, deadlines because windows are at most 30 days.
    """
    return (
        m.state
        | (m.round << 4)
        | (m.current << 16)
        | (m.in_scoring << 20)
        | (m.accepted << 24)
        | (m.spent << 32)
        | (m.active << 40)
        | (m.submitted << 72)
        | (m.delivered << 104)
        | (m.d1 << 136)
        | (m.d2 << 176)
        | (m.d3 << 216)
    )


@internal
@pure
def _phase(m: Machine, min_rows: uint256, now: uint256) -> uint256:
    """
    @notice The first that holds; acting early opens the next phase early.
    """
    if m.state != ROUNDS:
        return m.state
    if m.current == 0:
        return VACANT
    if self._collecting(m, now):
        return COLLECTING
    if self._count(m.submitted) < min_rows or (now > m.d2 and self._count(m.delivered) < min_rows):
        return FAILED
    if now <= m.d2 and m.delivered != m.submitted:
        return DELIVERING
    return SCORING


@internal
@pure
def _collecting(m: Machine, now: uint256) -> bool:
    return m.state == ROUNDS and m.current != 0 and now <= m.d1 and m.submitted != m.active


@internal
@pure
def _count(mask: uint256) -> uint256:
    """
    @notice Bits set in a mask of 32 bits. Sums of 2, 4, then 8 bits side by side; the product adds up the four bytes.
    """
    x: uint256 = mask - ((mask >> 1) & BITS)
    x = (x & PAIRS) + ((x >> 2) & PAIRS)
    x = (x + (x >> 4)) & NIBBLES
    return ((x * BYTES) >> 24) & 63


@internal
@pure
def _seats_of(mask: uint256) -> DynArray[uint256, 32]:
    """
    @notice The numbers of the bits set, in order.
    """
    seats: DynArray[uint256, 32] = []
    for seat: uint256 in range(32):
        rest: uint256 = mask >> seat
        if rest == 0:
            break
        if rest & 1 == 1:
            seats.append(seat)
    return seats

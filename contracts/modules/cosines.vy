# pragma version 0.4.3
"""
@title What is read off the cosines of all pairs of rows
@notice Holds nothing. Whoever imports it fills the cells: the word of group g and column k, at 32 g + k, has the cosines of rows
        6g .. 6g + 5 to row k, plus ONE + 1, in lanes of 40 bits; 0 where there is none (a row and itself, a row of zeros).
        Masks have a bit per row.
@dev Arithmetic is unchecked: a lane never outgrows 39 bits, as `lanes` wants it, and the comments say why where it sums.
"""
from . import lanes

ONE: constant(uint256) = 2**32         # 1.0
NORM: constant(int256) = 2**128 - 1    # the lower half of a row's square and norm

PER_WORD: constant(uint256) = 6
LANE: constant(uint256) = 2**40 - 1
ONES: constant(uint256) = (2**240 - 1) // LANE
GUARDS: constant(uint256) = ONES << 39
VALUES: constant(uint256) = ONES * (2**34 - 1)
BIAS: constant(uint256) = ONE + 1

# Digits of cosines: 24 a word, in lanes of 10 bits.
DIGITS: constant(uint256) = (2**240 - 1) // (2**10 - 1)
DIGIT_GUARDS: constant(uint256) = DIGITS << 9
ALL: constant(uint256) = max_value(uint256)


@internal
@pure
def _typical(cells: uint256[lanes.WORDS], rows: uint256, kept: uint256, stay: uint256) -> uint256:
    """
    @notice The upper median of the cosines of all pairs of kept rows, at least 0.
    @dev 33 bits, found from the highest down: a bit is set if at least `wanted` cosines reach that far. They are cut into four
         digits (9, 8, 8, 8 bits), 24 of them a word; a digit is looked for among the pairs that agree in all higher ones.
    """
    masks: uint256[6] = empty(uint256[6])
    for i: uint256 in range(rows, bound=32):
        masks[i // PER_WORD] |= unsafe_mul((kept >> i) & 1, LANE) << unsafe_mul(40, i % PER_WORD)

    # each pair once, rows before columns; whatever doesn't count is 0, as are cosines below 0: no threshold reaches so low
    planes: uint256[4][7][4] = empty(uint256[4][7][4])
    filled: uint256 = 0
    offset: uint256 = 0
    digits: uint256[4] = empty(uint256[4])
    last: uint256 = unsafe_add(unsafe_sub(rows, 1), (unsafe_add(rows, 5) // PER_WORD) << 5)
    for k: uint256 in range(rows, bound=32):
        group: uint256 = k // PER_WORD
        column: uint256 = unsafe_mul((kept >> k) & 1, ALL)
        slot: uint256 = k
        for g: uint256 in range(unsafe_add(group, 1), bound=6):
            mask: uint256 = column & masks[g]
            if g == group:
                own: uint256 = 1 << unsafe_mul(40, k % PER_WORD)
                mask &= unsafe_sub(own, 1)
            word: uint256 = unsafe_sub(cells[slot] | GUARDS, BIAS * ONES)
            word &= mask & unsafe_mul((word & GUARDS) >> 39, 2**39 - 1)
            slot = unsafe_add(slot, 32)
            digits[0] |= ((word >> 24) & (ONES * 511)) << offset
            digits[1] |= ((word >> 16) & (ONES * 255)) << offset
            digits[2] |= ((word >> 8) & (ONES * 255)) << offset
            digits[3] |= (word & (ONES * 255)) << offset
            offset = unsafe_add(offset, 10)
            if offset == 40 or slot == last:
                c: uint256 = filled >> 2
                q: uint256 = filled & 3
                planes[0][c][q] = digits[0]
                planes[1][c][q] = digits[1]
                planes[2][c][q] = digits[2]
                planes[3][c][q] = digits[3]
                digits = empty(uint256[4])
                filled = unsafe_add(filled, 1)
                offset = 0

    typical: uint256 = 0
    pairs: uint256 = unsafe_mul(stay, unsafe_sub(stay, 1)) >> 1
    wanted: uint256 = unsafe_sub(pairs, pairs >> 1)
    chunks: uint256 = unsafe_add(filled, 3) >> 2
    same: uint256[4][7] = empty(uint256[4][7])
    for c: uint256 in range(chunks, bound=7):
        same[c] = [ALL, ALL, ALL, ALL]
    bits: uint256 = 9
    for s: uint256 in range(4):
        plane: uint256[4][7] = planes[s]
        active: uint256[4][7] = empty(uint256[4][7])
        for c: uint256 in range(chunks, bound=7):
            p: uint256[4] = plane[c]
            m: uint256[4] = same[c]
            active[c] = [
                (p[0] & m[0]) | DIGIT_GUARDS,
                (p[1] & m[1]) | DIGIT_GUARDS,
                (p[2] & m[2]) | DIGIT_GUARDS,
                (p[3] & m[3]) | DIGIT_GUARDS,
            ]
        digit: uint256 = 0
        above: uint256 = 0             # how many exceed the digit: the last threshold that too few reached is the next one
        bit: uint256 = 1 << unsafe_sub(bits, 1)
        for _: uint256 in range(bits, bound=9):
            threshold: uint256 = unsafe_mul(digit | bit, DIGITS)
            count: uint256 = 0
            for c: uint256 in range(chunks, bound=7):
                p: uint256[4] = active[c]
                count = unsafe_add(
                    count,
                    unsafe_add(
                        unsafe_add(unsafe_sub(p[0], threshold) & DIGIT_GUARDS, unsafe_sub(p[1], threshold) & DIGIT_GUARDS),
                        unsafe_add(unsafe_sub(p[2], threshold) & DIGIT_GUARDS, unsafe_sub(p[3], threshold) & DIGIT_GUARDS),
                    ),
                )
            # the sum over lanes: 2^10 is 1 modulo 1023, and there are fewer than 1023 pairs
            count = (count >> 9) % 1023
            if count >= wanted:
                digit |= bit
            else:
                above = count
            bit >>= 1
        bits = 8
        typical = (typical << 8) | digit
        wanted = unsafe_sub(wanted, above)
        digit = unsafe_mul(digit, DIGITS)
        for c: uint256 in range(chunks, bound=7):
            p: uint256[4] = plane[c]
            m: uint256[4] = same[c]
            equal: uint256 = unsafe_sub(DIGIT_GUARDS, p[0] ^ digit) & DIGIT_GUARDS
            m[0] &= unsafe_sub(equal, equal >> 9)
            equal = unsafe_sub(DIGIT_GUARDS, p[1] ^ digit) & DIGIT_GUARDS
            m[1] &= unsafe_sub(equal, equal >> 9)
            equal = unsafe_sub(DIGIT_GUARDS, p[2] ^ digit) & DIGIT_GUARDS
            m[2] &= unsafe_sub(equal, equal >> 9)
            equal = unsafe_sub(DIGIT_GUARDS, p[3] ^ digit) & DIGIT_GUARDS
            m[3] &= unsafe_sub(equal, equal >> 9)
            same[c] = m
    return typical


@internal
@pure
def _weights(
    cells: uint256[lanes.WORDS], own: int256[32], rows: uint256, kept: uint256, stay: uint256, typical: uint256
) -> uint256[32]:
    """
    @notice Norms are clipped to the lower median of the kept ones, so that inflating an update buys nothing; rows more alike
            than is typical share weight, so that sending one update from several accounts buys little.
    """
    keys: uint256[8][4] = lanes.NO_KEYS
    for i: uint256 in range(rows, bound=32):
        if (kept >> i) & 1 == 1:
            keys[i >> 3][i & 7] = (convert(convert(own[i] & NORM, bytes32), uint256) << 5) | unsafe_sub(31, i)
    below: uint256 = 0
    clip: uint256 = 0
    below, clip = lanes._discard(keys, rows, unsafe_add(stay, 1) >> 1)
    clip = (clip >> 5) << 32

    weights: uint256[32] = empty(uint256[32])
    threshold: uint256 = unsafe_mul(unsafe_add(typical, BIAS), ONES)
    room: uint256 = max(1, unsafe_sub(ONE, typical))
    for g: uint256 in range(unsafe_add(rows, 5) // PER_WORD, bound=6):
        # a cosine's excess is at most ONE, so that a lane holds the sum
        excess: uint256 = 0
        for k: uint256 in range(rows, bound=32):
            if (kept >> k) & 1 == 1:
                word: uint256 = unsafe_sub(cells[(g << 5) | k] | GUARDS, threshold)
                word &= unsafe_mul((word & GUARDS) >> 39, 2**39 - 1)
                excess = unsafe_add(
                    excess,
                    unsafe_div((word & LANE) << 32, room)
                    | (unsafe_div(((word >> 40) & LANE) << 32, room) << 40)
                    | (unsafe_div(((word >> 80) & LANE) << 32, room) << 80)
                    | (unsafe_div(((word >> 120) & LANE) << 32, room) << 120)
                    | (unsafe_div(((word >> 160) & LANE) << 32, room) << 160)
                    | (unsafe_div((word >> 200) << 32, room) << 200),
                )
        i: uint256 = unsafe_mul(g, PER_WORD)
        for _: uint256 in range(min(PER_WORD, unsafe_sub(rows, i)), bound=6):
            if (kept >> i) & 1 == 1:
                clipped: uint256 = min(ONE, unsafe_div(clip, convert(convert(own[i] & NORM, bytes32), uint256)))
                weights[i] = unsafe_div(clipped << 32, unsafe_add(ONE, excess & LANE))
            excess >>= 40
            i = unsafe_add(i, 1)
    return weights


@internal
@pure
def _partners(
    tops: uint256[2][32][3], rows: uint256, kept: uint256, byzantine: uint256, removed: uint256
) -> uint256[32]:
    """
    @notice For each kept row, as masks, the other kept rows without its `byzantine` most aligned ones.
    """
    partners: uint256[32] = empty(uint256[32])
    for g: uint256 in range(unsafe_add(rows, 5) // PER_WORD, bound=6):
        order: uint256[2][32] = tops[g >> 1]
        half: uint256 = g & 1
        offset: uint256 = 0
        i: uint256 = unsafe_mul(g, PER_WORD)
        for _: uint256 in range(min(PER_WORD, unsafe_sub(rows, i)), bound=6):
            if (kept >> i) & 1 == 1:
                mine: uint256 = kept ^ (1 << i)
                left: uint256 = byzantine
                for t: uint256 in range(unsafe_add(byzantine, removed), bound=32):
                    j: uint256 = unsafe_sub(31, (order[t][half] >> offset) & 31)
                    # 1 if j was kept and some are left to drop
                    drop: uint256 = (kept >> j) & (unsafe_add(left, 31) >> 5)
                    mine = unsafe_sub(mine, drop << j)
                    left = unsafe_sub(left, drop)
                partners[i] = mine
            offset = unsafe_add(offset, 40)
            i = unsafe_add(i, 1)
    return partners

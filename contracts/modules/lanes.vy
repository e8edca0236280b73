# pragma version 0.4.3
"""
@title Ordering numbers with work that depends on how many they are, never on what they are
@notice Holds nothing, and knows nothing of what the numbers mean.
@dev A word is cut into lanes of equal width, each holding a number below 2^(width - 1): the top bit of a lane, its guard, is
     0 at rest. One subtraction then compares all lanes at once: (a | guards) - b never borrows from the next lane, as a lane
     of a with its guard is at least 2^(width - 1) and a lane of b is less; the guard is left standing where a >= b. That is
     why this arithmetic goes unchecked.
"""

WORDS: constant(uint256) = 196         # 6 groups of 32 columns, and what reading six columns at a time may touch beyond
STEP: constant(uint256) = 32           # from a column's word to its word in the next group

NO_KEY: constant(uint256) = max_value(uint256)
NO_KEYS_IN_CHUNK: constant(uint256[8]) = [NO_KEY, NO_KEY, NO_KEY, NO_KEY, NO_KEY, NO_KEY, NO_KEY, NO_KEY]
NO_KEYS: constant(uint256[8][4]) = [NO_KEYS_IN_CHUNK, NO_KEYS_IN_CHUNK, NO_KEYS_IN_CHUNK, NO_KEYS_IN_CHUNK]


@internal
@pure
def _largest(
    columns: uint256[WORDS],
    base: uint256,
    count: uint256,
    depth: uint256,
    width: uint256,
    guards: uint256,
    scale: uint256,
    tag: uint256,
) -> uint256[2][32]:
    """
    @notice The `depth` largest of `count` numbers, in falling order, in each lane of two words at once.
    @dev A sorting network of about depth * (count - depth / 2) comparators. Columns enter it by twos, the larger first: all
         along what is sorted so far, the largest of three stays and the other two go on in order. Two at a time, because
         fetching a word costs as much as comparing it.
    @param columns Word `base + k` has column k of the first lanes, word `base + 32 + k` of the second.
    @param depth At most `count`. Entries of the result beyond it mean nothing.
    @param guards The top bit of each lane.
    @param scale With `tag` makes equal numbers of a lane distinct: column k enters as its number * scale + (31 - k) where
           `tag` has a 1. With 1 and 0 numbers enter as they are.
    """
    top: uint256[2][32] = empty(uint256[2][32])
    reach: uint256 = unsafe_sub(width, 1)
    ones: uint256 = max_value(uint256) >> unsafe_sub(256, reach)
    mark: uint256 = unsafe_mul(31, tag)
    at: uint256 = base
    taken: uint256 = count & 1
    if taken == 1:
        top[0] = [
            unsafe_add(unsafe_mul(columns[at], scale), mark),
            unsafe_add(unsafe_mul(columns[unsafe_add(at, STEP)], scale), mark),
        ]
        mark = unsafe_sub(mark, tag)
        at = unsafe_add(at, 1)

    for _: uint256 in range(count >> 1, bound=16):
        a: uint256 = unsafe_add(unsafe_mul(columns[at], scale), mark)
        b: uint256 = unsafe_add(unsafe_mul(columns[unsafe_add(at, STEP)], scale), mark)
        mark = unsafe_sub(mark, tag)
        at = unsafe_add(at, 1)
        c: uint256 = unsafe_add(unsafe_mul(columns[at], scale), mark)
        d: uint256 = unsafe_add(unsafe_mul(columns[unsafe_add(at, STEP)], scale), mark)
        mark = unsafe_sub(mark, tag)
        at = unsafe_add(at, 1)

        # where the second column (c, d) is not smaller than the first (a, b), they change places
        swap: uint256 = unsafe_mul((unsafe_sub(c | guards, a) & guards) >> reach, ones) & (a ^ c)
        a ^= swap
        c ^= swap
        swap = unsafe_mul((unsafe_sub(d | guards, b) & guards) >> reach, ones) & (b ^ d)
        b ^= swap
        d ^= swap
        for j: uint256 in range(min(taken, depth), bound=32):
            here: uint256[2] = top[j]
            swap = unsafe_mul((unsafe_sub(a | guards, here[0]) & guards) >> reach, ones) & (a ^ here[0])
            here[0] ^= swap
            a ^= swap
            swap = unsafe_mul((unsafe_sub(b | guards, here[1]) & guards) >> reach, ones) & (b ^ here[1])
            here[1] ^= swap
            b ^= swap
            top[j] = here
            swap = unsafe_mul((unsafe_sub(c | guards, a) & guards) >> reach, ones) & (a ^ c)
            a ^= swap
            c ^= swap
            swap = unsafe_mul((unsafe_sub(d | guards, b) & guards) >> reach, ones) & (b ^ d)
            b ^= swap
            d ^= swap

        # beyond `depth` nothing is read again, so what the last pair writes there does no harm
        if taken < depth:
            top[taken] = [a, b]
            top[unsafe_add(taken, 1)] = [c, d]
        taken = unsafe_add(taken, 2)
    return top


@internal
@pure
def _discard(keys: uint256[8][4], count: uint256, times: uint256) -> (uint256, uint256):
    """
    @notice Which `times` of the first `count` keys are the smallest, as a mask, and the largest of these.
    @param keys Key k has 31 - k in its lowest five bits, so that no two are equal. NO_KEY is none.
    @param times At least 1, at most the number of keys.
    """
    remaining: uint256[8][4] = keys
    minima: uint256[4] = [NO_KEY, NO_KEY, NO_KEY, NO_KEY]  # of each eight
    for c: uint256 in range(unsafe_add(count, 7) >> 3, bound=4):
        q: uint256[8] = remaining[c]
        minima[c] = min(min(min(q[0], q[1]), min(q[2], q[3])), min(min(q[4], q[5]), min(q[6], q[7])))
    gone: uint256 = 0
    least: uint256 = 0
    for _: uint256 in range(times, bound=32):
        least = min(min(minima[0], minima[1]), min(minima[2], minima[3]))
        k: uint256 = unsafe_sub(31, least & 31)
        c: uint256 = k >> 3
        gone |= 1 << k
        remaining[c][k & 7] = NO_KEY
        q: uint256[8] = remaining[c]
        minima[c] = min(min(min(q[0], q[1]), min(q[2], q[3])), min(min(q[4], q[5]), min(q[6], q[7])))
    return gone, least

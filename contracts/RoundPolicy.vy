# pragma version 0.4.3
# pragma evm-version prague
# pragma optimize gas
"""
@title Round policy: what a round's Gram matrix decides
@notice A pure function of its arguments; anyone may call it. It holds nothing and trusts nobody: what can't be the Gram matrix
        of integer vectors is refused, and so are terms that `validate` would refuse.

        It removes outliers (by trimmed mean cosine, by multi-Krum, or none), clips each norm to the median of those that stay,
        lets rows that are more alike than is typical share weight, and pays each row what the others confirm: its Shapley
        value in the game where a coalition is worth what its updates reinforce in each other, without the row's most aligned
        partners. If the rows agree too little the learning rate decays. Ties go by seat order: the earlier row stays, the
        earlier of equally aligned partners is left out first. Divisions round towards zero. ONE = 2^32 is 1.0.
@dev Whoever could make it run out of gas by the updates that they send would switch it off. So its work depends on the number
     of rows and on the terms alone, and rows of zeros only lessen it: selections are sorting networks, repeated minima and a
     bisection of fixed depth. Many numbers share a word (`lanes` says how), since fetching a word costs as much as ten
     operations on it. Gram matrix and cosines stay in `evaluate`, since an internal call would copy them.
@custom:security Arithmetic is unchecked where it can't wrap. With |entry| < 2^80 a norm is below 2^72, 2^96 * entry below
        2^176, and cosines lie within ONE of 0. Weights are at most ONE; a row's sum over its partners is below 2^117, a
        contribution below 2^149, the sums for the agreement below 2^154 and their scaled numerator below 2^187. What is
        computed before the matrix is known to be sound may wrap, and is dropped by the revert.
"""
from interfaces import IPolicy
from modules import cosines
from modules import lanes

implements: IPolicy

ONE: constant(uint256) = 2**32         # 1.0 of cosines, weights and rates
UNIT: constant(int256) = 2**32         # the same, signed
MAX_ROWS: constant(uint256) = 32
MAX_GRAM: constant(uint256) = 820      # IPolicy's bound: entries of a matrix of 40 rows
MAX_ENTRY: constant(int256) = 2**80    # exclusive
MAX_RATE: constant(uint256) = 2**64 - 1

# Terms: abi.encode of these, one word each.
RULE: constant(uint256) = 0            # who is removed
BYZANTINE: constant(uint256) = 1       # f: how many of the submitted rows may be hostile
FLOOR: constant(uint256) = 2           # below this mean cosine the learning rate decays
DECAY: constant(uint256) = 3           # to this part of it, at most ONE
LEAST_RATE: constant(uint256) = 4
PARAMS_SIZE: constant(uint256) = 160
MAX_BYZANTINE: constant(uint256) = 14  # 2f + 3 rows are the least that a round may have, and there are at most 32

TRIMMED_COSINE: constant(uint256) = 1
MULTI_KRUM: constant(uint256) = 2
NO_REMOVAL: constant(uint256) = 3

# Squared distances: 3 rows a word, in lanes of 84 bits, since |u - v|^2 <= (|u| + |v|)^2 < 2^82.
FAR_PER_WORD: constant(uint256) = 3
FAR_LANE: constant(uint256) = 2**84 - 1
FAR_GUARDS: constant(uint256) = ((2**252 - 1) // FAR_LANE) << 83
FAR_OUTER: constant(uint256) = FAR_LANE | (FAR_LANE << 168)
FAR_MOST: constant(uint256) = 2**90    # above any sum of distances

# A row's square and norm in one word.
NORM_BITS: constant(uint256) = 128
NORM: constant(int256) = 2**128 - 1

# A kept row's sum over its partners, its number, its partners and its weight in one word.
SUM_AT: constant(uint256) = 70
ROW_AT: constant(uint256) = 65
PARTNERS_AT: constant(uint256) = 33
WEIGHT: constant(int256) = 2**33 - 1


@external
@view
def evaluate(
    rows: uint256,
    gram: DynArray[int256, MAX_GRAM],
    params: Bytes[256],
    rate: uint256,
    seats: uint256,
    has_reference: bool,
    memory: uint256[8],
) -> IPolicy.Outcome:
    """
    @notice Who is kept, with what weight, who contributed how much, and the next rate. A round with too few rows to tell
            honest from hostile is void: nothing is kept and the rate stays.
    @param gram Upper triangle, row by row.
    @param params As `validate` accepted them.
    @param has_reference Never, as `takes_reference` says.
    """
    assert rows != 0 and rows <= MAX_ROWS, "policy: rows out of range"
    assert len(gram) == unsafe_mul(rows, unsafe_add(rows, 1)) >> 1, "policy: wrong lengths"
    terms: uint256[5] = self._terms(params)
    assert rate != 0 and rate <= MAX_RATE, "policy: rate out of range"
    assert not has_reference, "policy: takes no reference"

    # squares and norms; a row of zeros has done nothing and counts among the hostile
    own: int256[32] = empty(int256[32])
    live: uint256 = 0
    alive: uint256 = 0
    sign: int256 = 0                   # negative once anything below that must not be negative was
    size: int256 = 0                   # all entries plus 2^80, or-ed: below 2^81 if each was within bounds
    at: uint256 = 0
    for i: uint256 in range(rows, bound=32):
        square: int256 = gram[at]
        sign |= square
        size |= unsafe_add(square, MAX_ENTRY)
        # scaled by 2^64, so that short updates get true cosines too
        norm: uint256 = isqrt(convert(convert(square, bytes32), uint256) << 64)
        own[i] = unsafe_add(unsafe_mul(square, 2**128), convert(convert(norm, bytes32), int256))
        if square != 0:
            live |= 1 << i
            alive = unsafe_add(alive, 1)
        at = unsafe_add(at, unsafe_sub(rows, i))

    # cosines of each row to the later ones
    cells: uint256[lanes.WORDS] = empty(uint256[lanes.WORDS])
    groups: uint256 = unsafe_add(rows, 5) // cosines.PER_WORD
    at = 0
    for i: uint256 in range(rows, bound=32):
        square: int256 = own[i] >> NORM_BITS
        norm: int256 = own[i] & NORM
        slot: uint256 = unsafe_add((i // cosines.PER_WORD) << 5, i)
        lane: uint256 = 2**40 << unsafe_mul(40, i % cosines.PER_WORD)
        word: uint256 = 0
        at = unsafe_add(at, 1)
        for j: uint256 in range(unsafe_add(i, 1), rows, bound=32):
            if lane == 2**240:
                cells[slot] = word
                slot = unsafe_add(slot, 32)
                word = 0
                lane = 1
            entry: int256 = gram[at]
            other: int256 = own[j]
            # Cauchy-Schwarz
            sign |= unsafe_sub(unsafe_mul(square, other >> NORM_BITS), unsafe_mul(entry, entry))
            size |= unsafe_add(entry, MAX_ENTRY)
            # norms are rounded down, so that a cosine may come out a little above 1; a zero norm gives 0
            cosine: int256 = unsafe_div(unsafe_mul(entry, 2**96), unsafe_mul(norm, other & NORM))
            lifted: int256 = unsafe_add(max(-UNIT, min(UNIT, cosine)), UNIT + 1)
            word = unsafe_add(word, unsafe_mul(lane, convert(convert(lifted, bytes32), uint256)))
            lane <<= 40
            at = unsafe_add(at, 1)
        cells[slot] = word
    assert sign >= 0 and size >> 81 == 0, "policy: not a Gram matrix"

    outcome: IPolicy.Outcome = empty(IPolicy.Outcome)
    outcome.next_rate = rate
    outcome.memory = memory
    idle: uint256 = unsafe_sub(rows, alive)
    byzantine: uint256 = unsafe_sub(terms[BYZANTINE], min(terms[BYZANTINE], idle))
    if (
        rows < unsafe_add(unsafe_mul(2, terms[BYZANTINE]), 3)
        or alive < unsafe_add(unsafe_mul(2, byzantine), 3)
    ):
        return outcome

    # to the earlier ones: group h of columns seen from group g of rows, turned over
    for h: uint256 in range(groups, bound=6):
        first: uint256 = unsafe_mul(h, cosines.PER_WORD)
        for g: uint256 in range(h, groups, bound=6):
            slot: uint256 = unsafe_add(g << 5, first)
            a: uint256 = cells[slot]
            b: uint256 = cells[unsafe_add(slot, 1)]
            c: uint256 = cells[unsafe_add(slot, 2)]
            d: uint256 = cells[unsafe_add(slot, 3)]
            e: uint256 = cells[unsafe_add(slot, 4)]
            f: uint256 = cells[unsafe_add(slot, 5)]
            column: uint256 = unsafe_mul(g, cosines.PER_WORD)
            slot = unsafe_add(h << 5, column)
            for _: uint256 in range(min(cosines.PER_WORD, unsafe_sub(rows, column)), bound=6):
                cells[slot] |= (
                    (a & cosines.LANE)
                    | ((b & cosines.LANE) << 40)
                    | ((c & cosines.LANE) << 80)
                    | ((d & cosines.LANE) << 120)
                    | ((e & cosines.LANE) << 160)
                    | ((f & cosines.LANE) << 200)
                )
                a >>= 40
                b >>= 40
                c >>= 40
                d >>= 40
                e >>= 40
                f >>= 40
                slot = unsafe_add(slot, 1)
    if idle != 0:
        for k: uint256 in range(rows, bound=32):
            if (live >> k) & 1 == 0:
                for g: uint256 in range(groups, bound=6):
                    cells[(g << 5) | k] = 0

    # each row's most aligned partners: those to leave out stand before `byzantine + removed`, since of those only the removed
    # ones don't count; the trimmed sums reach further
    removed: uint256 = 0 if terms[RULE] == NO_REMOVAL else byzantine
    stay: uint256 = unsafe_sub(alive, removed)
    depth: uint256 = unsafe_add(byzantine, removed)
    if terms[RULE] == TRIMMED_COSINE:
        depth = max(depth, unsafe_sub(stay, 1))
    tops: uint256[2][32][3] = empty(uint256[2][32][3])
    if depth != 0:
        for b: uint256 in range(unsafe_add(groups, 1) >> 1, bound=3):
            tops[b] = lanes._largest(cells, b << 6, rows, depth, 40, cosines.GUARDS, 32, cosines.ONES)

    kept: uint256 = live
    if removed != 0:
        keys: uint256[8][4] = lanes.NO_KEYS
        if terms[RULE] == TRIMMED_COSINE:
            # a row's score: its cosines to the others without the f largest (accomplices) and the f smallest (enemies)
            for g: uint256 in range(groups, bound=6):
                total: uint256 = 0
                for t: uint256 in range(byzantine, unsafe_sub(stay, 1), bound=32):
                    total = unsafe_add(total, (tops[g >> 1][t][g & 1] >> 5) & cosines.VALUES)
                i: uint256 = unsafe_mul(g, cosines.PER_WORD)
                for _: uint256 in range(min(cosines.PER_WORD, unsafe_sub(rows, i)), bound=6):
                    if (live >> i) & 1 == 1:
                        keys[i >> 3][i & 7] = ((total & cosines.LANE) << 5) | unsafe_sub(31, i)
                    total >>= 40
                    i = unsafe_add(i, 1)
        else:
            # multi-Krum (Blanchard et al. 2017): the distances to its n - f - 2 nearest neighbours, the less the better
            far: uint256[lanes.WORDS][2] = empty(uint256[lanes.WORDS][2])
            at = 0
            for i: uint256 in range(rows, bound=32):
                square: int256 = own[i] >> NORM_BITS
                group: uint256 = i // FAR_PER_WORD
                half: uint256 = group // 6
                base: uint256 = (group % 6) << 5
                slot: uint256 = unsafe_add(base, i)
                part: uint256 = half
                mine: uint256 = 1 << unsafe_mul(84, i % FAR_PER_WORD)
                lane: uint256 = mine << 84
                word: uint256 = far[part][slot]
                at = unsafe_add(at, 1)
                for j: uint256 in range(unsafe_add(i, 1), rows, bound=32):
                    if lane == 2**252:
                        far[part][slot] = word
                        slot = unsafe_add(slot, 32)
                        if slot >= 192:
                            slot = unsafe_sub(slot, 192)
                            part = 1
                        word = 0
                        lane = 1
                    twice: int256 = unsafe_mul(2, gram[at])
                    distance: uint256 = convert(
                        convert(unsafe_sub(unsafe_add(square, own[j] >> NORM_BITS), twice), bytes32), uint256
                    )
                    word = unsafe_add(word, unsafe_mul(lane, distance))
                    far[half][unsafe_add(base, j)] |= unsafe_mul(mine, distance)
                    lane <<= 84
                    at = unsafe_add(at, 1)
                far[part][slot] = word
            if idle != 0:
                for k: uint256 in range(rows, bound=32):
                    if (live >> k) & 1 == 0:
                        for g: uint256 in range(6):
                            far[0][(g << 5) | k] = 0
                            far[1][(g << 5) | k] = 0
            for b: uint256 in range(groups, bound=6):
                # all but the f + 1 farthest: of the n - 1 others those are the n - f - 2 nearest
                base: uint256 = (b % 3) << 6
                farthest: uint256 = unsafe_add(byzantine, 1)
                top: uint256[2][32] = lanes._largest(far[b // 3], base, rows, farthest, 84, FAR_GUARDS, 1, 0)
                sums: uint256[6] = self._nearest(far[b // 3], base, rows, top, farthest)
                i: uint256 = unsafe_mul(b, 6)
                for sum: uint256 in sums:
                    if (live >> i) & 1 == 1:
                        keys[i >> 3][i & 7] = (unsafe_sub(FAR_MOST, sum) << 5) | unsafe_sub(31, i)
                    i = unsafe_add(i, 1)
        gone: uint256 = 0
        worst: uint256 = 0
        gone, worst = lanes._discard(keys, rows, removed)
        kept ^= gone
    outcome.kept = kept

    typical: uint256 = cosines._typical(cells, rows, kept, stay)
    outcome.weights = cosines._weights(cells, own, rows, kept, stay, typical)
    partners: uint256[32] = cosines._partners(tops, rows, kept, byzantine, removed)

    # kept rows only from here on
    state: int256[32] = empty(int256[32])
    seat: uint256 = 0
    for i: uint256 in range(rows, bound=32):
        if (kept >> i) & 1 == 1:
            word: uint256 = outcome.weights[i] | (partners[i] << PARTNERS_AT) | (i << ROW_AT)
            state[seat] = convert(convert(word, bytes32), int256)
            seat = unsafe_add(seat, 1)

    across: int256 = 0                 # sum over pairs of <k_i u_i, k_j u_j>
    spread: int256 = 0                 # sum of |k_i u_i|^2
    for s: uint256 in range(stay, bound=32):
        mine: int256 = state[s]
        weight: int256 = mine & WEIGHT
        allies: int256 = mine >> PARTNERS_AT
        i: uint256 = convert(convert((mine >> ROW_AT) & 31, bytes32), uint256)
        # entry (i, j) of the triangle is at base + j
        base: uint256 = unsafe_sub(unsafe_mul(i, rows), unsafe_mul(i, unsafe_add(i, 1)) >> 1)
        spread = unsafe_add(spread, unsafe_mul(unsafe_mul(weight, weight), gram[unsafe_add(base, i)]))
        sum: int256 = mine >> SUM_AT
        later: int256 = 0
        spot: uint256 = unsafe_add(PARTNERS_AT, i)
        for t: uint256 in range(unsafe_add(s, 1), stay, bound=32):
            other: int256 = state[t]
            j: uint256 = convert(convert((other >> ROW_AT) & 31, bytes32), uint256)
            entry: int256 = gram[unsafe_add(base, j)]
            term: int256 = unsafe_mul(entry, other & WEIGHT)
            later = unsafe_add(later, term)
            sum = unsafe_add(sum, unsafe_mul(term, (allies >> j) & 1))
            state[t] = unsafe_add(other, unsafe_mul(unsafe_mul(unsafe_mul(entry, weight), (other >> spot) & 1), 2**70))
        across = unsafe_add(across, unsafe_mul(weight, later))
        if sum > 0:
            outcome.contributions[i] = convert(convert(unsafe_mul(weight, sum), bytes32), uint256)

    if spread > 0 and across > 0:
        # each pair counts twice
        agreement: int256 = unsafe_div(
            unsafe_mul(across, 2 * UNIT), unsafe_mul(spread, convert(unsafe_sub(stay, 1), int256))
        )
        outcome.agreement = convert(agreement, uint256)
    if outcome.agreement < terms[FLOOR]:
        outcome.next_rate = max(min(rate, terms[LEAST_RATE]), unsafe_mul(rate, terms[DECAY]) >> 32)
    return outcome


@external
@view
def validate(params: Bytes[256], least: uint256, most: uint256, gas_limit: uint256) -> bool:
    """
    @notice Whether params are sound for rounds of `least` to `most` rows and `evaluate` never needs more than `gas_limit`
            for them. False rather than a revert for params that are malformed.
    """
    if len(params) != PARAMS_SIZE:
        return False
    terms: uint256[5] = abi_decode(params, uint256[5])
    if not self._is_sound(terms):
        return False
    if least < 2 * terms[BYZANTINE] + 3 or most < least or most > MAX_ROWS:
        return False
    return gas_limit >= self._gas_for(terms[RULE], most)


@external
@view
def least_rows(params: Bytes[256]) -> uint256:
    """
    @notice Rows below which a round is void: 2f + 3.
    """
    return 2 * self._terms(params)[BYZANTINE] + 3


@external
@view
def takes_public_rows(params: Bytes[256]) -> bool:
    """
    @notice Never: a matrix with one more row is of the wrong length here.
    """
    return False


@external
@view
def takes_reference(params: Bytes[256]) -> bool:
    """
    @notice Never.
    """
    return False


@external
@view
def gas_for(rule: uint256, rows: uint256) -> uint256:
    """
    @notice What `evaluate` never exceeds for so many rows, whatever is in them and whatever the other terms.
    """
    assert rule >= TRIMMED_COSINE and rule <= NO_REMOVAL, "policy: malformed terms"
    assert rows != 0 and rows <= MAX_ROWS, "policy: rows out of range"
    return self._gas_for(rule, rows)


@internal
@pure
def _gas_for(rule: uint256, rows: uint256) -> uint256:
    # One and a half times what was measured, or more, so that a fork of the chain that prices something anew doesn't make all
    # pay equal for the rest of a project. The tests measure again.
    return unsafe_add(90_000, unsafe_mul(3_750 if rule == MULTI_KRUM else 2_200, unsafe_mul(rows, rows)))


@internal
@pure
def _terms(params: Bytes[256]) -> uint256[5]:
    assert len(params) == PARAMS_SIZE, "policy: malformed terms"
    terms: uint256[5] = abi_decode(params, uint256[5])
    assert self._is_sound(terms), "policy: malformed terms"
    return terms


@internal
@pure
def _is_sound(terms: uint256[5]) -> bool:
    return (
        terms[RULE] >= TRIMMED_COSINE
        and terms[RULE] <= NO_REMOVAL
        and terms[BYZANTINE] <= MAX_BYZANTINE
        and terms[FLOOR] <= ONE
        and terms[DECAY] <= ONE
        and terms[LEAST_RATE] != 0
        and terms[LEAST_RATE] <= MAX_RATE
    )


@internal
@pure
def _nearest(
    columns: uint256[lanes.WORDS], base: uint256, rows: uint256, top: uint256[2][32], farthest: uint256
) -> uint256[6]:
    """
    @notice Sums of the distances of six rows to all others but the `farthest` ones, which are in `top`.
    @dev A sum may outgrow its lane (it is below 2^87), so neighbouring lanes are summed apart. A row's distance to itself and
         to rows of zeros is 0, so they don't count.
    """
    sums: uint256[6] = empty(uint256[6])
    for half: uint256 in range(2):
        outer: uint256 = 0
        inner: uint256 = 0
        at: uint256 = unsafe_add(base, half << 5)
        for _: uint256 in range(rows, bound=32):
            word: uint256 = columns[at]
            outer = unsafe_add(outer, word & FAR_OUTER)
            inner = unsafe_add(inner, (word >> 84) & FAR_LANE)
            at = unsafe_add(at, 1)
        for t: uint256 in range(farthest, bound=32):
            word: uint256 = top[t][half]
            outer = unsafe_sub(outer, word & FAR_OUTER)
            inner = unsafe_sub(inner, (word >> 84) & FAR_LANE)
        i: uint256 = unsafe_mul(half, 3)
        sums[i] = outer & (2**168 - 1)
        sums[unsafe_add(i, 1)] = inner
        sums[unsafe_add(i, 2)] = outer >> 168
    return sums

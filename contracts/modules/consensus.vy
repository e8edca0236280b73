# pragma version 0.4.3
"""
@title The consensus rule's steps: who is kept, how much each row's error is its own, and what is news
@notice Holds nothing. `offchain/scoring/consensus.py` has the formulas, function by function; ONE = 2^32 is 1.0, masks have a bit
        per row, and a list of pairs goes row by row through the upper triangle without its diagonal.
@dev Work depends on the numbers of rows alone. Arithmetic over pairs is unchecked: ConsensusPolicy says why it can't wrap.
"""
from . import cosines
from . import lanes

UNIT: constant(int256) = 2**32         # 1.0
MAX_ROWS: constant(uint256) = 32
MAX_PAIRS: constant(uint256) = MAX_ROWS * (MAX_ROWS - 1) // 2
MAX_PUBLIC: constant(uint256) = 3
MAX_BETWEEN: constant(uint256) = MAX_PUBLIC * (MAX_PUBLIC - 1) // 2
MAX_COORDINATES: constant(uint256) = MAX_ROWS * MAX_PUBLIC  # of rows in the span of the public ones
LOADING_CAP: constant(int256) = 99 * UNIT // 100  # keeps the part that is error, and what is divided by it, away from 0
CHANCE: constant(int256) = 2 * UNIT // 9  # what errors of honest rows are correlated by
MOST_WORTH: constant(int256) = 3       # times the (f+1)-th largest
LEAST_NEW: constant(int256) = UNIT * UNIT // 2**16  # part of a public row's square that those before it leave: below it it's none of its own
LEAST_EXPLAINED: constant(int256) = 20  # rho_0^2 of a reference is at least 1 / 20
REFINEMENTS: constant(uint256) = 2
# A word has a row's coordinates in lanes of 72 bits: rising, or falling with the first in the third lane. The product of a
# rising and a falling one has their scalar product, below 2^66, in its third lane; what is below that lane is less than half of
# its unit, what is above is shifted out.
LANE: constant(uint256) = 72
HALF: constant(int256) = 2**(2 * 72 - 1)
ABOVE: constant(uint256) = 256 - 3 * 72
BELOW: constant(uint256) = ABOVE + 2 * 72
NEWS_MARGIN: constant(int256) = 4      # rows with a quarter of the typical row's news, or more, lose nothing
ROWS_PER_SORT: constant(uint256) = 2 * cosines.PER_WORD


@internal
@pure
def _median(values: int256[32], rows: uint256, kept: uint256, stay: uint256) -> int256:
    """
    @notice The lower median of the kept rows' values, which are 0 to 2^250; `stay` rows are kept.
    """
    return self._ranked(values, rows, kept, unsafe_add(stay, 1) >> 1)


@internal
@pure
def _typical_value(values: int256[32], rows: uint256, kept: uint256, stay: uint256, byzantine: uint256) -> int256:
    """
    @notice The lower median of those of the kept rows' values that `byzantine` low ones can't pull down.
    """
    return self._ranked(values, rows, kept, min(stay, unsafe_add(unsafe_add(stay, 1), byzantine) >> 1))


@internal
@pure
def _count(kept: uint256) -> uint256:
    count: uint256 = 0
    mask: uint256 = kept
    for _: uint256 in range(MAX_ROWS):
        if mask == 0:
            break
        mask &= unsafe_sub(mask, 1)
        count = unsafe_add(count, 1)
    return count


@internal
@pure
def _ranked(values: int256[32], rows: uint256, kept: uint256, place: uint256) -> int256:
    """
    @notice The kept rows' value at a place in rising order, from 1.
    """
    keys: uint256[8][4] = lanes.NO_KEYS
    for i: uint256 in range(rows, bound=MAX_ROWS):
        if (kept >> i) & 1 == 1:
            keys[i >> 3][i & 7] = (convert(values[i], uint256) << 5) | unsafe_sub(31, i)
    below: uint256 = 0
    largest: uint256 = 0
    below, largest = lanes._discard(keys, rows, place)
    return convert(largest >> 5, int256)


@internal
@pure
def _keep(sums: uint256[32], bias: uint256, rows: uint256, live: uint256, alive: uint256, byzantine: uint256) -> uint256:
    """
    @notice The live rows without those of the `byzantine` lowest sums that are below half of the upper median, or below 0 if
            that is. Sums are lifted by the bias.
    """
    if byzantine == 0:
        return live
    keys: uint256[8][4] = lanes.NO_KEYS
    for i: uint256 in range(rows, bound=MAX_ROWS):
        if (live >> i) & 1 == 1:
            keys[i >> 3][i & 7] = (sums[i] << 5) | (31 - i)
    suspects: uint256 = 0
    lower: uint256 = 0
    middle: uint256 = 0
    lower, middle = lanes._discard(keys, rows, alive - alive // 2)
    suspects, lower = lanes._discard(keys, rows, byzantine)
    # 2 (sum - bias) >= middle - bias, without a sign
    least: uint256 = bias + max(middle >> 5, bias)
    kept: uint256 = live
    for i: uint256 in range(rows, bound=MAX_ROWS):
        if (suspects >> i) & 1 == 1 and 2 * sums[i] < least:
            kept ^= 1 << i
    return kept


@internal
@pure
def _typical(medians: int256[32], rows: uint256, kept: uint256, stay: uint256) -> int256[32]:
    """
    @notice First loadings of the kept rows, from each row's median cosine.
    """
    loadings: int256[32] = empty(int256[32])
    root: int256 = convert(isqrt(convert(max(1, self._median(medians, rows, kept, stay)), uint256) << 32), int256)
    for i: uint256 in range(rows, bound=MAX_ROWS):
        if (kept >> i) & 1 == 1:
            loadings[i] = min(LOADING_CAP, medians[i] * UNIT // root)
    return loadings


@internal
@pure
def _judged(pairs: int256[MAX_PAIRS], judge: int256[32], rows: uint256, kept: uint256) -> int256[32]:
    """
    @notice Loadings of the kept rows by their cosines with a reference, c_i / rho_0.
    @param judge These cosines, above 0 for rows that are kept.
    """
    above: int256 = 0
    below: int256 = 0
    pair: uint256 = 0
    for i: uint256 in range(rows, bound=MAX_ROWS):
        for j: uint256 in range(unsafe_add(i, 1), rows, bound=MAX_ROWS):
            cosine: int256 = pairs[pair]
            # below 2^96 and 2^64
            above = unsafe_add(above, unsafe_mul(unsafe_mul(judge[i], judge[j]), max(0, cosine)))
            below = unsafe_add(below, unsafe_mul(cosine, cosine))
            pair = unsafe_add(pair, 1)
    explained: int256 = UNIT * UNIT if below == 0 else above * UNIT // below
    explained = min(UNIT * UNIT, max(UNIT * UNIT // LEAST_EXPLAINED, explained))
    root: int256 = convert(isqrt(convert(explained, uint256)), int256)
    loadings: int256[32] = empty(int256[32])
    for i: uint256 in range(rows, bound=MAX_ROWS):
        if (kept >> i) & 1 == 1:
            loadings[i] = min(LOADING_CAP, judge[i] * UNIT // root)
    return loadings


@internal
@pure
def _fit(
    pairs: int256[MAX_PAIRS], first: int256[32], rows: uint256, kept: uint256, stay: uint256, refinements: uint256
) -> (int256[32], int256[32]):
    """
    @notice Of the kept rows, from the cosines of pairs of them and first loadings: the loadings rho_i, 0 to LOADING_CAP, and
            what is shared D_i, at least ONE: one plus the excess of the row's correlations of errors, of what chance does not
            explain of them, over the median row's.
    @dev A row that isn't kept has cosines 0 and loading 0, so that it changes no sum and needs no test.
    """
    loadings: int256[32] = first
    related: int256[MAX_PAIRS] = empty(int256[MAX_PAIRS])  # s_ij, 0 to ONE
    shared: int256[32] = empty(int256[32])
    for refinement: uint256 in range(REFINEMENTS + 1):
        errors: int256[32] = empty(int256[32])
        for i: uint256 in range(rows, bound=MAX_ROWS):
            square: int256 = unsafe_mul(loadings[i], loadings[i])
            errors[i] = convert(isqrt(convert(unsafe_sub(UNIT * UNIT, square), uint256)), int256)
        totals: int256[32] = empty(int256[32])
        pair: uint256 = 0
        for i: uint256 in range(rows, bound=MAX_ROWS):
            loading: int256 = loadings[i]
            error: int256 = errors[i]
            total: int256 = totals[i]
            for j: uint256 in range(unsafe_add(i, 1), rows, bound=MAX_ROWS):
                excess: int256 = unsafe_sub(unsafe_mul(pairs[pair], UNIT), unsafe_mul(loading, loadings[j]))
                alike: int256 = unsafe_div(unsafe_mul(excess, UNIT), unsafe_mul(error, errors[j]))
                alike = min(UNIT, unsafe_div(unsafe_mul(9, max(0, unsafe_sub(alike, CHANCE))), 7))
                related[pair] = alike
                total = unsafe_add(total, alike)
                totals[j] = unsafe_add(totals[j], alike)
                pair = unsafe_add(pair, 1)
            totals[i] = total
        usual: int256 = self._median(totals, rows, kept, stay)
        for i: uint256 in range(rows, bound=MAX_ROWS):
            shared[i] = UNIT + max(0, totals[i] - usual)
        if refinement == refinements:
            break

        # least squares: rho_i = sum_j W_ij cos_ij rho_j / sum_j W_ij rho_j^2, W_ij = (1 - s_ij) / D_j
        sums: int256[32] = empty(int256[32])  # above the line times 2^128, plus below the line
        pair = 0
        for i: uint256 in range(rows, bound=MAX_ROWS):
            loading: int256 = loadings[i]
            share: int256 = shared[i]
            sum: int256 = sums[i]
            for j: uint256 in range(unsafe_add(i, 1), rows, bound=MAX_ROWS):
                apart: int256 = unsafe_mul(unsafe_sub(UNIT, related[pair]), UNIT)
                cosine: int256 = unsafe_mul(pairs[pair], 2**128)
                other: int256 = loadings[j]
                sum = unsafe_add(
                    sum, unsafe_mul(unsafe_mul(unsafe_div(apart, shared[j]), other), unsafe_add(cosine, other))
                )
                sums[j] = unsafe_add(
                    sums[j], unsafe_mul(unsafe_mul(unsafe_div(apart, share), loading), unsafe_add(cosine, loading))
                )
                pair = unsafe_add(pair, 1)
            sums[i] = sum
        for i: uint256 in range(rows, bound=MAX_ROWS):
            above: int256 = sums[i] >> 128
            loadings[i] = min(LOADING_CAP, above * UNIT // (sums[i] & (2**128 - 1))) if above > 0 else 0
    return loadings, shared


@internal
@pure
def _worth(loadings: int256[32], rows: uint256, kept: uint256, stay: uint256, byzantine: uint256) -> int256[32]:
    """
    @notice Of the kept rows rho_i^4, 2^64 = 1.0, at most MOST_WORTH times the (byzantine + 1)-th largest: an honest row's, or less.
    """
    worth: int256[32] = empty(int256[32])
    short: int256[32] = empty(int256[32])  # of 2^64, so that the largest come first
    for i: uint256 in range(rows, bound=MAX_ROWS):
        if (kept >> i) & 1 == 1:
            explained: int256 = (loadings[i] * loadings[i]) >> 32
            worth[i] = explained * explained
        short[i] = 2**64 - worth[i]
    place: uint256 = min(stay, unsafe_add(byzantine, 1))
    most: int256 = MOST_WORTH * (2**64 - self._ranked(short, rows, kept, place))
    for i: uint256 in range(rows, bound=MAX_ROWS):
        worth[i] = min(worth[i], most)
    return worth


@internal
@pure
def _left(cosine: int256, rising: int256, falling: int256) -> int256:
    """
    @notice What the public rows leave of the cosine of two rows, 2^64 = 1.0.
    """
    dot: int256 = (unsafe_add(unsafe_mul(rising, falling), HALF) << ABOVE) >> BELOW
    return unsafe_sub(unsafe_mul(cosine, UNIT), dot)


@internal
@pure
def _coordinates(
    between: int256[MAX_BETWEEN], cosines_along: int256[MAX_COORDINATES], width: uint256, rows: uint256
) -> int256[2][MAX_ROWS]:
    """
    @notice Of unit rows along each public row without what those before it have of it (Gram-Schmidt), rising and falling.
    @param between Cosines of each public row with those before it, 0 + 1 + 2.
    @param cosines_along Cosines of each row with the public rows, `width` a row.
    """
    base: int256[MAX_PUBLIC] = empty(int256[MAX_PUBLIC])  # the public rows' own, falling
    own: int256[MAX_PUBLIC] = empty(int256[MAX_PUBLIC])  # what those before it leave of a public row; 0: nothing of its own
    coordinates: int256[2][MAX_ROWS] = empty(int256[2][MAX_ROWS])
    at: uint256 = 0
    for m: uint256 in range(unsafe_add(width, rows), bound=MAX_PUBLIC + MAX_ROWS):
        is_public: bool = m < width
        if m == width:
            at = 0
        rising: int256 = 0
        falling: int256 = 0
        for k: uint256 in range(min(m, width), bound=MAX_PUBLIC):
            if own[k] != 0:
                along: int256 = between[at] if is_public else cosines_along[at]
                part: int256 = max(-UNIT, min(UNIT, unsafe_div(self._left(along, rising, base[k]), own[k])))
                place: uint256 = unsafe_mul(LANE, k)
                rising = unsafe_add(rising, part << place)
                falling = unsafe_add(falling, part << unsafe_sub(2 * LANE, place))
            at = unsafe_add(at, 1)
        if is_public:
            base[m] = falling
            left: int256 = self._left(UNIT, rising, falling)
            if left >= LEAST_NEW:
                own[m] = convert(isqrt(convert(left, uint256)), int256)
        else:
            coordinates[unsafe_sub(m, width)] = [rising, falling]
    return coordinates


@internal
@pure
def _news(
    pairs: int256[MAX_PAIRS],
    coordinates: int256[2][MAX_ROWS],
    rows: uint256,
    live: uint256,
    kept: uint256,
    stay: uint256,
    byzantine: uint256,
) -> int256[32]:
    """
    @notice Of the kept rows, 0 to ONE: how much what the public rows leave of a row's cosines is, and how much it differs from
            partner to partner, the `byzantine` partners left out that it has most in common with, beside the typical row's.
    @param pairs Cosines of all live rows.
    @param coordinates Of the unit rows in the span of the public rows, rising and falling.
    """
    lengths: int256[32] = empty(int256[32])  # of what is left of a unit row
    for i: uint256 in range(rows, bound=MAX_ROWS):
        left: int256 = self._left(UNIT, coordinates[i][0], coordinates[i][1])
        lengths[i] = convert(isqrt(convert(max(0, left), uint256)), int256)
    usual: int256 = max(1, self._typical_value(lengths, rows, kept, stay, byzantine))

    # y_ij, as a sum and a sum of squares for each row, and by size for leaving out the largest
    sums: int256[32] = empty(int256[32])
    squares: int256[32] = empty(int256[32])
    cells: uint256[lanes.WORDS] = empty(uint256[lanes.WORDS])
    others: int256 = -1
    pair: uint256 = 0
    for i: uint256 in range(rows, bound=MAX_ROWS):
        is_live: bool = (live >> i) & 1 == 1
        if is_live:
            others += 1
        scale: int256 = max(usual, lengths[i])
        rising: int256 = coordinates[i][0]
        sum: int256 = sums[i]
        squared: int256 = squares[i]
        slot: uint256 = unsafe_mul(i // cosines.PER_WORD, lanes.STEP)
        offset: uint256 = unsafe_mul(i % cosines.PER_WORD, 40)
        for j: uint256 in range(unsafe_add(i, 1), rows, bound=MAX_ROWS):
            if is_live and (live >> j) & 1 == 1:
                # as `_left`, in place
                dot: int256 = (unsafe_add(unsafe_mul(rising, coordinates[j][1]), HALF) << ABOVE) >> BELOW
                left: int256 = unsafe_sub(unsafe_mul(pairs[pair], UNIT), dot)
                common: int256 = unsafe_div(unsafe_mul(left, UNIT), unsafe_mul(scale, max(usual, lengths[j])))
                common = max(-UNIT, min(UNIT, common))
                square: int256 = unsafe_mul(common, common)
                sum = unsafe_add(sum, common)
                sums[j] = unsafe_add(sums[j], common)
                squared = unsafe_add(squared, square)
                squares[j] = unsafe_add(squares[j], square)
                # of two of the same size the negative one is larger
                cell: uint256 = convert(abs(common), uint256) << 1
                if common < 0:
                    cell |= 1
                cells[unsafe_add(slot, j)] |= cell << offset
                cells[unsafe_add(unsafe_mul(j // cosines.PER_WORD, lanes.STEP), i)] |= (
                    cell << unsafe_mul(j % cosines.PER_WORD, 40)
                )
            pair = unsafe_add(pair, 1)
        sums[i] = sum
        squares[i] = squared
    if byzantine != 0:
        others -= convert(byzantine, int256)
        for b: uint256 in range((rows + ROWS_PER_SORT - 1) // ROWS_PER_SORT, bound=3):
            order: uint256[2][32] = lanes._largest(
                cells, b * 2 * lanes.STEP, rows, byzantine, 40, cosines.GUARDS, 1, 0
            )
            for half: uint256 in range(2):
                for l: uint256 in range(cosines.PER_WORD):
                    i: uint256 = b * ROWS_PER_SORT + half * cosines.PER_WORD + l
                    if i < rows:
                        for t: uint256 in range(byzantine, bound=MAX_ROWS):
                            cell: uint256 = (order[t][half] >> unsafe_mul(40, l)) & cosines.LANE
                            common: int256 = convert(cell >> 1, int256)
                            squares[i] = unsafe_sub(squares[i], unsafe_mul(common, common))
                            sums[i] = unsafe_sub(sums[i], -common if cell & 1 == 1 else common)

    # sum (y - 3/4 mean)^2
    variety: int256[32] = empty(int256[32])
    for i: uint256 in range(rows, bound=MAX_ROWS):
        if (kept >> i) & 1 == 1:
            variety[i] = squares[i] - 15 * sums[i] * sums[i] // (16 * others)
    usual = self._typical_value(variety, rows, kept, stay, byzantine)
    news: int256[32] = empty(int256[32])
    for i: uint256 in range(rows, bound=MAX_ROWS):
        if (kept >> i) & 1 == 1:
            # rows that are all alike say nothing of each other
            part: int256 = UNIT if usual == 0 else min(UNIT, NEWS_MARGIN * variety[i] * UNIT // usual)
            square: int256 = (part * part) >> 32
            news[i] = (((square * square) >> 32) * square) >> 32
    return news

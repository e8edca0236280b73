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
LOADING_CAP: constant(int256) = 99 * UNIT // 100  # keeps the part that is error, and what is divided by it, away from 0
LEAST_EXPLAINED: constant(int256) = 20  # rho_0^2 of a reference is at least 1 / 20
REFINEMENTS: constant(uint256) = 2
NEWS_MARGIN: constant(int256) = 3      # rows with a third of the median row's news, or more, lose nothing
ROWS_PER_SORT: constant(uint256) = 2 * cosines.PER_WORD


@internal
@pure
def _median(values: int256[32], rows: uint256, kept: uint256) -> int256:
    """
    @notice The lower median of the kept rows' values, which are 0 to 2^250.
    """
    keys: uint256[8][4] = lanes.NO_KEYS
    count: uint256 = 0
    for i: uint256 in range(rows, bound=MAX_ROWS):
        if (kept >> i) & 1 == 1:
            keys[i >> 3][i & 7] = (convert(values[i], uint256) << 5) | (31 - i)
            count += 1
    below: uint256 = 0
    largest: uint256 = 0
    below, largest = lanes._discard(keys, rows, (count + 1) // 2)
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
def _typical(medians: int256[32], rows: uint256, kept: uint256) -> int256[32]:
    """
    @notice First loadings of the kept rows, from each row's median cosine.
    """
    loadings: int256[32] = empty(int256[32])
    root: int256 = convert(isqrt(convert(max(1, self._median(medians, rows, kept)), uint256) << 32), int256)
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
    pairs: int256[MAX_PAIRS], first: int256[32], rows: uint256, kept: uint256, refinements: uint256
) -> (int256[32], int256[32]):
    """
    @notice Of the kept rows, from the cosines of pairs of them and first loadings: the loadings rho_i, 0 to LOADING_CAP, and
            what is shared D_i, at least ONE: one plus the excess of the row's correlations of errors over the median row's.
    @dev A row that isn't kept has cosines 0 and loading 0, so that it changes no sum and needs no test.
    """
    loadings: int256[32] = first
    related: int256[MAX_PAIRS] = empty(int256[MAX_PAIRS])  # r_ij, 0 to ONE
    shared: int256[32] = empty(int256[32])
    for refinement: uint256 in range(REFINEMENTS + 1):
        errors: int256[32] = empty(int256[32])
        for i: uint256 in range(rows, bound=MAX_ROWS):
            errors[i] = convert(isqrt(convert(UNIT * UNIT - loadings[i] * loadings[i], uint256)), int256)
        totals: int256[32] = empty(int256[32])
        pair: uint256 = 0
        for i: uint256 in range(rows, bound=MAX_ROWS):
            loading: int256 = loadings[i]
            error: int256 = errors[i]
            total: int256 = totals[i]
            for j: uint256 in range(unsafe_add(i, 1), rows, bound=MAX_ROWS):
                excess: int256 = max(0, unsafe_sub(unsafe_mul(pairs[pair], UNIT), unsafe_mul(loading, loadings[j])))
                alike: int256 = min(UNIT, unsafe_div(unsafe_mul(excess, UNIT), unsafe_mul(error, errors[j])))
                related[pair] = alike
                total = unsafe_add(total, alike)
                totals[j] = unsafe_add(totals[j], alike)
                pair = unsafe_add(pair, 1)
            totals[i] = total
        usual: int256 = self._median(totals, rows, kept)
        for i: uint256 in range(rows, bound=MAX_ROWS):
            shared[i] = UNIT + max(0, totals[i] - usual)
        if refinement == refinements:
            break

        # least squares: rho_i = sum_j W_ij cos_ij rho_j / sum_j W_ij rho_j^2, W_ij = (1 - r_ij) / D_j
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
def _news(
    pairs: int256[MAX_PAIRS], along: int256[2][32], rows: uint256, live: uint256, kept: uint256, byzantine: uint256
) -> int256[32]:
    """
    @notice Of the kept rows, 0 to ONE: how much what the public rows leave of a row's cosines differs from partner to partner,
            the `byzantine` partners that differ most left out, beside the median row's.
    @param pairs Cosines of all live rows.
    @param along Coordinates of the unit rows in the span of the public rows.
    """
    left: int256[MAX_PAIRS] = empty(int256[MAX_PAIRS])
    means: int256[32] = empty(int256[32])
    others: int256 = -1
    pair: uint256 = 0
    for i: uint256 in range(rows, bound=MAX_ROWS):
        is_live: bool = (live >> i) & 1 == 1
        if is_live:
            others += 1
        x: int256[2] = along[i]
        for j: uint256 in range(unsafe_add(i, 1), rows, bound=MAX_ROWS):
            if is_live and (live >> j) & 1 == 1:
                y: int256[2] = along[j]
                known: int256 = unsafe_add(unsafe_mul(x[0], y[0]), unsafe_mul(x[1], y[1])) >> 32
                rest: int256 = unsafe_sub(pairs[pair], known)
                left[pair] = rest
                means[i] = unsafe_add(means[i], rest)
                means[j] = unsafe_add(means[j], rest)
            pair = unsafe_add(pair, 1)
    for i: uint256 in range(rows, bound=MAX_ROWS):
        means[i] = means[i] // others

    variety: int256[32] = empty(int256[32])
    cells: uint256[lanes.WORDS] = empty(uint256[lanes.WORDS])  # how far each pair is from its rows' means
    pair = 0
    for i: uint256 in range(rows, bound=MAX_ROWS):
        for j: uint256 in range(unsafe_add(i, 1), rows, bound=MAX_ROWS):
            if (live >> i) & (live >> j) & 1 == 1:
                rest: int256 = left[pair]
                from_i: int256 = abs(unsafe_sub(rest, means[i]))
                from_j: int256 = abs(unsafe_sub(rest, means[j]))
                variety[i] = unsafe_add(variety[i], unsafe_mul(from_i, from_i))
                variety[j] = unsafe_add(variety[j], unsafe_mul(from_j, from_j))
                cells[unsafe_add(unsafe_mul(i // cosines.PER_WORD, lanes.STEP), j)] |= (
                    convert(from_i, uint256) << unsafe_mul(i % cosines.PER_WORD, 40)
                )
                cells[unsafe_add(unsafe_mul(j // cosines.PER_WORD, lanes.STEP), i)] |= (
                    convert(from_j, uint256) << unsafe_mul(j % cosines.PER_WORD, 40)
                )
            pair = unsafe_add(pair, 1)
    if byzantine != 0:
        for b: uint256 in range((rows + ROWS_PER_SORT - 1) // ROWS_PER_SORT, bound=3):
            order: uint256[2][32] = lanes._largest(
                cells, b * 2 * lanes.STEP, rows, byzantine, 40, cosines.GUARDS, 1, 0
            )
            for half: uint256 in range(2):
                for l: uint256 in range(cosines.PER_WORD):
                    i: uint256 = b * ROWS_PER_SORT + half * cosines.PER_WORD + l
                    if i < rows:
                        for t: uint256 in range(byzantine, bound=MAX_ROWS):
                            far: int256 = convert((order[t][half] >> unsafe_mul(40, l)) & cosines.LANE, int256)
                            variety[i] = unsafe_sub(variety[i], unsafe_mul(far, far))

    typical: int256 = self._median(variety, rows, kept)
    news: int256[32] = empty(int256[32])
    for i: uint256 in range(rows, bound=MAX_ROWS):
        if (kept >> i) & 1 == 1:
            # rows that are all alike say nothing of each other
            part: int256 = UNIT if typical == 0 else min(UNIT, NEWS_MARGIN * variety[i] * UNIT // typical)
            news[i] = (part * part) >> 32
    return news

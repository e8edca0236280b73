# pragma version 0.4.3
# pragma evm-version prague
# pragma optimize gas
"""
@title Consensus policy: a round's pay from how much of each update the others confirm
@notice A pure function of its arguments; anyone may call it. It holds nothing and trusts nobody: what can't be the Gram matrix
        of integer vectors is refused, and so are terms that `validate` would refuse.

        Its model of a round: of unit updates u_i = rho_i g + e_i, with g a direction that all share and e_i an error of the
        trainer's own. The loading rho_i is fitted to the cosines; errors that are correlated, as those of copies are, share one
        voice. Of the f rows least in line with the others those leave that are far out of line. A row is paid rho_i^4, less
        what it shares, less what is no news beside the *public rows*, the aggregates so far, if the matrix has them as last
        rows. If the first row is a *reference* of the owner's, it judges: rho_i is then in proportion to row i's cosine with
        it, and rows that point away from it leave. If the rows agree too little the learning rate decays. Ties go by seat
        order: the earlier row stays. Medians are lower medians. Divisions round towards zero. ONE = 2^32 is 1.0.

        *Shown* is consensus with a memory. In the first round that pays anybody nothing but the initial model is public, so
        what a seat gets then can't be made of what others know: it is what the seat has shown. Later rounds pay it an average
        of what it contributed lately, also where its row of the round is removed, and no larger part than `cap` times what it
        has shown.
        `offchain/scoring/consensus.py` and `shown.py` have the formulas.
@dev Whoever could make it run out of gas by the updates that they send would switch it off. So its work depends on the numbers
     of rows and on the terms alone, but for rows of zeros and removed ones, which lessen it a little. Pairs of rows are
     numbered in the order of the upper triangle without its diagonal; a list of pairs is walked with a counter.
@custom:security Arithmetic over pairs of rows is unchecked, since it can't wrap. With |entry| < 2^80 a norm, scaled by 2^32, is
        below 2^72; a public row's is below 2^107, so that 2^96 * <u_i, S> is below 2^200, 2^96 * <S, S'> below 2^245 and
        |u_i|^2 |S|^2 below 2^229. Cosines and coordinates lie within ONE of 0, loadings in 0 .. 0.99 of it, so that the part
        that is error is above 0.14 and what is divided by is never 0. What public rows leave of a cosine is below 2^70, times
        2^32 below 2^102, the quotient cut to ONE, a sum of squares below 2^69. What a row shares is below 2^38, a sum of the
        fit below 2^101, so that two of them share a word. Weights are at most ONE, contributions at most 2^64, the sums for
        the agreement below 2^154 and their scaled numerator below 2^187. A sorting lane of 40 bits has sums below 2^39 in it.
        What is computed before the matrix is known to be sound may wrap, and is dropped by the revert: |entry| = 2^80 passes
        the bound if negative, but not Cauchy-Schwarz, as the squares are below that.
"""
from interfaces import IPolicy
from modules import consensus
from modules import cosines
from modules import lanes

implements: IPolicy

ONE: constant(uint256) = 2**32         # 1.0 of cosines, loadings, weights and rates
UNIT: constant(int256) = 2**32         # the same, signed
MAX_ROWS: constant(uint256) = 32
MAX_PUBLIC: constant(uint256) = consensus.MAX_PUBLIC
MAX_COLUMNS: constant(uint256) = MAX_ROWS + MAX_PUBLIC
MAX_GRAM: constant(uint256) = 820      # IPolicy's bound: entries of a matrix of 40 rows
MAX_PAIRS: constant(uint256) = MAX_ROWS * (MAX_ROWS - 1) // 2
MAX_ENTRY: constant(int256) = 2**80    # exclusive, as are those of public rows
MAX_PUBLIC_PRODUCT: constant(int256) = 2**104
MAX_PUBLIC_SQUARE: constant(int256) = 2**149
MAX_RATE: constant(uint256) = 2**64 - 1

# Terms: abi.encode of these, one word each.
RULE: constant(uint256) = 0            # CONSENSUS or SHOWN; RoundPolicy has those below them
BYZANTINE: constant(uint256) = 1       # f: how many of the submitted rows may be hostile
FLOOR: constant(uint256) = 2           # below this mean cosine the learning rate decays
DECAY: constant(uint256) = 3           # to this part of it, at most ONE
LEAST_RATE: constant(uint256) = 4
CAP: constant(uint256) = 5             # of SHOWN alone: no row is paid more than this, times what its seat has shown
TERMS_SIZE: constant(uint256) = 160
SHOWN_SIZE: constant(uint256) = 192
MAX_BYZANTINE: constant(uint256) = 14  # 2f + 3 rows are the least that a round may have, and there are at most 32
MAX_CAP: constant(uint256) = 2**40     # 256.0

CONSENSUS: constant(uint256) = 4
SHOWN: constant(uint256) = 5

# The memory of SHOWN, of parts of all that was contributed, 2^32 = 1.0: eight seats a word, what each has shown, and four words
# further on its average
MAX_SHARE: constant(uint256) = 2**32 - 1
AVERAGES: constant(uint256) = 4
PAST: constant(uint256) = 3            # quarters of an average that are of earlier rounds

ROWS_PER_SORT: constant(uint256) = 2 * cosines.PER_WORD


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
    @param gram Upper triangle, row by row, of `rows` rows, or of up to three more: the public rows, which come last.
    @param params As `validate` accepted them.
    """
    assert rows != 0 and rows <= MAX_ROWS, "policy: rows out of range"
    columns: uint256 = (isqrt(8 * len(gram) + 1) - 1) // 2
    assert (
        columns >= rows and columns <= rows + MAX_PUBLIC and 2 * len(gram) == columns * (columns + 1)
    ), "policy: wrong lengths"
    width: uint256 = columns - rows    # how many rows are public
    terms: uint256[6] = self._terms(params)
    assert rate != 0 and rate <= MAX_RATE, "policy: rate out of range"

    # squares and norms; a row of zeros has done nothing and counts among the hostile
    squares: int256[MAX_COLUMNS] = empty(int256[MAX_COLUMNS])
    norms: int256[32] = empty(int256[32])
    public_norms: int256[MAX_PUBLIC] = empty(int256[MAX_PUBLIC])
    live: uint256 = 0
    alive: uint256 = 0
    at: uint256 = 0
    for i: uint256 in range(columns, bound=MAX_COLUMNS):
        square: int256 = gram[at]
        limit: int256 = MAX_ENTRY if i < rows else MAX_PUBLIC_SQUARE
        assert square >= 0 and square < limit, "policy: not a Gram matrix"
        squares[i] = square
        # scaled by 2^64, so that short updates get true cosines too
        norm: int256 = convert(isqrt(convert(square, uint256) << 64), int256)
        if i < rows:
            norms[i] = norm
            if square != 0:
                live |= 1 << i
                alive += 1
        else:
            public_norms[i - rows] = norm
        at += columns - i

    # cosines of all pairs, and the same as `cosines` wants them for sorting
    pairs: int256[MAX_PAIRS] = empty(int256[MAX_PAIRS])
    cells: uint256[lanes.WORDS] = empty(uint256[lanes.WORDS])
    along: int256[consensus.MAX_COORDINATES] = empty(int256[consensus.MAX_COORDINATES])  # cosines with public rows, row by row
    sign: int256 = 0                   # negative once anything below that must not be negative was
    size: int256 = 0                   # all entries plus 2^80, or-ed: below 2^81 if each was within bounds
    public_size: int256 = 0            # products with public rows plus 2^104, or-ed: below 2^105 if each was within bounds
    pair: uint256 = 0
    place: uint256 = 0
    at = 0
    for i: uint256 in range(rows, bound=MAX_ROWS):
        square: int256 = squares[i]
        norm: int256 = norms[i]
        slot: uint256 = unsafe_mul(i // cosines.PER_WORD, lanes.STEP)
        offset: uint256 = unsafe_mul(i % cosines.PER_WORD, 40)
        at = unsafe_add(at, 1)
        for j: uint256 in range(unsafe_add(i, 1), rows, bound=MAX_ROWS):
            entry: int256 = gram[at]
            sign |= unsafe_sub(unsafe_mul(square, squares[j]), unsafe_mul(entry, entry))  # Cauchy-Schwarz
            size |= unsafe_add(entry, MAX_ENTRY)
            product: int256 = unsafe_mul(norm, norms[j])
            if product != 0:
                cosine: int256 = self._cosine(entry, product)
                pairs[pair] = cosine
                lifted: uint256 = convert(convert(unsafe_add(cosine, UNIT + 1), bytes32), uint256)
                cells[unsafe_add(slot, j)] |= lifted << offset
                cells[unsafe_add(unsafe_mul(j // cosines.PER_WORD, lanes.STEP), i)] |= (
                    lifted << unsafe_mul(j % cosines.PER_WORD, 40)
                )
            pair = unsafe_add(pair, 1)
            at = unsafe_add(at, 1)
        for k: uint256 in range(width, bound=MAX_PUBLIC):
            entry: int256 = gram[at]
            sign |= unsafe_sub(unsafe_mul(square, squares[unsafe_add(rows, k)]), unsafe_mul(entry, entry))
            public_size |= unsafe_add(entry, MAX_PUBLIC_PRODUCT)
            along[place] = self._cosine(entry, unsafe_mul(norm, public_norms[k]))
            place = unsafe_add(place, 1)
            at = unsafe_add(at, 1)
    between: int256[consensus.MAX_BETWEEN] = empty(int256[consensus.MAX_BETWEEN])  # cosines of each public row with those before it
    square_size: int256 = 0            # how far products of public rows are from their bounds, or-ed: negative if one was beyond
    for k: uint256 in range(width, bound=MAX_PUBLIC):
        norm: int256 = public_norms[k]
        at = unsafe_add(at, 1)
        place = unsafe_add(unsafe_mul(k, unsafe_add(k, 1)) // 2, k)
        for m: uint256 in range(unsafe_add(k, 1), width, bound=MAX_PUBLIC):
            entry: int256 = gram[at]
            square_size |= unsafe_add(entry, MAX_PUBLIC_SQUARE - 1) | unsafe_sub(MAX_PUBLIC_SQUARE - 1, entry)
            between[place] = self._cosine(entry, unsafe_mul(norm, public_norms[m]))
            place = unsafe_add(place, m)
            at = unsafe_add(at, 1)
    assert (
        sign >= 0 and size >> 81 == 0 and public_size >> 105 == 0 and square_size >= 0
    ), "policy: not a Gram matrix"

    outcome: IPolicy.Outcome = empty(IPolicy.Outcome)
    outcome.next_rate = rate
    outcome.memory = memory
    judged: uint256 = rows
    judge: int256[32] = empty(int256[32])  # cosines with the reference
    if has_reference:
        judged = unsafe_sub(rows, 1)
        for j: uint256 in range(1, rows, bound=MAX_ROWS):
            judge[j] = pairs[unsafe_sub(j, 1)]
        alive = unsafe_sub(alive, live & 1)
        live = live & ~convert(1, uint256)
    byzantine: uint256 = terms[BYZANTINE] - min(terms[BYZANTINE], judged - alive)
    if judged < 2 * terms[BYZANTINE] + 3 or alive < 2 * byzantine + 3:
        return outcome

    kept: uint256 = 0
    medians: int256[32] = empty(int256[32])
    if has_reference:
        for i: uint256 in range(rows, bound=MAX_ROWS):
            if (live >> i) & 1 == 1 and judge[i] > 0:
                kept |= 1 << i
        # an owner could remove all others for a seat of its own
        if consensus._count(kept) <= byzantine:
            return outcome
    else:
        # each row's cosines in falling order: their sum without the f largest (accomplices) and the f smallest (enemies), and
        # their median; both lifted
        last: uint256 = alive - 1 - byzantine
        middle: uint256 = alive - 2 - (alive - 2) // 2
        sums: uint256[32] = empty(uint256[32])
        for b: uint256 in range((rows + ROWS_PER_SORT - 1) // ROWS_PER_SORT, bound=3):
            order: uint256[2][32] = lanes._largest(cells, b * 2 * lanes.STEP, rows, last, 40, cosines.GUARDS, 1, 0)
            for half: uint256 in range(2):
                total: uint256 = 0
                for t: uint256 in range(byzantine, last, bound=MAX_ROWS):
                    total = unsafe_add(total, order[t][half])
                row: uint256 = b * ROWS_PER_SORT + half * cosines.PER_WORD
                for l: uint256 in range(cosines.PER_WORD):
                    i: uint256 = row + l
                    if i < rows and (live >> i) & 1 == 1:
                        sums[i] = (total >> (40 * l)) & cosines.LANE
                        medians[i] = max(0, convert((order[middle][half] >> (40 * l)) & cosines.LANE, int256) - (UNIT + 1))

        kept = consensus._keep(sums, (last - byzantine) * cosines.BIAS, rows, live, alive, byzantine)
    outcome.kept = kept
    stay: uint256 = consensus._count(kept)

    news: int256[32] = empty(int256[32])
    if width != 0:
        coordinates: int256[2][32] = consensus._coordinates(between, along, width, rows)
        news = consensus._news(pairs, coordinates, rows, live, kept, stay, byzantine)

    # what isn't kept takes no part in the fit
    pair = 0
    for i: uint256 in range(rows, bound=MAX_ROWS):
        mask: uint256 = kept if (kept >> i) & 1 == 1 else 0
        for j: uint256 in range(unsafe_add(i, 1), rows, bound=MAX_ROWS):
            if (mask >> j) & 1 == 0:
                pairs[pair] = 0
            pair = unsafe_add(pair, 1)
    loadings: int256[32] = empty(int256[32])
    shared: int256[32] = empty(int256[32])
    if has_reference:
        loadings = consensus._judged(pairs, judge, rows, kept)
        loadings, shared = consensus._fit(pairs, loadings, rows, kept, stay, 0)
    else:
        loadings = consensus._typical(medians, rows, kept, stay)
        loadings, shared = consensus._fit(pairs, loadings, rows, kept, stay, consensus.REFINEMENTS)

    clip: int256 = consensus._median(norms, rows, kept, stay)
    worth: int256[32] = consensus._worth(loadings, rows, kept, stay, byzantine)
    weights: int256[32] = empty(int256[32])
    for i: uint256 in range(rows, bound=MAX_ROWS):
        if (kept >> i) & 1 == 1:
            weights[i] = min(UNIT, clip * UNIT // norms[i]) * UNIT // shared[i]
            outcome.weights[i] = convert(weights[i], uint256)
            paid: int256 = worth[i]
            if width != 0:
                paid = (paid * news[i]) >> 32
            length: int256 = min(UNIT, norms[i] * 2 * UNIT // clip)
            voices: int256 = (shared[i] * convert(isqrt(convert(shared[i], uint256) << 32), int256)) >> 32
            outcome.contributions[i] = convert(paid * length // voices, uint256)
    if terms[RULE] == SHOWN:
        outcome.contributions, outcome.memory = self._capped(outcome.contributions, rows, seats, terms[CAP], memory)

    at = 0
    across: int256 = 0                 # sum over pairs of <k_i u_i, k_j u_j>
    spread: int256 = 0                 # sum of |k_i u_i|^2
    voters: int256 = 0
    for i: uint256 in range(rows, bound=MAX_ROWS):
        weight: int256 = weights[i]
        spread += weight * weight * squares[i]
        voters += convert((kept >> i) & 1, int256)
        later: int256 = 0
        at = unsafe_add(at, 1)
        for j: uint256 in range(unsafe_add(i, 1), rows, bound=MAX_ROWS):
            later = unsafe_add(later, unsafe_mul(gram[at], weights[j]))
            at = unsafe_add(at, 1)
        across += weight * later
        at = unsafe_add(at, width)
    if spread > 0 and across > 0:
        # each pair counts twice
        outcome.agreement = convert(across * 2 * UNIT // (spread * (voters - 1)), uint256)
    if outcome.agreement < terms[FLOOR]:
        outcome.next_rate = max(min(rate, terms[LEAST_RATE]), (rate * terms[DECAY]) >> 32)
    return outcome


@external
@view
def validate(params: Bytes[256], least: uint256, most: uint256, gas_limit: uint256) -> bool:
    """
    @notice Whether params are sound for rounds of `least` rows or more, with `most` rows of the matrix at the most, and `evaluate`
            never needs more than `gas_limit` for them. False rather than a revert for params that are malformed.
    """
    terms: uint256[6] = empty(uint256[6])
    sound: bool = False
    terms, sound = self._decode(params)
    if not sound or least < 2 * terms[BYZANTINE] + 3 or most < least or most > MAX_COLUMNS:
        return False
    return gas_limit >= self._gas_for(most)


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
    @notice Always: what adds nothing to them is not paid.
    """
    return True


@external
@view
def takes_reference(params: Bytes[256]) -> bool:
    """
    @notice Always.
    """
    return True


@external
@view
def gas_for(rule: uint256, rows: uint256) -> uint256:
    """
    @notice What `evaluate` never exceeds for so many rows of the matrix, public ones included, with a reference or without,
            whatever is in them and whatever the other terms.
    """
    assert rule == CONSENSUS or rule == SHOWN, "policy: malformed terms"
    assert rows != 0 and rows <= MAX_COLUMNS, "policy: rows out of range"
    return self._gas_for(rows)


@internal
@pure
def _gas_for(rows: uint256) -> uint256:
    # One and a half times what was measured, or more, so that a fork of the chain that prices something anew doesn't make all
    # pay equal for the rest of a project. Most is taken by a single public row and as many hostile ones as there may be. The
    # tests measure again.
    return 120_000 + 24_000 * rows + 5_750 * rows * rows


@internal
@pure
def _capped(
    contributions: uint256[32], rows: uint256, seats: uint256, cap: uint256, memory: uint256[8]
) -> (uint256[32], uint256[8]):
    """
    @notice Contributions as averages of parts of all that was contributed, 2^32 = 1.0, at most `cap` times what their seats have
            shown; and the memory. In the first round that pays anybody they are what is shown.
    """
    paid: uint256[32] = empty(uint256[32])
    total: uint256 = 0
    for i: uint256 in range(rows, bound=MAX_ROWS):
        total += contributions[i]
    if total == 0:
        return paid, memory
    has_shown: bool = (memory[0] | memory[1] | memory[2] | memory[3]) != 0
    kept: uint256[8] = memory
    if not has_shown:
        kept = empty(uint256[8])
    row: uint256 = 0
    for seat: uint256 in range(MAX_ROWS):
        if (seats >> seat) & 1 == 1:
            part: uint256 = min(MAX_SHARE, contributions[row] * ONE // total)
            word: uint256 = seat >> 3
            offset: uint256 = (seat & 7) << 5
            if has_shown:
                last: uint256 = (kept[word + AVERAGES] >> offset) & MAX_SHARE
                average: uint256 = (PAST * last + part) // (PAST + 1)
                kept[word + AVERAGES] ^= (last ^ average) << offset
                paid[row] = min(average, (cap * ((kept[word] >> offset) & MAX_SHARE)) >> 32)
            else:
                kept[word] |= part << offset
                kept[word + AVERAGES] |= part << offset
                paid[row] = part
            row += 1
    assert row == rows, "policy: wrong seats"
    return paid, kept


@internal
@pure
def _decode(params: Bytes[256]) -> (uint256[6], bool):
    """
    @notice The terms, and whether they are sound.
    """
    terms: uint256[6] = empty(uint256[6])
    if len(params) == SHOWN_SIZE:
        terms = abi_decode(params, uint256[6])
    elif len(params) == TERMS_SIZE:
        terms = abi_decode(concat(params, empty(bytes32)), uint256[6])
    return terms, (
        terms[RULE] == (SHOWN if len(params) == SHOWN_SIZE else CONSENSUS)
        and terms[BYZANTINE] <= MAX_BYZANTINE
        and terms[FLOOR] <= ONE
        and terms[DECAY] <= ONE
        and terms[LEAST_RATE] != 0
        and terms[LEAST_RATE] <= MAX_RATE
        and (terms[CAP] != 0) == (terms[RULE] == SHOWN)
        and terms[CAP] <= MAX_CAP
    )


@internal
@pure
def _terms(params: Bytes[256]) -> uint256[6]:
    terms: uint256[6] = empty(uint256[6])
    sound: bool = False
    terms, sound = self._decode(params)
    assert sound, "policy: malformed terms"
    return terms


@internal
@pure
def _cosine(product: int256, norms: int256) -> int256:
    """
    @notice Within ONE of 0: norms are rounded down, so that the quotient may come out a little beyond. 0 for norms of 0.
    """
    return max(-UNIT, min(UNIT, unsafe_div(unsafe_mul(product, 2**96), norms)))

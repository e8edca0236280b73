"""The consensus rule: a round's pay from how much of each update the others confirm.

Bit for bit as the ConsensusPolicy contract computes it. Integers throughout; fixed point with ONE = 2^32; divisions
round towards zero; medians are lower medians; ties go to the earlier seat.

A model of a round: each update is a common direction, which the project wants, and the trainer's own error. Of unit
updates u_i = rho_i g + e_i, so cos_ij = rho_i rho_j unless errors are related, and rho_i^2 is the part of u_i's square
that the common direction explains: it falls with few data, false labels, noise. All of it is read off the Gram matrix.

1. Outliers. A row of zeros counts among the f hostile ones. Rows are ranked by the sum of their cosines without the f
   largest and the f smallest. Of the f last, those leave whose sum is below half of the median row's: a round without
   attackers loses nobody.
2. Loadings. rho_i starts from the median of row i's cosines, divided by the root of the median of these medians: no
   minority moves it far. Twice it is refined, by least squares: rho_i = sum_j W_ij cos_ij rho_j / sum_j W_ij rho_j^2.
3. Shared errors. r_ij = max(0, cos_ij - rho_i rho_j) / sqrt((1 - rho_i^2)(1 - rho_j^2)) is the correlation of two rows'
   errors, 1 for copies; honest ones reach 2/9 by chance and by likeness of data, so s_ij = max(0, r_ij - 2/9) 9/7
   counts. With D_i = 1 + excess of sum_j s_ij over the median row's, W_ij = (1 - s_ij) / D_j: accomplices don't confirm
   each other, and a crowd of copies counts as one voice.
4. Weights. k_i = min(1, median norm / |u_i|) / D_i.
5. Contributions. phi_i = rho_i^4 / D_i^(3/2), so that k accounts which share one data set are paid no more than one is,
   and several worse updates are worth less than the one that they were made of. rho_i^4 counts at most three times the
   (f+1)-th largest one: with at most f hostile rows that is no more than three times an honest row's. Rows of less than
   half the median norm get in proportion to it; above that scale is free to choose, hence worth nothing.
6. News. What all know - the aggregates so far - may be further rows, the *public rows*; x_i are the coordinates of u_i
   in their span, and q_i the length of what is left of a unit row. y_ij = (cos_ij - <x_i, x_j>) / (q_i q_j), each q not
   below a typical one, is what row i has in common with row j that was not public. It differs from partner to partner
   where updates come of data, which have something in common with some and less with others. What is a mixture of
   public rows leaves nothing, noise leaves next to nothing, since in many dimensions it is at right angles to all, and
   another vector that all know is much alike to everybody. So v_i = sum_j (y_ij - 3/4 mean)^2 without the f largest
   |y_ij|, since accomplices share what they like; phi_i is multiplied with min(1, 4 v_i / typical v)^6. Typical is the
   lower median of those that f hostile rows can't pull down: the value at place (m - 1 + f) / 2 of m in rising order.
7. A reference, if the owner sent one from data of its own: the first row, which judges and is neither paid nor weighed.
   With c_i its cosine with row i, rows with c_i <= 0 leave instead of step 1, and instead of step 2
   rho_i = c_i / rho_0, rho_0^2 = sum_{i<j} c_i c_j cos_ij+ / sum_{i<j} cos_ij^2, not below 1/20: who is right about
   what the others have no data of is paid, and any number of hostile rows borne. If no more than f rows are left,
   nobody is kept. The owner is trusted for it.
8. Rate. As in `policy.py`: below the floor of agreement it decays.

Sources: Spearman, "General intelligence" (1904), for the one-factor model; Cao et al. 2021, arXiv 2012.13995, for the
reference; Blanchard et al. (2017) and docs/results.md for what this one does and doesn't resist. Cost: O(n^2 log n)
integer operations, and O(n w^2) with w public rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

from offchain.scoring.constants import NUMBERS, ONE, Numbers
from offchain.scoring.factors import Factors

__all__ = ["consensus"]


def consensus(
    cosines: list[list[int]],
    norms: list[int],
    live: list[int],
    byzantine: int,
    coordinates: Sequence[Sequence[int]] | None,
    has_reference: bool = False,
    numbers: Numbers = NUMBERS,
) -> tuple[list[int], list[int], list[int], list[Factors | None]]:
    """Kept rows, and weights, contributions and what they are made of, of all rows.

    `cosines` is n x n and fixed point, `norms` are scaled by 2^32, `live` the rows that aren't zero, of which
    `byzantine` (at most (live - 3) / 2) may be hostile; `coordinates`, n x w and fixed point, those of unit rows in
    the span of the public rows, if there are any. With a reference row 0 is none of `live`, and nobody may be kept.
    Contributions are at most 2^64.
    """
    if has_reference:
        kept = [i for i in live if cosines[0][i] > 0]
        if len(kept) <= byzantine:  # an owner could remove all others for a seat of its own
            return [], [0] * len(norms), [0] * len(norms), [None] * len(norms)
        loadings = _judged(cosines, kept, numbers)
        shared = _errors(cosines, kept, loadings, numbers)[1]
    else:
        kept = _keep(cosines, live, byzantine)
        loadings, shared = _fit(cosines, kept, live, numbers)
    clip = _median([norms[i] for i in kept])
    news = dict.fromkeys(kept, ONE)
    if coordinates is not None:
        news = _news(cosines, coordinates, kept, live, byzantine, numbers)
    explained = {i: loadings[i] * loadings[i] >> 32 for i in kept}
    worth = {i: part * (part if numbers.worth_power == 4 else ONE) for i, part in explained.items()}
    most = numbers.most_worth * sorted(worth.values())[max(0, len(kept) - 1 - byzantine)]
    weights, contributions = [0] * len(norms), [0] * len(norms)
    factors: list[Factors | None] = [None] * len(norms)
    for i in kept:
        weights[i] = (min(ONE, (clip << 32) // norms[i]) << 32) // shared[i]
        size = min(ONE, (norms[i] << 33) // clip)
        voices = shared[i] * isqrt(shared[i] << 32) >> 32 if numbers.voices_halves == 3 else shared[i]
        contributions[i] = (min(worth[i], most) * news[i] >> 32) * size // voices
        factors[i] = Factors(loadings[i], worth[i], most, voices, news[i], size)
    return kept, weights, contributions, factors


def _news(
    cosines: list[list[int]],
    coordinates: Sequence[Sequence[int]],
    kept: list[int],
    live: list[int],
    byzantine: int,
    numbers: Numbers,
) -> dict[int, int]:
    """Of kept rows, 0 .. ONE."""
    lengths = {i: isqrt(max(0, ONE * ONE - sum(x * x for x in coordinates[i]))) for i in live}
    usual = max(1, _typical([lengths[i] for i in kept], byzantine))
    scales = {i: max(usual, lengths[i]) for i in live}
    variety = {}
    for i in kept:
        own = []
        for j in live:
            if j != i:
                left = (cosines[i][j] << 32) - sum(a * b for a, b in zip(coordinates[i], coordinates[j], strict=True))
                common = min(ONE, (abs(left) << 32) // (scales[i] * scales[j]))
                own.append(common if left >= 0 else -common)
        own = sorted(own, key=lambda y: (abs(y), y < 0))[: len(own) - byzantine]
        # sum (y - 3/4 mean)^2
        variety[i] = sum(y * y for y in own) - numbers.news_mean_sixteenths * sum(own) ** 2 // (16 * len(own))
    usual = _typical(list(variety.values()), byzantine)
    if usual == 0:  # rows that are all alike say nothing of each other
        return dict.fromkeys(kept, ONE)
    news = {}
    for i in kept:
        square = news[i] = min(ONE, numbers.news_margin * (variety[i] << 32) // usual) ** 2 >> 32
        for _ in range(numbers.news_power // 2 - 1):
            news[i] = news[i] * square >> 32
    return news


def _keep(cosines: list[list[int]], live: list[int], byzantine: int) -> list[int]:
    sums = {}
    for i in live:
        others = sorted(cosines[i][j] for j in live if j != i)
        sums[i] = sum(others[byzantine : len(others) - byzantine])
    ranking = sorted(live, key=lambda i: sums[i], reverse=True)  # stable: of equal sums the earlier seat comes first
    half = max(0, sums[ranking[len(ranking) // 2]])
    safe = len(ranking) - byzantine
    return sorted(i for place, i in enumerate(ranking) if place < safe or 2 * sums[i] >= half)


def _fit(
    cosines: list[list[int]], kept: list[int], live: list[int], numbers: Numbers
) -> tuple[dict[int, int], dict[int, int]]:
    """Loadings rho_i and the shares D_i, at least ONE, of kept rows."""
    medians = {i: max(0, _median([cosines[i][j] for j in live if j != i])) for i in kept}
    root = isqrt(max(1, _median(list(medians.values()))) << 32)
    cap = numbers.loading_cap
    loadings = {i: min(cap, (medians[i] << 32) // root) for i in kept}
    for _ in range(numbers.refinements):
        related, shared = _errors(cosines, kept, loadings, numbers)
        loadings = {i: min(cap, _refined(cosines[i], i, related[i], shared, loadings)) for i in kept}
    return loadings, _errors(cosines, kept, loadings, numbers)[1]


def _judged(cosines: list[list[int]], kept: list[int], numbers: Numbers) -> dict[int, int]:
    """Loadings of kept rows by their cosines with row 0, the reference."""
    judge = cosines[0]
    pairs = [(i, j) for i in kept for j in kept if i < j]
    above = sum(judge[i] * judge[j] * max(0, cosines[i][j]) for i, j in pairs)
    below = sum(cosines[i][j] ** 2 for i, j in pairs)
    explained = (above << 32) // below if below else ONE * ONE  # rho_0^2, 2^64 = 1.0
    root = isqrt(min(ONE * ONE, max(ONE * ONE // numbers.least_explained, explained)))
    return {i: min(numbers.loading_cap, (judge[i] << 32) // root) for i in kept}


def _refined(
    cosines: list[int], i: int, related: dict[int, int], shared: dict[int, int], loadings: dict[int, int]
) -> int:
    above = below = 0
    for j, loading in loadings.items():
        if j != i:
            weight = ((ONE - related[j]) << 32) // shared[j]
            above += weight * cosines[j] * loading
            below += weight * loading * loading
    return (above << 32) // below if above > 0 else 0


def _errors(
    cosines: list[list[int]], kept: list[int], loadings: dict[int, int], numbers: Numbers
) -> tuple[dict[int, dict[int, int]], dict[int, int]]:
    """Correlations s_ij of errors beyond chance, 0 .. ONE, and D_i."""
    error = {i: isqrt(ONE * ONE - loadings[i] * loadings[i]) for i in kept}

    def alike(i: int, j: int) -> int:
        above = max(0, (cosines[i][j] << 32) - loadings[i] * loadings[j])
        return min(ONE, 9 * max(0, (above << 32) // (error[i] * error[j]) - numbers.chance) // 7)

    related = {i: {j: alike(i, j) for j in kept if j != i} for i in kept}
    totals = {i: sum(related[i].values()) for i in kept}
    usual = _median(list(totals.values()))
    return related, {i: ONE + max(0, totals[i] - usual) for i in kept}


def _median(values: Sequence[int]) -> int:
    return _typical(values, 0)


def _typical(values: Sequence[int], byzantine: int) -> int:
    """The lower median, without `byzantine` of the values that may be as low as somebody likes."""
    return sorted(values)[min(len(values) - 1, (len(values) - 1 + byzantine) // 2)]

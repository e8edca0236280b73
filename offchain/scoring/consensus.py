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
3. Shared errors. r_ij, at least 0, is the correlation of the errors of i and j: 1 for copies, whatever noise hides
   them or not. With D_i = 1 + excess of sum_j r_ij over the median row's, W_ij = (1 - r_ij) / D_j: accomplices don't
   confirm each other, and a crowd of copies counts as one voice.
4. Weights. k_i = min(1, median norm / |u_i|) / D_i.
5. Contributions. phi_i = rho_i^4 / D_i, so that k accounts which share one data set share one pay, and several worse
   updates are worth less than the one that they were made of. Rows of less than half the median norm get in
   proportion to it; above that scale is free to choose, hence worth nothing.
6. News. What all know - the last aggregate, and the sum of all steps so far - may be further rows, the *public rows*;
   x_i are the coordinates of u_i in their span. What is left of two rows' cosine, y_ij = cos_ij - <x_i, x_j>, differs
   from partner to partner where updates come of data: data have something in common with some, less with others.
   Steps that were public before leave nothing, noise leaves next to nothing, and other vectors that all know are alike
   to everybody. So v_i is the sum of the squares of y_ij less its row's mean, without the f largest, since
   accomplices share what they like; phi_i is multiplied with min(1, 3 v_i / median v)^2.
7. A reference, if the owner sent one from data of its own: the first row, which judges and is neither paid nor weighed.
   With c_i its cosine with row i, rows with c_i <= 0 leave instead of step 1, and instead of step 2
   rho_i = c_i / rho_0, rho_0^2 = sum_{i<j} c_i c_j cos_ij+ / sum_{i<j} cos_ij^2, not below 1/20: who is right about
   what the others have no data of is paid, and any number of hostile rows borne. The owner is trusted for it.
8. Rate. As in `policy.py`: below the floor of agreement it decays.

Sources: Spearman, "General intelligence" (1904), for the one-factor model; Cao et al. 2021, arXiv 2012.13995, for the
reference; Blanchard et al. (2017) and docs/results.md for what this one does and doesn't resist. Cost: O(n^2 log n)
integer operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

__all__ = ["LOADING_CAP", "consensus"]

ONE = 1 << 32
LOADING_CAP = 99 * ONE // 100  # keeps the part that is error, and what is divided by it, away from 0
REFINEMENTS = 2
LEAST_EXPLAINED = 20  # rho_0^2 of a reference is at least 1 / 20
NEWS_MARGIN = 3  # rows with a third of the median row's news, or more, lose nothing


def consensus(
    cosines: list[list[int]],
    norms: list[int],
    live: list[int],
    byzantine: int,
    coordinates: Sequence[Sequence[int]] | None,
    has_reference: bool = False,
) -> tuple[list[int], list[int], list[int]]:
    """Kept rows, and weights and contributions of all rows.

    `cosines` is n x n and fixed point, `norms` are scaled by 2^32, `live` the rows that aren't zero, of which
    `byzantine` (at most (live - 3) / 2) may be hostile; `coordinates`, n x k and fixed point, those of unit rows in
    the span of the public rows, if there are any. With a reference row 0 is none of `live`, and nobody may be kept.
    Contributions are below 2^65.
    """
    if has_reference:
        kept = [i for i in live if cosines[0][i] > 0]
        if not kept:
            return [], [0] * len(norms), [0] * len(norms)
        loadings = _judged(cosines, kept)
        shared = _errors(cosines, kept, loadings)[1]
    else:
        kept = _keep(cosines, live, byzantine)
        loadings, shared = _fit(cosines, kept, live)
    clip = _median([norms[i] for i in kept])
    news = _news(cosines, coordinates, kept, live, byzantine) if coordinates is not None else dict.fromkeys(kept, ONE)
    weights, contributions = [0] * len(norms), [0] * len(norms)
    for i in kept:
        weights[i] = (min(ONE, (clip << 32) // norms[i]) << 32) // shared[i]
        explained = loadings[i] * loadings[i] >> 32
        size = min(ONE, (norms[i] << 33) // clip)
        contributions[i] = (explained * explained * news[i] >> 32) * size // shared[i]
    return kept, weights, contributions


def _news(
    cosines: list[list[int]], coordinates: Sequence[Sequence[int]], kept: list[int], live: list[int], byzantine: int
) -> dict[int, int]:
    """Of kept rows, 0 .. ONE."""
    variety = {}
    for i in kept:
        left = [
            cosines[i][j] - (sum(a * b for a, b in zip(coordinates[i], coordinates[j], strict=True)) >> 32)
            for j in live
            if j != i
        ]
        total = sum(left)
        mean = abs(total) // len(left) * (1 if total >= 0 else -1)
        squares = sorted((value - mean) ** 2 for value in left)
        variety[i] = sum(squares[: len(squares) - byzantine])
    typical = _median(list(variety.values()))
    if typical == 0:  # rows that are all alike say nothing of each other
        return dict.fromkeys(kept, ONE)
    return {i: min(ONE, NEWS_MARGIN * (variety[i] << 32) // typical) ** 2 >> 32 for i in kept}


def _keep(cosines: list[list[int]], live: list[int], byzantine: int) -> list[int]:
    sums = {}
    for i in live:
        others = sorted(cosines[i][j] for j in live if j != i)
        sums[i] = sum(others[byzantine : len(others) - byzantine])
    ranking = sorted(live, key=lambda i: sums[i], reverse=True)  # stable: of equal sums the earlier seat comes first
    half = max(0, sums[ranking[len(ranking) // 2]])
    safe = len(ranking) - byzantine
    return sorted(i for place, i in enumerate(ranking) if place < safe or 2 * sums[i] >= half)


def _fit(cosines: list[list[int]], kept: list[int], live: list[int]) -> tuple[dict[int, int], dict[int, int]]:
    """Loadings rho_i and the shares D_i, at least ONE, of kept rows."""
    medians = {i: max(0, _median([cosines[i][j] for j in live if j != i])) for i in kept}
    root = isqrt(max(1, _median(list(medians.values()))) << 32)
    loadings = {i: min(LOADING_CAP, (medians[i] << 32) // root) for i in kept}
    for _ in range(REFINEMENTS):
        related, shared = _errors(cosines, kept, loadings)
        loadings = {i: _refined(cosines[i], i, related[i], shared, loadings) for i in kept}
    return loadings, _errors(cosines, kept, loadings)[1]


def _judged(cosines: list[list[int]], kept: list[int]) -> dict[int, int]:
    """Loadings of kept rows by their cosines with row 0, the reference."""
    judge = cosines[0]
    pairs = [(i, j) for i in kept for j in kept if i < j]
    above = sum(judge[i] * judge[j] * max(0, cosines[i][j]) for i, j in pairs)
    below = sum(cosines[i][j] ** 2 for i, j in pairs)
    explained = (above << 32) // below if below else ONE * ONE  # rho_0^2, 2^64 = 1.0
    root = isqrt(min(ONE * ONE, max(ONE * ONE // LEAST_EXPLAINED, explained)))
    return {i: min(LOADING_CAP, (judge[i] << 32) // root) for i in kept}


def _refined(
    cosines: list[int], i: int, related: dict[int, int], shared: dict[int, int], loadings: dict[int, int]
) -> int:
    above = below = 0
    for j, loading in loadings.items():
        if j != i:
            weight = ((ONE - related[j]) << 32) // shared[j]
            above += weight * cosines[j] * loading
            below += weight * loading * loading
    return min(LOADING_CAP, (above << 32) // below) if above > 0 else 0


def _errors(
    cosines: list[list[int]], kept: list[int], loadings: dict[int, int]
) -> tuple[dict[int, dict[int, int]], dict[int, int]]:
    """Correlations r_ij of errors, 0 .. ONE, and D_i."""
    error = {i: isqrt(ONE * ONE - loadings[i] * loadings[i]) for i in kept}
    related = {
        i: {
            j: min(ONE, (max(0, (cosines[i][j] << 32) - loadings[i] * loadings[j]) << 32) // (error[i] * error[j]))
            for j in kept
            if j != i
        }
        for i in kept
    }
    totals = {i: sum(related[i].values()) for i in kept}
    usual = _median(list(totals.values()))
    return related, {i: ONE + max(0, totals[i] - usual) for i in kept}


def _median(values: Sequence[int]) -> int:
    return sorted(values)[(len(values) - 1) // 2]

"""What the consensus rule promises, on rounds made by its own model: updates of a common direction and errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from offchain.scoring.policy import CONSENSUS, ONE, Outcome, PolicyTerms, evaluate
from tests.policy_matrices import EXTREMES, triangle

DIMENSION = 4000
SIZE = 20_000.0  # of an update's vector; entries are rounded to integers


def directions(rng: np.random.Generator, count: int) -> np.ndarray:
    """float64[count, DIMENSION]: orthonormal rows."""
    return np.linalg.qr(rng.normal(size=(DIMENSION, count)))[0].T


def updates_of(loadings: np.ndarray, seed: int) -> np.ndarray:
    """float64[rows, DIMENSION]: unit rows u_i = rho_i g + sqrt(1 - rho_i^2) e_i with unrelated errors e_i."""
    axes = directions(np.random.default_rng(seed), len(loadings) + 1)
    return loadings[:, None] * axes[0] + np.sqrt(1 - loadings**2)[:, None] * axes[1:]


def outcome_of(updates: np.ndarray, byzantine: int = 2, public: Sequence[np.ndarray] = ()) -> Outcome:
    rows = np.vstack([updates, *public])
    vectors = [[int(x) for x in row] for row in np.rint(SIZE * rows)]
    return evaluate(len(updates), triangle(vectors), PolicyTerms(CONSENSUS, byzantine), ONE)


def honest(seed: int, rows: int = 10) -> np.ndarray:
    return updates_of(np.random.default_rng(seed).uniform(0.3, 0.8, rows), seed)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_consensus__one_factor__recovers_the_loadings(seed: int) -> None:
    loadings = np.array([0.25, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8])
    loadings = np.random.default_rng(seed).permutation(loadings)
    paid = np.array([c / ONE**2 for c in outcome_of(updates_of(loadings, seed)).contributions])
    assert np.allclose(paid**0.25, loadings, rtol=0.05)
    assert list(np.argsort(paid)) == list(np.argsort(loadings))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_consensus__rows_in_another_order__same_pay(seed: int) -> None:
    updates = honest(seed)
    order = np.random.default_rng(seed).permutation(10)
    plain, shuffled = outcome_of(updates), outcome_of(updates[order])
    assert shuffled.contributions == [plain.contributions[i] for i in order]
    assert shuffled.weights == [plain.weights[i] for i in order]
    assert shuffled.agreement == plain.agreement


@pytest.mark.parametrize("scale", [2, 4])
def test_consensus__scaled_update__same_pay(scale: int) -> None:
    updates = np.rint(SIZE * honest(4)) / SIZE  # so that its multiples are exact
    scaled = updates.copy()
    scaled[3] *= scale
    plain, tried = outcome_of(updates), outcome_of(scaled)
    assert np.allclose(plain.contributions, tried.contributions, rtol=1e-6)
    assert tried.weights[3] == pytest.approx(plain.weights[3] / scale, rel=1e-2)


def test_consensus__update_of_a_quarter_of_the_median_norm__half_the_pay() -> None:
    updates = np.rint(SIZE * honest(5)) / SIZE
    shrunk = updates.copy()
    shrunk[3] /= 4
    plain, tried = outcome_of(updates), outcome_of(shrunk)
    assert tried.contributions[3] == pytest.approx(plain.contributions[3] / 2, rel=0.02)


@pytest.mark.parametrize("copies", [2, 3, 5])
@pytest.mark.parametrize("seed", [1, 2])
def test_consensus__identical_rows__earn_together_what_one_does(copies: int, seed: int) -> None:
    updates = honest(seed, 11)
    alone = outcome_of(updates).contributions[10]
    together = outcome_of(np.vstack([updates[:10], *[updates[10:]] * copies])).contributions[10:]
    assert 0 < sum(together) <= alone


def later_round(seed: int, rows: int = 10, before: int = 3) -> tuple[np.ndarray, list[np.ndarray]]:
    """Updates of a round, whose errors are related as those of overlapping data are, and the aggregates before it: each
    is much like the next, and has some of everybody's errors.
    """
    rng = np.random.default_rng(seed)
    axes = directions(rng, 13 + before)
    errors = rng.normal(size=(rows, 12)) @ axes[1:13]
    errors /= np.linalg.norm(errors, axis=1, keepdims=True)
    drift = errors.mean(axis=0)
    public = [axes[0] + drift * (1 + k) / before + 0.4 * axes[13 + k] for k in range(before)]
    return 0.5 * axes[0] + 0.8 * errors + 0.2 * public[-1], public


@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize("parts", [(0, 0, 1), (1, 1, 1), (0, -1, 2), (1, -3, 3), (1, -2, 2)])
def test_consensus__mixture_of_earlier_aggregates__earns_nothing(parts: tuple[float, ...], times: int) -> None:
    updates, public = later_round(6)
    mixture = sum(part * row for part, row in zip(parts, public, strict=True))
    updates[9] = times * mixture / np.linalg.norm(mixture)
    unknown, known = outcome_of(updates), outcome_of(updates, public=public)
    assert unknown.contributions[9] > 0
    assert known.contributions[9] * 10**4 < min(known.contributions[:9])


@pytest.mark.parametrize("strength", [0.1, 0.5, 1.0])
def test_consensus__replay_hidden_in_noise__earns_next_to_nothing(strength: float) -> None:
    updates, public = later_round(7)
    noise = directions(np.random.default_rng(98), 1)[0]
    updates[9] = public[-1] / np.linalg.norm(public[-1]) + strength * noise
    paid = outcome_of(updates, public=public).contributions
    assert paid[9] < 0.001 * np.median(paid[:9])


@pytest.mark.parametrize("signs", [(1, 1), (1, 1, 1), (1, -1), (1, -1, 1)], ids=str)
@pytest.mark.parametrize("own", [0.0, 0.7])
def test_consensus__replays_with_a_vector_that_accomplices_share__earn_next_to_nothing(
    signs: tuple[int, ...], own: float
) -> None:
    """They have much in common that is not public, but with each other alone."""
    updates, public = later_round(8, rows=12)
    noise = directions(np.random.default_rng(97), 1 + len(signs))
    for i, sign in enumerate(signs):
        updates[i] = public[-1] / np.linalg.norm(public[-1]) + 0.7 * sign * noise[0] + own * noise[1 + i]
    paid = outcome_of(updates, byzantine=3, public=public).contributions
    assert sum(paid[: len(signs)]) < 0.001 * np.median(paid[len(signs) :])


def test_consensus__replay_with_a_little_of_a_trained_update__earns_little() -> None:
    updates, public = later_round(8)
    replay = public[-1] / np.linalg.norm(public[-1])
    honest_pay = outcome_of(updates, public=public).contributions[9]
    updates[9] = replay + 0.05 * updates[9]
    assert outcome_of(updates, public=public).contributions[9] < 0.001 * honest_pay


@pytest.mark.parametrize(("correlation", "shares"), [(0.2, False), (0.5, True)])
def test_consensus__errors_correlated__share_a_voice_beyond_chance(correlation: float, shares: bool) -> None:
    axes = directions(np.random.default_rng(13), 12)
    loadings = np.full(10, 0.6)
    errors = axes[1:11].copy()
    errors[1] = correlation * errors[0] + np.sqrt(1 - correlation**2) * errors[1]
    weights = outcome_of(loadings[:, None] * axes[0] + 0.8 * errors).weights
    assert (weights[1] < 0.9 * ONE) == shares
    assert min(weights[2:]) > 0.99 * ONE


def test_consensus__trained_in_a_later_round__keep_most_of_their_pay() -> None:
    updates, public = later_round(9)
    plain, told = outcome_of(updates), outcome_of(updates, public=public)
    assert (told.kept, told.weights) == (plain.kept, plain.weights)
    kept = [a / b for a, b in zip(told.contributions, plain.contributions, strict=True)]
    assert np.median(kept) == 1
    assert sum(share > 0.5 for share in kept) >= 8


@pytest.mark.parametrize("byzantine", [0, 1, 2])
def test_consensus__far_above_the_others__at_most_three_times_the_best_that_may_be_honest(byzantine: int) -> None:
    loadings = np.array([0.9, 0.85, *[0.4] * 8])
    paid = outcome_of(updates_of(loadings, 11), byzantine).contributions
    ranked = sorted(paid, reverse=True)
    assert paid[0] <= 3.01 * ranked[byzantine]
    # with f = 0 nobody is suspected; with f = 2 both of the best may be hostile
    assert (paid[0] > 10 * ranked[2]) == (byzantine < 2)


def test_consensus__all_better_than_the_rest__not_cut() -> None:
    loadings = np.array([0.4, 0.4, 0.4, *[0.9] * 7])
    paid = outcome_of(updates_of(loadings, 12), 2).contributions
    assert np.allclose([c / ONE**2 for c in paid[3:]], 0.9**4, rtol=0.05)


def test_consensus__public_rows_unlike_all__same_rows_and_weights() -> None:
    updates = honest(8)
    others = directions(np.random.default_rng(99), 2)
    others -= (others @ np.linalg.pinv(updates)) @ updates
    plain, told = outcome_of(updates), outcome_of(updates, public=list(others))
    assert (told.kept, told.weights, told.agreement) == (plain.kept, plain.weights, plain.agreement)
    assert all(0 < a <= b for a, b in zip(told.contributions, plain.contributions, strict=True))


def test_consensus__public_rows_parallel__count_once() -> None:
    updates, public = honest(6), honest(6).sum(axis=0)
    nothing = np.zeros(DIMENSION)
    assert outcome_of(updates, public=[public, 3 * public]) == outcome_of(updates, public=[public, nothing])


def test_consensus__opposite_and_zero_rows__removed_and_unpaid() -> None:
    updates = honest(9)
    updates[0] = -5 * updates[0]
    updates[1] = 0
    outcome = outcome_of(updates)
    assert outcome.kept == [False, False, *[True] * 8]
    assert outcome.contributions[:2] == [0, 0]
    assert min(outcome.contributions[2:]) > 0


def test_consensus__nobody_hostile__nobody_removed() -> None:
    assert all(outcome_of(updates_of(np.full(10, 0.6), 10), byzantine=3).kept)


@pytest.mark.parametrize("name", EXTREMES)
@pytest.mark.parametrize("rows", [3, 9, 32])
def test_consensus__extreme__within_bounds(name: str, rows: int) -> None:
    for byzantine in {0, (rows - 3) // 2}:
        outcome = evaluate(rows, EXTREMES[name](rows), PolicyTerms(CONSENSUS, byzantine), ONE)
        assert all(0 <= c <= 2**64 for c in outcome.contributions)
        assert all(0 <= k <= ONE for k in outcome.weights)

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
    assert 0 < sum(together) <= 1.2 * alone


@pytest.mark.parametrize("times", [1, 5])
def test_consensus__replay_of_the_public_row__earns_nothing(times: int) -> None:
    updates = honest(6)
    public = updates.sum(axis=0)
    steps = public + honest(60).sum(axis=0)
    fresh = updates_of(np.linspace(0.4, 0.6, 10), 7)
    for mixture in (public, steps, steps - 0.5 * public):
        replaying = np.vstack([fresh[:9] + 0.2 * mixture, times * mixture / np.linalg.norm(mixture)])
        unknown = outcome_of(replaying)
        known = outcome_of(replaying, public=[public, steps])
        assert unknown.contributions[9] > 0
        assert known.contributions[9] * 10**4 < min(known.contributions[:9])


def test_consensus__replay_hidden_in_noise__earns_next_to_nothing() -> None:
    public, steps = honest(6).sum(axis=0), honest(60).sum(axis=0)
    rng = np.random.default_rng(7)
    errors = rng.normal(size=(10, 12)) @ directions(rng, 12)  # related, as those of overlapping data are
    fresh = 0.5 * directions(rng, 1) + 0.8 * errors / np.linalg.norm(errors, axis=1, keepdims=True) + 0.2 * public
    noise = directions(np.random.default_rng(98), 1)[0]
    for strength in (0.1, 0.5, 1.0):
        fresh[9] = public / np.linalg.norm(public) + strength * noise
        paid = outcome_of(fresh, public=[public, steps]).contributions
        assert paid[9] < 0.02 * np.median(paid[:9])


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

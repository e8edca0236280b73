"""Differential privacy: what leaves the machine is short and noised, and epsilon is that of the Gaussian mechanism."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from offchain.training.privacy import MAX_ROUNDS, Privacy, PrivacyError, noise_for, privatised

SIZE = 200_000


def exact_epsilon(noise: float, rounds: int, delta: float) -> float:
    """Balle and Wang's theorem 8, for a sensitivity of 2 clips; several rounds are one with less noise."""
    s = 2 * math.sqrt(rounds) / noise
    return brentq(lambda e: norm.cdf(s / 2 - e / s) - math.exp(e + norm.logcdf(-s / 2 - e / s)) - delta, 0.0, 5_000.0)


@pytest.mark.parametrize(("noise", "rounds", "delta"), [(2.0, 1, 1e-5), (8.0, 10, 1e-6), (40.0, 64, 1e-3)])
def test_epsilon__gaussian_rounds__is_the_exact_one(noise: float, rounds: int, delta: float) -> None:
    epsilon = Privacy(1.0, noise, delta).epsilon(rounds)
    exact = exact_epsilon(noise, rounds, delta)
    assert exact <= epsilon <= exact * 1.001


def test_epsilon__further_rounds__is_spent_further() -> None:
    privacy = Privacy(1.0, 10.0)
    spent = [privacy.epsilon(rounds) for rounds in (0, 1, 2, 4, MAX_ROUNDS)]
    assert spent[0] == 0
    assert all(before < after for before, after in pairwise(spent))


@pytest.mark.parametrize(("epsilon", "rounds"), [(1.0, 1), (3.0, 10), (8.0, 64)])
def test_noise_for__an_epsilon__is_the_least_that_keeps_it(epsilon: float, rounds: int) -> None:
    noise = noise_for(epsilon, rounds)
    assert Privacy(1.0, noise).epsilon(rounds) <= epsilon < Privacy(1.0, noise * 0.98).epsilon(rounds)
    assert Privacy.within(0.5, epsilon, rounds) == Privacy(0.5, noise)


def test_privatise__long_update__is_clipped_and_noised() -> None:
    direction = np.random.default_rng(1).normal(size=SIZE)
    direction /= np.linalg.norm(direction)
    privacy = Privacy(clip=3.0, noise=0.5)
    noised = privacy.privatise(1e200 * direction, np.random.default_rng(2))
    rest = noised - 3.0 * direction
    assert rest.std() == pytest.approx(1.5, rel=0.02)
    assert abs(rest.mean()) < 5 * 1.5 / math.sqrt(SIZE)
    assert rest @ direction == pytest.approx(0.0, abs=5 * 1.5)


def test_privatise__short_update__keeps_its_length() -> None:
    update = np.full(4, 0.5)  # of length 1
    drawn = np.random.default_rng(3).normal(0.0, 0.5 * 2.0, 4)
    assert np.array_equal(Privacy(2.0, 0.5).privatise(update, np.random.default_rng(3)), update + drawn)
    assert np.array_equal(update, np.full(4, 0.5))


def test_privatise__zero_update__is_noise() -> None:
    assert Privacy(1.0, 1.0).privatise(np.zeros(SIZE)).std() == pytest.approx(1.0, rel=0.02)


def test_privatise__same_update_again__has_other_noise() -> None:
    privacy, update = Privacy(1.0, 1.0), np.ones(8)
    assert not np.array_equal(privacy.privatise(update), privacy.privatise(update))


@pytest.mark.parametrize("update", [np.array([np.nan]), np.array([np.inf]), np.ones((2, 2)), np.ones(2, np.float32)])
def test_privatise__no_update__refuses(update: np.ndarray) -> None:
    with pytest.raises(PrivacyError, match="finite float64"):
        Privacy(1.0, 1.0).privatise(update)


@pytest.mark.parametrize(
    ("clip", "noise", "delta", "message"),
    [
        (0.0, 1.0, 1e-5, "clip must be above 0"),
        (math.inf, 1.0, 1e-5, "clip must be above 0"),
        (1.0, 0.0, 1e-5, "noise must be in"),
        (1.0, math.nan, 1e-5, "noise must be in"),
        (1.0, 1.0, 0.0, "delta must be above 0"),
        (1.0, 1.0, 0.5, "delta must be above 0"),
    ],
)
def test_privacy__parameters_that_give_none__refuses(clip: float, noise: float, delta: float, message: str) -> None:
    with pytest.raises(PrivacyError, match=message):
        Privacy(clip, noise, delta)


def test_noise_for__out_of_reach__says_so() -> None:
    with pytest.raises(PrivacyError, match="no noise up to"):
        noise_for(1e-6, 64)


class Halving:
    def privatise(self, update: np.ndarray) -> np.ndarray:
        return update / 2


def test_privatised__statistics__are_zero_and_not_what_privacy_sees() -> None:
    update = np.array([3.0, 4.0, 1e6, -1e6])
    assert privatised(Halving(), update, 2).tolist() == [1.5, 2, 0, 0]
    assert privatised(Halving(), update[:2], 2).tolist() == [1.5, 2]

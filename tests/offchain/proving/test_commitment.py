"""Commitments: the definition, their sums, and what they refuse. Expected: one multiple of G, since tau is known."""

from __future__ import annotations

import random

import numpy as np
import pytest

from offchain.proving.commitment import (
    TAIL,
    Combination,
    combine,
    commit,
    commit_combination,
    commit_integers,
    random_tail,
)
from offchain.proving.errors import InputError, SrsError
from offchain.proving.srs import Srs
from tests.gram_cases import case_named
from tests.offchain.proving.cases import load_vectors
from tests.offchain.proving.reference import TAU, P, evaluate, multiple, sum_of


def by_definition(head: np.ndarray, tail: list[int]) -> tuple[int, int]:
    return multiple(evaluate([*map(int, head), *tail], TAU))


def tail_of(seed: int) -> list[int]:
    source = random.Random(seed)
    return [source.randrange(P) for _ in range(TAIL)]


@pytest.mark.parametrize("d", [1, 17, 1000, 4992])
def test_commit__random_update__is_the_polynomial_at_tau(srs: Srs, d: int) -> None:
    update = np.random.default_rng(d).integers(-(2**15), 2**15, d).astype(np.int16)
    assert commit(srs, update, tail_of(d)) == by_definition(update, tail_of(d))


@pytest.mark.parametrize("entry", [-32768, -1, 0, 32767])
def test_commit__constant_update__is_the_polynomial_at_tau(srs: Srs, entry: int) -> None:
    update = np.full(500, entry, np.int16)
    assert commit(srs, update, [0, P - 1] * 4) == by_definition(update, [0, P - 1] * 4)


def test_commit__all_zero__is_the_identity(srs: Srs) -> None:
    assert commit(srs, np.zeros(100, np.int16), [0] * TAIL) == (0, 0)


def test_commit__update_with_its_own_mirror__is_the_sum(srs: Srs) -> None:
    update = np.arange(-250, 250, dtype=np.int16)
    there, back = commit(srs, update, tail_of(1)), commit(srs, -update, [P - value for value in tail_of(1)])
    assert sum_of([there, back]) == (0, 0)


def test_commit__strided_update__counts_its_own_entries(srs: Srs) -> None:
    update = np.arange(200, dtype=np.int16)
    assert commit(srs, update[::-2], tail_of(2)) == by_definition(update[::-2], tail_of(2))


def test_commit__vectors__equal_the_reference() -> None:
    for vector in load_vectors():
        case = case_named(vector["name"])
        own = Srs.insecure(case.srs_size, int(vector["tau"], 16))
        for head, tail, expected in zip(vector["heads"], vector["tails"], case.commitments, strict=True):
            assert commit(own, np.array(head, np.int16), [int(value, 16) for value in tail]) == expected


@pytest.mark.parametrize("bound", [1, 2**15, 2**31, 2**62, 2**63])
def test_commit_integers__of_any_size__is_the_polynomial_at_tau(srs: Srs, bound: int) -> None:
    values = np.random.default_rng(3).integers(-bound, bound - 1, 700, np.int64, endpoint=True)
    values[:2] = -bound, bound - 1
    assert commit_integers(srs, values, tail_of(3)) == by_definition(values, tail_of(3))


def test_commit_integers__aggregate__is_the_weighted_sum_of_commitments(srs: Srs) -> None:
    updates = np.random.default_rng(4).integers(-(2**15), 2**15, (5, 300)).astype(np.int16)
    tails, weights = [tail_of(seed) for seed in range(5)], [0, 1, 7, 2**30, 2**36]
    commitments = [commit(srs, update, tail) for update, tail in zip(updates, tails, strict=True)]
    aggregate = (np.array(weights) @ updates.astype(object)).astype(np.int64)
    exact_tail = [sum(w * tail[k] for w, tail in zip(weights, tails, strict=True)) for k in range(TAIL)]
    expected = sum_of(multiple(w, c) for w, c in zip(weights, commitments, strict=True))
    assert commit_integers(srs, aggregate, exact_tail) == expected


def test_commit_combination__of_updates__is_that_of_their_commitments(srs: Srs) -> None:
    updates = np.random.default_rng(5).integers(-(2**15), 2**15, (3, 40)).astype(np.int16)
    tails, factors = [tail_of(seed) for seed in range(3)], [2**32, -5, 1]
    commitments = [commit(srs, update, tail) for update, tail in zip(updates, tails, strict=True)]
    tail = tuple(sum(k * t for k, t in zip(factors, column, strict=True)) for column in zip(*tails, strict=True))
    expected = sum_of(multiple(k, c) for k, c in zip(factors, commitments, strict=True))
    assert commit_combination(srs, Combination(np.array(factors) @ updates.astype(np.int64), tail)) == expected


@pytest.mark.parametrize("edge", [-(2**60), 2**60])
def test_combination__at_its_bounds__is_one(edge: int) -> None:
    values = np.array([0, edge, 1], np.int64)
    assert Combination(values, (0,) * TAIL).values is values


@pytest.mark.parametrize(
    ("values", "tail", "error"),
    [
        (np.array([0, 2**60 + 1]), [0] * TAIL, "within 2\\^60"),
        (np.array([0, -(2**60) - 1]), [0] * TAIL, "within 2\\^60"),
        (np.array([0, -(2**63)]), [0] * TAIL, "within 2\\^60"),
        (np.zeros(20, np.int16), [0] * TAIL, "int64 entries in one dimension"),
        (np.zeros(20, np.float64), [0] * TAIL, "int64 entries in one dimension"),
        (np.zeros((2, 20), np.int64), [0] * TAIL, "int64 entries in one dimension"),
        (np.zeros(20, np.int64), [0] * 7, "a tail of 8"),
    ],
)
def test_combination__of_anything_else__raises(values: np.ndarray, tail: list[int], error: str) -> None:
    with pytest.raises(InputError, match=error):
        Combination(values, tuple(tail))


def test_random_tail__twice__is_fresh_and_reduced() -> None:
    tails = random_tail() + random_tail()
    assert len(set(tails)) == 2 * TAIL
    assert all(0 <= value < P for value in tails)


def test_commit__srs_too_short__raises(srs: Srs) -> None:
    with pytest.raises(SrsError, match="too short: it has 5000 powers, 5001 are needed"):
        commit(srs, np.zeros(4993, np.int16), [0] * TAIL)


@pytest.mark.parametrize(
    ("function", "values", "tail"),
    [
        (commit, np.zeros(20, np.int32), [0] * TAIL),
        (commit, np.zeros(20, np.uint16), [0] * TAIL),
        (commit, np.zeros((2, 20), np.int16), [0] * TAIL),
        (commit, np.zeros(20, np.int16), [0] * 7),
        (commit, np.zeros(20, np.int16), []),
        (commit_integers, np.zeros(20, np.int16), [0] * TAIL),
        (commit_integers, np.zeros(20, np.float64), [0] * TAIL),
        (commit_integers, np.zeros(20, np.uint64), [0] * TAIL),
        (commit_integers, np.zeros(20, np.int64), [0] * 9),
    ],
)
def test_commit__wrong_type_or_shape__raises(srs: Srs, function, values: np.ndarray, tail: list[int]) -> None:
    with pytest.raises(InputError):
        function(srs, values, tail)


def test_add__combinations__commits_to_the_sum_of_their_points() -> None:
    """As the contract sums up the oldest aggregates."""
    srs = Srs.insecure(40, 7)
    one = Combination(np.array([1, -(2**59), 3]), (P - 1, *range(TAIL - 1)))
    other = Combination(np.array([5, -(2**59), -4]), (2, *range(10, 9 + TAIL)))
    total = one + other
    assert total.values.tolist() == [6, -(2**60), -1]
    assert total.tail[0] == 1
    points = [commit_combination(srs, row) for row in (one, other)]
    assert commit_combination(srs, total) == combine(points, [1, 1])


def test_add__entry_outgrows_a_combination__raises() -> None:
    row = Combination(np.array([2**59 + 1]), (0,) * TAIL)
    with pytest.raises(InputError, match="within 2\\^60"):
        _ = row + row

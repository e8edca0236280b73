"""A reference, the owner's row, judges the others: the contract beside the Python policy, and what it is for."""

from __future__ import annotations

import random
from collections.abc import Callable

import ape
import numpy as np
import pytest

from offchain.scoring import policy
from offchain.scoring.policy import CONSENSUS, ONE, PolicyTerms
from tests.policy_matrices import triangle
from tests.unit.consensus_policy.conftest import NO_MORE, Evaluate, Gas
from tests.unit.consensus_policy.matrices import OWN_EXTREMES, OWN_FAMILIES, PUBLIC
from tests.unit.consensus_policy.test_consensus_evaluate import some_terms
from tests.unit.consensus_policy.test_consensus_gas import MARGIN, SIZES, all_rows, levels

TERMS = PolicyTerms(CONSENSUS, 2)
DIMENSION = 400


def same(evaluate: Evaluate, rows: int, gram: list[int], terms: PolicyTerms, rate: int = ONE) -> policy.Outcome:
    """The outcome, if contract and Python agree on it."""
    found = evaluate(rows, gram, terms, rate, True)
    assert found == policy.evaluate(rows, gram, terms, rate, has_reference=True)
    return found


@pytest.mark.parametrize("family", OWN_FAMILIES, ids=lambda family: family.__name__)
def test_reference__random_rows__is_the_python_policys(evaluate: Evaluate, family: Callable[..., list[int]]) -> None:
    rng = random.Random(family.__name__)
    for rows in [1, 2, 3, *rng.sample(range(4, 33), 10), 32]:
        same(evaluate, rows, family(rng, rows), some_terms(rng, rows - 1), rng.choice([1, ONE, 2**64 - 1]))


@pytest.mark.parametrize("name", PUBLIC)
def test_reference__with_public_rows__is_the_python_policys(evaluate: Evaluate, name: str) -> None:
    rng = random.Random(name)
    for rows in [1, 2, 3, *rng.sample(range(4, 31), 8), 16, 32]:
        same(evaluate, rows, PUBLIC[name](rng, rows), some_terms(rng, rows - 1))


@pytest.mark.parametrize("name", OWN_EXTREMES)
def test_reference__extreme_rows__is_the_python_policys(evaluate: Evaluate, name: str) -> None:
    for rows in (4, 6, 7, 12, 13, 18, 24, 25, 31, 32):
        for byzantine in {0, (rows - 4) // 2}:
            same(evaluate, rows, OWN_EXTREMES[name](rows), PolicyTerms(CONSENSUS, byzantine, agreement_floor=ONE))


def test_reference__missing__is_as_without(evaluate: Evaluate) -> None:
    gram = PUBLIC["aggregated"](random.Random(1), 9)
    assert evaluate(9, gram, TERMS, ONE, True) != evaluate(9, gram, TERMS, ONE, False)


# --- what it is for


def project(honest: int, hostile: int = 0, seed: int = 3) -> list[list[int]]:
    """The reference, honest rows, and rows against the direction that these share."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=DIMENSION)
    signs = [1] * (1 + honest) + [-1] * hostile
    rows = [sign * signal + rng.normal(size=DIMENSION) for sign in signs]
    return [[round(1_000 * float(x)) for x in row] for row in rows]


def test_reference__honest_rows__all_are_paid_but_the_reference(evaluate: Evaluate) -> None:
    found = same(evaluate, 9, triangle(project(8)), TERMS)
    assert found.kept == [False] + [True] * 8
    assert (found.weights[0], found.contributions[0]) == (0, 0)
    assert min(found.contributions[1:]) > 0.3 * max(found.contributions[1:])


def test_reference__most_rows_are_hostile__they_leave(evaluate: Evaluate) -> None:
    gram = triangle(project(honest=3, hostile=5))
    assert same(evaluate, 9, gram, TERMS).kept == [False] + [True] * 3 + [False] * 5
    # without it the majority decides
    assert evaluate(9, gram, TERMS, ONE, False).kept[4:] == [True] * 5


def test_reference__knows_what_one_alone_has_data_of__pays_for_it(evaluate: Evaluate) -> None:
    """Six trainers of one class, one of another; the owner's data have both."""
    rng = np.random.default_rng(8)
    common, rare = rng.normal(size=(2, DIMENSION))
    signals = [common + rare, *[common] * 6, rare]
    rows = [[round(1_000 * float(x)) for x in signal + rng.normal(size=DIMENSION)] for signal in signals]
    gram = triangle(rows)
    shares = same(evaluate, 8, gram, TERMS).contributions
    assert shares[7] > sum(shares[1:7]) / 6 / 2
    without = evaluate(8, gram, TERMS, ONE, False).contributions
    assert without[7] < sum(without[1:7]) / 6 / 50


def test_reference__nobody_goes_there__nothing_is_kept(evaluate: Evaluate) -> None:
    terms = PolicyTerms(CONSENSUS, 2, agreement_floor=ONE, decay=0)
    found = same(evaluate, 9, triangle(project(honest=0, hostile=8)), terms)
    assert (found.void, found.kept, found.next_rate) == (True, [False] * 9, ONE)


def test_reference__of_zeros__nothing_is_kept(evaluate: Evaluate) -> None:
    assert same(evaluate, 9, triangle([[0] * DIMENSION, *project(7)]), TERMS).void


@pytest.mark.parametrize(("rows", "void"), [(7, True), (8, False)])
def test_reference__counts_not_among_the_rows_that_it_takes(evaluate: Evaluate, rows: int, void: bool) -> None:
    assert same(evaluate, rows, triangle(project(rows - 1)), TERMS).void == void


# --- arguments and gas


@pytest.mark.parametrize("size", [0, 159, 161, 191, 192, 193, 224, 256])
def test_evaluate__params_of_another_length__reverts(consensus_policy: ape.Contract, size: int) -> None:
    params = (TERMS.encode() + bytes(128))[:size]
    with ape.reverts("policy: malformed terms"):
        consensus_policy.evaluate(9, triangle(project(8)), params, ONE, *NO_MORE)


def test_takes_reference__consensus_alone(consensus_policy: ape.Contract, deploy: Callable[..., ape.Contract]) -> None:
    assert consensus_policy.takes_reference(TERMS.encode())
    assert not deploy("RoundPolicy").takes_reference(PolicyTerms().encode())


@pytest.mark.parametrize("rule", policy.RULES)
def test_evaluate__rule_that_knows_no_reference__refused(rule: str) -> None:
    with pytest.raises(policy.PolicyError, match="knows no reference"):
        policy.evaluate(9, triangle(project(8)), PolicyTerms(rule, 2), ONE, has_reference=True)


@pytest.mark.parametrize("rows", SIZES)
def test_reference__any_matrix__gas_within_bounds(consensus_policy: ape.Contract, gas: Gas, rows: int) -> None:
    rng = random.Random(rows)
    for terms in levels(rows):
        matrices = [*(matrix(rng, rows) for matrix in PUBLIC.values()), *(of(rows) for of in OWN_EXTREMES.values())]
        for gram in matrices:
            assert MARGIN * gas(rows, gram, terms, 2**64 - 1, True) <= consensus_policy.gas_for(4, all_rows(gram))

"""The rule shown: consensus, and no seat is paid a larger part than what it has shown allows."""

from __future__ import annotations

import random
from typing import Any

import ape
import pytest

from offchain.scoring import policy
from offchain.scoring.policy import CONSENSUS, ONE, SHOWN, PolicyTerms
from offchain.scoring.shown import NOTHING
from tests.policy_matrices import of, triangle
from tests.unit.consensus_policy.conftest import Evaluate, arguments, remembering
from tests.unit.consensus_policy.matrices import OWN_FAMILIES, PUBLIC, one_factor

ALIKE = of(5, lambda i, j: 2 if i == j else 1)  # five rows with nothing to tell them apart
TERMS = PolicyTerms(SHOWN, 1)
FIFTH = ONE // 5


def some_seats(rng: random.Random, rows: int) -> int:
    return sum(1 << seat for seat in rng.sample(range(32), rows))


@pytest.mark.parametrize("name", PUBLIC)
@pytest.mark.parametrize("has_reference", [False, True])
def test_shown__any_round__is_the_python_policys(evaluate: Evaluate, name: str, has_reference: bool) -> None:
    rng = random.Random(name)
    for rows in [1, 4, *rng.sample(range(5, 32), 5), 32]:
        gram, seats = PUBLIC[name](rng, rows), some_seats(rng, rows)
        cap = rng.choice([1, ONE // 3, ONE, 3 * ONE // 2, 2**40])
        terms = PolicyTerms(SHOWN, max(0, (rows - 4) // 3), cap=cap)
        shown, averages = ([rng.choice([0, 1, rng.randrange(ONE), ONE - 1]) for _ in range(32)] for _ in range(2))
        for memory in (NOTHING, remembering(shown, averages)):
            found = evaluate(rows, gram, terms, ONE, has_reference, seats, memory)
            expected = policy.evaluate(rows, gram, terms, ONE, seats=seats, has_reference=has_reference, memory=memory)
            assert found == expected


def test_shown__first_round__remembers_what_each_seat_contributed(evaluate: Evaluate) -> None:
    outcome = evaluate(5, ALIKE, TERMS, ONE, seats=0b1000_0000_0000_0000_0000_0001_1010_0001)
    assert outcome.contributions == [FIFTH] * 5
    # seats 0, 5, 7, 8 and 31
    words = FIFTH | FIFTH << 160 | FIFTH << 224, FIFTH, 0, FIFTH << 224
    assert outcome.memory == words * 2


def test_shown__first_round__pays_as_consensus_does(evaluate: Evaluate) -> None:
    gram = triangle(one_factor(random.Random(4), 9))
    plain = evaluate(9, gram, PolicyTerms(CONSENSUS, 2), ONE)
    shown = evaluate(9, gram, PolicyTerms(SHOWN, 2), ONE)
    total = sum(plain.contributions)
    assert shown.contributions == [min(ONE - 1, ONE * c // total) for c in plain.contributions]
    assert (shown.kept, shown.weights) == (plain.kept, plain.weights)


@pytest.mark.parametrize(
    ("cap", "least"), [(ONE, FIFTH // 2), (ONE // 2, FIFTH // 4), (2 * ONE, FIFTH // 2 * 2), (3 * ONE, FIFTH)]
)
def test_shown__later_round__nobody_gets_more_than_it_has_shown(evaluate: Evaluate, cap: int, least: int) -> None:
    """Seat 1 has shown half of a fifth, the others more than a fifth; alike, each contributes a fifth, as before."""
    shown = [ONE // 3, FIFTH // 2, ONE // 3, ONE // 3, ONE // 3]
    memory = remembering(shown, [FIFTH] * 5)
    outcome = evaluate(5, ALIKE, PolicyTerms(SHOWN, 1, cap=cap), ONE, memory=memory)
    others = min(FIFTH, ONE // 3 * cap >> 32)
    assert outcome.contributions == [others, least, others, others, others]
    assert outcome.memory == memory


def test_shown__later_rounds__pay_an_average_that_forgets_a_quarter(evaluate: Evaluate) -> None:
    """Seats 2, 3, 11, 12 and 31, of which one did nothing lately and one twice a fifth; seat 4 is away."""
    seats = 1 << 2 | 1 << 3 | 1 << 11 | 1 << 12 | 1 << 31
    averages = {2: 0, 3: 2 * FIFTH, 4: 77, 11: FIFTH, 12: FIFTH, 31: FIFTH}
    for _ in range(3):
        memory = remembering([ONE - 1] * 32, [averages.get(seat, 0) for seat in range(32)])
        outcome = evaluate(5, ALIKE, TERMS, ONE, seats=seats, memory=memory)
        averages |= {seat: (3 * averages[seat] + FIFTH) // 4 for seat in (2, 3, 11, 12, 31)}
        assert outcome.contributions == [averages[seat] for seat in (2, 3, 11, 12, 31)]
        assert outcome.memory == remembering([ONE - 1] * 32, [averages.get(seat, 0) for seat in range(32)])
    assert averages[2] == pytest.approx((1 - 0.75**3) * FIFTH, abs=3)


@pytest.mark.parametrize("family", OWN_FAMILIES, ids=lambda family: family.__name__)
def test_shown__seat_that_showed_nothing__is_never_paid(evaluate: Evaluate, family: Any) -> None:
    rng = random.Random(family.__name__)
    memory = remembering([0, ONE - 1] * 16)
    outcome = evaluate(12, family(rng, 12), PolicyTerms(SHOWN, 2, cap=2**40), ONE, memory=memory)
    assert outcome.contributions[::2] == [0] * 6


def test_shown__round_that_pays_nobody__is_no_showing(evaluate: Evaluate) -> None:
    """Rows at right angles, and one too few of them."""
    for rows, gram in ((5, of(5, lambda i, j: int(i == j))), (4, of(4, lambda i, j: 1))):
        outcome = evaluate(rows, gram, TERMS, ONE)
        assert (outcome.contributions, outcome.memory) == ([0] * rows, NOTHING)


@pytest.mark.parametrize("seats", [0b1111, 0b111111, 0, 0b1111 | 1 << 32])
def test_shown__seats_and_rows_differ__reverts(consensus_policy: Any, seats: int) -> None:
    with ape.reverts("policy: wrong seats"):
        consensus_policy.evaluate(*arguments(5, ALIKE, TERMS, ONE, seats=seats))


def test_validate__shown__as_consensus(consensus_policy: Any) -> None:
    for cap in (1, ONE, 2**40):
        params = PolicyTerms(SHOWN, 14, cap=cap).encode()
        assert consensus_policy.validate(params, 31, 35, 10**8)
        assert not consensus_policy.validate(params, 30, 35, 10**8)
        assert consensus_policy.least_rows(params) == 31
        assert consensus_policy.takes_public_rows(params)
        assert consensus_policy.takes_reference(params)


def test_shown__row_that_is_removed__is_paid_its_average(evaluate: Evaluate) -> None:
    """The sixth goes the other way. What it did before counts, less by a quarter."""
    gram = of(7, lambda i, j: (2 if i == j else 1) * (-1 if (i == 5) != (j == 5) else 1))
    memory = remembering([ONE // 4] * 7, [ONE // 8] * 7)
    outcome = evaluate(7, gram, PolicyTerms(SHOWN, 1), ONE, memory=memory)
    assert (outcome.kept[5], outcome.weights[5]) == (False, 0)
    assert outcome.contributions[5] == 3 * (ONE // 8) // 4

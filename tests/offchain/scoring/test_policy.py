"""The Python policy against the specification's vectors, against what its parts are by definition, and at its edges."""

from __future__ import annotations

import random
from itertools import permutations
from math import factorial
from typing import Any

import pytest

from offchain.scoring.policy import (
    ONE,
    RULES,
    NotAGramMatrixError,
    Outcome,
    PolicyError,
    PolicyTerms,
    TermsError,
    evaluate,
    fallback,
    gas_for,
    shares,
)
from tests.policy_matrices import MOST, VECTORS, Vectors, noisy, of, triangle

NAMES = sorted({case["name"] for case in VECTORS["outcomes"]})


def vectors_of(rng: random.Random, rows: int, noise: float = 100) -> Vectors:
    signal = [rng.gauss(0, 100) for _ in range(24)]
    return [[round(s + rng.gauss(0, noise)) for s in signal] for _ in range(rows)]


@pytest.mark.parametrize("name", NAMES)
def test_evaluate__vector__is_the_specifications(name: str) -> None:
    for case in VECTORS["outcomes"]:
        if case["name"] != name:
            continue
        terms = PolicyTerms(case["rule"], case["byzantine"], case["agreement_floor"], case["decay"], case["least_rate"])
        outcome = evaluate(case["rows"], case["gram"], terms, case["rate"])
        assert outcome == Outcome(*(case[field] for field in Outcome.__dataclass_fields__ if field in case))


@pytest.mark.parametrize("case", VECTORS["rejected"], ids=lambda case: case["name"])
def test_evaluate__not_a_gram_matrix__raises(case: dict[str, Any]) -> None:
    with pytest.raises(NotAGramMatrixError):
        evaluate(case["rows"], case["gram"], PolicyTerms("none", 0), ONE)


def test_evaluate__no_hostile_rows__contributions_are_shapley_values() -> None:
    updates = vectors_of(random.Random(1), 5)
    outcome = evaluate(5, triangle(updates), PolicyTerms("none", 0), ONE)
    weighted = [[k * x for x in u] for k, u in zip(outcome.weights, updates, strict=True)]

    def worth(coalition: tuple[int, ...]) -> int:
        """|A|^2 without what each row owes to itself."""
        total = [sum(weighted[i][x] for i in coalition) for x in range(24)]
        return sum(t * t for t in total) - sum(x * x for i in coalition for x in weighted[i])

    gained = [0] * 5
    for order in permutations(range(5)):
        for place, i in enumerate(order):
            gained[i] += worth(order[: place + 1]) - worth(order[:place])
    assert min(outcome.contributions) > 0
    assert gained == [factorial(5) * c for c in outcome.contributions]


@pytest.mark.parametrize("rule", ["trimmed-cosine", "multi-krum"])
def test_evaluate__hostile_rows__are_removed_and_earn_nothing(rule: str) -> None:
    honest = vectors_of(random.Random(2), 6)
    flipped = [-5 * x for x in honest[0]]
    idle = [0] * 24
    outcome = evaluate(8, triangle([flipped, *honest, idle]), PolicyTerms(rule, 2), ONE)
    assert outcome.kept == [False, *[True] * 6, False]
    assert outcome.weights[0] == outcome.weights[7] == 0
    assert outcome.contributions[0] == outcome.contributions[7] == 0
    assert min(outcome.contributions[1:7]) > 0


def test_evaluate__inflated_update__pays_like_the_median() -> None:
    updates = vectors_of(random.Random(3), 7)
    inflated = [*updates[:6], [100 * x for x in updates[6]]]
    plain = evaluate(7, triangle(updates), PolicyTerms("none", 0), ONE)
    tried = evaluate(7, triangle(inflated), PolicyTerms("none", 0), ONE)
    gain = shares(10**6, tried.contributions)[6] - shares(10**6, plain.contributions)[6]
    assert tried.weights[6] < plain.weights[6] // 50
    assert abs(gain) < 10**6 // 7


def test_evaluate__copies__earn_less_each() -> None:
    updates = vectors_of(random.Random(4), 7)
    copied = [*updates, updates[0], updates[0]]
    alone = shares(10**6, evaluate(7, triangle(updates), PolicyTerms("none", 2), ONE).contributions)[0]
    together = shares(10**6, evaluate(9, triangle(copied), PolicyTerms("none", 2), ONE).contributions)
    assert max(together[0], together[7], together[8]) < alone


@pytest.mark.parametrize(("rows", "void"), [(6, True), (7, False)])
def test_evaluate__fewer_than_2f_plus_3_rows__void(rows: int, void: bool) -> None:
    outcome = evaluate(rows, noisy(random.Random(5), rows), PolicyTerms(byzantine=2), 77)
    assert outcome.void is void
    if void:
        assert outcome == Outcome(True, [False] * 6, [0] * 6, [0] * 6, 0, 77)


def test_evaluate__rows_in_another_order__same_outcome() -> None:
    rng = random.Random(6)
    updates = vectors_of(rng, 9)
    order = rng.sample(range(9), 9)
    terms = PolicyTerms("trimmed-cosine", 2)
    plain = evaluate(9, triangle(updates), terms, ONE)
    shuffled = evaluate(9, triangle([updates[i] for i in order]), terms, ONE)
    assert shuffled.contributions == [plain.contributions[i] for i in order]
    assert shuffled.agreement == plain.agreement


@pytest.mark.parametrize(
    ("rate", "least", "decay", "expected"),
    [
        (ONE, 1, ONE // 2, ONE // 2),
        (1, 1, 0, 1),
        (999, 1000, ONE // 2, 999),  # already below the least: it never rises
        (2001, 1000, ONE // 2, 1000),
        (2**64 - 1, 1, ONE, 2**64 - 1),
    ],
)
def test_evaluate__no_agreement__rate_decays_to_the_least(rate: int, least: int, decay: int, expected: int) -> None:
    terms = PolicyTerms("none", 1, agreement_floor=1, decay=decay, least_rate=least)
    outcome = evaluate(5, of(5, lambda i, j: int(i == j)), terms, rate)
    assert outcome.agreement == 0
    assert outcome.next_rate == expected


def test_evaluate__identical_rows__agreement_is_one() -> None:
    outcome = evaluate(5, of(5, lambda i, j: MOST), PolicyTerms("none", 1, agreement_floor=ONE), ONE)
    assert outcome.agreement == outcome.next_rate == ONE


@pytest.mark.parametrize(
    ("rows", "gram", "rate"),
    [(0, [], 1), (33, [1] * 561, 1), (2, [1, 0], 1), (2, [1, 0, 1, 0], 1), (1, [1], 0), (1, [1], 2**64)],
    ids=["no rows", "33 rows", "product missing", "product too many", "rate 0", "rate 2^64"],
)
def test_evaluate__sizes_or_rate_out_of_range__raises(rows: int, gram: list[int], rate: int) -> None:
    with pytest.raises(PolicyError):
        evaluate(rows, gram, PolicyTerms(), rate)


@pytest.mark.parametrize("rule", RULES)
def test_encode__decode__same_terms(rule: str) -> None:
    terms = PolicyTerms(rule, 14, ONE, 0, 2**64 - 1)
    params = terms.encode()
    words = [int.from_bytes(params[at : at + 32], "big") for at in range(0, 160, 32)]
    assert words == [RULES.index(rule) + 1, 14, ONE, 0, 2**64 - 1]
    assert PolicyTerms.decode(params) == terms
    assert terms.least_rows == 31


WORDS = [1, 1, 0, 0, 1]
BROKEN = {
    "rule 0": (0, 0),
    "rule 5": (0, 5),
    "f = 15": (1, 15),
    "floor above 1": (2, ONE + 1),
    "decay above 1": (3, ONE + 1),
    "no least rate": (4, 0),
    "least rate 2^64": (4, 2**64),
    "huge": (1, 2**256 - 1),
}


@pytest.mark.parametrize(("word", "value"), BROKEN.values(), ids=BROKEN)
def test_decode__out_of_range__raises(word: int, value: int) -> None:
    words = [*WORDS[:word], value, *WORDS[word + 1 :]]
    with pytest.raises(TermsError):
        PolicyTerms.decode(b"".join(w.to_bytes(32, "big") for w in words))


@pytest.mark.parametrize("change", [lambda p: b"", lambda p: p[:-1], lambda p: p + b"\0"])
def test_decode__wrong_length__raises(change: Any) -> None:
    with pytest.raises(TermsError):
        PolicyTerms.decode(change(PolicyTerms().encode()))


@pytest.mark.parametrize(
    "fields", [{"rule": "krum"}, {"byzantine": -1}, {"decay": -1}, {"agreement_floor": ONE + 1}, {"least_rate": 0}]
)
def test_terms__out_of_range__raises(fields: dict[str, Any]) -> None:
    with pytest.raises(TermsError):
        PolicyTerms(**fields)


def test_fallback__every_row_alike() -> None:
    assert fallback(3, 5) == Outcome(False, [True] * 3, [ONE] * 3, [1] * 3, 0, 5)


def test_shares__rounded_down__never_more_than_payable() -> None:
    contributions = [0, 1, 2, 2**149, 3 * 2**148]
    credits = shares(10**18 + 7, contributions)
    assert credits == [(10**18 + 7) * c // sum(contributions) for c in contributions]
    assert 0 <= 10**18 + 7 - sum(credits) < len(contributions)


def test_shares__nobody_contributed__nothing() -> None:
    assert shares(100, [0, 0, 0]) == [0, 0, 0]


def test_gas_for__krum_and_more_rows__more() -> None:
    assert gas_for("none", 32) <= gas_for("trimmed-cosine", 32) < gas_for("multi-krum", 32)
    assert all(gas_for("none", rows) < gas_for("none", rows + 1) for rows in range(1, 32))

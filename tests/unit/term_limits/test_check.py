"""Each limit of the terms: the last value that is good, the first that is bad, and what is said of it."""

from __future__ import annotations

from typing import Any

import ape
import pytest

from offchain.scoring.policy import PolicyTerms
from tests.escrow_driver import default_terms

SRS = 2**17
EMPTY = b"\x00" * 32
ZERO = "0x" + "00" * 20
PERSON = "0x" + "11" * 20  # an address without code


def people(count: int) -> list[str]:
    return [f"0x{number:040x}" for number in range(1, count + 1)]


@pytest.fixture(scope="session", autouse=True)
def _deployed_first(term_limits: Any, token: Any, policy: Any, owner: Any) -> None:
    """What all tests share exists before any file makes its own."""


@pytest.fixture
def terms(token: Any, policy: Any, parties: Any) -> dict[str, Any]:
    return default_terms(token, policy, parties.aggregators[:2])


@pytest.fixture(scope="module")
def round_policy_for_terms(deploy: Any) -> tuple[Any, bytes]:
    """The policy of the demo, and params that it finds sound."""
    return deploy("RoundPolicy"), PolicyTerms(byzantine=1).encode()


# What goes with a value so that no other limit is in its way.
RICH = {"aggregator_stake": 2**96 - 1}
FREE = {"max_excluded": 0}
WIDE = {"seats": 32, "min_rows": 32, "trainer_part": 31_250}  # 32 * 31,250 = 1,000,000 < the stake

GOOD: list[dict[str, Any]] = [
    {},
    # people
    {"seats": 32, "trainer_part": 31_250},
    {"min_rows": 3, "max_excluded": 0},
    {"min_rows": 4, "seats": 4},
    {"rounds": 1},
    {"rounds": 256},
    {"aggregators": people(1)},
    {"aggregators": people(7)},
    # money
    {"round_reward": 4, "trainer_part": 4},
    {"round_reward": 2**96 - 1, **RICH},
    {"round_reward": 1_100_009},
    {"trainer_part": 1},
    {"round_reward": 50_021},
    {"round_fee": 50_021},
    {"round_fee": 0, **FREE},
    {"round_fee": 2**96 - 1},
    {"aggregator_stake": 1_000_003},
    {"aggregator_stake": 2**96 - 1},
    {"trainer_part": 275_002, "round_fee": 275_002},
    # windows
    *({f"{name}_window": 10} for name in ("accept", "enrol", "collect", "deliver", "score", "handover")),
    *({f"{name}_window": 2_592_000} for name in ("accept", "enrol", "collect", "deliver", "score", "handover")),
    # numbers
    {"dimension": 20},
    {"dimension": 48, **WIDE},
    {"dimension": SRS - 16},
    {"bits": 2},
    {"bits": 16},
    {"quantum": 1},
    {"quantum": 2**96},
    {"rate": 1},
    {"rate": 2**64 - 1},
    # policy
    {"params": b""},
    {"params": b"\xff" * 256},
    {"policy_gas": 100_000},
    {"policy_gas": 10_000_000},
    {"max_excluded": 1, "min_rows": 4},
    {"max_excluded": 29, "round_fee": 29 * 31_250, **WIDE},
]

BAD: list[tuple[dict[str, Any], str]] = [
    # people
    ({"seats": 33}, "terms: seats out of range"),
    ({"seats": 2**256 - 1}, "terms: seats out of range"),
    ({"min_rows": 1}, "terms: seats out of range"),
    ({"min_rows": 0}, "terms: seats out of range"),
    ({"min_rows": 5}, "terms: seats out of range"),
    ({"rounds": 0}, "terms: rounds out of range"),
    ({"rounds": 257}, "terms: rounds out of range"),
    ({"aggregators": []}, "terms: no aggregators"),
    ({"aggregators": [ZERO]}, "terms: aggregator is zero"),
    ({"aggregators": people(8)}, "terms: more aggregators than the tails can bear"),
    ({"aggregators": [*people(6), ZERO]}, "terms: aggregator is zero"),
    ({"aggregators": [PERSON, PERSON]}, "terms: aggregators not distinct"),
    ({"aggregators": [*people(6), people(1)[0]]}, "terms: aggregators not distinct"),
    ({"aggregators": [*people(6), people(6)[5]]}, "terms: aggregators not distinct"),
    # money
    ({"token": PERSON}, "terms: token has no code"),
    ({"token": ZERO}, "terms: token has no code"),
    ({"round_reward": 3, "trainer_part": 1}, "terms: reward out of range"),
    ({"round_reward": 0}, "terms: reward out of range"),
    ({"round_reward": 2**96}, "terms: reward out of range"),
    ({"trainer_part": 0}, "terms: part out of range"),
    ({"round_reward": 50_020}, "terms: part out of range"),
    ({"trainer_part": 2**256 - 1}, "terms: part out of range"),
    ({"max_excluded": 33}, "terms: too many may be excluded"),
    ({"max_excluded": 2**256 - 1}, "terms: too many may be excluded"),
    ({"round_fee": 50_020}, "terms: fee out of range"),
    ({"round_fee": 2**96}, "terms: fee out of range"),
    ({"aggregator_stake": 2**96}, "terms: stake out of range"),
    ({"aggregator_stake": 1_000_002}, "terms: stake below the reward"),
    ({"aggregator_stake": 0}, "terms: stake below the reward"),
    ({"trainer_part": 275_003, "round_fee": 275_003}, "terms: stake below the parts"),
    # windows
    *(
        ({f"{name}_window": seconds}, "terms: window out of range")
        for name in ("accept", "enrol", "collect", "deliver", "score", "handover")
        for seconds in (0, 9, 2_592_001, 2**256 - 1)
    ),
    # numbers
    ({"dimension": 19}, "terms: dimension too small"),
    ({"dimension": 0}, "terms: dimension too small"),
    ({"dimension": 47, **WIDE}, "terms: dimension too small"),
    ({"dimension": SRS - 15}, "terms: dimension beyond the SRS"),
    ({"dimension": 2**64}, "terms: dimension beyond the SRS"),
    ({"dimension": 2**256 - 1}, "terms: dimension beyond the SRS"),
    ({"bits": 1}, "terms: bits out of range"),
    ({"bits": 17}, "terms: bits out of range"),
    ({"bits": 2**256 - 1}, "terms: bits out of range"),
    ({"quantum": 0}, "terms: quantum out of range"),
    ({"quantum": 2**96 + 1}, "terms: quantum out of range"),
    ({"rate": 0}, "terms: rate out of range"),
    ({"rate": 2**64}, "terms: rate out of range"),
    ({"model": EMPTY}, "terms: no model"),
    ({"task": EMPTY}, "terms: no task"),
    # policy
    ({"policy": PERSON}, "terms: policy has no code"),
    ({"policy_gas": 99_999}, "terms: policy gas out of range"),
    ({"policy_gas": 10_000_001}, "terms: policy gas out of range"),
    ({"max_excluded": 2, "min_rows": 4}, "terms: too many may be excluded"),
    ({"min_rows": 2, **FREE}, "terms: too many may be excluded"),
    ({"max_excluded": 30, "round_fee": 30 * 31_250, **WIDE}, "terms: too many may be excluded"),
    ({"public_rows": True, "dimension": 22}, "terms: policy takes no public rows"),
]


WIDTHS = {  # of what every round goes by, from the lowest bits up
    "dimension": 32,
    "bits": 8,
    "rounds": 16,
    "min_rows": 8,
    "max_excluded": 8,
    "public_rows": 8,
    "reference": 16,
    "collect_window": 32,
    "deliver_window": 32,
    "score_window": 32,
    "handover_window": 32,
    "policy_gas": 32,
}


def packed(terms: dict[str, Any]) -> int:
    word, at = 0, 0
    for name, width in WIDTHS.items():
        assert int(terms[name]) < 2**width
        word |= int(terms[name]) << at
        at += width
    return word


@pytest.mark.parametrize("changes", GOOD, ids=str)
def test_check__good_value__passes(term_limits: Any, terms: dict[str, Any], changes: dict[str, Any]) -> None:
    assert term_limits.check(terms | changes, SRS) == packed(terms | changes)


# the least and the most that each may be, where the others are not in its way
LEAST = {
    "dimension": 52, "bits": 2, "rounds": 1, "min_rows": 30, "max_excluded": 0, "public_rows": False,
    "reference": False, "collect_window": 10, "deliver_window": 10, "score_window": 10,
    "handover_window": 10, "policy_gas": 100_000,
}  # fmt: skip
MOST = {
    "dimension": 2**32 - 1, "bits": 16, "rounds": 256, "min_rows": 30, "max_excluded": 26, "public_rows": True,
    "reference": True, "collect_window": 2_592_000, "deliver_window": 2_592_000,
    "score_window": 2_592_000, "handover_window": 2_592_000, "policy_gas": 10_000_000,
}  # fmt: skip
PACKED: dict[str, dict[str, Any]] = {
    "none": LEAST,
    "all": MOST,
    **{f"{name} alone": LEAST | {name: MOST[name]} for name in MOST},
    **{f"all but {name}": MOST | {name: LEAST[name]} for name in MOST},
}


@pytest.mark.parametrize("changes", PACKED.values(), ids=PACKED.keys())
def test_check__at_the_largest__every_field_is_kept_apart(
    term_limits: Any, terms: dict[str, Any], policy: Any, owner: Any, changes: dict[str, Any]
) -> None:
    policy.set_takes_public_rows(b"params", sender=owner)
    policy.set_takes_reference(b"params", sender=owner)
    rich = {"seats": 30, "trainer_part": 1, "round_reward": 30, "round_fee": 30}
    word = term_limits.check(terms | rich | changes, 2**40)
    assert word == packed(terms | rich | changes)
    at = 0
    for name, width in WIDTHS.items():
        assert word >> at & 2**width - 1 == int(changes[name])
        at += width
    assert word >> at == 0


@pytest.mark.parametrize(("changes", "message"), BAD, ids=str)
def test_check__bad_value__says_which_limit(
    term_limits: Any, terms: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    with ape.reverts(message):
        term_limits.check(terms | changes, SRS)


@pytest.mark.parametrize(("bits", "least"), [(2, 4 + 8), (8, 256 + 8), (16, 65_536 + 8)])
def test_check__table_of_bits__fits_the_srs(term_limits: Any, terms: dict[str, Any], bits: int, least: int) -> None:
    terms |= {"bits": bits, "dimension": 20}
    smallest = max(least, 20 + 16)
    term_limits.check(terms, smallest)
    if smallest == least:
        with ape.reverts("terms: bits beyond the SRS"):
            term_limits.check(terms, least - 1)


def test_check__dimension_of_more_than_32_bits__reverts(term_limits: Any, terms: dict[str, Any]) -> None:
    """However large the SRS: it shares a word with others."""
    term_limits.check(terms | {"dimension": 2**32 - 1}, 2**40)
    with ape.reverts("terms: dimension beyond the SRS"):
        term_limits.check(terms | {"dimension": 2**32}, 2**40)


def test_check__no_srs__passes_nothing(term_limits: Any, terms: dict[str, Any]) -> None:
    with ape.reverts("terms: dimension beyond the SRS"):
        term_limits.check(terms, 0)


def test_check__policy_refuses__reverts(term_limits: Any, terms: dict[str, Any], policy: Any, owner: Any) -> None:
    policy.set_refuses(True, sender=owner)
    with ape.reverts("terms: policy refuses its params"):
        term_limits.check(terms, SRS)


def test_check__policy__is_asked_for_the_fewest_rows_that_may_be_left(
    term_limits: Any, terms: dict[str, Any], policy: Any, owner: Any
) -> None:
    """From min_rows - max_excluded on, with a matrix of all seats at the most, and with the gas that it will get."""
    terms |= {"seats": 9, "min_rows": 7, "max_excluded": 2}
    policy.set_expected(b"params", 5, 9, 1_000_000, sender=owner)
    term_limits.check(terms, SRS)
    for change in ({"seats": 10}, {"min_rows": 8}, {"max_excluded": 1}, {"policy_gas": 999_999}, {"params": b"other"}):
        with ape.reverts("terms: policy refuses its params"):
            term_limits.check(terms | change, SRS)


@pytest.mark.parametrize(
    ("least", "max_excluded", "good"), [(0, 3, True), (0, 4, False), (3, 1, True), (4, 0, True), (4, 1, False)]
)
def test_check__least_rows_of_the_policy__bounds_the_exclusions(
    term_limits: Any, terms: dict[str, Any], policy: Any, owner: Any, least: int, max_excluded: int, good: bool
) -> None:
    policy.set_least_rows(least, sender=owner)
    terms |= {"max_excluded": max_excluded, "round_fee": 300_000}
    if good:
        term_limits.check(terms, SRS)
    else:
        with ape.reverts("terms: too many may be excluded"):
            term_limits.check(terms, SRS)


@pytest.mark.parametrize("least", [5, 2**256 - 1])
def test_check__least_rows_beyond_min_rows__reverts(
    term_limits: Any, terms: dict[str, Any], policy: Any, owner: Any, least: int
) -> None:
    policy.set_least_rows(least, sender=owner)
    with ape.reverts("terms: too many may be excluded"):
        term_limits.check(terms | {"max_excluded": 0}, SRS)


# --- the public rows


SEATS_32 = {"seats": 32, "trainer_part": 31_250}


@pytest.mark.parametrize(
    "changes",
    [
        {"dimension": 22},
        {"dimension": 20, "rounds": 1},  # there is none in the first round
        {"dimension": 23, "rounds": 4},
        {"dimension": 23, "rounds": 256},  # never more than three
        {"dimension": 48, "rounds": 1, **SEATS_32},
        {"dimension": 23, "first_row": b"\x03" * 32},  # a row more, that of the initial model
        {"dimension": 51, "rounds": 256, "first_row": b"\x03" * 32, **SEATS_32},
    ],
    ids=str,
)
def test_check__public_rows_within_the_limits__passes(
    term_limits: Any, terms: dict[str, Any], policy: Any, owner: Any, changes: dict[str, Any]
) -> None:
    policy.set_takes_public_rows(b"params", sender=owner)
    assert term_limits.check(terms | {"public_rows": True} | changes, SRS) == packed(
        terms | {"public_rows": True} | changes
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dimension": 21}, "terms: dimension too small"),
        ({"dimension": 22, "rounds": 4}, "terms: dimension too small"),
        ({"dimension": 22, "rounds": 256}, "terms: dimension too small"),
        ({"params": b"others"}, "terms: policy takes no public rows"),
        ({"dimension": 22, "first_row": b"\x03" * 32}, "terms: dimension too small"),
        ({"dimension": 50, "rounds": 256, "first_row": b"\x03" * 32, **SEATS_32}, "terms: dimension too small"),
    ],
    ids=str,
)
def test_check__public_rows_beyond_a_limit__says_which(
    term_limits: Any, terms: dict[str, Any], policy: Any, owner: Any, changes: dict[str, Any], message: str
) -> None:
    policy.set_takes_public_rows(b"params", sender=owner)
    term_limits.check(terms | changes | {"public_rows": False, "first_row": bytes(32)}, SRS)
    with ape.reverts(message):
        term_limits.check(terms | {"public_rows": True} | changes, SRS)


def test_check__first_row_without_public_rows__refused(term_limits: Any, terms: dict[str, Any]) -> None:
    with ape.reverts("terms: first of no public rows"):
        term_limits.check(terms | {"first_row": b"\x03" * 32}, SRS)


def test_check__public_rows__policy_is_asked_for_them_too(
    term_limits: Any, terms: dict[str, Any], policy: Any, owner: Any
) -> None:
    """The last of four rounds has three of them, and so has that of a hundred."""
    policy.set_takes_public_rows(b"params", sender=owner)
    terms |= {"public_rows": True, "seats": 9, "rounds": 4, "min_rows": 7, "max_excluded": 2}
    policy.set_expected(b"params", 5, 12, 1_000_000, sender=owner)
    term_limits.check(terms, SRS)
    term_limits.check(terms | {"rounds": 100}, SRS)
    for change in ({"seats": 10}, {"rounds": 3}, {"public_rows": False}):
        with ape.reverts("terms: policy refuses its params"):
            term_limits.check(terms | change, SRS)


def test_check__policy_that_knows_no_public_rows__is_good_without(
    term_limits: Any, terms: dict[str, Any], round_policy_for_terms: tuple[Any, bytes]
) -> None:
    policy, params = round_policy_for_terms
    terms |= {"policy": policy.address, "params": params, "seats": 9, "min_rows": 9}
    term_limits.check(terms, SRS)
    with ape.reverts("terms: policy takes no public rows"):
        term_limits.check(terms | {"public_rows": True}, SRS)


# --- a reference


def test_check__reference_that_the_policy_takes__needs_a_row_more(
    term_limits: Any, terms: dict[str, Any], policy: Any, owner: Any
) -> None:
    """The mock needs 3 rows."""
    policy.set_takes_reference(b"params", sender=owner)
    reference = {"reference": True, "max_excluded": 0}
    assert term_limits.check(terms | {"min_rows": 4} | reference, SRS) == packed(terms | {"min_rows": 4} | reference)
    assert term_limits.check(terms | {"min_rows": 3, "max_excluded": 0}, SRS) == packed(
        terms | {"min_rows": 3, "max_excluded": 0}
    )
    with ape.reverts("terms: too many may be excluded"):
        term_limits.check(terms | {"min_rows": 3} | reference, SRS)


def test_check__reference_that_the_policy_takes_not__says_so(
    term_limits: Any, terms: dict[str, Any], policy: Any, owner: Any
) -> None:
    policy.set_takes_reference(b"others", sender=owner)
    with ape.reverts("terms: policy takes no reference"):
        term_limits.check(terms | {"reference": True, "min_rows": 4, "max_excluded": 0}, SRS)

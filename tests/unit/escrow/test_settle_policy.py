"""A policy that does anything but answer soundly counts every row the same, and costs the aggregator nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak
from web3.exceptions import ContractLogicError

from tests.escrow_driver import NOTHING, ONE, ProjectDriver, empty_proof, outcome_bytes, question

REVERT, BURN, GAUGE, REVERT_WITH_ANSWER = 2, 3, 4, 5  # modes of the mock
GOOD = {"kept": 0b1111, "weights": [ONE] * 4, "contributions": [1, 2, 3, 4], "next_rate": 5}


def answer(**changes: Any) -> bytes:
    return outcome_bytes(**GOOD | changes)


def settled(project: ProjectDriver, **changes: Any) -> dict[str, Any]:
    """What the event says."""
    return dict(project.events(project.settle(**changes)))["Settled"]


def check_counts_all_the_same(project: ProjectDriver, **changes: Any) -> None:
    rate = project.status.rate
    with project.moves() as moved:
        fields = settled(project, **changes)
    rows = len(fields["weights"])
    assert fields["policy_failed"]
    assert fields["weights"] == [ONE] * rows
    assert fields["contributions"] == [1] * rows
    assert fields["kept"] == 2**rows - 1
    assert (fields["agreement"], fields["rate"]) == (0, rate)
    assert project.status.rate == rate
    payable = 1_000_003 * rows // 4
    assert fields["credits"] == [payable // rows] * rows
    assert moved["pending"] == 200_017 - (4 - rows) * 50_021


BAD_ANSWERS = {
    "nothing": b"",
    "one byte": b"\x01",
    "a word short": answer()[:-32],
    "a byte short": answer()[:-1],
    "a byte long": answer() + b"\x00",
    "a word long": answer() + b"\x00" * 32,
    "much too long": answer() + b"\x00" * 1600,
    "weight above one": answer(weights=[ONE, ONE + 1, ONE, ONE]),
    "weight of 2^256 - 1": answer(weights=[2**256 - 1, ONE, ONE, ONE]),
    "contribution 2^150": answer(contributions=[1, 2, 3, 2**150]),
    "contribution 2^256 - 1": answer(contributions=[2**256 - 1, 2, 3, 4]),
    "removed row with weight": answer(kept=0b1110, contributions=[0, 2, 3, 4]),
    "weight beyond the rows": answer(weights=[ONE] * 5),
    "contribution in the last word": answer(contributions=[1] * 4 + [0] * 27 + [1]),
    "kept bit beyond the rows": answer(kept=0b11111),
    "highest kept bit": answer(kept=0b1111 | 1 << 255),
    "rate 0": answer(next_rate=0),
    "rate 2^64": answer(next_rate=2**64),
}


@pytest.mark.parametrize("told", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_settle__policy_answers_nonsense__all_rows_count_the_same(
    scoring: ProjectDriver, owner: Any, told: bytes
) -> None:
    scoring.policy.set_answer(told, sender=owner)
    check_counts_all_the_same(scoring)


def test_settle__policy_reverts_with_a_sound_answer__all_rows_count_the_same(
    scoring: ProjectDriver, owner: Any
) -> None:
    scoring.policy.set_answer(answer(), sender=owner)
    scoring.policy.set_mode(REVERT_WITH_ANSWER, sender=owner)
    check_counts_all_the_same(scoring)


@pytest.mark.parametrize("mode", [REVERT, BURN], ids=["reverts", "burns its gas"])
def test_settle__policy_does_not_answer__all_rows_count_the_same(scoring: ProjectDriver, owner: Any, mode: int) -> None:
    scoring.policy.set_mode(mode, sender=owner)
    check_counts_all_the_same(scoring)


def test_settle__policy_fails_and_one_is_excluded__the_others_count_the_same(
    scoring: ProjectDriver, owner: Any
) -> None:
    scoring.policy.set_mode(REVERT, sender=owner)
    check_counts_all_the_same(scoring, excluded=[1])


GOOD_ANSWERS = {
    "weights of one and less": {"weights": [ONE, ONE - 1, 1, 0]},
    "contribution 2^150 - 1": {"contributions": [2**150 - 1] * 4},
    "all removed": {"kept": 0, "weights": [0] * 4, "contributions": [0] * 4},
    "kept without weight or contribution": {"weights": [0] * 4, "contributions": [0] * 4},
    "removed, with contribution": {"kept": 0b1110, "weights": [0, ONE, ONE, ONE]},
    "rate 1": {"next_rate": 1},
    "rate 2^64 - 1": {"next_rate": 2**64 - 1},
    "any agreement": {"agreement": 2**256 - 1},
}


@pytest.mark.parametrize("changes", GOOD_ANSWERS.values(), ids=GOOD_ANSWERS.keys())
def test_settle__policy_answers_at_a_limit__is_believed(
    scoring: ProjectDriver, owner: Any, changes: dict[str, Any]
) -> None:
    expected = GOOD | {"agreement": 0} | changes
    scoring.policy.set_answer(answer(**changes), sender=owner)
    fields = settled(scoring)
    assert not fields["policy_failed"]
    for name in ("kept", "weights", "contributions", "agreement"):
        assert fields[name] == expected[name]
    assert fields["rate"] == scoring.status.rate == expected["next_rate"]


def test_settle__policy__is_asked_about_these_very_arguments(scoring: ProjectDriver, owner: Any) -> None:
    """Rows that are left, the matrix that was proved, params of the terms, the running rate."""
    scoring.policy.set_answer(answer(kept=0b111, weights=[ONE] * 3, contributions=[1, 2, 3]), sender=owner)
    gram = (6, -5, 4, -3, 2, -1)
    asked = question(3, gram, b"params", scoring.terms["rate"], seats=0b1110)
    scoring.policy.set_question(asked, sender=owner)
    fields = settled(scoring, excluded=[0], proof=empty_proof(3, gram=gram))
    assert (fields["policy_failed"], fields["contributions"]) == (False, [1, 2, 3])


def test_settle__next_round__policy_is_asked_with_the_new_rate(scoring: ProjectDriver, owner: Any) -> None:
    scoring.policy.set_answer(answer(next_rate=12_345), sender=owner)
    scoring.settle()
    scoring.policy.set_question(question(4, [1] * 10, b"params", 12_345), sender=owner)
    scoring.to_scoring()
    assert not settled(scoring)["policy_failed"]


# --- what it remembers

REMEMBERED = (1, 0, 2**256 - 1, 4, 5, 6, 7, 8)


def test_settle__memory__is_told_kept_and_asked_with(scoring: ProjectDriver, owner: Any) -> None:
    assert scoring.escrow.memory() == keccak(bytes(256))
    scoring.policy.set_answer(answer(memory=REMEMBERED), sender=owner)
    assert settled(scoring)["memory"] == list(REMEMBERED)
    assert scoring.escrow.memory() == keccak(encode(["uint256[8]"], [REMEMBERED]))
    scoring.to_scoring()
    asked = question(4, [1] * 10, b"params", GOOD["next_rate"], memory=REMEMBERED)
    scoring.policy.set_question(asked, sender=owner)
    scoring.policy.set_answer(answer(memory=NOTHING), sender=owner)
    fields = settled(scoring)
    assert (fields["policy_failed"], fields["memory"]) == (False, list(NOTHING))
    assert scoring.escrow.memory() == keccak(bytes(256))


@pytest.mark.parametrize("word", range(8))
def test_settle__another_memory__reverts(scoring: ProjectDriver, owner: Any, word: int) -> None:
    scoring.policy.set_answer(answer(memory=REMEMBERED), sender=owner)
    scoring.settle()
    scoring.to_scoring()
    wrong = list(REMEMBERED)
    wrong[word] ^= 1
    with scoring.moves() as moved, ape.reverts("referee: wrong memory"):
        scoring.settle(memory=wrong)
    assert moved == {}


def test_settle__policy_fails__it_remembers_what_it_did(scoring: ProjectDriver, owner: Any) -> None:
    scoring.policy.set_answer(answer(memory=REMEMBERED), sender=owner)
    scoring.settle()
    scoring.to_scoring()
    scoring.policy.set_mode(REVERT, sender=owner)
    fields = settled(scoring)
    assert (fields["policy_failed"], fields["memory"]) == (True, list(REMEMBERED))


# --- gas


def least_gas(settles: Callable[[int], bool], low: int, high: int) -> int:
    """Smallest limit with which it settles, to a thousand."""
    while high - low > 1_000:
        middle = (low + high) // 2
        low, high = (low, middle) if settles(middle) else (middle, high)
    return high


@pytest.mark.parametrize("gas", [300_000, 700_000, 1_000_000, 1_100_000])
def test_settle__too_little_gas_for_the_policy__reverts_and_changes_nothing(
    scoring: ProjectDriver, owner: Any, aggregator: Any, gas: int
) -> None:
    """Whoever sends little gas can't make an honest policy fail."""
    scoring.policy.set_answer(answer(), sender=owner)
    arguments = scoring.settle_arguments().values()
    with scoring.moves() as moved, ape.reverts("verifier: too little gas for the policy"):
        scoring.escrow.settle(*arguments, sender=aggregator, gas=gas)
    assert moved == {}
    assert scoring.phase == "scoring"


def test_settle__as_little_gas_as_it_takes__policy_gets_all_of_its_own(
    largest: ProjectDriver, owner: Any, aggregator: Any
) -> None:
    """The mock tells what it got: as much at the least limit that passes the check as with plenty.

    With 32 rows, where the escrow spends most between that check and the policy's first step.
    """
    largest.answer([1] * 32)
    largest.policy.set_mode(GAUGE, sender=owner)
    arguments = largest.settle_arguments().values()
    data = largest.escrow.settle.encode_input(*arguments)
    call = {"from": aggregator.address, "to": largest.escrow.address, "data": data}

    def settles(gas: int) -> bool:
        try:
            largest.chain.provider.web3.eth.call(call | {"gas": gas})
        except ContractLogicError:
            return False
        return True

    with largest.chain.isolate():
        plenty = settled(largest)
    gas = least_gas(settles, 10_000_000, 15_000_000)
    receipt = largest.escrow.settle(*arguments, sender=aggregator, gas=gas)
    tight = dict(largest.events(receipt))["Settled"]
    assert tight == plenty
    assert 9_900_000 < tight["agreement"] <= 10_000_000

"""A round judged: the proofs have to be right, then the policy is asked, and the aggregate's commitment formed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape
import pytest
from eth_abi import encode
from py_ecc.optimized_bn128 import FQ, Z1, add, is_inf, multiply, normalize
from web3.exceptions import ContractLogicError

from offchain.proving.encoding import PROOF_TYPE
from tests.escrow_driver import ONE, outcome_bytes, question
from tests.round_calls import NAMES
from tests.round_cases import RoundCase, case_named
from tests.unit.bn254.points import P, Q

REVERT, BURN, GAUGE = 2, 3, 4  # modes of the mock
RATE = 12_345
PARAMS = b"params"
SEATS, MEMORY = 0b1011, tuple(range(11, 19))  # passed on as they are
REMEMBERED = tuple(2**256 - word for word in range(1, 9))
GAS = 1_000_000
ROUND, WITH_PUBLIC, FIVE = case_named("longer SRS"), case_named("public rows"), case_named("five public rows")
WIDEST = case_named("most rows, two public")

VerifierFor = Callable[[RoundCase], Any]
Point = tuple[int, int]


@pytest.fixture(scope="module")
def asked(deploy: Callable[..., Any]) -> Any:
    """The policy; none of the projects has it."""
    return deploy("PolicyMock")


def judged(case: RoundCase, policy: Any, gas: int = GAS, claimed: Point = (0, 0)) -> tuple[Any, ...]:
    """The arguments."""
    proof = dict(zip(("size", *NAMES[5:]), (0, *case.arguments[5:]), strict=True))
    return *case.arguments[:5], proof, policy, gas, PARAMS, RATE, SEATS, True, MEMORY, claimed


def weighted_sum(points: list[Point], weights: list[int]) -> Point:
    total = Z1
    for (x, y), weight in zip(points, weights, strict=True):
        total = add(total, multiply((FQ(x), FQ(y), FQ(1)), weight))
    x, y = (0, 0) if is_inf(total) else normalize(total)
    return int(x), int(y)


@pytest.mark.parametrize("case", [ROUND, WITH_PUBLIC, FIVE], ids=lambda case: case.name)
@pytest.mark.parametrize("weights", [[ONE, ONE, ONE], [ONE - 1, 0, 1], [0, 0, 7]], ids=str)
def test_judge__right_proofs__is_what_the_policy_says(
    verifier_for: VerifierFor, asked: Any, owner: Any, case: RoundCase, weights: list[int]
) -> None:
    shares = [3 if weight else 0 for weight in weights]
    kept = sum(1 << i for i, weight in enumerate(weights) if weight)
    asked.set_answer(outcome_bytes(kept, weights, shares, 777, agreement=5, memory=REMEMBERED), sender=owner)
    outcome, failed, aggregate = verifier_for(case).judge(*judged(case, asked))
    assert (outcome.kept, outcome.agreement, outcome.next_rate, failed) == (kept, 5, 777, False)
    assert (outcome.weights[:3], outcome.contributions[:3]) == (weights, shares)
    assert outcome.memory == list(REMEMBERED)
    # of the rows alone
    assert tuple(aggregate) == weighted_sum(case.gram.commitments[:3], weights)


@pytest.mark.parametrize("case", [ROUND, WITH_PUBLIC, FIVE], ids=lambda case: case.name)
@pytest.mark.parametrize("weights", [[ONE, ONE, ONE], [ONE - 1, 0, 1], [0, 0, 7]], ids=str)
def test_judge__true_claim_of_the_aggregate__answers_as_without(
    verifier_for: VerifierFor, asked: Any, owner: Any, case: RoundCase, weights: list[int]
) -> None:
    kept = sum(1 << i for i, weight in enumerate(weights) if weight)
    asked.set_answer(outcome_bytes(kept, weights, [0] * 3, 777), sender=owner)
    verifier = verifier_for(case)
    claimed = weighted_sum(case.gram.commitments[:3], weights)
    assert verifier.judge(*judged(case, asked, claimed=claimed)) == verifier.judge(*judged(case, asked))


@pytest.mark.parametrize("case", [ROUND, WITH_PUBLIC, FIVE], ids=lambda case: case.name)
@pytest.mark.parametrize(
    "claimed",
    [[ONE, 1, 7], [ONE, 0, 8], [-ONE, 0, -7], [2 * ONE, 0, 14], [1, 0, 0]],
    ids=str,
)
def test_judge__false_claim_of_the_aggregate__reverts(
    verifier_for: VerifierFor, asked: Any, owner: Any, case: RoundCase, claimed: list[int]
) -> None:
    asked.set_answer(outcome_bytes(0b101, [ONE, 0, 7], [0] * 3, 777), sender=owner)
    point = weighted_sum(case.gram.commitments[:3], [factor % P for factor in claimed])
    with ape.reverts("verifier: pairing check failed"):
        verifier_for(case).judge(*judged(case, asked, claimed=point))


def test_judge__claim_of_a_public_row_too__reverts(verifier_for: VerifierFor, asked: Any, owner: Any) -> None:
    asked.set_answer(outcome_bytes(0b111, [ONE] * 3, [0] * 3, 777), sender=owner)
    point = weighted_sum(WITH_PUBLIC.gram.commitments[:4], [ONE] * 4)
    with ape.reverts("verifier: pairing check failed"):
        verifier_for(WITH_PUBLIC).judge(*judged(WITH_PUBLIC, asked, claimed=point))


def test_judge__something_claimed_and_nothing_kept__reverts(verifier_for: VerifierFor, asked: Any, owner: Any) -> None:
    asked.set_answer(outcome_bytes(0, [], [], 777), sender=owner)
    with ape.reverts("verifier: pairing check failed"):
        verifier_for(ROUND).judge(*judged(ROUND, asked, claimed=ROUND.gram.commitments[0]))


@pytest.mark.parametrize(
    ("claimed", "error"),
    [
        ((1, 3), "bn254: not on the curve"),
        ((Q + 1, 2), "bn254: coordinate not canonical"),
        ((0, Q), "bn254: coordinate not canonical"),
    ],
)
def test_judge__claim_is_no_point__reverts(
    verifier_for: VerifierFor, asked: Any, owner: Any, claimed: Point, error: str
) -> None:
    asked.set_answer(outcome_bytes(0b111, [ONE] * 3, [0] * 3, 777), sender=owner)
    with ape.reverts(error):
        verifier_for(ROUND).judge(*judged(ROUND, asked, claimed=claimed))


def test_judge__false_proof_and_true_claim__reverts(verifier_for: VerifierFor, asked: Any, owner: Any) -> None:
    asked.set_answer(outcome_bytes(1, [ONE], [1], 777), sender=owner)
    case = case_named("openings that cancel")
    claimed = weighted_sum(case.gram.commitments[:1], [ONE])
    with ape.reverts("verifier: pairing check failed"):
        verifier_for(case).judge(*judged(case, asked, claimed=claimed))


def test_judge__nothing_kept__aggregate_is_the_identity(verifier_for: VerifierFor, asked: Any, owner: Any) -> None:
    asked.set_answer(outcome_bytes(0, [], [], 777), sender=owner)
    _, failed, aggregate = verifier_for(WITH_PUBLIC).judge(*judged(WITH_PUBLIC, asked))
    assert (failed, tuple(aggregate)) == (False, (0, 0))


@pytest.mark.parametrize("case", [ROUND, WITH_PUBLIC, FIVE], ids=lambda case: case.name)
def test_judge__policy__is_asked_about_these_very_arguments(
    verifier_for: VerifierFor, asked: Any, owner: Any, case: RoundCase
) -> None:
    """The rows without the public ones, the matrix with them."""
    asked.set_answer(outcome_bytes(1, [ONE], [1], 777), sender=owner)
    asked.set_question(question(3, case.gram.gram, PARAMS, RATE, SEATS, True, MEMORY), sender=owner)
    _, failed, _ = verifier_for(case).judge(*judged(case, asked))
    assert not failed


@pytest.mark.parametrize("mode", [REVERT, BURN], ids=["reverts", "burns its gas"])
@pytest.mark.parametrize("case", [ROUND, WITH_PUBLIC, FIVE], ids=lambda case: case.name)
def test_judge__policy_fails__every_row_counts_the_same(
    verifier_for: VerifierFor, asked: Any, owner: Any, case: RoundCase, mode: int
) -> None:
    asked.set_mode(mode, sender=owner)
    outcome, failed, aggregate = verifier_for(case).judge(*judged(case, asked))
    assert (outcome.kept, outcome.agreement, outcome.next_rate, failed) == (0b111, 0, RATE, True)
    assert outcome.weights == [ONE] * 3 + [0] * 29
    assert outcome.contributions == [1] * 3 + [0] * 29
    assert outcome.memory == list(MEMORY)
    assert tuple(aggregate) == weighted_sum(case.gram.commitments[:3], [ONE] * 3)


@pytest.mark.parametrize("part", ["weight", "contribution", "kept"])
def test_judge__policy_keeps_a_public_row__it_has_failed(
    verifier_for: VerifierFor, asked: Any, owner: Any, part: str
) -> None:
    weights, shares = [ONE] * 3 + [ONE * (part == "weight")], [1] * 3 + [1 * (part == "contribution")]
    asked.set_answer(outcome_bytes(0b1111 if part == "kept" else 0b111, weights, shares, 777), sender=owner)
    _, failed, _ = verifier_for(WITH_PUBLIC).judge(*judged(WITH_PUBLIC, asked))
    assert failed


@pytest.mark.parametrize("mode", [REVERT, GAUGE])
def test_judge__false_proof__reverts(verifier_for: VerifierFor, asked: Any, owner: Any, mode: int) -> None:
    asked.set_answer(outcome_bytes(1, [ONE], [1], 777), sender=owner)
    asked.set_mode(mode, sender=owner)
    case = case_named("openings that cancel")
    with ape.reverts("verifier: pairing check failed"):
        verifier_for(case).judge(*judged(case, asked))


# --- gas


def test_judge__as_little_gas_as_it_takes__policy_gets_all_of_its_own(
    verifier_for: VerifierFor, asked: Any, owner: Any, chain: Any
) -> None:
    """With 32 rows, where most is spent between the check of the gas and the policy's first step."""
    asked.set_answer(outcome_bytes(1, [ONE], [1], 777), sender=owner)
    asked.set_mode(GAUGE, sender=owner)
    verifier, least = verifier_for(WIDEST), 8_000_000
    call = {"to": verifier.address, "data": verifier.judge.encode_input(*judged(WIDEST, asked, least))}

    def gas_of_the_policy(limit: int) -> int | None:
        try:
            answer = chain.provider.web3.eth.call(call | {"gas": limit})
        except ContractLogicError:
            return None
        assert not int.from_bytes(answer[75 * 32 : 76 * 32], "big")  # it has not failed
        return int.from_bytes(answer[32:64], "big")

    low, high = 7_000_000, 14_000_000
    while high - low > 1_000:
        middle = (low + high) // 2
        low, high = (middle, high) if gas_of_the_policy(middle) is None else (low, middle)
    got = gas_of_the_policy(high)
    assert got == gas_of_the_policy(14_000_000)
    assert least - 100_000 < got <= least


# --- the proof as bytes, as the escrow passes it on

JUDGE = [
    "bytes32", "uint256", "uint256", "uint256", "uint256[2][]", "bytes", "address", "uint256", "bytes", "uint256",
    "uint256", "bool", "uint256[8]", "uint256[2]",
]  # fmt: skip
WORDS = 32
SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda proof: b"",
    "a word": lambda proof: proof[:WORDS],
    "without its last word": lambda proof: proof[:-WORDS],
    "with its first word": lambda proof: bytes(WORDS) + proof,
    "matrix out of range": lambda proof: (2**255).to_bytes(WORDS) + proof[WORDS:],
    "matrix would wrap around": lambda proof: (2**256 - WORDS).to_bytes(WORDS) + proof[WORDS:],
    "matrix behind the end": lambda proof: (len(proof) + 4096).to_bytes(WORDS) + proof[WORDS:],
    "matrix of too many entries": lambda proof: proof[: 5 * WORDS] + (821).to_bytes(WORDS) + proof[6 * WORDS :],
    "proofs exchanged": lambda proof: proof[:WORDS] + proof[2 * WORDS : 3 * WORDS] + proof[WORDS : 2 * WORDS]
    + proof[3 * WORDS :],
}  # fmt: skip


def passed_on(verifier: Any, case: RoundCase, policy: Any, spoil: Callable[[bytes], bytes]) -> bytes:
    """Calldata of `judge` in which the proof is a Bytes."""
    arguments = list(judged(case, policy.address))
    struct = tuple(tuple(v.values()) if isinstance(v, dict) else v for v in arguments[5].values())
    arguments[5] = spoil(encode([PROOF_TYPE], [struct])[2 * WORDS :])
    return bytes(verifier.judge.encode_input(*judged(case, policy)))[:4] + encode(JUDGE, arguments)


def call(verifier: Any, data: bytes) -> bytes:
    return bytes(verifier.provider.web3.eth.call({"to": verifier.address, "data": data, "gas": 10_000_000}))


@pytest.mark.parametrize("case", [ROUND, WITH_PUBLIC, FIVE], ids=lambda case: case.name)
def test_judge__proof_passed_on_as_bytes__is_the_struct(
    verifier_for: VerifierFor, asked: Any, owner: Any, case: RoundCase
) -> None:
    asked.set_answer(outcome_bytes(0b111, [ONE] * 3, [1, 2, 3], 777), sender=owner)
    verifier = verifier_for(case)
    as_struct = bytes(verifier.judge.encode_input(*judged(case, asked)))
    answer = call(verifier, as_struct)
    assert call(verifier, passed_on(verifier, case, asked, lambda proof: proof)) == answer


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_judge__malformed_proof__reverts(
    verifier_for: VerifierFor, asked: Any, owner: Any, spoil: Callable[[bytes], bytes]
) -> None:
    asked.set_answer(outcome_bytes(0b111, [ONE] * 3, [1, 2, 3], 777), sender=owner)
    verifier = verifier_for(ROUND)
    with pytest.raises(ContractLogicError):
        call(verifier, passed_on(verifier, ROUND, asked, spoil))

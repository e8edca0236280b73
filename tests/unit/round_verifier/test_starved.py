"""Calls with too little gas: whatever runs out, and wherever, the call fails. It never gives another answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.gram_cases import P
from tests.round_calls import Call, arguments_of, as_judged, call_of, send, with_right_hints
from tests.round_cases import RoundCase, case_named

VerifierFor = Callable[[RoundCase], Any]

CASES = [case_named(name) for name in ("longer SRS", "public rows", "five public rows", "single row")]
AMPLE = 5_000_000
INTRINSIC = 21_000
EVENLY = 60  # levels between nothing and enough
HAS_FAILED = 75  # of the words that judge returns, whether the policy has
FUNCTIONS = ("verify", "judge")


def calldata(verifier: Any, function: str, call: Call, policy: Any) -> bytes:
    arguments = arguments_of(call)
    if function == "judge":
        arguments = as_judged(arguments, policy)
    return bytes(getattr(verifier, function).encode_input(*arguments))


def least_gas(answers_at: Callable[[list[int]], list[Any]]) -> int:
    """The least that is enough."""
    low, high = INTRINSIC, AMPLE
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if "result" in answers_at([middle])[0] else (middle, high)
    return high


def levels_below(least: int) -> list[int]:
    """All over, and closer and closer to enough: there one precompile alone has too little."""
    near = [least - 1 - distance for distance in range(0, 4_000, 100)] + [least - 2**k for k in range(17)]
    return sorted({*near, *(INTRINSIC + (least - INTRINSIC) * k // EVENLY for k in range(EVENLY))})


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_starved__right_proofs__fails_or_gives_the_right_answer(
    verifier_for: VerifierFor, steady_policy: Any, chain: Any, case: RoundCase, function: str
) -> None:
    verifier = verifier_for(case)
    data = calldata(verifier, function, call_of(case), steady_policy)

    def answers_at(gas: list[int]) -> list[Any]:
        return send(chain.provider.web3, verifier, [data] * len(gas), gas)

    least = least_gas(answers_at)
    assert not [answer for answer in answers_at(levels_below(least)) if "error" not in answer]
    right = answers_at([AMPLE])[0]["result"]
    if function == "judge":
        assert int(right[2:][64 * HAS_FAILED :][:64], 16) == 0  # the policy was asked, and answered
    enough = answers_at([least + more for more in (0, 1, 50, 2_000, 30_000, 400_000)])
    assert [answer["result"] for answer in enough] == [right] * 6


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_starved__false_proofs__never_accepted(
    verifier_for: VerifierFor, steady_policy: Any, chain: Any, case: RoundCase, function: str
) -> None:
    """They fail in the pairing check and nowhere before, so that all of it has to be paid for."""
    verifier = verifier_for(case)
    gram, ranges = call_of(case), call_of(case)
    gram["gram"][0] += 1
    ranges["range_proof"]["m_zeta"] = (ranges["range_proof"]["m_zeta"] + 1) % P
    right = calldata(verifier, function, call_of(case), steady_policy)
    least = least_gas(lambda gas: send(chain.provider.web3, verifier, [right] * len(gas), gas))
    levels = [*levels_below(least), *range(least, least + 20_000, 1_000), 2 * least, AMPLE]
    for call in (gram, ranges):
        data = calldata(verifier, function, with_right_hints(call, case.key), steady_policy)
        answers = send(chain.provider.web3, verifier, [data] * len(levels), levels)
        assert not [answer for answer in answers if "error" not in answer]
        assert answers[-1]["error"]["message"].endswith("verifier: pairing check failed")

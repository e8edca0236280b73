"""The policy contract, and its answers as plain values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from offchain.scoring.policy import Outcome, PolicyTerms

NO_MORE = 0, False, [0] * 8  # seats, reference and memory mean nothing to it
Evaluate = Callable[[int, list[int], PolicyTerms, int], Outcome]


@pytest.fixture(scope="session")
def round_policy(deploy: Callable[..., Any]) -> Any:
    return deploy("RoundPolicy")


@pytest.fixture(scope="session")
def meter(deploy: Callable[..., Any]) -> Any:
    return deploy("GasMeter")


@pytest.fixture(scope="session")
def evaluate(round_policy: Any) -> Evaluate:
    """The contract's outcome; fails the test if anything is said of rows that there are not."""

    def ask(rows: int, gram: list[int], terms: PolicyTerms, rate: int) -> Outcome:
        answer = round_policy.evaluate(rows, gram, terms.encode(), rate, *NO_MORE)
        kept = [bool(answer.kept >> i & 1) for i in range(rows)]
        assert answer.kept >> rows == 0
        assert not any(answer.weights[rows:])
        assert not any(answer.contributions[rows:])
        return Outcome(
            not answer.kept,
            kept,
            list(answer.weights[:rows]),
            list(answer.contributions[:rows]),
            answer.agreement,
            answer.next_rate,
            tuple(answer.memory),
        )

    return ask


@pytest.fixture(scope="session")
def gas(round_policy: Any, meter: Any) -> Callable[[int, list[int], PolicyTerms, int], int]:
    def measure(rows: int, gram: list[int], terms: PolicyTerms, rate: int) -> int:
        data = round_policy.evaluate.encode_input(rows, gram, terms.encode(), rate, *NO_MORE)
        return int(meter.measure(round_policy, data))

    return measure

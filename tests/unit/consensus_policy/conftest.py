"""The contract of the consensus rule, and its answers as plain values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from offchain.scoring.policy import Outcome, PolicyTerms

Evaluate = Callable[[int, list[int], PolicyTerms, int], Outcome]
Gas = Callable[[int, list[int], PolicyTerms, int], int]


@pytest.fixture(scope="session")
def consensus_policy(deploy: Callable[..., Any]) -> Any:
    return deploy("ConsensusPolicy")


@pytest.fixture(scope="session")
def meter(deploy: Callable[..., Any]) -> Any:
    return deploy("GasMeter")


def encoded(terms: PolicyTerms, has_reference: bool | None) -> bytes:
    """As the contract gets them; None: of a project that can't have a reference."""
    return terms.encode() + (b"" if has_reference is None else int(has_reference).to_bytes(32, "big"))


@pytest.fixture(scope="session")
def evaluate(consensus_policy: Any) -> Evaluate:
    """The contract's outcome; fails the test if anything is said of rows that there are not."""

    def ask(rows: int, gram: list[int], terms: PolicyTerms, rate: int, has_reference: bool | None = None) -> Outcome:
        answer = consensus_policy.evaluate(rows, gram, encoded(terms, has_reference), rate)
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
        )

    return ask


@pytest.fixture(scope="session")
def gas(consensus_policy: Any, meter: Any) -> Gas:
    def measure(rows: int, gram: list[int], terms: PolicyTerms, rate: int, has_reference: bool | None = None) -> int:
        data = consensus_policy.evaluate.encode_input(rows, gram, encoded(terms, has_reference), rate)
        return int(meter.measure(consensus_policy, data))

    return measure

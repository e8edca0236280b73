"""The contract of the consensus rule, and its answers as plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from offchain.scoring.policy import Outcome, PolicyTerms
from offchain.scoring.shown import NOTHING

NO_MORE = 0, False, [0] * 8  # seats, reference, memory
Evaluate = Callable[..., Outcome]
Gas = Callable[..., int]


@pytest.fixture(scope="session")
def consensus_policy(deploy: Callable[..., Any]) -> Any:
    return deploy("ConsensusPolicy")


@pytest.fixture(scope="session")
def meter(deploy: Callable[..., Any]) -> Any:
    return deploy("GasMeter")


def arguments(
    rows: int,
    gram: list[int],
    terms: PolicyTerms,
    rate: int,
    has_reference: bool = False,
    seats: int | None = None,
    memory: Sequence[int] = NOTHING,
) -> tuple[Any, ...]:
    """Of the contract's `evaluate`."""
    return rows, gram, terms.encode(), rate, (1 << rows) - 1 if seats is None else seats, has_reference, list(memory)


def remembering(shown: Sequence[int], averages: Sequence[int] | None = None) -> tuple[int, ...]:
    """The memory of a project in which the seats, the first one first, have shown this, and contributed that lately
    (the same, if it isn't said); fixed point.
    """
    lists = [[*shares, *[0] * (32 - len(shares))] for shares in (shown, shown if averages is None else averages)]
    return tuple(
        sum(share << 32 * lane for lane, share in enumerate(shares[at : at + 8]))
        for shares in lists
        for at in range(0, 32, 8)
    )


@pytest.fixture(scope="session")
def evaluate(consensus_policy: Any) -> Evaluate:
    """The contract's outcome; fails the test if anything is said of rows that there are not."""

    def ask(rows: int, gram: list[int], terms: PolicyTerms, rate: int, *more: Any, **named: Any) -> Outcome:
        answer = consensus_policy.evaluate(*arguments(rows, gram, terms, rate, *more, **named))
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
def gas(consensus_policy: Any, meter: Any) -> Gas:
    def measure(rows: int, gram: list[int], terms: PolicyTerms, rate: int, *more: Any, **named: Any) -> int:
        data = consensus_policy.evaluate.encode_input(*arguments(rows, gram, terms, rate, *more, **named))
        return int(meter.measure(consensus_policy, data))

    return measure

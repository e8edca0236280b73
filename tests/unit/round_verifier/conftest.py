"""A verifier for each SRS that the cases are made with, and what contract and Python say of a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.escrow_driver import ONE, outcome_bytes
from tests.round_calls import Answers, Call, ask_contract, ask_python, use_trapdoors
from tests.round_cases import RoundCase, load_cases, load_public_cases, load_rejected, load_strangers
from tests.round_proved import TAUS, key_of


@pytest.fixture(scope="session")
def verifier_for(deploy: Callable[..., Any]) -> Callable[[RoundCase], Any]:
    """verifier_for(case): the verifier that has the case's key."""
    keys = {case.key for case in [*load_cases(), *load_public_cases(), *load_rejected(), *load_strangers()]}
    keys |= {key_of(tau) for tau in TAUS}
    verifiers = {key: deploy("RoundVerifier", *key) for key in sorted(keys)}
    return lambda case: verifiers[case.key]


@pytest.fixture(scope="session")
def steady_policy(deploy: Callable[..., Any], owner: Any) -> Any:
    """Always of the same opinion, in which the gas that it got shows; none of the projects has it."""
    policy = deploy("PolicyMock")
    policy.set_answer(outcome_bytes(1, [ONE], [1], 777), sender=owner)
    policy.set_mode(4, sender=owner)
    return policy


@pytest.fixture
def ask_both(
    verifier_for: Callable[[RoundCase], Any],
    steady_policy: Any,
    chain: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., list[Answers]]:
    """ask_both(case, calls): what contract and Python, with the case's key, say of each call."""
    use_trapdoors(monkeypatch, {key_of(tau)[0]: tau for tau in TAUS})

    def ask(case: RoundCase, calls: Sequence[Call]) -> list[Answers]:
        said = ask_contract(verifier_for(case), steady_policy, chain.provider.web3, calls)
        return [Answers(reason, ask_python(case.key, call)) for reason, call in zip(said, calls, strict=True)]

    return ask

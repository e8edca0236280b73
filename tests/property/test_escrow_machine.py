"""Whole projects, several at a time, through whatever their parties may think of: the contract is the model.

A step is one call that contract and model are compared on. Each story begins on a snapshot of the same three projects
and is undone at its end. MEED_SEED gives the seed; by default the short test has always the same, the long one another
each time. Both print it.
"""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.escrow_driver import Parties, default_terms
from tests.property.bazaar import Bazaar, Stall
from tests.property.escrow_machine import machine_of
from tests.property.random_calls import WEIGHTS

STEPS, LONG = 2_000, 100_000
QUICK_SEED = 7
SETTINGS = settings(
    max_examples=6,
    stateful_step_count=30,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a story is short enough to read, and shrinking it takes minutes
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def callback(deploy: Callable[..., Any]) -> Any:
    return deploy("CallbackToken")


@pytest.fixture(scope="module")
def bazaar(project: Any, chain: Any, registry: Any, token: Any, parties: Parties, deploy: Any, callback: Any) -> Bazaar:
    """Three projects; two pay with the same token. Who owns one aggregates or trains in another."""
    people = [parties.owner, *parties.aggregators, *parties.trainers[:4]]
    anna, bela, cleo, dora, *others = people

    def open_stall(
        number: int, token: Any, owner: Any, aggregators: list[Any], trainers: list[Any], **changes: Any
    ) -> Stall:
        policy = deploy("PolicyMock")
        policy.set_least_rows(2, sender=owner)
        windows = {"accept_window": 400, "enrol_window": 500}
        terms = default_terms(token, policy, aggregators) | windows | changes
        policy.set_takes_public_row(terms["params"], sender=owner)
        cast = replace(parties, owner=owner, aggregators=aggregators, trainers=trainers)
        return Stall(project, chain, registry, token, policy, cast, terms)

    return Bazaar(
        [
            open_stall(0, token, anna, [bela, cleo], others, min_rows=3),
            open_stall(1, token, bela, [anna, dora], [cleo, *others], seats=3, min_rows=2, rounds=2, max_excluded=0),
            open_stall(
                2, callback, dora, [dora, others[0], cleo], [anna, *others], seats=3, min_rows=3, public_row=True
            ),
        ]
    )


@pytest.mark.parametrize("steps", [STEPS, pytest.param(LONG, marks=pytest.mark.slow)])
def test_machine__any_story_of_three_projects__contract_is_the_model(
    steps: int, bazaar: Bazaar, callback: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    default = QUICK_SEED if steps == STEPS else random.SystemRandom().randrange(2**32)
    number = int(os.environ.get("MEED_SEED", default))
    with capsys.disabled():
        sys.stdout.write(f"\nescrow machine: MEED_SEED={number}, {steps} steps\n")
    bazaar.steps, bazaar.done = 0, Counter()
    while bazaar.steps < steps:
        machine = machine_of(bazaar, callback)
        run_state_machine_as_test(seed(number)(machine), settings=SETTINGS)
        number += 1
    # the stories go everywhere
    assert all(bazaar.done[name] for name in WEIGHTS), bazaar.done

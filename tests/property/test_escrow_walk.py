"""Random walks over every call, by every party, valid and not, at ordinary and at awkward seconds.

Each call is played on the contract and in the model: both refuse it, or both allow it and keep the same books. A
refusal must name its reason, so that an arithmetic panic never passes for a rule. However a walk ends, an outsider can
then close the project and everyone can withdraw.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.escrow_driver import Parties
from tests.escrow_market import Market
from tests.property.random_calls import any_call

STEPS = 130
AS_THE_RULES_ALLOW = 0.8  # of the calls; else they could hardly leave the first phases
# how often the next call comes at the end of the phase, or after it
IMPATIENCE = {"collecting": 0.04, "delivering": 0.04, "scoring": 0.15, "vacant": 0.15, "handover": 0.15}
MORE = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 80)]


@pytest.mark.parametrize("seed", [*range(8), *MORE])
def test_walk__any_calls_by_anyone__contract_is_the_model(
    seed: int, make_market: Callable[..., Market], parties: Parties
) -> None:
    rng = random.Random(seed)
    rules = {"seats": 6, "min_rows": 4, "rounds": 4, "max_excluded": 1, "public_rows": seed % 4 < 2}
    market = make_market(**_cast(seed, parties), **rules)
    for _ in range(STEPS):
        if market.model.state == "closed" and rng.random() < 0.2:
            break
        _let_time_pass(rng, market)
        legal = rng.random() < AS_THE_RULES_ALLOW
        calls = [any_call(rng, market) for _ in range(40 if legal else 1)]
        call = next((c for c in calls if market.allows(c)), calls[0])
        if market.allows(call):
            market.play(call)
        else:
            with market.refuses("escrow: "):
                market.play(call)
    market.outsider_ends()
    market.everyone_withdraws()


def _cast(seed: int, parties: Parties) -> dict[str, list[Any]]:
    """Seats for one less than would train. In every second walk some play several roles."""
    aggregators, trainers = parties.aggregators[:3], parties.trainers[:7]
    if seed % 2:
        aggregators = [parties.owner, trainers[0], aggregators[0]]
        trainers = [parties.owner, *trainers[:5], aggregators[2]]
    return {"aggregators": aggregators, "trainers": trainers}


def _let_time_pass(rng: random.Random, market: Market) -> None:
    """Mostly a second or none; else to the last second of the phase, or the first after it, or far beyond."""
    whim = rng.random()
    deadline = market.model.deadline
    if whim < IMPATIENCE.get(market.model.phase, 0.015) and deadline >= market.clock:
        market.at(deadline + rng.choice([0, 1, 1, 1_000]))
    elif whim > 0.5:
        market.wait(1)

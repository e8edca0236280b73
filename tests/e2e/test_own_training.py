"""The examples of docs/examples, each a user's file outside the package: three rounds of a real market."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from offchain.simulation.market import Market
from offchain.simulation.options import MarketOptions
from offchain.training import registry
from offchain.training.registry import use

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
ROUNDS = 3


@pytest.mark.parametrize(
    ("location", "rate", "least"),
    [
        ("flower.py:Tumours", 0.1, 0.85),
        pytest.param("estimator.py:Digits", 0.05, 0.75, marks=pytest.mark.slow),
    ],
)
def test_market__task_of_a_users_file__learns_and_pays(
    location: str, rate: float, least: float, project: Any, accounts: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(registry, "_TASKS", dict(registry._TASKS))
    options = MarketOptions(
        task=use(str(EXAMPLES / location)),
        trainers=7,
        rounds=ROUNDS,
        learning_rate=rate,
        adversaries=("flip-labels", "free-ride"),
    )
    market = Market(options, project, accounts, tmp_path)
    market.open()
    for _ in range(ROUNDS):
        market.play_round()
    result = market.close()
    assert market.accuracy_before < least - 0.2
    assert result["rounds"][-1]["accuracy"] > least
    assert result["copies_agree"]
    paid = {
        role: [int(one["paid"]) for one in result["trainers"] if one["role"] == role]
        for role in ("copied", "honest", "flip-labels", "free-ride")
    }
    assert paid["flip-labels"] == [0]
    assert paid["free-ride"][0] < min(paid["honest"]) // 20

"""A small market through the code of the demo: real contracts, training and proofs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offchain.simulation.market import Market
from offchain.simulation.options import MarketOptions, OptionError
from offchain.simulation.report import render
from offchain.storage.errors import PayloadError
from offchain.storage.payload import payload_from_bytes

ROUNDS = 3


# Ape isolates tests by the names of their fixtures: a name stands for one scope throughout the tests.
@pytest.fixture(scope="module")
def demo(project: Any, accounts: Any, tmp_path_factory: pytest.TempPathFactory) -> Market:
    market = Market(MarketOptions(rounds=ROUNDS), project, accounts, tmp_path_factory.mktemp("market"))
    market.open()
    for number in range(ROUNDS):
        market.play_round()
        so_far = json.loads(json.dumps(market.so_far()))
        assert (so_far["finished"], len(so_far["rounds"])) == (False, number + 1)
        assert "not played to its end" in render(so_far)
    return market


@pytest.fixture(scope="module")
def demo_result(demo: Market) -> dict[str, Any]:
    return json.loads(json.dumps(demo.close()))


def seats_of(result: dict[str, Any], role: str) -> list[int]:
    return [seat for seat, t in enumerate(result["trainers"]) if t["role"] == role]


def test_market__inverted_inflated_updates__removed_in_every_round_and_unpaid(demo_result: dict[str, Any]) -> None:
    (seat,) = seats_of(demo_result, "invert")
    assert [r["kept"][seat] for r in demo_result["rounds"]] == [False] * ROUNDS
    assert demo_result["trainers"][seat]["paid"] == "0"


def test_market__free_rider__earns_next_to_nothing(demo_result: dict[str, Any]) -> None:
    honest = min(int(demo_result["trainers"][seat]["paid"]) for seat in seats_of(demo_result, "honest"))
    (seat,) = seats_of(demo_result, "free-ride")
    assert int(demo_result["trainers"][seat]["paid"]) < honest // 20


def test_market__one_update_from_two_accounts__each_earns_less_than_an_honest_trainer_with_as_much_data(
    demo_result: dict[str, Any],
) -> None:
    (copier,), (copied,) = seats_of(demo_result, "copy"), seats_of(demo_result, "copied")
    partner, alone = demo_result["trainers"][copied], demo_result["trainers"][1]
    assert partner["rows"] == alone["rows"] == demo_result["trainers"][copier]["rows"]
    assert alone["role"] == "honest"
    for seat in (copied, copier):
        assert int(demo_result["trainers"][seat]["paid"]) < int(alone["paid"])


def test_market__honest_majority__model_learns(demo: Market, demo_result: dict[str, Any]) -> None:
    accuracies = [r["accuracy"] for r in demo_result["rounds"]]
    assert demo.accuracy_before < 0.3
    assert accuracies[-1] > 0.7


def test_market__closed__every_copy_of_the_model_is_the_same(demo_result: dict[str, Any]) -> None:
    assert demo_result["copies_agree"] is True


def test_market__closed__money_is_conserved(demo: Market, demo_result: dict[str, Any]) -> None:
    terms = demo.project.terms
    credits = [[int(c) for c in r["credits"]] for r in demo_result["rounds"]]
    for seat, trainer in enumerate(demo_result["trainers"]):
        assert int(trainer["paid"]) == sum(by_seat[seat] for by_seat in credits)
    paid_out = sum(int(t["paid"]) for t in demo_result["trainers"])
    others = sum(int(demo_result[name]) for name in ("refunded", "aggregator_fees", "sunk"))
    assert paid_out + others == int(demo_result["funded"]) == terms.funds
    assert demo_result["left_in_escrow"] == demo_result["sunk"]
    assert paid_out <= int(demo_result["reward"]) == ROUNDS * terms.round_reward


def test_market__result__has_what_readers_rely_on(demo_result: dict[str, Any]) -> None:
    assert {"reward", "refunded", "trainers", "rounds"} <= demo_result.keys()
    assert demo_result["finished"] is True
    assert demo_result["options"]["round_reward"] == "1000000000000000000000"
    for trainer in demo_result["trainers"]:
        assert {"name", "role", "paid"} <= trainer.keys()
    for r in demo_result["rounds"]:
        assert {"accuracy", "learning_rate", "kept", "contributions", "credits", "prove_s", "gas"} <= r.keys()
        assert len(r["kept"]) == len(r["contributions"]) == len(r["credits"]) == len(demo_result["trainers"])
        assert r["gas"].keys() == {"submit", "deliver", "settle"}


def test_report__of_a_market__shows_four_figures_and_every_trainer(demo_result: dict[str, Any]) -> None:
    page = render(demo_result)
    assert page.count("<svg") == 4
    for trainer in demo_result["trainers"]:
        assert f"{trainer['name']} ({trainer['role']})" in page


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trainers": 6}, "trainers: 7 to 32 with byzantine 2"),
        ({"rule": "median"}, "policy: one of trimmed-cosine, multi-krum, none"),
        ({"adversaries": ("invert", "lie")}, "adversary: one of flip-labels, invert, free-ride, copy, not lie"),
        ({"adversaries": ("invert",) * 7}, "adversaries: at most 6 of 8 trainers"),
        ({"rounds": 257}, "rounds: 1 to 256, not 257"),
        ({"cap": 0.0}, "cap must be in 1 .. "),
        ({"cap": float("nan")}, "cap: a number, not nan"),
        ({"rule": "consensus", "cap": 2.0}, "cap must be in 4294967296 .. 4294967296"),
        ({"least_rate": 0.0}, "least_rate must be in 1 .. "),
        ({"least_rate": float("inf")}, "least rate: a number, not inf"),
        ({"decay": float("nan")}, "decay: a number, not nan"),
        ({"alpha": float("nan")}, "alpha: 0.01 to 1000, not nan"),
        ({"learning_rate": 1e-10}, "learning rate: 2.3e-10 to 100, not 1e-10"),
        ({"byzantine": 15}, "byzantine must be in 0 .. 14"),
        ({"task": "data.csv"}, "label: a CSV file needs"),
        ({"task": "data.tsv", "label": ""}, "label: a CSV file needs"),
        ({"label": "y"}, "label: goes with a CSV file as the data, and 'digits' is none"),
        ({"ignore": ("id",), "decimal": ","}, "decimal, ignore: goes with a CSV file"),
    ],
)
def test_options__not_allowed__says_what_is(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message.replace("(", r"\(")):
        MarketOptions(**changes)


@pytest.mark.parametrize("rule", ["shown", "consensus", "trimmed-cosine"])
def test_options__as_many_trainers_and_rounds_as_there_may_be__allowed(rule: str) -> None:
    MarketOptions(trainers=32, rounds=256, rule=rule)


def test_market__folder__holds_sealed_payloads_only(demo: Market, demo_result: dict[str, Any]) -> None:
    """No update in the clear is on the store: whatever was delivered doesn't parse as a payload."""
    terms = demo.project.terms
    for delivery in demo.project.deliveries(0):
        data = demo.store.get(delivery.cid, 1 << 20)
        with pytest.raises(PayloadError):
            payload_from_bytes(data, terms.dimension, terms.bits)

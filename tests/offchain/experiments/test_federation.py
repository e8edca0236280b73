"""Projects without a chain: money, models, attackers, retraining."""

from __future__ import annotations

import numpy as np
import pytest

from offchain.experiments.experiment import setup
from offchain.experiments.federation import OWNER_SEED, attacked_shares, play, retrain
from offchain.experiments.rules import POLICIES, RIVALS, rule
from offchain.simulation.attacks.table import ATTACKS
from offchain.simulation.settings import deal


@pytest.fixture(scope="module")
def wine():
    return setup("wine", rounds=3, epochs=1)


@pytest.fixture(scope="module")
def wine_shares(wine):
    return deal(wine.data.train, 7, "same", 1)


@pytest.mark.parametrize("name", [*POLICIES, *RIVALS, "mean"])
def test_play__any_rule__pays_at_most_the_reward_and_learns(wine, wine_shares, name: str) -> None:
    played = play(wine, wine_shares, rule(name, 2), seed=1)

    assert (played.pay >= 0).all()
    assert played.pay.sum() <= 1 + 1e-9
    assert len(played.accuracy) == wine.rounds
    assert played.accuracy[-1] > 0.6


def test_play__not_quantised__differs_little(wine, wine_shares) -> None:
    exact = play(setup("wine", rounds=3, epochs=1, bits=0), wine_shares, rule("equal", 0), seed=1, keep=True)
    quantised = play(wine, wine_shares, rule("equal", 0), seed=1, keep=True)

    difference = np.abs(exact.rounds[-1].model - quantised.rounds[-1].model).max()
    assert 0 < difference < 1e-3


def test_play__public_rows__are_the_last_step_and_the_sum_of_all(wine, wine_shares) -> None:
    rounds = play(wine, wine_shares, rule("equal", 0), seed=1, keep=True).rounds

    assert rounds[0].public is None
    n, last = len(wine_shares), rounds[2]
    steps = np.stack([last.model - rounds[1].model, last.model - rounds[0].model])
    by_row = np.array(last.public[:n], dtype=np.float64)
    (ss, sm), (mm,) = last.public[n:]
    norms = np.sqrt(np.array([last.gram[0], ss, mm], dtype=np.float64))  # of row 0 and of the public rows, in integers

    expected = steps @ last.updates[0] / (np.linalg.norm(steps, axis=1) * np.linalg.norm(last.updates[0]))
    assert by_row[0] / (norms[0] * norms[1:]) == pytest.approx(expected, rel=1e-6)
    between = steps[0] @ steps[1] / np.prod(np.linalg.norm(steps, axis=1))
    assert float(sm) / (norms[1] * norms[2]) == pytest.approx(between, rel=1e-6)


def test_play__replay_of_the_last_step__earns_nothing(wine, wine_shares) -> None:
    shares, party = attacked_shares(wine_shares, ATTACKS["delta"], 1, 1)

    with_public = play(wine, shares, rule("consensus", 2), seed=1, party=party)
    without = play(wine, shares, rule("consensus", 2, public=False), seed=1, party=party)

    assert with_public.pay[0] < 0.02 / 7
    assert without.pay[0] > 0.3 / 7


def test_retrain__everybody__is_the_project_played_without_quantising(wine, wine_shares) -> None:
    shares = wine_shares[:3]
    plain = setup("wine", rounds=3, epochs=1, bits=0)

    losses, accuracies = retrain(plain, shares, seed=4)

    assert len(losses) == len(accuracies) == 8
    assert accuracies[-1] == play(plain, shares, rule("equal", 0), seed=4).accuracy[-1]
    assert losses[0] > losses[-1]


def test_attacked_shares__poisoned_data__leaves_the_others_alone(wine_shares) -> None:
    shares, party = attacked_shares(wine_shares, ATTACKS["label-flip"], 2, 0)

    assert party.seats == 2
    assert not np.array_equal(shares[0].labels, wine_shares[0].labels)
    assert all(a is b for a, b in zip(shares[2:], wine_shares[2:], strict=True))


def test_attacked_shares__shards__cut_one_data_set(wine_shares) -> None:
    shares, _ = attacked_shares(wine_shares, ATTACKS["shards"], 3, 0)

    assert len(shares) == len(wine_shares) + 2
    assert sum(len(share) for share in shares[:3]) == len(wine_shares[0])


def test_play__root_data__products_are_those_of_an_update_trained_on_them(wine, wine_shares) -> None:
    root = wine_shares[2]
    rounds = play(wine, wine_shares, rule("equal", 0), seed=1, root=root, keep=True).rounds
    for number, view in enumerate(rounds):
        update = wine.train(view.model[None], [root], [0], 1 + OWNER_SEED, number)[0]
        square, *products = (float(x) for x in view.reference[: 1 + len(wine_shares)])
        own = np.array(view.gram, dtype=np.float64)[np.cumsum([0, *range(len(wine_shares), 1, -1)])]
        found = np.array(products) / np.sqrt(square * own)
        expected = view.updates @ update / (np.linalg.norm(view.updates, axis=1) * np.linalg.norm(update))
        assert found == pytest.approx(expected, abs=2e-3)  # the error feedback of the owner's row
        assert len(view.reference) == 1 + len(wine_shares) + (2 if number else 0)


def test_play__root_data__change_nothing_unless_the_rule_asks(wine, wine_shares) -> None:
    alone = play(wine, wine_shares, rule("consensus", 2), seed=1)
    beside = play(wine, wine_shares, rule("consensus", 2), seed=1, root=wine_shares[0])
    judged = play(wine, wine_shares, rule("consensus", 2, reference=True), seed=1, root=wine_shares[0])
    assert beside.pay.tolist() == alone.pay.tolist()
    assert judged.pay.tolist() != alone.pay.tolist()
    assert judged.pay.sum() == pytest.approx(1)


def test_play__majority_is_hostile_and_the_owner_sends_a_reference__learns_and_pays_the_honest(wine) -> None:
    shares = deal(wine.data.train, 8, "same", 1)
    attacked, party = attacked_shares(shares[1:], ATTACKS["sign-flip"], 4, 1)
    played = play(wine, attacked, rule("consensus", 2, reference=True), seed=1, party=party, root=shares[0])
    assert played.pay[:4].sum() == 0
    assert played.accuracy[-1] > 0.6

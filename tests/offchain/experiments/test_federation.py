"""Projects without a chain: money, models, attackers, retraining."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from offchain.experiments.experiment import setup
from offchain.experiments.federation import OWNER_SEED, attacked_shares, play, retrain
from offchain.experiments.rules import POLICIES, RIVALS, Decision, RoundView, rule
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


def test_play__public_rows__are_the_initial_model_and_all_steps_so_far_oldest_first(wine, wine_shares) -> None:
    rounds = play(wine, wine_shares, rule("equal", 0), seed=1, keep=True).rounds
    n, last = len(wine_shares), rounds[2]
    known = np.stack([rounds[0].model, rounds[1].model - rounds[0].model, last.model - rounds[1].model])

    assert [len(view.public) - n for view in rounds] == [1, 2, 3]
    assert [len(row) for row in rounds[0].public + rounds[1].public] == [1] * (n + 1) + [2] * (n + 1) + [1]
    by_row = np.array(last.public[:n], dtype=np.float64)
    squares = [last.gram[0], *(row[0] for row in last.public[n:])]
    norms = np.sqrt(np.array(squares, dtype=np.float64))  # of row 0 and of the public rows, in integers

    lengths = np.linalg.norm(known, axis=1)
    expected = known @ last.updates[0] / (lengths * np.linalg.norm(last.updates[0]))
    assert by_row[0] / (norms[0] * norms[1:]) == pytest.approx(expected, rel=1e-4)
    between = [known[0] @ known[1] / (lengths[0] * lengths[1]), known[1] @ known[2] / (lengths[1] * lengths[2])]
    found = [last.public[n][1] / (norms[1] * norms[2]), last.public[n + 1][1] / (norms[2] * norms[3])]
    assert found == pytest.approx(between, rel=1e-4)


def test_play__aggregates_by_a_policy__products_with_them_are_exact(wine, wine_shares) -> None:
    decide, weights = rule("consensus", 2), []

    def noted(view):
        decision = decide(view)
        weights.append([int(w) for w in decision.weights])
        return decision

    rounds = play(wine, wine_shares, noted, seed=1, root=wine_shares[2], keep=True).rounds

    quantum = 2.0 ** round(np.log2(min(np.abs(u[u != 0]).min() for u in rounds[0].updates)))
    values = [[[int(x / quantum) for x in row] for row in view.updates] for view in rounds]
    public = [[round(float(x) / quantum) for x in rounds[0].model]]
    public += [
        [sum(w * x for w, x in zip(ws, column, strict=True)) for column in zip(*rows, strict=True)]
        for ws, rows in zip(weights[:2], values[:2], strict=True)
    ]
    assert max(abs(x) for row in public for x in row) > 1 << 32

    def dot(a: list[int], b: list[int]) -> int:
        return sum(x * y for x, y in zip(a, b, strict=True))

    expected = [[dot(row, other) for other in public] for row in values[2]]
    expected += [[dot(row, other) for other in public[k:]] for k, row in enumerate(public)]
    assert rounds[2].public == expected
    assert rounds[2].gram[0] == dot(values[2][0], values[2][0])


def test_play__a_round_keeps_nothing__leaves_no_public_row(wine, wine_shares) -> None:
    decide, n = rule("equal", 0), len(wine_shares)

    def nothing_at_first(view):
        return decide(view) if len(seen) == 2 or seen.append(view) else Decision(np.zeros(n), np.zeros(n), 0.0)

    seen: list[RoundView] = []
    rounds = play(setup("wine", rounds=4, epochs=1), wine_shares, nothing_at_first, seed=1, keep=True).rounds

    assert [len(view.public) - n for view in rounds] == [1, 1, 1, 2]


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
        assert len(view.reference) == 1 + len(wine_shares) + 1 + number


def test_play__root_data__change_nothing_unless_the_rule_asks(wine, wine_shares) -> None:
    alone = play(wine, wine_shares, rule("consensus", 2), seed=1)
    beside = play(wine, wine_shares, rule("consensus", 2), seed=1, root=wine_shares[0])
    judged = play(wine, wine_shares, rule("consensus", 2, reference=True), seed=1, root=wine_shares[0])
    assert beside.pay.tolist() == alone.pay.tolist()
    assert judged.pay.tolist() != alone.pay.tolist()
    assert judged.pay.sum() == pytest.approx(1)


def test_rule__reference_without_public_rows__leaves_both_out(wine, wine_shares) -> None:
    last = play(wine, wine_shares, rule("equal", 0), seed=1, root=wine_shares[0], keep=True).rounds[-1]
    bare = replace(last, public=[[] for _ in wine_shares], reference=last.reference[: 1 + len(wine_shares)])

    pay = rule("consensus", 2, public=False, reference=True)(last).pay

    assert pay.tolist() == rule("consensus", 2, reference=True)(bare).pay.tolist()
    assert pay.tolist() != rule("consensus", 2, reference=True)(last).pay.tolist()


def test_play__majority_is_hostile_and_the_owner_sends_a_reference__learns_and_pays_the_honest(wine) -> None:
    shares = deal(wine.data.train, 8, "same", 1)
    attacked, party = attacked_shares(shares[1:], ATTACKS["sign-flip"], 4, 1)
    played = play(wine, attacked, rule("consensus", 2, reference=True), seed=1, party=party, root=shares[0])
    assert played.pay[:4].sum() == 0
    assert played.accuracy[-1] > 0.6

"""Attacks: what each sends, against the definition in its paper or in its own words."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from statistics import NormalDist

import numpy as np
import pytest
import torch

from offchain.simulation.attacks.attack import Attack, Knowledge, noise_like
from offchain.simulation.attacks.errors import AttackError
from offchain.simulation.attacks.free_rider import FREE_RIDER
from offchain.simulation.attacks.pay import PAY, STRATEGIES, expected_pay, surrogate
from offchain.simulation.attacks.poison import POISON, alie_deviations, gamma, with_trigger
from offchain.simulation.attacks.sybil import SYBIL, split_shards
from offchain.simulation.attacks.table import ATTACKS, find_attack
from offchain.training.errors import PartitionError
from offchain.training.task import Samples

D = 2_000  # of these tests' updates: a Gaussian's norm is within a few percent of what is expected
CLOSE = 0.1
POISONERS = [name for name, attack in ATTACKS.items() if attack.poisons]
MADE = ("extrapolate", "curve", "mixture", "masked", "positive", "cube")  # of past steps, at the last one's norm
REPLAYS = ("delta", "delta-noise", "older", "history", *MADE, "ring", "ring-opposed")


def knowledge(*, k: int = 3, past: int = 3, round_: int | None = None, honest: int = 0, seed: int = 5) -> Knowledge:
    """What a party of k accounts knows; every fourth entry of its updates is zero."""
    random = np.random.default_rng([seed, k])
    common = random.normal(size=D)
    own = common + 0.5 * random.normal(size=(k, D))
    own[:, ::4] = 0.0
    return Knowledge(
        model=random.normal(size=D),
        own=own,
        past=tuple(random.normal(size=D) for _ in range(past)),
        round=past if round_ is None else round_,
        rows=10,
        byzantine=3,
        quantum=1e-3,
        random=np.random.default_rng(seed),
        honest=common + 0.5 * random.normal(size=(honest, D)) if honest else None,
    )


def samples(rows: int = 40, classes: int = 5, seed: int = 1) -> Samples:
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    return Samples(torch.from_numpy(random.random((rows, 2, 3))), torch.from_numpy(labels))


def send(name: str, know: Knowledge) -> np.ndarray:
    return ATTACKS[name].updates(know)


def frozen(know: Knowledge) -> Knowledge:
    """The same knowledge in arrays that raise when they are written to."""
    for array in (know.model, know.own, *know.past, *([] if know.honest is None else [know.honest])):
        array.flags.writeable = False
    return know


# the table


def test_table__all_families__has_each_attack_once() -> None:
    families = {"poison": POISON, "pay": PAY, "free-rider": FREE_RIDER, "sybil": SYBIL}

    assert {name for name, count in Counter(a.name for f in families.values() for a in f).items() if count > 1} == set()
    assert list(ATTACKS.values()) == [attack for family in families.values() for attack in family]
    for kind, family in families.items():
        assert {attack.kind for attack in family} == {kind}


def test_find_attack__known_name__is_the_attack() -> None:
    assert find_attack("alie") is ATTACKS["alie"]


def test_find_attack__unknown_name__lists_the_known() -> None:
    with pytest.raises(AttackError, match="no attack 'alia'; there are: ") as raised:
        find_attack("alia")

    assert str(raised.value).split(": ")[1].split(", ") == list(ATTACKS)


@pytest.mark.parametrize("honest", [0, 7])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("name", ATTACKS)
def test_updates__any_attack_in_any_round__are_finite_and_leave_what_is_known(name: str, k: int, honest: int) -> None:
    for past in range(4):
        know = frozen(knowledge(k=k, past=past, honest=honest))

        updates = send(name, know)

        assert updates.shape == (k, D)
        assert updates.dtype == np.float64
        assert np.isfinite(updates).all()
        assert updates.flags.writeable  # its own array, not a view of what is known
        known = (know.model, know.own, *know.past, know.honest)
        assert not any(np.shares_memory(updates, array) for array in known if array is not None)


@pytest.mark.parametrize("name", ATTACKS)
def test_updates__same_generator__are_the_same(name: str) -> None:
    np.testing.assert_array_equal(send(name, knowledge()), send(name, knowledge()))


@pytest.mark.parametrize("name", ATTACKS)
def test_updates__honest_updates_of_zero__are_finite(name: str) -> None:
    know = knowledge()

    assert np.isfinite(send(name, replace(know, own=np.zeros_like(know.own)))).all()


def test_knowledge__fields__are_those_of_the_interface() -> None:
    names = ["model", "own", "past", "round", "rows", "byzantine", "quantum", "random", "honest"]
    names += ["sent", "trained", "others", "memory"]

    assert [field.name for field in fields(Knowledge)] == names
    assert [field.name for field in fields(Attack)] == ["name", "kind", "updates", "poisons"]


# noise


@pytest.mark.parametrize("level", [0.25, 0.5, 1.0])
def test_noise_like__rows_of_different_norm__has_the_level_of_each_and_spares_zeros(level: float) -> None:
    vectors = knowledge().own * np.array([[1.0], [10.0], [0.0]])

    noise = noise_like(vectors, level, np.random.default_rng(3))

    norms = np.linalg.norm(vectors, axis=1)
    assert np.linalg.norm(noise, axis=1) == pytest.approx(level * norms, rel=CLOSE)
    assert (noise[vectors == 0] == 0).all()
    assert np.corrcoef(noise[0], noise[1])[0, 1] == pytest.approx(0, abs=CLOSE)


# poisoned updates


@pytest.mark.parametrize(
    ("name", "factor"), [("label-flip", 1), ("backdoor", 3), ("sign-flip", -1), ("invert", -5), ("scaling", 10)]
)
def test_multiple__of_the_honest_update__is_exact(name: str, factor: int) -> None:
    know = knowledge()

    np.testing.assert_array_equal(send(name, know), factor * know.own)


def test_gaussian__own_norms__are_kept_in_every_entry() -> None:
    know = knowledge()
    updates = send("gaussian", know)

    assert np.linalg.norm(updates, axis=1) == pytest.approx(np.linalg.norm(know.own, axis=1), rel=CLOSE)
    assert (updates != 0).all()
    assert np.corrcoef(np.vstack([updates, know.own]))[0, 1:] == pytest.approx(0, abs=CLOSE)


def test_same_value__own_norms__one_constant_each() -> None:
    know = knowledge()
    updates = send("same-value", know)

    assert (updates == updates[:, :1]).all()
    assert np.linalg.norm(updates, axis=1) == pytest.approx(np.linalg.norm(know.own, axis=1))


def test_alie_deviations__24_of_50__needs_two_supporters_of_26() -> None:
    assert alie_deviations(50, 24) == pytest.approx(NormalDist().inv_cdf(24 / 26))


@pytest.mark.parametrize(("rows", "byzantine"), [(10, 0), (10, 3), (10, 4), (16, 4), (31, 10)])
def test_alie_deviations__a_minority__leaves_just_the_supporters_beyond(rows: int, byzantine: int) -> None:
    z = alie_deviations(rows, byzantine)

    honest = rows - byzantine
    beyond = honest * (1 - NormalDist().cdf(z))
    assert beyond <= honest / 2 + 1e-9
    if z > 0:
        assert beyond + byzantine == pytest.approx(rows // 2 + 1)


@pytest.mark.parametrize(("rows", "byzantine"), [(1, 1), (3, 3), (3, 2)])
def test_alie_deviations__a_majority__is_bounded(rows: int, byzantine: int) -> None:
    assert alie_deviations(rows, byzantine) == pytest.approx(NormalDist().inv_cdf(0.999))


@pytest.mark.parametrize("honest", [0, 7])
def test_alie__sample__is_z_deviations_below_its_mean(honest: int) -> None:
    know = knowledge(honest=honest)
    sample = know.own if know.honest is None else know.honest
    updates = send("alie", know)

    for update in updates:
        deviations = (sample.mean(axis=0) - update)[1::4] / sample.std(axis=0)[1::4]
        assert deviations == pytest.approx(alie_deviations(10, 3))


@pytest.mark.parametrize("honest", [0, 7])
def test_ipm__mean__has_a_negative_product_and_half_the_norm(honest: int) -> None:
    know = knowledge(honest=honest)
    mean = (know.own if know.honest is None else know.honest).mean(axis=0)

    for update in send("ipm", know):
        assert update @ mean == pytest.approx(-0.5 * mean @ mean)
        assert update @ update == pytest.approx(0.25 * mean @ mean)


def reaches(sample: np.ndarray, point: np.ndarray, *, by_sum: bool) -> tuple[float, float]:
    """What Min-Max or Min-Sum bounds, for a point, and the bound: by the definition, row by row."""
    from_point = [float(np.linalg.norm(point - row)) for row in sample]
    between = [[float(np.linalg.norm(a - b)) for b in sample] for a in sample]
    if by_sum:
        return sum(x * x for x in from_point), max(sum(x * x for x in row) for row in between)
    return max(from_point), max(map(max, between))


@pytest.mark.parametrize("honest", [0, 7])
@pytest.mark.parametrize(("name", "by_sum"), [("min-max", False), ("min-sum", True)])
def test_distance_attack__its_bound__holds_and_is_tight(name: str, by_sum: bool, honest: int) -> None:
    know = knowledge(honest=honest)
    sample = know.own if know.honest is None else know.honest
    mean = sample.mean(axis=0)
    updates = send(name, know)

    assert (updates == updates[0]).all()
    reached, bound = reaches(sample, updates[0], by_sum=by_sum)
    assert reached <= bound * (1 + 1e-9)
    farther = mean + 1.001 * (updates[0] - mean)
    assert reaches(sample, farther, by_sum=by_sum)[0] > bound
    # against the mean, in its direction
    step = updates[0] - mean
    assert step @ mean == pytest.approx(-np.linalg.norm(step) * np.linalg.norm(mean))


def test_gamma__two_rows_on_a_line__is_known() -> None:
    # rows at -1 and 1, a step s aside: farthest sqrt(1 + s^2) of at most 2; sums 2 (1 + s^2) of at most 4
    sample, aside = np.array([[-1.0, 0.0], [1.0, 0.0]]), np.array([0.0, 1.0])

    assert gamma(sample, aside, by_sum=False) == pytest.approx(3**0.5)
    assert gamma(sample, aside, by_sum=True) == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["alie", "min-max", "min-sum"])
def test_hidden_attack__a_single_update_known__is_honest(name: str) -> None:
    know = knowledge(k=1)

    np.testing.assert_array_equal(send(name, know), know.own)


# poisoned data


@pytest.mark.parametrize("name", POISONERS)
def test_poisons__any__leaves_its_argument_and_repeats(name: str) -> None:
    clean, poisons = samples(), ATTACKS[name].poisons
    assert poisons

    first, again = poisons(clean, np.random.default_rng(2)), poisons(clean, np.random.default_rng(2))

    assert torch.equal(clean.features, samples().features)
    assert torch.equal(clean.labels, samples().labels)
    assert torch.equal(first.features, again.features)
    assert torch.equal(first.labels, again.labels)
    assert first.labels.dtype == clean.labels.dtype
    assert not torch.equal(first.labels, clean.labels)


def test_label_flip__five_classes__turns_c_to_four_less_c() -> None:
    clean, poisons = samples(classes=5), ATTACKS["label-flip"].poisons
    assert poisons

    flipped = poisons(clean, np.random.default_rng(0))

    assert flipped.labels.tolist() == [4 - c for c in clean.labels.tolist()]
    assert torch.equal(flipped.features, clean.features)


def test_backdoor__half_the_rows__have_the_trigger_and_its_class() -> None:
    clean, poisons = samples(), ATTACKS["backdoor"].poisons
    assert poisons

    dirty = poisons(clean, np.random.default_rng(0))

    marked = (dirty.features != clean.features).flatten(1).any(dim=1)
    assert int(marked.sum()) == len(clean) // 2
    assert (dirty.labels[marked] == 0).all()
    assert torch.equal(dirty.features[marked], with_trigger(clean.features)[marked])
    assert torch.equal(dirty.labels[~marked], clean.labels[~marked])


def test_backdoor__a_single_row__is_poisoned() -> None:
    poisons = ATTACKS["backdoor"].poisons
    assert poisons

    assert poisons(samples().take(np.array([1])), np.random.default_rng(0)).labels.tolist() == [0]


def test_with_trigger__features__are_highest_in_three_places_alone() -> None:
    features = samples().features
    marked = with_trigger(features)

    assert marked.shape == features.shape
    assert (marked.flatten(1)[:, :3] == features.max()).all()
    assert torch.equal(marked.flatten(1)[:, 3:], features.flatten(1)[:, 3:])


# pay


def test_inflate__honest_updates__are_three_times_as_large() -> None:
    know = knowledge()

    np.testing.assert_array_equal(send("inflate", know), 3 * know.own)


def test_pool__all_accounts__send_the_mean() -> None:
    know = knowledge()

    for update in send("pool", know):
        assert update == pytest.approx(know.own.mean(axis=0))


def test_pool_noise__each_account__has_noise_of_half_the_norm_of_its_own() -> None:
    know = knowledge()
    mean = know.own.mean(axis=0)
    noise = send("pool-noise", know) - mean

    assert np.linalg.norm(noise, axis=1) == pytest.approx(0.5 * np.linalg.norm(mean), rel=CLOSE)
    assert (np.corrcoef(noise)[np.triu_indices(3, 1)] < CLOSE).all()


@pytest.mark.parametrize(("name", "times"), [("sharpen", 2), ("sharpen-half", 0.5)])
def test_sharpen__a_past_step__is_added(name: str, times: float) -> None:
    know = knowledge()

    assert send(name, know) - know.own == pytest.approx(np.tile(times * know.past[-1], (3, 1)))


@pytest.mark.parametrize("name", ["sharpen", "sharpen-half"])
def test_sharpen__first_round__is_honest(name: str) -> None:
    know = knowledge(past=0)

    np.testing.assert_array_equal(send(name, know), know.own)


def test_concentrate__first_account__sends_the_mean_and_the_others_their_own() -> None:
    know = knowledge()
    updates = send("concentrate", know)

    assert updates[0] == pytest.approx(know.own.mean(axis=0))
    np.testing.assert_array_equal(updates[1:], know.own[1:])


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def alike(rows: np.ndarray) -> np.ndarray:
    """Cosines."""
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return units @ units.T


@pytest.mark.parametrize(("own", "k"), [(0.3, 3), (0.6, 3), (0.6, 2)])
def test_surrogate__own_updates__are_others_as_alike_to_each_other_as_to_them(own: float, k: int) -> None:
    random = np.random.default_rng(2)
    rows = np.sqrt(own) * random.normal(size=D) + np.sqrt(1 - own) * random.normal(size=(k, D))
    know = replace(knowledge(k=k), own=rows)

    others = surrogate(know)

    assert others.shape == (10 - k, D)
    assert np.linalg.norm(others, axis=1) == pytest.approx(np.linalg.norm(rows, axis=1).mean(), rel=CLOSE)
    cosines = alike(np.vstack([rows, others]))
    expected = cosines[:k, :k][np.triu_indices(k, 1)].mean()
    assert cosines[:k, k:].mean() == pytest.approx(expected, abs=0.05)
    assert cosines[k:, k:][np.triu_indices(10 - k, 1)].mean() == pytest.approx(expected, abs=0.05)


def test_surrogate__one_update__takes_half_as_its_cosine_with_others() -> None:
    know = knowledge(k=1)
    cosines = alike(np.vstack([know.own, surrogate(know)]))

    assert cosines[np.triu_indices(10, 1)] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("k", [1, 3])
def test_surrogate__own_updates_lean_on_a_past_step__others_do_as_much(k: int) -> None:
    know = knowledge(k=k)
    know = replace(know, own=know.own + 1.5 * know.past[0] - 0.5 * know.past[2])

    others = surrogate(know)

    mean = np.mean([unit(row) for row in know.own], axis=0)
    for step in know.past:
        leaning = [unit(row) @ unit(step) for row in others]
        assert leaning == pytest.approx([mean @ unit(step)] * len(others), abs=0.07)


def test_surrogate__steps_that_repeat_or_are_zero__are_finite() -> None:
    know = knowledge()

    assert np.isfinite(surrogate(replace(know, past=(know.past[0], know.past[0], np.zeros(D))))).all()


def test_surrogate__others_are_known__is_what_they_send() -> None:
    know = knowledge(honest=7)

    np.testing.assert_array_equal(surrogate(know), know.honest)


def test_expected_pay__honest_rows__is_a_part_of_one_and_nothing_for_noise() -> None:
    know = knowledge(honest=10, past=0)
    assert know.honest is not None
    mine, others = know.honest[:3], know.honest[3:]

    assert expected_pay(know, mine, others) == pytest.approx(0.3, abs=0.1)
    assert expected_pay(know, mine, others) + expected_pay(know, others, mine) == pytest.approx(1.0)
    assert expected_pay(know, np.random.default_rng(0).normal(size=(3, D)), others) < 0.01


def test_expected_pay__a_public_step__earns_less_than_unknown() -> None:
    know = knowledge(honest=7)
    assert know.honest is not None
    step = know.honest.mean(axis=0)

    unknown = expected_pay(know, np.tile(step, (3, 1)), know.honest)
    public = expected_pay(replace(know, past=(step,)), np.tile(step, (3, 1)), know.honest)

    assert public < unknown / 10


def test_expected_pay__too_few_rows_or_too_many_steps__is_asked_of_what_fits() -> None:
    know = knowledge(past=40)
    assert expected_pay(know, know.own[:1], know.own[1:2]) == 0.0  # two rows: void
    assert 0 < expected_pay(know, know.own, surrogate(know)) < 1


@pytest.mark.parametrize("honest", [0, 7])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("past", [0, 3])
def test_adaptive__all_strategies__sends_the_one_that_pays_most_in_its_round(past: int, k: int, honest: int) -> None:
    know = knowledge(k=k, past=past, honest=honest)
    sent = send("adaptive", know)

    again = knowledge(k=k, past=past, honest=honest)  # its generator as it was
    others = surrogate(again)
    candidates = [strategy(again) for strategy in STRATEGIES.values()]
    pays = [expected_pay(again, candidate, others) for candidate in candidates]

    np.testing.assert_array_equal(candidates[0], know.own)
    assert expected_pay(again, sent, others) == max(pays) >= pays[0]
    np.testing.assert_array_equal(sent, candidates[pays.index(max(pays))])


def test_adaptive__others_have_better_updates__gains_over_honest() -> None:
    random = np.random.default_rng(8)
    common = random.normal(size=D)
    know = replace(
        knowledge(past=0), own=common + 2 * random.normal(size=(3, D)), honest=common + random.normal(size=(7, D))
    )
    assert know.honest is not None

    sent = send("adaptive", know)

    assert expected_pay(know, sent, know.honest) > 1.5 * expected_pay(know, know.own, know.honest)


def test_adaptive__a_void_round_whatever_is_sent__is_honest() -> None:
    know = replace(knowledge(k=1), rows=2)

    np.testing.assert_array_equal(send("adaptive", know), know.own)


# free riders


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize(("name", "back"), [("delta", 1), ("older", 2)])
def test_replay__past_steps__is_exactly_the_step(name: str, back: int, k: int) -> None:
    know = knowledge(k=k)

    np.testing.assert_array_equal(send(name, know), np.tile(know.past[-back], (k, 1)))


def test_older__a_single_step__is_that_step() -> None:
    know = knowledge(past=1)

    np.testing.assert_array_equal(send("older", know), np.tile(know.past[0], (3, 1)))


@pytest.mark.parametrize("name", REPLAYS)
def test_replay__first_round__is_zero(name: str) -> None:
    assert not send(name, knowledge(past=0)).any()


def test_zero__any_round__is_zero() -> None:
    assert not send("zero", knowledge()).any()


def test_noise__its_deviation__is_a_quantum() -> None:
    know = knowledge()

    assert send("noise", know).std() == pytest.approx(know.quantum, rel=CLOSE)


@pytest.mark.parametrize("past", [0, 3])
def test_noise_like__its_norm__is_the_last_step_or_one(past: int) -> None:
    know = knowledge(past=past)
    expected = np.linalg.norm(know.past[-1]) if past else 1.0

    assert np.linalg.norm(send("noise-like", know), axis=1) == pytest.approx(expected, rel=CLOSE)


def test_delta_noise__beside_the_step__has_three_tenths_of_its_norm() -> None:
    know = knowledge()
    noise = send("delta-noise", know) - know.past[-1]

    assert np.linalg.norm(noise, axis=1) == pytest.approx(0.3 * np.linalg.norm(know.past[-1]), rel=CLOSE)


def test_history__all_steps__are_in_it_with_positive_weights_of_each_account() -> None:
    know = knowledge()
    updates = send("history", know)

    weights, residual, *_ = np.linalg.lstsq(np.stack(know.past).T, updates.T, rcond=None)
    assert residual == pytest.approx(0, abs=1e-9)
    assert (weights > 0).all()
    assert len({tuple(column) for column in weights.T}) == 3


@pytest.mark.parametrize("name", MADE)
def test_made_of_steps__any__has_the_norm_of_the_last(name: str) -> None:
    know = knowledge()

    assert np.linalg.norm(send(name, know), axis=1) == pytest.approx(np.linalg.norm(know.past[-1]))


@pytest.mark.parametrize(
    ("name", "past", "weights"),
    [
        ("extrapolate", 1, [1]),
        ("extrapolate", 2, [-1, 2]),
        ("extrapolate", 3, [0, -1, 2]),
        ("curve", 1, [1]),
        ("curve", 2, [-1, 2]),
        ("curve", 3, [1, -3, 3]),
        ("curve", 4, [0, 1, -3, 3]),
    ],
)
def test_extrapolation__past_steps__go_on_as_a_polynomial_does(name: str, past: int, weights: list[int]) -> None:
    know = knowledge(past=past)
    know = replace(know, past=tuple((10.0**i) * step for i, step in enumerate(know.past)))  # norms don't count
    expected = unit(sum(w * unit(step) for w, step in zip(weights, know.past, strict=True)))

    for update in send(name, know):
        assert unit(update) == pytest.approx(expected)


def test_mixture__all_steps__have_weights_of_either_sign_of_each_account() -> None:
    know = knowledge(k=40)
    steps = np.stack([unit(step) for step in know.past])
    weights, residual, *_ = np.linalg.lstsq(steps.T, send("mixture", know).T, rcond=None)

    assert residual == pytest.approx(0, abs=1e-9)
    assert len({tuple(column) for column in weights.T}) == 40
    assert (np.abs((weights > 0).mean(axis=1) - 0.5) < 0.25).all()
    assert (np.abs(np.corrcoef(weights)[np.triu_indices(3, 1)]) < 0.5).all()


def test_masked__last_step__has_half_its_entries_and_each_account_others() -> None:
    know = knowledge()
    updates = send("masked", know)

    kept = updates != 0
    assert kept.mean(axis=1) == pytest.approx(0.5, abs=0.05)
    assert (kept[0] == kept[1]).mean() == pytest.approx(0.5, abs=0.05)
    for update, mask in zip(updates, kept, strict=True):
        assert unit(update) == pytest.approx(unit(know.past[-1] * mask))


def test_positive__last_step__has_no_other_entries() -> None:
    know = knowledge()
    step = know.past[-1]

    for update in send("positive", know):
        assert unit(update) == pytest.approx(unit(np.where(step > 0, step, 0)))


def test_cube__last_step__is_its_third_powers() -> None:
    know = knowledge()

    for update in send("cube", know):
        assert unit(update) == pytest.approx(unit(know.past[-1] ** 3))


def test_ring__accounts__share_the_step_and_as_much_noise_as_each_has_alone() -> None:
    know = knowledge()
    step, updates = know.past[-1], send("ring", know)

    # beside the step of length 1: shared and own noise of 0.7 each
    assert alike(updates)[np.triu_indices(3, 1)] == pytest.approx(1.49 / 1.98, abs=0.05)
    assert alike(np.vstack([step, updates]))[0, 1:] == pytest.approx(1.98**-0.5, abs=0.05)
    assert alike(updates - step)[np.triu_indices(3, 1)] == pytest.approx(0.5, abs=0.05)


def test_ring_opposed__accounts__add_the_same_noise_or_subtract_it() -> None:
    know = knowledge()
    step, updates = know.past[-1], send("ring-opposed", know)

    np.testing.assert_array_equal(updates[0], updates[2])
    assert (updates[0] + updates[1]) / 2 == pytest.approx(step)
    assert np.linalg.norm(updates[0] - step) == pytest.approx(0.7 * np.linalg.norm(step), rel=CLOSE)
    assert alike(updates)[0, 1] == pytest.approx(0.51 / 1.49, abs=0.05)


def test_model__any_round__is_the_model() -> None:
    know = knowledge()

    np.testing.assert_array_equal(send("model", know), np.tile(know.model, (3, 1)))


def test_copy_noise__one_account__is_honest_and_the_others_copies_with_a_quarter_of_noise() -> None:
    know = knowledge()
    updates = send("copy-noise", know)

    np.testing.assert_array_equal(updates[0], know.own[0])
    noise = updates[1:] - know.own[0]
    assert np.linalg.norm(noise, axis=1) == pytest.approx(0.25 * np.linalg.norm(know.own[0]), rel=CLOSE)


@pytest.mark.parametrize("round_", [0, 1])
def test_late_switch__first_two_rounds__are_honest(round_: int) -> None:
    know = knowledge(past=round_, round_=round_)

    np.testing.assert_array_equal(send("late-switch", know), know.own)


@pytest.mark.parametrize("round_", [2, 3])
def test_late_switch__afterwards__replays(round_: int) -> None:
    know = knowledge(past=round_, round_=round_)

    np.testing.assert_array_equal(send("late-switch", know), np.tile(know.past[-1], (3, 1)))


# one data set in several seats


def test_copies__all_accounts__send_the_first_update() -> None:
    know = knowledge()

    np.testing.assert_array_equal(send("copies", know), np.tile(know.own[0], (3, 1)))


@pytest.mark.parametrize("level", [0.25, 0.5, 1.0])
def test_noisy__every_account__has_that_noise_where_the_update_is_not_zero(level: float) -> None:
    know = knowledge()
    noise = send(f"noisy-{level}", know) - know.own[0]

    assert np.linalg.norm(noise, axis=1) == pytest.approx(level * np.linalg.norm(know.own[0]), rel=CLOSE)
    assert (noise[:, know.own[0] == 0] == 0).all()
    assert (np.corrcoef(noise)[np.triu_indices(3, 1)] < CLOSE).all()


def test_shards__own__is_sent_as_it_is() -> None:
    know = knowledge()

    np.testing.assert_array_equal(send("shards", know), know.own)


def test_shards_scaled__different_norms__become_the_largest_and_zero_stays() -> None:
    know = knowledge()
    know = replace(know, own=know.own * np.array([[1.0], [100.0], [0.0]]))
    updates = send("shards-scaled", know)

    largest = np.linalg.norm(know.own, axis=1).max()
    assert np.linalg.norm(updates, axis=1) == pytest.approx([largest, largest, 0.0])
    assert updates[0] @ know.own[0] == pytest.approx(largest * np.linalg.norm(know.own[0]))


@pytest.mark.parametrize("pieces", [1, 3, 40])
def test_split_shards__any_number__has_every_row_once(pieces: int) -> None:
    whole = samples()
    shards = split_shards(whole, pieces, np.random.default_rng(4))

    sizes = [len(shard) for shard in shards]
    assert len(shards) == pieces
    assert max(sizes) - min(sizes) <= 1

    def rows(part: Samples) -> list[tuple[float, ...]]:
        return [(*x.flatten().tolist(), int(c)) for x, c in zip(part.features, part.labels, strict=True)]

    assert sorted(row for shard in shards for row in rows(shard)) == sorted(rows(whole))


@pytest.mark.parametrize("pieces", [0, 41])
def test_split_shards__impossible_number__raises(pieces: int) -> None:
    with pytest.raises(PartitionError, match=f"40 rows can't make {pieces} shards"):
        split_shards(samples(), pieces, np.random.default_rng(4))


# those that need several rounds


def rounds_of(name: str, count: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What a seat trains in each of these rounds, and what the attack sends."""
    random = np.random.default_rng(3)
    trained = [random.normal(size=(1, D)) for _ in range(count)]
    sent: list[np.ndarray] = []
    for round_ in range(count):
        know = replace(
            knowledge(k=1, past=0),
            own=trained[round_],
            past=tuple(trained[k][0] for k in range(round_)),
            trained=tuple(trained[: round_ + 1]),
            sent=tuple(sent),
            others=random.normal(size=(5, D)) if round_ else None,
        )
        sent.append(send(name, know))
    return trained, sent


def test_repeat_first__every_round__is_the_first_update() -> None:
    trained, sent = rounds_of("repeat-first", 4)
    for update in sent:
        np.testing.assert_array_equal(update, trained[0])


def test_cycle__every_round__is_that_of_three_rounds_ago() -> None:
    trained, sent = rounds_of("cycle", 8)
    for round_, update in enumerate(sent):
        np.testing.assert_array_equal(update, trained[round_ % 3])


def test_repeat_third__between_trainings__is_the_mean_of_the_last_three() -> None:
    trained, sent = rounds_of("repeat-third", 11)
    np.testing.assert_array_equal(sent[1], trained[0])
    np.testing.assert_allclose(sent[10], (trained[3] + trained[6] + trained[9]) / 3)


def test_average_own__later__is_the_mean_of_its_last_four() -> None:
    trained, sent = rounds_of("average-own", 6)
    np.testing.assert_allclose(sent[5], sum(trained[2:6]) / 4)


@pytest.mark.parametrize("name", [name for name in ATTACKS if name.startswith("late-") and name != "late-switch"])
def test_late__first_round_is_honest__and_then_it_is_the_free_rider(name: str) -> None:
    trained, sent = rounds_of(name, 3)
    np.testing.assert_array_equal(sent[0], trained[0])
    assert not np.allclose(sent[2], trained[2])


def test_mix__others_last_updates__has_their_direction_and_its_own_length() -> None:
    others = np.random.default_rng(0).normal(size=(6, D))
    know = replace(knowledge(k=1), others=others)
    mean, sent = others[:4].mean(axis=0), send("mix", know)[0]
    assert np.linalg.norm(sent) == pytest.approx(np.linalg.norm(know.own[0]))
    assert sent @ mean == pytest.approx(np.linalg.norm(sent) * np.linalg.norm(mean))
    np.testing.assert_allclose(send("mix-add", know)[0], know.own[0] + 0.5 * sent)

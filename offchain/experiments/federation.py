"""Rounds of a project played without chain and proofs: what experiments repeat a hundred times.

Trainers, quantising with error feedback, the Gram matrix, the rule that keeps, weighs and pays, the step on the model:
the same code or the same arithmetic as in a market, but many models train at once (`training/batched.py`).

    shares = deal(task.load().train, 10, "label-noise", seed)
    played = play(setup, shares, rule("consensus", byzantine=3), seed=seed)
    played.pay                # float64[rows]: of the whole reward

An attacking party holds the first seats (`attacked_shares`).
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from offchain.experiments.rules import RoundView, Rule
from offchain.market.public_rows import with_newest
from offchain.proving.gram import gram_matrix
from offchain.proving.kernels.fold import exact_products, join_digits, signed_digits
from offchain.scoring.shown import NOTHING
from offchain.simulation.attacks.attack import Attack, Knowledge
from offchain.simulation.attacks.sybil import split_shards
from offchain.training.batched import evaluate_many, train_many
from offchain.training.local import initial_model
from offchain.training.quantise import choose_quantum, dequantise, in_quanta, quantise
from offchain.training.task import Dataset, Samples, Task

__all__ = ["Party", "Played", "Setup", "attacked_shares", "play", "retrain"]

Floats = npt.NDArray[np.float64]
Digits = npt.NDArray[np.int16]  # [4, d]: a public row, as `signed_digits` has it

OWNER_SEED = 500  # the owner's batches are not a trainer's
_TOGETHER = 512  # models that train at once


@dataclass(frozen=True, eq=False)
class Setup:
    """What every project of an experiment has in common."""

    task: Task
    data: Dataset
    rounds: int = 5
    learning_rate: float = 0.3
    epochs: int = 3
    batch_size: int = 16
    bits: int = 16  # of an entry; 0: not quantised, for comparison

    def start(self, data: Samples, seed: int) -> Floats:
        """The model, float64[d], that a project starts from; `data` are an honest trainer's."""
        return initial_model(self.task, seed)

    def train(
        self,
        models: Floats,
        shares: Sequence[Samples],
        whose: Sequence[int],
        seed: int,
        round_: int,
        decayed: float = 1.0,
    ) -> Floats:
        """Updates float64[m, d], of trainer `whose[i]` from model i; its batches follow from seed, trainer, round.

        `decayed` is what is left of the learning rate.
        """
        seeds = [(seed * 1_000 + trainer) * 100 + round_ for trainer in range(len(shares))]
        return train_many(
            self.task,
            models,
            shares,
            whose,
            learning_rate=self.learning_rate * decayed,
            epochs=self.epochs,
            batch_size=self.batch_size,
            seeds=seeds,
        )

    def accuracy(self, model: Floats) -> float:
        """On the test set."""
        return float(evaluate_many(self.task, model[None], self.data.test)[1][0])


@dataclass(frozen=True, eq=False)
class Party:
    """Who holds the first seats and attacks from them. An omniscient one sees everybody's updates first."""

    attack: Attack
    seats: int
    omniscient: bool = False


@dataclass(frozen=True, eq=False)
class Played:
    """A project that was played. Rows are seats."""

    pay: Floats  # float64[n], of the whole reward
    accuracy: list[float]  # after each round
    model: Floats = field(repr=False)  # after the last one
    rounds: list[RoundView] = field(repr=False)


def play(
    setup: Setup,
    shares: Sequence[Samples],
    decide: Rule,
    *,
    seed: int,
    party: Party | None = None,
    root: Samples | None = None,
    keep: bool = False,
) -> Played:
    """Plays all rounds. A party's seats have `shares[: party.seats]`, poisoned already if its attack poisons.

    `root` are the owner's data, if it sends a reference. `keep` keeps what the rule saw of each round.
    """
    n = len(shares)
    random = np.random.default_rng([seed, 7])
    stakes = random.lognormal(size=n)
    model = setup.start(shares[-1], seed)
    residuals = np.zeros((n, model.size))
    own_residual = np.zeros(model.size)
    past: list[Floats] = []
    known: list[npt.NDArray[np.int64]] = []  # the public rows, as the market has them
    sent: list[Floats] = []  # by the party, and what it would have sent
    trained: list[Floats] = []
    others: Floats | None = None  # everybody else's last updates
    memory = NOTHING
    quantum = 0
    decayed = 1.0
    pay = np.zeros(n)
    accuracies, views = [], []
    for round_ in range(setup.rounds):
        updates = setup.train(np.repeat(model[None], n, axis=0), shares, range(n), seed, round_, decayed)
        if not quantum:
            quantum = choose_quantum(updates[-1:], setup.bits or 16)  # an honest trainer's pilot
            known.append(in_quanta(model, quantum))
        public = [signed_digits(row) for row in known]
        if party:
            trained.append(updates[: party.seats].copy())
            know = _knowledge(party, updates, model, past, round_, quantum, random)
            know = replace(know, sent=tuple(sent), trained=tuple(trained), others=others, memory=memory)
            others = updates[party.seats :].copy()
            updates = np.vstack([party.attack.updates(know), others])
            sent.append(updates[: party.seats].copy())
        values = np.empty(updates.shape, dtype=np.int16)
        for i in range(n):
            quantised = quantise(updates[i], residuals[i], quantum, setup.bits or 16)
            values[i], residuals[i] = quantised.values, quantised.residual
        reference = None
        if root is not None:
            own = setup.train(model[None], [root], [0], seed + OWNER_SEED, round_, decayed)
            quantised = quantise(own[0], own_residual, quantum, setup.bits or 16)
            own_residual = quantised.residual
            judge = quantised.values[None]
            reference = [int(x) for x in exact_products(judge, np.vstack([judge, values]))[0]]
            reference += [join_digits(exact_products(judge, row)[0]) for row in public]
        seen = np.stack([dequantise(row, quantum) for row in values]) if setup.bits else updates
        view = RoundView(
            updates=seen,
            gram=gram_matrix(values),
            public=_products(values, public),
            reference=reference,
            sizes=[len(share) for share in shares],
            stakes=list(stakes),
            task=setup.task,
            model=model,
            validation=setup.data.test,
        )
        decision = decide(view)
        memory = decision.memory
        pay += decision.pay / setup.rounds
        decayed *= decision.decay
        step = np.zeros_like(model)
        if decision.total > 0:
            step = decision.weights @ seen / decision.total
            aggregate = decision.weights @ values.astype(np.float64)  # float64 holds a policy's exactly
            known = with_newest(known, aggregate.astype(np.int64), operator.add)
        past.append(step)
        model = model + step
        accuracies.append(setup.accuracy(model))
        if keep:
            views.append(view)
    return Played(pay, accuracies, model, views)


def _knowledge(
    party: Party,
    updates: Floats,
    model: Floats,
    past: Sequence[Floats],
    round_: int,
    quantum: int,
    random: np.random.Generator,
) -> Knowledge:
    k = party.seats
    one_update = party.attack.kind == "sybil" and not party.attack.name.startswith("shards")
    return Knowledge(
        model=model,
        own=np.repeat(updates[:1], k, axis=0) if one_update else updates[:k],
        past=tuple(past),
        round=round_,
        rows=len(updates),
        byzantine=k,
        quantum=float(quantum) * 2.0**-64,
        random=random,
        honest=updates[k:] if party.omniscient else None,
    )


def _products(values: npt.NDArray[np.int16], public: Sequence[Digits]) -> list[list[int]]:
    """The products of each row, then of each public row from itself on, with the public rows, exactly."""
    beside = [exact_products(values, row) for row in public]
    return [
        *([join_digits(column[i]) for column in beside] for i in range(len(values))),
        *([join_digits(exact_products(row, other)) for other in public[k:]] for k, row in enumerate(public)),
    ]


def retrain(setup: Setup, shares: Sequence[Samples], seed: int) -> tuple[Floats, Floats]:
    """Loss and accuracy, each float64[2^n], of the model that each coalition makes by itself:

    federated averaging of its members from the same start, for as many rounds. Coalition masks are the indices; nobody
    has the initial model. Cost: n 2^(n-1) local trainings a round.
    """
    n = len(shares)
    models = np.repeat(initial_model(setup.task, seed)[None], 1 << n, axis=0)
    members = [[mask for mask in range(1 << n) if mask >> i & 1] for i in range(n)]
    counts = np.array([max(1, mask.bit_count()) for mask in range(1 << n)])
    for round_ in range(setup.rounds):
        total = np.zeros_like(models)
        for i, masks in enumerate(members):
            for start in range(0, len(masks), _TOGETHER):
                part = masks[start : start + _TOGETHER]
                total[part] += setup.train(models[part], shares, [i] * len(part), seed, round_)
        models += total / counts[:, None]
    return evaluate_many(setup.task, models, setup.data.test)


def attacked_shares(shares: Sequence[Samples], attack: Attack, seats: int, seed: int) -> tuple[list[Samples], Party]:
    """The data of all seats once a party attacks from the first `seats`, and the party.

    For a Sybil attack `shares` has one entry for the party, which is repeated, or cut into shards.
    """
    random = np.random.default_rng([seed, 11])
    if attack.kind == "sybil":
        own = split_shards(shares[0], seats, random) if attack.name.startswith("shards") else [shares[0]] * seats
        return [*own, *shares[1:]], Party(attack, seats)
    own = list(shares[:seats])
    if attack.poisons:
        own = [attack.poisons(share, random) for share in own]
    return [*own, *shares[seats:]], Party(attack, seats)

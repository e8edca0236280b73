"""Attacks on the pay, by parties that train and know the policy.

| name | what is sent |
|---|---|
| inflate | the honest update times 3 |
| pool | the mean of the party's updates, from every account |
| pool-noise | the same, each with noise of half its norm, to look like several |
| sharpen, sharpen-half | the honest update and twice, or half, the last public step, to agree more with everybody |
| concentrate | the mean from one account, the others' own from theirs |
| adaptive | what of `STRATEGIES` the policy *shown* pays most for in a round that the party makes up |
| mix | the mean of four others' last updates, which whoever aggregates can read |
| mix-add | its own update and half of such a mean |
| average-own | the mean of its own last four updates |

*adaptive* runs the policy itself, in the integers of the contract, on its accounts' candidate rows beside a surrogate
of everybody else's (`surrogate`), with the past steps as public rows and with what every seat has shown; of equal pay
the earlier strategy is sent, honest ones first. It optimises over a small grid and by a guess of the round, so what it
gains is a lower bound on what an adaptive attacker can gain. Against other rules it is only one attack more. Cost: the
policy once a strategy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from offchain.proving.gram import gram_matrix
from offchain.scoring.policy import ONE, SHOWN, PolicyTerms, evaluate
from offchain.simulation.attacks.attack import Attack, Floats, Knowledge, noise_like

__all__ = ["PAY", "STRATEGIES", "expected_pay", "surrogate"]

WINDOW = 2  # past steps that are public rows by themselves (market/public_rows.py)
MIXED = 4  # updates of others in a mixture
UNKNOWN_COSINE = 0.5  # of honest updates, to a party that has one alone
LARGEST = (1 << 15) - 1  # entry of an update
TINY = 1e-300  # instead of a norm of 0


def _pool(know: Knowledge) -> Floats:
    return np.repeat(know.own.mean(axis=0, keepdims=True), len(know.own), axis=0)


def _half_pool(know: Knowledge) -> Floats:
    return (know.own + know.own.mean(axis=0)) / 2


def _noisy(updates: Callable[[Knowledge], Floats], level: float) -> Callable[[Knowledge], Floats]:
    def noisy(know: Knowledge) -> Floats:
        plain = updates(know)
        return plain + noise_like(plain, level, know.random)

    return noisy


def _sharpen(times: float) -> Callable[[Knowledge], Floats]:
    return lambda know: know.own + times * know.past[-1] if know.past else know.own.copy()


def _concentrate(know: Knowledge) -> Floats:
    return np.vstack([know.own.mean(axis=0, keepdims=True), know.own[1:]])


STRATEGIES: dict[str, Callable[[Knowledge], Floats]] = {
    "honest": lambda know: know.own.copy(),
    "half": lambda know: 0.5 * know.own,
    "inflated": lambda know: 3.0 * know.own,
    "pooled": _pool,
    **{f"pooled, noise {level}": _noisy(_pool, level) for level in (0.25, 0.5, 1.0)},
    "half pooled": _half_pool,
    "half pooled, noise 0.5": _noisy(_half_pool, 0.5),
    **{f"sharpened {times}": _sharpen(times) for times in (0.25, 0.5, 1.0, 2.0)},
    "concentrated": _concentrate,
}


def surrogate(know: Knowledge) -> Floats:
    """What the rows - k others may send, float64[rows - k, d]: their updates if the party knows them, or a guess.

    Of unit updates, the part p_i in the span of the past steps is guessed to be the party's mean. Of what is left, with
    c the mean cosine of the m rows that it has and a the direction of their mean, a guess is

        alpha a + beta h + sqrt(1 - c) e,   alpha = c sqrt(m / (1 + (m - 1) c)),   beta = sqrt(c - alpha^2)

    at their mean length, with h, which all guesses share, and e, of each alone, random directions: then the cosine of
    any two rows, known or guessed, is about c. h is what a sample of m doesn't tell of what all have in common.
    """
    if know.honest is not None:
        return know.honest
    m, norms = len(know.own), np.linalg.norm(know.own, axis=1)
    units = _unit(know.own)
    known = _along(units, know.past)
    left = units - known
    lengths, parts = np.linalg.norm(left, axis=1), _unit(left)
    if m > 1:
        c = float((parts @ parts.T)[np.triu_indices(m, 1)].mean())
    else:
        c = float((UNKNOWN_COSINE - (known**2).sum()) / max(TINY, 1 - (known**2).sum()))
    c = min(1.0, max(0.0, c))
    direction = _unit(parts.mean(axis=0))
    alpha = c * np.sqrt(m / (1 + (m - 1) * c))
    shared = alpha * direction + noise_like(direction, np.sqrt(max(0.0, c - alpha**2)), know.random)
    alone = noise_like(np.repeat(direction[None], know.rows - m, axis=0), np.sqrt(1 - c), know.random)
    return norms.mean() * (known.mean(axis=0) + lengths.mean() * (shared + alone))


def _unit(vectors: Floats) -> Floats:
    """Vectors of norm 1; of zero as they are."""
    result: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), TINY)
    return result


def _along(rows: Floats, steps: Sequence[Floats]) -> Floats:
    """The part of each row in the span of the steps."""
    if not steps:
        return np.zeros_like(rows)
    basis = _unit(np.stack(steps))
    result: Floats = np.linalg.lstsq(basis.T, rows.T, rcond=None)[0].T @ basis
    return result


def expected_pay(know: Knowledge, updates: Floats, others: Floats) -> float:
    """The part of a round's reward that the party's `updates` get beside those of `others`; 0 if void."""
    rows = len(updates) + len(others)
    older = know.past[:-WINDOW]
    rest = [np.mean(np.stack(older), axis=0)[None]] if older else []  # the length of a public row doesn't matter
    public = [*rest, *(step[None] for step in know.past[-WINDOW:])]
    values = np.clip(np.rint(np.vstack([updates, others, *public]) / know.quantum), -LARGEST - 1, LARGEST)
    terms = PolicyTerms(SHOWN, max(0, min(know.byzantine, (rows - 3) // 2)))
    gram = gram_matrix(values.astype(np.int16))
    contributions = evaluate(rows, gram, terms, ONE, memory=know.memory).contributions
    return sum(contributions[: len(updates)]) / max(1, sum(contributions))


def _mixed(know: Knowledge) -> Floats | None:
    """Brought to the norm of its own update."""
    if know.others is None:
        return None
    mean = know.others[:MIXED].mean(axis=0)
    return np.repeat(_unit(mean)[None], len(know.own), axis=0) * np.linalg.norm(know.own, axis=1, keepdims=True)


def _mix(know: Knowledge) -> Floats:
    mixed = _mixed(know)
    return know.own.copy() if mixed is None else mixed


def _mix_add(know: Knowledge) -> Floats:
    mixed = _mixed(know)
    return know.own.copy() if mixed is None else know.own + 0.5 * mixed


def _average_own(know: Knowledge) -> Floats:
    result: Floats = np.mean(np.stack(know.trained[-4:]), axis=0) if know.trained else know.own.copy()
    return result


def _adaptive(know: Knowledge) -> Floats:
    others = surrogate(know)
    return max((strategy(know) for strategy in STRATEGIES.values()), key=lambda sent: expected_pay(know, sent, others))


PAY = (
    Attack("inflate", "pay", lambda know: 3.0 * know.own),
    Attack("pool", "pay", _pool),
    Attack("pool-noise", "pay", _noisy(_pool, 0.5)),
    Attack("sharpen", "pay", _sharpen(2.0)),
    Attack("sharpen-half", "pay", _sharpen(0.5)),
    Attack("concentrate", "pay", _concentrate),
    Attack("adaptive", "pay", _adaptive),
    Attack("mix", "pay", _mix),
    Attack("mix-add", "pay", _mix_add),
    Attack("average-own", "pay", _average_own),
)

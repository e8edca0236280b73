"""Accounts that want pay without training.

| name | what is sent |
|---|---|
| zero | nothing |
| noise | noise of one quantum |
| noise-like | noise with the norm of the last step |
| delta | the last step again (Lin et al., arXiv 1911.12560: delta weights) |
| delta-noise | the same with noise of 0.3 of its norm |
| older | the step before the last; the last while it is the only one |
| history | a combination of all past steps with random weights of [0, 1) |
| history-noise | the same with noise of 0.3 of its norm |
| extrapolate | 2 s_1 - s_2, with s_1 the last step and s_2 the one before, each normed |
| curve | 3 s_1 - 3 s_2 + s_3, in the same way |
| mixture | all past steps, each normed, with independent standard normal weights |
| masked | the last step, of which each entry is kept with probability 1/2 |
| positive | the positive entries of the last step |
| cube | the third powers of the last step's entries |
| ring | the last step, noise that all accounts share, and noise of its own, each of 0.7 of the step's norm |
| ring-opposed | the last step with shared noise of 0.7, which accounts 0, 2, ... add and 1, 3, ... subtract |
| model | the global model itself |
| model-noise | the same with noise of 0.3 of its norm |
| copy-noise | one account trains, the others send its update with noise of a quarter of its norm |
| late-switch | two honest rounds, then delta |
| repeat-first | one honest update, again and again |
| repeat-noise | the same, with noise of half its norm |
| repeat-third | trains every third round, and sends the mean of its last three updates |
| cycle | three honest updates, in turn |
| late-X | one honest round, then X, for X in delta, history, extrapolate, mixture, masked, positive and cube |

Without a past step a replay is zero, and noise-like has norm 1. With fewer than it takes, extrapolate and curve go as
far as there are steps: s_1 alone, or 2 s_1 - s_2. extrapolate to cube are brought to the norm of the last step, so that
no rule takes them for small. copy-noise with a single account is honest; rings are for several.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from offchain.simulation.attacks.attack import Attack, Floats, Knowledge, noise_like

__all__ = ["FREE_RIDER"]

HONEST_ROUNDS = 2
SHARED = 0.7  # noise of a ring, beside the step's norm
EXTRAPOLATIONS = ((1.0,), (2.0, -1.0), (3.0, -3.0, 1.0))  # of polynomials of degree 0, 1 and 2, newest step first


def _noise(know: Knowledge) -> Floats:
    return know.random.normal(0.0, know.quantum, know.own.shape)


def _noise_like(know: Knowledge) -> Floats:
    norm = float(np.linalg.norm(know.past[-1])) if know.past else 1.0
    return know.random.normal(0.0, norm / np.sqrt(know.own.shape[1]), know.own.shape)


def _delta(know: Knowledge) -> Floats:
    return _replay(know, 1)


def _replay(know: Knowledge, back: int) -> Floats:
    if not know.past:
        return np.zeros_like(know.own)
    return np.repeat(know.past[-min(back, len(know.past))][None], len(know.own), axis=0)


def _history(know: Knowledge) -> Floats:
    if not know.past:
        return np.zeros_like(know.own)
    result: Floats = know.random.random((len(know.own), len(know.past))) @ np.stack(list(know.past))
    return result


def _unit(steps: Floats) -> Floats:
    """Rows of norm 1, or 0 as they are."""
    norms = np.linalg.norm(steps, axis=-1, keepdims=True)
    return np.divide(steps, norms, out=np.zeros_like(steps), where=norms > 0)


def _made_of(combine: Callable[[Knowledge, Floats], Floats]) -> Callable[[Knowledge], Floats]:
    """Updates made of the past steps, float64[steps, d] newest first, and brought to the norm of the last one."""

    def updates(know: Knowledge) -> Floats:
        if not know.past:
            return np.zeros_like(know.own)
        made = combine(know, np.stack(know.past[::-1]))
        return np.broadcast_to(_unit(made), know.own.shape) * np.linalg.norm(know.past[-1])

    return updates


def _extrapolated(most: int) -> Callable[[Knowledge], Floats]:
    def combine(know: Knowledge, steps: Floats) -> Floats:
        count = min(most, len(steps))
        result: Floats = np.array(EXTRAPOLATIONS[count - 1]) @ _unit(steps[:count])
        return result

    return _made_of(combine)


def _mixture(know: Knowledge, steps: Floats) -> Floats:
    result: Floats = know.random.normal(size=(len(know.own), len(steps))) @ _unit(steps)
    return result


def _masked(know: Knowledge, steps: Floats) -> Floats:
    return steps[0] * (know.random.random(know.own.shape) < 0.5)


def _ring(know: Knowledge) -> Floats:
    replayed = _delta(know)
    shared = noise_like(replayed[0], SHARED, know.random)
    return replayed + shared + noise_like(replayed, SHARED, know.random)


def _ring_opposed(know: Knowledge) -> Floats:
    replayed = _delta(know)
    signs = 1.0 - 2.0 * (np.arange(len(replayed)) % 2)
    return replayed + signs[:, None] * noise_like(replayed[0], SHARED, know.random)


def _noisy(replay: Callable[[Knowledge], Floats]) -> Callable[[Knowledge], Floats]:
    def updates(know: Knowledge) -> Floats:
        replayed = replay(know)
        return replayed + noise_like(replayed, 0.3, know.random)

    return updates


def _model(know: Knowledge) -> Floats:
    return np.repeat(know.model[None], len(know.own), axis=0)


def _copy_noise(know: Knowledge) -> Floats:
    copies = np.repeat(know.own[:1], len(know.own), axis=0)
    noise = noise_like(copies, 0.25, know.random)
    noise[0] = 0.0
    return copies + noise


def _late_switch(know: Knowledge) -> Floats:
    return know.own.copy() if know.round < HONEST_ROUNDS else _delta(know)


def _repeat(count: int) -> Callable[[Knowledge], Floats]:
    """Its first `count` updates, in turn."""

    def updates(know: Knowledge) -> Floats:
        return know.own.copy() if len(know.sent) < count else know.sent[-count].copy()

    return updates


def _repeat_noise(know: Knowledge) -> Floats:
    if not know.trained:
        return know.own.copy()
    first = know.trained[0]
    return first.copy() if len(know.trained) == 1 else first + noise_like(first, 0.5, know.random)


def _repeat_third(know: Knowledge) -> Floats:
    result: Floats = np.mean(np.stack(know.trained[::3][-3:]), axis=0) if know.trained else know.own.copy()
    return result


def _late(updates: Callable[[Knowledge], Floats]) -> Callable[[Knowledge], Floats]:
    """Honest in the first round, when what a seat has shown is remembered."""
    return lambda know: updates(know) if know.past else know.own.copy()


LATE: dict[str, Callable[[Knowledge], Floats]] = {
    "delta": _delta,
    "history": _history,
    "extrapolate": _extrapolated(2),
    "mixture": _made_of(_mixture),
    "masked": _made_of(_masked),
    "positive": _made_of(lambda know, steps: np.maximum(steps[0], 0.0)),
    "cube": _made_of(lambda know, steps: steps[0] ** 3),
}
FREE_RIDER = (
    Attack("zero", "free-rider", lambda know: np.zeros_like(know.own)),
    Attack("noise", "free-rider", _noise),
    Attack("noise-like", "free-rider", _noise_like),
    Attack("delta", "free-rider", _delta),
    Attack("delta-noise", "free-rider", _noisy(_delta)),
    Attack("older", "free-rider", lambda know: _replay(know, 2)),
    Attack("history", "free-rider", _history),
    Attack("history-noise", "free-rider", _noisy(_history)),
    Attack("extrapolate", "free-rider", _extrapolated(2)),
    Attack("curve", "free-rider", _extrapolated(3)),
    Attack("mixture", "free-rider", _made_of(_mixture)),
    Attack("masked", "free-rider", _made_of(_masked)),
    Attack("positive", "free-rider", _made_of(lambda know, steps: np.maximum(steps[0], 0.0))),
    Attack("cube", "free-rider", _made_of(lambda know, steps: steps[0] ** 3)),
    Attack("ring", "free-rider", _ring),
    Attack("ring-opposed", "free-rider", _ring_opposed),
    Attack("model", "free-rider", _model),
    Attack("model-noise", "free-rider", _noisy(_model)),
    Attack("copy-noise", "free-rider", _copy_noise),
    Attack("late-switch", "free-rider", _late_switch),
    Attack("repeat-first", "free-rider", _repeat(1)),
    Attack("repeat-noise", "free-rider", _repeat_noise),
    Attack("repeat-third", "free-rider", _repeat_third),
    Attack("cycle", "free-rider", _repeat(3)),
    *(Attack(f"late-{name}", "free-rider", _late(updates)) for name, updates in LATE.items()),
)

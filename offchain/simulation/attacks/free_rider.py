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
| model | the global model itself |
| model-noise | the same with noise of 0.3 of its norm |
| copy-noise | one account trains, the others send its update with noise of a quarter of its norm |
| late-switch | two honest rounds, then delta |

Without a past step a replay is zero, and noise-like has norm 1. copy-noise with a single account is honest.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from offchain.simulation.attacks.attack import Attack, Floats, Knowledge, noise_like

__all__ = ["FREE_RIDER"]

HONEST_ROUNDS = 2


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


FREE_RIDER = (
    Attack("zero", "free-rider", lambda know: np.zeros_like(know.own)),
    Attack("noise", "free-rider", _noise),
    Attack("noise-like", "free-rider", _noise_like),
    Attack("delta", "free-rider", _delta),
    Attack("delta-noise", "free-rider", _noisy(_delta)),
    Attack("older", "free-rider", lambda know: _replay(know, 2)),
    Attack("history", "free-rider", _history),
    Attack("history-noise", "free-rider", _noisy(_history)),
    Attack("model", "free-rider", _model),
    Attack("model-noise", "free-rider", _noisy(_model)),
    Attack("copy-noise", "free-rider", _copy_noise),
    Attack("late-switch", "free-rider", _late_switch),
)

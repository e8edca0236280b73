"""A user's own training code in a process of its own, so that a crash, a hang or a leak of it takes nothing else along.

The process gets the task, the model and the data on its standard input, and answers with the update. What it prints
goes to standard error. It is this machine's own code and own data: so they go as pickles.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.training.errors import TaskError, TrainingError, VectorError
from offchain.training.local import train
from offchain.training.own import load_task
from offchain.training.task import Samples, Task

__all__ = ["Apart"]

_ERRORS = {error.__name__: error for error in (TaskError, TrainingError, VectorError)}


class Apart:
    """Trains as `local.train` does.

    location: where the task's class is (`own.py`); seconds: the most that training may take.
    """

    def __init__(self, location: str, seconds: float) -> None:
        self.location = location
        self.seconds = seconds

    def __call__(
        self, task: Task, model: npt.NDArray[np.float64], data: Samples, **schedule: Any
    ) -> npt.NDArray[np.float64]:
        """The update, float64[d]. Raises TrainingError if the process dies or takes too long, else as `train` does."""
        try:
            work = pickle.dumps((self.location, pickle.dumps(task), model, data, schedule))
        except Exception as error:  # whatever the user's class holds
            raise TaskError(f"{task.name!r} can't be sent to a process of its own: {error}") from error
        process = subprocess.Popen(
            [sys.executable, "-m", "offchain.training.apart"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            answer, _ = process.communicate(work, timeout=self.seconds)
        except subprocess.TimeoutExpired:
            raise TrainingError(
                f"training {task.name!r} took more than {self.seconds:,.0f} s, and was stopped"
            ) from None
        finally:
            _end(process)
        if process.returncode:
            raise TrainingError(f"training {task.name!r} {_died(process.returncode)}")
        kind, said = pickle.loads(answer)  # noqa: S301 - of the process above
        if kind is not None:
            raise _ERRORS.get(kind, TaskError)(said)
        return np.asarray(said)


def _end(process: subprocess.Popen[bytes]) -> None:
    """With all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _died(status: int) -> str:
    if status > 0:
        return f"ended with status {status}: see what it has printed"
    reason = " (out of memory?)" if -status == signal.SIGKILL else ""
    return f"was killed by {signal.Signals(-status).name}{reason}"


def _work() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the user's code prints
    location, pickled, model, data, schedule = pickle.load(sys.stdin.buffer)  # noqa: S301 - of who started this
    answer: tuple[str | None, Any]
    try:
        load_task(location)  # so that its class is found
        answer = None, train(pickle.loads(pickled), model, data, **schedule)  # noqa: S301 - likewise
    except tuple(_ERRORS.values()) as error:
        answer = type(error).__name__, str(error)
    with answers:
        pickle.dump(answer, answers)


if __name__ == "__main__":
    _work()

"""A cooperative game: what every coalition of players is worth.

Players are 0 .. n-1, n <= 32. A coalition is a bit mask: bit i is set where player i is a member, 0 is nobody and
2^n - 1 everybody. The game is a function v from masks to numbers. Worth is often the accuracy of a model that the
members made together, so an evaluation is the only cost that matters, and the methods of this package state theirs
in evaluations.

A `Game` asks for each coalition once and remembers the answer. It asks in batches, since a thousand small models
evaluate much faster at once than one by one, and for several batches at the same time where threads help (numpy and
torch compute without the interpreter's lock).

    game = Game(3, lambda masks: [float(mask.bit_count() ** 2) for mask in masks])
    exact(game)  # [3.0, 3.0, 3.0]

An evaluation that fails is an error, never a worth of zero: a zero would be somebody's pay.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from offchain.errors import FatalError

__all__ = ["MAX_PLAYERS", "Evaluate", "Game", "UtilityError"]

MAX_PLAYERS = 32
_NAMED = 3  # coalitions that a message spells out

Evaluate = Callable[[Sequence[int]], Sequence[float]]


class UtilityError(FatalError, ValueError):
    """A game, a coalition or the arguments of a method can't be used, or an evaluation failed."""


class Game:
    """A game of `players` players. `evaluate` takes distinct masks and gives as many finite numbers, in their order.

    `batch` is the most masks of one call, `workers` how many calls may run at once, each in a thread. `evaluate` must
    then be safe to call from threads. A game itself belongs to one thread.
    """

    def __init__(self, players: int, evaluate: Evaluate, *, batch: int = 256, workers: int = 1) -> None:
        if not 1 <= players <= MAX_PLAYERS:
            raise UtilityError(f"a game has 1 .. {MAX_PLAYERS} players, not {players}")
        if batch < 1 or workers < 1:
            raise UtilityError("batch and workers must be 1 or more")
        self.players = players
        self._evaluate = evaluate
        self._batch = batch
        self._workers = workers
        self._known: dict[int, float] = {}

    @property
    def everyone(self) -> int:
        """The coalition of all players."""
        return (1 << self.players) - 1

    @property
    def evaluations(self) -> int:
        """How many coalitions have been evaluated, each once; those of failed batches don't count."""
        return len(self._known)

    def value(self, mask: int) -> float:
        """What one coalition is worth. Raises UtilityError, as `values` does."""
        return self.values([mask])[0]

    def values(self, masks: Sequence[int]) -> list[float]:
        """What each of these coalitions is worth; evaluates those that aren't known yet.

        Raises UtilityError for a mask that is no coalition, and if an evaluation raises, gives another number of
        values than asked, or one that isn't finite. Nothing of a failed batch is kept, other batches are.
        """
        asked = [int(mask) for mask in masks]
        for mask in asked:
            if not 0 <= mask <= self.everyone:
                raise UtilityError(f"{mask} isn't a coalition of {self.players} players")
        unknown = list(dict.fromkeys(mask for mask in asked if mask not in self._known))
        chunks = [unknown[at : at + self._batch] for at in range(0, len(unknown), self._batch)]
        if self._workers == 1 or len(chunks) < 2:
            for chunk in chunks:
                self._known.update(self._evaluated(chunk))
        else:
            self._in_threads(chunks)
        return [self._known[mask] for mask in asked]

    def _in_threads(self, chunks: list[list[int]]) -> None:
        first_error: UtilityError | None = None
        with ThreadPoolExecutor(min(self._workers, len(chunks))) as pool:
            futures = [pool.submit(self._evaluated, chunk) for chunk in chunks]
            for future in futures:
                if future.cancelled():
                    continue
                try:
                    self._known.update(future.result())
                except UtilityError as error:
                    first_error = first_error or error
                    for other in futures:
                        other.cancel()  # what hasn't begun
        if first_error:
            raise first_error

    def _evaluated(self, chunk: list[int]) -> dict[int, float]:
        try:
            values = [float(value) for value in self._evaluate(chunk)]
        except Exception as error:
            raise UtilityError(f"the evaluation of {_named(chunk)} failed: {error}") from error
        if len(values) != len(chunk):
            raise UtilityError(f"the evaluation of {_named(chunk)} gave {len(values)} values for {len(chunk)}")
        for mask, value in zip(chunk, values, strict=True):
            if not math.isfinite(value):
                raise UtilityError(f"{_named([mask])} is worth {value}")
        return dict(zip(chunk, values, strict=True))


def _named(masks: list[int]) -> str:
    sets = ["{" + ", ".join(str(i) for i in range(mask.bit_length()) if mask >> i & 1) + "}" for mask in masks[:_NAMED]]
    more = f" and {len(masks) - _NAMED} more" if len(masks) > _NAMED else ""
    return f"{'coalition' if len(masks) == 1 else 'coalitions'} {', '.join(sets)}{more}"

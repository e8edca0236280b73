"""A funded project with its trainers, and the way to each phase of a round."""

from __future__ import annotations

from offchain.bench.gas import Synthetic
from offchain.simulation.stage import Stage

SEATS = 6


class Play:
    """A stage with its trainers."""

    def __init__(self, stage: Stage, trainers: list[Synthetic]) -> None:
        self.stage = stage
        self.project = stage.project
        self.aggregator = stage.aggregator
        self.trainers = trainers

    def to_delivering(self) -> None:
        for trainer in self.trainers:
            trainer.submit()

    def to_scoring(self) -> None:
        self.to_delivering()
        for trainer in self.trainers:
            trainer.deliver()

    def to_settling(self) -> None:
        self.to_scoring()
        for trainer in self.trainers:
            trainer.publish()

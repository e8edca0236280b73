"""What a simulated market can be asked for, with the reason when it can't be had."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offchain.errors import FatalError
from offchain.market.money import MAX_AMOUNT
from offchain.market.terms import FIXED_ONE
from offchain.scoring.policy import ALL_RULES, SHOWN, WITH_PUBLIC_ROWS, PolicyTerms
from offchain.simulation.adversaries import ADVERSARIES
from offchain.training.registry import task_names

__all__ = ["DEFAULT_ADVERSARIES", "MAX_TRAINERS", "MarketOptions", "OptionError"]

MAX_TRAINERS = 32  # seats of an escrow
MAX_ROUNDS = 256
LEAST_RATE = 1 / FIXED_ONE  # the contracts' smallest learning rate
DEFAULT_ADVERSARIES = ("flip-labels", "invert", "free-ride", "copy")


class OptionError(FatalError, ValueError):
    """An option that is not allowed; the message says what is."""


@dataclass(frozen=True)
class MarketOptions:
    """The default is the demo's market."""

    trainers: int = 8
    rounds: int = 5
    seed: int = 1
    rule: str = SHOWN
    cap: float = 1.0  # of the rule shown: of what a seat has shown, the most that it is paid later
    byzantine: int = 2
    agreement_floor: float = 0.0
    decay: float = 1 / 2
    least_rate: float = LEAST_RATE  # decay stops here
    learning_rate: float = 0.3
    task: str = "digits"  # a built-in task, or the path of a CSV file
    label: str | None = None  # of a CSV file, as those below (training/tabular.py)
    separator: str = ""
    decimal: str = ""
    categories: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    adversaries: tuple[str, ...] = DEFAULT_ADVERSARIES
    alpha: float = 1.0  # of the Dirichlet shares: the smaller, the more uneven
    epochs: int = 3
    batch_size: int = 16
    round_reward: int = 1_000 * 10**18  # in the token's smallest unit

    def __post_init__(self) -> None:
        if not 1 <= self.rounds <= MAX_ROUNDS:
            raise OptionError(f"rounds: 1 to {MAX_ROUNDS}, not {self.rounds}")
        if self.rule not in ALL_RULES:
            raise OptionError(f"policy: one of {', '.join(ALL_RULES)}, not {self.rule}")
        for name in ("agreement_floor", "decay", "least_rate", "cap"):
            if not math.isfinite(getattr(self, name)):
                raise OptionError(f"{name.replace('_', ' ')}: a number, not {getattr(self, name)}")
        unknown = [name for name in self.adversaries if name not in ADVERSARIES]
        if unknown:
            raise OptionError(f"adversary: one of {', '.join(ADVERSARIES)}, not {unknown[0]}")
        least = self.policy_terms.least_rows
        if not least <= self.trainers <= MAX_TRAINERS:
            raise OptionError(
                f"trainers: {least} to {MAX_TRAINERS} with byzantine {self.byzantine} (2 f + 3), not {self.trainers}"
            )
        if len(self.adversaries) + 2 > self.trainers:
            raise OptionError(f"adversaries: at most {self.trainers - 2} of {self.trainers} trainers")
        if self.round_reward < self.trainers:
            raise OptionError(
                f"reward: at least one of the token's smallest units for each of {self.trainers} trainers"
            )
        if self.round_reward >= MAX_AMOUNT:
            raise OptionError(f"reward: at most 2^96 - 1 of the token's smallest units, not {self.round_reward}")
        if self.is_table and not self.label:
            raise OptionError("label: a CSV file needs the name of its label column")
        if not self.is_table and self.table_options:
            raise OptionError(
                f"{', '.join(self.table_options)}: goes with a CSV file as the data, and {self.task!r} is none"
            )
        if not 0.01 <= self.alpha <= 1_000:
            raise OptionError(f"alpha: 0.01 to 1000, not {self.alpha}")
        if not LEAST_RATE <= self.learning_rate <= 100:
            raise OptionError(f"learning rate: {LEAST_RATE:.2g} to 100, not {self.learning_rate}")
        if self.epochs < 1 or self.batch_size < 1:
            raise OptionError("epochs and batch size: at least 1")

    @property
    def policy_terms(self) -> PolicyTerms:
        try:
            return PolicyTerms(
                rule=self.rule,
                byzantine=self.byzantine,
                agreement_floor=round(self.agreement_floor * FIXED_ONE),
                decay=round(self.decay * FIXED_ONE),
                least_rate=round(self.least_rate * FIXED_ONE),
                cap=round(self.cap * FIXED_ONE),
            )
        except ValueError as error:
            raise OptionError(str(error)) from error

    @property
    def has_public_rows(self) -> bool:
        return self.rule in WITH_PUBLIC_ROWS

    @property
    def is_table(self) -> bool:
        return Path(self.task).suffix != "" and self.task not in task_names()

    @property
    def table_options(self) -> dict[str, Any]:
        """What is said of a CSV file: those of the task's options that are given."""
        names = ("label", "separator", "decimal", "categories", "numbers", "ignore")
        return {name: value for name in names if (value := getattr(self, name))}

    @property
    def max_excluded(self) -> int:
        """One, where that leaves enough rows for the policy."""
        return min(1, self.trainers - self.policy_terms.least_rows)

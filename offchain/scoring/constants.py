"""The numbers in consensus and shown, in one table: what each means, what it answers, and which experiment set it.

`ape run experiment ablation` measures the policy without each (docs/results.md). The contract has the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

__all__ = ["MEANINGS", "NUMBERS", "ONE", "Constant", "Numbers"]

ONE = 1 << 32


@dataclass(frozen=True)
class Numbers:
    """Their values; 2^32 is 1.0."""

    loading_cap: int = 99 * ONE // 100
    refinements: int = 2
    chance: int = 2 * ONE // 9
    most_worth: int = 3
    worth_power: int = 4
    voices_halves: int = 3
    news_margin: int = 4
    news_power: int = 6
    news_mean_sixteenths: int = 15
    least_explained: int = 20


@dataclass(frozen=True)
class Constant:
    """One of them. `without` is the value by which it does nothing, or as little as it can; None: it only keeps a
    division in bounds. The experiment is the one that set it.
    """

    meaning: str
    answers: str
    experiment: str
    without: int | None


MEANINGS: Mapping[str, Constant] = MappingProxyType(
    {
        "loading_cap": Constant(
            "the largest loading", "a part that is error of 0, which shared errors are divided by", "none", None
        ),
        "refinements": Constant(
            "least-squares steps from medians to loadings", "chance in the medians; mixtures", "shown", 0
        ),
        "chance": Constant(
            "correlation of two rows' errors that is chance", "honest rows with like data, as if copies", "fairness", 0
        ),
        "most_worth": Constant(
            "times the (f+1)-th largest worth: no row counts for more",
            "a row that agrees with everybody more than a trainer can",
            "manipulation",
            1 << 40,
        ),
        "worth_power": Constant(
            "power of the loading that pay follows", "shards of one data set in several seats", "manipulation", 2
        ),
        "voices_halves": Constant(
            "half the power of D_i that pay is divided by", "one data set in several seats", "manipulation", 2
        ),
        "news_margin": Constant(
            "rows with one over this of the usual news lose nothing", "chance in news", "fairness", 1
        ),
        "news_power": Constant("power of what is missing of it", "free riders made of public rows", "manipulation", 2),
        "news_mean_sixteenths": Constant(
            "of the squared mean, taken off what varies",
            "a vector that all know, alike to everybody",
            "manipulation",
            0,
        ),
        "least_explained": Constant(
            "rho_0^2 of a reference is at least one over this", "a reference that agrees with nobody", "reference", None
        ),
    }
)
assert MEANINGS.keys() == {field.name for field in fields(Numbers)}

NUMBERS = Numbers()

"""What a round's Gram matrix decides: who is kept, with what weight, who contributed how much, the next learning rate.

The same integer rules as `contracts/RoundPolicy.vy`, bit for bit; divisions truncate towards zero, ties go by seat
order. ONE = 2^32 is 1.0 of cosines, weights and rates. Rows are trainers in seat order, G_ij = <u_i, u_j>.

*Outliers.* Of n rows at most f are hostile; a row of zeros has done nothing and counts among them. Fewer than 2f + 3
rows are a void round.
- trimmed-cosine: a row's score is the sum of its cosines to the others, without the f largest and the f smallest; the
  n - f best stay.
- multi-krum (Blanchard et al. 2017): the n - f rows stay whose n - f - 2 nearest neighbours are nearest.
- none: all stay.

*Weights.* k_i = min(1, clip / |u_i|) / (1 + excess_i): norms are clipped to the lower median of the kept rows', and
rows that are more alike than is typical (the median of all pairs' cosines) share weight.

*Contributions.* A coalition S is worth w(S) = sum over pairs of 2 <k_i u_i, k_j u_j>: what its updates reinforce in
each other. The game is quadratic, and the Shapley value of row i is <k_i u_i, sum_{j != i} k_j u_j>; its f most aligned
partners are left out of the sum.

*Learning rate.* It decays when the kept rows' mean cosine falls below a floor.

All intermediates fit int256 for |G| < 2^80 and 32 rows. Cost: O(n^2 log n).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

from eth_abi import decode, encode
from eth_abi.exceptions import DecodingError

__all__ = ["ONE", "RULES", "Outcome", "PolicyError", "PolicyTerms", "equal_outcome", "evaluate", "split"]

ONE = 1 << 32
MAX_ROWS = 32
GRAM_BOUND = 1 << 80
MAX_RATE = (1 << 64) - 1
MAX_BYZANTINE = 14  # 2 f + 3 rows are needed, and there are at most 32
RULES = ("trimmed-cosine", "multi-krum", "none")  # their numbers on chain count from 1

_WORDS = ["uint256"] * 5


class PolicyError(ValueError):
    """Terms out of range, or numbers that are no Gram matrix of integer vectors."""


@dataclass(frozen=True)
class PolicyTerms:
    """The parameters of the policy, as the contract's `validate` accepts them; PolicyError otherwise."""

    rule: str = "trimmed-cosine"
    byzantine: int = 1  # f
    agreement_floor: int = ONE // 16
    decay: int = ONE // 2
    least_rate: int = 1

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise PolicyError(f"rule: one of {', '.join(RULES)}, not {self.rule}")
        limits = {
            "byzantine": (self.byzantine, 0, MAX_BYZANTINE),
            "agreement floor": (self.agreement_floor, 0, ONE),
            "decay": (self.decay, 0, ONE),
            "least rate": (self.least_rate, 1, MAX_RATE),
        }
        for name, (value, low, high) in limits.items():
            if not low <= value <= high:
                raise PolicyError(f"{name}: {low} to {high}, not {value}")

    @property
    def least_rows(self) -> int:
        """Rows below which a round is void."""
        return 2 * self.byzantine + 3

    @property
    def rule_number(self) -> int:
        """The rule's number on chain."""
        return RULES.index(self.rule) + 1

    def encode(self) -> bytes:
        """As in a project's terms: 160 bytes."""
        values = [self.rule_number, self.byzantine, self.agreement_floor, self.decay, self.least_rate]
        return encode(_WORDS, values)

    @classmethod
    def decode(cls, params: bytes) -> PolicyTerms:
        """From a project's terms. Raises PolicyError if they are another policy's."""
        try:
            rule, *values = decode(_WORDS, params)
        except DecodingError as error:
            raise PolicyError("params are not this policy's") from error
        if len(params) != 32 * len(_WORDS) or not 1 <= rule <= len(RULES):
            raise PolicyError("params are not this policy's")
        return cls(RULES[rule - 1], *values)


@dataclass(frozen=True)
class Outcome:
    """Lists are by row. A void round keeps, pays and changes nothing."""

    void: bool
    kept: list[bool]
    weights: list[int]
    contributions: list[int]
    agreement: int
    next_rate: int


def evaluate(rows: int, gram: Sequence[int], terms: PolicyTerms, rate: int) -> Outcome:
    """The outcome of a round.

    gram: upper triangle, row by row, n (n + 1) / 2 integers. rate: 1 to 2^64 - 1.
    Never fails for the Gram matrix of integer vectors; raises PolicyError for numbers that can't be one.
    """
    g = _matrix(rows, gram, rate)
    alive = [i for i in range(rows) if g[i][i] > 0]
    f = max(0, terms.byzantine - (rows - len(alive)))
    if rows < terms.least_rows or len(alive) < 2 * f + 3:
        return Outcome(True, [False] * rows, [0] * rows, [0] * rows, 0, rate)
    norm = [isqrt(g[i][i] << 64) for i in range(rows)]  # fixed point, so that short updates get true cosines too
    cosine = _cosines(g, norm)

    kept = _stay(terms.rule, g, cosine, alive, f)
    weights = _weights(cosine, norm, kept, rows)
    contributions = [0] * rows
    for i in kept:
        # the f most aligned are dropped; of equally aligned ones the earlier
        partners = sorted((j for j in kept if j != i), key=lambda j: (cosine[i][j], -j))[: len(kept) - 1 - f]
        contributions[i] = max(0, weights[i] * sum(weights[j] * g[i][j] for j in partners))
    agreement = _agreement(g, weights, kept)
    next_rate = rate
    if agreement < terms.agreement_floor:
        next_rate = max(min(rate, terms.least_rate), rate * terms.decay // ONE)
    return Outcome(False, [i in kept for i in range(rows)], weights, contributions, agreement, next_rate)


def equal_outcome(rows: int, rate: int) -> Outcome:
    """What the escrow takes for the outcome of a policy that fails: every row the same."""
    return Outcome(False, [True] * rows, [ONE] * rows, [1] * rows, 0, rate)


def split(round_reward: int, contributions: Sequence[int], delivered: int) -> list[int]:
    """Credits of the rows of a round to which `delivered` trainers delivered: the others were excluded, and took their
    part of the reward with them. What rounding leaves is the owner's.
    """
    payable = round_reward * len(contributions) // delivered
    total = sum(contributions)
    return [payable * c // total if total else 0 for c in contributions]


def _matrix(rows: int, gram: Sequence[int], rate: int) -> list[list[int]]:
    """The full matrix, checked."""
    if not 1 <= rows <= MAX_ROWS or len(gram) != rows * (rows + 1) // 2:
        raise PolicyError("wrong lengths")
    if not 1 <= rate <= MAX_RATE:
        raise PolicyError("rate out of range")
    g = [[0] * rows for _ in range(rows)]
    entries = iter(gram)
    for i in range(rows):
        for j in range(i, rows):
            g[i][j] = g[j][i] = next(entries)
    for i in range(rows):
        for j in range(i, rows):
            if abs(g[i][j]) >= GRAM_BOUND or g[i][i] < 0 or g[i][j] ** 2 > g[i][i] * g[j][j]:
                raise PolicyError("not a Gram matrix")
    return g


def _truncate(a: int, b: int) -> int:
    """a / b towards zero, for b > 0."""
    return a // b if a >= 0 else -(-a // b)


def _cosines(g: list[list[int]], norm: list[int]) -> list[list[int]]:
    """Fixed point, within [-ONE, ONE]; 0 for rows of zeros."""
    return [
        [
            max(-ONE, min(ONE, _truncate(ONE * entry << 64, norm[i] * norm[j]))) if norm[i] and norm[j] else 0
            for j, entry in enumerate(row)
        ]
        for i, row in enumerate(g)
    ]


def _stay(rule: str, g: list[list[int]], cosine: list[list[int]], alive: list[int], f: int) -> list[int]:
    """The rows that are not outliers, in seat order."""
    if rule == "none":
        return alive

    def badness(i: int) -> int:
        others = [j for j in alive if j != i]
        if rule == "trimmed-cosine":
            return -sum(sorted(cosine[i][j] for j in others)[f : len(others) - f])
        return sum(sorted(g[i][i] + g[j][j] - 2 * g[i][j] for j in others)[: len(alive) - f - 2])

    return sorted(sorted(alive, key=lambda i: (badness(i), i))[: len(alive) - f])


def _weights(cosine: list[list[int]], norm: list[int], kept: list[int], rows: int) -> list[int]:
    clip = sorted(norm[i] for i in kept)[(len(kept) - 1) // 2]
    pairs = sorted(cosine[i][j] for i in kept for j in kept if i < j)
    typical = max(0, pairs[len(pairs) // 2])
    room = max(1, ONE - typical)
    weights = [0] * rows
    for i in kept:
        excess = sum(max(0, cosine[i][j] - typical) * ONE // room for j in kept if j != i)
        weights[i] = min(ONE, ONE * clip // norm[i]) * ONE // (ONE + excess)
    return weights


def _agreement(g: list[list[int]], weights: list[int], kept: list[int]) -> int:
    """Mean cosine of the kept, weighted rows, not below 0."""
    spread = sum(weights[i] ** 2 * g[i][i] for i in kept)
    across = sum(weights[i] * weights[j] * g[i][j] for i in kept for j in kept if i != j)
    return max(0, _truncate(ONE * across, (len(kept) - 1) * spread)) if spread else 0

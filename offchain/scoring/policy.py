"""A round's outcome from its Gram matrix, bit for bit as the RoundPolicy contract computes it.

Rows are trainers in seat order, u_i their updates, G_ij = <u_i, u_j>. Everything is an integer; weights, cosines and
rates are fixed point with ONE = 2^32; divisions round towards zero; ties go to the earlier seat.

1. Outliers. A row of zeros counts among the f hostile ones. Of the m others the best m - f stay (f: what is left).
   *trimmed-cosine* ranks by the sum of a row's cosines without the f largest and the f smallest, *multi-krum* by the
   sum of squared distances to the m - f - 2 nearest (Blanchard et al. 2017), *none* keeps all. With fewer than 2f + 3
   rows the round is void.
2. Weights. k_i = min(1, median norm / |u_i|) / (1 + excess_i), excess_i = sum_j max(0, cos_ij - t) / (1 - t) with t the
   median cosine of all pairs, at least 0: inflated updates are clipped, copies share weight.
3. Contributions. phi_i = <k_i u_i, sum_{j != i} k_j u_j>, at least 0: the Shapley value of the game in which a
   coalition is worth the sum over its pairs of 2 <k_i u_i, k_j u_j>. Each row's f most aligned partners are left out
   of its sum, so that praise among accomplices is worthless.
4. Rate. The agreement is the mean cosine of pairs, weighted; where it is below the floor the rate decays.

The rule *consensus* replaces steps 1 to 3 by those of `consensus.py`, *shown* caps its contributions by what each seat
has shown (`shown.py`). A policy is a pure function; what it remembers from round to round it is told, and answers.

Valid for any Gram matrix of at most 32 rows with |entry| < 2^80, which 16-bit updates of fewer than 2^50 entries never
reach. Cost: O(n^2 log n) integer operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isqrt

from eth_abi import decode as abi_decode
from eth_abi import encode as abi_encode

from offchain.errors import FatalError
from offchain.scoring.consensus import consensus
from offchain.scoring.constants import NUMBERS, ONE, Numbers
from offchain.scoring.factors import Factors, Showing
from offchain.scoring.shown import NOTHING, WORDS, capped

__all__ = [
    "ALL_RULES",
    "CONSENSUS",
    "MAX_PUBLIC",
    "MAX_ROWS",
    "ONE",
    "RULES",
    "SHOWN",
    "WITH_PUBLIC_ROWS",
    "NotAGramMatrixError",
    "Outcome",
    "PolicyError",
    "PolicyTerms",
    "TermsError",
    "evaluate",
    "fallback",
    "gas_for",
    "shares",
]

MAX_ROWS = 32  # of a round: its seats
MAX_PUBLIC = 3  # further rows: the last two aggregates, and the sum of all that was public before them
MAX_ENTRY = 1 << 80  # exclusive, of |G|
MAX_RATE = (1 << 64) - 1
MAX_BYZANTINE = (MAX_ROWS - 3) // 2
MAX_CAP = 1 << 40
WORD = 32
# by number on chain, from 1: the first three are the RoundPolicy contract's, the others the ConsensusPolicy contract's
ALL_RULES = ("trimmed-cosine", "multi-krum", "none", "consensus", "shown")
TRIMMED_COSINE, MULTI_KRUM, NONE, CONSENSUS, SHOWN = ALL_RULES
RULES, WITH_PUBLIC_ROWS = ALL_RULES[:3], ALL_RULES[3:]
MAX_PUBLIC_PRODUCT = 1 << 104  # exclusive, of |<u_i, S>| with a public row S
MAX_PUBLIC_SQUARE = 1 << 149  # and of products of public rows
LEAST_NEW = ONE * ONE >> 16  # part of a public row's square that those before it leave: below it it's none of its own


class PolicyError(FatalError, ValueError):
    """Arguments that the contract refuses."""


class TermsError(PolicyError):
    """Policy terms out of range, or bytes that are not policy terms."""


class NotAGramMatrixError(PolicyError):
    """Numbers that can't be the inner products of integer vectors within bounds."""


@dataclass(frozen=True)
class PolicyTerms:
    """What a project's owner fixes; `agreement_floor`, `decay`, `least_rate` and `cap` are fixed point.

    Raises TermsError on construction if anything is out of range.
    """

    rule: str = TRIMMED_COSINE
    byzantine: int = 1  # f: how many of the submitted rows may be hostile
    agreement_floor: int = 0  # the rate never decays: docs/results.md says why
    decay: int = ONE // 2
    least_rate: int = 1
    cap: int = ONE  # of the rule shown: no row is paid more than this, times what its seat has shown

    def __post_init__(self) -> None:
        if self.rule not in ALL_RULES:
            raise TermsError(f"rule must be one of {', '.join(ALL_RULES)}, not {self.rule}")
        limits = {
            "byzantine": (0, MAX_BYZANTINE),
            "agreement_floor": (0, ONE),
            "decay": (0, ONE),
            "least_rate": (1, MAX_RATE),
            "cap": (1, MAX_CAP) if self.rule == SHOWN else (ONE, ONE),
        }
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                raise TermsError(f"{name} must be in {least} .. {most}")

    @property
    def least_rows(self) -> int:
        """Rows below which a round is void."""
        return 2 * self.byzantine + 3

    @property
    def contract(self) -> str:
        """The name of the contract that knows the rule."""
        return "ConsensusPolicy" if self.rule in WITH_PUBLIC_ROWS else "RoundPolicy"

    @property
    def rule_number(self) -> int:
        """The rule as the contract has it."""
        return ALL_RULES.index(self.rule) + 1

    def encode(self) -> bytes:
        """The bytes that stand in a project's terms on chain: 160, or 192 with a cap."""
        words = [self.rule_number, self.byzantine, self.agreement_floor, self.decay, self.least_rate]
        words += [self.cap] if self.rule == SHOWN else []
        return abi_encode(["uint256"] * len(words), words)

    @classmethod
    def decode(cls, params: bytes) -> PolicyTerms:
        """The inverse of `encode`. Raises TermsError for what the contract's `validate` refuses whatever the rows."""
        words = len(params) // WORD
        if len(params) % WORD or words not in (5, 6):
            raise TermsError(f"policy terms take {5 * WORD} or {6 * WORD} bytes, not {len(params)}")
        number, *others = abi_decode(["uint256"] * words, params)
        if not 1 <= number <= len(ALL_RULES):
            raise TermsError(f"no rule has number {number}")
        if (words == 6) != (ALL_RULES[number - 1] == SHOWN):
            raise TermsError(f"the rule {ALL_RULES[number - 1]} takes {5 if words == 6 else 6} words")
        return cls(ALL_RULES[number - 1], *others)


@dataclass(frozen=True)
class Outcome:
    """What the policy decided; lists have an entry per row."""

    void: bool  # nothing is kept, paid or changed: too few rows to tell honest from hostile, or none like the reference
    kept: list[bool]
    weights: list[int]  # fixed point; 0 for rows that are not kept
    contributions: list[int]  # below 2^150; by shown of a row that isn't kept too, for what it did before
    agreement: int  # fixed point, mean cosine of the kept rows, at least 0
    next_rate: int  # fixed point
    memory: tuple[int, ...] = NOTHING  # what the policy remembers from now on
    # what the contributions are made of, by row, where the rule tells: not of the contract's answer
    factors: Sequence[Factors | None] = field(default=(), compare=False, repr=False)
    showings: Sequence[Showing] = field(default=(), compare=False, repr=False)


def evaluate(
    rows: int,
    gram: Sequence[int],
    terms: PolicyTerms,
    rate: int,
    *,
    seats: int | None = None,
    has_reference: bool = False,
    memory: Sequence[int] = NOTHING,
    numbers: Numbers = NUMBERS,
) -> Outcome:
    """The outcome of a round.

    `gram` is the upper triangle row by row, rows (rows + 1) / 2 integers, as on the wire; for consensus and shown it
    may have up to three more rows, the public ones, which come last, and the first may be a reference. `rate` is the
    round's learning rate, fixed point. `seats` is the mask over seats whose rows they are, the first ones if None.
    `memory` is what the last evaluation of the project answered; `numbers` are others than the contract's for
    experiments. Raises PolicyError for wrong sizes or rates, or a
    reference that the rule doesn't know, NotAGramMatrixError where Cauchy-Schwarz or a bound is broken.
    """
    if not 1 <= rows <= MAX_ROWS:
        raise PolicyError(f"rows must be in 1 .. {MAX_ROWS}")
    all_rows = (isqrt(8 * len(gram) + 1) - 1) // 2
    most = rows + MAX_PUBLIC if terms.rule in WITH_PUBLIC_ROWS else rows
    if not rows <= all_rows <= most or len(gram) != all_rows * (all_rows + 1) // 2:
        raise PolicyError(f"{rows} rows have {rows * (rows + 1) // 2} products, not {len(gram)}")
    if not 1 <= rate <= MAX_RATE:
        raise PolicyError(f"the rate must be in 1 .. {MAX_RATE}")
    if has_reference and terms.rule not in WITH_PUBLIC_ROWS:
        raise PolicyError(f"{terms.rule} knows no reference")
    whose = range(rows) if seats is None else [seat for seat in range(MAX_ROWS) if seats >> seat & 1]
    if len(whose) != rows or len(memory) != WORDS:
        raise PolicyError(f"{rows} rows have as many seats, and a policy remembers {WORDS} words")
    products = _square(gram, all_rows)
    _check_products(products, rows)

    judged = range(1 if has_reference else 0, rows)
    live = [i for i in judged if products[i][i] != 0]
    byzantine = max(0, terms.byzantine - (len(judged) - len(live)))
    nothing = Outcome(True, [False] * rows, [0] * rows, [0] * rows, 0, rate, tuple(memory))
    if len(judged) < terms.least_rows or len(live) < 2 * byzantine + 3:
        return nothing

    # scaled by 2^32, so that short updates get true cosines too
    norms = [isqrt(products[i][i] << 64) for i in range(rows)]
    cosines = [[_cosine(products[i][j], norms[i] * norms[j]) for j in range(rows)] for i in range(rows)]
    factors: list[Factors | None] = []
    if terms.rule in WITH_PUBLIC_ROWS:
        coordinates = _coordinates(products, norms) if all_rows > rows else None
        kept, weights, contributions, factors = consensus(
            cosines, norms, live, byzantine, coordinates, has_reference, numbers
        )
        if not kept:  # nobody goes where the reference does
            return nothing
    else:
        kept = _kept(products, cosines, live, byzantine, terms.rule)
        weights = _weights(cosines, norms, kept)
        contributions = [0] * rows
        for i in kept:
            partners = _partners(cosines[i], i, kept, byzantine)
            contributions[i] = max(0, weights[i] * sum(weights[j] * products[i][j] for j in partners))

    remembered, showings = tuple(memory), list[Showing]()
    if terms.rule == SHOWN:
        contributions, remembered, showings = capped(contributions, whose, terms.cap, memory)

    agreement = _agreement(products, weights, kept)
    next_rate = rate
    if agreement < terms.agreement_floor:
        next_rate = max(min(rate, terms.least_rate), rate * terms.decay // ONE)
    is_kept = [i in kept for i in range(rows)]
    return Outcome(False, is_kept, weights, contributions, agreement, next_rate, remembered, factors, showings)


def fallback(rows: int, rate: int, memory: Sequence[int] = NOTHING) -> Outcome:
    """What the verifier puts in place of the answer of a policy that fails: every row alike, the rest as it was."""
    return Outcome(False, [True] * rows, [ONE] * rows, [1] * rows, 0, rate, tuple(memory))


def shares(payable: int, contributions: Sequence[int]) -> list[int]:
    """Credits in token units, one per row: payable * c_i // sum(c), or nothing to anyone where nobody contributed.

    `payable` is what is left of the round's reward after exclusions; what rounding leaves of it goes to the owner.
    """
    total = sum(contributions)
    return [payable * c // total if total else 0 for c in contributions]


def gas_for(rule: str, rows: int) -> int:
    """The least gas that terms may give to the contract's `evaluate` for so many rows of the matrix, public ones
    included: half as much again as it needs at the most.
    """
    if rule in WITH_PUBLIC_ROWS:
        return 120_000 + 24_000 * rows + 5_750 * rows * rows
    return 90_000 + (3_750 if rule == MULTI_KRUM else 2_200) * rows * rows


def _square(gram: Sequence[int], rows: int) -> list[list[int]]:
    """The full symmetric matrix of an upper triangle."""
    products = [[0] * rows for _ in range(rows)]
    entries = iter(gram)
    for i in range(rows):
        for j in range(i, rows):
            products[i][j] = products[j][i] = int(next(entries))
    return products


def _check_products(products: list[list[int]], rows: int) -> None:
    for i, row in enumerate(products):
        if row[i] < 0:
            raise NotAGramMatrixError(f"row {i} has a negative square")
        for j, entry in enumerate(row):
            public = (i >= rows) + (j >= rows)
            if abs(entry) >= (MAX_ENTRY, MAX_PUBLIC_PRODUCT, MAX_PUBLIC_SQUARE)[public]:
                raise NotAGramMatrixError(f"product ({i}, {j}) is out of bounds")
            if public < 2 and entry * entry > row[i] * products[j][j]:
                raise NotAGramMatrixError(f"product ({i}, {j}) exceeds the norms")


def _cosine(product: int, norms: int) -> int:
    """Fixed point, in -ONE .. ONE; norms are rounded down, so that the quotient may come out a little beyond."""
    if norms == 0:
        return 0
    magnitude = min(ONE, (abs(product) << 96) // norms)
    return magnitude if product >= 0 else -magnitude


def _coordinates(products: list[list[int]], norms: list[int]) -> list[list[int]]:
    """Of each unit row, along each public row without what those before it have of it (Gram-Schmidt)."""
    rows, count = len(norms), len(products) - len(norms)
    sizes = [*norms, *(isqrt(products[k][k] << 64) for k in range(rows, rows + count))]
    own: list[int] = []  # of each public row, what those before it leave, ONE at most; 0: nothing of its own
    base: list[list[int]] = []

    def along(i: int) -> list[int]:
        found: list[int] = []
        for k in range(min(count, i - rows) if i >= rows else count):
            if not own[k]:
                found.append(0)
                continue
            cosine = _cosine(products[i][rows + k], sizes[i] * sizes[rows + k])
            left = (cosine << 32) - sum(a * b for a, b in zip(found, base[k], strict=True))
            part = min(ONE, abs(left) // own[k])
            found.append(part if left >= 0 else -part)
        return found

    for k in range(count):
        base.append(along(rows + k))
        left = ONE * ONE - sum(x * x for x in base[k]) if sizes[rows + k] else 0
        own.append(isqrt(left) if left >= LEAST_NEW else 0)
    return [along(i) for i in range(rows)]


def _kept(products: list[list[int]], cosines: list[list[int]], live: list[int], byzantine: int, rule: str) -> list[int]:
    if rule == TRIMMED_COSINE:
        return _best(live, byzantine, lambda i: _trimmed_sum(cosines[i], i, live, byzantine))
    if rule == MULTI_KRUM:
        return _best(live, byzantine, lambda i: -_krum_sum(products, i, live, byzantine))
    return live


def _best(live: list[int], byzantine: int, score: Callable[[int], int]) -> list[int]:
    """The live rows without the `byzantine` lowest scores, in seat order."""
    ranking = sorted(live, key=score, reverse=True)  # stable: of equal scores the earlier seat comes first
    return sorted(ranking[: len(live) - byzantine])


def _trimmed_sum(cosines: list[int], i: int, live: list[int], byzantine: int) -> int:
    """Neither accomplices (the largest cosines) nor enemies (the smallest) count."""
    others = sorted(cosines[j] for j in live if j != i)
    return sum(others[byzantine : len(others) - byzantine])


def _krum_sum(products: list[list[int]], i: int, live: list[int], byzantine: int) -> int:
    distances = sorted(products[i][i] + products[j][j] - 2 * products[i][j] for j in live if j != i)
    return sum(distances[: len(live) - byzantine - 2])


def _weights(cosines: list[list[int]], norms: list[int], kept: list[int]) -> list[int]:
    clip = sorted(norms[i] for i in kept)[(len(kept) - 1) // 2]
    pairs = sorted(cosines[i][j] for i in kept for j in kept if i < j)
    typical = max(0, pairs[len(pairs) // 2])
    room = max(1, ONE - typical)
    weights = [0] * len(norms)
    for i in kept:
        alike = [cosines[i][j] - typical for j in kept if j != i and cosines[i][j] > typical]
        clipped = min(ONE, (clip << 32) // norms[i])
        weights[i] = (clipped << 32) // (ONE + sum((excess << 32) // room for excess in alike))
    return weights


def _partners(cosines: list[int], i: int, kept: list[int], byzantine: int) -> list[int]:
    """The other kept rows without the `byzantine` most aligned ones, the earlier seat going first."""
    by_alignment = sorted((j for j in kept if j != i), key=lambda j: cosines[j], reverse=True)
    return by_alignment[byzantine:]


def _agreement(products: list[list[int]], weights: list[int], kept: list[int]) -> int:
    spread = sum(weights[i] ** 2 * products[i][i] for i in kept)
    across = 2 * sum(weights[i] * weights[j] * products[i][j] for i in kept for j in kept if i < j)
    if spread == 0 or across <= 0:
        return 0
    return (across << 32) // ((len(kept) - 1) * spread)

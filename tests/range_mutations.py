"""The ways to spoil a range proof: every field of a statement and its proof changed in turn, with the rule it breaks.

As with tests/gram_mutations.py, a mutation comes with the hint that its own transcript asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from tests.gram_cases import IDENTITY, TAIL, P
from tests.gram_mutations import WORD_MAX, put, wrong_points, wrong_scalars
from tests.range_cases import LISTS, POINTS, SCALARS, RangeCase

Changes = Iterator[tuple[str, RangeCase, "Rule"]]


class Rule(StrEnum):
    """What a verifier checks, in the words of the contract."""

    LENGTHS = "range: wrong lengths"
    DIMENSION = "range: dimension out of bounds"
    BITS = "range: bits out of bounds"
    SCALAR = "range: scalar not canonical"
    COORDINATE = "bn254: coordinate not canonical"
    CURVE = "bn254: not on the curve"
    HINT = "range: wrong hint"
    PAIRING = "range: pairing check failed"


@dataclass(frozen=True)
class Mutation:
    name: str
    case: RangeCase
    rule: Rule

    @property
    def error(self) -> str:
        return self.rule.value


def mutations(case: RangeCase) -> Iterator[Mutation]:
    """Every field changed in turn; the case must have at least three rows and no zero among its values."""
    for name, changed, rule in _all_mutations(case):
        kept = changed.hint != case.hint  # the hint is what was changed
        yield Mutation(name, changed if kept else changed.with_right_hint(), rule)


def _all_mutations(case: RangeCase) -> Changes:
    yield from _of_points(case)
    yield from _of_scalars(case)
    yield from _of_lengths_and_order(case)
    yield from _of_dimension(case)
    yield from _of_bits(case)
    yield from _of_context_and_hint(case)


def _of_points(case: RangeCase) -> Changes:
    for field in POINTS:
        for name, point, rule in wrong_points(case.proof[field]):
            yield f"{field} {name}", case.with_proof(**{field: point}), Rule[rule.name]
    rows, inverses = case.commitments, case.proof["inverses"]
    for i in (0, len(rows) - 1):
        for name, point, rule in wrong_points(rows[i]):
            yield f"commitment {i} {name}", replace(case, commitments=put(rows, i, point)), Rule[rule.name]
    for i in (0, 1, len(inverses) - 1):
        for name, point, rule in wrong_points(inverses[i]):
            yield f"inverses {i} {name}", case.with_proof(inverses=put(inverses, i, point)), Rule[rule.name]


def _of_scalars(case: RangeCase) -> Changes:
    for field in SCALARS:
        for name, value, rule in wrong_scalars(case.proof[field]):
            yield f"{field} {name}", case.with_proof(**{field: value}), Rule[rule.name]
    for field in ("f_zeta", "v_opp"):
        values = case.proof[field]
        for i in range(len(values)):
            for name, value, rule in wrong_scalars(values[i]):
                yield f"{field} {i} {name}", case.with_proof(**{field: put(values, i, value)}), Rule[rule.name]


def _of_lengths_and_order(case: RangeCase) -> Changes:
    rows = case.commitments
    yield "commitments swapped", replace(case, commitments=[rows[1], rows[0], *rows[2:]]), Rule.PAIRING
    yield "commitments one twice", replace(case, commitments=[rows[0], rows[0], *rows[2:]]), Rule.PAIRING
    yield "commitments truncated", replace(case, commitments=rows[:-1]), Rule.LENGTHS
    yield "commitments too long", replace(case, commitments=[*rows, IDENTITY]), Rule.LENGTHS
    yield "commitments missing", replace(case, commitments=[]), Rule.LENGTHS
    for field in LISTS:
        values = case.proof[field]
        extra = IDENTITY if field == "inverses" else 0
        yield f"{field} truncated", case.with_proof(**{field: values[:-1]}), Rule.LENGTHS
        yield f"{field} without the mask", case.with_proof(**{field: values[1:]}), Rule.LENGTHS
        yield f"{field} too long", case.with_proof(**{field: [*values, extra]}), Rule.LENGTHS
        yield f"{field} missing", case.with_proof(**{field: []}), Rule.LENGTHS
        for i in range(len(values) - 1):
            swapped = [*values[:i], values[i + 1], values[i], *values[i + 2 :]]
            yield f"{field} {i} swapped", case.with_proof(**{field: swapped}), Rule.PAIRING
    fewer = {field: case.proof[field][:-1] for field in LISTS}
    yield "last row dropped everywhere", replace(case, commitments=rows[:-1]).with_proof(**fewer), Rule.PAIRING
    none = {field: case.proof[field][:1] for field in LISTS}
    yield "no rows", replace(case, commitments=[]).with_proof(**none), Rule.DIMENSION
    yield "no rows, no mask", replace(case, commitments=[]).with_proof(**{field: [] for field in LISTS}), Rule.LENGTHS


def _of_dimension(case: RangeCase) -> Changes:
    least, most = len(case.commitments) + 16, case.srs_size - 2 * TAIL
    for name, dimension, rule in (
        ("- 1", case.dimension - 1, Rule.PAIRING),
        ("+ 1", case.dimension + 1, Rule.PAIRING),
        ("least", least, Rule.PAIRING),
        ("most", most, Rule.PAIRING),
        ("too small for the mask", least - 1, Rule.DIMENSION),
        ("too large for the SRS", most + 1, Rule.DIMENSION),
        ("zero", 0, Rule.DIMENSION),
        ("that wraps", case.dimension + P - 1, Rule.DIMENSION),
        ("largest word", WORD_MAX, Rule.DIMENSION),
    ):
        if dimension != case.dimension:
            yield f"dimension {name}", replace(case, dimension=dimension), rule


def _of_bits(case: RangeCase) -> Changes:
    most = (case.srs_size - TAIL).bit_length() - 1
    for name, bits, rule in (
        ("- 1", case.bits - 1, Rule.PAIRING),
        ("+ 1", case.bits + 1, Rule.PAIRING),
        ("most", most, Rule.PAIRING),
        ("too many for the SRS", most + 1, Rule.BITS),
        ("zero", 0, Rule.BITS),
        ("one", 1, Rule.BITS),
        ("seventeen", 17, Rule.BITS),
        ("a word's", 256, Rule.BITS),
        ("largest word", WORD_MAX, Rule.BITS),
    ):
        yield f"bits {name}", replace(case, bits=bits), rule


def _of_context_and_hint(case: RangeCase) -> Changes:
    last = case.context[:-1] + bytes([case.context[-1] ^ 1])
    first = bytes([case.context[0] ^ 128]) + case.context[1:]
    yield "context last bit", replace(case, context=last), Rule.PAIRING
    yield "context first bit", replace(case, context=first), Rule.PAIRING
    yield "context zero", replace(case, context=bytes(32)), Rule.PAIRING
    for name, hint, rule in (
        ("+ 1", (case.hint + 1) % P, Rule.HINT),
        ("negated", P - case.hint, Rule.HINT),
        ("zero", 0, Rule.HINT),
        ("P", P, Rule.SCALAR),
        ("+ P", case.hint + P, Rule.SCALAR),
        ("largest word", WORD_MAX, Rule.SCALAR),
    ):
        yield f"hint {name}", replace(case, hint=hint), rule

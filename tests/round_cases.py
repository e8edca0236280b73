"""Rounds: a Gram proof and a range proof over the same commitments, as tests/vectors/round.json has them.

`cases` verify. Of each pair in `rejected` one proof shows something false, or the two are wrong in ways that would
cancel if their claims were simply added. `strangers` have one Gram proof, and range proofs that verify: the first of
the same statement, each of the others of one that differs by what it is called after. public_rows.json has rounds with
one to 31 public rows, which the range proof isn't about.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests import gram_cases, range_cases
from tests.gram_cases import GramCase
from tests.range_cases import RangeCase


@dataclass(frozen=True)
class RoundCase:
    """Two proofs; what both are asked about, in `arguments`, is the statement of the first."""

    gram: GramCase
    ranges: RangeCase

    @property
    def name(self) -> str:
        return self.gram.name

    @property
    def key(self) -> tuple[tuple[int, ...], int]:
        """What a deployment is given."""
        return self.gram.tau_g2, self.gram.srs_size

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments of `RoundVerifier.verify`, in order."""
        gram, ranges = self.gram, self.ranges
        statement = (gram.context, gram.dimension, ranges.bits, gram.rows, gram.commitments, gram.gram)
        return *statement, gram.proof, ranges.proof, [gram.hint, ranges.hint]

    def with_gram(self, gram: GramCase) -> RoundCase:
        """Its statement asked of both, the range proof's hint made to fit."""
        statement = {"context": gram.context, "dimension": gram.dimension, "commitments": gram.commitments[: gram.rows]}
        return RoundCase(gram, replace(self.ranges, **statement).with_right_hint())

    def with_ranges(self, ranges: RangeCase) -> RoundCase:
        """Its statement asked of both, the Gram proof's hint made to fit."""
        rows = [*ranges.commitments, *self.gram.commitments[self.gram.rows :]]
        statement = {"context": ranges.context, "dimension": ranges.dimension, "commitments": rows}
        return RoundCase(replace(self.gram, **statement).with_right_hint(), ranges)


def load_cases() -> list[RoundCase]:
    return [_case(vector) for vector in _load()["cases"]]


def load_public_cases() -> list[RoundCase]:
    """Those with public rows."""
    return [_case(vector) for vector in _load("public_rows.json")["rounds"]]


def load_rejected() -> list[RoundCase]:
    return [_case(vector) for vector in _load()["rejected"]]


def load_strangers() -> list[RoundCase]:
    return [_case(vector) for vector in _load()["strangers"]]


def case_named(name: str) -> RoundCase:
    return next(case for case in [*load_cases(), *load_rejected(), *load_public_cases()] if case.name == name)


def _load(name: str = "round.json") -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "vectors" / name).read_text())


def _case(vector: dict[str, Any]) -> RoundCase:
    gram = gram_cases.case_of(vector, vector["gram_proof"])
    rows = vector | {"commitments": vector["commitments"][: gram.rows]}
    return RoundCase(gram, range_cases.case_of(rows, vector["range_proof"]))

"""The cases of tests/gram_cases.py and tests/range_cases.py in this package's types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from offchain.proving.range_transcript import RangeProof, RangeStatement
from offchain.proving.transcript import GramProof, GramStatement
from tests.gram_cases import GramCase, case_of
from tests.range_cases import LISTS, RangeCase

ROOT = Path(__file__).parents[3]


def load_vectors() -> list[dict[str, Any]]:
    """The vectors that come with their witness, as they are in the file."""
    return json.loads((ROOT / "tests" / "vectors" / "gram.json").read_text())["cases"]


def load_public_vectors() -> list[dict[str, Any]]:
    """The same of statements whose last rows are public: their values and tails are in `public`, in `heads` the `rows`."""
    return json.loads((ROOT / "tests" / "vectors" / "gram_public.json").read_text())["cases"]


def public_case(vector: dict[str, Any]) -> GramCase:
    return case_of(vector, vector["proof"])


def statement_of(case: GramCase) -> GramStatement:
    return GramStatement(case.context, case.dimension, tuple(case.commitments), tuple(case.gram))


def proof_of(case: GramCase) -> GramProof:
    return GramProof(**(case.proof | {"cross": tuple(case.proof["cross"])}))


def range_statement_of(case: RangeCase) -> RangeStatement:
    return RangeStatement(case.context, case.dimension, case.bits, tuple(case.commitments))


def range_proof_of(case: RangeCase) -> RangeProof:
    return RangeProof(**(case.proof | {field: tuple(case.proof[field]) for field in LISTS}))

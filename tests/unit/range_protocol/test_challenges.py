"""Each message comes before the challenge that must not be known to whoever chooses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.gram_cases import IDENTITY, P
from tests.range_cases import RangeCase, case_named, challenges, load_cases

BASE = case_named("longer SRS")
ORDER = ("chi", "y", "rho", "zeta", "delta", "gamma", "x")

# the first challenge that depends on it
STATEMENT = {
    "context": (bytes(32), "chi"),
    "dimension": (BASE.dimension + 1, "chi"),
    "bits": (BASE.bits + 1, "chi"),
    "commitments": (BASE.commitments[::-1], "chi"),
}
PROOF = {
    "multiplicities": (IDENTITY, "chi"),
    "inverses": (BASE.proof["inverses"][::-1], "y"),
    "mask": (IDENTITY, "y"),
    "table": (IDENTITY, "y"),
    "mask_constant": (0, "rho"),
    "positive": (IDENTITY, "zeta"),
    "negative": (IDENTITY, "zeta"),
    "f_zeta": (BASE.proof["f_zeta"][::-1], "delta"),
    "v_opp": (BASE.proof["v_opp"][::-1], "delta"),
    "g_zeta": (0, "delta"),
    "m_zeta": (0, "delta"),
    "positive_zeta": (0, "delta"),
    "w": (IDENTITY, "x"),
}
CHANGED = [(replace(BASE, **{field: value}), first) for field, (value, first) in STATEMENT.items()]
CHANGED += [(BASE.with_proof(**{field: value}), first) for field, (value, first) in PROOF.items()]

VerifierFor = Callable[[RangeCase], Any]


def drawn(verifier: Any, case: RangeCase) -> dict[str, int]:
    answer = verifier.challenges(*case.statement, case.proof)
    return {name: getattr(answer, name) for name in ORDER}


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
def test_challenges__of_a_case__are_the_transcripts(verifier_for: VerifierFor, case: RangeCase) -> None:
    assert drawn(verifier_for(case), case) == challenges(case)


@pytest.mark.parametrize(("case", "first"), CHANGED, ids=[*STATEMENT, *PROOF])
def test_challenges__one_message_changed__all_that_follow_are_others(
    verifier_for: VerifierFor, case: RangeCase, first: str
) -> None:
    before, after = drawn(verifier_for(BASE), BASE), drawn(verifier_for(BASE), case)
    assert [name for name in ORDER if before[name] != after[name]] == list(ORDER[ORDER.index(first) :])


def test_challenges__last_opening_changed__all_stay_but_the_digest_binds_the_rest(verifier_for: VerifierFor) -> None:
    verifier = verifier_for(BASE)
    digest = verifier.challenges(*BASE.statement, BASE.proof).digest
    assert int.from_bytes(digest, "big") % P == challenges(BASE)["x"]
    moved = BASE.with_proof(l=IDENTITY)
    assert verifier.challenges(*moved.statement, moved.proof).digest == digest

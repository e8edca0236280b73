"""What both proofs cost to verify, in a transaction of its own: the 21,000 and the calldata are in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.round_cases import RoundCase, case_named


def test_verify__ten_rows__costs_at_most_640000(verifier_for: Callable[[RoundCase], Any], stranger: Any) -> None:
    case = case_named("ten rows")
    receipt = verifier_for(case).verify.transact(*case.arguments, sender=stranger)
    assert receipt.gas_used <= 640_000

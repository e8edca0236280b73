"""A verifier for each SRS that the vectors are made with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.gram_cases import GramCase, load_cases


@pytest.fixture(scope="session")
def verifier_for(deploy: Callable[..., Any]) -> Callable[[GramCase], Any]:
    """verifier_for(case): the verifier that has the case's key."""
    verifiers = {
        (case.tau_g2, case.srs_size): deploy("GramProtocolMock", case.tau_g2, case.srs_size) for case in load_cases()
    }
    return lambda case: verifiers[case.tau_g2, case.srs_size]

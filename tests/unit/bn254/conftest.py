from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="session")
def bn254(deploy: Callable[..., Any]) -> Any:
    """The module, exposed."""
    return deploy("Bn254Mock")

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="session")
def machine(deploy: Callable[..., Any]) -> Any:
    return deploy("MachineMock")

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import offchain
from offchain.errors import FatalError, MeedError, PassingError

_PEERS = "offchain.bench.peers."  # need packages that nothing else does


def _errors() -> Iterator[type[BaseException]]:
    for module in pkgutil.walk_packages(offchain.__path__, "offchain."):
        if module.name.startswith(_PEERS):
            continue
        for _, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            is_base = found in (MeedError, PassingError, FatalError)
            if issubclass(found, BaseException) and found.__module__ == module.name and not is_base:
                yield found


@pytest.mark.parametrize("error", sorted(_errors(), key=lambda error: error.__qualname__))
def test_errors__each_class__is_either_passing_or_fatal(error: type[BaseException]) -> None:
    assert issubclass(error, PassingError) != issubclass(error, FatalError)


def test_errors__are_found() -> None:
    assert {"StoreError", "TaskError", "MarketError", "PolicyError"} <= {error.__name__ for error in _errors()}

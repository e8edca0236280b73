"""Fixtures of the proving tests: a cache of SRS files of their own, seeded randomness, points with known logarithms."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from py_ecc import optimized_bn128 as bn

from offchain.proving import range_verifier, verifier
from offchain.proving.kernels.curve import multiples
from offchain.proving.kernels.field import from_ints
from offchain.proving.srs import Srs
from tests.offchain.proving.reference import TAU, P, affine


@pytest.fixture
def rnd() -> random.Random:
    return random.Random(20260101)


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache folder. Kernels stay where they are: they took their place at import."""
    monkeypatch.setenv("MEED_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def logarithms() -> list[int]:
    """The discrete logarithms of `points`."""
    source = random.Random(7)
    return [source.randrange(1, P) for _ in range(4096)]


@pytest.fixture(scope="session")
def points(logarithms: list[int]) -> np.ndarray:
    """uint64[4096, 8]: logarithms[k] G; a test of `multiples` holds them to py_ecc."""
    return multiples(from_ints(logarithms))


@pytest.fixture
def trapdoor(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """trapdoor(tau): from now on A = tau l stands for e(A, G2) = e(l, [tau]_2), which holds in the same cases."""

    def use(tau: int) -> None:
        def agree(left: Any, left_g2: Any, right: Any, right_g2: Any) -> bool:
            return affine(left) == affine(bn.multiply(right, tau))

        for module in (verifier, range_verifier):
            monkeypatch.setattr(module, "pairings_agree", agree)

    return use


@pytest.fixture(scope="session")
def srs() -> Srs:
    """5000 powers of TAU."""
    return Srs.insecure(5000, TAU)

"""Each stage prints the same keys, from a process of its own, and its answer is the one that others would get."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from offchain.bench.case import ONE_ROW, STAGES, Case, random_scalars, random_tails, random_updates
from offchain.bench.child import call
from offchain.bench.compare import measure_stage
from offchain.bench.errors import BenchError
from offchain.bench.stages import answer, measure
from offchain.proving.kernels.build import BUILDS
from offchain.proving.kernels.transform import root_of_unity
from offchain.proving.parameters import TAIL, P

KEYS = {
    "stage": str,
    "rows": int,
    "dimension": int,
    "threads": int,
    "build": str,
    "wall_s": float,
    "cpu_s": float,
    "peak_mb": int,
}


@pytest.mark.parametrize("stage", STAGES)
def test_measure__each_stage__has_these_keys(stage: str) -> None:
    figures = measure(Case(stage, 3, 50))
    assert {key: type(value) for key, value in figures.items()} == KEYS
    assert figures["stage"] == stage
    assert figures["rows"] == (1 if stage in ONE_ROW else 3)
    assert figures["dimension"] == (256 if stage == "transform" else 50)
    assert figures["build"] in BUILDS
    assert min(figures["wall_s"], figures["cpu_s"], figures["peak_mb"], figures["threads"]) > 0


def test_measure_stage__one_thread__its_process_has_one() -> None:
    assert measure_stage(Case("gram", 3, 50), threads=1)["threads"] == 1


def test_measure_stage__impossible_case__says_why() -> None:
    with pytest.raises(BenchError, match="no proof for 8 updates of 20 entries"):
        measure_stage(Case("prove", 8, 20))


def test_call__process_is_killed__says_so() -> None:
    with pytest.raises(BenchError, match="SIGKILL mostly means that memory ran out"):
        call("tests.offchain.bench.dying", {})


def test_answer__transform__digest_of_values_at_roots_of_unity() -> None:
    coefficients = [int.from_bytes(row.tobytes(), "little") for row in random_scalars(256)]
    roots = [pow(root_of_unity(256), k, P) for k in range(256)]
    values = [sum(c * pow(root, j, P) for j, c in enumerate(coefficients)) % P for root in roots]
    expected = hashlib.sha256(b"".join(value.to_bytes(32, "little") for value in values)).hexdigest()
    assert answer(Case("transform", 1, 256)) == expected


def test_random_inputs__drawn_twice__same_and_in_range() -> None:
    updates = random_updates(2, 100_000)
    np.testing.assert_array_equal(updates, random_updates(2, 100_000))
    assert (updates.dtype, updates.min(), updates.max()) == (np.int16, -(1 << 15), (1 << 15) - 1)
    tails = random_tails(3)
    assert tails == random_tails(3)
    assert [len(tail) for tail in tails] == [TAIL] * 3
    assert all(0 <= value < P for tail in tails for value in tail)
    assert max(value for tail in tails for value in tail) > P // 2

"""Time and memory of the stages of a proof.

    commit     to one update
    gram       the Gram matrix of all rows
    prove      the same with its proof; the commitments are known
    range      the proof that all entries have 16 bits, commitments known
    verify     the Gram proof, in Python
    msm        one multi-scalar multiplication, over a prefix of the SRS
    transform  one number-theoretic transform, of a size that is a power of two
    product    1,000 products in Fr of each of so many elements: what a product costs at best

As a program it measures one case in a process of its own (see `child`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from offchain.bench.case import CONTEXT, Case, random_scalars, random_tails, random_updates
from offchain.bench.child import serve
from offchain.bench.meter import peak_mb, timed
from offchain.proving.commitment import TAIL, commit
from offchain.proving.gram import gram_matrix, prove
from offchain.proving.kernels.build import BUILD, kernel
from offchain.proving.kernels.curve import encode
from offchain.proving.kernels.field import Words
from offchain.proving.kernels.lanes import WIDTH, load_fr_lanes, places, store_fr_lanes
from offchain.proving.kernels.msm import msm
from offchain.proving.kernels.parallel import workers
from offchain.proving.kernels.transform import transform
from offchain.proving.range import prove_range
from offchain.proving.srs import Srs
from offchain.proving.verifier import verify

__all__ = ["answer", "measure", "write_points"]

_LEAST_SRS = 1 << 17  # the demo's: one file for all small cases
_SPARE = 16  # powers that a proof needs beyond the dimension
_LONG = 1 << 22  # a proof above this takes minutes: the run before the measured ones is of
_SHORT = 1 << 16  # so many entries, enough to load every kernel


@lru_cache(maxsize=2)
def _srs(case: Case) -> Srs:
    """Of a size that depends on the next power of two alone, so that few are made and cached."""
    rounded = 1 << (case.dimension - 1).bit_length()
    srs = Srs.insecure_cached(_LEAST_SRS if case.dimension + _SPARE <= _LEAST_SRS else rounded + _SPARE)
    srs.g1.max()  # reads the whole file: no measured run waits for the disk
    return srs


# --- stages: from a case to what is measured ----------------------------------------------------------------------


def _commit(case: Case) -> Callable[[], Any]:
    srs, update, tail = _srs(case), random_updates(1, case.dimension)[0], random_tails(1)[0]
    return lambda: commit(srs, update, tail)


def _gram(case: Case) -> Callable[[], Any]:
    updates = random_updates(case.rows, case.dimension)
    return lambda: gram_matrix(updates)


def _prove(case: Case) -> Callable[[], Any]:
    srs, updates, tails = _srs(case), random_updates(case.rows, case.dimension), random_tails(case.rows)
    commitments = [commit(srs, update, tail) for update, tail in zip(updates, tails, strict=True)]
    return lambda: prove(srs, CONTEXT, updates, tails, commitments=commitments)


def _range(case: Case) -> Callable[[], Any]:
    srs, updates, tails = _srs(case), random_updates(case.rows, case.dimension), random_tails(case.rows)
    commitments = [commit(srs, update, tail) for update, tail in zip(updates, tails, strict=True)]
    return lambda: prove_range(srs, CONTEXT, updates, tails, 16, commitments=commitments)


def _verify(case: Case) -> Callable[[], Any]:
    srs, (statement, proof) = _srs(case), _prove(case)()
    return lambda: verify(srs.tau_g2, srs.size, statement, proof)


def _msm(case: Case) -> Callable[[], Any]:
    d = case.dimension
    points = _srs(case).prefix(d)
    scalars = random_scalars(d) if case.scalars == "full" else random_updates(1, d)[0]
    return lambda: msm(points, scalars)


def _transform(case: Case) -> Callable[[], Any]:
    values = random_scalars(case.dimension)

    def run() -> Words:  # in place: each run goes on from the last one's result
        transform(values)
        return values

    return run


@kernel
def _multiply_repeatedly(values: Words, times: int) -> None:
    for k in range(0, len(values), WIDTH):
        at = places(k, 1, len(values))
        x = load_fr_lanes(values, at)
        product = x
        for _ in range(times):
            product = product * x
        store_fr_lanes(values, at, product)


def _product(case: Case) -> Callable[[], Any]:
    values = random_scalars(case.dimension)
    return lambda: _multiply_repeatedly(values, 1000)


_PREPARE = {
    "commit": _commit,
    "gram": _gram,
    "prove": _prove,
    "range": _range,
    "verify": _verify,
    "msm": _msm,
    "transform": _transform,
    "product": _product,
}


# --- measuring ----------------------------------------------------------------------------------------------------


def measure(case: Case) -> dict[str, Any]:
    """A case's figures, of this process after a run that isn't measured."""
    prepare = _PREPARE[case.stage]
    if case.stage in ("prove", "range") and case.dimension > _LONG:
        prepare(replace(case, dimension=_SHORT))()
        run = prepare(case)
    else:
        run = prepare(case)
        run()
    costs = timed(run, case.repeat)
    return {
        "stage": case.stage,
        "rows": case.rows,
        "dimension": case.dimension,
        "threads": workers(),
        "build": BUILD,
        **costs,
        "peak_mb": peak_mb(),
    }


def answer(case: Case) -> Any:
    """What a peer must get from the same inputs: a point for commit and msm, for transform a digest of all values."""
    result = _PREPARE[case.stage](case)()
    if case.stage == "msm":
        return list(encode(result))
    if case.stage == "transform":
        return hashlib.sha256(result[_bit_reversed(len(result))].astype("<u8").tobytes()).hexdigest()
    return list(result)


def _bit_reversed(size: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Where a transform leaves the value of each index."""
    places = np.zeros(1, np.int64)
    while len(places) < size:
        places = np.concatenate([2 * places, 2 * places + 1])
    return places


def write_points(case: Case, path: Path) -> None:
    """The points of commit or msm, for a peer: uint8[n, 64], both coordinates big-endian."""
    count = case.dimension + (TAIL if case.stage == "commit" else 0)
    coordinates = b"".join(c.to_bytes(32, "big") for point in _srs(case).prefix(count) for c in encode(point))
    np.save(path, np.frombuffer(coordinates, np.uint8).reshape(count, 64))


def _serve(job: dict[str, Any]) -> dict[str, Any]:
    case = Case(**job["case"])
    reply = {"figures": measure(case)}
    if job.get("answer"):
        reply["answer"] = answer(case)
    if "points" in job:
        write_points(case, Path(job["points"]))
    return reply


if __name__ == "__main__":
    serve(_serve)

"""What travels through the store, as bytes: payloads, aggregates, models and task descriptions.

| content | tensors | made by |
|---|---|---|
| payload | `update` int16[d], `tail` uint8[8, 32] | a trainer; sealed before it is stored |
| aggregate | `aggregate` int64[d], `tail` uint8[8, 32] | the aggregator: sum_i k_i u_i, and so for the tails |
| model | `model` float64[d] | the owner: the global model that training starts from |
| task | JSON | the owner: what the task's code needs to know (`training/task.py`) |

Tensors are in safetensors format: a length, a JSON header and the bare numbers, so that reading runs no code. A
tail's field elements are 32 bytes each, big-endian, below P. What is read comes from strangers, and is accepted only
if it has exactly the tensors, types, shapes and length expected: of a payload of dimension d there is one length, and
the header may differ only in white space and the order of its keys.

Reference: github.com/huggingface/safetensors, "Format".
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from offchain.proving.parameters import TAIL, P
from offchain.storage.errors import PayloadError

__all__ = [
    "MAX_TASK",
    "TAIL",
    "Aggregate",
    "P",
    "Payload",
    "aggregate_from_bytes",
    "aggregate_from_file",
    "aggregate_size",
    "aggregate_to_bytes",
    "model_from_bytes",
    "model_from_file",
    "model_size",
    "model_to_bytes",
    "payload_from_bytes",
    "payload_size",
    "payload_to_bytes",
    "task_from_bytes",
    "task_to_bytes",
]

MAX_TASK = 1 << 20  # bytes of a task's description, which lists the tensors of its module
_MAX_HEADER = 512  # bytes; ours take about half
_ELEMENT = 32  # bytes of a field element

Spec = dict[str, tuple[str, tuple[int, ...]]]  # name -> dtype, shape; in the order of the bytes
_DTYPES: dict[str, np.dtype[Any]] = {
    "I16": np.dtype("<i2"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "U8": np.dtype("u1"),
}


@dataclass(frozen=True, eq=False)
class Payload:
    """A trainer's quantised update, int16[d], and the tail that hides it in its commitment:

    8 field elements, secret, so not in the repr.
    """

    update: npt.NDArray[np.int16]
    tail: tuple[int, ...] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Aggregate:
    """A round's aggregate, int64[d], with its tail: together they open the commitment that the contract computed."""

    values: npt.NDArray[np.int64]
    tail: tuple[int, ...]


def payload_to_bytes(payload: Payload) -> bytes:
    """Raises PayloadError for another type or shape, and for a tail that isn't canonical."""
    return _to_bytes(update=_vector(payload.update, np.int16), tail=_tail_to_array(payload.tail))


def payload_from_bytes(data: bytes, dimension: int, bits: int) -> Payload:
    """Checks the bytes of an opened payload:

    d = `dimension` entries in [-2^(bits-1), 2^(bits-1) - 1] and a canonical tail, or PayloadError.
    """
    tensors = _from_bytes(data, _payload_spec(dimension), "payload")
    update, limit = tensors["update"], 1 << (bits - 1)
    if update.size and not (-limit <= int(update.min()) and int(update.max()) < limit):
        raise PayloadError(f"payload: an entry is beyond {bits} bits")
    return Payload(update, _tail_from_array(tensors["tail"], "payload"))


def payload_size(dimension: int) -> int:
    """The most bytes that a payload takes before sealing."""
    return _limit(_payload_spec(dimension))


def aggregate_to_bytes(aggregate: Aggregate) -> bytes:
    """Raises PayloadError for another type or shape, and for a tail that isn't canonical."""
    return _to_bytes(aggregate=_vector(aggregate.values, np.int64), tail=_tail_to_array(aggregate.tail))


def aggregate_from_bytes(data: bytes, dimension: int) -> Aggregate:
    """Checks the form of an aggregate, or raises PayloadError. Whether it is the round's, its commitment says."""
    return _aggregate(data, dimension)


def aggregate_from_file(path: Path, dimension: int) -> Aggregate:
    """`aggregate_from_bytes` of a file, which is mapped and not copied: don't change it while it is in use."""
    return _aggregate(_mapped(path), dimension)


def aggregate_size(dimension: int) -> int:
    """The most bytes that an aggregate takes."""
    return _limit(_aggregate_spec(dimension))


def model_to_bytes(model: npt.NDArray[np.float64]) -> bytes:
    """The same model gives the same bytes. Raises PayloadError if it isn't a finite float64[d]."""
    return _to_bytes(model=_finite(_vector(model, np.float64)))


def model_from_bytes(data: bytes, dimension: int) -> npt.NDArray[np.float64]:
    """The model, float64[d], bit for bit. Raises PayloadError."""
    return _model(data, dimension)


def model_from_file(path: Path, dimension: int) -> npt.NDArray[np.float64]:
    """`model_from_bytes` of a file, which is mapped and not copied: don't change it while the model is in use."""
    return _model(_mapped(path), dimension)


def model_size(dimension: int) -> int:
    """The most bytes that a model takes."""
    return _limit(_model_spec(dimension))


def task_to_bytes(description: dict[str, Any]) -> bytes:
    """A task's description as JSON with sorted keys.

    Raises PayloadError for what isn't JSON, and beyond MAX_TASK bytes.
    """
    try:
        data = json.dumps(description, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise PayloadError(f"task: not JSON: {error}") from error
    task_from_bytes(data)
    return data


def task_from_bytes(data: bytes) -> dict[str, Any]:
    """A JSON object of at most MAX_TASK bytes, without NaN and duplicate keys, or PayloadError.

    What it says is still a stranger's claim.
    """
    if len(data) > MAX_TASK:
        raise PayloadError(f"task: longer than {MAX_TASK} bytes")
    return _json_object(data, "task")


def _aggregate(data: bytes | memoryview, dimension: int) -> Aggregate:
    tensors = _from_bytes(data, _aggregate_spec(dimension), "aggregate")
    return Aggregate(tensors["aggregate"], _tail_from_array(tensors["tail"], "aggregate"))


def _model(data: bytes | memoryview, dimension: int) -> npt.NDArray[np.float64]:
    return _finite(_from_bytes(data, _model_spec(dimension), "model")["model"])


def _mapped(path: Path) -> memoryview:
    """A file's bytes, read as they are used."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:  # can't be mapped
            return memoryview(b"")
        return memoryview(mmap(file.fileno(), 0, access=ACCESS_READ))


def _payload_spec(dimension: int) -> Spec:
    return {"update": ("I16", (dimension,)), "tail": ("U8", (TAIL, _ELEMENT))}


def _aggregate_spec(dimension: int) -> Spec:
    return {"aggregate": ("I64", (dimension,)), "tail": ("U8", (TAIL, _ELEMENT))}


def _model_spec(dimension: int) -> Spec:
    return {"model": ("F64", (dimension,))}


def _bytes_of(dtype: str, shape: tuple[int, ...]) -> int:
    return int(np.prod(shape)) * _DTYPES[dtype].itemsize


def _limit(spec: Spec) -> int:
    return 8 + _MAX_HEADER + sum(_bytes_of(*one) for one in spec.values())


def _to_bytes(**tensors: npt.NDArray[Any]) -> bytes:
    return save(tensors)  # widest type first: the order of the specifications


def _from_bytes(data: bytes | memoryview, spec: Spec, what: str) -> dict[str, npt.NDArray[Any]]:
    header_size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or header_size > min(_MAX_HEADER, len(data) - 8):
        raise PayloadError(f"{what}: truncated or no safetensors")
    ends = [0, *accumulate(_bytes_of(*one) for one in spec.values())]
    places = dict(zip(spec, pairwise(ends), strict=True))
    expected = {
        name: {"dtype": dtype, "shape": list(shape), "data_offsets": list(places[name])}
        for name, (dtype, shape) in spec.items()
    }
    if _json_object(bytes(data[8 : 8 + header_size]), what) != expected:
        raise PayloadError(f"{what}: other tensors, types or shapes than expected")
    body = data[8 + header_size :]
    if len(body) != ends[-1]:
        raise PayloadError(f"{what}: {len(body)} bytes of numbers, not {ends[-1]}")
    # a stranger's header may have any length, so what is mapped may be unaligned, and is copied then
    return {
        name: np.require(np.frombuffer(body[slice(*places[name])], _DTYPES[dtype]).reshape(shape), requirements="A")
        for name, (dtype, shape) in spec.items()
    }


def _json_object(data: bytes, what: str) -> dict[str, Any]:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(items)) != len(items):
            raise ValueError("a key twice")
        return dict(items)

    def finite(number: str) -> float:  # NaN and Infinity too come here
        if not np.isfinite(float(number)):
            raise ValueError(f"{number[:20]} isn't finite")
        return float(number)

    try:
        parsed = json.loads(data.decode(), object_pairs_hook=pairs, parse_float=finite, parse_constant=finite)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"{what}: not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise PayloadError(f"{what}: not a JSON object")
    return parsed


def _vector(array: npt.NDArray[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    if array.dtype != dtype or array.ndim != 1:
        raise PayloadError(f"expected a vector of {np.dtype(dtype)}, not {array.dtype}{list(array.shape)}")
    return np.ascontiguousarray(array)


def _finite(model: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if not np.isfinite(model).all():
        raise PayloadError("model: an entry isn't finite")
    return model


def _tail_to_array(tail: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    if len(tail) != TAIL or not all(0 <= element < P for element in tail):
        raise PayloadError(f"a tail is {TAIL} field elements")
    return np.frombuffer(b"".join(element.to_bytes(_ELEMENT, "big") for element in tail), np.uint8).reshape(
        TAIL, _ELEMENT
    )


def _tail_from_array(array: npt.NDArray[np.uint8], what: str) -> tuple[int, ...]:
    tail = tuple(int.from_bytes(row.tobytes(), "big") for row in array)
    if any(element >= P for element in tail):
        raise PayloadError(f"{what}: a tail's element isn't below the field's order")
    return tail

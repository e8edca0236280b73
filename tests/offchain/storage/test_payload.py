"""Payloads, aggregates, models and tasks as bytes: exact round trips, and a table of what is refused."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from py_ecc.bn128 import curve_order
from safetensors.numpy import load, save

from offchain.storage.errors import PayloadError
from offchain.storage.payload import (
    MAX_TASK,
    Aggregate,
    P,
    Payload,
    aggregate_from_bytes,
    aggregate_from_file,
    aggregate_size,
    aggregate_to_bytes,
    model_from_bytes,
    model_from_file,
    model_size,
    model_to_bytes,
    payload_from_bytes,
    payload_size,
    payload_to_bytes,
    task_from_bytes,
    task_to_bytes,
)

D = 50
TAIL = (0, 1, P - 1, 2**128, 5, 6, 7, 8)


def update(bits: int = 16) -> np.ndarray:
    values = np.random.default_rng(1).integers(-(2 ** (bits - 1)), 2 ** (bits - 1), D).astype(np.int16)
    values[:2] = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return values


def tail_bytes(tail: tuple[int, ...] = TAIL) -> np.ndarray:
    return np.array([list(element.to_bytes(32, "big")) for element in tail], dtype=np.uint8)


def test_order__of_the_field__is_that_of_the_curve() -> None:
    assert curve_order == P


@pytest.mark.parametrize("bits", [2, 8, 16])
@pytest.mark.parametrize("dimension", [1, 2, 3, 4, 5, 1001])
def test_payload__round_trip__exact(bits: int, dimension: int) -> None:
    values = np.resize(update(bits), dimension)
    data = payload_to_bytes(Payload(values, TAIL))
    payload = payload_from_bytes(data, dimension, bits)
    assert payload.update.dtype == np.int16
    assert np.array_equal(payload.update, values)
    assert payload.tail == TAIL
    assert len(data) <= payload_size(dimension)


def test_payload__bytes__are_safetensors() -> None:
    tensors = load(payload_to_bytes(Payload(update(), TAIL)))
    assert set(tensors) == {"update", "tail"}
    assert np.array_equal(tensors["update"], update())
    assert np.array_equal(tensors["tail"], tail_bytes())


def test_payload__repr__hides_the_tail() -> None:
    assert str(2**128) not in repr(Payload(update(), TAIL))


def with_header(change: Callable[[dict[str, Any]], Any], raw: Callable[[str], str] = str) -> bytes:
    """A good payload with a changed header."""
    good = payload_to_bytes(Payload(update(), TAIL))
    size = int.from_bytes(good[:8], "little")
    header = json.loads(good[8 : 8 + size])
    text = raw(json.dumps(change(header) or header)).encode()
    return len(text).to_bytes(8, "little") + text + good[8 + size :]


def set_entry(name: str, key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(header: dict[str, Any]) -> None:
        header[name][key] = value

    return change


def good() -> bytes:
    return payload_to_bytes(Payload(update(), TAIL))


TENSORS = "other tensors, types or shapes than expected"
BAD_PAYLOADS = {
    "empty": (b"", "truncated"),
    "only a length": (good()[:8], "truncated"),
    "no safetensors": (b"\xff" * 400, "truncated or no safetensors"),
    "cut by a byte": (good()[:-1], "bytes of numbers"),
    "extended by a byte": (good() + b"\0", "bytes of numbers"),
    "cut in the header": (good()[:60], "truncated"),
    "header is no JSON": (with_header(lambda _: None, lambda text: text[:-1]), "not JSON"),
    "header is no UTF-8": ((4).to_bytes(8, "little") + b"{\xff\xff}", "not JSON"),
    "header is a list": (with_header(lambda header: [header]), "not a JSON object"),
    "header is deep": ((500).to_bytes(8, "little") + b"[" * 500, "not JSON"),
    "header is long": (with_header(lambda _: None, lambda text: text + " " * 512), "truncated or no"),
    "a key twice": (with_header(lambda _: None, lambda text: text[:-1] + ',"tail":1}'), "a key twice"),
    "metadata": (with_header(lambda header: {**header, "__metadata__": {"a": "b"}}), TENSORS),
    "another name": (save({"values": update(), "tail": tail_bytes()}), TENSORS),
    "one more tensor": (save({"update": update(), "tail": tail_bytes(), "more": update()}), TENSORS),
    "no tail": (save({"update": update()}), TENSORS),
    "wider type": (save({"update": update().astype(np.int32), "tail": tail_bytes()}), TENSORS),
    "unsigned type": (save({"update": update().astype(np.uint16), "tail": tail_bytes()}), TENSORS),
    "one entry short": (save({"update": update()[:-1], "tail": tail_bytes()}), TENSORS),
    "one entry more": (save({"update": np.append(update(), update()[:1]), "tail": tail_bytes()}), TENSORS),
    "a matrix": (save({"update": update().reshape(2, -1), "tail": tail_bytes()}), TENSORS),
    "seven elements": (save({"update": update(), "tail": tail_bytes()[:7]}), TENSORS),
    "elements of 33 bytes": (save({"update": update(), "tail": np.zeros((8, 33), np.uint8)}), TENSORS),
    "overlapping": (with_header(set_entry("tail", "data_offsets", [0, 256])), TENSORS),
    "element P": (save({"update": update(), "tail": tail_bytes((0,) * 7 + (P,))}), "isn't below the field's order"),
    "element 2^256 - 1": (save({"update": update(), "tail": np.full((8, 32), 255, np.uint8)}), "field's order"),
}


@pytest.mark.parametrize("name", BAD_PAYLOADS)
def test_payload_from_bytes__malformed__raises(name: str) -> None:
    data, message = BAD_PAYLOADS[name]
    with pytest.raises(PayloadError, match=message):
        payload_from_bytes(data, D, 16)


@pytest.mark.parametrize("bits", [2, 8, 15])
@pytest.mark.parametrize("beyond", ["above", "below"])
def test_payload_from_bytes__entry_beyond_bits__raises(bits: int, beyond: str) -> None:
    values = np.zeros(D, np.int16)
    values[7] = 2 ** (bits - 1) if beyond == "above" else -(2 ** (bits - 1)) - 1
    data = payload_to_bytes(Payload(values, TAIL))
    with pytest.raises(PayloadError, match=f"an entry is beyond {bits} bits"):
        payload_from_bytes(data, D, bits)
    assert payload_from_bytes(data, D, bits + 1).update[7] == values[7]


def test_payload_from_bytes__random_damage__raises_or_parses() -> None:
    generator, data = random.Random(3), good()
    for _ in range(2000):
        damaged = bytearray(data)
        for _ in range(generator.randrange(1, 4)):
            damaged[generator.randrange(180)] = generator.randrange(256)
        try:
            payload = payload_from_bytes(bytes(damaged), D, 16)
        except PayloadError:
            continue
        assert payload.update.shape == (D,)
        assert all(0 <= element < P for element in payload.tail)


@pytest.mark.parametrize(
    "payload",
    [
        Payload(update().astype(np.int32), TAIL),  # type: ignore[arg-type]
        Payload(update().reshape(2, -1), TAIL),
        Payload(update(), TAIL[:7]),
        Payload(update(), (*TAIL[:7], P)),
        Payload(update(), (*TAIL[:7], -1)),
    ],
)
def test_payload_to_bytes__not_a_payload__raises(payload: Payload) -> None:
    with pytest.raises(PayloadError):
        payload_to_bytes(payload)


def test_aggregate__round_trip__exact() -> None:
    values = np.array([0, -1, 2**52, -(2**63), 2**63 - 1], np.int64)
    data = aggregate_to_bytes(Aggregate(values, TAIL))
    aggregate = aggregate_from_bytes(data, 5)
    assert np.array_equal(aggregate.values, values)
    assert aggregate.tail == TAIL
    assert len(data) <= aggregate_size(5)


def test_aggregate_from_bytes__another_dimension__raises() -> None:
    with pytest.raises(PayloadError, match=f"aggregate: {TENSORS}"):
        aggregate_from_bytes(aggregate_to_bytes(Aggregate(np.zeros(5, np.int64), TAIL)), 6)


def test_aggregate_from_bytes__a_payload__raises() -> None:
    with pytest.raises(PayloadError, match=TENSORS):
        aggregate_from_bytes(good(), D)


def test_model__round_trip__to_the_bit() -> None:
    model = np.array([0.0, -0.0, 1 / 3, 5e-324, -1.7976931348623157e308])
    data = model_to_bytes(model)
    assert model_from_bytes(data, 5).tobytes() == model.tobytes()
    assert len(data) <= model_size(5)


@pytest.mark.parametrize("entry", [np.nan, np.inf, -np.inf])
def test_model__entry_that_isnt_finite__raises(entry: float) -> None:
    model = np.array([1.0, entry])
    with pytest.raises(PayloadError, match="isn't finite"):
        model_to_bytes(model)
    with pytest.raises(PayloadError, match="isn't finite"):
        model_from_bytes(save({"model": model}), 2)


@pytest.mark.parametrize("spaces", [0, 3], ids=["aligned", "unaligned"])
def test_from_file__model_and_aggregate__are_those_of_the_bytes(tmp_path: Path, spaces: int) -> None:
    def spaced(data: bytes) -> Path:
        size = int.from_bytes(data[:8], "little")
        header = data[8 : 8 + size] + b" " * spaces
        (tmp_path / "file").write_bytes(len(header).to_bytes(8, "little") + header + data[8 + size :])
        return tmp_path / "file"

    model = model_from_file(spaced(model_to_bytes(np.arange(5.0))), 5)
    assert model.tobytes() == np.arange(5.0).tobytes()
    assert model.flags.aligned
    aggregate = aggregate_from_file(spaced(aggregate_to_bytes(Aggregate(np.arange(D), TAIL))), D)
    assert np.array_equal(aggregate.values, np.arange(D))
    assert aggregate.tail == TAIL


def test_model_from_file__in_use__changes_with_nobody(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(model_to_bytes(np.arange(5.0)))
    model = model_from_file(tmp_path / "model", 5)
    with pytest.raises(ValueError, match="read-only"):
        model[0] = 1.0
    (tmp_path / "model").unlink()
    assert model.sum() == 10.0


@pytest.mark.parametrize("data", [b"", b"short", model_to_bytes(np.zeros(4)), model_to_bytes(np.zeros(5))[:-1]])
def test_from_file__malformed__raises(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(PayloadError, match=r"^model: "):
        model_from_file(tmp_path / "file", 5)
    with pytest.raises(PayloadError, match=r"^aggregate: "):
        aggregate_from_file(tmp_path / "file", 5)


def test_model_to_bytes__float32__raises() -> None:
    with pytest.raises(PayloadError, match=r"expected a vector of float64, not float32\[3\]"):
        model_to_bytes(np.zeros(3, np.float32))  # type: ignore[arg-type]


def test_task__round_trip__same_and_canonical() -> None:
    description = {"task": "csv", "columns": [{"name": "größe", "mean": 0.1}], "hidden": 32}
    data = task_to_bytes(description)
    assert task_from_bytes(data) == description
    assert data == task_to_bytes(dict(reversed(description.items())))


@pytest.mark.parametrize(
    "description", [{"x": float("nan")}, {"x": b"bytes"}, {"x": "a" * MAX_TASK}], ids=["nan", "bytes", "long"]
)
def test_task_to_bytes__unfit__raises(description: dict[str, Any]) -> None:
    with pytest.raises(PayloadError, match="task: "):
        task_to_bytes(description)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"a":1,"a":2}', "a key twice"),
        (b'{"a":{"b":1,"b":2}}', "a key twice"),
        (b'{"a":NaN}', "isn't finite"),
        (b'{"a":-Infinity}', "isn't finite"),
        (b'{"a":1e999}', "isn't finite"),
        (b'{"a":1}x', "not JSON"),
        (b'{"a":"\xff"}', "not JSON"),
        (b'{"a":' + b"[" * 20_000, "not JSON"),
        (b'{"a":' + b"9" * 20_000 + b"}", "not JSON"),
        (b" " * (MAX_TASK + 1), f"longer than {MAX_TASK} bytes"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else "",
)
def test_task_from_bytes__malformed__raises(data: bytes, message: str) -> None:
    with pytest.raises(PayloadError, match=message):
        task_from_bytes(data)

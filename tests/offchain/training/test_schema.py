"""What a stranger published as a schema: read, or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offchain.training.errors import TaskError
from offchain.training.registry import task_from_description
from offchain.training.schema import MAX_COLUMNS, MAX_TEXT, MAX_VALUES, Column, Schema

NUMBERS = {"name": "x", "mean": 0.5, "deviation": 2.0}
TEXTS = {"name": "town", "values": ["Bonn", "Ulm"]}
SCHEMA: dict[str, Any] = {"label": "y", "classes": ["a", "b"], "columns": [NUMBERS, TEXTS]}


def test_from_json__good_schema__is_read_and_written_alike() -> None:
    schema = Schema.from_json(json.loads(json.dumps(SCHEMA)))
    assert schema == Schema("y", ("a", "b"), (Column("x", 0.5, 2.0), Column("town", values=("Bonn", "Ulm"))))
    assert schema.to_json() == SCHEMA
    assert (schema.inputs, schema.names) == (3, ("x", "town", "y"))


def test_from_json__integers_as_statistics__are_read() -> None:
    columns = [{"name": "x", "mean": 3, "deviation": 1}]
    assert Schema.from_json(SCHEMA | {"columns": columns}).columns == (Column("x", 3.0, 1.0),)


def test_from_json__most_of_all__is_read() -> None:
    texts = [f"{k}".ljust(MAX_TEXT, "x") for k in range(MAX_VALUES)]
    columns = [NUMBERS | {"name": str(k)} for k in range(MAX_COLUMNS - 1)] + [{"name": "t", "values": texts}]
    schema = Schema.from_json({"label": "y", "classes": texts, "columns": columns})
    assert schema.inputs == MAX_COLUMNS - 1 + MAX_VALUES


def of(**changes: Any) -> dict[str, Any]:
    """The schema with one column of numbers, changed."""
    return SCHEMA | {"columns": [{key: value for key, value in (NUMBERS | changes).items() if value is not ...}]}


BAD_SCHEMAS: dict[str, tuple[Any, str]] = {
    "none": (None, "schema is malformed, or of a later version: it needs classes, columns, label, not a NoneType"),
    "a list": ([], "not a list"),
    "no label": ({"classes": ["a", "b"], "columns": [NUMBERS]}, "not 'classes, columns'"),
    "unknown field": (SCHEMA | {"scale": "log"}, "of a later version"),
    "no columns": (SCHEMA | {"columns": []}, "columns must be a list of 1 to 1,000"),
    "columns a number": (SCHEMA | {"columns": 3}, "columns must be a list"),
    "too many columns": (SCHEMA | {"columns": [NUMBERS] * (MAX_COLUMNS + 1)}, "columns must be a list of 1 to 1,000"),
    "column a text": (SCHEMA | {"columns": ["x"]}, "column is malformed, .* not a str"),
    "column without mean": (of(mean=...), "it needs deviation, mean, name, not 'name, deviation'"),
    "column with more": (of(median=0.0), "of a later version"),
    "numbers and values": (SCHEMA | {"columns": [NUMBERS | TEXTS]}, "it needs name, values, not"),
    "mean a text": (of(mean="0.5"), "column 'x' needs a number of at most 1e[+]300 as its mean"),
    "mean a truth": (of(mean=True), "as its mean"),
    "mean huge": (of(mean=10**400), "as its mean"),
    "mean infinite": (of(mean=float("inf")), "as its mean"),
    "mean NaN": (of(mean=float("nan")), "as its mean"),
    "deviation zero": (of(deviation=0.0), "deviation of 1e-300 to 1e[+]300, not 0.5 and 0"),
    "deviation negative": (of(deviation=-1.0), "deviation of 1e-300"),
    "deviation tiny": (of(deviation=5e-324), "deviation of 1e-300"),
    "values of numbers": (SCHEMA | {"columns": [TEXTS | {"values": [1, 2]}]}, "must be texts, not int"),
    "values a text": (SCHEMA | {"columns": [TEXTS | {"values": "abc"}]}, "values must be a list of 1 to 100"),
    "no values": (SCHEMA | {"columns": [TEXTS | {"values": []}]}, "values must be a list of 1 to 100"),
    "too many values": (SCHEMA | {"columns": [TEXTS | {"values": [str(k) for k in range(101)]}]}, "1 to 100"),
    "values twice": (SCHEMA | {"columns": [TEXTS | {"values": ["u", "u"]}]}, "value of the column 'town' twice: 'u'"),
    "values twice, composed": (SCHEMA | {"columns": [TEXTS | {"values": ["ö", "o\u0308"]}]}, "twice: 'ö'"),
    "value too long": (SCHEMA | {"columns": [TEXTS | {"values": ["u", "v" * 201]}]}, "200 characters, not 201: 'v"),
    "value empty": (SCHEMA | {"columns": [TEXTS | {"values": ["u", " "]}]}, "1 to 200 characters, not 0"),
    "name a number": (of(name=3), "must be texts, not int"),
    "name too long": (of(name="n" * 201), "1 to 200 characters, not 201"),
    "name twice": (SCHEMA | {"columns": [NUMBERS] * 2}, "name of a column twice: 'x'"),
    "label is a feature": (SCHEMA | {"label": "x"}, "name of a column twice: 'x'"),
    "label a number": (SCHEMA | {"label": 3}, "must be texts, not int"),
    "one class": (SCHEMA | {"classes": ["a"]}, "at least two classes"),
    "classes a text": (SCHEMA | {"classes": "ab"}, "classes must be a list"),
    "classes twice": (SCHEMA | {"classes": ["a", "a"]}, "class twice: 'a'"),
    "classes of lists": (SCHEMA | {"classes": [["a"], ["b"]]}, "must be texts, not list"),
    "too many classes": (SCHEMA | {"classes": [str(k) for k in range(101)]}, "classes must be a list of 1 to 100"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SCHEMAS)
def test_task_from_description__malformed_schema__raises(name: str) -> None:
    schema, message = BAD_SCHEMAS[name]
    with pytest.raises(TaskError, match=f"^the task.*{message}"):
        task_from_description({"task": "csv", "schema": schema}, path="data.csv")


@pytest.mark.parametrize("hidden", [0, -1, 65_537, "32", 1.5, None, True])
def test_task_from_description__impossible_width__raises(hidden: Any) -> None:
    with pytest.raises(TaskError, match="hidden is the width"):
        task_from_description({"task": "csv", "schema": SCHEMA, "hidden": hidden}, path="data.csv")


def test_task_from_description__fills_the_memory__raises() -> None:
    wide = SCHEMA | {"columns": [NUMBERS | {"name": str(k)} for k in range(1_000)]}
    with pytest.raises(TaskError, match=r"the task has 65,732,610 parameters, of 1,000 inputs .*; 16,777,216 at most"):
        task_from_description({"task": "csv", "schema": wide, "hidden": 65_536}, path="data.csv")


def test_task_from_description__names_a_path__raises() -> None:
    with pytest.raises(TaskError, match="sets path, which is for this machine to say"):
        task_from_description({"task": "csv", "schema": SCHEMA, "path": "/etc/passwd"}, path="data.csv")


def test_task_from_description__no_path__says_what_to_name() -> None:
    with pytest.raises(TaskError, match="path: name the CSV file with your data"):
        task_from_description({"task": "csv", "schema": SCHEMA})

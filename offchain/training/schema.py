"""How the columns of a table become inputs and classes: what an owner publishes, so that every participant's inputs
mean the same.

As JSON: {"label": name, "classes": [text], "columns": [{"name", "mean", "deviation"} | {"name", "values": [text]}]}.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from offchain.training.errors import TaskError
from offchain.training.table import normal, shown

__all__ = ["LARGEST", "MAX_COLUMNS", "MAX_TEXT", "MAX_VALUES", "Column", "Schema"]

MAX_COLUMNS = 1_000
MAX_VALUES = 100  # of a column of texts, and classes
MAX_TEXT = 200  # characters of a name, a value or a class
LARGEST = 1e300  # of means and deviations, and one over it: standardising stays within float64

_NUMBERS, _TEXTS = {"name", "mean", "deviation"}, {"name", "values"}


@dataclass(frozen=True)
class Column:
    """A column of texts if it has `values`, one input each; else of numbers, one input (x - mean) / deviation."""

    name: str
    mean: float = 0.0
    deviation: float = 1.0
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_texts((self.name,), 1, "name of a column")
        if not (abs(self.mean) <= LARGEST and 1 / LARGEST <= self.deviation <= LARGEST):  # NaN isn't
            raise TaskError(
                f"the task's column {shown(self.name)} needs a mean of at most {LARGEST:g} and a deviation of "
                f"{1 / LARGEST:g} to {LARGEST:g}, not {self.mean:g} and {self.deviation:g}"
            )
        _check_texts(self.values, MAX_VALUES, f"value of the column {shown(self.name)}")


@dataclass(frozen=True)
class Schema:
    """Label column, classes and feature columns of a table, in the order of outputs and inputs.

    Raises TaskError if they make no task.
    """

    label: str
    classes: tuple[str, ...]
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        _check_texts(self.names, MAX_COLUMNS + 1, "name of a column")
        _check_texts(self.classes, MAX_VALUES, "class")
        if not self.columns:
            raise TaskError("the task needs a column besides that of the labels")
        if len(self.classes) < 2:
            raise TaskError("the task needs at least two classes")

    @property
    def names(self) -> tuple[str, ...]:
        """Of all columns, the label's last."""
        return (*(column.name for column in self.columns), self.label)

    @property
    def inputs(self) -> int:
        """How many numbers a row becomes."""
        return sum(len(column.values) or 1 for column in self.columns)

    def to_json(self) -> dict[str, Any]:
        """As in this file's head."""
        columns: list[dict[str, Any]] = []
        for column in self.columns:
            if column.values:
                columns.append({"name": column.name, "values": list(column.values)})
            else:
                columns.append({"name": column.name, "mean": column.mean, "deviation": column.deviation})
        return {"label": self.label, "classes": list(self.classes), "columns": columns}

    @classmethod
    def from_json(cls, data: Any) -> Schema:
        """Checks what a stranger published. Texts are composed (NFC). Raises TaskError."""
        data = _fields(data, {"label", "classes", "columns"}, "the task's schema")
        columns = tuple(_column(column) for column in _list(data["columns"], MAX_COLUMNS, "columns"))
        return cls(_text(data["label"]), _texts(data["classes"], "classes"), columns)


def _column(data: Any) -> Column:
    if isinstance(data, dict) and "values" in data:
        data = _fields(data, _TEXTS, "the task's column")
        return Column(_text(data["name"]), values=_texts(data["values"], "values"))
    data = _fields(data, _NUMBERS, "the task's column")
    name = _text(data["name"])
    for key in ("mean", "deviation"):
        if type(data[key]) not in (int, float) or not abs(data[key]) <= LARGEST:
            raise TaskError(f"the task's column {shown(name)} needs a number of at most {LARGEST:g} as its {key}")
    return Column(name, float(data["mean"]), float(data["deviation"]))


def _fields(data: Any, names: set[str], what: str) -> dict[str, Any]:
    if not isinstance(data, dict) or data.keys() != names:
        keys = shown(", ".join(map(str, data))) if isinstance(data, dict) else f"a {type(data).__name__}"
        raise TaskError(f"{what} is malformed, or of a later version: it needs {', '.join(sorted(names))}, not {keys}")
    return data


def _list(data: Any, most: int, what: str) -> list[Any]:
    if not isinstance(data, list) or not 1 <= len(data) <= most:
        raise TaskError(f"the task's {what} must be a list of 1 to {most:,}")
    return data


def _texts(data: Any, what: str) -> tuple[str, ...]:
    return tuple(_text(text) for text in _list(data, MAX_VALUES, what))


def _text(data: Any) -> str:
    if not isinstance(data, str):
        raise TaskError(f"the task's names, values and classes must be texts, not {type(data).__name__}")
    return normal(data)


def _check_texts(texts: tuple[str, ...], most: int, what: str) -> None:
    if len(texts) > most:
        raise TaskError(f"the task may have {most:,} of {what} at most, not {len(texts):,}")
    for text in texts:
        if not 1 <= len(text) <= MAX_TEXT:
            raise TaskError(f"the task's {what} must have 1 to {MAX_TEXT} characters, not {len(text):,}: {shown(text)}")
    if len(set(texts)) < len(texts):
        double = next(text for k, text in enumerate(texts) if text in texts[:k])
        raise TaskError(f"the task has a {what} twice: {shown(double)}")

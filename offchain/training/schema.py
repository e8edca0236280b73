"""How the columns of a table become inputs and classes: what an owner publishes, so that every participant's inputs
mean the same.

As JSON: {"label": name, "classes": [text], "columns": [{"name", "mean", "deviation"} | {"name", "values": [text]}]}.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from offchain.training.errors import TaskError

__all__ = ["Column", "Schema"]


@dataclass(frozen=True)
class Column:
    """A column of texts if it has `values`, one input each; else of numbers, one input (x - mean) / deviation."""

    name: str
    mean: float = 0.0
    deviation: float = 1.0
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        numbers_hold = math.isfinite(self.mean) and 0 < self.deviation < math.inf
        if not isinstance(self.name, str) or not numbers_hold or not _are_distinct_texts(self.values):
            raise TaskError(
                f"the task's column {self.name!r} needs a finite mean and a deviation above zero, or values that differ"
            )


@dataclass(frozen=True)
class Schema:
    """Label column, classes and feature columns of a table, in the order of outputs and inputs.

    Raises TaskError if they make no task.
    """

    label: str
    classes: tuple[str, ...]
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        names = (self.label, *(column.name for column in self.columns))
        if not self.columns or not _are_distinct_texts(names):
            raise TaskError("the task needs a label column and at least one other, all of different names")
        if len(self.classes) < 2 or not _are_distinct_texts(self.classes):
            raise TaskError("the task needs at least two classes, all different")

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
        """Checks what a stranger published. Raises TaskError."""
        try:
            columns = []
            for column in data["columns"]:
                if "values" in column:
                    columns.append(Column(column["name"], values=(*column["values"],)))
                else:
                    columns.append(Column(column["name"], float(column["mean"]), float(column["deviation"])))
            return cls(data["label"], (*data["classes"],), (*columns,))
        except (KeyError, TypeError, AttributeError, OverflowError, ValueError) as error:
            raise (
                error if isinstance(error, TaskError) else TaskError(f"the task's schema is malformed: {error!r}")
            ) from None


def _are_distinct_texts(texts: tuple[Any, ...]) -> bool:
    return all(isinstance(text, str) for text in texts) and len(set(texts)) == len(texts)

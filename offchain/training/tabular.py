"""Classification of the rows of any CSV file with a label column.

A column of numbers becomes one input, standardised: (x - mean) / deviation. A column of texts becomes one input per
value, 1 where it is that value and 0 elsewhere; a value that the task doesn't know is 0 everywhere. Labels are texts.
`table.py` says what a file may look like, `fitting.py` how it is decided what a column is, `encoding.py` how files are
read by a schema that is given.

Everybody's inputs must mean the same, so the *schema* - columns, means, deviations, values, classes - is taken once,
from the training part of the owner's file, and published with the task; trainers apply it to files of their own,
whose other columns are ignored. So an owner should know: these statistics become public, a trainer's don't.

A file that can't be used is refused with the cell and what to do about it. Nothing is guessed: a missing value would be
filled with somebody's opinion. What a trainer's data lose all the same - values that the task doesn't know, numbers
far from the owner's - is counted in `notes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from offchain.training.encoding import encode, listed
from offchain.training.errors import TaskError
from offchain.training.fitting import Choices, fit
from offchain.training.schema import Schema
from offchain.training.spelling import Spellings
from offchain.training.table import Table, normal, read_table
from offchain.training.task import Dataset, Samples, Task, mlp

__all__ = ["Tabular"]

MIN_ROWS = 10
MAX_HIDDEN = 65_536
MAX_PARAMETERS = 1 << 24  # a stranger's task shall not fill the memory
_TEST_SHARE = 0.2


class Tabular(Task):
    """The task "csv". `label` names the label column and takes the schema from the file; or a `schema` is given.
    `seed` draws the test rows.

    Of the file at `path`: `separator`, a character or "tab", and `decimal`, "." or ",", are found unless they are
    given. With `label` alone: `categories`, `numbers` and `ignore` name columns that are to be read as that, or not.

    Raises TaskError if the file can't be used.
    """

    name = "csv"

    def __init__(
        self,
        path: str | Path = "",
        label: str | None = None,
        schema: Schema | None = None,
        hidden: int = 32,
        seed: int = 0,
        *,
        separator: str = "",
        decimal: str = "",
        categories: Sequence[str] = (),
        numbers: Sequence[str] = (),
        ignore: Sequence[str] = (),
    ) -> None:
        if not str(path):
            raise TaskError("path: name the CSV file with your data")
        if (label is None) == (schema is None):
            raise TaskError("label: name the column to learn; or give a schema, to use that of others")
        if type(hidden) is not int or not 1 <= hidden <= MAX_HIDDEN:
            raise TaskError(f"hidden is the width of the hidden layer, 1 to {MAX_HIDDEN:,}")
        self.path, self.hidden, self.seed = Path(path), hidden, seed
        self._separator, self._decimal = separator, decimal
        self._choices = Choices(*(tuple(map(normal, names)) for names in (categories, numbers, ignore)))
        self._fitted: list[str] = []  # what there is to note of the schema,
        self._loaded: list[str] = []  # and of the data
        self.schema = schema if schema is not None else self._fit(normal(str(label)))
        outputs = len(self.schema.classes)
        if (size := (self.schema.inputs + 1) * hidden + (hidden + 1) * outputs) > MAX_PARAMETERS:
            raise TaskError(
                f"the task has {size:,} parameters, of {self.schema.inputs:,} inputs and {hidden:,} hidden units; "
                f"{MAX_PARAMETERS:,} at most"
            )

    @classmethod
    def from_description(cls, description: dict[str, Any], **local: Any) -> Tabular:
        return cls(schema=Schema.from_json(description.get("schema")), hidden=description.get("hidden", 32), **local)

    def describe(self) -> dict[str, Any]:
        return {"task": self.name, "hidden": self.hidden, "schema": self.schema.to_json()}

    def in_order(self, data: Dataset) -> Samples:
        """The rows of the file in its order, of the two parts that `load` has made of them."""
        parts = self._split(len(data.train) + len(data.test))
        back = torch.from_numpy(np.argsort(np.concatenate(parts)))
        features = torch.cat([data.train.features, data.test.features])
        return Samples(features[back], torch.cat([data.train.labels, data.test.labels])[back])

    def module(self) -> nn.Module:
        return mlp(self.schema.inputs, self.hidden, len(self.schema.classes))

    def notes(self) -> list[str]:
        return [f"{self.path}: {note}" for note in self._fitted + self._loaded]

    def load(self) -> Dataset:
        self._loaded = []
        features, labels = encode(self._read(), self.schema, self._decimal, self._loaded)
        samples = Samples(torch.from_numpy(features), torch.from_numpy(labels))
        train, test = self._split(len(samples))
        return Dataset(samples.take(train), samples.take(test))

    def _fit(self, label: str) -> Schema:
        table = self._read()
        if label not in table.columns:
            columns = Spellings(table.columns)
            raise TaskError(
                f"{self.path} has no column {columns.hint(label)} to learn; its columns are {listed(columns.known)}"
            )
        self._choices.check(table, label)
        used = [name for name in table.columns if name not in self._choices.ignore]
        unclear = [name for name in used if name not in self._choices.categories]
        table = table.filled(used).with_decimal(self._decimal, unclear)
        rows, _ = self._split(len(table))
        return fit(table, label, self._choices, rows, self._fitted)

    def _split(self, rows: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Row numbers of the training and the test part."""
        order, test = np.random.default_rng(self.seed).permutation(rows), round(rows * _TEST_SHARE)
        return np.sort(order[test:]), np.sort(order[:test])

    def _read(self) -> Table:
        table = read_table(self.path, self._separator)
        if len(table) < MIN_ROWS:
            raise TaskError(
                f"{self.path} has {len(table)} rows, too few to train and test on; {MIN_ROWS} are the least"
            )
        return table

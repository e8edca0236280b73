"""Classification of the rows of any CSV with a label column.

The file has a line of column names and is UTF-8. A column of numbers becomes one input, standardised: (x - mean) /
deviation. Any other column becomes one input per value, 1 where it is that value and 0 elsewhere; a value never seen
in training is 0 everywhere. Labels are texts.

Everybody's inputs must mean the same, so the *schema* - columns, means, deviations, values, classes - is taken once,
from the training part of the owner's file, and published with the task; trainers apply it to files of their own,
whose other columns are ignored. So an owner should know: these statistics become public, a trainer's don't.

A file that can't be used is refused with what to do about it. Nothing is guessed: a missing value would be filled
with somebody's opinion.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import nn

from offchain.training.errors import TaskError
from offchain.training.schema import Column, Schema
from offchain.training.task import Dataset, Samples, Task, mlp

__all__ = ["Tabular"]

MIN_ROWS = 10
MAX_VALUES = 100  # of a column of texts
MAX_HIDDEN = 65_536
_TEST_SHARE = 0.2


class Tabular(Task):
    """The task "csv". `label` names the label column and takes the schema from the file; or a `schema` is given.
    `seed` draws the test rows.

    Raises TaskError if the file can't be used.
    """

    name = "csv"

    def __init__(
        self, path: str | Path, label: str | None = None, schema: Schema | None = None, hidden: int = 32, seed: int = 0
    ) -> None:
        if (label is None) == (schema is None):
            raise TaskError("give either the label column, to take the schema from the file, or a schema")
        if type(hidden) is not int or not 1 <= hidden <= MAX_HIDDEN:
            raise TaskError(f"hidden is the width of the hidden layer, 1 to {MAX_HIDDEN:,}")
        self.path, self.hidden, self.seed = Path(path), hidden, seed
        self.schema = schema if schema is not None else self._fit(str(label))

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

    def load(self) -> Dataset:
        table = self._read()
        names = [column.name for column in self.schema.columns]
        if missing := [name for name in [*names, self.schema.label] if name not in table.columns]:
            raise TaskError(
                f"{self.path} has no column {', '.join(map(repr, missing))}; it needs all of the task's columns"
            )
        self._refuse_missing(table[[*names, self.schema.label]])
        features = np.concatenate([self._encode(table[column.name], column) for column in self.schema.columns], axis=1)
        number = {name: k for k, name in enumerate(self.schema.classes)}
        if unknown := sorted(set(table[self.schema.label]) - number.keys()):
            classes = ", ".join(self.schema.classes)
            raise self._error(f"the label {unknown[0]!r} isn't a class of the task; they are {classes}")
        labels = table[self.schema.label].map(number).to_numpy(np.int64)
        samples = Samples(torch.from_numpy(features.astype(np.float32)), torch.from_numpy(labels))
        train, test = self._split(len(samples))
        return Dataset(samples.take(train), samples.take(test))

    def _fit(self, label: str) -> Schema:
        table = self._read()
        if label not in table.columns:
            raise TaskError(
                f"{self.path} has no column {label!r} to learn; its columns are {', '.join(map(repr, table.columns))}"
            )
        if table.shape[1] < 2:
            raise TaskError(f"{self.path} has nothing but the label column; add columns to learn from")
        self._refuse_missing(table)
        classes = tuple(sorted(set(table[label])))
        if len(classes) < 2:
            raise self._error(f"every row has the label {classes[0]!r}; a classifier needs at least two classes")
        if len(classes) > MAX_VALUES:
            raise self._error(
                f"{len(classes)} different labels, {MAX_VALUES} at most; put numbers to predict into classes"
            )
        rows, _ = self._split(len(table))
        columns = [self._fit_column(table[name].iloc[rows]) for name in table.columns if name != label]
        return Schema(label, classes, tuple(columns))

    def _fit_column(self, values: pd.Series) -> Column:
        name = str(values.name)
        texts = tuple(sorted(set(values)))
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
        if len(texts) == 1 or numbers.min() == numbers.max():
            raise self._error(f"the column {name!r} is {texts[0]!r} in all training rows; drop it, it tells nothing")
        if not np.isnan(numbers).any():
            with np.errstate(all="ignore"):  # checked below
                mean, deviation = float(numbers.mean()), float(numbers.std())
            if not (np.isfinite(mean) and 0 < deviation < np.inf):
                raise self._error(
                    f"the column {name!r} holds numbers that float64 can't standardise; drop or scale them"
                )
            return Column(name, mean=mean, deviation=deviation)
        if len(texts) > MAX_VALUES:
            stray = values[np.isnan(numbers)].iloc[0]
            raise self._error(
                f"the column {name!r} has {len(texts)} different texts, {MAX_VALUES} at most; drop or group it, "
                f"or if it is of numbers, mend those that aren't, such as {stray!r}"
            )
        return Column(name, values=texts)

    def _encode(self, values: pd.Series, column: Column) -> npt.NDArray[np.float64]:
        if column.values:
            return np.stack([(values == value).to_numpy(np.float64) for value in column.values], axis=1)
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
        scaled = (numbers - column.mean) / column.deviation
        usable = np.abs(scaled) < np.finfo(np.float32).max  # NaN isn't
        if not usable.all():
            stray = values[~usable].iloc[0]
            raise self._error(f"the column {column.name!r} must hold finite numbers; {stray!r} isn't one")
        return scaled[:, None]

    def _split(self, rows: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Row numbers of the training and the test part."""
        order, test = np.random.default_rng(self.seed).permutation(rows), round(rows * _TEST_SHARE)
        return np.sort(order[test:]), np.sort(order[:test])

    def _read(self) -> pd.DataFrame:
        """The table as texts, spaces around them removed."""
        try:
            table = pd.read_csv(self.path, header=None, dtype=str, encoding="utf-8-sig", skipinitialspace=True)
        except OSError as error:
            raise TaskError(f"can't read {self.path}: {error.strerror or error}") from None
        except UnicodeDecodeError as error:
            raise TaskError(f"{self.path} isn't UTF-8 text (byte {error.start}); save it as CSV UTF-8") from None
        except pd.errors.EmptyDataError:
            raise TaskError(f"{self.path} is empty; it needs a line of column names and rows") from None
        except (pd.errors.ParserError, ValueError) as error:
            raise TaskError(f"{self.path} isn't a table of comma-separated values: {error}") from None
        table = table.apply(lambda column: column.str.strip())
        names = list(table.iloc[0])
        if any(not isinstance(name, str) or not name for name in names) or len(set(names)) < len(names):
            raise TaskError(f"{self.path}: the first line must name each column, and none twice")
        table = table.iloc[1:].reset_index(drop=True).set_axis(names, axis=1)
        if len(table) < MIN_ROWS:
            raise TaskError(
                f"{self.path} has {len(table)} rows, too few to train and test on; {MIN_ROWS} are the least"
            )
        return table

    def _refuse_missing(self, table: pd.DataFrame) -> None:
        for name, count in (table.isna() | (table == "")).sum().items():
            if count:
                raise self._error(
                    f"{count} values of the column {name!r} are missing; fill them in, or drop its rows or it"
                )

    def _error(self, text: str) -> TaskError:
        return TaskError(f"{self.path}: {text}")

"""How an owner's table becomes a schema. Where a column may mean two things the owner is asked, by an error that says
how to answer: with the column's name in `categories`, `numbers` or `ignore`.

| a column of | becomes |
|---|---|
| numbers | one input, standardised by mean and deviation of the training rows |
| numbers with leading zeros, or integers that float64 can't hold | asked: a code, an ID? |
| numbers mostly, by cells or by different values | asked, with the first cell that is none |
| dates, times, numbers with separators, signs or a unit mostly | asked, with the first such cell |
| texts that differ in nearly every row | asked: an ID, a name? |
| other texts, few of them numbers | one input for each value that training rows have |
| one value, in all training rows | refused: it tells nothing |

Labels are classes, each by its text. Many different numbers are asked about: this task can't predict an amount.

What is worth knowing but no reason to refuse is a note.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offchain.training.errors import TaskError
from offchain.training.schema import LARGEST, MAX_COLUMNS, MAX_TEXT, MAX_VALUES, Column, Schema
from offchain.training.spelling import Spellings
from offchain.training.table import Table, as_number, shown

__all__ = ["Choices", "fit"]

_MOST_NUMBERED = 10  # classes that are numbers, without asking
_MOST_BYTES = 60_000  # of a schema: a task's whole description has 65,536 (storage/payload.py)
_PLAIN = "mend it or drop the row; numbers have no thousands separators, signs or units, dates must be made numbers"
_EXACT = 2**53  # integers up to here are float64s

_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_LIKE_A_NUMBER = re.compile(  # not 20-29, 65+, <5, 120/80, A12
    rf"""[^\w<>≤≥]*\d[\d\s_.,'\u2019]*(e[+-]?\d+)?[^\w+]*     # 1_000, $3, (5), 7 %
    | \d{{1,4}}([-/.])\d{{1,2}}\2\d{{1,4}}([t\s].*)?    # 2021-01-31, 31/1/21, 2021-01-31T10:00Z
    | (19|20)\d\d[-/](0?[1-9]|1[0-2])                   # 2021-01
    | \d{{1,2}}[-.\s]*{_MONTH}[-.,\s]*\d{{2,4}} | {_MONTH}[.\s]+\d{{1,2}},?\s+\d{{4}}
    | \d{{1,2}}:\d\d(:\d\d(\.\d+)?)?(\s?[ap]m)?""",
    re.VERBOSE | re.IGNORECASE,
)
_WITH_UNIT = re.compile(r"[+-]?\d[\d.,]*\s*([^\W\d_][^\d\s]*)")  # 5 kg
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_CODE = re.compile(r"[+-]?0\d.*")
_ID = re.compile(r"(.*[\W_])?(id|uuid|guid)|.*[a-z]I[Dd]")


@dataclass(frozen=True)
class Choices:
    """What the owner has said of columns, by their names."""

    categories: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def check(self, table: Table, label: str) -> None:
        """Raises TaskError for names that the table lacks, and for what can't be."""
        columns = Spellings(table.columns)
        named = (*self.categories, *self.numbers, *self.ignore)
        for name in named:
            if name not in table.columns:
                raise TaskError(f"{table.path} has no column {columns.hint(name)}")
            if named.count(name) > 1:
                raise TaskError(f"{shown(name)} is named twice in categories, numbers and ignore")
        if label in self.ignore or label in self.numbers:
            raise TaskError(
                f"{shown(label)} is the label column: it can't be ignored, and is read as classes, not as numbers"
            )


def fit(table: Table, label: str, choices: Choices, rows: npt.NDArray[np.int64], notes: list[str]) -> Schema:
    """The schema of a table whose columns are all used. `rows` are those to train on; `notes` grow.

    Raises TaskError.
    """
    names = [name for name in table.columns if name != label]
    if not names:
        raise TaskError(f"{table.path} has nothing but the label column; add columns to learn from")
    if len(names) > MAX_COLUMNS:
        raise TaskError(f"{table.path} has {len(names):,} columns to learn from, {MAX_COLUMNS:,} at most; ignore some")
    classes = _classes(table, label, choices, rows, notes)
    schema = Schema(label, classes, tuple(_column(table, name, choices, rows, notes) for name in names))
    if (size := len(json.dumps(schema.to_json()))) > _MOST_BYTES:
        raise TaskError(
            f"{table.path}: names, values and statistics of its columns take {size:,} bytes to publish, "
            f"{_MOST_BYTES:,} at most; ignore some columns, or group the values of those that have many"
        )
    return schema


def _classes(
    table: Table, label: str, choices: Choices, rows: npt.NDArray[np.int64], notes: list[str]
) -> tuple[str, ...]:
    values = table.values(label)
    counts = Counter(values)
    classes = tuple(sorted(counts))
    if len(classes) < 2:
        raise _error(
            table, label, f"every row has the label {shown(classes[0])}; a classifier needs at least two classes"
        )
    if len(classes) > MAX_VALUES:
        raise _error(
            table, label, f"{len(classes)} different labels, {MAX_VALUES} at most; put numbers to predict into classes"
        )
    if label not in choices.categories:
        if len(classes) > _MOST_NUMBERED and all(as_number(text) is not None for text in classes):
            raise _error(
                table,
                label,
                f"its {len(classes)} different numbers, are they classes or an amount? If classes, name the column in "
                f"`categories`; an amount must be put into a few classes first, such as low and high",
            )
        _refuse_strays(table, label)
    _check_lengths(table, label)
    spellings = Spellings(classes)
    if (pair := spellings.same_numbers()) is not None:
        a, b = pair
        raise table.error(label, values.index(b), f"{shown(b)} and {shown(a)} are the same number; write it in one way")
    _note_case(table, label, spellings, notes)
    trained = {values[row] for row in rows}
    for text in classes:
        if counts[text] == 1 or text not in trained:
            line, where = table.lines[values.index(text)], "one row" if counts[text] == 1 else "test rows"
            notes.append(f"the label {shown(text)} is in {where} alone (line {line}): find more rows of it, or drop it")
    return classes


def _column(table: Table, name: str, choices: Choices, rows: npt.NDArray[np.int64], notes: list[str]) -> Column:
    texts = table.columns[name]
    if name in choices.categories:
        return _encoded(table, name, rows, notes)
    numbers = [as_number(text, table.decimal) for text in texts]
    stray = next((row for row, number in enumerate(numbers) if number is None), None)
    if stray is None:
        if name not in choices.numbers:
            _refuse_codes(table, name)
            _note_ids(table, name, notes)
        return _standardised(table, name, np.array(numbers, np.float64)[rows])
    if name in choices.numbers:
        raise table.error(name, stray, f"{shown(texts[stray])} isn't a plain number; {_PLAIN}")
    _refuse_strays(table, name, _meant_as_numbers(set(texts)))
    different = len(set(texts))
    if different > 0.9 * len(texts):
        raise _error(
            table,
            name,
            f"{different} different texts in {len(texts)} rows, as IDs, names and free text have; they would be "
            f"published, and nothing learned from them: name the column in `ignore`",
        )
    for row in [row for row, number in enumerate(numbers) if number is not None][:1]:
        notes.append(
            f"column {shown(name)} is read as categories, though {shown(texts[row])} in line {table.lines[row]} is a "
            f"number"
        )
    return _encoded(table, name, rows, notes)


def _meant_as_numbers(texts: set[str]) -> set[str]:
    """Those of the texts that are dates, times, and numbers with separators, signs or a unit, the same for all."""
    texts = {text for text in texts if len(text) <= 60}
    units = {text: match[1] for text in texts if (match := _WITH_UNIT.fullmatch(text))}
    has_unit = len(units) > 2 and len(set(units.values())) == 1
    return {text for text in texts if _LIKE_A_NUMBER.fullmatch(text) or (has_unit and text in units)}


def _refuse_strays(table: Table, name: str, alike: Set[str] = frozenset()) -> None:
    """Raises TaskError if cells are mostly numbers, or `alike`, and not all numbers."""
    texts = table.columns[name]
    counts = Counter(texts)
    plain = {text for text in counts if as_number(text, table.decimal) is not None}
    alike = alike | plain
    is_mostly = 2 * sum(counts[text] for text in alike) >= len(texts) or 2 * len(alike) >= len(counts)
    if not alike or not is_mostly or len(plain) == len(counts):
        return
    row = next(row for row, text in enumerate(texts) if text not in plain)
    cells = sum(counts[text] for text in plain)
    among = f"though {cells} of the column's {len(texts)} cells are" if cells else "as no cell of the column is"
    raise table.error(
        name,
        row,
        f"{shown(texts[row])} isn't a plain number, {among}; {_PLAIN}. If its texts are values of their own, name the "
        f"column in `categories`",
    )


def _refuse_codes(table: Table, name: str) -> None:
    for row, text in enumerate(table.columns[name]):
        if _CODE.fullmatch(text):
            raise table.error(
                name,
                row,
                f"{shown(text)} has a leading zero: is it a code or a number? Name the column in `categories` or in "
                f"`numbers`",
            )
        if _INTEGER.fullmatch(text) and abs(int(text)) > _EXACT:
            raise table.error(
                name,
                row,
                f"{shown(text)} is too long to be held exactly: is it an ID or an amount? Name the column in `ignore` "
                f"or in `numbers`",
            )


def _note_ids(table: Table, name: str, notes: list[str]) -> None:
    texts = table.columns[name]
    if len(set(texts)) < len(texts) or not all(_INTEGER.fullmatch(text) for text in texts):
        return
    values = {int(text) for text in texts}
    if _ID.fullmatch(name) or max(values) - min(values) == len(texts) - 1:
        notes.append(
            f"the integers of column {shown(name)} all differ, {min(values)} to {max(values)}, as IDs and row "
            f"numbers do; if they are such, name it in `ignore`: nothing true is learned from them"
        )


def _standardised(table: Table, name: str, numbers: npt.NDArray[np.float64]) -> Column:
    """numbers: of the training rows, finite."""
    if numbers.min() == numbers.max():
        raise _constant(table, name, f"{numbers[0]:g}")
    with np.errstate(all="ignore"):  # checked below
        mean, deviation = float(numbers.mean()), float(numbers.std())
    if not (abs(mean) <= LARGEST and 1 / LARGEST <= deviation <= LARGEST):
        raise _error(table, name, "it holds numbers that float64 can't standardise; ignore or scale them")
    return Column(name, mean=mean, deviation=deviation)


def _encoded(table: Table, name: str, rows: npt.NDArray[np.int64], notes: list[str]) -> Column:
    _check_lengths(table, name)
    texts = table.values(name)
    values = sorted({texts[row] for row in rows})
    if len(values) == 1:
        raise _constant(table, name, values[0])
    if len(values) > MAX_VALUES:
        raise _error(
            table, name, f"{len(values)} different texts, {MAX_VALUES} at most; group them, or name it in `ignore`"
        )
    spellings = Spellings(values)
    if (pair := spellings.same_numbers()) is not None:
        notes.append(f"column {shown(name)}: {shown(pair[0])} and {shown(pair[1])} are one number, and two categories")
    _note_case(table, name, spellings, notes)
    return Column(name, values=tuple(values))


def _note_case(table: Table, name: str, spellings: Spellings, notes: list[str]) -> None:
    if (pair := spellings.same_but_for_case()) is not None:
        a, b = pair
        notes.append(
            f"column {shown(name)}: {shown(a)} and {shown(b)} (line {table.lines[table.values(name).index(b)]}) differ "
            f"in case or spaces alone, and are two values"
        )


def _check_lengths(table: Table, name: str) -> None:
    for row, text in enumerate(table.columns[name]):
        if len(text) > MAX_TEXT:
            raise table.error(
                name, row, f"{shown(text)}, {len(text):,} characters, is too long for a value; {MAX_TEXT} at most"
            )


def _constant(table: Table, name: str, text: str) -> TaskError:
    return _error(table, name, f"it is {shown(text)} in all training rows, and tells nothing; name it in `ignore`")


def _error(table: Table, name: str, text: str) -> TaskError:
    return TaskError(f"{table.path}, column {shown(name)}: {text}")

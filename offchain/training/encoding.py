"""How a table becomes inputs and class numbers by a schema, which may be somebody else's.

A value that the schema lacks is 0 everywhere, and counted in a note; a column of nothing else is refused, as is a cell
that is no number in a column of numbers, and a label that is no class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from offchain.training.errors import TaskError
from offchain.training.schema import Column, Schema
from offchain.training.spelling import Spellings
from offchain.training.table import Table, as_number, shown

__all__ = ["encode", "listed"]

_FAR = 100  # deviations from the mean, of a single number
_ALL_FAR = 10  # of the median
_EXAMPLES = 3
_LISTED = 20


def encode(
    table: Table, schema: Schema, decimal: str, notes: list[str]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Inputs, float32[n, schema.inputs], and class numbers, int64[n]; `notes` grow. Other columns aren't looked at.

    Raises TaskError.
    """
    own = _own_names(table, schema, notes)
    numbers = [own[column.name] for column in schema.columns if not column.values]
    table = table.filled(list(own.values())).with_decimal(decimal, numbers)
    inputs = [
        (_one_hot if column.values else _standardised)(table, own[column.name], column, notes)
        for column in schema.columns
    ]
    return np.concatenate(inputs, axis=1), _labels(table, own[schema.label], schema.classes, notes)


def listed(texts: Sequence[str]) -> str:
    """Texts as they may be printed, the first of many."""
    rest = f" and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return ", ".join(map(shown, texts[:_LISTED])) + rest


def _own_names(table: Table, schema: Schema, notes: list[str]) -> dict[str, str]:
    """The table's name of each of the schema's columns."""
    names = Spellings(schema.names)
    exact: dict[str, str] = {}
    close: dict[str, list[str]] = {}
    for name in table.columns:
        k, is_certain = names.find(name)
        if k is not None and is_certain and (name == names.known[k] or schema.names[k] not in exact):
            exact[schema.names[k]] = name
        elif k is not None and not is_certain:
            close.setdefault(schema.names[k], []).append(name)
    for name in schema.names:
        if name in exact:
            continue
        if len(close.get(name, ())) != 1:
            raise TaskError(
                f"{table.path} has no column {Spellings(table.columns).hint(name)}; it needs all of the task's "
                f"columns, which are {listed(schema.names)}"
            )
        (exact[name],) = close[name]
        notes.append(f"column {shown(exact[name])} is read as the task's {shown(name)}")
    return exact


def _labels(table: Table, name: str, classes: Sequence[str], notes: list[str]) -> npt.NDArray[np.int64]:
    spellings = Spellings(classes)
    found = _found(table, name, spellings, notes)
    if (found < 0).any():
        row = int((found < 0).argmax())
        label = spellings.hint(table.values(name)[row])
        raise table.error(name, row, f"the label {label} isn't a class of the task; they are {listed(spellings.known)}")
    return found


def _one_hot(table: Table, name: str, column: Column, notes: list[str]) -> npt.NDArray[np.float32]:
    """float32[n, values]: 1 at the value of each row."""
    spellings, texts = Spellings(column.values), table.values(name)
    found = _found(table, name, spellings, notes)
    first: dict[str, int] = {}
    for row in np.flatnonzero(found < 0):
        first.setdefault(texts[row], int(row))
    if first:
        examples = [f"{spellings.hint(text)} in line {table.lines[row]}" for text, row in first.items()]
        more = f", and {len(first) - _EXAMPLES} other values" if len(first) > _EXAMPLES else ""
        what = (
            f"column {shown(name)}: {(found < 0).sum():,} of {len(texts):,} rows have values that the task doesn't "
            f"know: {', '.join(examples[:_EXAMPLES])}{more}; it knows {listed(spellings.known)}"
        )
        if (found < 0).all():
            raise TaskError(f"{table.path}, {what}. Write values as the task does")
        notes.append(f"{what}. To the model these rows have none")
    return np.eye(len(column.values) + 1, len(column.values), dtype=np.float32)[found]  # row -1 is zero


def _standardised(table: Table, name: str, column: Column, notes: list[str]) -> npt.NDArray[np.float32]:
    """float32[n, 1]"""
    texts = table.columns[name]
    numbers = np.array([as_number(text, table.decimal) for text in texts], np.float64)  # None becomes NaN
    with np.errstate(all="ignore"):  # checked below
        scaled = (numbers - column.mean) / column.deviation
    distances = np.abs(scaled)
    usable = distances < np.finfo(np.float32).max  # NaN isn't
    if not usable.all():
        row = int(usable.argmin())
        raise table.error(name, row, f"it must be a finite number that isn't huge, and {shown(texts[row])} isn't one")
    far, worst = int((distances > _FAR).sum()), int(distances.argmax())
    if far or np.median(distances) > _ALL_FAR:
        notes.append(
            f"column {shown(name)}: {far or 'most'} of {len(texts):,} numbers are far from the task's, of mean "
            f"{column.mean:.4g} and deviation {column.deviation:.4g}, as {shown(texts[worst])} in line "
            f"{table.lines[worst]}; are they in the same unit?"
        )
    return scaled.astype(np.float32)[:, None]


def _found(table: Table, name: str, spellings: Spellings, notes: list[str]) -> npt.NDArray[np.int64]:
    """Of each row the number of its text among the known ones, or -1; int64[n]. Notes what is found by a guess."""
    texts = table.values(name)
    counts = Counter(texts)
    numbers, guessed = {}, []
    for text in counts:
        k, is_certain = spellings.find(text)
        numbers[text] = -1 if k is None else k
        if k is not None and not is_certain:
            guessed.append((text, spellings.known[k]))
    if guessed:
        pairs = ", ".join(f"{shown(text)} as {shown(known)}" for text, known in guessed[:_EXAMPLES])
        more = f", and {len(guessed) - _EXAMPLES} others" if len(guessed) > _EXAMPLES else ""
        notes.append(
            f"column {shown(name)}: {sum(counts[text] for text, _ in guessed):,} of {len(texts):,} cells are read in "
            f"the task's spelling: {pairs}{more}"
        )
    return np.array([numbers[text] for text in texts], np.int64)

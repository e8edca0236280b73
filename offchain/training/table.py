"""A CSV file as a table of texts. Whatever is said of a cell names file, line, column and value.

UTF-8, a line of column names, a line for each row. Cells are separated by commas, semicolons, tabs or bars: by the one
that makes rows as long as the first line. A cell in quotes may hold separators, but no line break: a stray quote
would swallow rows. Spaces around a cell are dropped, and letters composed (Unicode's NFC), so that what looks the same
is the same. Every text is a value, `NA` and `None` too: only an empty cell is missing.

A number has digits, at most one decimal sign, and an exponent if it likes: 7, -0.5, 1e-3. The sign is a comma if the
numbers of the file have commas and no points; where that could be a thousands separator, the user is asked. `1_000`,
`$3`, `5 %`, `inf` and dates are no numbers.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from offchain.training.errors import TaskError

__all__ = ["Table", "as_number", "normal", "read_table", "shown"]

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SPELLED = {"tab": "\t", "\\t": "\t"}  # a tab is hard to type
_NUMBER = {  # by the decimal sign
    sign: re.compile(rf"[+-]?(\d+\{sign}?\d*|\{sign}\d+)([eE][+-]?\d{{1,3}})?", re.ASCII) for sign in ".,"
}
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)  # a number with a decimal sign, or in thousands


def normal(text: str) -> str:
    """Without spaces around it, letters composed."""
    text = text.strip()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def shown(text: str) -> str:
    """A text as it may be printed: quoted, control characters escaped, cut after 60."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def as_number(text: str, decimal: str = ".") -> float | None:
    """The finite number that a text is, or None."""
    if not _NUMBER[decimal].fullmatch(text):
        return None
    value = float(text.replace(",", "."))
    return value if abs(value) < float("inf") else None


@dataclass(frozen=True, eq=False)
class Table:
    """Texts by column; of each row its line in the file, from 1; the decimal sign of its numbers."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]
    separator: str
    decimal: str = "."

    def __len__(self) -> int:
        return len(self.lines)

    def error(self, column: str, row: int, text: str) -> TaskError:
        """What is wrong with a cell, and where that is."""
        return TaskError(f"{self.path}, line {self.lines[row]}, column {shown(column)}: {text}")

    def filled(self, names: Collection[str]) -> Table:
        """These columns alone. Raises TaskError at an empty cell."""
        for name in names:
            empty = [row for row, text in enumerate(self.columns[name]) if not text]
            if empty:
                raise self.error(
                    name,
                    empty[0],
                    f"a value is missing, as in {len(empty):,} of the column's {len(self):,} cells; fill them in, or "
                    f"leave out the rows or the column",
                )
        columns = {name: self.columns[name] for name in names}
        return Table(self.path, columns, self.lines, self.separator, self.decimal)

    def with_decimal(self, decimal: str, names: Collection[str]) -> Table:
        """With this decimal sign, or if it is empty with the one that the numbers of these columns have.

        Raises TaskError if they don't tell.
        """
        if decimal not in ("", ".", ","):
            raise TaskError(f"decimal: '.' or ',', not {decimal!r}")
        return Table(self.path, self.columns, self.lines, self.separator, decimal or self._decimal(names))

    def values(self, name: str) -> list[str]:
        """A column's texts, numbers with a decimal point."""
        texts = self.columns[name]
        if self.decimal == ".":
            return texts
        return [text.replace(",", ".") if _NUMBER[","].fullmatch(text) else text for text in texts]

    def _decimal(self, names: Collection[str]) -> str:
        first: dict[str, tuple[str, int]] = {}  # the first cell with each sign
        certain = set()  # signs that can't all be of thousands
        for name in names:
            for row, text in enumerate(self.columns[name]):
                for sign in ".,":
                    if sign in text and _NUMBER[sign].fullmatch(text):
                        first.setdefault(sign, (name, row))
                        if not _GROUPED.fullmatch(text):
                            certain.add(sign)
        if len(first) == 2:
            point, comma = first["."], first[","]
            raise self.error(
                *comma,
                f"{self._cell(*comma)} has a comma, and {self._cell(*point)} (line {self.lines[point[1]]}, column "
                f"{shown(point[0])}) a point; write numbers without thousands separators, and say which of the two is "
                f"the decimal sign: decimal = ',' or '.'",
            )
        if not first:
            return "."
        ((sign, cell),) = first.items()
        if sign not in certain and (sign == "," or self.separator == ";"):
            raise self.error(
                *cell,
                f"{self._cell(*cell)}: a decimal sign or a thousands separator? Say decimal = {sign!r} if it is the "
                f"decimal sign, else write numbers without it",
            )
        return sign

    def _cell(self, name: str, row: int) -> str:
        return shown(self.columns[name][row])


def read_table(path: Path, separator: str = "") -> Table:
    """The table in a file, of any number of rows. `separator`: a character or "tab"; by default it is found.

    Raises TaskError.
    """
    text = _text(path)
    separator = _SPELLED.get(separator, separator) or _find_separator(path, text)
    if len(separator) != 1 or separator in '"\r\n':
        raise TaskError(f"separator: one character that stands between cells, or 'tab', not {separator!r}")
    rows = _rows(path, text, separator)
    _, first = next(rows)
    names = _names(path, first)
    columns: list[list[str]] = [[] for _ in names]
    lines = []
    for line, cells in rows:
        lines.append(line)
        for column, cell in zip(columns, cells, strict=True):
            column.append(normal(cell))
    return Table(path, dict(zip(names, columns, strict=True)), lines, separator)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TaskError(f"can't read {path}: {error.strerror or error}") from None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TaskError(f"{path} is UTF-16 text; save it as CSV UTF-8")
    if data.startswith(b"PK\x03\x04"):
        raise TaskError(f"{path} is a workbook or another archive, no text; save the sheet as CSV UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(re.split(rb"\r\n?|\n", data[: error.start]))
        raise TaskError(f"{path}, line {line}, isn't UTF-8 text (byte {error.start}); save it as CSV UTF-8") from None
    if "\0" in text:
        line = len(re.split(r"\r\n?|\n", text[: text.index("\0")]))
        raise TaskError(f"{path}, line {line}: holds a NUL character, which no text does; save it as CSV UTF-8")
    if not text.strip():
        raise TaskError(f"{path} is empty; it needs a line of column names and rows")
    return text


def _find_separator(path: Path, text: str) -> str:
    first = next(line for line in io.StringIO(text, newline="") if line.strip())
    cells = {s: len(next(csv.reader([first], delimiter=s, skipinitialspace=True))) for s in _SEPARATORS}
    candidates = [s for s in cells if cells[s] > 1]
    if len(candidates) > 1:
        fitting = [s for s in candidates if _fits(path, text, s)]
        if len(fitting) > 1:
            names = " or ".join(_SEPARATORS[s] for s in fitting)
            raise TaskError(
                f"{path}: cells may be separated by {names}; say which: separator = {fitting[0]!r}, for one"
            )
        candidates = fitting or [max(candidates, key=lambda s: cells[s])]
    return candidates[0] if candidates else ","


def _fits(path: Path, text: str, separator: str) -> bool:
    try:
        return all(True for _ in _rows(path, text, separator))
    except TaskError:
        return False


def _rows(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each line that isn't blank, the one of names first. Raises TaskError."""
    lines = _whole_lines(path, io.StringIO(text, newline=""))
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    width = line = 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            what = "a quote is never closed" if "unexpected end" in str(error) else str(error)
            raise TaskError(f"{path}, line {line + 1}: {what}; is there a stray quote or separator?") from None
        if cells is None:
            return
        line += 1
        if reader.line_num > line:
            raise TaskError(
                f"{path}, line {line}: a cell in quotes goes on until line {reader.line_num}; cells can't have line "
                f"breaks: is there a stray quote?"
            )
        if len(cells) < 2 and not "".join(cells).strip():
            continue
        width = width or len(cells)
        if len(cells) != width:
            raise TaskError(
                f"{path}, line {line}: {len(cells)} cells, but the first line names {width} columns; a cell that "
                f"holds a separator must be in quotes"
            )
        yield line, cells


def _whole_lines(path: Path, lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if line.count('"') % 2:
            raise TaskError(
                f"{path}, line {number}: a quote without its partner; cells can't go over several lines, and a quote "
                f"within a cell is written twice, in a cell in quotes"
            )
        yield line


def _names(path: Path, cells: list[str]) -> list[str]:
    names = [normal(cell) for cell in cells]
    for k, name in enumerate(names, 1):
        if not name:
            raise TaskError(f"{path}: the first line must name each column, and column {k} has no name")
        if names.index(name) < k - 1:
            raise TaskError(f"{path}: the first line must name each column, and none twice: {shown(name)}")
    return names

"""Files as tables of texts: what separates cells, what is a number, and files that aren't read, with the line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from offchain.training.errors import TaskError
from offchain.training.table import as_number, normal, read_table, shown

Write = Callable[..., Path]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_read_table__any_separator__is_found(write: Write, separator: str) -> None:
    rows = ["name, of both", "age"], ["Ann", "7"], ["Bo; or |", "8"]
    table = read_table(write([separator.join(f'"{cell}"' for cell in row) for row in rows]))
    assert table.columns == {"name, of both": ["Ann", "Bo; or |"], "age": ["7", "8"]}
    assert (table.separator, table.lines) == (separator, [2, 3])


def test_read_table__other_separators_in_names_and_cells__are_text(write: Write) -> None:
    table = read_table(write(["name, first;age", "Ann, B;7", "Cy;8"]))
    assert table.columns == {"name, first": ["Ann, B", "Cy"], "age": ["7", "8"]}


def test_read_table__two_separators_fit__asks(write: Write) -> None:
    path = write(["a,b;c", "1,2;3", "4,5;6"])
    with pytest.raises(TaskError, match=r"separated by commas or semicolons; say which: separator = ','"):
        read_table(path)
    assert read_table(path, ";").columns == {"a,b": ["1,2", "4,5"], "c": ["3", "6"]}


@pytest.mark.parametrize("separator", ["tab", "\\t", "\t"])
def test_read_table__tab_by_name__separates(write: Write, separator: str) -> None:
    assert read_table(write(["a,b\tc", "1,2\t3"]), separator).columns == {"a,b": ["1,2"], "c": ["3"]}


@pytest.mark.parametrize("separator", [";;", '"', "\n", "semicolon"])
def test_read_table__impossible_separator__raises(write: Write, separator: str) -> None:
    with pytest.raises(TaskError, match="separator: one character"):
        read_table(write(["a,b", "1,2"]), separator)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_read_table__line_ends_and_blank_lines__keep_the_numbers_of_lines(write: Write, end: str) -> None:
    table = read_table(write(end.join(["", "a,b", "1,2", "", "3,4", "   ", "5,6"])))
    assert table.columns == {"a": ["1", "3", "5"], "b": ["2", "4", "6"]}
    assert table.lines == [3, 5, 7]


def test_read_table__texts__are_composed_and_stripped(write: Write) -> None:
    table = read_table(write('\ufeff gro\u0308ße , "b"\n Zu\u0308rich\u00a0, "say ""hi"""\n'))
    assert table.columns == {"größe": ["Zürich"], "b": ['say "hi"']}


def test_filled__texts_that_others_take_for_missing__are_texts(write: Write) -> None:
    texts = ["NA", "None", "null", "nan", "NaN", "?", "-", "#N/A"]
    assert read_table(write(["a,b", *[f"{text},1" for text in texts]])).filled(["a", "b"]).columns["a"] == texts


@pytest.mark.parametrize("cell", ["", "  ", '""', "\u00a0"])
def test_filled__empty_cell__is_refused_unless_the_column_is_left_out(write: Write, cell: str) -> None:
    table = read_table(write(["a,b", "1,2", f"{cell},3", f"{cell},4"]))
    with pytest.raises(
        TaskError, match=r"data\.csv, line 3, column 'a': a value is missing, as in 2 of the .* 3 cells"
    ):
        table.filled(["b", "a"])
    assert table.filled(["b"]).columns == {"b": ["2", "3", "4"]}


UNREADABLE: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", r"data\.csv is empty; it needs a line of column names and rows"),
    "blank": (" \n\n\r\n", "is empty"),
    "Latin-1": ("a,b\n1,2\nOrléans,2".encode("latin-1"), r"line 3, isn't UTF-8 text \(byte 11\); save it as CSV UTF-8"),
    "Latin-1, CR": ("a,b\r1,2\rOrléans,2".encode("latin-1"), "line 3, isn't UTF-8"),
    "UTF-16": ("a,b\n1,2".encode("utf-16"), "is UTF-16 text; save it as CSV UTF-8"),
    "UTF-16, no mark": ("a,b\n1,2".encode("utf-16-le"), "line 1: holds a NUL character"),
    "NUL": ("a,b\r\n1,2\r\n3\0,4\r\n", "line 3: holds a NUL character"),
    "workbook": (b"PK\x03\x04\x14\0", "is a workbook or another archive, no text; save the sheet as CSV"),
    "short row": ("a,b\n1,2\n3\n4,5\n", "line 3: 1 cells, but the first line names 2 columns"),
    "long row, semicolons": ("a;b\n1;2\n\n3;4;5\n", "line 4: 3 cells, but the first line names 2 columns"),
    "decimal comma between commas": ("a,b\n1,5,2\n2,5,2\n", "line 2: 3 cells, .* in quotes"),
    "names of rows": ("a,b\nx,1,2\ny,3,4\n", "line 2: 3 cells, but the first line names 2"),
    "title above": ("Report of May\na,b\n1,2\n", "line 2: 2 cells, but the first line names 1"),
    "quotes pages apart": ('a,b\n1,"x\n2,y\n3,"z\n', "line 2: a quote without its partner; cells can't go over"),
    "cell of two lines": ('a,b\n1,"x\ny"\n', "line 2: a quote without its partner"),
    "open quote at the end": ('a,b\n1,x\n2,"y', "line 3: a quote without its partner"),
    "inch sign": ('a,b\n1,x\n2,5" pipe\n', "line 3: a quote without its partner; .* written twice"),
    "quote that swallows": ('a,b,c\n1,2,3\n4,x"y,"5\n6,7,"8"\n9,1,2\n', "line 3: .*quote"),
    "quote that swallows a line": ('a,b,c\n1,2,3\nx"4,"5\n6",7"x\n', "line 3: a cell in quotes goes on until line 4"),
    "swallows to the end": ('a,b,c\n1,2,3\n4,x"y,"5\n6,7,8\n', "line 3: a quote is never closed"),
    "text after a quote": ('a,b\n1,"x" y\n', "line 2: ',' expected after '\"'"),
    "endless cell": (f"a,b\n1,{'x' * 200_000}\n", "line 2: field larger than field limit"),
    "column without name": ("a,,b\n1,2,3\n", "the first line must name each column, and column 2 has no name"),
    "name twice": ("a,b,a \n1,2,3\n", "the first line must name each column, and none twice: 'a'"),
    "name twice, composed": ("ö,o\u0308\n1,2\n", "none twice: 'ö'"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
def test_read_table__unreadable_file__raises_with_the_line(write: Write, name: str) -> None:
    content, message = UNREADABLE[name]
    with pytest.raises(TaskError, match=message):
        read_table(write(content))


def test_read_table__no_such_file__raises(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"can't read .*none\.csv: No such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(TaskError, match="can't read"):
        read_table(tmp_path)


@pytest.mark.parametrize(
    ("cells", "decimal", "values"),
    [
        (["1", "2"], ".", ["1", "2"]),
        (["1.5", "1.234"], ".", ["1.5", "1.234"]),
        (["0,5", "1,234"], ",", ["0.5", "1.234"]),
        (["-,5", "1,5e3", "7,"], ",", ["-.5", "1.5e3", "7."]),
        (["1,5", "x, y", "31.12.2020"], ",", ["1.5", "x, y", "31.12.2020"]),
        (["0,123", "a"], ",", ["0.123", "a"]),  # no thousands: they don't begin with 0
        (["1,234,567", "1 000,5"], ".", ["1,234,567", "1 000,5"]),  # no numbers at all
    ],
    ids=str,
)
def test_with_decimal__consistent_numbers__finds_it(
    write: Write, cells: list[str], decimal: str, values: list[str]
) -> None:
    table = read_table(write(["a;b", *[f"{cell};1" for cell in cells]])).with_decimal("", ["a", "b"])
    assert table.decimal == decimal
    assert table.values("a") == values


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1.5", "2,5"], r"line 3, column 'a': '2,5' has a comma, and '1.5' \(line 2, column 'a'\) a point; .* dec"),
        (["1,234", "2,000"], r"line 2, column 'a': '1,234': a .* sign or a thousands separator\? Say decimal = ','"),
        (["7", "1.234"], r"line 3, column 'a': '1.234': a decimal sign or a thousands separator\? Say decimal = '.'"),
    ],
    ids=str,
)  # fmt: skip
def test_with_decimal__may_be_thousands__asks_with_the_cell(write: Write, cells: list[str], message: str) -> None:
    table = read_table(write(["a;b", *[f"{cell};1" for cell in cells]]))
    with pytest.raises(TaskError, match=message):
        table.with_decimal("", ["a", "b"])
    assert table.with_decimal(",", ["a"]).decimal == ","
    assert table.with_decimal("", ["b"]).decimal == "."


def test_with_decimal__points_between_commas__are_decimals(write: Write) -> None:
    assert read_table(write(["a,b", "1.234,1"])).with_decimal("", ["a"]).decimal == "."


def test_with_decimal__unknown_sign__raises(write: Write) -> None:
    with pytest.raises(TaskError, match=r"decimal: '\.' or ',', not ';'"):
        read_table(write(["a,b", "1,2"])).with_decimal(";", ["a"])


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("7", ".", 7.0), ("-0", ".", 0.0), ("+.5", ".", 0.5), ("5.", ".", 5.0), ("1e-3", ".", 0.001),
        ("2E+2", ".", 200.0), ("1,5", ",", 1.5), ("-,5e1", ",", -5.0), ("7", ",", 7.0),
    ],
)  # fmt: skip
def test_as_number__number__is_it(text: str, decimal: str, number: float) -> None:
    assert as_number(text, decimal) == number


@pytest.mark.parametrize(
    "text",
    ["", ".", "+", "e5", "1_000", "1,000", "1 000", "$3", "5%", "5 kg", "nan", "inf", "Infinity", "1e999", "0x1F",
     "1/2", "(5)", "\u22125", "\u0661\u0662", "\uff11\uff12", "2021-01-02", "1.2.3", "--1", "1e", "5\n", "True"],
)  # fmt: skip
def test_as_number__anything_else__is_none(text: str) -> None:
    assert as_number(text) is None


def test_as_number__other_decimal_sign__is_none() -> None:
    assert as_number("1.5", ",") is None
    assert as_number("1,5", ".") is None


def test_normal__composes_and_strips() -> None:
    assert normal(" \tGene\u0300ve\u2003") == "Genève"


def test_shown__hostile_text__is_escaped_and_cut() -> None:
    assert shown("a\x1b[2J\n") == r"'a\x1b[2J\n'"
    assert len(shown("x" * 10_000)) < 70

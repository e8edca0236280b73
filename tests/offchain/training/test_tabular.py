"""CSV files as tasks: what columns become, what is refused with the cell, and what is noted of the files of others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from offchain.training.errors import TaskError
from offchain.training.local import evaluate, initial_model, train
from offchain.training.registry import make_task, task_from_description
from offchain.training.tabular import Tabular

Write = Callable[..., Path]


def lines(rows: int = 60, seed: int = 0) -> list[str]:
    """A table whose label follows from its columns."""
    generator = np.random.default_rng(seed)
    out = ["age,town,income,buys"]
    for _ in range(rows):
        age, town, income = (
            generator.integers(20, 70),
            generator.choice(["Bonn", "Köln", "Ulm"]),
            generator.normal(30, 9),
        )
        out.append(f"{age},{town},{income:.2f},{'yes' if town != 'Ulm' and age > 40 else 'no'}")
    return out


def test_load__good_file__standardises_and_encodes(write: Write) -> None:
    task = Tabular(write(lines()), label="buys")
    data = task.load()
    assert (len(data.train), len(data.test)) == (48, 12)
    assert data.train.features.dtype == torch.float32
    assert data.train.labels.dtype == torch.int64
    assert task.schema.classes == ("no", "yes")
    age, towns, income = data.train.features[:, 0], data.train.features[:, 1:4], data.train.features[:, 4]
    for column in (age, income):
        assert abs(float(column.mean())) < 1e-5
        assert abs(float(column.std(unbiased=False)) - 1) < 1e-5
    assert set(towns.flatten().tolist()) == {0.0, 1.0}
    assert towns.sum(dim=1).tolist() == [1.0] * 48


def test_load__rows__keep_their_labels(write: Write) -> None:
    task = Tabular(write(["x,y", *[f"{k},{'odd' if k % 2 else 'even'}" for k in range(20)]]), label="y")
    data = task.load()
    column = task.schema.columns[0]
    for part in (data.train, data.test):
        numbers = (part.features[:, 0].double() * column.deviation + column.mean).round().long()
        assert (numbers % 2).tolist() == part.labels.tolist()
    assert len(data.train) + len(data.test) == 20


def test_load__value_of_test_rows_alone__is_all_zero_and_noted(write: Write) -> None:
    rows = [f"{'Bonn' if k % 2 else 'Ulm'},{k % 3}" for k in range(50)]
    _, test = Tabular(write(["town,y", *rows]), label="y")._split(50)
    rows[test[3]] = "Jena,1"
    task = Tabular(write(["town,y", *rows]), label="y")
    data = task.load()
    assert task.schema.columns[0].values == ("Bonn", "Ulm")
    assert data.test.features.sum(dim=1).tolist() == [float(k != 3) for k in range(10)]
    assert "Jena" not in json.dumps(task.describe())
    (note,) = task.notes()
    assert f"column 'town': 1 of 50 rows have values that the task doesn't know: 'Jena' in line {test[3] + 2}" in note


def test_describe__shared_as_json__gives_others_the_same_inputs(write: Write) -> None:
    owner = make_task("csv", path=write(lines()), label="buys", hidden=8)
    description = json.loads(json.dumps(owner.describe()))
    # a trainer's file: other rows, columns in another order, one that the task doesn't know
    rows = [line.split(",") for line in lines(seed=5)]
    path = write([",".join([row[3], row[2], "extra", row[1], row[0]]) for row in rows], "trainer.csv")
    trainer = task_from_description(description, path=path)
    assert isinstance(trainer, Tabular)
    assert trainer.schema == owner.schema
    assert trainer.describe() == owner.describe()
    assert np.array_equal(initial_model(trainer, 1), initial_model(owner, 1))
    features = trainer.load().train.features
    column = owner.schema.columns[0]
    ages = sorted((float(row[0]) - column.mean) / column.deviation for row in rows[1:])
    everything = torch.cat([features, trainer.load().test.features])
    assert sorted(everything[:, 0].tolist()) == pytest.approx(ages, abs=1e-5)


def test_description__says_no_path(write: Write) -> None:
    task = Tabular(write(lines()), label="buys")
    assert str(task.path) not in json.dumps(task.describe())


def test_train__on_a_csv__learns(write: Write) -> None:
    task = Tabular(write(lines(rows=300)), label="buys")
    data, model = task.load(), initial_model(task, 0)
    update = train(task, model, data.train, learning_rate=0.3, epochs=40, batch_size=16, seed=0)
    assert evaluate(task, model + update, data.test)[1] > 0.9


@pytest.mark.parametrize("text", ["yes", " yes ", "\tyes"])
def test_load__spaces_around_values__are_ignored(write: Write, text: str) -> None:
    table = [line.replace(",yes", f",{text}") for line in lines()]
    assert Tabular(write(table), label="buys").schema.classes == ("no", "yes")


def test_load__byte_order_mark__is_ignored(write: Write) -> None:
    task = Tabular(write(b"\xef\xbb\xbf" + "\n".join(lines()).encode()), label="buys")
    assert [column.name for column in task.schema.columns] == ["age", "town", "income"]


def changed(row: int, cell: int, value: str) -> list[str]:
    table = [line.split(",") for line in lines()]
    table[row][cell] = value
    return [",".join(line) for line in table]


def column(cell: Callable[[int], str], rows: int = 40) -> list[str]:
    """A table of a column x, and a label of two classes."""
    return ["x,buys", *[f"{cell(k)},{'yes' if k % 3 else 'no'}" for k in range(rows)]]


def target(label: Callable[[int], str], rows: int = 60) -> list[str]:
    return ["x,buys", *[f"{k % 7},{label(k)}" for k in range(rows)]]


def stray(text: str) -> list[str]:
    """Numbers, but for one cell."""
    return column(lambda k: text if k == 7 else str(k % 11))


BAD_FILES: dict[str, tuple[Any, str]] = {
    "only names": ("age,buys\n", "has 0 rows, too few"),
    "nine rows": (lines(9), "has 9 rows, too few to train and test on; 10 are the least"),
    "no label column": ([line.replace("buys", "is") for line in lines()], "no column 'buys' to learn; its columns are"),
    "label in another case": ([line.replace("buys", "Buys") for line in lines()], r"did you mean 'Buys'\?\) to learn"),
    "nothing but labels": (["buys", *["yes", "no"] * 10], "nothing but the label column"),
    "too many columns": ([",".join([*map(str, range(1001)), "buys"]), *["1," * 1001 + "no"] * 12], "has 1,001 columns"),
    "empty cell": (changed(5, 0, ""), "line 6, column 'age': a value is missing, as in 1 of the column's 60 cells"),
    "no label": (changed(5, 3, ""), "line 6, column 'buys': a value is missing"),
    "all empty": (column(lambda k: ""), "line 2, column 'x': a value is missing, as in 40 of the column's 40"),
    # labels
    "one class": ([line.replace(",yes", ",no") for line in lines()], "every row has the label 'no'; a class"),
    "too many labels": (target(lambda k: f"l{k}", 150), "column 'buys': 150 different labels, 100 at most"),
    "integers as labels": (target(lambda k: str(k % 20)), "'buys': its 20 different numbers, are they classes or an"),
    "amounts as labels": (target(lambda k: f"{k / 7:.2f}"), "are they classes or an amount.*`categories`"),
    "stray label": (target(lambda k: "?" if k == 9 else str(k % 2)), r"line 11, column 'buys': '\?' isn't a plain num"),
    "a label in two spellings": (target(lambda k: ["0", "1", "1.0"][k % 3]), "line 4, .* '1.0' and '1' are the same n"),
    "label too long": (target(lambda k: "no" if k % 2 else "y" * 201), "line 2, .*201 characters, is too long for a v"),
    # no numbers among numbers
    "question mark": (stray("?"), r"data.csv, line 9, column 'x': '\?' isn't a plain number, though 39 of .* 40 cells"),
    "N/A": (stray("N/A"), "line 9, column 'x': 'N/A' isn't a plain number.*`categories`"),
    "NA": (stray("NA"), "line 9, column 'x': 'NA' isn't"),
    "NaN": (stray("NaN"), "line 9, column 'x': 'NaN' isn't"),
    "null": (stray("null"), "line 9, column 'x': 'null' isn't"),
    "infinite": (stray("inf"), "line 9, column 'x': 'inf' isn't"),
    "dollars": (stray("$3"), r"line 9, column 'x': '\$3' isn't"),
    "per cent": (stray("5%"), "line 9, column 'x': '5%' isn't"),
    "underscore": (stray("1_000"), "line 9, column 'x': '1_000' isn't"),
    "thousands": (stray('"1,000"'), "line 9, column 'x': '1,000': a decimal sign or a thousands separator"),
    "spaces": (stray("1 000"), "line 9, column 'x': '1 000' isn't"),
    "unit": (stray("5 kg"), "line 9, column 'x': '5 kg' isn't"),
    "a date": (stray("2021-03-12"), "line 9, column 'x': '2021-03-12' isn't"),
    "spreadsheet's error": (stray("#REF!"), "line 9, column 'x': '#REF!' isn't"),
    "below a limit": (stray("<5"), "line 9, column 'x': '<5' isn't"),
    "letter O": (column(lambda k: "3O" if k == 3 else str(k), 200), "line 5, column 'x': '3O' isn't"),
    "header again": (stray("x"), "line 9, column 'x': 'x' isn't"),
    "many, few of them different": (column(lambda k: "?" if k % 3 else str(k)), r"line 3, column 'x': '\?' isn't .*"),
    "half codes": (column(lambda k: ["7", "A12"][k % 2]), "line 3, column 'x': 'A12' isn't .* 20 of .*`categories`"),
    # nothing but what was meant as numbers
    "all underscores": (column(lambda k: f"1_{k:03}"), "line 2, column 'x': '1_000' isn't a plain number, as no cell"),
    "all dates": (column(lambda k: f"2021-{k % 9 + 1:02}-10"), "line 2, column 'x': '2021-01-10' isn't"),
    "all months": (column(lambda k: f"2021-{k % 9 + 1:02}"), "line 2, column 'x': '2021-01' isn't"),
    "all days": (column(lambda k: f"{k % 28 + 1}.3.21"), "line 2, column 'x': '1.3.21' isn't"),
    "all named days": (column(lambda k: f"{k % 28 + 1} March 2021"), "line 2, column 'x': '1 March 2021' isn't"),
    "all stamps": (column(lambda k: f"2021-03-{k % 28 + 1:02}T10:00:00Z"), "line 2, column 'x': '2021-03-01T10:00"),
    "all times": (column(lambda k: f"{k % 24}:30"), "line 2, column 'x': '0:30' isn't"),
    "all per cent": (column(lambda k: f"{k % 9} %"), "line 2, column 'x': '0 %' isn't"),
    "all euros": (column(lambda k: f"€{k % 9}.50"), "line 2, column 'x': '€0.50' isn't"),
    "all kilograms": (column(lambda k: f"{k % 9} kg"), "line 2, column 'x': '0 kg' isn't"),
    "all in brackets": (column(lambda k: f"({k % 9})"), r"line 2, column 'x': '\(0\)' isn't"),
    # codes, IDs, constants
    "leading zeros": (column(lambda k: f"{k % 20:02}"), "line 2, column 'x': '00' has a leading zero: is it a code or"),
    "beyond float64": (column(lambda k: str(2**53 - 3 + k)), f"line 6, column 'x': '{2**53 + 1}' is too long to be"),
    "a text per row": (column(lambda k: f"person {k}"), "column 'x': 40 different texts in 40 rows, as IDs.*`ignore`"),
    "many texts": (column(lambda k: f"t{k % 110}", 400), "column 'x': 110 different texts, 100 at most; group them"),
    "long text": (column(lambda k: "b" * 201 if k == 5 else "ab"[k % 2]), r"line 7, column 'x': 'bbb.*\.\.\.', 201 "),
    "constant numbers": (column(lambda k: "5"), "column 'x': it is '5' in all training rows, and tells nothing"),
    "constant, two spellings": (column(lambda k: f"1{'.0' * (k % 2)}"), "'x': it is '1' in all training rows"),
    "zeros": (column(lambda k: ["0", "-0", "0.0"][k % 3]), "'x': it is '-?0' in all training rows"),
    "constant text": (column(lambda k: "Ulm"), "column 'x': it is 'Ulm' in all training rows"),
    "too large": (column(lambda k: f"{k - 20}e306"), "column 'x': it holds numbers that float64 can't standardise"),
    "too much to publish": (
        [",".join(f"{'n' * 190}{k}" for k in range(300)) + ",buys", *[f"{k}," * 300 + f"{k % 2}" for k in range(12)]],
        "statistics of its columns take .* bytes to publish, 60,000 at most",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_csv__unusable_file__raises_with_what_to_do(write: Write, name: str) -> None:
    content, message = BAD_FILES[name]
    with pytest.raises(TaskError, match=message):
        Tabular(write(content), label="buys").load()


@pytest.mark.parametrize(
    "texts",
    [
        ["NA", "ZA", "BW"], ["None", "null", "nan"], ["Infinity", "Kia"], ["True", "False"], ["Q1", "Q2", "Q3"],
        ["18-24", "25-64", "65+"], ["<18", "18-65", ">65"], ["1-4", "5+", "10+"],
        ["120/80", "110/70"], ["1st", "2nd", "3rd"],
        ["A12", "B7", "C9"], ["2D", "3D"], ["a@1", "b@2"], ["?", "yes", "no"],
    ],
    ids=str,
)  # fmt: skip
def test_csv__texts__are_categories_without_a_word(write: Write, texts: list[str]) -> None:
    task = Tabular(write(column(lambda k: texts[k % len(texts)])), label="buys")
    data = task.load()
    assert task.schema.columns[0].values == tuple(sorted(texts))
    assert (data.train.features.sum(dim=1) == 1).all()
    assert task.notes() == []


@pytest.mark.parametrize(
    "classes", [["None", "mild", "severe"], ["NA", "nan"], ["0", "1"], ["1.5", "2"], ["<=50K", ">50K"]]
)
def test_csv__labels__are_classes_by_their_texts(write: Write, classes: list[str]) -> None:
    task = Tabular(write(target(lambda k: classes[k % len(classes)])), label="buys")
    assert task.schema.classes == tuple(sorted(classes))
    assert task.notes() == []
    assert len(task.load().train) == 48


def test_csv__few_numbers_among_texts__are_values_and_noted(write: Write) -> None:
    task = Tabular(write(column(lambda k: ["A12", "B7", "C9", "D", "7"][k % 5])), label="buys")
    assert task.schema.columns[0].values == ("7", "A12", "B7", "C9", "D")
    assert [note.split(": ", 1)[1] for note in task.notes()] == [
        "column 'x' is read as categories, though '7' in line 6 is a number"
    ]


CHOSEN: dict[str, tuple[Callable[[int], str], str, int]] = {  # cells, what they are, inputs
    "codes of letters and digits": (lambda k: ["7", "A12", "8", "B3"][k % 4], "categories", 4),
    "postcodes": (lambda k: ["01067", "10115", "20095"][k % 3], "categories", 3),
    "digits": (lambda k: str(k % 3), "categories", 3),
    "texts with commas": (lambda k: ['"1,5"', '"2,3"', "1.5"][k % 3], "categories", 3),
    "dates": (lambda k: f"2021-0{k % 3 + 1}-01", "categories", 3),
    "leading zeros": (lambda k: f"{k:03}", "numbers", 1),
    "amounts of wei": (lambda k: str(10**18 + k * 10**15), "numbers", 1),
    "account numbers": (lambda k: str(10**19 + k * 7919), "ignore", 0),
    "names": (lambda k: f"person {k}", "ignore", 0),
    "empty cells": (lambda k: "" if k % 2 else "1", "ignore", 0),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_csv__column_by_choice__is_read_as_that(write: Write, name: str) -> None:
    cell, choice, inputs = CHOSEN[name]
    table = [f"{line},{k % 7}" if k else f"{line},z" for k, line in enumerate(column(cell))]
    task = make_task("csv", path=write(table), label="buys", **{choice: ["x"]})
    assert task.load().train.features.shape == (32, inputs + 1)
    assert task.notes() == []


def test_csv__label_by_choice__is_of_classes(write: Write) -> None:
    table = target(lambda k: "?" if k % 20 == 0 else str(k % 20))
    task = Tabular(write(table), label="buys", categories=["buys"])
    assert len(task.schema.classes) == 20
    assert "?" in task.schema.classes


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"numbers": ["x"]}, r"line 9, column 'x': '\?' isn't a plain number; mend it"),
        ({"categories": ["xx"]}, "has no column 'xx'"),
        ({"ignore": ["X"]}, r"has no column 'X' \(did you mean 'x'\?\)"),
        ({"ignore": ["x"], "numbers": ["x"]}, "'x' is named twice in categories, numbers and ignore"),
        ({"ignore": ["buys"]}, "'buys' is the label column: it can't be ignored"),
        ({"numbers": ["buys"]}, "'buys' is the label column"),
        ({"ignore": ["x"]}, "nothing but the label column"),
    ],
)
def test_csv__impossible_choice__raises(write: Write, choices: dict[str, list[str]], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        Tabular(write(stray("?")), label="buys", **choices)


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (column(lambda k: str(k)), "the integers of column 'x' all differ, 0 to 39, as IDs and row numbers do"),
        (["user_id" + column(lambda k: "")[0][1:], *column(lambda k: str(k * k))[1:]], "column 'user_id' all differ"),
        (column(lambda k: ["Bonn", "bonn", "Ulm"][k % 3]), r"'Bonn' and 'bonn' \(line 3\) differ in case or spaces"),
        (target(lambda k: ["Yes", "yes", "no"][k % 3]), "'Yes' and 'yes' .* differ in case"),
        (target(lambda k: "once" if k == 4 else str(k % 2) + "x"), r"the label 'once' is in one row alone \(line 6\)"),
    ],
    ids=["sequence", "id", "case", "case of labels", "label once"],
)  # fmt: skip
def test_notes__doubtful_table__says_so_and_is_read(write: Write, content: list[str], note: str) -> None:
    task = Tabular(write(content), label="buys")
    assert len(task.load().train) in (32, 48)
    assert len(task.notes()) == 1
    assert re.search(rf"data\.csv: .*{note}", task.notes()[0])


def test_notes__label_of_test_rows_alone__is_noted(write: Write) -> None:
    _, test = Tabular(write(target(lambda k: "ab"[k % 2])), label="buys")._split(60)
    task = Tabular(write(target(lambda k: "c" if k in test[:2] else "ab"[k % 2])), label="buys")
    assert any(f"the label 'c' is in test rows alone (line {test[0] + 2})" in note for note in task.notes())


def test_notes__equal_numbers_as_categories__are_noted(write: Write) -> None:
    path = write(column(lambda k: ["1", "1.0", "2"][k % 3]))
    task = Tabular(path, label="buys", categories=["x"])
    assert [note.split(": ", 1)[1] for note in task.notes()] == [
        "column 'x': '1' and '1.0' are one number, and two categories"
    ]


# --- files of others


def described(write: Write, content: list[str], **options: Any) -> dict[str, Any]:
    return json.loads(json.dumps(Tabular(write(content, "owner.csv"), label="buys", **options).describe()))


TRAINER_FILES: dict[str, tuple[list[str], str]] = {
    "column missing": ([line.split(",", 1)[1] for line in lines()], "has no column 'age'; it needs all .* 'age', 't"),
    "no label column": ([line.rsplit(",", 1)[0] for line in lines()], "has no column 'buys'"),
    "column misspelt": ([line.replace("income", "incomes") for line in lines()], r"'income' \(did you mean 'incomes'"),
    "two that may be it": ([line.replace("age,", "Age,") for line in changed(0, 2, "AGE")], "has no column 'age'"),
    "unknown class": (changed(5, 3, "perhaps"), "line 6, column 'buys': the label 'perhaps' isn't a class of the t"),
    "class with a dot": (changed(5, 3, "yes."), r"the label 'yes\.' \(did you mean 'yes'\?\) isn't a class .* 'no', '"),
    "text for a number": (changed(5, 0, "old"), "line 6, column 'age': it must be a finite number .*, and 'old' isn't"),
    "infinite": (changed(5, 0, "inf"), "line 6, column 'age': .* 'inf' isn't one"),
    "thousands": (changed(5, 0, '"1,000"'), "line 6, column 'age': '1,000' has a comma, and .* a point"),
    "beyond float32": (changed(5, 0, "1e300"), "line 6, column 'age': .* '1e300' isn't one"),
    "missing": (changed(5, 0, ""), "line 6, column 'age': a value is missing"),
    "no value that is known": ([line.replace("Bonn", "1").replace("Köln", "2").replace("Ulm", "3") for line in lines()],
        r"trainer.csv, column 'town': 60 of 60 rows have values that the task doesn't know: '\d' in line 2, .*; it "
        "knows 'Bonn', 'Köln', 'Ulm'"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAINER_FILES)
def test_load__file_that_doesnt_fit_the_schema__raises(write: Write, name: str) -> None:
    content, message = TRAINER_FILES[name]
    task = task_from_description(described(write, lines()), path=write(content, "trainer.csv"))
    with pytest.raises(TaskError, match=message):
        task.load()


def test_load__some_values_unknown__are_all_zero_and_counted(write: Write) -> None:
    strange = [line.replace("Ulm", ["Jena", "Köllnn"][k % 2]) for k, line in enumerate(lines())]
    task = task_from_description(described(write, lines()), path=write(strange, "trainer.csv"))
    data = task.load()
    count = sum(",Ulm," in line for line in lines())
    towns = torch.cat([data.train.features, data.test.features])[:, 1:4]
    assert int((towns.sum(dim=1) == 0).sum()) == count
    (note,) = task.notes()
    assert f"column 'town': {count} of 60 rows have values that the task doesn't know: " in note
    assert "'Jena' in line" in note
    assert "'Köllnn' (did you mean 'Köln'?) in line" in note
    assert "it knows 'Bonn', 'Köln', 'Ulm'" in note


def test_load__again__notes_once(write: Write) -> None:
    path = write([line.replace("Ulm", "Jena") for line in lines()], "trainer.csv")
    task = task_from_description(described(write, lines()), path=path)
    task.load()
    first = task.notes()
    task.load()
    assert task.notes() == first


def test_load__same_texts_and_numbers_in_other_spelling__are_the_same_without_a_word(write: Write) -> None:
    def table(codes: list[str], towns: list[str], labels: list[str], head: str) -> list[str]:
        return [head, *[f"{codes[k % 2]},{towns[k % 3]},{k % 7},{labels[k % 2]}" for k in range(60)]]

    owner = table(["1", "2"], ["Zürich", "Genève", "Bonn"], ["1", "0"], "größe,town,x,buys")
    trainer = table(
        ["1.0", "2.00"], ["Zu\u0308rich", " Gene\u0300ve ", '"Bonn"'], ["1.0", "0.0"], "gro\u0308ße,town, x ,buys"
    )
    description = described(write, owner, categories=["größe"])
    task = task_from_description(description, path=write(trainer, "trainer.csv"))
    expected = task_from_description(description, path=write(owner, "owner.csv"))
    assert torch.equal(task.load().train.features, expected.load().train.features)
    assert torch.equal(task.load().train.labels, expected.load().train.labels)
    assert task.notes() == []


def test_load__spelling_of_another_case__is_read_and_noted(write: Write) -> None:
    trainer = [line.replace("Bonn", "BONN").replace("yes", "Yes").replace("age,", "Age,") for line in lines()]
    description = described(write, lines())
    task = task_from_description(description, path=write(trainer, "trainer.csv"))
    expected = task_from_description(description, path=write(lines(), "owner.csv"))
    assert torch.equal(task.load().train.features, expected.load().train.features)
    assert torch.equal(task.load().test.labels, expected.load().test.labels)
    notes = "\n".join(task.notes())
    assert "column 'Age' is read as the task's 'age'" in notes
    assert (
        f"column 'town': {sum('BONN' in line for line in trainer)} of 60 cells are read in the task's spelling" in notes
    )
    assert "'BONN' as 'Bonn'" in notes
    assert "'Yes' as 'yes'" in notes


def test_load__column_of_that_name_and_one_of_that_number__takes_the_first(write: Write) -> None:
    owner = ["2019,buys", *[f"{k % 7},{k % 2}" for k in range(40)]]
    trainer = ["2019,2019.0,buys", *[f"{k % 7},{k % 5},{k % 2}" for k in range(40)]]
    task = task_from_description(described(write, owner), path=write(trainer, "trainer.csv"))
    expected = Tabular(write(owner, "owner.csv"), label="buys")
    assert torch.equal(task.load().train.features, expected.load().train.features)


def test_csv__names_given_in_parts_of_letters__are_those_of_the_file(write: Write) -> None:
    path = write(["größe,tür,x", *[f"{k % 7},{'ab'[k % 2]},person {k}" for k in range(40)]])
    task = Tabular(path, label="tu\u0308r", ignore=["x"], categories=["gro\u0308ße"])
    assert [column.name for column in task.schema.columns] == ["größe"]
    assert task.schema.inputs == 7


def test_load__commas_in_texts__say_nothing_of_the_decimal_sign(write: Write) -> None:
    trainer = changed(5, 1, '"1,5"')
    task = task_from_description(described(write, lines()), path=write(trainer, "trainer.csv"))
    task.load()
    assert "'1,5' in line 6" in task.notes()[0]


def test_load__value_between_two_that_differ_in_case__is_unknown(write: Write) -> None:
    def table(other: str) -> list[str]:
        return column(lambda k: ["Bonn", "bonn", other][k % 3], 60)

    task = task_from_description(described(write, table("Ulm")), path=write(table("BONN"), "trainer.csv"))
    task.load()
    assert "'BONN' (did you mean 'Bonn'?) in line 4" in task.notes()[0]


@pytest.mark.parametrize(
    ("cell", "note"),
    [
        (
            lambda k: "1e30" if k in (4, 5) else str(k % 11),
            "2 of 40 numbers are far from the task's, .* '1e30' in line 6",
        ),
        (lambda k: str(1000 * (k % 11)), "of 40 numbers are far from the task's, of mean .* same unit"),
        (lambda k: f"{50 + k / 100}", "most of 40 numbers are far from the task's"),
    ],
    ids=["two cells", "thousandfold", "shifted"],
)
def test_load__numbers_far_from_the_owners__are_noted(write: Write, cell: Callable[[int], str], note: str) -> None:
    description = described(write, column(lambda k: str(k % 11)))
    task = task_from_description(description, path=write(column(cell), "trainer.csv"))
    task.load()
    assert re.search(f"column 'x': .*{note}", "\n".join(task.notes()))


def test_load__numbers_of_a_trainer_of_its_own__are_no_matter(write: Write) -> None:
    description = described(write, column(lambda k: str(k % 11)))
    task = task_from_description(description, path=write(column(lambda k: str(k % 40)), "trainer.csv"))
    task.load()
    assert task.notes() == []


def test_load__semicolons_and_decimal_commas__give_the_same_inputs(write: Write) -> None:
    german = [line.replace(",", ";").replace(".", ",") for line in lines()]
    one, two = Tabular(write(lines()), label="buys"), Tabular(write(german, "german.csv"), label="buys")
    assert two.describe() == one.describe()
    assert torch.equal(two.load().train.features, one.load().train.features)
    trainer = task_from_description(one.describe(), path=write(german, "german.csv"), separator=";", decimal=",")
    assert torch.equal(trainer.load().train.features, one.load().train.features)


def test_load__decimal_that_isnt_the_files__raises_with_the_cell(write: Write) -> None:
    with pytest.raises(TaskError, match=r"line 2, column 'income': '\d+\.\d+' isn't a plain number"):
        Tabular(write(lines()), label="buys", decimal=",")


def test_load__column_that_the_task_doesnt_know__isnt_looked_at(write: Write) -> None:
    extra = [f"{line},{'' if k % 2 else '1_000'}" if k else f"{line},junk" for k, line in enumerate(lines())]
    task = task_from_description(described(write, lines()), path=write(extra, "trainer.csv"))
    assert task.load().train.features.shape == (48, 5)
    assert task.notes() == []


def test_csv__neither_label_nor_schema__raises(write: Write) -> None:
    with pytest.raises(TaskError, match="label: name the column to learn"):
        make_task("csv", path=write(lines()))

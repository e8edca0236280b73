"""CSV files as tasks: encoding, a schema shared with others, and a table of files that can't be used."""

from __future__ import annotations

import json
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


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: list[str] | str | bytes, name: str = "data.csv") -> Path:
        path = tmp_path / name
        text = "\n".join(content) + "\n" if isinstance(content, list) else content
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_file


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


def test_load__test_rows__leave_no_trace_in_the_schema(write: Write) -> None:
    # every value of the text column differs: those of the test rows must be unknown, and so all zero
    task = Tabular(write(["town,y", *[f"t{k},{k % 2}" for k in range(20)]]), label="y")
    data = task.load()
    assert len(task.schema.columns[0].values) == len(data.train) == 16
    assert (data.test.features == 0).all()


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


BAD_FILES: dict[str, tuple[Any, str]] = {
    "empty": ("", "is empty; it needs a line of column names and rows"),
    "blank lines": ("\n\n\n", "is empty"),
    "only names": ("age,buys\n", "has 0 rows, too few"),
    "nine rows": (lines(9), "has 9 rows, too few to train and test on; 10 are the least"),
    "Latin-1": ("\n".join(lines()).encode("latin-1"), r"isn't UTF-8 text \(byte \d+\); save it as CSV UTF-8"),
    "ragged": ([*lines(), "1,2,3,4,5,6"], "isn't a table of comma-separated values"),
    "open quote": ([*lines(), '"1,2'], "comma-separated|missing"),
    "no label column": ([line.replace("buys", "is") for line in lines()], "no column 'buys' to learn; its columns are"),
    "nothing but labels": (["buys", *["yes", "no"] * 10], "nothing but the label column"),
    "one class": ([line.replace(",yes", ",no") for line in lines()], "every row has the label 'no'; a class"),
    "labels are numbers": (["x,buys", *[f"{k % 7},{k}" for k in range(150)]], "150 different labels, 100 at most"),
    "empty cell": (changed(5, 0, ""), "1 values of the column 'age' are missing; fill them in, or drop"),
    "blank text": (changed(5, 1, "  "), "1 values of the column 'town' are missing"),
    "NaN": (changed(5, 2, "NaN"), "1 values of the column 'income' are missing"),
    "no label": (changed(5, 3, ""), "1 values of the column 'buys' are missing"),
    "short row": ([*lines(), "33,Bonn"], "values of the column 'income' are missing"),
    "constant numbers": (["x,buys", *[f"5,{k % 2}" for k in range(20)]], "'x' is '5' in all training rows; drop it"),
    "constant, two spellings": (["x,buys", *[f"1{'.0' * (k % 2)},{k % 2}" for k in range(20)]], "'x' is '1' in all"),
    "constant text": (["town,buys", *[f"Ulm,{k % 2}" for k in range(20)]], "column 'town' is 'Ulm' in all"),
    "infinite": (changed(5, 2, "inf"), "column 'income'"),
    "too large": (["x,buys", *[f"{k}e306,{k % 2}" for k in range(-20, 20)]], "numbers that float64 can't standardise"),
    "a text per row": (["id,buys", *[f"a{k},{k % 2}" for k in range(200)]], "texts, 100 at most; drop or group it"),
    "a stray text": (["x,buys", *[f"{k if k != 3 else '3O'},{k % 2}" for k in range(200)]], "mend .* such as '3O'"),
    "unnamed column": (["age,,buys", *["1,2,no"] * 12], "the first line must name each column"),
    "name twice": (["age,age,buys", *["1,2,no"] * 12], "the first line must name each column, and none twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_csv__unusable_file__raises_with_what_to_do(write: Write, name: str) -> None:
    content, message = BAD_FILES[name]
    with pytest.raises(TaskError, match=message):
        Tabular(write(content), label="buys").load()


def test_csv__no_such_file__raises(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"can't read .*none\.csv: No such file"):
        Tabular(tmp_path / "none.csv", label="buys")
    with pytest.raises(TaskError, match="can't read"):
        Tabular(tmp_path, label="buys")


TRAINER_FILES: dict[str, tuple[list[str], str]] = {
    "column missing": ([line.split(",", 1)[1] for line in lines()], "has no column 'age'; it needs all"),
    "no label column": ([line.rsplit(",", 1)[0] for line in lines()], "has no column 'buys'"),
    "unknown class": (changed(5, 3, "perhaps"), "the label 'perhaps' isn't a class of the task; they are no, yes"),
    "text for a number": (changed(5, 0, "old"), "the column 'age' must hold finite numbers; 'old' isn't one"),
    "infinite": (changed(5, 0, "inf"), "must hold finite numbers; 'inf' isn't one"),
    "beyond float32": (changed(5, 0, "1e300"), "must hold finite numbers; '1e300' isn't one"),
    "missing": (changed(5, 0, ""), "1 values of the column 'age' are missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAINER_FILES)
def test_load__file_that_doesnt_fit_the_schema__raises(write: Write, name: str) -> None:
    content, message = TRAINER_FILES[name]
    description = Tabular(write(lines()), label="buys").describe()
    task = task_from_description(description, path=write(content, "trainer.csv"))
    with pytest.raises(TaskError, match=message):
        task.load()


def test_load__value_unknown_to_the_schema__is_all_zero(write: Write) -> None:
    description = Tabular(write(lines()), label="buys").describe()
    task = task_from_description(
        description, path=write([line.replace("Ulm", "Jena") for line in lines()], "other.csv")
    )
    towns = task.load().train.features[:, 1:4]
    assert set(towns.sum(dim=1).tolist()) == {0.0, 1.0}


SCHEMA = {"label": "y", "classes": ["a", "b"], "columns": [{"name": "x", "mean": 0.0, "deviation": 1.0}]}
BAD_SCHEMAS: dict[str, Any] = {
    "none": None,
    "a list": [],
    "no columns": SCHEMA | {"columns": []},
    "columns a number": SCHEMA | {"columns": 3},
    "column a text": SCHEMA | {"columns": ["x"]},
    "column without mean": SCHEMA | {"columns": [{"name": "x", "deviation": 1.0}]},
    "mean a text": SCHEMA | {"columns": [{"name": "x", "mean": "much", "deviation": 1.0}]},
    "mean huge": SCHEMA | {"columns": [{"name": "x", "mean": 10**400, "deviation": 1.0}]},
    "deviation zero": SCHEMA | {"columns": [{"name": "x", "mean": 0.0, "deviation": 0.0}]},
    "deviation negative": SCHEMA | {"columns": [{"name": "x", "mean": 0.0, "deviation": -1.0}]},
    "values of numbers": SCHEMA | {"columns": [{"name": "x", "values": [1, 2]}]},
    "values twice": SCHEMA | {"columns": [{"name": "x", "values": ["u", "u"]}]},
    "name a number": SCHEMA | {"columns": [{"name": 3, "mean": 0.0, "deviation": 1.0}]},
    "name twice": SCHEMA | {"columns": SCHEMA["columns"] * 2},  # type: ignore[operator]
    "label is a feature": SCHEMA | {"label": "x"},
    "one class": SCHEMA | {"classes": ["a"]},
    "classes twice": SCHEMA | {"classes": ["a", "a"]},
    "classes of lists": SCHEMA | {"classes": [["a"], ["b"]]},
}


@pytest.mark.parametrize("name", BAD_SCHEMAS)
def test_task_from_description__malformed_schema__raises(name: str) -> None:
    with pytest.raises(TaskError, match=r"^the task"):
        task_from_description({"task": "csv", "schema": BAD_SCHEMAS[name]}, path="data.csv")


@pytest.mark.parametrize("hidden", [0, -1, 65_537, "32", 1.5, None, True])
def test_task_from_description__impossible_width__raises(hidden: Any) -> None:
    with pytest.raises(TaskError, match="hidden is the width"):
        task_from_description({"task": "csv", "schema": SCHEMA, "hidden": hidden}, path="data.csv")


def test_task_from_description__names_a_path__raises(write: Write) -> None:
    with pytest.raises(TaskError, match="sets path, which is for this machine to say"):
        task_from_description({"task": "csv", "schema": SCHEMA, "path": "/etc/passwd"}, path="data.csv")


def test_csv__neither_label_nor_schema__raises(write: Write) -> None:
    with pytest.raises(TaskError, match="give either the label column"):
        make_task("csv", path=write(lines()))

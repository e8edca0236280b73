"""ape run evaluate: how good a model is on rows of one's own, and what it says of each."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from offchain.errors import MeedError
from offchain.market.errors import SettingsError
from offchain.market.model import Model, predict, task_of
from offchain.market.page import print_whole
from offchain.training.local import evaluate
from offchain.training.registry import use
from offchain.training.tabular import Tabular


@click.command()
@click.argument("model_file", metavar="MODEL", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("data", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--predictions", type=click.Path(dir_okay=False, path_type=Path), help="A CSV file to write, for a table."
)
@click.option("--task", "own", help="The model's task, if it is your own: FILE.py:CLASS or PACKAGE.MODULE:CLASS.")
def cli(model_file: Path, data: str | None, predictions: Path | None, own: str | None = None) -> None:
    """Loss and metric of a model that `ape run model` has written: on all rows of the file DATA if its task is a table,
    else on the test rows that come with the task. Needs no chain.
    """
    console = Console()
    try:
        if own is not None:
            use(own)
        model = Model.load(model_file)
        task = task_of(model.description, data or "")
        is_table = isinstance(task, Tabular)
        if is_table and data is None:
            raise SettingsError("name a CSV file with the columns of the task after the model")
        if predictions is not None and not is_table:
            raise SettingsError("predictions are written for tables alone")
        rows = task.in_order(task.load()) if isinstance(task, Tabular) else task.load().test
        loss, metric = evaluate(task, model.vector, rows)
        if predictions is not None and isinstance(task, Tabular):
            predict(model, task, rows, predictions)
            print_whole(console, f"Wrote {predictions}")
    except MeedError as error:
        raise click.ClickException(str(error)) from error
    console.print(f"{len(rows)} rows: loss {loss:.4f}, metric {metric:.4f}")

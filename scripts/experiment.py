"""ape run experiment NAME: measures what the policy promises, on real training, and writes docs/results.md."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from offchain import progress
from offchain.errors import MeedError
from offchain.experiments.catalogue import EXPERIMENTS
from offchain.experiments.report import draw, section
from offchain.experiments.runner import load, run

HEAD = """# Results

Made by `ape run experiment report` from the measurements in docs/results; each section says how to make them again.
Medians over seeds, with 95 % bootstrap intervals in brackets.
"""


@click.command(context_settings={"show_default": True})
@click.argument("name", type=click.Choice([*EXPERIMENTS, "all", "report"]))
@click.option(
    "--seeds", type=click.IntRange(1, 1_000), default=None, help="How many; each experiment has its own default."
)
@click.option("--workers", type=click.IntRange(0), default=0, help="Processes; 0: one each processor.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("docs/results"),
    help="Where measurements lie. What is there already isn't measured again.",
)
def cli(name: str, seeds: int | None, workers: int, out: Path) -> None:
    """Runs an experiment, or all; then, or with `report` alone, writes figures and the document from what is there."""
    chosen = [] if name == "report" else list(EXPERIMENTS) if name == "all" else [name]
    console = Console(width=100)
    try:
        with progress.show(console):
            for experiment in (EXPERIMENTS[one] for one in chosen):
                cells = experiment.cells(seeds or experiment.seeds)
                run(experiment.name, cells, experiment.measure, out / f"{experiment.name}.jsonl", workers)
    except MeedError as error:
        raise click.ClickException(str(error)) from error
    console.print(f"Written: {report(out)}")


def report(out: Path) -> Path:
    """The document beside the folder of measurements."""
    parts = [HEAD]
    for experiment in EXPERIMENTS.values():
        results = load(out / f"{experiment.name}.jsonl")
        if results:
            draw(experiment, results, out / f"{experiment.name}.svg")
            findings = out / f"{experiment.name}.md"
            parts.append(section(experiment, results, findings.read_text() if findings.exists() else "", out.name))
    document = out.parent / f"{out.name}.md"
    document.write_text("\n".join(parts))
    return document

"""ape run mutate: breaks contracts and clients, one change at a time, and shows which changes the tests notice.

It works on a copy of the tree, one a worker. A mutant is killed if a test of those that it names fails, and survives if
all pass; what doesn't compile, or isn't in the source, is an error of the list: tests/mutants.py,
tests/policy_mutants.py and, of Python, for which nothing is compiled, tests/client_mutants.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import Queue

import click

TREE = Path(__file__).resolve().parent.parent
COPIED = ("contracts", "tests", "offchain", "ape-config.yaml", "pyproject.toml", ".build")
KILLED, SURVIVED, ERROR = "killed", "survived", "error"
FAILED = 1  # pytest's exit code if tests ran and some did not pass
TIMEOUT = 900  # seconds


class Scratch:
    """A copy of the tree that is as good as new before each mutant."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source = TREE / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".cache"))
            elif source.exists():
                shutil.copy(source, folder / name)
        for name in (".venv", "node_modules"):
            (folder / name).symlink_to(TREE / name)

    def restore(self) -> None:
        for name in ("contracts", "offchain", ".build"):
            shutil.rmtree(self.folder / name)
            shutil.copytree(TREE / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__", ".cache"))

    def write(self, file: str, source: str) -> None:
        (self.folder / place(file)).write_text(source)
        # Ape compiles what has changed itself, and doesn't look at what that imports
        for importer in self._importers(Path(file).stem) if file.startswith("modules/") else ():
            importer.write_text(importer.read_text() + "\n# mutated\n")

    def _importers(self, module: str) -> set[Path]:
        """The contracts that this module is part of."""
        found: set[Path] = set()
        for path in (self.folder / "contracts").rglob("*.vy"):
            if re.search(rf"^(from \S+ )?import {module}$", path.read_text(), re.MULTILINE):
                found |= self._importers(path.stem) if path.parent.name == "modules" else {path}
        return found

    def test(self, tests: Sequence[str], compiling: bool) -> str:
        """Whether these pass. compiling: contracts have changed."""
        ape = Path(sys.executable).parent / "ape"
        command = [str(ape), "test", *tests, "-x", "-m", "not slow", "--disable-warnings"]
        environment = os.environ | {"PYTHONPATH": str(self.folder)}
        # of several contracts that have changed, the tests alone would have Ape compile one
        if compiling:
            compiled = subprocess.run([str(ape), "compile"], cwd=self.folder, env=environment, capture_output=True)
            if compiled.returncode != 0:
                return ERROR
        try:
            done = subprocess.run(
                command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT
            )
        except subprocess.TimeoutExpired:
            return KILLED
        if done.returncode == 0:
            return SURVIVED
        ran = re.search(r"^(FAILED|ERROR) tests", done.stdout, re.MULTILINE)
        return KILLED if done.returncode == FAILED and ran and "CompileError" not in done.stdout else ERROR


def place(file: str) -> str:
    """Where a mutant's file is in the tree: contracts go without their folder."""
    return file if file.startswith("offchain/") else f"contracts/{file}"


@click.command(context_settings={"show_default": True})
@click.option("--only", default="", help="Mutants whose file or change contains this.")
@click.option("--jobs", type=click.IntRange(1, 16), default=1, help="Trees side by side.")
@click.option("--deep", is_flag=True, help="Also run the state machine and the walks on those that survive.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A JSON line for each; none twice.")
def cli(only: str, jobs: int, deep: bool, out: Path | None) -> None:
    """Which single changes to contracts and clients do the tests notice?"""
    sys.path.insert(0, str(TREE))
    from tests import client_mutants, mutants, policy_mutants
    from tests.mutants import Mutant

    listed = (*mutants.MUTANTS, *policy_mutants.MUTANTS, *client_mutants.MUTANTS)
    lines = out.read_text().splitlines() if out is not None and out.exists() else []
    known = [line for line in map(json.loads, lines) if line["verdict"] != ERROR]
    judged = {(line["file"], line["change"]) for line in known}
    chosen = [mutant for mutant in listed if only in f"{mutant.file} {mutant.name}"]
    chosen = [mutant for mutant in chosen if (mutant.file, mutant.name) not in judged]
    with tempfile.TemporaryDirectory() as folder:
        idle: Queue[Scratch] = Queue()
        for number in range(jobs):
            (copy := Path(folder) / str(number)).mkdir()
            idle.put(Scratch(copy))

        def judge(mutant: Mutant) -> str:
            scratch = idle.get()
            try:
                source = (TREE / place(mutant.file)).read_text()
                if source.count(mutant.old) != 1:
                    return ERROR
                scratch.restore()
                scratch.write(mutant.file, source.replace(mutant.old, mutant.new))
                is_contract = place(mutant.file).startswith("contracts")
                verdict = scratch.test(mutant.tests, is_contract)
                if deep and is_contract and verdict == SURVIVED:
                    return scratch.test(["tests/property"], is_contract)
                return verdict
            finally:
                idle.put(scratch)

        with ThreadPoolExecutor(jobs) as pool:
            runs = {pool.submit(judge, mutant): mutant for mutant in chosen}
            for run in as_completed(runs):
                mutant, verdict = runs[run], run.result()
                known.append({"file": mutant.file, "change": mutant.name, "verdict": verdict})
                click.echo(f"{verdict:9} {mutant.file}: {mutant.name}")
                if out is not None:
                    with out.open("a") as file:
                        file.write(json.dumps(known[-1]) + "\n")
    found = Counter(line["verdict"] for line in known)
    click.echo(", ".join(f"{count} {verdict}" for verdict, count in sorted(found.items())))
    if found.keys() - {KILLED}:
        raise SystemExit(1)

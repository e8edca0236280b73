"""ape run model: the trained model, for a member of its project."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from ape import project as contracts

from offchain import progress
from offchain.market.errors import SettingsError
from offchain.market.journal import kept_fact
from offchain.market.member import UNUSABLE, ModelCopy
from offchain.market.model import Model, samples_from_bytes
from offchain.market.nodes import use_nodes
from offchain.market.page import print_whole
from offchain.market.programs.base import KEY, kept_copy
from offchain.market.programs.command import NodeCommand, common_options, reporting
from offchain.market.programs.setup import depth_of, open_shelf, open_srs, project_at
from offchain.market.settings import Settings, load
from offchain.proving.kernels.build import is_compiled
from offchain.storage.payload import MAX_TASK, task_from_bytes
from offchain.storage.sealing import SealingKey
from offchain.training.local import evaluate


@click.command(cls=NodeCommand, context_settings={"show_default": True})
@common_options
@click.option("--ptau", default=None, help="The ceremony's powers of tau. A development chain does without.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("model.safetensors"),
    help="Torch's state_dict.",
)
@click.option("--overwrite", is_flag=True, help="Write over a file of that name.")
@click.option("--last-good", is_flag=True, help="If a round's aggregate is not to be had, the model before it.")
def cli(provider: Any, config: Path | None, out: Path, overwrite: bool, last_good: bool, **flags: Any) -> None:
    """Writes the model after the last settled round, from the state folder of an owner, a trainer or an aggregator.

    It is followed from the initial model, every aggregate checked against what the contract has verified. The member's
    program may be running.
    """
    with reporting() as console, progress.show(console) as display:
        if not is_compiled():
            progress.note("Compiling the prover's kernels: once, about a minute in all")
        if out.exists() and not overwrite:
            raise SettingsError(f"out: {out} exists: name another file, or say --overwrite")
        settings = load(Settings, config, flags)
        use_nodes(provider, settings.rpc)
        folder = Path(settings.state) if settings.state else None
        identity = kept_fact(folder, "identity") if folder else None
        address = settings.project or (identity["project"] if identity else "")
        if not address:
            raise SettingsError("project: give the --state folder of a member, or a --project whose model is open")
        display.say("looking at the project")
        srs = open_srs(settings, provider)
        project, _ = project_at(address, contracts, provider, depth_of(settings, provider), srs)
        if identity and identity["project"] != project.address:
            raise SettingsError(f"state: {folder} is of the project {identity['project']}, not {project.address}")
        store = open_shelf(settings)
        description = task_from_bytes(store.get(project.terms.task, MAX_TASK))
        copy = ModelCopy(project, store, srs, *(_kept(folder, project.terms.dimension) if folder else ()))
        settled = len(project.settlements())
        try:
            copy.follow(lambda: display.say(f"round {copy.rounds} of {settled} is checked"))
        except UNUSABLE as error:
            if not last_good:
                raise SettingsError(
                    f"the aggregate of round {copy.rounds + 1} of {settled} is not to be had: {error}. Try again, or "
                    f"another --store; --last-good writes the model with {copy.rounds} rounds in it"
                ) from error
        about = {"chain_id": str(project.chain_id), "project": project.address, "rounds": str(copy.rounds)}
        model = Model.of_vector(description, copy.vector, about)
        for file in model.save(out):
            print_whole(console, f"Wrote {file}")
        console.print(f"{copy.rounds} of {settled} settled rounds are in it; {copy.vector.size:,} parameters, SHA-256")
        print_whole(console, f"  {model.about['hash']}")
        test = folder / "test" if folder else None
        if test is not None and test.exists():
            data = samples_from_bytes(test.read_bytes())
            loss, metric = evaluate(model.task, copy.vector, data)
            console.print(f"On {len(data)} test rows: loss {loss:.4f}, metric {metric:.4f}")


def _kept(folder: Path, dimension: int) -> tuple[SealingKey, Any, Any]:
    """A member's key, and its copy of the model as far as it had followed."""

    def read(name: str) -> bytes | None:
        with suppress(FileNotFoundError):  # a running program has just replaced it: then from the beginning
            return (folder / name).read_bytes()
        return None

    return SealingKey.load(folder / KEY), *kept_copy(kept_fact(folder, "copy"), read, dimension)

"""ape run owner create | run | status | close: an owner's project from funding to the last refund."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape import project as contracts
from ape.cli import account_option
from rich.console import Console

from offchain.market.errors import SettingsError
from offchain.market.journal import kept_fact
from offchain.market.money import Token
from offchain.market.nodes import use_nodes
from offchain.market.page import page, print_whole
from offchain.market.programs.command import NodeCommand, common_options, reporting
from offchain.market.programs.owner import OwnerProgram, create, created
from offchain.market.programs.setup import depth_of, project_at, read_deployment, surroundings, unlock
from offchain.market.project import Phase
from offchain.market.settings import OwnerSettings, load
from offchain.market.terms import ProjectTerms
from offchain.market.trust import Ceremony
from offchain.proving.ptau import PtauFile


@click.group()
def cli() -> None:
    """A project of your own."""


@cli.command("create", cls=NodeCommand)
@account_option()
@common_options
@click.option("--run/--no-run", "stay", default=True, help="Stay, and look after the project.")
@click.option(
    "--terms", type=click.Choice(["kept", "new"]), default=None, help="Which, if the settings were changed late."
)
@click.option("--yes", is_flag=True, help="Don't ask before the funds are locked.")
def create_command(
    account: Any, provider: Any, config: Path | None, stay: bool, terms: str | None, yes: bool, **flags: Any
) -> None:
    """Publishes the task and the sealed model, locks the funds, creates the project, and looks after it."""

    def agree(terms: ProjectTerms, token: Token) -> None:
        ask(terms, token, f"{account.address} on {provider.network.choice}", provider.network.is_dev or yes)

    with reporting() as console:
        settings = load(OwnerSettings, config, flags)
        deployment = read_deployment(Path(settings.deployment))
        around = surroundings(settings, "owner", account, contracts, provider, "own")
        unlock(account)
        project = create(settings, around, deployment, around.sender.depth, agree, terms)
        print_whole(console, f"Project {project.address}")
        if stay:
            look_after(OwnerProgram(settings, project, around), console)


@cli.command("run", cls=NodeCommand)
@account_option()
@common_options
def run_command(account: Any, provider: Any, config: Path | None, **flags: Any) -> None:
    """Looks after a project that was created: grants the model's key, confirms, withdraws."""
    with reporting() as console:
        program = _program(load(OwnerSettings, config, flags), account, provider)
        unlock(account)
        look_after(program, console)


@cli.command("status", cls=NodeCommand)
@common_options
def status_command(provider: Any, config: Path | None, **flags: Any) -> None:
    """Shows where a project stands, who can do what, and how good the model is. Needs no account."""
    with reporting() as console:
        settings = load(OwnerSettings, config, flags)
        use_nodes(provider, settings.rpc)
        folder = Path(settings.state) if settings.state else None
        known = kept_fact(folder, "project") if folder else None
        address = settings.project or (known["address"] if known else "")
        if not address:
            raise SettingsError("project: give its --project, or the --state folder that it was created from")
        srs = Ceremony(PtauFile(Path(settings.ptau)).tau_g2, settings.srs_size) if settings.ptau else None
        depth = depth_of(settings, provider)
        project, relied = project_at(address, contracts, provider, depth, srs, settings.registry)
        is_own = folder is not None and known is not None and known["address"] == project.address
        console.print(page(project, kept_fact(folder, "accuracy") if folder and is_own else None), crop=False)
        over = "that of this ptau" if srs else "not known without a ptau"
        console.print(
            f"Made of this package's contracts by the registry\n  {relied.registry}\nIts verifier's SRS: {over}"
        )


@cli.command("close", cls=NodeCommand)
@account_option()
@common_options
@click.option("--reject", is_flag=True, help="The last aggregate is not to be had. It costs both sides one fee.")
def close_command(account: Any, provider: Any, config: Path | None, reject: bool, **flags: Any) -> None:
    """Ends the handover, and withdraws what is due."""
    with reporting() as console:
        program = _program(load(OwnerSettings, config, flags), account, provider)
        unlock(account)
        look = program.project.look()
        if look is None:
            raise SettingsError("the project has too few blocks on top: wait a little")
        if look.status.phase == Phase.HANDOVER and reject:
            program.around.sender.transact(program.project.escrow.reject)
        elif look.status.phase == Phase.HANDOVER:
            program.follow(look)  # raises if the last aggregate isn't to be had
            program.confirm(look)
        elif look.status.phase != Phase.CLOSED:
            console.print(f"Nothing to close yet: the project is {look.status.phase.name.lower()}.")
        if program.project.account(program.address).due:
            program.withdraw(look)
        console.print(page(program.project, program.accuracy), crop=False)
        look_back(program, console)


def ask(terms: ProjectTerms, token: Token, account: str, is_agreed: bool) -> None:
    """Says what will be locked, and asks unless that is agreed."""
    told = token.told
    click.echo(
        f"Locks {told(terms.funds)} of {account}: {terms.rounds} rounds, each {told(terms.round_reward)} to trainers "
        f"and {told(terms.round_fee)} to the aggregator, and a bond that comes back.\n"
        f"{terms.seats} seats, {told(terms.trainer_stake)} at stake for each. The token is {terms.token}"
    )
    if not is_agreed:
        click.confirm("Create the project?", abort=True)


def look_after(program: OwnerProgram, console: Console) -> None:
    """Runs a program to its end, and says what there is to have then."""
    program.run()
    look_back(program, console)


def look_back(program: OwnerProgram, console: Console) -> None:
    state, network = program.journal.folder, program.around.sender.provider.network.choice
    console.print(program.summary(), soft_wrap=True)
    console.print("To have it:")
    print_whole(console, f"  ape run model --state {state} --out model.safetensors --network {network}")


def _program(settings: OwnerSettings, account: Any, provider: Any) -> OwnerProgram:
    around = surroundings(settings, "owner", account, contracts, provider, "own")
    project = created(around, around.sender.depth)
    if project is None:
        raise SettingsError(f"{around.journal.folder} has no project: create one first, or give its --state")
    return OwnerProgram(settings, project, around)

"""ape run owner create | run | status | close: an owner's project from funding to the last refund."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from ape import project as contracts
from ape.cli import ConnectedProviderCommand, account_option

from offchain.market.chain import contract_at
from offchain.market.errors import SettingsError
from offchain.market.follow import find_creation
from offchain.market.page import page
from offchain.market.programs.command import common_options, reporting
from offchain.market.programs.owner import OwnerProgram, create, created
from offchain.market.programs.setup import depth_of, surroundings, unlock
from offchain.market.project import Phase, Project
from offchain.market.settings import OwnerSettings, load
from offchain.market.trust import Ceremony, check_code, implementation_of
from offchain.proving.ptau import PtauFile


@click.group()
def cli() -> None:
    """A project of your own."""


@cli.command("create", cls=ConnectedProviderCommand)
@account_option()
@common_options
@click.option("--run/--no-run", "stay", default=True, help="Stay, and look after the project.")
def create_command(account: Any, provider: Any, config: Path | None, stay: bool, **flags: Any) -> None:
    """Publishes the task and the sealed model, locks the funds, creates the project, and looks after it."""
    with reporting() as console:
        settings = load(OwnerSettings, config, flags)
        around = surroundings(settings, "owner", account, contracts, provider, "own")
        unlock(account)
        project = create(settings, around, _deployment(settings), around.sender.depth)
        console.print(f"Project {project.address}")
        if stay:
            OwnerProgram(settings, project, around).run()


@cli.command("run", cls=ConnectedProviderCommand)
@account_option()
@common_options
def run_command(account: Any, provider: Any, config: Path | None, **flags: Any) -> None:
    """Looks after a project that was created: grants the model's key, confirms, withdraws."""
    with reporting():
        program = _program(load(OwnerSettings, config, flags), account, provider)
        unlock(account)
        program.run()


@cli.command("status", cls=ConnectedProviderCommand)
@common_options
def status_command(provider: Any, config: Path | None, **flags: Any) -> None:
    """Shows where a project stands, and who can do what. Needs no account."""
    with reporting() as console:
        settings = load(OwnerSettings, config, flags)
        if not settings.project:
            raise SettingsError("project: its address is needed")
        escrow = contract_at(contracts.Escrow, settings.project)
        implementation_of(provider, str(escrow.address))  # else its creation would be looked for in vain
        project = Project(escrow, find_creation(escrow), depth_of(settings, provider))
        srs = Ceremony(PtauFile(Path(settings.ptau)).tau_g2, settings.srs_size) if settings.ptau else None
        relied = check_code(project, contracts, srs, settings.registry)
        console.print(page(project))
        over = "of the SRS of that ptau" if srs else "whose SRS its verifier is for can't be told without a ptau"
        console.print(f"Made by the registry {relied.registry}, of this package's contracts, {over}.")


@cli.command("close", cls=ConnectedProviderCommand)
@account_option()
@common_options
@click.option("--reject", is_flag=True, help="The last aggregate is not to be had. It costs both sides one fee.")
def close_command(account: Any, provider: Any, config: Path | None, reject: bool, **flags: Any) -> None:
    """Ends the handover, and withdraws what is due."""
    with reporting() as console:
        program = _program(load(OwnerSettings, config, flags), account, provider)
        unlock(account)
        status = program.project.status()
        if status.phase == Phase.HANDOVER and reject:
            program.around.sender.transact(program.project.escrow.reject)
        elif status.phase == Phase.HANDOVER:
            look = program.project.look()
            assert look is not None  # it has a status
            program.follow(look)  # raises if the last aggregate isn't to be had
            program.confirm(look)
        if program.project.account(program.address).due:
            program.around.sender.transact(program.project.escrow.withdraw, program.address)
        console.print(page(program.project))


def _program(settings: OwnerSettings, account: Any, provider: Any) -> OwnerProgram:
    around = surroundings(settings, "owner", account, contracts, provider, "own")
    project = created(around, around.sender.depth)
    if project is None:
        raise SettingsError(f"{around.journal.folder} has no project: create one first, or give its --state")
    return OwnerProgram(settings, project, around)


def _deployment(settings: OwnerSettings) -> dict[str, str]:
    try:
        return dict(json.loads(Path(settings.deployment).read_text()))
    except (OSError, ValueError) as error:
        raise SettingsError(f"deployment: can't read {settings.deployment}: {error}") from None

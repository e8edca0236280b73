"""What a command needs before a program runs: state folder, stores, SRS, account, project."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from offchain.market.chain import contract_at
from offchain.market.errors import SettingsError
from offchain.market.follow import find_creation
from offchain.market.journal import Journal
from offchain.market.programs.base import Surroundings
from offchain.market.project import Project
from offchain.market.sender import Sender
from offchain.market.settings import Settings
from offchain.market.shelf import Shelf
from offchain.proving.srs import Srs
from offchain.storage.open import open_store
from offchain.storage.store import Store

__all__ = ["find_project", "least_window", "open_shelf", "open_srs", "surroundings", "unlock"]

PUBLIC_DEPTH = 12  # blocks
PUBLIC_WINDOW = 3_600  # seconds


def surroundings(
    settings: Settings, role: str, account: Any, contracts: Any, provider: Any, name: str = ""
) -> Surroundings:
    """Opens a state folder and all that a program acts with. name: of the folder, if the settings have none."""
    os.umask(0o077)
    journal = Journal(Path(settings.state or f"runs/{role}-{name or settings.project}"))
    max_fee = int(settings.max_fee_gwei * 10**9) or None
    sender = Sender(account, provider, journal, depth_of(settings, provider), settings.patience, max_fee)
    return Surroundings(account, contracts, open_shelf(settings), open_srs(settings, provider), journal, sender)


def open_shelf(settings: Settings) -> Store:
    own, *others = settings.store
    return Shelf(open_store(own), [open_store(other, is_own=False, has_secret=False) for other in others])


def open_srs(settings: Settings, provider: Any) -> Srs:
    """The ceremony's powers that are named; on a development chain, this machine's insecure ones."""
    if settings.ptau:
        return Srs.from_ptau(settings.ptau, settings.srs_size)
    if not provider.network.is_dev:
        raise SettingsError(f"ptau: {provider.network.choice} needs the powers of tau of the verifier's ceremony")
    return Srs.insecure_cached(settings.srs_size)


def depth_of(settings: Settings, provider: Any) -> int:
    """Blocks on top of what is acted on."""
    if settings.depth >= 0:
        return settings.depth
    return 0 if provider.network.is_dev else PUBLIC_DEPTH


def least_window(settings: Settings, provider: Any) -> int:
    """Seconds of the shortest phase that is joined."""
    if settings.least_window >= 0:
        return settings.least_window
    return 0 if provider.network.is_dev else PUBLIC_WINDOW


def find_project(settings: Settings, around: Surroundings) -> Project:
    """The project that the settings name. Where it begins is looked for once, and kept."""
    if not settings.project:
        raise SettingsError("project: its address is needed")
    escrow = contract_at(around.contracts.Escrow, settings.project)
    since = around.journal.fact("since")
    if since is None:
        since = find_creation(escrow)
        around.journal.set_fact("since", since)
    return Project(escrow, since, around.sender.depth)


def unlock(account: Any) -> None:
    """Lets an account sign without asking each time: its passphrase is asked for once, or in the environment, as
    Ape says. Development accounts need none.
    """
    if hasattr(account, "set_autosign"):
        account.set_autosign(True)

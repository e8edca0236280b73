"""What a command needs before a program runs: state folder, stores, SRS, account, project."""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path
from typing import Any

from eth_utils import is_address, to_checksum_address

from offchain.market.addresses import checked_address
from offchain.market.chain import contract_at
from offchain.market.errors import JournalError, SettingsError
from offchain.market.follow import find_creation
from offchain.market.journal import Journal, kept_fact
from offchain.market.nodes import use_nodes
from offchain.market.programs.base import Surroundings
from offchain.market.project import Project
from offchain.market.sender import Sender
from offchain.market.settings import Settings
from offchain.market.shelf import Shelf
from offchain.market.trust import Powers, Relied, check_project, check_registry, implementation_of
from offchain.proving.srs import Srs
from offchain.storage.open import open_store
from offchain.storage.store import Store

__all__ = [
    "check_memory",
    "creation_of",
    "depth_of",
    "find_project",
    "least_window",
    "open_shelf",
    "open_srs",
    "project_at",
    "read_deployment",
    "registry_at",
    "surroundings",
    "unlock",
]

logger = logging.getLogger(__name__)

PUBLIC_DEPTH = 12  # blocks
PUBLIC_WINDOW = 3_600  # seconds
_RUNS = Path("runs")
_ENTRY = 160  # bytes of memory for an entry of an update: to train, quantise, commit to and seal it, measured


def surroundings(
    settings: Settings, role: str, account: Any, contracts: Any, provider: Any, name: str = ""
) -> Surroundings:
    """Opens a state folder and all that a program acts with. name: of the folder, if the settings have none."""
    os.umask(0o077)
    use_nodes(provider, settings.rpc)
    folder = Path(settings.state) if settings.state else _state_folder(role, name or settings.project, account)
    journal = Journal(folder)
    logger.info("state: %s", folder)
    max_fee = int(settings.max_fee_gwei * 10**9) or None
    sender = Sender(account, provider, journal, depth_of(settings, provider), settings.patience, max_fee)
    return Surroundings(account, contracts, open_shelf(settings), open_srs(settings, provider), journal, sender)


def _state_folder(role: str, name: str, account: Any) -> Path:
    """By role, project and account. One that an earlier version has named without the account is used on."""
    old, address = _RUNS / f"{role}-{name}", str(account.address)
    if (old / "journal.sqlite").exists() and _account_of(old) in (address, None):
        return old
    return _RUNS / f"{role}-{to_checksum_address(name) if is_address(name) else name}-{address}"


def _account_of(folder: Path) -> str | None:
    """Whose state a folder holds, which another program may be using. None if it doesn't say."""
    try:
        identity = kept_fact(folder, "identity")
    except JournalError:
        return None
    return None if identity is None else str(identity.get("account"))


def check_memory(entries: int) -> None:
    """Raises SettingsError if updates of so many entries surely don't fit this machine's free memory."""
    needed, free = entries * _ENTRY, _free_memory()
    if free is not None and needed > free:
        raise SettingsError(
            f"updates of {entries:,} entries take {needed / 2**30:.1f} GiB of memory, {free / 2**30:.1f} GiB are free: "
            "end other programs, or take another machine"
        )


def _free_memory() -> int | None:
    """Bytes; None where the system doesn't say."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        return None
    return None if found is None else int(found[1]) << 10


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
    escrow = contract_at(around.contracts.Escrow, checked_address(settings.project, "project"))
    return Project(escrow, creation_of(settings, escrow, around.journal), around.sender.depth)


def creation_of(settings: Settings, escrow: Any, journal: Journal | None = None) -> int:
    """The block from which on a project's events are read: of the settings, or found and kept."""
    if settings.since >= 0:
        return settings.since
    since = None if journal is None else journal.fact("since")
    if since is None:
        since = find_creation(escrow, journal)
        if journal is not None:
            journal.set_fact("since", since)
    return int(since)


def project_at(
    address: str, contracts: Any, provider: Any, depth: int, srs: Powers | None = None, registry: str = ""
) -> tuple[Project, Relied]:
    """A project to look at, without a state folder, and what it relies on. Raises SettingsError, and as
    `trust.check_project`; an unknown policy is told, not refused.
    """
    escrow = contract_at(contracts.Escrow, _with_code(address, "project", provider))
    implementation_of(provider, str(escrow.address))  # else its creation would be looked for in vain
    project = Project(escrow, find_creation(escrow), depth)
    return project, check_project(project, contracts, srs, registry, accept_unknown_policy=True)


def registry_at(address: str | None, deployment: Path, contracts: Any, provider: Any) -> Any:
    """A registry, by its address or as a deployment's record has it. Raises SettingsError, UntrustedCode."""
    address = _with_code(address or read_deployment(deployment)["registry"], "registry", provider)
    check_registry(provider, contracts, address, None, is_named=True)
    return contract_at(contracts.Registry, address)


def read_deployment(file: Path) -> dict[str, str]:
    """The record that `ape run deploy` has written. Raises SettingsError."""
    names = ("registry", "round_policy", "consensus_policy")
    try:
        record = json.loads(file.read_text())
        return record | {name: checked_address(str(record[name]), f"{name} of {file}") for name in names}
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, SettingsError):
            raise
        reason = error.strerror if isinstance(error, OSError) else f"not a deployment's record, {error!r}"
        raise SettingsError(f"deployment: can't use {file}: {reason}; `ape run deploy` writes it") from None


def _with_code(address: str, name: str, provider: Any) -> str:
    address = checked_address(address, name)
    if not bytes(provider.get_code(address)):
        raise SettingsError(
            f"{name}: there is no contract at {address} on {provider.network.choice}: is it another network's?"
        )
    return address


def unlock(account: Any) -> None:
    """Lets an account sign without asking each time: its passphrase is asked for once, or in the environment, as
    Ape says. Development accounts need none.
    """
    if hasattr(account, "set_autosign"):
        account.set_autosign(True)

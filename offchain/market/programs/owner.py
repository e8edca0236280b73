"""The owner's program: creates a project, gives members the model's key, and confirms the last aggregate.

`create` can be killed anywhere and called again: the sealed model and its key, then the terms and with them the
project's address, are kept before money moves. The initial model is sealed under a key of its own, which stays in the
state folder. The program grants it to the members once all have joined (`grant`): without that, nobody can train. So it
has to be running when enrolment ends; after that, the owner may be away.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

from offchain.market.chain import contract_at
from offchain.market.errors import SettingsError
from offchain.market.owner import Owner
from offchain.market.programs.base import Program, Surroundings, kept_key
from offchain.market.programs.steps import OwnerView, Step, next_owner_step
from offchain.market.project import Look, Project
from offchain.market.public_rows import first_row, initial_row
from offchain.market.settings import OwnerSettings
from offchain.market.terms import ProjectTerms, most_rows
from offchain.market.trainer import Schedule
from offchain.scoring.policy import CONSENSUS, PolicyTerms
from offchain.storage.members import Place, What, grant, seal_model
from offchain.storage.payload import model_to_bytes, task_to_bytes
from offchain.training.pilot import pilot
from offchain.training.registry import describe, make_task
from offchain.training.tabular import Tabular
from offchain.training.task import Task, failing

__all__ = ["OwnerProgram", "create", "created"]

logger = logging.getLogger(__name__)

_BITS = 16
_PHASES = ("accept", "enrol", "collect", "deliver", "score", "handover")


class OwnerProgram(Program):
    """Looks after a project that was created from its state folder."""

    role = "owner"

    def next_step(self, look: Look) -> Step:
        view = OwnerView(
            look=look,
            terms=self.project.terms,
            account=self.project.account(self.address, look.block),
            ungranted=len(self._ungranted()),
            behind=self.behind,
        )
        return next_owner_step(view)

    def grant(self, look: Look) -> None:
        """Seals the model's key to the members that don't have it, and to the owner's own, and names the grant."""
        under_way = self.journal.fact("granting")
        if under_way is None:
            members = self._ungranted()
            place = Place(self.project.chain_id, self.project.address, What.MODEL)
            key = bytes.fromhex(self.journal.fact("model")["key"])
            granted = grant(key, list(dict.fromkeys([*members, self.key.public])), place)
            cid = self.around.store.put(granted).digest
            under_way = {"cid": cid.hex(), "members": [member.hex() for member in members]}
            self.journal.set_fact("granting", under_way)
        cid = bytes.fromhex(under_way["cid"])
        if cid not in self.project.grants():
            self.around.sender.transact(self.project.escrow.release, cid)
        self.journal.set_fact("granted", [*self._granted(), *under_way["members"]])
        self.journal.set_fact("granting", None)

    def confirm(self, look: Look) -> None:
        self.around.sender.transact(self.project.escrow.confirm)

    def _granted(self) -> list[str]:
        return self.journal.fact("granted") or []

    def _ungranted(self) -> list[bytes]:
        if not self.journal.fact("model")["key"]:
            return []
        granted = self._granted()
        return [key for key in self.project.member_keys() if key.hex() not in granted]


def created(around: Surroundings, depth: int = 0) -> Project | None:
    """The project that was created from a state folder, if there is one."""
    known = around.journal.fact("project")
    if known is None:
        return None
    return Project(contract_at(around.contracts.Escrow, known["address"]), known["since"], depth)


def create(settings: OwnerSettings, around: Surroundings, deployment: dict[str, str], depth: int = 0) -> Project:
    """Publishes task and model, locks the funds and creates the project; or goes on where an earlier call was killed.

    deployment: addresses of `registry`, `round_policy`, `consensus_policy`. Raises SettingsError, and what the
    contracts say.
    """
    journal, contracts = around.journal, around.contracts
    if (project := created(around, depth)) is not None:
        return project
    registry = contract_at(contracts.Registry, deployment["registry"])
    terms = _kept_terms(settings, around, deployment)
    around.store.put(journal.read("model") or b"")
    around.store.put(journal.read("task") or b"")
    address = str(registry.address_of(around.account, terms.as_struct(), settings.nonce))
    provider = around.sender.provider
    around.sender.resume()
    since = journal.fact("since")
    if since is None:
        since = int(provider.web3.eth.block_number)
        journal.set_fact("since", since)
    if not bytes(provider.get_code(address)):
        owner = Owner(around.account, contracts, registry, around.store, around.sender.transact)
        owner.create(terms, settings.nonce)
    journal.set_fact("project", {"address": address, "since": since})
    return Project(contract_at(contracts.Escrow, address), since, depth)


def _kept_terms(settings: OwnerSettings, around: Surroundings, deployment: dict[str, str]) -> ProjectTerms:
    """Made at the first call; the same at every other, since they are in the project's address."""
    journal = around.journal
    kept = journal.fact("terms")
    if kept is None:
        terms = _terms(settings, around, deployment)
        struct = terms.as_struct()
        journal.set_fact("terms", {k: {"hex": v.hex()} if isinstance(v, bytes) else v for k, v in struct.items()})
        return terms
    values: dict[str, Any] = {k: bytes.fromhex(v["hex"]) if isinstance(v, dict) else v for k, v in kept.items()}
    return ProjectTerms(**values)


def _terms(settings: OwnerSettings, around: Surroundings, deployment: dict[str, str]) -> ProjectTerms:
    journal = around.journal
    if not settings.token or not settings.aggregators or not settings.round_reward.isdigit():
        raise SettingsError("token, aggregators and round_reward (an integer of the token's smallest unit) are needed")
    if unknown := sorted(settings.windows.keys() - set(_PHASES)):
        raise SettingsError(f"windows: no phase {', '.join(unknown)}; there are {', '.join(_PHASES)}")
    task, schedule = _task(settings), Schedule(settings.epochs, settings.batch_size)
    with failing(f"the data of {task.name!r} can't be loaded"):
        data = task.load().train
    made = pilot(
        task,
        data,
        seed=settings.seed,
        learning_rate=settings.learning_rate,
        epochs=schedule.epochs,
        batch_size=schedule.batch_size,
        bits=_BITS,
    )
    for finding in made.findings:
        logger.warning("the pilot: %s", finding)
    model, quantum = made.model, made.quantum
    description: dict[str, Any] = {"task": describe(task), "training": asdict(schedule)}
    content, key = model_to_bytes(model), b""
    if not settings.open:
        content, key = seal_model(content)
        description["owner_key"] = kept_key(journal).public.hex()
    published = task_to_bytes(description)
    journal.write("model", content)
    journal.write("task", published)
    journal.set_fact("model", {"key": key.hex()})

    policy_terms = PolicyTerms(rule=settings.policy, byzantine=settings.byzantine)
    name = "consensus_policy" if settings.policy == CONSENSUS else "round_policy"
    policy = contract_at(getattr(around.contracts, policy_terms.contract), deployment[name])
    has_first = settings.has_public_rows and settings.open
    row = first_row(initial_row(around.srs, model, quantum) if has_first else None)
    rows = most_rows(settings.seats, settings.rounds, settings.has_public_rows, has_first)
    proposed = ProjectTerms.proposed(
        token=settings.token,
        round_reward=int(settings.round_reward),
        rounds=settings.rounds,
        seats=settings.seats,
        dimension=model.size,
        quantum=quantum,
        learning_rate=settings.learning_rate,
        policy=deployment[name],
        policy_terms=policy_terms,
        policy_gas=int(policy.gas_for(policy_terms.rule_number, rows)),
        aggregators=list(settings.aggregators),
        model=around.store.put(content).digest,
        task=around.store.put(published).digest,
        max_excluded=settings.max_excluded,
        min_rows=settings.min_rows or None,
        bits=_BITS,
        public_rows=settings.has_public_rows,
        first_row=row,
        reference=settings.reference,
        window=settings.window,
    )
    windows = {f"{phase}_window": seconds for phase, seconds in settings.windows.items()}
    return ProjectTerms(**(proposed.as_struct() | windows))


def _task(settings: OwnerSettings) -> Task:
    if settings.path:
        return make_task(Tabular.name, path=settings.path, label=settings.label or None)
    return make_task(settings.task)

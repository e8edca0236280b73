"""The owner's program: creates a project, gives members the model's key, and confirms the last aggregate.

`create` can be killed anywhere and called again: the sealed model and its key, then the terms and with them the
project's address, are kept before money moves (`plan.py`). The initial model is sealed under a key of its own, which
stays in the state folder. The program grants it to the members once all have joined (`grant`): without that, nobody can
train. So it has to be running when enrolment ends; after that, the owner may be away.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from offchain.errors import MeedError
from offchain.market.chain import contract_at
from offchain.market.errors import SettingsError
from offchain.market.model import samples_from_bytes, samples_to_bytes, task_of
from offchain.market.money import Token, read_token
from offchain.market.programs.base import Program, Surroundings, kept_key
from offchain.market.programs.plan import Plan, check_funds, check_limits, keep_plan, kept_plan, parties, sources, warn
from offchain.market.programs.steps import OwnerView, Step, next_owner_step
from offchain.market.project import Look, Project
from offchain.market.public_rows import first_row, initial_row
from offchain.market.settings import OwnerSettings
from offchain.market.terms import ProjectTerms, most_rows
from offchain.market.trainer import Schedule
from offchain.market.trust import check_policy_of
from offchain.storage.members import Place, What, grant, seal_model
from offchain.storage.payload import model_to_bytes, task_from_bytes, task_to_bytes
from offchain.storage.unixfs import cid_of
from offchain.training.errors import failing
from offchain.training.local import evaluate
from offchain.training.pilot import pilot
from offchain.training.registry import describe, make_task
from offchain.training.task import Task

__all__ = ["OwnerProgram", "create", "created"]

logger = logging.getLogger(__name__)

_BITS = 16


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
            aside=self.aside(look),
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
            self.journal.write("grant", granted)
            under_way = {"cid": cid_of(granted).digest.hex(), "members": [member.hex() for member in members]}
            self.journal.set_fact("granting", under_way)
        cid = bytes.fromhex(under_way["cid"])
        if (granted := self.journal.read("grant") or b"") and cid_of(granted).digest == cid:
            self.around.store.put(granted)
        if cid not in self.project.grants():
            self.around.sender.transact(self.project.escrow.release, cid)
        self.journal.set_fact("granted", [*self._granted(), *under_way["members"]])
        self.journal.set_fact("granting", None)

    def confirm(self, look: Look) -> None:
        self.around.sender.transact(self.project.escrow.confirm)

    def follow(self, look: Look) -> None:
        """As everybody, and measures the model before the first round and after each."""
        if str(self.copy.rounds) not in self.accuracy:
            self._measure()
        super().follow(look)

    def took_round(self) -> None:
        super().took_round()
        self._measure()

    def summary(self) -> str:
        """What has come of the project, for the log's end."""
        settled, behind = len(self.project.settlements()), self.behind
        withdrawn = self.project.token.told(self.project.withdrawn(self.address))
        missing = (
            f"; {behind} of them are not in it: their aggregates were not to be had" if behind else ", each checked"
        )
        return f"The model has {settled} settled rounds in it{missing}. Withdrawn in all: {withdrawn}"

    @property
    def accuracy(self) -> dict[str, list[float]]:
        """Loss and metric on the owner's test rows, by the number of rounds that are in the model."""
        return self.journal.fact("accuracy") or {}

    def _measure(self) -> None:
        content, description = self.journal.read("test"), self.journal.read("task")
        if content is None or description is None:
            return  # a state folder of an earlier version
        rounds, data = self.copy.rounds, samples_from_bytes(content)
        try:
            loss, metric = evaluate(task_of(task_from_bytes(description)), self.copy.vector, data)
        except MeedError as error:  # a model without a loss is an answer too, and the project goes on
            self.say(f"after {rounds} rounds: {error}")
            return
        self.journal.set_fact("accuracy", self.accuracy | {str(rounds): [loss, metric]})
        self.say(f"after {rounds} rounds, on {len(data)} test rows: loss {loss:.4g}, metric {metric:.4g}")

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


def create(
    settings: OwnerSettings,
    around: Surroundings,
    deployment: dict[str, str],
    depth: int = 0,
    agree: Callable[[ProjectTerms, Token], None] = lambda terms, token: None,
    choice: str | None = None,
) -> Project:
    """Publishes task and model, locks the funds and creates the project; or goes on where an earlier call was killed.

    deployment: addresses of `registry`, `round_policy`, `consensus_policy`. agree: is shown the terms before the first
    transaction, and may raise. choice: if a transaction was signed for other terms than the settings make, "kept" goes
    on with those, "new" makes them anew unless a project exists. Raises SettingsError, UntrustedCode if the registry or
    the policy isn't this package's, and what the contracts say.
    """
    journal, contracts, provider = around.journal, around.contracts, around.sender.provider
    now = sources(settings, deployment)
    if (project := created(around, depth)) is not None:
        warn((journal.fact("made") or {"sources": now})["sources"], now)
        return project
    is_named = bool(settings.registry)
    if is_named and settings.registry.lower() != deployment["registry"].lower():
        raise SettingsError(f"registry: {settings.registry} isn't that of the deployment, {deployment['registry']}")
    around.sender.resume()  # what an earlier call has signed has its outcome after this
    plan = kept_plan(around, now, is_named, choice)
    if plan is None:
        plan = Plan(_terms(settings, around, deployment), now, is_named)
        owner = plan.owner(around)
        _ = owner.relied  # before anything is made for it
        check_policy_of(plan.terms, provider, contracts, settings.accept_unknown_policy)
        check_limits(plan.terms, owner)
        agree(plan.terms, read_token(plan.terms.token, provider))
        keep_plan(journal, plan)
    around.store.put(journal.read("model") or b"")
    around.store.put(journal.read("task") or b"")
    terms, owner = plan.terms, plan.owner(around)
    address = owner.address_of(terms, plan.nonce)
    since = journal.fact("since")
    if since is None:
        since = int(provider.web3.eth.block_number)
        journal.set_fact("since", since)
    if not bytes(provider.get_code(address)):
        check_funds(around, read_token(terms.token, provider), terms.rounds, terms.round_reward, terms.round_fee)
        owner.create(terms, plan.nonce)
    journal.set_fact("project", {"address": address, "since": since})
    return Project(contract_at(contracts.Escrow, address), since, depth)


def _terms(settings: OwnerSettings, around: Surroundings, deployment: dict[str, str]) -> ProjectTerms:
    journal = around.journal
    with_ = parties(settings, around)
    task, schedule = _task(settings), Schedule(settings.epochs, settings.batch_size)
    with failing(f"the data of {task.name!r} can't be loaded"):
        loaded = task.load()
        notes = task.notes()
    for note in notes:
        logger.warning("%s", note)
    made = pilot(
        task,
        loaded.train,
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
    journal.write("test", samples_to_bytes(loaded.test))  # what the model is measured on, round by round
    journal.write("model", content)
    journal.write("task", published)
    journal.set_fact("model", {"key": key.hex()})

    policy_terms = settings.policy_terms
    name = "consensus_policy" if settings.has_public_rows else "round_policy"
    policy = contract_at(getattr(around.contracts, policy_terms.contract), deployment[name])
    has_first = settings.has_public_rows and settings.open
    row = first_row(initial_row(around.srs, model, quantum) if has_first else None)
    rows = most_rows(settings.seats, settings.rounds, settings.has_public_rows, has_first)
    proposed = ProjectTerms.proposed(
        token=with_.token.address,
        round_reward=with_.reward,
        rounds=settings.rounds,
        seats=settings.seats,
        dimension=model.size,
        quantum=quantum,
        learning_rate=settings.learning_rate,
        policy=deployment[name],
        policy_terms=policy_terms,
        policy_gas=int(policy.gas_for(policy_terms.rule_number, rows)),
        aggregators=with_.aggregators,
        model=cid_of(content).digest,
        task=cid_of(published).digest,
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
    return make_task(settings.task_name, **settings.task_options)

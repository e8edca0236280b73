"""A project as one reads it before joining: terms in words, money, windows, what it takes, its task, the command.

Terms come from the chain, the task from a store. Both are a stranger's words: texts are cut, and what isn't printable
is escaped (`plain`).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from offchain.errors import MeedError
from offchain.market.chain import contract_at
from offchain.market.description import Description, fetch_description
from offchain.market.errors import MarketError
from offchain.market.model import task_of
from offchain.market.money import Token
from offchain.market.page import duration, phase_told, time_left, whole
from offchain.market.project import Look, Phase, Project
from offchain.market.terms import FIXED_ONE, ProjectTerms
from offchain.scoring.policy import PolicyError
from offchain.storage.store import Store
from offchain.training.schema import Schema

__all__ = ["listing", "plain", "prospectus"]

_MOST = 40  # characters of a text
_VALUES = 4  # of a column, that are shown
# gas of a trainer's calls (tests/gas_snapshot.json): to approve and enrol, to submit and deliver, to withdraw
_JOIN, _ROUND, _LEAVE = 200_000, 106_000, 77_000


def plain(text: str, most: int = _MOST) -> str:
    """A stranger's text on one line, without what could steer a terminal or turn the direction of reading."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: most + 1])
    return shown if len(text) <= most and len(shown) <= most else shown[: most - 1] + "…"


def prospectus(project: Project, known_policy: bool, store: Store | None, stores: Iterable[str] = ()) -> RenderableType:
    """known_policy: whether the policy's code is this package's. store: where the task is looked for; stores: how it is
    named in a command. Raises MarketError if the project isn't there yet.
    """
    look = project.look()
    if look is None:
        raise MarketError(f"the project {project.address} has too few blocks on top")
    told, flag = _task(project, store)
    flags = [f"--project {project.address}", *(f"--store {location}" for location in stores), *([flag] if flag else [])]
    return Group(
        _head(project, look),
        _money(project),
        _rules(project, known_policy),
        _time(project.terms),
        *told,
        _joining(project, look, " ".join(flags)),
    )


def _table(title: str, rows: Iterable[tuple[str, str | Text]]) -> RenderableType:
    table = Table(show_header=False, box=None)
    for name, value in rows:
        table.add_row(name, Text(value) if isinstance(value, str) else value)  # a str would be read as markup
    return Group(whole(title, "bold"), table)


def _head(project: Project, look: Look) -> RenderableType:
    network = project.escrow.provider.network.choice
    rows: list[tuple[str, str | Text]] = [
        ("owner", whole(str(project.escrow.owner()))),
        ("network", f"{network}, chain {project.chain_id}; the project's code is this package's"),
        ("phase", phase_told(look)),
        ("time left", time_left(look)),
        ("seats", f"{_taken(look)} of {project.terms.seats} taken"),
    ]
    return _table(f"Project {project.address}", rows)


def _taken(look: Look) -> int:
    return look.status.active.bit_count()


def _money(project: Project) -> RenderableType:
    terms, told = project.terms, project.token.told
    part, stake = told(terms.trainer_part), told(terms.trainer_stake)
    decimals = project.token.decimals
    says = "doesn't say its decimals" if decimals is None else f"has {decimals} decimals"
    rows: list[tuple[str, str | Text]] = [
        (
            "reward",
            f"{told(terms.round_reward)} a round, {terms.rounds} rounds; locked by the owner: {told(terms.funds)}",
        ),
        ("a seat", f"{stake} at stake: {part} for each round. A round that is missed costs its part"),
        (
            "aggregating",
            f"{told(terms.round_fee)} a round; {told(terms.aggregator_stake)} at stake, lost if it goes away",
        ),
        ("token", whole(terms.token)),
        ("", f"it {says}, and calls itself {project.token.symbol}; whether it is worth anything, look up yourself"),
    ]
    return _table("\nMoney", rows)


def _rules(project: Project, known_policy: bool) -> RenderableType:
    terms = project.terms
    try:
        policy = terms.policy_terms
        rule = f"{policy.rule}, made for up to {policy.byzantine} hostile trainers in a round"
    except PolicyError:
        rule = "unknown parameters"
    if not known_policy:
        rule += "; NOT this package's code: who wrote it can pay whom it likes. Read it first"
    rows: list[tuple[str, str | Text]] = [
        ("trainers", f"{terms.seats} at most; a round with fewer than {terms.min_rows} fails, and pays nobody"),
        ("policy", rule),
        ("", whole(terms.policy)),
        ("left out", f"{terms.max_excluded} in a round at most, whose payloads can't be had or don't open"),
        (
            "update",
            f"{terms.dimension:,} entries of {terms.bits} bits, learning rate {terms.rate / FIXED_ONE:.4g} at first",
        ),
        ("aggregators", whole("\n".join(terms.aggregators))),
    ]
    if terms.reference:
        rows.append(("reference", "the first seat is the owner's: its row judges the others, and earns nothing"))
    return _table("\nRules", rows)


def _time(terms: ProjectTerms) -> RenderableType:
    names = ("accept", "enrol", "collect", "deliver", "score", "handover")
    text = ", ".join(f"{name} {duration(getattr(terms, f'{name}_window'))}" for name in names)
    rows: list[tuple[str, str | Text]] = [("phases", text), ("", "a program has to run in each: who is late misses it")]
    return _table("\nTime", rows)


def _task(project: Project, store: Store | None) -> tuple[list[RenderableType], str]:
    """What is trained, as far as the store has its description; and what a trainer's command needs for it."""
    if store is None:
        return [Text("\nThe task is described in the project's store: give its --store to see it.")], "--store STORE"
    try:
        description = Description.from_bytes(fetch_description(store, project.terms))
        task = task_of({"task": description.task})
        size = task.layout.dimension
    except MeedError as error:
        return [Text(f"\nThe task can't be read, and so nobody could train it here: {plain(str(error), 400)}")], ""
    rows: list[tuple[str, str | Text]] = [("name", plain(task.name))]
    schedule = description.schedule
    rows.append(("each round", f"batch size {schedule.batch_size}, epochs {schedule.epochs}"))
    fits = "" if size == project.terms.dimension else f"; NOT the {project.terms.dimension:,} of the terms: don't join"
    rows.append(("parameters", f"{size:,}{fits}"))
    table = _table("\nTask", rows)
    schema = getattr(task, "schema", None)
    return ([table, _columns(schema)], "--path YOUR.csv") if isinstance(schema, Schema) else ([table], "")


def _columns(schema: Schema) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("column", "kind", "values"):
        table.add_column(name)
    for column in schema.columns:
        if column.values:
            table.add_row(Text(plain(column.name)), f"one of {len(column.values)}", _some(column.values))
        else:
            table.add_row(Text(plain(column.name)), "number", Text(f"about {column.mean:.6g} ± {column.deviation:.6g}"))
    table.add_row(Text(plain(schema.label)), f"the label, one of {len(schema.classes)}", _some(schema.classes))
    return Group(whole("Columns that a file needs", "bold"), table)


def _some(values: tuple[str, ...]) -> Text:
    shown = ", ".join(plain(value, 20) for value in values[:_VALUES])
    return Text(shown + (f", and {len(values) - _VALUES} more" if len(values) > _VALUES else ""))


def _joining(project: Project, look: Look, flags: str) -> RenderableType:
    terms, provider, status = project.terms, project.escrow.provider, look.status
    gas = _JOIN + terms.rounds * _ROUND + _LEAVE
    coins = f"{Decimal(gas * int(provider.web3.eth.gas_price)).scaleb(-18):.6f}"
    coin = provider.network.ecosystem.fee_token_symbol
    end = f"{flags} --network {provider.network.choice} --account NAME"
    lines: list[RenderableType] = [whole("\nTo take part", "bold")]
    if status.phase not in (Phase.ACCEPTING, Phase.ENROLLING) or look.now > look.enrol_by:
        lines.append(Text("Enrolment is over: nobody can join any more."))
    elif _taken(look) >= terms.seats:
        lines.append(Text("All seats are taken."))
    else:
        if status.current is None:
            lines.append(
                Text("Seats are free once an aggregator has taken the turn; a trainer's program waits for it.")
            )
        stake = project.token.told(terms.trainer_stake)
        lines.append(Text(f"A trainer needs {stake}, {coins} {coin} for gas at today's price ({gas:,}), and its data:"))
        lines.append(whole(f"  ape run trainer {end}"))
    if status.phase == Phase.ACCEPTING:
        stake = project.token.told(terms.aggregator_stake)
        lines.append(Text(f"An aggregator that is listed needs {stake}, and gas to settle rounds:"))
        lines.append(whole(f"  ape run aggregator {end.replace(' --path YOUR.csv', '')}"))
    return Group(*lines)


def listing(registry: Any, contracts: Any, newest: int, joinable: bool) -> RenderableType:
    """The registry's last projects, a line each, the newest first. contracts: the Ape project. joinable: only those in
    which a seat can be taken now.
    """
    provider = registry.provider
    count, now = int(registry.count()), int(provider.web3.eth.get_block("latest")["timestamp"])
    lines, tokens = [], dict[str, Token]()
    for number in reversed(range(max(0, count - newest), count)):
        project = Project(contract_at(contracts.Escrow, str(registry.projects(number))))
        terms, status = project.terms, project.status().at(now, project.terms)
        is_early = status.phase in (Phase.ACCEPTING, Phase.ENROLLING) and now <= status.deadline
        free = terms.seats - status.active.bit_count() if is_early else 0
        if joinable and (not free or status.current is None):
            continue
        token = tokens.setdefault(terms.token, project.token)
        lines.append(
            f"{project.address}  {status.phase.name.lower():<10} {f'{free} of {terms.seats}':>8}  "
            f"{terms.rounds} x {token.told(terms.round_reward)}"
        )
    title = f"{count} projects in the registry {registry.address}"
    head = f"{'project':<42}  {'phase':<10} {'free':>8}  rounds x reward"
    shown = (
        [whole(head, "bold"), *map(whole, lines)]
        if lines
        else [Text("none that can be joined" if joinable else "none")]
    )
    more = [Text(f"The newest {newest}; --newest N shows more.")] if count > newest else []
    return Group(whole(title), *shown, *more)

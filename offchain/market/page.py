"""A project on one page of the terminal: where it stands, what everybody has in it, what can be done with which
command.

All of it is read from the chain, but for how good the model is, which its owner measures. It fits 80 columns; what one
may want to copy - addresses, commands - is on a line of its own and never cut (`whole`): print it without cropping.
"""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from offchain.market.errors import MarketError
from offchain.market.programs.steps import enforcement
from offchain.market.project import Look, Phase, Project, Settlement
from offchain.market.terms import FIXED_ONE

__all__ = ["duration", "page", "phase_told", "print_whole", "time_left", "whole"]

_TOLD = {
    Phase.ACCEPTING: "aggregators accept, and one takes the turn",
    Phase.ENROLLING: "trainers enrol",
    Phase.VACANT: "waiting for an aggregator to take the turn",
    Phase.COLLECTING: "trainers train and submit",
    Phase.DELIVERING: "trainers reveal their commitments",
    Phase.SCORING: "the aggregator proves and settles",
    Phase.FAILED: "too few took part in the round",
    Phase.HANDOVER: "the owner looks at the last aggregate",
    Phase.CLOSED: "everything is decided",
}


def page(project: Project, accuracy: dict[str, list[float]] | None = None) -> RenderableType:
    """accuracy: loss and metric of the model by the rounds that are in it, as its owner has measured them. Raises
    MarketError if the project isn't there yet.
    """
    look = project.look()
    if look is None:
        raise MarketError(f"the project {project.address} has too few blocks on top")
    parts = [_head(project, look), _accounts(project, look), _trainers(project, look), _rounds(project)]
    if accuracy:
        parts.append(_accuracy(accuracy))
    return Group(*parts, _money(project), _todo(project, look))


def whole(text: str, style: str = "") -> Text:
    """Lines of a page that are neither wrapped nor cut, if it is printed without cropping: a terminal that is too
    narrow folds them, and copies them in one piece.
    """
    return Text(text, style=style, no_wrap=True, overflow="ignore")


def print_whole(console: Console, text: str) -> None:
    """A line by itself, as `whole`."""
    console.print(text, soft_wrap=True, markup=False, highlight=False)


def _head(project: Project, look: Look) -> RenderableType:
    status, terms = look.status, project.terms
    table = Table(show_header=False, box=None)
    table.add_row("phase", phase_told(look))
    table.add_row("time left", time_left(look))
    table.add_row("round", f"{min(status.round + 1, terms.rounds)} of {terms.rounds}")
    table.add_row("learning rate", f"{status.rate / FIXED_ONE:.4g}")
    return Group(whole(f"Project {project.address}", "bold"), table)


def phase_told(look: Look) -> Text:
    return Text(f"{look.status.phase.name.lower()}: {_TOLD[look.status.phase]}", style="bold")


def time_left(look: Look) -> str:
    left = look.status.deadline - look.now
    if not look.status.deadline:
        return "the phase has no end"
    return duration(left) if left >= 0 else f"over since {duration(-left)}"


def _accounts(project: Project, look: Look) -> RenderableType:
    status, terms = look.status, project.terms
    lines = [f"owner          {project.escrow.owner()}"]
    for number, address in enumerate(terms.aggregators):
        states = [
            "has accepted" if status.accepted >> number & 1 else "",
            "in turn" if address == status.current else "",
            "lost the turn" if status.spent >> number & 1 else "",
        ]
        lines.append(f"aggregator {number}   {address} {', '.join(filter(None, states)) or 'not there yet'}")
    lines += [f"seat {seat:<2}        {address}" for seat, address in _members(project, look)]
    return Group("", *(whole(line) for line in lines))


def _members(project: Project, look: Look) -> list[tuple[int, str]]:
    members = [(seat, str(project.escrow.members(seat, block_id=look.block))) for seat in range(project.terms.seats)]
    return [(seat, address) for seat, address in members if int(address, 16)]


def _trainers(project: Project, look: Look) -> RenderableType:
    settlements, token, terms = project.settlements(), project.token, project.terms
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("seat", "this round"):
        table.add_column(column)
    for column in ("credits so far", "last round", "due", "at stake"):
        table.add_column(column, justify="right")
    for seat, address in _members(project, look):
        account = project.account(address, look.block)
        credits = sum(_of(settlement, settlement.credits, seat) for settlement in settlements)
        table.add_row(
            str(seat),
            _state_of(seat, look),
            token.shown(credits, terms.round_reward),
            _share(settlements[-1], seat) if settlements else "",
            token.shown(account.due, terms.round_reward),
            f"{account.parts} x {token.shown(terms.trainer_part, terms.round_reward)}",
        )
    title = whole(f"\nTrainers, amounts in {token.unit}", "bold")
    return Group(title, table) if table.row_count else Text("\nNobody has enrolled.")


def _state_of(seat: int, look: Look) -> str:
    status, bit = look.status, 1 << seat
    if status.phase in (Phase.HANDOVER, Phase.CLOSED, Phase.ENROLLING):
        return ""
    if not status.active & bit:
        return "has left"
    if status.delivered & bit:
        return "delivered"
    return "submitted" if status.submitted & bit else "-"


def _rounds(project: Project) -> RenderableType:
    settlements = project.settlements()
    if not settlements:
        return Text("No round was settled yet.")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("round", "aggregator", "seats", "kept", "agreement", "next rate"):
        table.add_column(column)
    for s in settlements:
        kept = [seat for seat, is_kept in zip(s.seats, s.kept, strict=True) if is_kept]
        number = project.terms.aggregators.index(s.aggregator) if s.aggregator in project.terms.aggregators else "?"
        agreement, rate = f"{s.agreement / FIXED_ONE:.3f}", f"{s.rate / FIXED_ONE:.4g}"
        table.add_row(str(s.round + 1), str(number), _ranges(s.seats), _ranges(kept) or "none", agreement, rate)
    return Group(whole("Settled rounds, aggregators and seats by number", "bold"), table)


def _accuracy(accuracy: dict[str, list[float]]) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("rounds in it", "loss", "metric"):
        table.add_column(column, justify="right")
    for rounds in sorted(accuracy, key=int):
        table.add_row(rounds, *(f"{value:.4f}" for value in accuracy[rounds]))
    return Group(whole("The model, on the owner's test rows", "bold"), table)


def _money(project: Project) -> RenderableType:
    escrow, token = project.escrow, project.token
    table = Table(show_header=False, box=None)
    for name in ("pot", "bond", "stake", "pending", "sunk"):
        table.add_row(name, token.told(int(getattr(escrow, name)())))
    table.add_row("token", whole(project.terms.token))
    return Group(whole("In the escrow", "bold"), table)


def _todo(project: Project, look: Look) -> RenderableType:
    status, network = look.status, f"--network {project.escrow.provider.network.choice}"
    flag = f"--project {project.address} {network}"
    lines = ["", "What can be done now"]
    if look.may_enrol:
        lines += ["  train:", f"  ape run trainer {flag}"]
    absent = status.active & ~status.submitted, status.submitted & ~status.delivered
    for phase, seats, deed in ((Phase.COLLECTING, absent[0], "submitted"), (Phase.DELIVERING, absent[1], "delivered")):
        if status.phase == phase and seats:
            numbers = _ranges([seat for seat in range(project.terms.seats) if seats >> seat & 1])
            lines += [f"  not {deed}: seats {numbers}; a running trainer does, else:", f"  ape run trainer {flag}"]
    if status.phase in (Phase.ACCEPTING, Phase.VACANT) and status.current is None:
        lines += ["  aggregate:", f"  ape run aggregator {flag}"]
    if status.phase == Phase.HANDOVER:
        lines += ["  the owner:", f"  ape run owner close {network}"]
    if call := enforcement(look, project.terms):
        lines += [f"  anybody: {call}, a deadline has passed; every running program does it"]
    if status.phase in (Phase.HANDOVER, Phase.CLOSED):
        lines += ["  everybody: what is due can be withdrawn; the programs do it"]
    if project.settlements():
        lines += ["  members have the model:", f"  ape run model --state FOLDER --out model.safetensors {network}"]
    lines += ["  check it:", f"  ape run audit {project.address} --store STORE {network}"]
    return Group(*(whole(line) for line in lines))


def _of(settlement: Settlement, values: list[int], seat: int) -> int:
    return values[settlement.seats.index(seat)] if seat in settlement.seats else 0


def _share(settlement: Settlement, seat: int) -> str:
    total = sum(settlement.contributions)
    return f"{100 * _of(settlement, settlement.contributions, seat) / total:.1f} %" if total else "-"


def _ranges(numbers: list[int]) -> str:
    """Rising numbers, runs of them with a dash: "0-5, 7"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def duration(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    return (f"{days} d " if days else "") + f"{hours}:{rest // 60:02}:{rest % 60:02}"

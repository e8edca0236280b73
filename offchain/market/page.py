"""A project on one page of the terminal: where it stands, what everybody has in it, what can be done with which
command.

All of it is read from the chain.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from offchain.market.errors import MarketError
from offchain.market.programs.steps import enforcement
from offchain.market.project import Look, Phase, Project, Settlement
from offchain.market.terms import FIXED_ONE

__all__ = ["page"]

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


def page(project: Project) -> RenderableType:
    """Raises MarketError if the project isn't there yet."""
    look = project.look()
    if look is None:
        raise MarketError(f"the project {project.address} has too few blocks on top")
    return Group(
        _head(project, look), _trainers(project, look), _rounds(project), _money(project), _todo(project, look)
    )


def _head(project: Project, look: Look) -> RenderableType:
    status, terms = look.status, project.terms
    table = Table(show_header=False, box=None, title=f"Project {project.address}", title_justify="left")
    table.add_row("phase", Text(f"{status.phase.name.lower()}: {_TOLD[status.phase]}", style="bold"))
    if status.deadline:
        left = status.deadline - look.now
        table.add_row("time left", _duration(left) if left >= 0 else f"over since {_duration(-left)}")
    table.add_row("round", f"{min(status.round + 1, terms.rounds)} of {terms.rounds}")
    table.add_row("learning rate", f"{status.rate / FIXED_ONE:.4g}")
    table.add_row("aggregator", status.current or "none")
    accepted = [a for k, a in enumerate(terms.aggregators) if status.accepted >> k & 1]
    spent = [a for k, a in enumerate(terms.aggregators) if status.spent >> k & 1]
    table.add_row("accepted", ", ".join(map(_short, accepted)) or "nobody")
    if spent:
        table.add_row("lost the turn", ", ".join(map(_short, spent)))
    return table


def _trainers(project: Project, look: Look) -> RenderableType:
    status, settlements = look.status, project.settlements()
    table = Table(title="Trainers", title_justify="left")
    for column in ("seat", "account", "this round"):
        table.add_column(column)
    for column in ("credits so far", "contribution, last round", "due", "parts at stake"):
        table.add_column(column, justify="right")
    for seat in range(project.terms.seats):
        address = str(project.escrow.members(seat, block_id=look.block))
        if not int(address, 16):
            break
        account = project.account(address, look.block)
        credits = sum(_of(settlement, settlement.credits, seat) for settlement in settlements)
        table.add_row(
            str(seat),
            _short(address),
            _state_of(seat, look),
            _amount(credits),
            _share(settlements[-1], seat) if settlements else "",
            _amount(account.due),
            f"{account.parts} x {_amount(project.terms.trainer_part)}",
        )
    return table if table.row_count else Text(f"{status.phase.name.lower()}: nobody has enrolled")


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
    table = Table(title="Settled rounds", title_justify="left")
    for column in ("round", "aggregator", "rows", "kept", "agreement", "next rate"):
        table.add_column(column)
    for s in settlements:
        kept = ", ".join(str(seat) for seat, is_kept in zip(s.seats, s.kept, strict=True) if is_kept)
        rows = ", ".join(map(str, s.seats))
        agreement, rate = f"{s.agreement / FIXED_ONE:.3f}", f"{s.rate / FIXED_ONE:.4g}"
        table.add_row(str(s.round + 1), _short(s.aggregator), rows, kept or "none", agreement, rate)
    return table


def _money(project: Project) -> RenderableType:
    escrow = project.escrow
    names = ("pot", "bond", "stake", "pending", "sunk")
    amounts = ", ".join(f"{name} {_amount(getattr(escrow, name)())}" for name in names)
    return Text(f"In the escrow: {amounts} (units of {_short(project.terms.token)} / 10^18)")


def _todo(project: Project, look: Look) -> RenderableType:
    status, flag = look.status, f"--project {project.address}"
    lines = []
    if look.may_enrol:
        lines.append(f"train:       ape run trainer {flag}")
    absent = status.active & ~status.submitted, status.submitted & ~status.delivered
    for phase, seats, deed in ((Phase.COLLECTING, absent[0], "submitted"), (Phase.DELIVERING, absent[1], "delivered")):
        if status.phase == phase and seats:
            numbers = ", ".join(str(seat) for seat in range(project.terms.seats) if seats >> seat & 1)
            lines.append(f"not {deed}: seats {numbers}; a running trainer does, else: ape run trainer {flag}")
    if status.phase in (Phase.ACCEPTING, Phase.VACANT) and status.current is None:
        lines.append(f"aggregate:   ape run aggregator {flag}")
    if status.phase == Phase.HANDOVER:
        lines.append("the owner:   ape run owner close")
    if call := enforcement(look, project.terms):
        lines.append(f"anybody:     {call}, a deadline has passed; every running program does it")
    if status.phase in (Phase.HANDOVER, Phase.CLOSED):
        lines.append("everybody:   what is due can be withdrawn; the programs do it")
    lines.append(f"check it:    ape run audit {project.address} --store STORE")
    return Text("What can be done now\n" + "\n".join(f"  {line}" for line in lines))


def _of(settlement: Settlement, values: list[int], seat: int) -> int:
    return values[settlement.seats.index(seat)] if seat in settlement.seats else 0


def _share(settlement: Settlement, seat: int) -> str:
    total = sum(settlement.contributions)
    return f"{100 * _of(settlement, settlement.contributions, seat) / total:.1f} %" if total else "-"


def _duration(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    return (f"{days} d " if days else "") + f"{hours}:{rest // 60:02}:{rest % 60:02}"


def _amount(units: Any) -> str:
    return f"{Decimal(int(units)) / 10**18:,.4f}"


def _short(address: str) -> str:
    return f"{address[:8]}…{address[-4:]}"

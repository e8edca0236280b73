"""The books of one escrow: read from the chain, told by the model, and held against the protocol's invariants."""

from __future__ import annotations

from typing import Any

from tests.escrow_driver import PHASES, mask
from tests.escrow_node import Node, View, view
from tests.property.escrow_model import EscrowModel

Books = dict[str, Any]
STATUS = (
    "phase",
    "deadline",
    "round",
    "current",
    "in_scoring",
    "accepted",
    "spent",
    "active",
    "submitted",
    "delivered",
    "rate",
)
AMOUNTS = ("pot", "bond", "pending", "stake", "sunk")


def views_of(escrow: Any, token: Any, people: list[Any]) -> list[View]:
    """What `read_books` asks."""
    views = [view(escrow, name) for name in ("status", *AMOUNTS)] + [view(token, "balanceOf", escrow)]
    for person in people:
        views += [view(escrow, "account_of", person), view(token, "balanceOf", person)]
    return views


def read_books(node: Node, views: list[View], people: list[Any]) -> Books:
    """All that the escrow says, and all tokens, by account."""
    answers = [words(answer) for answer in node.read(views)]
    status = dict(zip(STATUS, answers[0], strict=True))
    books: Books = {name: answer[0] for name, answer in zip((*AMOUNTS, "held"), answers[1:7], strict=True)}
    books |= status | {"phase": PHASES[status["phase"]]}
    accounts = {person.address: answers[7 + 2 * i] for i, person in enumerate(people)}
    books["due"] = {address: due for address, (due, _, _) in accounts.items()}
    books["parts"] = {address: parts for address, (_, _, parts) in accounts.items()}
    books["wallets"] = {person.address: answers[8 + 2 * i][0] for i, person in enumerate(people)}
    return books


def words(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + 32]) for i in range(0, len(data), 32)]


def books_of(model: EscrowModel, start: dict[str, int], rate: int) -> Books:
    """What `read_books` should find; `start`: each wallet before any of its tokens went in."""
    listed = model.listed
    return {
        "phase": model.phase,
        "deadline": model.deadline,
        "round": model.round,
        "current": int(model.current, 16) if model.current else 0,
        "in_scoring": int(model.in_scoring),
        "accepted": mask(i for i, a in enumerate(listed) if a in model.accepted),
        "spent": mask(i for i, a in enumerate(listed) if a in model.spent),
        "active": mask(model.active),
        "submitted": mask(model.submitted),
        "delivered": mask(model.delivered),
        "rate": rate,
        "pot": model.pot,
        "bond": model.bond,
        "pending": model.pending,
        "stake": model.stake,
        "sunk": model.sunk,
        "held": model.held,
        "due": {account: model.due[account] for account in start},
        "parts": {account: model.parts[account] for account in start},
        "wallets": {account: start[account] + model.wallets[account] for account in start},
    }


def check_invariants(books: Books, before: Books, model: EscrowModel, start: dict[str, int], call: Any) -> None:
    """Those of the protocol, on what the chain says; the model only tells who plays which role."""
    # 1. what it says it holds is what it holds, and nothing else has moved
    inside = sum(books[name] for name in AMOUNTS) + sum(books["due"].values())
    assert inside + model.part * sum(books["parts"].values()) + model.gifts.total() == books["held"]
    assert sum(books["wallets"].values()) + books["held"] == sum(start.values())

    # 2. nobody loses more than its roles can cost; who funds or watches gains nothing; only its holder lowers a due
    rounds_begun = min(books["round"] + 1, model.terms["rounds"])
    funds = model.terms["rounds"] * (model.reward + model.fee) + model.fee
    for account, wallet in books["wallets"].items():
        owner, listed, enrolled = account == model.owner, account in model.listed, account in model.members
        has = wallet + books["due"][account] + books["parts"][account] * model.part
        has += books["stake"] if account == model.current else 0
        has += model.gifts[account]
        most = owner * funds + listed * model.terms["aggregator_stake"] + enrolled * rounds_begun * model.part
        assert start[account] - has <= most
        assert has <= start[account] or listed or enrolled
        withdraws = call is not None and call.name == "withdraw" and call.who.address == account
        assert books["due"][account] >= before["due"][account] or withdraws

    # 3. the pot is that of the running and all later rounds, and what the shares of earlier ones left over; there is a
    # stake while there is a current aggregator
    over = books["phase"] in ("handover", "closed")
    rounding = sum(fate["rounding"] for fate in model.fate.values())
    left = (model.terms["rounds"] - books["round"]) * (model.reward + model.fee) + rounding
    assert books["pot"] == (0 if over else left)
    assert (books["stake"] > 0) == (books["current"] != 0)

    # 4. once a round was in scoring its reward goes to trainers or nowhere; to the owner after a slash, and by rounding
    for round_, fate in model.fate.items():
        assert fate.total() == model.reward
        if round_ in model.scored - model.slashed:
            assert fate["owner"] == 0
        assert fate["rounding"] < model.terms["seats"]
    if call is not None and call.name in ("settle", "void") and not {model.owner} & {*model.listed, *model.members}:
        gain = books["due"][model.owner] - before["due"][model.owner] - (before["bond"] - books["bond"])
        assert gain == (0 if call.name == "settle" else model.fee) + (rounding if over else 0)

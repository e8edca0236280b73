"""Calls at random: any of them, by anyone, valid or not."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from tests.escrow_driver import empty_proof
from tests.escrow_market import CID, KEY, POINTS, Call, Market

# how often each call is tried, as far as the rules allow it
WEIGHTS = {
    "accept": 8,
    "take_turn": 8,
    "enrol": 8,
    "start": 8,
    "submit": 12,
    "leave": 0.4,
    "deliver": 12,
    "settle": 8,
    "void": 4,
    "slash": 6,
    "fail": 8,
    "finish": 2,
    "confirm": 2,
    "reject": 2,
    "withdraw": 2,
    "republish": 1,
}
ZERO = "0x" + "00" * 20


def any_call(rng: random.Random, market: Market, weights: Mapping[str, float] = WEIGHTS) -> Call:
    name = rng.choices(list(weights), list(weights.values()))[0]
    model = market.model
    who = rng.choice(market.people)
    if name in ("settle", "void") and rng.random() < 0.8:
        who = next((person for person in market.people if person.address == model.current), who)
    seats = model.delivered if rng.random() < 0.9 else range(len(model.members) + 1)
    if name == "deliver":
        return Call(name, who, (rng.random() < 0.9,))
    if name == "void":
        return Call(name, who, (frozenset(seat for seat in seats if rng.random() < 0.5),))
    if name == "republish":
        return Call(name, who, (rng.randrange(5),))
    if name == "settle":
        excluded = frozenset(seat for seat in seats if rng.random() < 0.1)
        rows = len(model.delivered - excluded)
        some = tuple(rng.choice([0, 1, 3, rng.randrange(2**150)]) for _ in range(rows))
        shares = rng.choice([None, (0,) * rows, some, some])
        return Call(name, who, (excluded, shares, rows < 2 or rng.random() < 0.9))
    return Call(name, who)


def allowed_call(rng: random.Random, market: Market, weights: Mapping[str, float] = WEIGHTS) -> Call | None:
    """One that the rules allow, if it can be found in some tries."""
    calls = (any_call(rng, market, weights) for _ in range(40))
    return next((call for call in calls if market.allows(call)), None)


def never_allowed(rng: random.Random, market: Market) -> tuple[Any, bytes]:
    """A party, and a call that the rules allow to nobody at any time."""
    escrow, terms = market.escrow, tuple(market.terms.values())
    wild = rng.choice([2**256 - 1, 2**32, 2**255])
    calls = {
        "initialize": lambda: (rng.choice(market.people).address, terms),
        "accept": lambda: (bytes(32),),
        "enrol": lambda: (bytes(32),),
        "submit": lambda: (bytes(32),),
        "deliver": lambda: (rng.choice([(0, 0), POINTS[0]]), bytes(32)),
        "settle": lambda: (wild, 0, POINTS[:4], empty_proof(4), (0, 0), ZERO, b"", (0,) * 8, CID),
        "void": lambda: (wild,),
        "republish": lambda: (wild, KEY),
        "withdraw": lambda: (rng.choice([ZERO, escrow.address]),),
    }
    name = rng.choice(list(calls))
    return rng.choice(market.people), getattr(escrow, name).encode_input(*calls[name]())

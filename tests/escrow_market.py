"""One project played twice, on the chain and in the model: after each call the two are compared, account by account.

A step is one transaction at a known second, and its books are read in one batch. Calls that must be refused are
simulated, at the second that they would have been sent: that tells the reason, and changes nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from eth_abi import encode as encode_abi
from eth_utils import keccak
from py_ecc.bn128 import G1, multiply

from tests.escrow_books import books_of, check_invariants, read_books, views_of
from tests.escrow_driver import (
    NOTHING,
    ONE,
    Parties,
    ProjectDriver,
    default_terms,
    empty_proof,
    in_bytes,
    mask,
    merged,
    outcome_bytes,
)
from tests.escrow_node import Node
from tests.property.escrow_model import EscrowModel, Refused

KEY = CID = keccak(text="anything but zero")
POINTS = [tuple(map(int, multiply(G1, k))) for k in range(1, 48)]  # commitments, one a person
REVERTING, BURNING = 2, 3  # modes of PolicyMock
ANYONE_MAY = ("start", "slash", "fail", "finish", "confirm")


@dataclass(frozen=True)
class Call:
    """One call of one party. The arguments are the model's."""

    name: str
    who: Any
    arguments: tuple[Any, ...] = ()


def _each(name: str) -> Callable[..., None]:
    def play(market: Market, *callers: Any) -> None:
        for who in callers:
            market.play(Call(name, who))

    play.__doc__ = f"Each of these calls `{name}`, in order."
    return play


def _anyone(name: str) -> Callable[..., None]:
    def play(market: Market, who: Any = None) -> None:
        market.play(Call(name, who or market.stranger))

    play.__doc__ = f"A stranger, if nobody is named, calls `{name}`."
    return play


class Market(Node):
    def __init__(self, project: Any, chain: Any, registry: Any, token: Any, policy: Any, parties: Parties, terms: Any):
        self.chain_id = chain.chain_id
        self.token, self.policy, self.terms = token, policy, terms
        self.owner, self.stranger = parties.owner, parties.stranger
        self.aggregators, self.trainers = parties.aggregators, parties.trainers
        people = [self.owner, self.stranger, *self.aggregators, *self.trainers]
        self.people = list({person.address: person for person in people}.values())

        self.driver = ProjectDriver.create(project, chain, registry, token, policy, parties, terms, 0)
        self.escrow = self.driver.escrow
        super().__init__(chain.provider)
        self.created = self.clock
        self.model = EscrowModel(terms, self.owner.address, self.created)
        self.rate: int = terms["rate"]
        self._policy_answers = False
        self._checking = True
        self._refusal: str | None = None
        self._fund()
        self.views = views_of(self.escrow, token, self.people)
        self.books = read_books(self, self.views, self.people)
        self.start = {account: held - self.model.wallets[account] for account, held in self.books["wallets"].items()}
        self.check()

    def _fund(self) -> None:
        """Everyone has enough for every role, so that from here on no token moves but by a step of the story."""
        amount = self.terms["aggregator_stake"] + self.terms["rounds"] * self.terms["trainer_part"]
        for person in self.people:
            self.send(person, self.token, self.token.mint.encode_input(person, amount))
            self.send(person, self.token, self.token.approve.encode_input(self.escrow, amount))

    # --- time: it stands still unless it is moved

    def at(self, timestamp: int) -> Market:
        self.clock = self.model.now = timestamp
        return self

    def wait(self, seconds: int) -> Market:
        return self.at(self.clock + seconds)

    def at_deadline(self) -> Market:
        """The last second of the running phase."""
        return self.at(self.model.deadline)

    def after_deadline(self) -> Market:
        return self.at(self.model.deadline + 1)

    # --- steps

    accept = _each("accept")
    take_turn = _each("take_turn")
    enrol = _each("enrol")
    start_rounds = _anyone("start")
    submit = _each("submit")
    leave = _each("leave")
    deliver = _each("deliver")
    slash = _anyone("slash")
    fail = _anyone("fail")
    finish = _anyone("finish")
    confirm = _anyone("confirm")
    withdraw = _each("withdraw")

    def reject(self) -> None:
        self.play(Call("reject", self.owner))

    def settle(self, who: Any, contributions: Iterable[int] | None, excluded: Iterable[int] = ()) -> None:
        """`contributions` by row: what the policy will say; None leaves it as it is, failing."""
        shares = None if contributions is None else tuple(contributions)
        self.play(Call("settle", who, (frozenset(excluded), shares)))

    def void(self, who: Any, excluded: Iterable[int]) -> None:
        self.play(Call("void", who, (frozenset(excluded),)))

    def republish(self, who: Any, round_: int) -> None:
        self.play(Call("republish", who, (round_,)))

    # --- stretches of a story in which all goes well

    def to_enrolling(self) -> Market:
        self.accept(*self.aggregators)
        self.take_turn(self.aggregators[0])
        return self

    def to_collecting(self, seats: int | None = None) -> Market:
        self.to_enrolling()
        seats = self.terms["seats"] if seats is None else seats
        self.enrol(*self.trainers[:seats])
        if seats < self.terms["seats"]:
            self.after_deadline().start_rounds()
        return self

    def to_delivering(self) -> Market:
        """All active seats submit."""
        self.submit(*self._members(sorted(self.model.active - self.model.submitted)))
        return self

    def to_scoring(self) -> Market:
        """All active seats submit and deliver."""
        self.to_delivering()
        self.deliver(*self._members(sorted(self.model.submitted - self.model.delivered)))
        return self

    def _members(self, seats: Iterable[int]) -> list[Any]:
        by_address = {person.address: person for person in self.people}
        return [by_address[self.model.members[seat]] for seat in seats]

    # --- how every story ends

    def outsider_ends(self) -> None:
        """A stranger's calls, and time, close the project."""
        while self.model.state != "closed":
            call = next((c for name in ANYONE_MAY if self.allows(c := Call(name, self.stranger))), None)
            if call is None:
                self.after_deadline()
            else:
                self.play(call)

    def everyone_withdraws(self) -> None:
        """Nobody's money is stuck: when all have what is theirs, what is sunk, or was given, is all there is. If the
        token took from the project, nothing is left as long as anything is due.
        """
        for person in self.people:
            if self.allows(call := Call("withdraw", person)):
                self.play(call)
        unpaid = [p for p in self.people if self.books["due"][p.address] or self.books["parts"][p.address]]
        assert self.books["held"] == (0 if unpaid else self.books["sunk"] + self.model.gifts.total())
        with self.refuses("escrow: nothing due"):
            self.withdraw(*(person for person in self.people if person not in unpaid))

    # --- playing twice

    def allows(self, call: Call) -> bool:
        """Whether the rules do, now."""
        try:
            self._after(call)
        except Refused:
            return False
        return True

    def _after(self, call: Call) -> EscrowModel:
        model = copy.deepcopy(self.model)
        getattr(model, call.name)(call.who.address, *call.arguments)
        return model

    @contextmanager
    def refuses(self, reason: str) -> Iterator[None]:
        """Each call inside is refused, by the rules and by the contract, with this reason or one that begins so."""
        self._refusal = reason
        yield
        self._refusal = None

    @contextmanager
    def unchecked(self) -> Iterator[None]:
        """The steps inside are checked as one, for stories of hundreds of steps."""
        self._checking = False
        yield
        self._checking = True
        self.check()

    def play(self, call: Call) -> None:
        try:
            model = self._after(call)
        except Refused:
            if self._refusal is None:
                raise
            reason = self.simulate(call.who, self.escrow, self.encode(call))
            assert reason is not None, f"the contract allows {call}"
            assert reason.startswith(self._refusal), f"{call}: {reason}"
            return
        assert self._refusal is None, f"the rules allow {call}"
        if call.name == "settle":
            self._tell_policy(call.arguments[1])
        self.receipt = self.send(call.who, self.escrow, data := self.encode(call))
        assert self.receipt.status == 1, f"{call}: {self.simulate(call.who, self.escrow, data)}"
        self.model = model
        if self._checking:
            self.check(call)

    def check(self, call: Call | None = None) -> None:
        """The contract's books are the model's, and the invariants hold."""
        before, self.books = self.books, read_books(self, self.views, self.people)
        assert self.books == books_of(self.model, self.start, self.rate), call
        check_invariants(self.books, before, self.model, self.start, call)

    # --- mocks

    def tell(self, mock: Any, setting: str, *values: Any) -> None:
        """Sets a mock up: a call by a stranger, now."""
        assert self.send(self.stranger, mock, getattr(mock, setting).encode_input(*values)).status == 1

    def _tell_policy(self, contributions: tuple[int, ...] | None) -> None:
        if contributions is None:
            if self._policy_answers:
                self.policy_fails(REVERTING)
            return
        self.rate += 1
        weights = [ONE if share else 0 for share in contributions]
        kept = mask(i for i, share in enumerate(contributions) if share)
        self.policy_says(outcome_bytes(kept, weights, contributions, self.rate))
        self._policy_answers = True

    def policy_says(self, answer: bytes) -> None:
        """Byte for byte; nonsense, unless it comes from `settle`."""
        self.tell(self.policy, "set_answer", answer)
        self._policy_answers = False

    def policy_fails(self, mode: int) -> None:
        self.tell(self.policy, "set_mode", mode)
        self._policy_answers = False

    # --- calls, as the contract wants them

    def encode(self, call: Call) -> Any:
        arguments: tuple[Any, ...]
        match call.name, call.arguments:
            case "accept" | "enrol", _:
                arguments = (KEY,)
            case "submit", _:
                arguments = (self.hash_of(call.who),)
            case "deliver", (False,):
                arguments = (POINTS[-1], CID)
            case "deliver", _:
                arguments = (self.commitment_of(call.who), CID)
            case "settle", (excluded, _, *genuine):
                arguments = self._settlement(excluded, *genuine)
            case "void", (excluded,):
                arguments = (mask(excluded),)
            case "republish", (round_,):
                arguments = (round_, CID)
            case "withdraw", _:
                arguments = (call.who,)
            case _:
                arguments = ()
        return getattr(self.escrow, call.name).encode_input(*arguments)

    def commitment_of(self, who: Any) -> tuple[int, ...]:
        return POINTS[self.people.index(who)]

    def hash_of(self, who: Any) -> bytes:
        types = ["uint256", "address", "uint256", "address", "uint256[2]"]
        values = [self.chain_id, self.escrow.address, self.model.round, who.address, self.commitment_of(who)]
        return keccak(encode_abi(types, values))

    def _public_rows(self) -> list[tuple[int, ...]]:
        """The commitments to the public rows, of the aggregates so far: each weight in them is one."""
        logs = {person.address: 1 + i for i, person in enumerate(self.people)}
        sums = [ONE * sum(logs[member] for member in members) for members in self.model.aggregates]
        return merged(tuple(map(int, multiply(G1, log))) for log in sums)

    def _settlement(self, excluded: frozenset[int], genuine: bool = True) -> tuple[Any, ...]:
        order = self.model.order
        rows = self.model.delivered - excluded
        commitments = [self.commitment_of(who) for who in self._members(order)]
        if self.terms["public_rows"]:
            commitments += self._public_rows()
        if not genuine:
            commitments = commitments[1:] + commitments[:1]
        proof = empty_proof(len(commitments) - len(order) + len(rows))
        policy = self.terms["policy"], self.terms["params"]
        return mask(excluded), in_bytes(order), commitments, proof, (0, 0), *policy, NOTHING, CID


@pytest.fixture
def make_market(
    project: Any, chain: Any, registry: Any, token: Any, policy: Any, parties: Parties
) -> Callable[..., Market]:
    """make_market(aggregators=[...], trainers=[...], field=value, ...): by default two, and one for each seat."""

    def make(
        *,
        token: Any = token,
        policy: Any = policy,
        aggregators: list[Any] | None = None,
        trainers: list[Any] | None = None,
        **changes: Any,
    ) -> Market:
        aggregators = parties.aggregators[:2] if aggregators is None else aggregators
        terms = default_terms(token, policy, aggregators) | changes
        policy.set_takes_public_rows(terms["params"], sender=parties.owner)
        trainers = parties.trainers[: terms["seats"]] if trainers is None else trainers
        cast = replace(parties, aggregators=aggregators, trainers=trainers)
        return Market(project, chain, registry, token, policy, cast, terms)

    return make

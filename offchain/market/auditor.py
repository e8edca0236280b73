"""The auditor: replays a project, finished or running, from the chain and a store alone. Anybody may, at any time.

What it is given: the node's answers about one block and those before it, and a store. It believes neither the escrow
nor any party: code, state, money, proofs, policy, commitments and contents are each made again and compared. The node
has to be honest about the chain, so ask one that you trust.

| subject | what has to hold |
|---|---|
| code | a registry of this package made the project; what it relies on is this package's, for this machine's SRS |
| history | every event is the move that the rules allow then, with the amounts that follow; none is missing |
| round r | its proofs show the matrix of what was delivered, the policy says of that what was settled |
| state | the contract agrees: each account, the pot, masks, rate, keys, public rows; the tokens are there |
| contents | task, model, aggregates and payloads are what the chain names; an aggregate opens its commitment |

The first thing that is otherwise raises Difference. What couldn't be looked at is a finding that isn't `checked`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from eth_abi import encode
from eth_utils import keccak

from offchain.market.audit.books import Books, Settled, mask
from offchain.market.audit.contents import Contents, Unreadable
from offchain.market.audit.finding import Difference, Finding, must, same
from offchain.market.audit.history import read_history, read_settle_call
from offchain.market.audit.rounds import IDENTITY, check_policy, check_proofs
from offchain.market.chain import token_at
from offchain.market.errors import MarketError, UntrustedCode
from offchain.market.named import copies_to_try, grants_to_try
from offchain.market.project import Point, Project
from offchain.market.public_rows import first_row, initial_row, points_together, running_hash, with_newest
from offchain.market.terms import NO_ROW
from offchain.market.trust import Relied, check_project
from offchain.progress import stage
from offchain.proving.srs import Srs
from offchain.scoring.aggregate import apply
from offchain.scoring.factors import why
from offchain.storage.payload import model_to_bytes
from offchain.storage.sealing import SealingKey
from offchain.storage.store import Store

__all__ = ["Auditor"]


class Auditor:
    """Audits one project.

    contracts: the Ape project, which knows the compiled contracts. key: a member's sealing key, if the auditor has one.
    depth: how many of the newest blocks are left alone. registry: the one that must have made the project, if it is
    known; else its own creation is looked up.
    """

    def __init__(
        self,
        project: Project,
        contracts: Any,
        store: Store,
        srs: Srs,
        key: SealingKey | None = None,
        depth: int = 0,
        registry: str = "",
        explains: bool = False,
    ) -> None:
        self.project = project
        self.contracts = contracts
        self.srs = srs
        self.key = key
        self.registry = registry
        self.explains = explains  # each row's pay, in words
        self.contents = Contents(project, store, srs, key)
        self.head = int(project.escrow.provider.get_block("latest").number) - depth

    @cached_property
    def books(self) -> Books:
        """Nothing is asked of a project whose code wasn't looked at."""
        return Books(self.project.terms, self.project.submission_hash)

    def run(self) -> Iterator[Finding]:
        """Each check as it is done. Raises Difference at the first one that fails."""
        try:
            relied_on = check_project(self.project, self.contracts, self.srs, self.registry, accept_unknown_policy=True)
        except UntrustedCode as error:
            raise Difference(str(error)) from error
        yield Finding("code", f"the registry {relied_on.registry} made the project, and is this package's")
        yield Finding("code", "implementation, term limits, referee and verifier are this package's, for this SRS")
        policy = f"the policy {self.project.terms.policy}"
        if relied_on.known_policy:
            yield Finding("code", f"{policy} is this package's {self.project.terms.policy_terms.contract}")
        else:
            yield Finding("code", f"{policy} is none of this package's: it is asked, not replayed", checked=False)
        yield from self._history()
        public: list[Point] = []
        for settled in self.books.settled:
            if not public and self.project.terms.first_row != NO_ROW:
                public.append(self._first_row(settled))
            yield from self._round(relied_on, settled, public)
            if self.project.terms.public_rows and settled.aggregate != IDENTITY:
                public = with_newest(public, settled.aggregate, points_together)
        yield from self._state(public)
        yield from self._contents()

    # --- the chain

    def _first_row(self, settled: Settled) -> Point:
        """The commitment to the initial model that a round was settled with, if it is the one of the terms."""
        call = read_settle_call(self.project, settled.entry)
        at = len(settled.delivered)
        must(
            call is not None and running_hash(call.commitments[at : at + 1]) == self.project.terms.first_row,
            f"round {settled.round} was settled with another first row than the terms name",
        )
        assert call is not None
        return call.commitments[at]

    def _history(self) -> Iterator[Finding]:
        entries = read_history(self.project, self.head)
        must(
            entries and entries[0].name == "Created",
            "the project's creation is not among its events: look further back",
        )
        for entry in entries:
            self.books.take(entry)
        self.books.close()
        books = self.books
        text = f"{len(entries)} events up to block {self.head} are the moves that the rules allow"
        yield Finding("history", f"{text}; {books.round} of {books.terms.rounds} rounds are over")
        yield Finding("history", f"in {books.paid_in} = out {books.paid_out} + inside {books.owed}, after each of them")

    def _round(self, relied_on: Relied, settled: Settled, public: list[Point]) -> Iterator[Finding]:
        name = f"round {settled.round}"
        with _named(name):
            call = read_settle_call(self.project, settled.entry)
            if call is None:
                raise Difference("the transaction that settled it has no call of settle that fits")
            with stage(f"Verifying {name}"):
                check_proofs(self.project, self.srs, settled, call, public)
            rows = f"{len(settled.rows)} rows" + (f" and {len(public)} public" if public else "")
            yield Finding(name, f"the proofs show the Gram matrix of {rows}, and the range of their entries")
            outcome = check_policy(self.project, relied_on, settled, call)
            kept = settled.entry["kept"].bit_count()
            yield Finding(
                name, f"the policy keeps {kept} rows; weights, contributions and credits follow, and the rate"
            )
            yield Finding(name, "the aggregate's commitment is the weighted sum of the rows'")
            for row, delivered in enumerate(settled.rows if self.explains else ()):
                yield Finding(name, f"seat {delivered.seat}, {delivered.trainer}: {why(outcome, row)}")

    def _state(self, public: list[Point]) -> Iterator[Finding]:
        escrow, books, terms = self.project.escrow, self.books, self.project.terms
        at: dict[str, Any] = {"block_id": self.head}
        for account in books.accounts:
            told = escrow.account_of(account, **at)
            seat = books.seats.index(account) + 1 if account in books.seats else 0
            expected = (books.due[account], seat, books.parts[seat - 1] if seat else 0)
            same(f"what {account} has due, its seat and its parts", (told.due, told.seat, told.parts), expected)
            key = bytes(escrow.sealing_keys(account, **at))
            same(f"the key of {account}", key, books.keys.get(account, bytes(32)))
        amounts = {"pot": books.pot, "bond": books.bond, "stake": books.stake, "pending": books.pending}
        for name, amount in (amounts | {"sunk": books.sunk, "owner": books.owner}).items():
            same(name, getattr(escrow, name)(**at), amount)
        last = books.settled[-1].round + 1 if books.settled else 0
        same("the last settled round", escrow.last_settled(**at), last)
        remembered = keccak(encode(["uint256[8]"], [books.memory]))
        same("the hash of what the policy remembers", bytes(escrow.memory(**at)), remembered)
        told = escrow.status(**at)
        same("the round, and its rate", (told.round, told.rate), (books.round, books.rate))
        masks = (mask(books.active), mask(books.submitted), mask(books.delivered))
        same("who is active, has submitted and delivered", (told.active, told.submitted, told.delivered), masks)
        numbers = {who: number for number, who in enumerate(terms.aggregators)}
        lost = mask(numbers[who] for who in books.accepted), mask(numbers[who] for who in books.spent)
        same("which aggregators accepted and lost their turn", (told.accepted, told.spent), lost)
        same("the aggregator in turn", int(told.current, 16), int(books.current or "0", 16))
        known = running_hash(public) if public else terms.first_row
        same("the hash of the public rows", bytes(escrow.public_rows(**at)), known)
        yield Finding("state", f"{len(books.accounts)} accounts, pot, stakes, masks, keys and rate are what follows")
        balance = int(token_at(terms.token).balanceOf(self.project.address, **at))
        must(balance >= books.owed, f"the escrow has {balance} tokens, and owes {books.owed}")
        extra = f", and {balance - books.owed} that nobody is owed" if balance > books.owed else ""
        yield Finding("state", f"the escrow has the {books.owed} tokens that are inside{extra}")

    # --- the store

    def _contents(self) -> Iterator[Finding]:
        description: dict[str, Any] = {}
        model: npt.NDArray[np.float64] | None = None
        try:
            description = self.contents.task()
            yield Finding("contents", "the task's description is what the terms name")
        except Unreadable as reason:
            yield Finding("contents", str(reason), checked=False)
        is_aggregator = self._is_aggregator(description)
        try:
            model = self.contents.model(grants_to_try(self.books.grants, self.books.owner))
            yield Finding("contents", "the initial model is what the terms name")
        except Unreadable as reason:
            yield Finding("contents", str(reason), checked=False)
        terms = self.project.terms
        if model is not None and terms.first_row != NO_ROW:
            row = initial_row(self.srs, model, terms.quantum)
            same("the first public row", first_row(row), terms.first_row)
            yield Finding("contents", "the first public row is the initial model")
        for settled in self.books.settled:
            model = yield from self._aggregate(settled, model)
        yield from self._payloads(is_aggregator)
        if model is not None and self.books.settled:
            digest = hashlib.sha256(model_to_bytes(model)).hexdigest()
            yield Finding("contents", f"the model after the last settled round has SHA-256 {digest}")

    def _is_aggregator(self, description: dict[str, Any]) -> bool:
        """Whether payloads are sealed to the auditor's key. Raises MarketError if it is no member's."""
        if self.key is None:
            return False
        holders = [who for who, key in self.books.keys.items() if key == self.key.public]
        if not holders and description.get("owner_key") != self.key.public.hex():
            raise MarketError("the sealing key is of no member of this project")
        return any(who in self.books.accepted for who in holders)

    def _aggregate(
        self, settled: Settled, model: npt.NDArray[np.float64] | None
    ) -> Generator[Finding, None, npt.NDArray[np.float64] | None]:
        """Looks at the copies, and returns the model after the round, or None if none is to be had. Whoever has
        accepted may name one, so a bad copy says something of who named it; that all are bad, of the round. Raises
        Difference then.
        """
        own, terms = settled.entry["cid"], self.project.terms
        by = {cid: who for who, cid in settled.copies} | {own: settled.entry["aggregator"]}
        values: npt.NDArray[np.int64] | None = None
        bad: dict[bytes, Difference] = {}
        unreadable: list[str] = []
        for cid in copies_to_try(own, settled.copies):
            try:
                values = self.contents.aggregate(settled, cid).values
            except Unreadable as error:
                unreadable.append(str(error))
            except Difference as error:
                bad[cid] = error
        if values is None and bad and not unreadable:
            raise next(iter(bad.values()))
        for cid, difference in bad.items():
            yield Finding("contents", f"{difference}: the copy 0x{cid.hex()} that {by[cid]} named counts for nothing")
        if values is None:
            for reason in dict.fromkeys(unreadable):
                yield Finding("contents", reason, checked=False)
            return None
        yield Finding("contents", f"the aggregate of round {settled.round} opens its commitment")
        return None if model is None else apply(model, terms.quantum, values, settled.total_weight)

    def _payloads(self, is_aggregator: bool) -> Iterator[Finding]:
        counted = {(row.round, row.seat) for settled in self.books.settled for row in settled.rows}
        looked_at, missing = 0, 0
        with stage("Looking at payloads", len(self.books.deliveries)) as advance:
            for row in self.books.deliveries:
                advance(1)
                try:
                    self.contents.payload(row, is_aggregator)
                    looked_at += 1
                except Unreadable:
                    missing += 1
                except Difference as difference:
                    if (row.round, row.seat) in counted:
                        raise
                    yield Finding("contents", f"{difference}; it counts for nothing")
        if looked_at:
            text = (
                "open the commitments that were delivered" if is_aggregator else "have the digests that were delivered"
            )
            yield Finding("contents", f"{looked_at} payloads {text}")
        if missing:
            yield Finding("contents", f"{missing} payloads are not to be had", checked=False)


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except Difference as difference:
        raise Difference(f"{name}: {difference}") from None

"""Drives one project through its phases, for tests: each method is one step of a party, with sound defaults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from eth_abi import encode
from eth_utils import keccak
from py_ecc.bn128 import FQ, add

from offchain.proving.encoding import Proof
from offchain.proving.range_transcript import RangeProof
from offchain.proving.transcript import GramProof

ONE = 1 << 32
GENERATOR = (1, 2)  # a point of the curve: any will do where proofs are not checked
NOTHING = (0,) * 8  # what a policy remembers at first
PUBLIC_ROWS = 3
QUESTION = ["uint256", "int256[]", "bytes", "uint256", "uint256", "bool", "uint256[8]"]  # arguments of `evaluate`
PHASES = {
    1: "accepting",
    2: "enrolling",
    4: "handover",
    5: "closed",
    6: "vacant",
    7: "collecting",
    8: "failed",
    9: "delivering",
    10: "scoring",
}


@dataclass(frozen=True)
class Parties:
    owner: Any
    aggregators: list[Any]
    stranger: Any
    deployer: Any
    trainers: list[Any]


def default_terms(token: Any, policy: Any, aggregators: list[Any]) -> dict[str, Any]:
    """Four seats, three rounds; amounts are all different, so that one taken for another shows."""
    return {
        "token": token.address,
        "round_reward": 1_000_003,
        "round_fee": 200_017,
        "trainer_part": 50_021,
        "aggregator_stake": 1_100_009,
        "rounds": 3,
        "seats": 4,
        "min_rows": 4,
        "max_excluded": 1,
        "accept_window": 1_000,
        "enrol_window": 2_000,
        "collect_window": 300,
        "deliver_window": 400,
        "score_window": 500,
        "handover_window": 600,
        "dimension": 64,
        "bits": 11,
        "quantum": 1 << 44,
        "rate": ONE // 10,
        "policy": policy.address,
        "params": b"params",
        "policy_gas": 1_000_000,
        "public_rows": False,
        "first_row": bytes(32),
        "reference": False,
        "aggregators": [a.address for a in aggregators],
        "model": b"\x01" * 32,
        "task": b"\x02" * 32,
    }


def outcome_bytes(
    kept: int,
    weights: Iterable[int],
    contributions: Iterable[int],
    next_rate: int,
    agreement: int = 0,
    memory: Iterable[int] = NOTHING,
) -> bytes:
    """IPolicy.Outcome, encoded."""
    pad = lambda values: (list(values) + [0] * 32)[:32]  # noqa: E731
    words = [kept, agreement, next_rate, *pad(weights), *pad(contributions), *memory]
    return encode(["uint256"] * 75, words)


def question(
    rows: int,
    gram: Iterable[int],
    params: bytes,
    rate: int,
    seats: int | None = None,
    has_reference: bool = False,
    memory: Iterable[int] = NOTHING,
) -> bytes:
    """The hash by which the mock policy knows what it is asked. `seats`: the first, unless named."""
    seats = (1 << rows) - 1 if seats is None else seats
    return keccak(encode(QUESTION, [rows, list(gram), params, rate, seats, has_reference, list(memory)]))


def merged(points: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The public rows, oldest first: of more than three the oldest are one, their sum."""
    rows = list(points)
    while len(rows) > PUBLIC_ROWS:
        one, other = (tuple(map(FQ, row)) for row in rows[:2])
        total = add(one, other)
        rows[:2] = [(int(total[0]), int(total[1])) if total else (0, 0)]
    return rows


def mask(seats: Iterable[int]) -> int:
    return sum(1 << seat for seat in seats)


def in_bytes(seats: Iterable[int]) -> int:
    """As `settle` takes the order of deliveries: a byte each, the first in the lowest."""
    return sum(seat << 8 * i for i, seat in enumerate(seats))


@dataclass
class ProjectDriver:
    escrow: Any
    chain: Any
    token: Any
    policy: Any
    parties: Parties
    terms: dict[str, Any]
    commitments: dict[int, tuple[int, int]] = field(default_factory=dict)  # by seat, of the running round

    @classmethod
    def create(
        cls, project: Any, chain: Any, registry: Any, token: Any, policy: Any, parties: Parties, terms: Any, nonce: int
    ) -> ProjectDriver:
        owner = parties.owner
        address = registry.address_of(owner, terms, nonce)
        token.mint(owner, cls.funds_of(terms), sender=owner)
        token.approve(address, cls.funds_of(terms), sender=owner)
        registry.create(terms, nonce, sender=owner)
        return cls(project.Escrow.at(address), chain, token, policy, parties, terms)

    @staticmethod
    def funds_of(terms: dict[str, Any]) -> int:
        """What the owner locks."""
        return terms["rounds"] * (terms["round_reward"] + terms["round_fee"]) + terms["round_fee"]

    def __getattr__(self, name: str) -> Any:
        """A term by its name: driver.round_reward."""
        try:
            return self.__dict__["terms"][name]
        except KeyError:
            raise AttributeError(name) from None

    # --- time and state

    @property
    def status(self) -> Any:
        return self.escrow.status()

    @property
    def phase(self) -> str:
        return PHASES[self.status.phase]

    def now(self) -> int:
        return self.chain.pending_timestamp

    def at(self, timestamp: int) -> None:
        """The next transaction's block has exactly this time."""
        self.chain.pending_timestamp = timestamp

    def after_deadline(self) -> None:
        """The next transaction comes one second after the running phase's deadline."""
        self.at(self.status.deadline + 1)

    def at_deadline(self) -> None:
        """The next transaction comes in the last second of the running phase."""
        self.at(self.status.deadline)

    # --- money

    def due(self, account: Any) -> int:
        return self.escrow.account_of(account).due

    def parts(self, account: Any) -> int:
        return self.escrow.account_of(account).parts

    def everyone(self) -> dict[str, Any]:
        """Accounts by name."""
        return {
            "owner": self.parties.owner,
            "stranger": self.parties.stranger,
            **{f"aggregator {i}": account for i, account in enumerate(self.parties.aggregators)},
            **{f"trainer {i}": account for i, account in enumerate(self.parties.trainers[: self.seats])},
        }

    def accounts(self) -> dict[str, int]:
        """The ledger account by account: "pot", ..., "due of trainer 0", "parts of trainer 0", and "tokens" held."""
        escrow, everyone = self.escrow, self.everyone()
        amounts = ("pot", "bond", "pending", "stake", "sunk")
        views = [(getattr(escrow, name), ()) for name in amounts]
        views += [(escrow.account_of, (account,)) for account in everyone.values()]
        *found, [tokens] = self._read([*views, (self.token.balanceOf, (escrow,))])
        entries = {name: amount for name, [amount] in zip(amounts, found[: len(amounts)], strict=True)}
        for name, (due, _, parts) in zip(everyone, found[len(amounts) :], strict=True):
            entries |= {f"due of {name}": due, f"parts of {name}": parts}
        return entries | {"tokens": tokens}

    def _read(self, views: list[tuple[Any, tuple[Any, ...]]]) -> list[list[int]]:
        """The words that each view answers, all in one request."""
        with self.chain.provider.web3.batch_requests() as batch:
            for view, arguments in views:
                call = {"to": view.contract.address, "data": view.encode_input(*arguments)}
                batch.add(self.chain.provider.web3.eth.call(call))
            answers = batch.execute()
        return [[int.from_bytes(answer[i : i + 32]) for i in range(0, len(answer), 32)] for answer in answers]

    def check_books(self, accounts: dict[str, int] | None = None) -> None:
        """Invariant 1: what it says it holds is what it holds."""
        accounts = accounts or self.accounts()
        held = accounts["tokens"]
        part = {name: self.trainer_part for name in accounts if name.startswith("parts of ")} | {"tokens": 0}
        assert sum(amount * part.get(name, 1) for name, amount in accounts.items()) == held

    @contextmanager
    def moves(self) -> Iterator[dict[str, int]]:
        """What the calls inside change in `accounts`, without zeros, filled in at the end; checks the books too."""
        change: dict[str, int] = {}
        before = self.accounts()
        yield change
        after = self.accounts()
        change |= {name: after[name] - before[name] for name in after if after[name] != before[name]}
        self.check_books(after)

    def events(self, receipt: Any) -> list[tuple[str, dict[str, Any]]]:
        """All that the escrow said, in order: name and fields."""
        logs = (log for log in receipt.events if log.contract_address == self.escrow.address)
        return [(log.event_name, dict(log.event_arguments)) for log in logs]

    def fund(self, account: Any, amount: int) -> None:
        self.token.mint(account, amount, sender=account)
        self.token.approve(self.escrow, amount, sender=account)

    # --- steps

    def accept(self, number: int = 0) -> Any:
        aggregator = self.parties.aggregators[number]
        return self.escrow.accept(keccak(text=f"key of aggregator {number}"), sender=aggregator)

    def take_turn(self, number: int = 0) -> Any:
        aggregator = self.parties.aggregators[number]
        self.fund(aggregator, self.aggregator_stake)
        return self.escrow.take_turn(sender=aggregator)

    def enrol(self, seat: int) -> Any:
        trainer = self.parties.trainers[seat]
        self.fund(trainer, self.rounds * self.trainer_part)
        return self.escrow.enrol(keccak(text=f"key of trainer {seat}"), sender=trainer)

    def to_enrolling(self) -> ProjectDriver:
        """All listed aggregators have accepted, the first has the turn."""
        for number in range(len(self.aggregators)):
            self.accept(number)
        self.take_turn()
        return self

    def to_collecting(self, seats: int | None = None) -> ProjectDriver:
        """The first round has started, with every seat taken or after enrolment with fewer."""
        self.to_enrolling()
        seats = self.seats if seats is None else seats
        for seat in range(seats):
            self.enrol(seat)
        if seats < self.seats:
            self.after_deadline()
            self.escrow.start(sender=self.parties.stranger)
        return self

    def commitment_of(self, seat: int) -> tuple[int, int]:
        return self.commitments.get(seat, GENERATOR)

    def hash_of(self, seat: int, round_: int | None = None, commitment: tuple[int, int] | None = None) -> bytes:
        round_ = self.status.round if round_ is None else round_
        return keccak(
            encode(
                ["uint256", "address", "uint256", "address", "uint256[2]"],
                [
                    self.chain.chain_id,
                    self.escrow.address,
                    round_,
                    self.parties.trainers[seat].address,
                    commitment or self.commitment_of(seat),
                ],
            )
        )

    def submit(self, seat: int) -> Any:
        return self.escrow.submit(self.hash_of(seat), sender=self.parties.trainers[seat])

    def deliver(self, seat: int) -> Any:
        cid = keccak(text=f"payload of seat {seat}")
        return self.escrow.deliver(self.commitment_of(seat), cid, sender=self.parties.trainers[seat])

    def to_delivering(self, seats: Iterable[int] | None = None) -> ProjectDriver:
        """These submit (all by default); if some don't, their time runs out."""
        seats = range(self.seats) if seats is None else list(seats)
        for seat in seats:
            self.submit(seat)
        if self.phase == "collecting":
            self.pass_deadline()
        return self

    def to_scoring(self, seats: Iterable[int] | None = None) -> ProjectDriver:
        """From collecting or delivering: these deliver (all who submitted by default)."""
        if self.phase == "collecting":
            self.to_delivering()
        submitted = self.status.submitted
        for seat in [s for s in range(32) if submitted >> s & 1] if seats is None else list(seats):
            self.deliver(seat)
        if self.phase == "delivering":
            self.pass_deadline()
        return self

    def pass_deadline(self) -> None:
        """The running phase's time runs out, and a block shows it."""
        self.after_deadline()
        self.chain.mine()

    def answer(self, contributions: list[int], weights: list[int] | None = None, next_rate: int | None = None) -> None:
        """What the policy will say; rows with a contribution or a weight are kept."""
        weights = [ONE if c else 0 for c in contributions] if weights is None else weights
        kept = mask(i for i, (c, w) in enumerate(zip(contributions, weights, strict=True)) if c or w)
        rate = self.status.rate if next_rate is None else next_rate
        self.policy.set_answer(outcome_bytes(kept, weights, contributions, rate), sender=self.parties.owner)

    def public_points(self) -> list[tuple[int, int]]:
        """The commitments to the public rows, of all aggregates so far that kept anything, as the events tell."""
        head = self.chain.provider.get_block("latest").number
        aggregates = [tuple(event.aggregate) for event in self.escrow.Settled.range(0, head + 1)]
        return merged(aggregate for aggregate in aggregates if aggregate != (0, 0))

    def memory(self) -> tuple[int, ...]:
        """What the policy remembers, as the events tell."""
        head = self.chain.provider.get_block("latest").number
        return ([NOTHING] + [tuple(event.memory) for event in self.escrow.Settled.range(0, head + 1)])[-1]

    def delivery_order(self) -> list[int]:
        """The seats in the order in which they delivered in the running round."""
        head = self.chain.provider.get_block("latest").number
        round_ = self.status.round
        return [event.seat for event in self.escrow.Delivered.range(0, head + 1) if event.round == round_]

    def settle_arguments(self, excluded: Iterable[int] = ()) -> dict[str, Any]:
        """With proofs that the mock verifier takes for good."""
        order = self.delivery_order()
        commitments = [self.commitment_of(seat) for seat in order]
        if self.public_rows:
            commitments += self.public_points()
        return {
            "excluded": mask(excluded),
            "order": in_bytes(order),
            "commitments": commitments,
            "proof": empty_proof(len(commitments) - len(set(excluded) & set(order))),
            "claimed": (0, 0),
            "policy": self.policy.address,
            "params": self.terms["params"],
            "memory": self.memory(),
            "cid": keccak(text="aggregate"),
        }

    def settle(self, excluded: Iterable[int] = (), number: int = 0, **changes: Any) -> Any:
        """changes: any argument in place of the sound one, or `sender`."""
        sender = changes.pop("sender", self.parties.aggregators[number])
        return self.escrow.settle(*(self.settle_arguments(excluded) | changes).values(), sender=sender)

    def round(self, contributions: list[int] | None = None) -> Any:
        """A whole round that goes well."""
        self.to_scoring()
        if contributions is not None:
            self.answer(contributions)
        return self.settle()


def empty_proof(rows: int, **changes: Any) -> bytes:
    """What a verifier that doesn't look takes for the proof of so many rows; changes: fields of Proof."""
    point = (0, 0)
    gram_proof = GramProof(point, (), 0, point, point, point, 0, 0, 0, 0, 0, point, point)
    range_proof = RangeProof(point, (), point, point, 0, point, point, (), (), 0, 0, 0, point, point)
    return replace(Proof((1,) * (rows * (rows + 1) // 2), gram_proof, range_proof, (0, 0)), **changes).encode()

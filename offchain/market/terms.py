"""The terms of a project, as its owner fills them in.

Fields and limits are those of the escrow (contracts/interfaces/IEscrow.vyi, contracts/TermLimits.vy), which checks
them; what an owner leaves out follows from the rest. Amounts are in the token's smallest unit, windows in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from offchain.scoring.policy import PolicyTerms

__all__ = [
    "FIXED_ONE",
    "NO_ROW",
    "PUBLIC_ROWS",
    "QUANTUM_ONE",
    "ProjectTerms",
    "funds",
    "most_rows",
    "proposed_amounts",
]

FIXED_ONE = 1 << 32  # 1.0 of a learning rate
QUANTUM_ONE = 1 << 64  # 1.0 of a quantum
DEFAULT_WINDOW = 3_600
LEAST_POLICY_GAS = 100_000  # the contract's limit
NO_ROW = bytes(32)  # the initial model is no public row
PUBLIC_ROWS = 3  # the last two aggregates, and the sum of all that was public before them


def most_rows(seats: int, rounds: int, public_rows: bool, initial: bool = False) -> int:
    """Of a round's matrix: one a seat and, with public rows, one for the initial model if that is one and for each
    round before the last, three at the most.
    """
    return seats + min(rounds - 1 + initial, PUBLIC_ROWS) if public_rows else seats


def proposed_amounts(round_reward: int, seats: int, max_excluded: int) -> dict[str, int]:
    """By term, in the token's smallest unit: a part of R / seats, a stake of R, a fee of R / 5 or more, so that an
    aggregator earns something even if it has to exclude as many rows as it may.
    """
    part = max(1, round_reward // seats)
    return {
        "round_reward": round_reward,
        "round_fee": max(round_reward // 5, 2 * max_excluded * part),
        "trainer_part": part,
        "aggregator_stake": max(round_reward, seats * part),
    }


def funds(rounds: int, round_reward: int, round_fee: int) -> int:
    """What the owner locks: rounds * (R + fee) and a bond of one fee."""
    return rounds * (round_reward + round_fee) + round_fee


@dataclass(frozen=True)
class ProjectTerms:
    """In the order of the contract's struct Terms."""

    token: str
    round_reward: int
    round_fee: int
    trainer_part: int
    aggregator_stake: int
    rounds: int
    seats: int
    min_rows: int
    max_excluded: int
    accept_window: int
    enrol_window: int
    collect_window: int
    deliver_window: int
    score_window: int
    handover_window: int
    dimension: int
    bits: int
    quantum: int  # in 2^-64
    rate: int  # in 2^-32
    policy: str
    params: bytes
    policy_gas: int
    public_rows: bool
    first_row: bytes  # the hash of the commitment to the initial model in quanta, if that is a public row; else zeros
    reference: bool
    aggregators: list[str]
    model: bytes
    task: bytes

    @classmethod
    def proposed(
        cls,
        *,
        token: str,
        round_reward: int,
        rounds: int,
        seats: int,
        dimension: int,
        quantum: int,
        learning_rate: float,
        policy: str,
        policy_terms: PolicyTerms,
        policy_gas: int,
        aggregators: list[str],
        model: bytes,
        task: bytes,
        max_excluded: int = 1,
        min_rows: int | None = None,
        bits: int = 16,
        public_rows: bool = False,
        first_row: bytes = NO_ROW,
        reference: bool = False,
        window: int = DEFAULT_WINDOW,
    ) -> ProjectTerms:
        """Terms with sound defaults: see `proposed_amounts`."""
        return cls(
            token=token,
            **proposed_amounts(round_reward, seats, max_excluded),
            rounds=rounds,
            seats=seats,
            min_rows=max(2, policy_terms.least_rows + reference + max_excluded) if min_rows is None else min_rows,
            max_excluded=max_excluded,
            accept_window=window,
            enrol_window=window,
            collect_window=window,
            deliver_window=window,
            score_window=window,
            handover_window=window,
            dimension=dimension,
            bits=bits,
            quantum=quantum,
            rate=round(learning_rate * FIXED_ONE),
            policy=policy,
            params=policy_terms.encode(),
            policy_gas=max(policy_gas, LEAST_POLICY_GAS),
            public_rows=public_rows,
            first_row=first_row,
            reference=reference,
            aggregators=aggregators,
            model=model,
            task=task,
        )

    @classmethod
    def from_struct(cls, struct: Any) -> ProjectTerms:
        """From what the contract returns."""
        values = {f.name: getattr(struct, f.name) for f in fields(cls)}
        for name in ("params", "first_row", "model", "task"):
            values[name] = bytes(values[name])
        values["aggregators"] = list(values["aggregators"])
        return cls(**values)

    def as_struct(self) -> dict[str, Any]:
        """As the contract takes it."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def has_reference(self, seats: Sequence[int]) -> bool:
        """Whether the first row of a round, whose rows are those of these seats in order, is the owner's reference."""
        return self.reference and 0 in seats[:1]

    @property
    def funds(self) -> int:
        """What the owner locks."""
        return funds(self.rounds, self.round_reward, self.round_fee)

    @property
    def trainer_stake(self) -> int:
        """What a seat costs."""
        return self.rounds * self.trainer_part

    @property
    def policy_terms(self) -> PolicyTerms:
        """What the built-in policy makes of params; raises its error for another policy's."""
        return PolicyTerms.decode(self.params)

"""The running hash of a round's deliveries: what it grows by, where it begins, and that settle asks for just that."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak

from tests.escrow_driver import GENERATOR, ProjectDriver, in_bytes
from tests.unit.escrow.test_settle import LOGS, point

Point = tuple[int, int]


def chain_of(round_: int, deliveries: Iterable[tuple[int, Point]]) -> bytes:
    """keccak(before, seat, commitment), over and over, beginning with the round's number."""
    running = round_.to_bytes(32)
    for seat, commitment in deliveries:
        running = keccak(encode(["bytes32", "uint256", "uint256[2]"], [running, seat, commitment]))
    return running


def deliver_all(project: ProjectDriver, seats: Iterable[int], before: Iterable[int] = ()) -> None:
    """The chain after each of them, in the running round; `before` have delivered already."""
    done, round_ = list(before), project.status.round
    for seat in seats:
        project.deliver(seat)
        done.append(seat)
        assert project.escrow.deliveries() == chain_of(round_, [(s, project.commitment_of(s)) for s in done])


@pytest.fixture
def open_round(create_project: Any) -> ProjectDriver:
    """Delivering; each trainer has committed to something else."""
    project = create_project().to_collecting()
    project.commitments.update({seat: point(log) for seat, log in enumerate(LOGS)})
    return project.to_delivering()


def test_deliver__refused__leaves_the_running_hash(open_round: ProjectDriver) -> None:
    deliver_all(open_round, [2])
    before = open_round.escrow.deliveries()
    for seat, commitment, message in (
        (2, open_round.commitments[2], "escrow: delivered already"),
        (1, open_round.commitments[0], "escrow: wrong commitment"),
    ):
        with ape.reverts(message):
            open_round.escrow.deliver(commitment, b"\x05" * 32, sender=open_round.parties.trainers[seat])
    assert open_round.escrow.deliveries() == before
    deliver_all(open_round, [1], before=[2])


def test_deliver__after_a_failed_round__starts_anew(open_round: ProjectDriver, stranger: Any) -> None:
    """What some had delivered to it is not of the next."""
    deliver_all(open_round, [3, 1])
    open_round.after_deadline()
    open_round.escrow.fail(sender=stranger)
    open_round.to_delivering()
    deliver_all(open_round, [1, 3, 0, 2])
    open_round.answer([1, 1, 1, 1])
    old_first = [3, 1, 0, 2]
    with ape.reverts("referee: wrong commitments"):
        open_round.settle(order=in_bytes(old_first), commitments=[open_round.commitments[s] for s in old_first])
    open_round.settle()
    assert open_round.escrow.last_settled() == 2


def test_deliver__after_a_voided_round__starts_anew(open_round: ProjectDriver, aggregator: Any) -> None:
    deliver_all(open_round, [3, 1, 2, 0])
    open_round.escrow.void(0b11, sender=aggregator)
    open_round.take_turn(1)
    open_round.to_delivering()
    deliver_all(open_round, [0, 3, 2, 1])
    open_round.answer([1, 1, 1, 1])
    open_round.settle(number=1)
    assert open_round.escrow.last_settled() == 2


def test_settle__taken_over__goes_by_the_deliveries_there_were(open_round: ProjectDriver, stranger: Any) -> None:
    deliver_all(open_round, [1, 0, 3, 2])
    before = open_round.escrow.deliveries()
    open_round.after_deadline()
    open_round.escrow.slash(sender=stranger)
    open_round.take_turn(1)
    assert open_round.escrow.deliveries() == before
    open_round.answer([1, 1, 1, 1])
    open_round.settle(number=1)
    assert open_round.escrow.last_settled() == 1


def test_settle__order_of_the_round_before__reverts(open_round: ProjectDriver) -> None:
    deliver_all(open_round, [1, 0, 3, 2])
    open_round.answer([1, 1, 1, 1])
    arguments = open_round.settle_arguments()
    open_round.settle()
    open_round.to_delivering()
    deliver_all(open_round, [0, 1, 2, 3])
    with open_round.moves() as moved, ape.reverts("referee: wrong commitments"):
        open_round.settle(order=arguments["order"], commitments=arguments["commitments"])
    assert (moved, open_round.phase, open_round.status.round) == ({}, "scoring", 1)
    open_round.settle()


@pytest.mark.parametrize("order", [[1, 0, 2, 3], [0, 0, 0, 0], [0, 1, 2, 2], [0, 1, 2, 31], [0, 1, 2, 0]], ids=str)
def test_settle__wrong_order_of_equal_commitments__reverts(scoring: ProjectDriver, order: list[int]) -> None:
    """All have committed to the same: the seats alone are wrong."""
    scoring.answer([1, 1, 1, 1])
    with scoring.moves() as moved, ape.reverts("referee: wrong commitments"):
        scoring.settle(order=in_bytes(order))
    assert (moved, scoring.phase) == ({}, "scoring")
    scoring.settle(order=in_bytes([0, 1, 2, 3]))


def test_settle__not_all_delivered__order_has_those_who_did(create_project: Any) -> None:
    """The first to deliver has the last seat, and a seat in the middle is missing."""
    project = create_project(seats=6, min_rows=4, max_excluded=1).to_collecting()
    logs = {seat: 7 + seat for seat in range(6)}
    project.commitments.update({seat: point(log) for seat, log in logs.items()})
    project.to_delivering([0, 1, 3, 4, 5])
    deliver_all(project, [5, 0, 4, 3, 1])
    project.answer([1, 2, 3, 4], weights=[1, 10, 100, 1000])
    fields = dict(project.events(project.settle([3])))["Settled"]
    rows = [0, 1, 4, 5]
    payable = project.round_reward * 4 // 5
    assert fields["aggregate"] == list(point(sum(10**i * logs[seat] for i, seat in enumerate(rows))))
    assert [project.due(project.parties.trainers[seat]) for seat in range(6)] == [
        payable * (rows.index(seat) + 1) // 10 if seat in rows else 0 for seat in range(6)
    ]


def test_settle__all_seats_in_any_order__each_is_credited_for_its_own(create_project: Any) -> None:
    """32 seats fill the word of the order."""
    project = create_project(
        rounds=1,
        seats=32,
        min_rows=32,
        trainer_part=1,
        round_reward=2**96 - 1,
        aggregator_stake=2**96 - 1,
        collect_window=10_000,
        deliver_window=10_000,
    )
    project.to_collecting()
    project.commitments.update({seat: point(1 + seat) for seat in range(32)})
    project.to_delivering()
    order = random.Random(3).sample(range(32), 32)
    for seat in order:
        project.deliver(seat)
    assert project.escrow.deliveries() == chain_of(0, [(seat, project.commitments[seat]) for seat in order])
    weights = [1 << seat for seat in range(32)]
    project.answer([1 + seat for seat in range(32)], weights)
    fields = dict(project.events(project.settle()))["Settled"]
    assert fields["aggregate"] == list(point(sum(weight * (1 + seat) for seat, weight in enumerate(weights))))
    total = 32 * 33 // 2
    for seat, trainer in enumerate(project.parties.trainers[:32]):
        account = project.escrow.account_of(trainer)
        assert (account.due, account.parts) == ((2**96 - 1) * (1 + seat) // total, 1)
    project.check_books()


@pytest.mark.parametrize(
    ("count", "error"),
    [
        (0, "referee: wrong number of commitments"),
        (3, "referee: wrong number of commitments"),
        (5, "referee: wrong public rows"),
    ],
    ids=["none", "one missing", "one too many"],
)
def test_settle__wrong_number_of_commitments__changes_nothing(scoring: ProjectDriver, count: int, error: str) -> None:
    scoring.answer([1, 1, 1, 1])
    with scoring.moves() as moved, ape.reverts(error):
        scoring.settle(commitments=[GENERATOR] * count)
    assert (moved, scoring.phase, scoring.escrow.last_settled()) == ({}, "scoring", 0)

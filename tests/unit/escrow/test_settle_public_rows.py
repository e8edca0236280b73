"""The public rows: last aggregate and sum of steps are rows of the Gram matrix as soon as there are any."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak
from web3.exceptions import ContractLogicError

from offchain.proving.encoding import Proof
from tests.escrow_driver import GENERATOR, ONE, ProjectDriver, empty_proof, outcome_bytes
from tests.unit.escrow.test_settle import LOGS, STATEMENT, point

GAUGE = 4  # mode of the mock policy


@pytest.fixture(scope="module")
def public(create_project: Any, policy: Any, owner: Any) -> ProjectDriver:
    """Scoring the first round, each trainer has committed to something else; the terms have public rows."""
    policy.set_takes_public_rows(b"params", sender=owner)
    project = create_project(public_rows=True, rounds=4).to_collecting()
    project.commitments.update({seat: point(log) for seat, log in enumerate(LOGS)})
    return project.to_scoring()


@pytest.fixture(scope="module")
def second(create_project: Any, policy: Any, owner: Any) -> ProjectDriver:
    """The same, scoring the second round."""
    policy.set_takes_public_rows(b"params", sender=owner)
    project = create_project(public_rows=True, rounds=4).to_collecting()
    project.commitments.update({seat: point(log) for seat, log in enumerate(LOGS)})
    project.round([1, 0, 1, 1])
    return project.to_scoring()


SUM = ONE * (LOGS[0] + LOGS[2] + LOGS[3])  # of `second`
STEP = 2**41
STEPS = STEP // (3 * ONE) * SUM
PUBLIC = [point(SUM), point(STEPS)]


def known(*points: tuple[int, int]) -> bytes:
    """What the escrow keeps of two public rows."""
    return keccak(encode(["uint256[2]", "uint256[2]"], points))


def settled(project: ProjectDriver, *arguments: Any, **changes: Any) -> dict[str, Any]:
    """What the event says."""
    return dict(project.events(project.settle(*arguments, **changes)))["Settled"]


# --- which rounds have one


def test_settle__first_round__has_no_public_rows(public: ProjectDriver) -> None:
    public.answer([1, 2, 3, 4])
    own = [public.commitments[seat] for seat in range(4)]
    for surplus in ([GENERATOR], [(0, 0)] * 2, own[:2]):
        with ape.reverts("escrow: wrong number of commitments"):
            public.settle(commitments=[*own, *surplus])
    assert settled(public, commitments=own)["rows"] == 0b1111


def test_settle__second_round__has_public_rows_behind_the_others(second: ProjectDriver) -> None:
    second.answer([1, 2, 3, 4])
    own = [second.commitments[seat] for seat in range(4)]
    fields = settled(second, commitments=[*own, *PUBLIC])
    # rows of the matrix, and nobody's: they have no weight in the aggregate and no share
    assert (fields["rows"], fields["kept"], fields["contributions"]) == (0b1111, 0b1111, [1, 2, 3, 4])
    assert (len(fields["weights"]), len(fields["credits"])) == (4, 4)
    aggregate = point(ONE * sum(LOGS))
    assert fields["aggregate"] == list(aggregate)
    assert second.escrow.public_rows() == known(aggregate, point(STEPS + STEP // (4 * ONE) * ONE * sum(LOGS)))


def test_settle__third_round__has_the_second_aggregate_and_both_steps(second: ProjectDriver) -> None:
    second.answer([0, 1, 1, 0])
    second.settle()
    second.answer([1, 2, 3, 4])
    second.to_scoring()
    own = [second.commitments[seat] for seat in range(4)]
    total = ONE * (LOGS[1] + LOGS[2])
    steps = point(STEPS + STEP // (2 * ONE) * total)
    for wrong in (PUBLIC, [point(total), PUBLIC[1]], [PUBLIC[0], steps], [steps, point(total)]):
        with ape.reverts("escrow: wrong public rows"):
            second.settle(commitments=[*own, *wrong])
    second.settle(commitments=[*own, point(total), steps])


def test_settle__terms_without_public_rows__takes_none(create_project: Any) -> None:
    project = create_project().to_collecting()
    project.round([1, 1, 1, 1])
    project.to_scoring()
    assert project.escrow.public_rows() == bytes(32)
    with ape.reverts("escrow: wrong number of commitments"):
        project.settle(commitments=[GENERATOR] * 4 + project.public_points())
    project.settle(commitments=[GENERATOR] * 4)


# --- rounds without an aggregate


def test_settle__after_a_void_outcome__the_aggregate_before_it_counts(second: ProjectDriver) -> None:
    second.answer([0, 0, 0, 0])
    assert settled(second)["aggregate"] == [0, 0]
    second.answer([1, 1, 1, 1])
    second.to_scoring()
    own = [second.commitments[seat] for seat in range(4)]
    with ape.reverts("escrow: wrong public rows"):
        second.settle(commitments=[*own, (0, 0), PUBLIC[1]])
    with ape.reverts("escrow: wrong number of commitments"):
        second.settle(commitments=own)
    second.settle(commitments=[*own, *PUBLIC])


def test_settle__after_a_void_outcome_of_the_first_round__there_is_none(public: ProjectDriver) -> None:
    public.answer([0, 0, 0, 0])
    public.settle()
    assert public.escrow.public_rows() == bytes(32)
    public.answer([1, 1, 1, 1])
    public.to_scoring()
    own = [public.commitments[seat] for seat in range(4)]
    with ape.reverts("escrow: wrong number of commitments"):
        public.settle(commitments=[*own, (0, 0), (0, 0)])
    public.settle(commitments=own)


def test_settle__after_a_voided_round__the_aggregate_before_it_counts(second: ProjectDriver, aggregator: Any) -> None:
    second.escrow.void(0b0110, sender=aggregator)
    second.take_turn(1)
    second.answer([1, 1, 1, 1])
    second.to_scoring()
    own = [second.commitments[seat] for seat in range(4)]
    second.settle(number=1, commitments=[*own, *PUBLIC])
    assert second.escrow.settled() == 0b101


# --- what it must be


@pytest.mark.parametrize(
    "wrong",
    [GENERATOR, (0, 0), point(LOGS[0]), (PUBLIC[0][1], PUBLIC[0][0]), point(2 * SUM)],
    ids=["another", "identity", "a row", "swapped", "a multiple"],
)
@pytest.mark.parametrize("which", [0, 1])
def test_settle__wrong_public_row__reverts(second: ProjectDriver, wrong: tuple[int, int], which: int) -> None:
    own = [second.commitments[seat] for seat in range(4)]
    rows = list(PUBLIC)
    rows[which] = wrong
    with ape.reverts("escrow: wrong public rows"):
        second.settle(commitments=[*own, *rows])


def test_settle__public_rows_in_the_other_order__reverts(second: ProjectDriver) -> None:
    own = [second.commitments[seat] for seat in range(4)]
    with ape.reverts("escrow: wrong public rows"):
        second.settle(commitments=[*own, *PUBLIC[::-1]])


@pytest.mark.parametrize(
    "more", [[], PUBLIC[:1], [*PUBLIC, PUBLIC[0]], PUBLIC * 14], ids=["none", "one", "three", "28"]
)
def test_settle__other_than_two_public_rows__reverts(second: ProjectDriver, more: list[tuple[int, int]]) -> None:
    own = [second.commitments[seat] for seat in range(4)]
    with ape.reverts("escrow: wrong number of commitments"):
        second.settle(commitments=[*own, *more])


def test_settle__public_rows_before_the_others__reverts(second: ProjectDriver) -> None:
    own = [second.commitments[seat] for seat in range(4)]
    with ape.reverts("escrow: wrong commitments"):
        second.settle(commitments=[*PUBLIC, *own])


def test_settle__one_excluded__public_rows_stay_the_last(second: ProjectDriver, verifier: Any, owner: Any) -> None:
    second.answer([1, 1, 1])
    own = [second.commitments[seat] for seat in range(4)]
    with ape.reverts("escrow: wrong public rows"):
        second.settle([2], commitments=[*own, second.commitments[2], PUBLIC[1]])
    left = [second.commitments[seat] for seat in (0, 1, 3)]
    proof = Proof.decode(empty_proof(5))
    statement = encode(STATEMENT, [64, 11, 3, [*left, *PUBLIC], *proof.as_struct()[1:]])
    verifier.set_statement(keccak(statement), sender=owner)
    assert settled(second, [2], commitments=[*own, *PUBLIC], proof=proof.encode())["rows"] == 0b1011


# --- who is asked what


def test_settle__public_rows__verifier_and_policy_are_asked_about_rows_and_two_more(
    second: ProjectDriver, verifier: Any, owner: Any
) -> None:
    own = [second.commitments[seat] for seat in range(4)]
    gram = (*range(1, 18), -(2**116), 2**153, -(2**153), 2**153)
    proof = empty_proof(6, gram=gram)
    statement = encode(STATEMENT, [64, 11, 4, [*own, *PUBLIC], *Proof.decode(proof).as_struct()[1:]])
    verifier.set_statement(keccak(statement), sender=owner)
    second.answer([1, 2, 3, 4])
    question = encode(["uint256", "int256[]", "bytes", "uint256"], [4, gram, b"params", second.status.rate])
    second.policy.set_question(keccak(question), sender=owner)
    assert not settled(second, proof=proof)["policy_failed"]


@pytest.mark.parametrize(
    ("weights", "shares"), [([ONE] * 5, [1] * 4 + [0]), ([ONE] * 4 + [0], [1] * 5), ([ONE] * 6, [1] * 6)]
)
def test_settle__policy_pays_a_public_row__all_rows_count_the_same(
    second: ProjectDriver, owner: Any, weights: list[int], shares: list[int]
) -> None:
    second.policy.set_answer(outcome_bytes((1 << len(weights)) - 1, weights, shares, 5), sender=owner)
    fields = settled(second)
    assert fields["policy_failed"]
    assert (fields["weights"], fields["contributions"]) == ([ONE] * 4, [1] * 4)


# --- the most rows


@pytest.fixture(scope="module")
def widest(create_project: Any, policy: Any, owner: Any) -> ProjectDriver:
    """Scoring the second round with 30 rows and the public ones, and the most gas that a policy may have."""
    policy.set_takes_public_rows(b"params", sender=owner)
    project = create_project(
        public_rows=True,
        rounds=2,
        seats=30,
        min_rows=30,
        round_reward=30 * 50_021,
        aggregator_stake=30 * 50_021,
        policy_gas=6_000_000,
        collect_window=10_000,
        deliver_window=10_000,
    )
    project.to_collecting()
    project.round([1] * 30)
    return project.to_scoring()


def test_settle__most_rows__as_little_gas_as_it_takes_starves_no_policy(
    widest: ProjectDriver, owner: Any, aggregator: Any
) -> None:
    """The mock tells what it got, through the verifier's call: as much at the least limit as with plenty."""
    widest.answer([1] * 30)
    widest.policy.set_mode(GAUGE, sender=owner)
    arguments = widest.settle_arguments().values()
    assert list(arguments)[2][-2:] == [point(30 * ONE), point(STEP // (30 * ONE) * 30 * ONE)]
    data = widest.escrow.settle.encode_input(*arguments)
    call = {"from": aggregator.address, "to": widest.escrow.address, "data": data}

    def settles(gas: int) -> bool:
        try:
            widest.chain.provider.web3.eth.call(call | {"gas": gas})
        except ContractLogicError:
            return False
        return True

    low, high = 5_000_000, 12_000_000
    while high - low > 1_000:
        middle = (low + high) // 2
        low, high = (low, middle) if settles(middle) else (middle, high)
    with widest.chain.isolate():
        plenty = settled(widest)
    with ape.reverts("verifier: too little gas for the policy"):
        widest.escrow.settle(*arguments, sender=aggregator, gas=low)
    receipt = widest.escrow.settle(*arguments, sender=aggregator, gas=high)
    tight = dict(widest.events(receipt))["Settled"]
    assert tight == plenty
    assert 5_900_000 < tight["agreement"] <= 6_000_000

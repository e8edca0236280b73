"""The public rows: the aggregates so far are rows of the Gram matrix, the oldest first, behind the seats'."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak
from py_ecc.optimized_bn128 import field_modulus
from web3.exceptions import ContractLogicError

from offchain.proving.encoding import Proof
from tests.escrow_driver import GENERATOR, ONE, ProjectDriver, empty_proof, outcome_bytes, question
from tests.unit.escrow.test_settle import LOGS, STATEMENT, Point, point

GAUGE = 4  # mode of the mock policy


def started(create_project: Any, policy: Any, owner: Any) -> ProjectDriver:
    """Collecting the first of five rounds, each trainer will commit to something else; the terms have public rows."""
    policy.set_takes_public_rows(b"params", sender=owner)
    project = create_project(public_rows=True, rounds=5).to_collecting()
    project.commitments.update({seat: point(log) for seat, log in enumerate(LOGS)})
    return project


@pytest.fixture(scope="module")
def first(create_project: Any, policy: Any, owner: Any) -> ProjectDriver:
    """Scoring the first round."""
    return started(create_project, policy, owner).to_scoring()


@pytest.fixture(scope="module")
def second(create_project: Any, policy: Any, owner: Any) -> ProjectDriver:
    """Scoring the second."""
    project = started(create_project, policy, owner)
    project.round([1, 0, 1, 1])
    return project.to_scoring()


@pytest.fixture(scope="module")
def third(create_project: Any, policy: Any, owner: Any) -> ProjectDriver:
    """Scoring the third."""
    project = started(create_project, policy, owner)
    project.round([1, 0, 1, 1])
    project.round([0, 1, 1, 0])
    return project.to_scoring()


SUM = ONE * (LOGS[0] + LOGS[2] + LOGS[3])  # of the first round of `second` and `third`
ONE_ROW = [point(SUM)]
TWO_ROWS = [point(SUM), point(ONE * (LOGS[1] + LOGS[2]))]
OWN = [point(log) for log in LOGS]
INITIAL = point(77)


def known(points: Iterable[Point]) -> bytes:
    """What the escrow keeps of public rows."""
    digest = bytes(32)
    for row in points:
        digest = keccak(encode(["bytes32", "uint256[2]"], [digest, row]))
    return digest


def settled(project: ProjectDriver, *arguments: Any, **changes: Any) -> dict[str, Any]:
    """What the event says."""
    return dict(project.events(project.settle(*arguments, **changes)))["Settled"]


# --- which they are


def test_settle__first_round__has_no_public_rows(first: ProjectDriver) -> None:
    first.answer([1, 2, 3, 4])
    assert first.escrow.public_rows() == bytes(32)
    for surplus in ([GENERATOR], [(0, 0)], [(0, 0)] * 2, OWN):
        with ape.reverts("referee: wrong public rows"):
            first.settle(commitments=[*OWN, *surplus])
    assert settled(first, commitments=OWN)["rows"] == 0b1111


def test_settle__second_round__has_the_first_aggregate(second: ProjectDriver) -> None:
    second.answer([1, 2, 3, 4])
    assert second.escrow.public_rows() == known(ONE_ROW)
    fields = settled(second, commitments=[*OWN, *ONE_ROW])
    # a row of the matrix, and nobody's: it has no weight in the aggregate and no share
    assert (fields["rows"], fields["kept"], fields["contributions"]) == (0b1111, 0b1111, [1, 2, 3, 4])
    assert (len(fields["weights"]), len(fields["credits"])) == (4, 4)
    aggregate = point(ONE * sum(LOGS))
    assert fields["aggregate"] == list(aggregate)
    assert second.escrow.public_rows() == known([*ONE_ROW, aggregate])


def test_settle__third_round__has_both_aggregates(third: ProjectDriver) -> None:
    third.answer([1, 2, 3, 4])
    assert third.escrow.public_rows() == known(TWO_ROWS)
    settled(third, commitments=[*OWN, *TWO_ROWS])
    assert third.escrow.public_rows() == known([*TWO_ROWS, point(ONE * sum(LOGS))])


def test_settle__same_aggregate_again__is_a_row_again(second: ProjectDriver) -> None:
    second.answer([1, 0, 1, 1])
    second.settle()
    assert second.escrow.public_rows() == known(ONE_ROW * 2)
    second.to_scoring()
    with ape.reverts("referee: wrong public rows"):
        second.settle(commitments=[*OWN, *ONE_ROW])
    second.settle(commitments=[*OWN, *ONE_ROW * 2])


def test_settle__terms_without_public_rows__takes_none(create_project: Any) -> None:
    project = create_project().to_collecting()
    project.round([1, 1, 1, 1])
    project.to_scoring()
    assert project.escrow.public_rows() == bytes(32)
    with ape.reverts("referee: wrong public rows"):
        project.settle(commitments=[GENERATOR] * 4 + project.public_points())
    project.settle(commitments=[GENERATOR] * 4)


# --- rounds without an aggregate


def test_settle__after_a_void_outcome__there_is_no_row_more(second: ProjectDriver) -> None:
    second.answer([0, 0, 0, 0])
    assert settled(second)["aggregate"] == [0, 0]
    assert second.escrow.public_rows() == known(ONE_ROW)
    second.answer([1, 1, 1, 1])
    second.to_scoring()
    for wrong in ([], [(0, 0)], [*ONE_ROW, (0, 0)], [(0, 0), *ONE_ROW]):
        with ape.reverts("referee: wrong public rows"):
            second.settle(commitments=[*OWN, *wrong])
    second.settle(commitments=[*OWN, *ONE_ROW])
    assert second.escrow.public_rows() == known([*ONE_ROW, point(ONE * sum(LOGS))])


def test_settle__after_a_void_outcome_of_the_first_round__there_is_none(first: ProjectDriver) -> None:
    first.answer([0, 0, 0, 0])
    first.settle()
    assert first.escrow.public_rows() == bytes(32)
    first.answer([1, 1, 1, 1])
    first.to_scoring()
    with ape.reverts("referee: wrong public rows"):
        first.settle(commitments=[*OWN, (0, 0)])
    first.settle(commitments=OWN)


def test_settle__after_an_aggregate_that_cancels__there_is_no_row_more(first: ProjectDriver) -> None:
    """Rows with weight whose commitments add up to the identity."""
    x, y = point(LOGS[0])
    first.answer([1, 1, 1, 1])
    first.settle()
    first.commitments[1] = x, field_modulus - y
    first.answer([1, 1, 0, 0])
    first.to_scoring()
    fields = settled(first)
    assert (fields["aggregate"], fields["kept"], fields["policy_failed"]) == ([0, 0], 0b11, False)
    assert first.escrow.public_rows() == known([point(ONE * sum(LOGS))])


def test_settle__after_a_voided_round__there_is_no_row_more(second: ProjectDriver, aggregator: Any) -> None:
    second.escrow.void(0b0110, sender=aggregator)
    assert second.escrow.public_rows() == known(ONE_ROW)
    second.take_turn(1)
    second.answer([1, 1, 1, 1])
    second.to_scoring()
    second.settle(number=1, commitments=[*OWN, *ONE_ROW])
    assert second.escrow.last_settled() == 3
    assert second.escrow.public_rows() == known([*ONE_ROW, point(ONE * sum(LOGS))])


# --- what they must be


@pytest.mark.parametrize(
    "wrong",
    [GENERATOR, (0, 0), point(LOGS[0]), TWO_ROWS[0][::-1], point(2 * SUM), point(SUM // ONE)],
    ids=["another", "identity", "a seat's", "swapped", "a multiple", "a fraction"],
)
@pytest.mark.parametrize("which", [0, 1])
def test_settle__wrong_public_row__reverts(third: ProjectDriver, wrong: Point, which: int) -> None:
    rows = list(TWO_ROWS)
    rows[which] = wrong
    with ape.reverts("referee: wrong public rows"):
        third.settle(commitments=[*OWN, *rows])


@pytest.mark.parametrize(
    "rows",
    [
        [],
        TWO_ROWS[:1],
        TWO_ROWS[1:],
        TWO_ROWS[::-1],
        [*TWO_ROWS, TWO_ROWS[1]],
        [TWO_ROWS[0], *TWO_ROWS],
        [*TWO_ROWS, (0, 0)],
        TWO_ROWS * 14,
        [point(SUM + ONE * (LOGS[1] + LOGS[2]))],
    ],
    ids=[
        "none",
        "newest left out",
        "oldest left out",
        "newest first",
        "newest twice",
        "oldest twice",
        "identity too",
        "28",
        "their sum",
    ],
)
def test_settle__other_list_of_public_rows__reverts(third: ProjectDriver, rows: list[Point]) -> None:
    with third.moves() as moved, ape.reverts("referee: wrong public rows"):
        third.settle(commitments=[*OWN, *rows])
    assert (moved, third.escrow.public_rows()) == ({}, known(TWO_ROWS))


def test_settle__public_rows_before_the_others__reverts(third: ProjectDriver) -> None:
    with ape.reverts("referee: wrong commitments"):
        third.settle(commitments=[*TWO_ROWS, *OWN])


def test_settle__public_rows_in_place_of_deliveries__reverts(third: ProjectDriver) -> None:
    with ape.reverts("referee: wrong number of commitments"):
        third.settle(commitments=[*OWN[:1], *TWO_ROWS])
    with ape.reverts("referee: wrong commitments"):
        third.settle(commitments=[*OWN[:2], *TWO_ROWS])


def test_settle__one_excluded__public_rows_stay_the_last(third: ProjectDriver, verifier: Any, owner: Any) -> None:
    third.answer([1, 1, 1])
    with ape.reverts("referee: wrong public rows"):
        third.settle([2], commitments=[*OWN, OWN[2], TWO_ROWS[1]])
    left = [OWN[seat] for seat in (0, 1, 3)]
    proof = Proof.decode(empty_proof(5))
    statement = encode(STATEMENT, [64, 11, 3, [*left, *TWO_ROWS], *proof.as_struct()[1:]])
    verifier.set_statement(keccak(statement), sender=owner)
    assert settled(third, [2], commitments=[*OWN, *TWO_ROWS], proof=proof.encode())["rows"] == 0b1011


# --- who is asked what


def test_settle__public_rows__verifier_and_policy_are_asked_about_them_too(
    third: ProjectDriver, verifier: Any, owner: Any
) -> None:
    gram = (*range(1, 18), -(2**103), 2**148, -(2**148), 2**148)
    proof = empty_proof(6, gram=gram)
    statement = encode(STATEMENT, [64, 11, 4, [*OWN, *TWO_ROWS], *Proof.decode(proof).as_struct()[1:]])
    verifier.set_statement(keccak(statement), sender=owner)
    third.answer([1, 2, 3, 4])
    third.policy.set_question(question(4, gram, b"params", third.status.rate), sender=owner)
    assert not settled(third, proof=proof)["policy_failed"]


@pytest.mark.parametrize(
    ("weights", "shares"), [([ONE] * 5, [1] * 4 + [0]), ([ONE] * 4 + [0], [1] * 5), ([ONE] * 6, [1] * 6)]
)
def test_settle__policy_pays_a_public_row__all_rows_count_the_same(
    third: ProjectDriver, owner: Any, weights: list[int], shares: list[int]
) -> None:
    third.policy.set_answer(outcome_bytes((1 << len(weights)) - 1, weights, shares, 5), sender=owner)
    fields = settled(third)
    assert fields["policy_failed"]
    assert (fields["weights"], fields["contributions"]) == ([ONE] * 4, [1] * 4)


# --- the most rows


@pytest.mark.parametrize("named", [False, True], ids=["sealed model", "open model"])
def test_settle__many_rounds__older_aggregates_are_one_row(
    create_project: Any, policy: Any, owner: Any, named: bool
) -> None:
    """Logarithms are 2^k, so that every set of public rows has a sum of its own."""
    policy.set_takes_public_rows(b"params", sender=owner)
    first = [2**10] if named else []
    project = create_project(
        public_rows=True, rounds=7, first_row=known(point(ONE * log) for log in first)
    ).to_collecting()
    logs = [2**round_ for round_ in range(6)]
    for round_, log in enumerate(logs):
        public = [*first, *logs[:round_]]
        older = public[:-2] if len(public) > 3 else []
        summed = [sum(older)] if older else []
        rows = [point(ONE * log) for log in [*summed, *public[len(older) :]]]
        assert project.escrow.public_rows() == known(rows)
        project.commitments[0] = point(log)
        project.to_scoring()
        project.answer([1, 0, 0, 0])
        own = [project.commitment_of(seat) for seat in range(4)]
        settled(project, commitments=[*own, *rows], proof=empty_proof(4 + len(rows)))
    last = [point(ONE * x) for x in logs[4:]]
    rest = point(ONE * sum([*first, *logs[:4]]))
    project.to_scoring()
    project.answer([1, 2, 3, 4])
    for wrong in ([point(ONE * sum(logs[:3])), *last], [*last, rest], last, [*(point(ONE * x) for x in logs[3:])]):
        with ape.reverts("referee: wrong public rows"):
            project.settle(commitments=[*own, *wrong], proof=empty_proof(4 + len(wrong)))
    fields = settled(project, commitments=[*own, rest, *last], proof=empty_proof(7))
    assert fields["contributions"] == [1, 2, 3, 4]


def test_settle__older_aggregates_cancel__their_row_is_the_identity(
    create_project: Any, policy: Any, owner: Any
) -> None:
    policy.set_takes_public_rows(b"params", sender=owner)
    project = create_project(public_rows=True, rounds=5).to_collecting()
    x, y = point(3)
    for commitment in ((x, y), (x, field_modulus - y), *[GENERATOR] * 2):
        project.commitments[0] = commitment
        project.round([1, 0, 0, 0])
    rows = [(0, 0), *[point(ONE)] * 2]
    assert project.escrow.public_rows() == known(rows)
    project.to_scoring()
    settled(project, commitments=[*(project.commitment_of(seat) for seat in range(4)), *rows], proof=empty_proof(7))


@pytest.fixture(scope="module")
def widest(create_project: Any, policy: Any, owner: Any) -> ProjectDriver:
    """Scoring the third round with 30 rows and two public ones, and the most gas that a policy may have."""
    policy.set_takes_public_rows(b"params", sender=owner)
    project = create_project(
        public_rows=True,
        rounds=3,
        seats=30,
        min_rows=30,
        round_reward=30 * 50_021,
        aggregator_stake=30 * 50_021,
        policy_gas=10_000_000,
        collect_window=10_000,
        deliver_window=10_000,
    )
    project.to_collecting()
    project.round([1] * 30)
    project.round([1] * 29 + [0])
    return project.to_scoring()


def test_settle__most_rows__as_little_gas_as_it_takes_starves_no_policy(
    widest: ProjectDriver, owner: Any, aggregator: Any
) -> None:
    """The mock tells what it got, through the verifier's call: as much at the least limit as with plenty."""
    widest.answer([1] * 30)
    widest.policy.set_mode(GAUGE, sender=owner)
    arguments = widest.settle_arguments().values()
    assert list(arguments)[2][-2:] == [point(30 * ONE), point(29 * ONE)]
    data = widest.escrow.settle.encode_input(*arguments)
    call = {"from": aggregator.address, "to": widest.escrow.address, "data": data}

    def settles(gas: int) -> bool:
        try:
            widest.chain.provider.web3.eth.call(call | {"gas": gas})
        except ContractLogicError:
            return False
        return True

    low, high = 9_000_000, 15_500_000
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
    assert 9_900_000 < tight["agreement"] <= 10_000_000


# --- the initial model, where the terms name it


@pytest.fixture(scope="module")
def from_known_model(create_project: Any, policy: Any, owner: Any) -> ProjectDriver:
    """Scoring the first round; the terms name the initial model's row."""
    policy.set_takes_public_rows(b"params", sender=owner)
    project = create_project(public_rows=True, rounds=5, first_row=known([INITIAL])).to_collecting()
    project.commitments.update({seat: point(log) for seat, log in enumerate(LOGS)})
    return project.to_scoring()


def test_settle__terms_name_the_initial_model__it_is_the_first_row_of_every_round(
    from_known_model: ProjectDriver,
) -> None:
    project = from_known_model
    assert project.escrow.public_rows() == known([INITIAL])
    project.answer([1, 0, 1, 1])
    project.settle(commitments=[*OWN, INITIAL], proof=empty_proof(5))
    assert project.escrow.public_rows() == known([INITIAL, *ONE_ROW])
    project.answer([0, 1, 1, 0])
    project.to_scoring()
    for wrong in ([INITIAL], ONE_ROW, [*ONE_ROW, INITIAL]):
        with ape.reverts("referee: wrong public rows"):
            project.settle(commitments=[*OWN, *wrong], proof=empty_proof(4 + len(wrong)))
    project.settle(commitments=[*OWN, INITIAL, *ONE_ROW], proof=empty_proof(6))
    assert project.escrow.public_rows() == known([INITIAL, *TWO_ROWS])


@pytest.mark.parametrize("rows", [[], [point(78)], [(0, 0)], [INITIAL, INITIAL], [(INITIAL[1], INITIAL[0])]], ids=str)
def test_settle__another_first_row_than_the_terms_name__reverts(
    from_known_model: ProjectDriver, rows: list[Point]
) -> None:
    from_known_model.answer([1, 1, 1, 1])
    with ape.reverts("referee: wrong public rows"):
        from_known_model.settle(commitments=[*OWN, *rows], proof=empty_proof(4 + len(rows)))


def test_settle__void_outcome_of_the_first_round__the_initial_model_stays_the_one_row(
    from_known_model: ProjectDriver,
) -> None:
    from_known_model.answer([0, 0, 0, 0])
    from_known_model.settle(commitments=[*OWN, INITIAL], proof=empty_proof(5))
    assert from_known_model.escrow.public_rows() == known([INITIAL])

"""What settle verifies. What it pays: test_settle_money.py. How it survives the policy: test_settle_policy.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak
from py_ecc.optimized_bn128 import G1, add, multiply, normalize

from offchain.proving.encoding import PROOF_TYPE, Proof
from offchain.proving.range_transcript import RangeProof
from offchain.proving.transcript import GramProof
from tests.escrow_driver import GENERATOR, ONE, ProjectDriver, empty_proof, in_bytes

Point = tuple[int, int]


def split_struct(kind: str) -> list[str]:
    """The types of its components."""
    parts, depth = [""], 0
    for letter in kind[1:-1]:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


# of what the mock verifier compares: dimension, bits, rows, commitments, and the fields of a Proof but its size
STATEMENT = [
    "uint256", "uint256", "uint256", "uint256[2][]", *split_struct(PROOF_TYPE)[1:],
]  # fmt: skip
LOGS = [3, 5, 2**253, 11]  # by seat: discrete logarithms of what they commit to


def point(log: int) -> Point:
    x, y = normalize(multiply(G1, log))
    return int(x), int(y)


@pytest.fixture(scope="module")
def distinct(create_project: Any) -> ProjectDriver:
    """Scoring, and each trainer has committed to something else."""
    project = create_project().to_collecting()
    project.commitments.update({seat: point(log) for seat, log in enumerate(LOGS)})
    return project.to_scoring()


def context_of(project: ProjectDriver, sender: Any, round_: int = 0) -> bytes:
    return hash_context(project.chain.chain_id, project.escrow, round_, sender)


def hash_context(chain_id: int, escrow: Any, round_: int, sender: Any) -> bytes:
    values = [chain_id, escrow.address, round_, sender.address]
    return keccak(encode(["uint256", "address", "uint256", "address"], values))


def test_settle__sound__tells_the_round(scoring: ProjectDriver, aggregator: Any) -> None:
    scoring.answer([3, 0, 1, 4], next_rate=777)
    receipt = scoring.settle(cid=b"\x0c" * 32)
    t = receipt.timestamp
    settled, started = scoring.events(receipt)
    aggregate = point(3 * ONE)
    assert settled == (
        "Settled",
        {
            "round": 0,
            "aggregator": aggregator.address,
            "rows": 0b1111,
            "excluded": 0,
            "kept": 0b1101,
            "policy_failed": False,
            "agreement": 0,
            "weights": [ONE, 0, ONE, ONE],
            "contributions": [3, 0, 1, 4],
            "credits": [375_001, 0, 125_000, 500_001],  # 1,000,003 * 3/8, 1/8, 4/8
            "rounding": 1,
            "sunk": 0,
            "pending": 200_017,
            "aggregate": list(aggregate),
            "cid": b"\x0c" * 32,
            "rate": 777,
            "memory": [0] * 8,
        },
    )
    assert started == (
        "RoundStarted",
        {"round": 1, "collect_by": t + 300, "deliver_by": t + 700, "score_by": t + 1200, "rate": 777},
    )


def test_settle__sound__next_round_collects(scoring: ProjectDriver, aggregator: Any) -> None:
    scoring.answer([1, 1, 1, 1], next_rate=777)
    scoring.settle()
    status = scoring.status
    assert scoring.phase == "collecting"
    assert (status.round, status.active, status.submitted, status.delivered) == (1, 0b1111, 0, 0)
    assert (status.rate, status.current, status.spent) == (777, aggregator.address, 0)
    assert scoring.escrow.last_settled() == 1


def test_settle__same_rate__keeps_it(scoring: ProjectDriver) -> None:
    scoring.answer([1, 1, 1, 1])
    receipt = scoring.settle()
    assert scoring.events(receipt)[0][1]["rate"] == scoring.status.rate == scoring.terms["rate"]


def test_settle__last_round__ends_the_project(second_round: ProjectDriver, aggregator: Any) -> None:
    second_round.round([1, 1, 1, 1])
    second_round.to_scoring()
    with second_round.moves() as moved:
        receipt = second_round.settle()
    names = [name for name, _ in second_round.events(receipt)]
    assert names == ["Acknowledged", "Settled", "Ended"]
    assert second_round.events(receipt)[-1][1] == {
        "round": 3,
        "refunded": 2 + 3 + 3,  # of 1,000,003 by ten shares, and twice by four
        "aggregator": aggregator.address,
        "returned": 1_100_009,
        "bond": 0,
        "confirm_by": receipt.timestamp + 600,
    }
    assert second_round.phase == "handover"
    assert second_round.escrow.last_settled() == 3
    assert moved["stake"] == -1_100_009
    assert moved["due of aggregator 0"] == 1_100_009 + 200_017


# --- the aggregate commitment


@pytest.mark.parametrize(
    ("weights", "excluded"),
    [
        ([ONE, ONE, ONE, ONE], []),
        ([1, ONE, ONE - 1, 12_345], []),
        ([0, 7, 0, 0], []),
        ([9, 8, 7], [0]),
        ([9, 8, 7], [2]),
        ([0, 0, 5], [1]),
    ],
)
def test_settle__aggregate__is_the_weighted_sum(
    distinct: ProjectDriver, weights: list[int], excluded: list[int]
) -> None:
    distinct.answer([1 if weight else 0 for weight in weights], weights)
    receipt = distinct.settle(excluded)
    rows = [seat for seat in range(4) if seat not in excluded]
    total = None
    for seat, weight in zip(rows, weights, strict=True):
        term = multiply(G1, weight * LOGS[seat])
        total = term if total is None else add(total, term)
    expected = tuple(int(c) for c in normalize(total))
    assert distinct.events(receipt)[0][1]["aggregate"] == list(expected)


def test_settle__all_weights_zero__aggregate_is_the_identity_and_not_the_last(distinct: ProjectDriver) -> None:
    distinct.answer([0, 0, 0, 0])
    receipt = distinct.settle()
    fields = distinct.events(receipt)[0][1]
    assert (fields["aggregate"], fields["kept"], fields["policy_failed"]) == ([0, 0], 0, False)


# --- who and when


def test_settle__not_the_current__reverts(scoring: ProjectDriver, stranger: Any, owner: Any) -> None:
    for sender in (stranger, owner, scoring.parties.aggregators[1], scoring.parties.trainers[0]):
        with ape.reverts("escrow: not the current aggregator"):
            scoring.settle(sender=sender)


def test_settle__at_the_deadline__works(scoring: ProjectDriver) -> None:
    scoring.answer([1, 1, 1, 1])
    scoring.at_deadline()
    scoring.settle()
    assert scoring.status.round == 1


def test_settle__after_the_deadline__reverts(scoring: ProjectDriver) -> None:
    scoring.answer([1, 1, 1, 1])
    scoring.after_deadline()
    with ape.reverts("escrow: too late to score"):
        scoring.settle()


# --- which rows


def test_settle__too_many_excluded__reverts(scoring: ProjectDriver) -> None:
    scoring.answer([1, 1, 1])
    with ape.reverts("escrow: too many excluded"):
        scoring.settle([0, 1])
    scoring.settle([0])


@pytest.mark.parametrize("excluded", [1 << 3, 1 << 4, 1 << 255, 0b0101 | 1 << 32])
def test_settle__excluded_has_not_delivered__reverts(create_project: Any, excluded: int) -> None:
    project = create_project(min_rows=3, max_excluded=0).to_collecting().to_scoring([0, 1, 2])
    arguments = project.settle_arguments() | {"excluded": excluded}
    with ape.reverts("escrow: excluded has not delivered"):
        project.escrow.settle(*arguments.values(), sender=project.parties.aggregators[0])


@pytest.mark.parametrize("count", [0, 3])
def test_settle__fewer_commitments_than_deliveries__reverts(scoring: ProjectDriver, count: int) -> None:
    with ape.reverts("referee: wrong number of commitments"):
        scoring.settle(commitments=[GENERATOR] * count)


@pytest.mark.parametrize("count", [5, 32])
def test_settle__more_commitments_than_deliveries__reverts(scoring: ProjectDriver, count: int) -> None:
    """The terms have no public rows."""
    with ape.reverts("referee: wrong public rows"):
        scoring.settle(commitments=[GENERATOR] * count)


ORDERS = {"swapped": [1, 0, 2, 3], "one twice": [0, 1, 2, 2], "turned round": [3, 0, 1, 2], "all the first": [0] * 4}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
@pytest.mark.parametrize("what", ["commitments", "order", "both"])
def test_settle__other_than_the_order_of_deliveries__reverts(
    distinct: ProjectDriver, order: list[int], what: str
) -> None:
    commitments, seats = [distinct.commitments[seat] for seat in order], in_bytes(order)
    changes = {"commitments": {"commitments": commitments}, "order": {"order": seats}}
    with distinct.moves() as moved, ape.reverts("referee: wrong commitments"):
        distinct.settle(**changes.get(what, {"commitments": commitments, "order": seats}))
    assert moved == {}


@pytest.mark.parametrize("row", range(4))
@pytest.mark.parametrize("excluded", [[], [2]])
def test_settle__another_commitment__reverts(distinct: ProjectDriver, row: int, excluded: list[int]) -> None:
    """That of an excluded row too."""
    commitments = [distinct.commitments[seat] for seat in range(4)]
    commitments[row] = point(LOGS[row] + 1)
    with ape.reverts("referee: wrong commitments"):
        distinct.settle(excluded, commitments=commitments)


def test_settle__without_the_commitment_of_an_excluded_row__reverts(distinct: ProjectDriver) -> None:
    with ape.reverts("referee: wrong number of commitments"):
        distinct.settle([0], commitments=[distinct.commitments[seat] for seat in (1, 2, 3)])


@pytest.mark.parametrize(("excluded", "credits"), [([], [1, 2, 4, 8]), ([1], [1, 4, 8])], ids=["all", "one excluded"])
def test_settle__delivered_out_of_seat_order__rows_go_by_seat(
    create_project: Any, verifier: Any, owner: Any, excluded: list[int], credits: list[int]
) -> None:
    project = create_project().to_collecting()
    project.commitments.update({seat: point(log) for seat, log in enumerate(LOGS)})
    project.to_delivering().to_scoring([2, 0, 3, 1])
    left = [seat for seat in range(4) if seat not in excluded]
    weights = [ONE - seat for seat in left]
    project.answer(credits, weights)
    rows, proof = len(left), Proof.decode(empty_proof(len(left)))
    statement = [64, 11, rows, [project.commitments[seat] for seat in left], *proof.as_struct()[1:]]
    verifier.set_statement(keccak(encode(STATEMENT, statement)), sender=owner)
    fields = dict(project.events(project.settle(excluded)))["Settled"]
    payable = project.round_reward * rows // 4
    assert fields["credits"] == [payable * credit // sum(credits) for credit in credits]
    for seat, credit in zip(left, fields["credits"], strict=True):
        assert project.due(project.parties.trainers[seat]) == credit
    assert fields["aggregate"] == list(point(sum(w * LOGS[seat] for w, seat in zip(weights, left, strict=True))))


OTHER_TERMS = [{"policy": "0x" + "11" * 20}, {"params": b"param"}, {"params": b""}, {"params": b"s" * 256}]


@pytest.mark.parametrize("changes", OTHER_TERMS, ids=str)
def test_settle__policy_or_params_of_other_terms__reverts(scoring: ProjectDriver, changes: dict[str, Any]) -> None:
    scoring.answer([1, 1, 1, 1])
    with scoring.moves() as moved, ape.reverts("referee: wrong policy"):
        scoring.settle(**changes)
    assert moved == {}


def test_settle__commitment_of_the_round_before__reverts(second_round: ProjectDriver) -> None:
    second_round.commitments.update({seat: point(LOGS[seat]) for seat in range(4)})
    second_round.to_scoring()
    second_round.commitments.clear()
    with ape.reverts("referee: wrong commitments"):
        second_round.settle()


def test_settle__no_cid__reverts(scoring: ProjectDriver) -> None:
    with ape.reverts("escrow: no cid"):
        scoring.settle(cid=b"\x00" * 32)


# --- what is proved


def test_settle__proof_refused__reverts(scoring: ProjectDriver, verifier: Any, owner: Any) -> None:
    scoring.answer([1, 1, 1, 1])
    verifier.set_refuses(True, sender=owner)
    with ape.reverts("mock: proofs refused"):
        scoring.settle()


def test_settle__context__is_chain_escrow_round_sender(
    scoring: ProjectDriver, verifier: Any, owner: Any, aggregator: Any
) -> None:
    scoring.answer([1, 1, 1, 1])
    verifier.set_context(context_of(scoring, aggregator), sender=owner)
    scoring.settle()
    verifier.set_context(context_of(scoring, aggregator, round_=1), sender=owner)
    scoring.round()
    assert scoring.escrow.last_settled() == 2


@pytest.mark.parametrize("part", ["chain", "escrow", "round", "sender"])
def test_settle__another_context__reverts(
    scoring: ProjectDriver, verifier: Any, owner: Any, aggregator: Any, part: str
) -> None:
    """A proof can't be taken to another chain, project, round or aggregator."""
    parts = {"chain": scoring.chain.chain_id, "escrow": scoring.escrow, "round": 0, "sender": aggregator}
    wrong = {"chain": 1, "escrow": scoring.token, "round": 1, "sender": scoring.parties.aggregators[1]}
    verifier.set_context(hash_context(*(parts | {part: wrong[part]}).values()), sender=owner)
    with ape.reverts("mock: another context"):
        scoring.settle()


def test_settle__after_taking_over__context_is_of_the_new_sender(
    scoring: ProjectDriver, verifier: Any, owner: Any, stranger: Any
) -> None:
    scoring.answer([1, 1, 1, 1])
    scoring.after_deadline()
    scoring.escrow.slash(sender=stranger)
    scoring.take_turn(1)
    second = scoring.parties.aggregators[1]
    verifier.set_context(context_of(scoring, second), sender=owner)
    receipt = scoring.settle(number=1)
    assert scoring.events(receipt)[0][1]["aggregator"] == second.address
    verifier.set_context(context_of(scoring, second, round_=1), sender=owner)
    scoring.to_scoring()
    with scoring.moves() as moved:
        scoring.settle(number=1)
    assert moved["due of aggregator 1"] == scoring.round_fee


def test_settle__verifier__is_asked_about_these_very_arguments(
    distinct: ProjectDriver, verifier: Any, owner: Any
) -> None:
    """Dimension and bits of the terms, rows and their commitments, and what the aggregator sent."""
    distinct.answer([1, 1, 1])
    rows = [distinct.commitments[seat] for seat in (0, 1, 3)]
    gram = (6, -5, 4, -3, 2, -(2**79))
    gram_proof = GramProof((1, 2), (7, 8, 9), 10, (31, 32), (33, 34), (35, 36), 37, 38, 39, 40, 11, (41, 42), (12, 13))
    range_proof = RangeProof(
        (14, 15), ((16, 17), (18, 19)), (43, 44), (45, 46), 47, (48, 49), (50, 51), (20,), (21, 22), 52, 23, 53,
        (54, 55), (56, 57),
    )  # fmt: skip
    sent = Proof(gram, gram_proof, range_proof, (99, 98))
    statement = keccak(encode(STATEMENT, [64, 11, 3, rows, *sent.as_struct()[1:]]))
    verifier.set_statement(statement, sender=owner)
    for hints in ((98, 99), (99, 97)):
        with ape.reverts("mock: another statement"):
            distinct.settle([2], proof=replace(sent, hints=hints).encode())
    receipt = distinct.settle([2], proof=sent.encode())
    assert distinct.events(receipt)[0][1]["rows"] == 0b1011


def test_settle__more_bytes_than_the_widest_proof_has__reverts(scoring: ProjectDriver) -> None:
    scoring.answer([1, 1, 1, 1])
    with ape.reverts():
        scoring.settle(proof=empty_proof(4).ljust(847 * 32 + 1, b"\0"))
    scoring.settle(proof=empty_proof(4).ljust(847 * 32, b"\0"))  # what comes behind it is not read


# --- deliveries


def test_deliver__each__extends_the_running_hash(create_project: Any) -> None:
    project = create_project(rounds=2).to_collecting()
    project.commitments.update({seat: point(log) for seat, log in enumerate(LOGS)})
    for round_ in range(2):
        project.to_delivering()
        expected = round_.to_bytes(32)
        for seat in (3, 0, 2, 1):
            project.deliver(seat)
            values = [expected, seat, project.commitments[seat]]
            expected = keccak(encode(["bytes32", "uint256", "uint256[2]"], values))
            assert project.escrow.deliveries() == expected
        project.answer([1, 1, 1, 1])
        project.settle()


def test_settle__twice__reverts(scoring: ProjectDriver) -> None:
    scoring.answer([1, 1, 1, 1])
    scoring.settle()
    with ape.reverts("escrow: not scoring"):
        scoring.settle(commitments=[GENERATOR] * 4)

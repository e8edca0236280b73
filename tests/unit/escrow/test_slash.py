from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.escrow_driver import ProjectDriver

R, FEE, PART, STAKE = 1_000_003, 200_017, 50_021, 1_100_009


def test_slash__after_the_deadline__stake_goes_to_those_who_delivered(
    scoring: ProjectDriver, aggregator: Any, stranger: Any
) -> None:
    scoring.after_deadline()
    with scoring.moves() as moved:
        receipt = scoring.escrow.slash(sender=stranger)
    take_by = receipt.timestamp + scoring.score_window
    assert scoring.events(receipt) == [
        (
            "Slashed",
            {
                "round": 0,
                "aggregator": aggregator.address,
                "delivered": 0b1111,
                "share": 275_002,
                "sunk": 1,
                "take_by": take_by,
            },
        )
    ]
    assert moved == {"stake": -STAKE, "sunk": 1, **{f"due of trainer {seat}": 275_002 for seat in range(4)}}
    status = scoring.status
    assert (scoring.phase, status.deadline, status.in_scoring) == ("vacant", take_by, True)
    assert (status.spent, status.current) == (0b01, "0x" + "00" * 20)
    assert (status.round, status.submitted, status.delivered) == (0, 0b1111, 0b1111)


def test_slash__not_all_delivered__only_those_who_did_share(create_project: Any, stranger: Any) -> None:
    project = create_project(min_rows=3, max_excluded=0).to_collecting().to_scoring([0, 1, 3])
    project.after_deadline()
    with project.moves() as moved:
        receipt = project.escrow.slash(sender=stranger)
    share, dust = divmod(STAKE, 3)
    assert moved == {"stake": -STAKE, "sunk": dust, **{f"due of trainer {seat}": share for seat in (0, 1, 3)}}
    fields = project.events(receipt)[0][1]
    assert (fields["delivered"], fields["share"], fields["sunk"]) == (0b1011, share, dust)


def test_slash__at_the_deadline__reverts(scoring: ProjectDriver, stranger: Any) -> None:
    scoring.at_deadline()
    with ape.reverts("escrow: too early to slash"):
        scoring.escrow.slash(sender=stranger)


def test_slash__twice__reverts(scoring: ProjectDriver, stranger: Any) -> None:
    scoring.after_deadline()
    scoring.escrow.slash(sender=stranger)
    with ape.reverts("escrow: not scoring"):
        scoring.escrow.slash(sender=stranger)


def test_slash__fee_pending__is_earned(second_round: ProjectDriver, aggregator: Any, stranger: Any) -> None:
    """Enough went on from the last aggregate, whatever became of this round's."""
    second_round.to_scoring()
    second_round.after_deadline()
    with second_round.moves() as moved:
        receipt = second_round.escrow.slash(sender=stranger)
    assert ("Acknowledged", {"aggregator": aggregator.address, "fee": FEE}) in second_round.events(receipt)
    assert len(second_round.events(receipt)) == 2
    assert moved["due of aggregator 0"] == FEE
    assert moved["pending"] == -FEE


def test_slash__taken_over__round_is_settled_once(scoring: ProjectDriver, stranger: Any) -> None:
    """The new aggregator earns the round; the deliverers keep the old one's stake."""
    scoring.after_deadline()
    scoring.escrow.slash(sender=stranger)
    scoring.take_turn(1)
    scoring.answer([1, 1, 1, 1])
    with scoring.moves() as moved:
        receipt = scoring.settle(number=1)
    assert "Acknowledged" not in dict(scoring.events(receipt))
    assert moved == {
        "pot": R % 4 - (R + FEE),
        "pending": FEE,
        **{f"due of trainer {seat}": R // 4 for seat in range(4)},
    }
    assert scoring.phase == "collecting"
    assert scoring.status.in_scoring is False


def test_slash__taken_over_and_missed_again__second_stake_is_shared_too(scoring: ProjectDriver, stranger: Any) -> None:
    scoring.after_deadline()
    scoring.escrow.slash(sender=stranger)
    taken = scoring.take_turn(1).timestamp
    scoring.at(taken + scoring.score_window + 1)
    with scoring.moves() as moved:
        receipt = scoring.escrow.slash(sender=stranger)
    assert moved["due of trainer 0"] == 275_002
    assert scoring.events(receipt)[0][1]["aggregator"] == scoring.parties.aggregators[1].address
    assert scoring.status.spent == 0b11


def test_slash__not_taken_over__owner_gets_the_round_back(scoring: ProjectDriver, stranger: Any, owner: Any) -> None:
    """The only way back to its owner for a reward that reached scoring: the deliverers have had no less."""
    scoring.after_deadline()
    scoring.escrow.slash(sender=stranger)
    scoring.after_deadline()
    with scoring.moves() as moved:
        receipt = scoring.escrow.finish(sender=stranger)
    assert moved == {"pot": -3 * (R + FEE), "bond": -FEE, "due of owner": 3 * (R + FEE) + FEE}
    assert scoring.events(receipt) == [
        (
            "Ended",
            {
                "round": 0,
                "refunded": 3 * (R + FEE),
                "aggregator": "0x" + "00" * 20,
                "returned": 0,
                "bond": FEE,
                "confirm_by": 0,
            },
        )
    ]
    assert scoring.phase == "closed"
    assert [scoring.parts(trainer) for trainer in scoring.parties.trainers[:4]] == [3] * 4


@pytest.mark.parametrize("role", ["owner", "aggregator", "trainer"])
def test_slash__by_anyone__works(scoring: ProjectDriver, role: str) -> None:
    parties = scoring.parties
    sender = {"owner": parties.owner, "aggregator": parties.aggregators[0], "trainer": parties.trainers[0]}[role]
    scoring.after_deadline()
    scoring.escrow.slash(sender=sender)
    assert scoring.phase == "vacant"

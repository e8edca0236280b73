"""Where a project can stand: each stage brings a fresh market there, with five seats of which four are enough."""

from __future__ import annotations

from collections.abc import Callable

from tests.escrow_market import Market


def _accepted(market: Market) -> None:
    market.accept(*market.aggregators)


def _turn_taken(market: Market) -> None:
    market.to_enrolling()


def _one_key_missing(market: Market) -> None:
    market.accept(market.aggregators[0])
    market.take_turn(market.aggregators[0])
    market.after_deadline()


def _enrolling(market: Market) -> None:
    market.to_enrolling().enrol(*market.trainers[:3])


def _ready(market: Market) -> None:
    market.to_enrolling().enrol(*market.trainers[:4])


def _collecting(market: Market) -> None:
    market.to_collecting().submit(*market.trainers[:2])


def _one_left(market: Market) -> None:
    market.to_collecting().leave(market.trainers[0])


def _too_few_left(market: Market) -> None:
    market.to_collecting().leave(*market.trainers[:2])


def _too_few_submitted(market: Market) -> None:
    market.to_collecting().submit(*market.trainers[:3])
    market.after_deadline()


def _delivering(market: Market) -> None:
    market.to_collecting().to_delivering().deliver(*market.trainers[:4])


def _too_few_delivered(market: Market) -> None:
    market.to_collecting().to_delivering().deliver(*market.trainers[:3])
    market.after_deadline()


def _scoring(market: Market) -> None:
    market.to_collecting().to_scoring()


def _scoring_without_one(market: Market) -> None:
    _delivering(market)
    market.after_deadline()


def _slashed(market: Market) -> None:
    _scoring(market)
    market.after_deadline().slash()


def _taken_over(market: Market) -> None:
    _slashed(market)
    market.take_turn(market.aggregators[1])


def _given_up(market: Market) -> None:
    _scoring(market)
    market.void(market.aggregators[0], [0, 1])


def _settled(market: Market) -> None:
    _scoring(market)
    market.settle(market.aggregators[0], [1] * 5)


def _handover(market: Market) -> None:
    market.to_collecting()
    for _ in range(3):
        market.to_scoring().settle(market.aggregators[0], [1] * 5)


# by stage, the way there and what the owner may do then: it has no way to its money but at its time
STAGES: dict[str, tuple[Callable[[Market], None], set[str]]] = {
    "nobody accepted": (lambda market: None, set()),
    "all accepted": (_accepted, set()),
    "turn taken": (_turn_taken, {"enrol"}),
    "one key missing": (_one_key_missing, {"enrol"}),
    "enrolling": (_enrolling, {"enrol"}),
    "ready to start": (_ready, {"enrol"}),
    "collecting": (_collecting, set()),
    "one left": (_one_left, set()),
    "too few left": (_too_few_left, {"finish"}),
    "too few submitted": (_too_few_submitted, {"fail"}),
    "delivering": (_delivering, set()),
    "too few delivered": (_too_few_delivered, {"fail"}),
    "scoring": (_scoring, set()),
    "scoring without one": (_scoring_without_one, set()),
    "slashed": (_slashed, set()),
    "taken over": (_taken_over, set()),
    "given up": (_given_up, {"withdraw"}),  # the fee of that round
    "settled": (_settled, set()),
    "handover": (_handover, {"withdraw", "confirm", "reject"}),
}

"""The auditor's books follow the contract wherever a project can stand, and to whatever end it comes from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from offchain.market.auditor import Auditor
from offchain.market.project import Project
from tests.e2e.stages import STAGES
from tests.escrow_market import Market


def audit_books(project: Any, market: Market) -> None:
    """History and state: there are no proofs over the verifier of these stories."""
    nothing = cast(Any, None)
    auditor = Auditor(Project(market.escrow), project, nothing, nothing)
    for _ in auditor._history():
        pass
    for _ in auditor._state(None):
        pass
    assert auditor.books.sunk == market.books["sunk"]


@pytest.mark.parametrize("stage", STAGES)
def test_books__each_stage_and_its_end__are_the_contracts(
    project: Any, make_market: Callable[..., Market], stage: str
) -> None:
    market = make_market(seats=5)
    bring, _ = STAGES[stage]
    bring(market)
    audit_books(project, market)
    market.outsider_ends()
    audit_books(project, market)
    market.everyone_withdraws()
    audit_books(project, market)


def test_books__rounds_with_and_without_a_working_policy__are_the_contracts(
    project: Any, make_market: Callable[..., Market]
) -> None:
    market = make_market(seats=5, rounds=4).to_collecting()
    first, second = market.aggregators[:2]
    market.to_scoring().settle(first, [5, 3, 1, 0, 2])
    market.leave(market.trainers[4])
    market.to_scoring().settle(first, None, [2])
    market.to_scoring().settle(first, [0, 0, 0, 0])
    market.to_scoring().void(first, [0, 1])
    audit_books(project, market)
    market.republish(second, 1)
    market.outsider_ends()
    market.everyone_withdraws()
    audit_books(project, market)


def test_books__rejected_project__are_the_contracts(project: Any, make_market: Callable[..., Market]) -> None:
    market = make_market(rounds=1).to_collecting().to_scoring()
    market.settle(market.aggregators[0], [1, 1, 1, 1])
    market.reject()
    market.everyone_withdraws()
    audit_books(project, market)

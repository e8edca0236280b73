"""Policies that fail: the rows are paid alike, so the failure neither spares the owner nor costs the aggregator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape
import pytest
from eth_utils import keccak

from tests.escrow_driver import ONE, Parties, default_terms, outcome_bytes
from tests.escrow_market import BURNING, REVERTING, Market

HALF_MEGABYTE = "62080000"
RETURN_BOMB = f"0x{HALF_MEGABYTE}5ff3"  # PUSH3 size, PUSH0, RETURN
REVERT_BOMB = f"0x{HALF_MEGABYTE}5ffd"
# 0 to least_rows(bytes), 1 to anything else: CALLDATALOAD, SHR, PUSH4, EQ, ISZERO, MSTORE, RETURN
NO_LEAST_ROWS = f"0x5f3560e01c63{keccak(text='least_rows(bytes)')[:4].hex()}14155f5260205ff3"


def _answer(
    kept: int = 0b1111,
    weights: tuple[int, ...] = (ONE, ONE, ONE, ONE),
    contributions: tuple[int, ...] = (5, 3, 1, 1),
    rate: int = 1,
) -> bytes:
    return outcome_bytes(kept, weights, contributions, rate)


# each is wrong in one way, else it would pay 5 : 3 : 1 : 1
NONSENSE = {
    "nothing": b"",
    "a word short": _answer()[:-32],
    "a word long": _answer() + bytes(32),
    "a row kept beyond the last": _answer(kept=0b11111),
    "a weight above one": _answer(weights=(ONE, ONE + 1, ONE, ONE)),
    "a weight for a row that is removed": _answer(kept=0b0111, contributions=(5, 3, 1, 0)),
    "a contribution beyond the last row": _answer(contributions=(5, 3, 1, 1, 1)),
    "a contribution of 2^150": _answer(contributions=(5, 3, 1, 2**150)),
    "a rate of zero": _answer(rate=0),
    "a rate of 2^64": _answer(rate=2**64),
}


def test_policy__answers_nonsense__rows_paid_alike_and_rate_unchanged(make_market: Callable[..., Market]) -> None:
    market = make_market(rounds=len(NONSENSE)).to_collecting()
    for answer in NONSENSE.values():
        market.policy_says(answer)
        market.to_scoring().settle(market.aggregators[0], None)
    alike = len(NONSENSE) * (market.terms["round_reward"] // 4)
    assert [market.books["due"][trainer.address] for trainer in market.trainers] == [alike] * 4
    market.outsider_ends()
    market.everyone_withdraws()


@pytest.mark.parametrize("mode", [REVERTING, BURNING])
def test_policy__reverts_or_burns_its_gas__rows_paid_alike(mode: int, make_market: Callable[..., Market]) -> None:
    market = make_market(policy_gas=100_000).to_collecting()
    market.policy_fails(mode)
    for _ in range(3):
        market.to_scoring().settle(market.aggregators[0], None)
    market.reject()
    market.everyone_withdraws()


@pytest.mark.parametrize("code", [RETURN_BOMB, REVERT_BOMB, "0x"])
def test_policy__answers_half_a_megabyte_or_is_gone__rows_paid_alike_at_its_own_gas(
    code: str, make_market: Callable[..., Market]
) -> None:
    market = make_market().to_collecting()
    gas = []
    for policy_code in (market.web3.eth.get_code(market.policy.address).to_0x_hex(), code):
        market.provider.make_request("anvil_setCode", [market.policy.address, policy_code])
        market.to_scoring().settle(market.aggregators[0], None)
        gas.append(market.receipt.gasUsed)
    # what it returns is not copied: to expand memory for it would cost as much again
    assert gas[1] - gas[0] < 600_000
    market.outsider_ends()
    market.everyone_withdraws()


def test_policy__keeps_nobody__reward_goes_nowhere(make_market: Callable[..., Market]) -> None:
    market = make_market().to_collecting().to_scoring()
    market.settle(market.aggregators[0], [0, 0, 0, 0])
    assert market.books["sunk"] == market.terms["round_reward"]
    assert market.books["due"][market.owner.address] == 0
    market.outsider_ends()
    market.everyone_withdraws()


def test_policy__lets_every_row_be_excluded__terms_refused(
    term_limits: Any, token: Any, policy: Any, parties: Parties, chain: Any
) -> None:
    """Else the aggregator of a round in which all payloads are garbage could neither settle it nor give it up."""
    terms = default_terms(token, policy, parties.aggregators[:1]) | {"max_excluded": 4, "round_fee": 4 * 50_021}
    chain.provider.make_request("anvil_setCode", [policy.address, NO_LEAST_ROWS])
    with ape.reverts("terms: too many may be excluded"):
        term_limits.check(terms, 2**17)

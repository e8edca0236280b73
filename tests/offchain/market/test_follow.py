"""A follower on a scripted chain: pages, depth, reorganisations."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from offchain.market.errors import MarketError
from offchain.market.follow import PAGE, Block, Follower, find_creation


@dataclass
class Chain:
    """Blocks by number, as (hash, names of the events in it)."""

    blocks: list[tuple[bytes, list[str]]] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)
    before_logs: Any = None  # called once, before logs are read

    def extend(self, *events: list[str], branch: str = "a") -> None:
        for names in events:
            self.blocks.append((f"{branch}{len(self.blocks)}".encode(), names))

    def reorganise(self, number: int, *events: list[str]) -> None:
        del self.blocks[number:]
        self.extend(*events, branch="b")

    @property
    def block_number(self) -> int:
        return len(self.blocks) - 1

    def get_block(self, number: int) -> dict[str, Any]:
        return {"number": number, "hash": self.blocks[number][0], "timestamp": 1_000 + 10 * number}

    def get_logs(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        if self.before_logs:
            call, self.before_logs = self.before_logs, None
            call()
        first, last = query["fromBlock"], query["toBlock"]
        self.asked.append((first, last))
        found = range(first, min(last, self.block_number) + 1)
        return [{"data": b"", "name": name, "block": n} for n in found for name in self.blocks[n][1]]

    def escrow(self) -> Any:
        def decode(logs: list[dict[str, Any]]) -> list[Any]:
            return [SimpleNamespace(event_name=log["name"], block_number=log["block"]) for log in logs]

        ecosystem = SimpleNamespace(decode_logs=decode)
        provider = SimpleNamespace(web3=SimpleNamespace(eth=self), network=SimpleNamespace(ecosystem=ecosystem))
        return SimpleNamespace(address="0x0", provider=provider, contract_type=SimpleNamespace(events=[]))


@pytest.fixture
def blocks() -> Chain:
    chain = Chain()
    chain.extend([], ["Created"], ["X"], ["X", "X"])
    return chain


def numbers(follower: Follower, name: str = "X") -> list[int]:
    return [event.block_number for event in follower.events(name)]


def test_follow__again__reads_only_what_is_new(blocks: Chain) -> None:
    follower = Follower(blocks.escrow(), since=1)
    assert follower.follow() == Block(3, b"a3", 1_030)
    follower.follow()
    blocks.extend(["X"])
    follower.follow()
    assert blocks.asked == [(1, 3), (4, 4)]
    assert numbers(follower) == [2, 3, 3, 4]


def test_follow__depth__sees_nothing_of_the_blocks_above(blocks: Chain) -> None:
    follower = Follower(blocks.escrow(), since=1, depth=1)
    assert follower.follow().number == 2
    assert numbers(follower) == [2]


def test_follow__chain_shorter_than_depth__sees_nothing(blocks: Chain) -> None:
    follower = Follower(blocks.escrow(), since=1, depth=9)
    assert follower.follow().number == 0
    assert numbers(follower) == []


def test_follow__last_blocks_replaced__their_events_are_replaced(blocks: Chain) -> None:
    follower = Follower(blocks.escrow(), since=1)
    follower.follow()
    blocks.extend(["X"])
    follower.follow()
    blocks.reorganise(4, [], ["X"], ["X"])
    follower.follow()
    assert numbers(follower) == [2, 3, 3, 5, 6]
    assert blocks.asked[-1] == (4, 6)  # down to the last look that agrees


def test_follow__chain_gets_shorter__forgets_what_is_gone(blocks: Chain) -> None:
    follower = Follower(blocks.escrow(), since=1)
    follower.follow()
    blocks.reorganise(3)
    follower.follow()
    assert numbers(follower) == [2]


def test_follow__everything_replaced__reads_all_again(blocks: Chain) -> None:
    follower = Follower(blocks.escrow(), since=1)
    follower.follow()
    blocks.reorganise(1, ["Created"], [], ["X"])
    follower.follow()
    assert numbers(follower) == [3]
    assert len(follower.events("Created")) == 1


def test_follow__replaced_while_it_reads__events_are_of_one_branch(blocks: Chain) -> None:
    follower = Follower(blocks.escrow(), since=1)
    blocks.before_logs = lambda: blocks.reorganise(2, ["X"], [])
    follower.follow()
    assert numbers(follower) == [2]


def test_follow__long_stretch__is_read_page_by_page(blocks: Chain) -> None:
    blocks.extend(*[[] for _ in range(2 * PAGE)], ["X"])
    follower = Follower(blocks.escrow(), since=1)
    follower.follow()
    assert blocks.asked == [(1, PAGE), (PAGE + 1, 2 * PAGE), (2 * PAGE + 1, 2 * PAGE + 4)]
    assert numbers(follower)[-1] == 2 * PAGE + 4


@pytest.mark.parametrize(("depth", "wall", "expected"), [(0, 5_000.9, 5_000), (0, 3.0, 1_030), (1, 5_000.0, 1_020)])
def test_now__depth__wall_clock_moves_time_on_a_development_chain_alone(
    blocks: Chain, depth: int, wall: float, expected: int
) -> None:
    follower = Follower(blocks.escrow(), 1, depth, wall_clock=lambda: wall)
    assert follower.now(follower.follow()) == expected


def test_find_creation__old_project__found_by_going_back(blocks: Chain) -> None:
    blocks.extend(*[[] for _ in range(2 * PAGE)])
    assert find_creation(blocks.escrow()) == 1


def test_find_creation__no_project__says_so(blocks: Chain) -> None:
    blocks.blocks[1] = b"a1", []
    with pytest.raises(MarketError, match="there is no project at 0x0"):
        find_creation(blocks.escrow())

"""A follower on a scripted chain: pages, limits of nodes, depth, reorganisations, restarts."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from web3.exceptions import BlockNotFound, MethodUnavailable, Web3RPCError

from offchain.market.errors import MarketError, NodeError
from offchain.market.follow import PAGE, Block, Follower, Pages, find_creation, read_logs
from offchain.market.journal import Journal

ADDRESS = "0x" + "12" * 20


@dataclass
class Chain:
    """Blocks by number, as (hash, names of the events in it)."""

    blocks: list[tuple[bytes, list[str]]] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)  # pages of logs
    requests: int = 0  # of any kind
    before_logs: Any = None  # called once, before logs are read
    refuse: Callable[[int, int], Exception | None] = lambda first, last: None  # a page of logs
    oldest_state: int = 0  # code at older blocks is not to be had

    def extend(self, *events: list[str], branch: str = "a") -> None:
        for names in events:
            self.blocks.append((f"{branch}{len(self.blocks)}".encode(), names))

    def reorganise(self, number: int, *events: list[str], branch: str = "b") -> None:
        del self.blocks[number:]
        self.extend(*events, branch=branch)

    @property
    def block_number(self) -> int:
        self.requests += 1
        return len(self.blocks) - 1

    def get_block(self, number: int) -> dict[str, Any]:
        self.requests += 1
        if number >= len(self.blocks):
            raise BlockNotFound(f"Block with id: {number} not found.")
        return {"number": number, "hash": self.blocks[number][0], "timestamp": 1_000 + 10 * number}

    def get_code(self, address: str, number: int | None = None) -> bytes:
        self.requests += 1
        assert address == ADDRESS
        number = len(self.blocks) - 1 if number is None else number
        if number < self.oldest_state:
            raise rpc_error(-32000, "missing trie node")
        return b"code" if any("Created" in names for _, names in self.blocks[: number + 1]) else b""

    def get_logs(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        self.requests += 1
        if self.before_logs:
            call, self.before_logs = self.before_logs, None
            call()
        first, last = query["fromBlock"], query["toBlock"]
        self.asked.append((first, last))
        if (error := self.refuse(first, last)) is not None:
            raise error
        found = range(first, min(last, len(self.blocks) - 1) + 1)
        return [{"data": b"", "name": name, "blockNumber": n} for n in found for name in self.blocks[n][1]]

    def escrow(self) -> Any:
        def decode(logs: list[dict[str, Any]]) -> list[Any]:
            return [SimpleNamespace(event_name=log["name"], block_number=log["blockNumber"]) for log in logs]

        ecosystem = SimpleNamespace(decode_logs=decode)
        provider = SimpleNamespace(web3=SimpleNamespace(eth=self), network=SimpleNamespace(ecosystem=ecosystem))
        return SimpleNamespace(address=ADDRESS, provider=provider, contract_type=SimpleNamespace(events=[]))


def rpc_error(code: int, message: str, **data: Any) -> Web3RPCError:
    error = {"code": code, "message": message, **data}
    return Web3RPCError(repr(error), rpc_response={"jsonrpc": "2.0", "id": 1, "error": error})  # type: ignore[arg-type]


def http_error(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status} Client Error", response=response)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "state")
    yield journal
    journal.close()


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


def test_follow__replaced_between_two_pages__events_are_of_one_branch(blocks: Chain) -> None:
    blocks.extend(*[[] for _ in range(PAGE)], ["X"])

    def reorganise(first: int, last: int) -> None:
        if len(blocks.asked) == 2:
            blocks.reorganise(2, ["X"], *[[] for _ in range(PAGE)], ["X"], [])

    blocks.refuse = reorganise
    follower = Follower(blocks.escrow(), since=1)
    block = follower.follow()
    assert blocks.blocks[block.number][0] == block.hash
    assert numbers(follower) == [2, PAGE + 3]


def test_follow__replaced_all_the_time__says_so(blocks: Chain) -> None:
    blocks.refuse = lambda first, last: blocks.reorganise(2, [], [], branch=str(len(blocks.asked)))
    with pytest.raises(MarketError, match="the chain is being reorganised"):
        Follower(blocks.escrow(), since=1).follow()


def test_follow__long_stretch__is_read_page_by_page(blocks: Chain) -> None:
    blocks.extend(*[[] for _ in range(2 * PAGE)], ["X"])
    follower = Follower(blocks.escrow(), since=1)
    follower.follow()
    assert blocks.asked == [(1, PAGE), (PAGE + 1, 2 * PAGE + 4)]  # a little larger each time
    assert numbers(follower)[-1] == 2 * PAGE + 4


@pytest.mark.parametrize(("depth", "wall", "expected"), [(0, 5_000.9, 5_000), (0, 3.0, 1_030), (1, 5_000.0, 1_020)])
def test_now__depth__wall_clock_moves_time_on_a_development_chain_alone(
    blocks: Chain, depth: int, wall: float, expected: int
) -> None:
    follower = Follower(blocks.escrow(), 1, depth, wall_clock=lambda: wall)
    assert follower.now(follower.follow()) == expected


# --- nodes that limit a page


def limited(chain: Chain, cap: int, error: Callable[[int, int], Exception]) -> None:
    chain.refuse = lambda first, last: error(first, last) if last - first + 1 > cap else None


WORDS: list[Callable[[int, int], Exception]] = [
    lambda first, last: rpc_error(-32602, f"range {last - first + 1} exceeds limit of 10000"),
    lambda first, last: rpc_error(-32614, "eth_getLogs is limited to a 10,000 range"),
    lambda first, last: rpc_error(-32600, "you can make eth_getLogs requests with up to a 10 block range"),
    lambda first, last: rpc_error(-32000, "exceed maximum block range: 5000"),
    lambda first, last: rpc_error(-32047, "Invalid eth_getLogs request. range too large. Max range: 800"),
    lambda first, last: rpc_error(-32005, "query returned more than 10000 results"),
    lambda first, last: rpc_error(-32005, "query timeout exceeded"),
    lambda first, last: rpc_error(-32005, "limit exceeded"),
    lambda first, last: rpc_error(-32000, "backend response too large"),
    lambda first, last: rpc_error(-32602, "invalid params", data={"payload": "range is bigger than range limit 2000"}),
    lambda first, last: rpc_error(35, "ranges over 10000 blocks are not supported on freetier"),
    lambda first, last: rpc_error(-32701, "words that nobody has used before"),
    lambda first, last: http_error(413),
    lambda first, last: http_error(400),
    lambda first, last: http_error(504),
    lambda first, last: requests.HTTPError("413 Client Error: Payload Too Large"),
    lambda first, last: requests.ReadTimeout("Read timed out."),
    lambda first, last: requests.exceptions.ChunkedEncodingError("IncompleteRead"),
    lambda first, last: ValueError({"code": -32005, "message": "block range too wide"}),
]


@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
def test_follow__page_refused_in_any_words__asks_for_less(blocks: Chain, words: Any) -> None:
    blocks.extend(*[[] for _ in range(3_000)], ["X"])
    limited(blocks, 300, words)
    follower = Follower(blocks.escrow(), since=1)
    follower.follow()
    assert numbers(follower) == [2, 3, 3, 3_004]


@pytest.mark.parametrize("cap", [10_000, 2_000, 1_999, 1_000, 500, 10, 7, 1])
def test_follow__cap_of_blocks__is_found_and_used(blocks: Chain, cap: int) -> None:
    length = min(40 * max(cap, 50), 60_000)
    blocks.extend(*[[] for _ in range(length)])
    limited(blocks, cap, WORDS[0])
    follower = Follower(blocks.escrow(), since=1)
    follower.follow()
    refused = [page for page in blocks.asked if page[1] - page[0] + 1 > cap]
    read = len(blocks.asked) - len(refused)
    assert len(refused) <= 14 + read / 8
    assert read <= 1.4 * length / cap + 12
    assert follower.pages.size <= 1.25 * cap + 1


def test_follow__node_suggests_a_range__takes_it(blocks: Chain) -> None:
    blocks.extend(*[[] for _ in range(2_000)])

    def suggest(first: int, last: int) -> Exception:
        return rpc_error(
            -32602, f"Log response size exceeded. This block range should work: [{first:#x}, {first + 701:#x}]"
        )

    limited(blocks, 702, suggest)
    Follower(blocks.escrow(), since=1).follow()
    assert blocks.asked[:2] == [(1, 2_000), (1, 702)]


@pytest.mark.parametrize("text", ["[0x1, 0xfffff]", "[0x1, 0x0]", "[2, 5]", "[9, 1]"])
def test_follow__node_suggests_nonsense__halves(blocks: Chain, text: str) -> None:
    blocks.extend(*[[] for _ in range(2_000)])
    limited(blocks, 1_000, lambda first, last: rpc_error(-32602, f"this block range should work: {text}"))
    Follower(blocks.escrow(), since=1).follow()
    assert blocks.asked[:2] == [(1, 2_000), (1, 1_000)]


@pytest.mark.parametrize(
    ("cap", "sizes"),
    [
        (120, [100, 125, 100, 112, 112]),  # refused: back to what was answered, then closer as long as it pays
        (50, [100, 50, 62, 50, 56, 50, 53, 50, 50]),
        (10_000, [100, 125, 156, 195]),
        (11, [100, 50, 25, 12, 6, 7, 8, 10, 11, 11]),
    ],
)
def test_pages__refused_and_answered__sizes_one_by_one(cap: int, sizes: list[int], blocks: Chain) -> None:
    blocks.extend(*[[] for _ in range(sum(sizes))])
    limited(blocks, cap, WORDS[0])
    pages, first = Pages(), 0
    pages.size = 100
    while len(blocks.asked) < len(sizes):
        first = pages.read(blocks.escrow(), first, 10_000)[1] + 1
    assert [last - first + 1 for first, last in blocks.asked] == sizes


def test_pages__refused_where_it_was_answered_before__halves(blocks: Chain) -> None:
    """A limit of results: what counts is how dense the events are there."""
    blocks.extend(*[[] for _ in range(1_000)])
    limited(blocks, 100, WORDS[0])
    pages = Pages()
    pages.size = 100
    pages.read(blocks.escrow(), 0, 900)
    limited(blocks, 30, WORDS[0])
    pages.read(blocks.escrow(), 100, 900)
    assert [last - first + 1 for first, last in blocks.asked] == [100, 125, 100, 50, 25]


def test_follow__limit_of_results__pages_shrink_where_events_are_dense_and_grow_again(blocks: Chain) -> None:
    blocks.extend(*[[] for _ in range(2_000)], *[["X"] * 8 for _ in range(50)], *[[] for _ in range(20_000)])

    def too_many(first: int, last: int) -> Exception | None:
        found = sum(len(names) for _, names in blocks.blocks[first : last + 1])
        return rpc_error(-32005, "query returned more than 100 results") if found > 100 else None

    blocks.refuse = too_many
    follower = Follower(blocks.escrow(), since=1)
    follower.follow()
    assert len(numbers(follower)) == 3 + 400
    assert len(blocks.asked) < 90
    assert follower.pages.size > 1_000


def test_follow__cap_raised_later__the_page_grows_beyond_it(blocks: Chain) -> None:
    blocks.extend(*[[] for _ in range(6_000)])
    limited(blocks, 10, WORDS[0])
    follower = Follower(blocks.escrow(), since=1)
    follower.follow()
    blocks.refuse = lambda first, last: None
    blocks.extend(*[[] for _ in range(6_000)])
    follower.follow()
    assert follower.pages.size > 500


def test_follow__single_block_refused__error_with_the_cause_and_the_page_as_it_was(blocks: Chain) -> None:
    follower = Follower(blocks.escrow(), since=1)
    blocks.extend(*[[] for _ in range(5_000)])
    limited(blocks, 0, lambda first, last: rpc_error(-32000, "no logs here"))
    with pytest.raises(MarketError, match=r"the node refuses the events of block 1 alone: .*no logs here"):
        follower.follow()
    assert len(blocks.asked) <= 12
    assert follower.pages.size == PAGE


@pytest.mark.parametrize(
    "error",
    [
        http_error(429),
        http_error(503),
        http_error(401),
        requests.HTTPError("429 Client Error: Too Many Requests"),
        rpc_error(-32005, "daily request count exceeded, request rate limited"),
        rpc_error(429, "compute units"),
        requests.ConnectionError("refused"),
        MethodUnavailable("the method eth_getLogs does not exist"),
        NodeError("no node answers"),
        ConnectionResetError("reset"),
    ],
)
def test_follow__trouble_that_less_does_not_cure__is_raised_at_once(blocks: Chain, error: Exception) -> None:
    limited(blocks, 0, lambda first, last: error)
    follower = Follower(blocks.escrow(), since=1)
    with pytest.raises(type(error)):
        follower.follow()
    assert len(blocks.asked) == 1
    assert follower.pages.size == PAGE


# --- progress


def rationed(chain: Chain, requests_of_a_look: int) -> Callable[[], None]:
    """Pages are answered so many times, then refused by 429 until the next look, which begins by the call returned."""
    left = [0]

    def refuse(first: int, last: int) -> Exception | None:
        left[0] -= 1
        return http_error(429) if left[0] < 0 else None

    chain.refuse = refuse
    return lambda: left.__setitem__(0, requests_of_a_look)


def test_follow__limited_after_a_few_pages__goes_on_where_it_was(blocks: Chain) -> None:
    blocks.extend(*[[] for _ in range(30_000)], ["X"])
    follower, look = Follower(blocks.escrow(), since=1), rationed(blocks, 3)
    for _ in range(10):
        look()
        try:
            follower.follow()
            break
        except requests.HTTPError:
            continue
    assert numbers(follower) == [2, 3, 3, 30_004]
    assert sum(last - first + 1 for first, last in dict.fromkeys(blocks.asked)) == 30_004  # each block once


def test_follow__reorganised_between_two_looks_of_a_long_way__reads_the_new_branch(blocks: Chain) -> None:
    blocks.extend(*[[] for _ in range(3 * PAGE)])
    follower, look = Follower(blocks.escrow(), since=1), rationed(blocks, 1)
    look()
    with pytest.raises(requests.HTTPError):
        follower.follow()
    assert numbers(follower) == [2, 3, 3]
    blocks.reorganise(3, *[["X"]] * 2, *[[] for _ in range(3 * PAGE)])
    blocks.refuse = lambda first, last: None
    follower.follow()
    assert numbers(follower) == [2, 3, 4]


def test_follow__long_way__has_few_requests_besides_pages(blocks: Chain) -> None:
    blocks.extend(*[[] for _ in range(20_000)])
    limited(blocks, 200, WORDS[0])
    Follower(blocks.escrow(), since=1).follow()
    assert blocks.requests <= 1.25 * len(blocks.asked) + 4


def test_follow__head_falls_back_a_little__what_was_seen_stays(blocks: Chain) -> None:
    blocks.extend(*[[] for _ in range(10)])
    follower = Follower(blocks.escrow(), since=1, depth=4)
    seen = follower.follow()
    del blocks.blocks[-2:]
    assert follower.follow() == seen
    assert len(blocks.asked) == 1


def restarted(chain: Chain, journal: Journal, since: int = 1) -> Follower:
    follower = Follower(chain.escrow(), since)
    follower.keep(journal)
    return follower


def test_keep__restart__nothing_is_read_again(blocks: Chain, journal: Journal) -> None:
    block = restarted(blocks, journal).follow()
    again = restarted(blocks, journal)
    assert again.follow() == block
    assert numbers(again) == [2, 3, 3]
    assert len(again.events("Created")) == 1
    assert blocks.asked == [(1, 3)]
    blocks.extend(["X"])
    again.follow()
    third = restarted(blocks, journal)
    third.follow()
    assert numbers(third) == [2, 3, 3, 4]
    assert blocks.asked == [(1, 3), (4, 4)]


def test_keep__restart_in_the_middle_of_a_long_way__goes_on_there(blocks: Chain, journal: Journal) -> None:
    blocks.extend(*[[] for _ in range(30_000)], ["X"])
    look = rationed(blocks, 2)
    for _ in range(20):
        look()
        follower = restarted(blocks, journal)
        try:
            follower.follow()
            break
        except requests.HTTPError:
            continue
    assert numbers(follower) == [2, 3, 3, 30_004]
    assert sum(last - first + 1 for first, last in dict.fromkeys(blocks.asked)) == 30_004


def test_keep__learned_page__is_used_after_a_restart(blocks: Chain, journal: Journal) -> None:
    blocks.extend(*[[] for _ in range(3_000)])
    limited(blocks, 300, WORDS[0])
    restarted(blocks, journal).follow()
    blocks.extend(*[[] for _ in range(299)])
    blocks.asked.clear()
    restarted(blocks, journal).follow()
    assert blocks.asked[0][1] - blocks.asked[0][0] + 1 > 200
    assert len(blocks.asked) <= 3


@pytest.mark.parametrize("kept", [0, -5, 10**9, "many", True, None])
def test_pages__kept_size_is_nonsense__begins_anew(kept: Any, journal: Journal) -> None:
    journal.set_fact("page", kept)
    assert Pages(journal).size == PAGE


def test_keep__reorganised_while_it_was_away__the_events_are_replaced(blocks: Chain, journal: Journal) -> None:
    follower = restarted(blocks, journal)
    follower.follow()
    blocks.extend(["X"])
    follower.follow()
    blocks.reorganise(4, [], ["X"])
    again = restarted(blocks, journal)
    again.follow()
    assert numbers(again) == [2, 3, 3, 5]
    assert blocks.asked[-1] == (4, 5)
    assert numbers(restarted(blocks, journal)) == [2, 3, 3, 5]


def test_keep__another_chain__nothing_is_believed(blocks: Chain, journal: Journal) -> None:
    restarted(blocks, journal).follow()
    other = Chain()
    other.extend([], ["Created"], [], [], ["X"], branch="other")
    follower = restarted(other, journal)
    follower.follow()
    assert numbers(follower) == [4]
    assert other.asked == [(1, 4)]


def test_keep__chain_begun_anew_and_shorter__nothing_is_believed(blocks: Chain, journal: Journal) -> None:
    restarted(blocks, journal).follow()
    other = Chain()
    other.extend([], ["Created"], branch="other")
    follower = restarted(other, journal)
    follower.follow()
    assert numbers(follower) == []


def test_keep__another_beginning__reads_from_there(blocks: Chain, journal: Journal) -> None:
    restarted(blocks, journal, since=3).follow()
    follower = restarted(blocks, journal, since=1)
    follower.follow()
    assert numbers(follower) == [2, 3, 3]
    assert numbers(restarted(blocks, journal, since=1)) == [2, 3, 3]  # what the first run kept is gone


def test_keep__another_escrow__nothing_is_believed(blocks: Chain, journal: Journal) -> None:
    restarted(blocks, journal).follow()
    escrow = blocks.escrow()
    escrow.address = "0x" + "34" * 20
    follower = Follower(escrow, since=1)
    follower.keep(journal)
    assert follower.events("X") == []


def test_keep__after_a_look__nothing_is_missing_later(blocks: Chain, journal: Journal) -> None:
    follower = Follower(blocks.escrow(), since=1)
    follower.follow()
    follower.keep(journal)
    blocks.extend(["X"])
    follower.follow()
    again = restarted(blocks, journal)
    again.follow()
    assert numbers(follower) == numbers(again) == [2, 3, 3, 4]


def test_keep__journal_cannot_be_written__the_page_counts_as_unread(
    blocks: Chain, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = restarted(blocks, journal)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "set_fact", lambda *_: (_ for _ in ()).throw(sqlite3.OperationalError("disk is full")))
        with pytest.raises(sqlite3.OperationalError):
            follower.follow()
    assert journal.logs() == []
    follower.follow()
    again = restarted(blocks, journal)
    again.follow()
    assert numbers(follower) == numbers(again) == [2, 3, 3]


# --- where a project begins


def old_project(length: int) -> Chain:
    chain = Chain()
    chain.extend([], ["Created"], ["X"], *[[] for _ in range(length)])
    return chain


def test_find_creation__node_keeps_old_states__asks_when_there_was_code() -> None:
    chain = old_project(60_000)
    assert find_creation(chain.escrow()) == 1
    assert len(chain.asked) == 1
    assert chain.requests < 30


def test_find_creation__node_keeps_new_states__looks_back_from_there() -> None:
    chain = old_project(60_000)
    chain.oldest_state = 50_000
    assert find_creation(chain.escrow()) == 1
    assert chain.asked[0][1] == 50_000
    assert len(chain.asked) < 20


def test_find_creation__new_project__is_in_the_first_page() -> None:
    chain = Chain()
    chain.extend(*[[] for _ in range(5_000)], ["Created"], [])
    chain.oldest_state = 5_001
    assert find_creation(chain.escrow()) == 5_000
    assert len(chain.asked) == 1


def test_find_creation__limited_at_each_start__goes_on_where_it_was(journal: Journal) -> None:
    chain = old_project(60_000)
    chain.oldest_state = 60_000
    look = rationed(chain, 3)
    for _ in range(10):
        look()
        try:
            assert find_creation(chain.escrow(), journal) == 1
            break
        except requests.HTTPError:
            continue
    else:
        pytest.fail("not found in ten starts")
    read = dict.fromkeys(chain.asked)
    assert sum(last - first + 1 for first, last in read) == 60_001 - min(first for first, _ in read)


def test_find_creation__cap_of_blocks__asks_for_less() -> None:
    chain = old_project(3_000)
    chain.oldest_state = 2_900
    limited(chain, 100, WORDS[0])
    assert find_creation(chain.escrow()) == 1


def test_find_creation__no_code__says_so_and_reads_no_logs(blocks: Chain) -> None:
    blocks.blocks[1] = b"a1", []
    with pytest.raises(MarketError, match=f"there is no project at {ADDRESS}: are the address and the network right"):
        find_creation(blocks.escrow())
    assert blocks.asked == []


def test_find_creation__other_contract__says_so_at_each_start(blocks: Chain, journal: Journal) -> None:
    blocks.get_code = lambda *_: b"code"  # type: ignore[method-assign]
    blocks.blocks[1] = b"a1", []
    for _ in range(2):
        blocks.asked.clear()
        with pytest.raises(MarketError, match=f"there is no project at {ADDRESS}"):
            find_creation(blocks.escrow(), journal)
        assert blocks.asked


def test_read_logs__pages__have_every_block_once(blocks: Chain) -> None:
    limited(blocks, 2, WORDS[0])
    pages = Pages()
    pages.size = 3
    found = [(upto, [log["blockNumber"] for log in logs]) for upto, logs in read_logs(blocks.escrow(), 0, 3, pages)]
    assert found == [(0, []), (2, [1, 2]), (3, [3, 3])]

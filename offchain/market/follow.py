"""A project's events, each block read once, with reorganisations in mind.

A follower reads up to `depth` blocks below the head: what may still be replaced, nobody sees. What it has read is kept
with a *mark*: everything up to a block was read while another, the witness, at or above it, was on the chain. A mark
counts once its witness is seen on the chain after the reading too; at each look the newest that isn't any more are
forgotten with their events, and it reads on from there. So a reorganisation deeper than `depth` is noticed, and so is
another chain: what an earlier run kept in its journal (`keep`) is believed on the same terms.

Every page that was read counts at once, whatever happens at the next one.

Nodes limit a request for events, by blocks, by results or by time, each in words of its own. So a refusal that isn't
one of asking too often is taken for one of asking too much: `Pages` asks for less, and slowly for more again.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import requests
from web3 import Web3
from web3.exceptions import MethodUnavailable, Web3RPCError

from offchain.market.errors import MarketError
from offchain.market.journal import Journal
from offchain.market.nodes import is_rate_limit

__all__ = ["PAGE", "Block", "Follower", "Pages", "find_creation", "read_logs"]

PAGE = 2_000  # blocks of a request, until something is known of the node
_MOST = 10_000  # blocks of a request
_AGAIN = 32  # full pages after which a size that was refused is tried again
_STRETCH = 16  # pages with one witness
_KEPT = 64  # marks
_TRIES = 5  # at reading a stretch while the chain is being reorganised
_RANGE = re.compile(r"\[\s*(0x[0-9a-f]+|\d+)\s*,\s*(0x[0-9a-f]+|\d+)\s*\]", re.I)  # that a node says would do

Log = dict[str, Any]  # of an event, as JSON has it


@dataclass(frozen=True)
class Block:
    number: int
    hash: bytes
    timestamp: int  # seconds since 1970


@dataclass(frozen=True)
class _Mark:
    """Everything up to this block was read while `witness` was on the chain, at that block or above."""

    upto: int
    witness: Block


class Pages:
    """How many blocks a node is asked for the events of at once: learned, and kept in a journal if there is one."""

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal
        kept = None if journal is None else journal.fact("page")
        self.size = kept if type(kept) is int and 0 < kept <= _MOST else PAGE
        self._good = 0  # the last size that was answered, since one was refused
        self._refused = _MOST + 1  # the least size that was
        self._answered = 0  # full pages since

    def read(self, escrow: Any, first: int, last: int, backwards: bool = False) -> tuple[int, int, list[Log]]:
        """The raw logs of one page of blocks `first` to `last`, from that end or from the other; with its first and its
        last block. Raises MarketError if the node refuses the events of a single block.
        """
        size = self.size
        while True:
            asked = min(self.size, last - first + 1)
            begin, end = (last - asked + 1, last) if backwards else (first, first + asked - 1)
            try:
                logs = _raw_logs(escrow, begin, end)
            except (Web3RPCError, requests.RequestException, TimeoutError, ValueError) as error:
                if not _is_too_much(error):
                    raise
                if asked == 1:
                    self._set(size)  # it wasn't the size
                    raise MarketError(f"the node refuses the events of block {begin} alone: {error}") from error
                self._shrink(asked, _suggested(str(error), begin, end))
            else:
                self._grow(asked)
                return begin, end, logs

    def _shrink(self, asked: int, suggested: int) -> None:
        self._refused, self._answered = asked, 0
        self._set(suggested or (self._good if 0 < self._good < asked else asked // 2))
        self._good = 0  # it may depend on where: if that is refused too, by half

    def _grow(self, asked: int) -> None:
        if asked < self.size:
            return
        self._good = asked
        self._answered += 1
        if self._answered % _AGAIN == 0:
            self._refused = _MOST + 1
        room = (self._refused - asked) // 2  # towards the size that was refused, as long as it's worth a try
        self._set(asked + min(max(1, asked // 4), room if room >= asked // 16 else 0))

    def _set(self, size: int) -> None:
        if size != self.size and self._journal is not None:
            self._journal.set_fact("page", size)
        self.size = size


class Follower:
    """Events of one escrow from the block `since` on."""

    def __init__(
        self, escrow: Any, since: int = 0, depth: int = 0, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._escrow = escrow
        self._since = max(0, since)
        self._wall_clock = wall_clock
        self._events: list[Any] = []  # Ape's ContractLog, in order
        self._marks: list[_Mark] = []  # newest last
        self._journal: Journal | None = None
        self.pages = Pages()
        self.depth = depth

    def keep(self, journal: Journal) -> None:
        """Goes on from what an earlier run kept in the journal, and keeps there what is read from now on."""
        self._journal, self.pages = journal, Pages(journal)
        self._marks, self._events = [], []
        kept = journal.fact("followed")
        if kept is None or kept["from"] != [str(self._escrow.address), self._since]:
            journal.drop_logs(-1, self._progress([]))
            return
        self._marks = [_Mark(upto, Block(n, bytes.fromhex(hash_), t)) for upto, n, hash_, t in kept["marks"]]
        self._events = _decoded(self._escrow, [json.loads(log) for log in journal.logs()])

    def follow(self) -> Block:
        """Catches up; the block that everything is read up to, `depth` blocks below the head."""
        for _ in range(_TRIES):
            head = self._head()
            block = self._block(max(0, head - self.depth))
            if self._marks and self._marks[-1] == _Mark(block.number, block):
                return block
            self._roll_back(head)
            if self._marks and self._marks[-1].witness.number > block.number:
                block = self._marks[-1].witness  # the node lags; this one is there too
            if self._read_up_to(block):
                return block
        raise MarketError("the chain is being reorganised")

    def events(self, name: str) -> list[Any]:
        """Those read so far, oldest first."""
        return [event for event in self._events if event.event_name == name]

    def now(self, block: Block) -> int:
        """Seconds since 1970, by which deadlines are judged at a block.

        On a chain whose blocks come all the time it is the block's own. A development chain (depth 0) may make blocks
        on demand alone, or run ahead: there, the wall clock moves time on.
        """
        return block.timestamp if self.depth else max(block.timestamp, int(self._wall_clock()))

    def _read_up_to(self, block: Block) -> bool:
        """False if the chain was reorganised meanwhile: then the logs may be of two branches."""
        first = self._marks[-1].upto + 1 if self._marks else self._since
        while first <= block.number:
            last = min(block.number, first + _STRETCH * self.pages.size - 1)
            witness = block if last == block.number else self._block(last)
            for upto, logs in read_logs(self._escrow, first, last, self.pages):
                self._add(logs, _Mark(upto, witness))
            if self._block(last).hash != witness.hash:
                return False
            first = last + 1
        return True

    def _add(self, logs: list[Log], mark: _Mark) -> None:
        """To the journal first: what fails there isn't counted as read."""
        events = _decoded(self._escrow, logs)
        marks = [*(kept for kept in self._marks if kept.witness != mark.witness), mark][-_KEPT:]
        if self._journal is not None:
            self._journal.add_logs([(log["blockNumber"], json.dumps(log)) for log in logs], self._progress(marks))
        self._marks, self._events = marks, self._events + events

    def _roll_back(self, head: int) -> None:
        """Forgets what isn't on the chain any more."""
        marks = list(self._marks)
        while marks and not self._is_there(marks[-1].witness, head):
            marks.pop()
        if len(marks) == len(self._marks):
            return
        upto = marks[-1].upto if marks else -1
        if self._journal is not None:
            self._journal.drop_logs(upto, self._progress(marks))
        self._marks, self._events = marks, [event for event in self._events if event.block_number <= upto]

    def _progress(self, marks: list[_Mark]) -> tuple[str, dict[str, Any]]:
        """As a fact of the journal."""
        listed = [(m.upto, m.witness.number, m.witness.hash.hex(), m.witness.timestamp) for m in marks]
        return "followed", {"from": [str(self._escrow.address), self._since], "marks": listed}

    def _head(self) -> int:
        return int(self._escrow.provider.web3.eth.block_number)

    def _is_there(self, block: Block, head: int) -> bool:
        return block.number <= head and self._block(block.number).hash == block.hash

    def _block(self, number: int) -> Block:
        block = self._escrow.provider.web3.eth.get_block(number)
        return Block(block["number"], bytes(block["hash"]), block["timestamp"])


def find_creation(escrow: Any, journal: Journal | None = None) -> int:
    """The block in which a project was created. Raises MarketError if there is no such project.

    A node that keeps old states says since when there is code at the address: that takes some 25 requests. From where
    it can't say, the event is looked for in earlier and earlier blocks. With a journal, a search that ends early goes
    on from there.
    """
    eth, pages = escrow.provider.web3.eth, Pages(journal)
    last = None if journal is None else journal.fact("searched")
    last = _first_with_code(eth, escrow.address) if last is None else last - 1
    while last >= 0:
        first, _, logs = pages.read(escrow, 0, last, backwards=True)
        for event in _decoded(escrow, logs):
            if event.event_name == "Created":
                return int(event.block_number)
        if journal is not None:
            journal.set_fact("searched", first)
        last = first - 1
    if journal is not None:
        journal.set_fact("searched", None)
    raise _no_project(escrow.address)


def read_logs(escrow: Any, first: int, last: int, pages: Pages) -> Iterator[tuple[int, list[Log]]]:
    """The raw logs of an escrow in blocks `first` to `last`, page by page, each with the last block of the page."""
    while first <= last:
        _, upto, logs = pages.read(escrow, first, last)
        yield upto, logs
        first = upto + 1


def _first_with_code(eth: Any, address: str) -> int:
    """The lowest block at which the node sees code at an address."""
    without, with_ = -1, int(eth.block_number)
    if not eth.get_code(address):
        raise _no_project(address)
    while with_ - without > 1:
        middle = (without + with_) // 2
        try:
            has_code = bool(eth.get_code(address, middle))
        except (Web3RPCError, ValueError):  # a state that it doesn't keep
            has_code = False
        without, with_ = (without, middle) if has_code else (middle, with_)
    return with_


def _no_project(address: str) -> MarketError:
    return MarketError(f"there is no project at {address}: are the address and the network right?")


def _raw_logs(escrow: Any, first: int, last: int) -> list[Log]:
    """As JSON has them."""
    query = {"address": escrow.address, "fromBlock": first, "toBlock": last}
    return [json.loads(Web3.to_json(dict(log))) for log in escrow.provider.web3.eth.get_logs(query)]


def _decoded(escrow: Any, logs: list[Log]) -> list[Any]:
    return list(escrow.provider.network.ecosystem.decode_logs(logs, *escrow.contract_type.events))


def _is_too_much(error: Exception) -> bool:
    """Whether asking for less may cure it. Words differ too much to know more than what isn't a matter of size."""
    if isinstance(error, MethodUnavailable):
        return False
    if isinstance(error, Web3RPCError):
        told: Any = (error.rpc_response or {}).get("error") or {}
        return not is_rate_limit(told.get("code"), str(error))
    if isinstance(error, requests.HTTPError):
        status = error.response.status_code if error.response is not None else str(error)[:3]
        return str(status) in ("400", "408", "413", "414", "422", "500", "502", "504", "520", "524")
    return not isinstance(error, requests.ConnectionError)


def _suggested(text: str, first: int, last: int) -> int:
    """How many blocks a node says would do; 0 if it doesn't."""
    for begin, end in _RANGE.findall(text):
        if int(begin, 0) == first and first <= int(end, 0) < last:
            return int(end, 0) - first + 1
    return 0

"""A project's events, each block read once, with reorganisations in mind.

A follower reads up to `depth` blocks below the head: what may still be replaced, nobody sees. At each look it compares
the hashes of blocks that it has read up to with the chain's. If the newest differs, it forgets all events above the
last one that agrees, and reads on from there. So a reorganisation deeper than `depth` is noticed too.

Nodes limit the blocks of one request: longer stretches are read page by page.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from offchain.market.errors import MarketError

__all__ = ["Block", "Follower", "find_creation"]

PAGE = 2_000  # blocks of a request
_KEPT = 64  # hashes of blocks read up to
_TRIES = 5  # at reading a stretch while the chain is being reorganised


@dataclass(frozen=True)
class Block:
    number: int
    hash: bytes
    timestamp: int  # seconds since 1970


class Follower:
    """Events of one escrow from the block `since` on."""

    def __init__(
        self, escrow: Any, since: int = 0, depth: int = 0, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._escrow = escrow
        self._since = since
        self._wall_clock = wall_clock
        self._events: list[Any] = []  # Ape's ContractLog, in order
        self._read: list[Block] = []  # newest last
        self.depth = depth

    def follow(self) -> Block:
        """Catches up; the block that everything is read up to, `depth` blocks below the head."""
        for _ in range(_TRIES):
            block = self._block(max(0, self._head() - self.depth))
            if self._read and self._read[-1].hash == block.hash:
                return block
            self._roll_back()
            first = self._read[-1].number + 1 if self._read else self._since
            logs = self._logs(first, block.number)
            if self._block(block.number).hash == block.hash:  # else the logs may be of two branches
                self._events += logs
                self._read = [*self._read, block][-_KEPT:] if first <= block.number else self._read
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

    def _roll_back(self) -> None:
        while self._read and self._hash(self._read[-1].number) != self._read[-1].hash:
            self._read.pop()
        newest = self._read[-1].number if self._read else -1
        if self._events and self._events[-1].block_number > newest:
            self._events = [event for event in self._events if event.block_number <= newest]

    def _logs(self, first: int, last: int) -> list[Any]:
        return [event for page in _pages(first, last) for event in _logs(self._escrow, *page)]

    def _head(self) -> int:
        return int(self._escrow.provider.web3.eth.block_number)

    def _hash(self, number: int) -> bytes | None:
        return self._block(number).hash if number <= self._head() else None

    def _block(self, number: int) -> Block:
        block = self._escrow.provider.web3.eth.get_block(number)
        return Block(block["number"], bytes(block["hash"]), block["timestamp"])


def find_creation(escrow: Any) -> int:
    """The block in which a project was created, looked for from the head backwards. Raises MarketError if there is no
    such project.
    """
    last = int(escrow.provider.web3.eth.block_number)
    while last >= 0:
        for event in _logs(escrow, max(0, last - PAGE + 1), last):
            if event.event_name == "Created":
                return int(event.block_number)
        last -= PAGE
    raise MarketError(f"there is no project at {escrow.address}")


def _pages(first: int, last: int) -> list[tuple[int, int]]:
    return [(start, min(last, start + PAGE - 1)) for start in range(first, last + 1, PAGE)]


def _logs(escrow: Any, first: int, last: int) -> list[Any]:
    provider = escrow.provider
    logs = provider.web3.eth.get_logs({"address": escrow.address, "fromBlock": first, "toBlock": last})
    raw = [dict(log) | {"data": "0x" + bytes(log["data"]).hex()} for log in logs]
    return list(provider.network.ecosystem.decode_logs(raw, *escrow.contract_type.events))

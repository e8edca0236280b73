"""Everything that happened in a project, in order, from the chain's logs; and the proofs, from the transactions.

Proofs are in no event: they are arguments of `settle`, in the data of the transaction that called it. If an account
that is a contract sent it, the call stands somewhere within that data, so it is looked for by its selector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.exceptions import DecodingError
from eth_utils import keccak, to_checksum_address

from offchain.market.audit.finding import must
from offchain.market.follow import read_logs
from offchain.market.project import Point, Project
from offchain.proving.encoding import Proof
from offchain.proving.parameters import MAX_ROWS
from offchain.scoring.shown import WORDS

__all__ = ["Entry", "SettleCall", "read_history", "read_settle_call"]


@dataclass(frozen=True)
class Entry:
    """One event of the escrow."""

    name: str
    values: Mapping[str, Any]  # addresses as checksummed text, byte strings as bytes, lists as lists
    block: int
    time: int  # of the block, seconds since 1970
    transaction: str

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


@dataclass(frozen=True)
class SettleCall:
    """The arguments of `settle`."""

    excluded: int
    order: int
    commitments: tuple[Point, ...]
    proof: Proof
    claimed: Point
    policy: str
    params: bytes
    memory: tuple[int, ...]
    cid: bytes


def read_history(project: Project, head: int) -> list[Entry]:
    """All events of the project in blocks `project.since` to `head`. Raises Difference for one of no known kind."""
    provider = project.escrow.provider
    events = project.escrow.contract_type.events
    times: dict[int, int] = {}
    entries = []
    for _, raw in read_logs(project.escrow, project.since, head, project.follower.pages):
        logs = list(provider.network.ecosystem.decode_logs(raw, *events))
        must(len(logs) == len(raw), f"{len(raw) - len(logs)} events are of no known kind")
        for log in logs:
            block = int(log.block_number)
            if block not in times:
                times[block] = int(provider.get_block(block).timestamp)
            values = {name: _plain(value) for name, value in log.event_arguments.items()}
            entries.append(Entry(log.event_name, values, block, times[block], _hex(log.transaction_hash)))
    return entries


def read_settle_call(project: Project, entry: Entry) -> SettleCall | None:
    """The call behind an event Settled, or None if the transaction's data holds none that fits it."""
    data = bytes(project.escrow.provider.web3.eth.get_transaction(entry.transaction)["input"])
    calls = _calls_within(data, project.escrow.contract_type)
    return next((c for c in calls if c.cid == entry["cid"] and c.excluded == entry["excluded"]), None)


def _calls_within(data: bytes, contract_type: Any) -> Iterator[SettleCall]:
    selector = keccak(text=contract_type.mutable_methods["settle"].selector)[:4]
    start = data.find(selector)
    while start >= 0:
        try:
            call = _read_call(data[start + 4 :])
        except (DecodingError, OverflowError):
            pass
        else:
            yield call
        start = data.find(selector, start + 1)


def _read_call(data: bytes) -> SettleCall:
    """The arguments as the contract reads them, which follows offsets wherever they lead and looks at no padding: who
    settles with an odd encoding must not keep others from reading it. The proof's own encoding is the verifier's
    matter. Raises DecodingError, OverflowError.
    """

    def cut(at: int, size: int) -> bytes:
        piece = data[at : at + size]
        if len(piece) != size:
            raise DecodingError("the call is too short")
        return piece

    def word(at: int) -> int:
        return int.from_bytes(cut(at, 32), "big")

    def sized(place: int) -> bytes:
        at = word(32 * place)
        return cut(at + 32, word(at))

    at = word(32 * 2)
    if (count := word(at)) > MAX_ROWS:
        raise DecodingError("more commitments than a proof has rows")
    points = [word(at + 32 * (k + 1)) for k in range(2 * count)]
    return SettleCall(
        excluded=word(0),
        order=word(32 * 1),
        commitments=tuple(zip(points[::2], points[1::2], strict=True)),
        proof=Proof.decode(sized(3)),
        claimed=(word(32 * 4), word(32 * 5)),
        policy=str(to_checksum_address(cut(32 * 6 + 12, 20))),
        params=sized(7),
        memory=tuple(word(32 * (8 + k)) for k in range(WORDS)),
        cid=cut(32 * (8 + WORDS), 32),
    )


def _hex(digest: Any) -> str:
    return digest if isinstance(digest, str) else f"0x{bytes(digest).hex()}"


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value

"""The call that settles a round is kept for just the deliveries that it was made of."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from offchain.market.journal import Journal
from offchain.market.programs.aggregator import AggregatorProgram
from tests.offchain.market.play import SEATS, Play

LOOK: Any = SimpleNamespace(status=SimpleNamespace(round=0, rate=1 << 32, delivered=0b111))


class Chain:
    """Deliveries of the running round, by their hash alone, and the calls that were sent."""

    def __init__(self) -> None:
        self.deliveries, self.sent = b"first" + bytes(27), list[bytes]()
        self.made = 0

    def program(self, folder: Path) -> AggregatorProgram:
        """As after a start."""
        program: Any = AggregatorProgram.__new__(AggregatorProgram)
        settle = SimpleNamespace(encode_input=lambda argument: argument)
        program.journal = Journal(folder)
        program.project = SimpleNamespace(
            address="0x1",
            escrow=SimpleNamespace(settle=settle),
            deliveries_hash=lambda round_: self.deliveries,
            settlements=list,
        )
        program.around = SimpleNamespace(sender=SimpleNamespace(call=lambda what, to, call: self.sent.append(call)))
        program.__dict__["aggregator"] = SimpleNamespace(
            open_round=lambda round_: self.deliveries, make_ready=self._make
        )
        return program  # type: ignore[no-any-return]

    def _make(self, opened: bytes, round_: int, rate: int) -> Any:
        self.made += 1
        return SimpleNamespace(arguments=(b"call of " + opened,), excluded=[], prove_seconds=1.0)


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def turn(program: AggregatorProgram) -> None:
    if program._ready_call(0, program.project.deliveries_hash(0)) is None:
        program.unseal(LOOK)
    program.settle(LOOK)


def test_settle__restarted__the_same_call_is_sent_again(chain: Chain, folder: Path) -> None:
    for _ in range(2):
        program = chain.program(folder)
        turn(program)
        program.journal.close()
    assert chain.sent == [b"call of " + chain.deliveries] * 2
    assert chain.made == 1


def test_settle__deliveries_in_another_order_after_a_reorganisation__a_call_of_them_is_made(
    chain: Chain, folder: Path
) -> None:
    """The mask of who delivered is the same; the contract would refuse the call that is kept."""
    program = chain.program(folder)
    turn(program)
    chain.deliveries = b"other" + bytes(27)
    assert program._ready_call(0, chain.deliveries) is None
    turn(program)
    assert chain.sent[-1] == b"call of " + chain.deliveries
    assert chain.made == 2
    program.journal.close()


def test_settle__reorganised_after_the_payloads_were_opened__the_call_counts_for_what_was_opened(
    chain: Chain, folder: Path
) -> None:
    program, opened = chain.program(folder), chain.deliveries
    program.unseal(LOOK)
    chain.deliveries = b"other" + bytes(27)
    program.settle(LOOK)
    assert program._ready_call(0, chain.deliveries) is None
    assert program._ready_call(0, opened) == b"call of " + opened
    program.journal.close()


@pytest.mark.parametrize("kept", [None, {"delivered": 7, "excluded": []}, {"deliveries": "00", "excluded": []}])
def test_ready_call__kept_for_others_or_by_an_earlier_version__isnt_sent(kept: Any, chain: Chain, folder: Path) -> None:
    program = chain.program(folder)
    program.journal.write("settle-0", b"call")
    if kept:
        program.journal.set_fact("ready-0", kept)
    assert program._ready_call(0, chain.deliveries) is None
    program.journal.close()


def test_deliveries_hash__each_delivery__is_the_escrows(play: Play) -> None:
    play.to_delivering()
    seen = set()
    for trainer in reversed(play.trainers):
        trainer.deliver()
        seen.add(play.project.deliveries_hash(0))
        assert play.project.deliveries_hash(0) == bytes(play.project.escrow.deliveries())
    assert len(seen) == SEATS

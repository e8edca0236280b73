"""One word of storage that holds where a project stands: packing, masks, and the phase that follows from it."""

from __future__ import annotations

import random
from typing import Any

import pytest

BITS = {
    "state": 4,
    "round": 12,
    "current": 4,
    "in_scoring": 4,
    "accepted": 8,
    "spent": 8,
    "active": 32,
    "submitted": 32,
    "delivered": 32,
    "d1": 40,
    "d2": 40,
    "d3": 40,
}
MACHINES = {
    "nothing": dict.fromkeys(BITS, 0),
    "everything": {name: 2**bits - 1 for name, bits in BITS.items()},
    **{f"{name} alone": dict.fromkeys(BITS, 0) | {name: 2**bits - 1} for name, bits in BITS.items()},
    **{f"all but {name}": {n: (2**b - 1) * (n != name) for n, b in BITS.items()} for name in BITS},
}


def random_machines(count: int, seed: int = 1) -> list[dict[str, int]]:
    draw = random.Random(seed)
    return [{name: draw.getrandbits(bits) for name, bits in BITS.items()} for _ in range(count)]


def packed(machine: dict[str, int]) -> int:
    """Fields one behind the other, the first at the lowest bits."""
    word, shift = 0, 0
    for name, bits in BITS.items():
        word |= machine[name] << shift
        shift += bits
    assert shift == 256
    return word


@pytest.mark.parametrize("fields", [*MACHINES.values(), *random_machines(20)], ids=[*MACHINES, *map(str, range(20))])
def test_pack__then_unpack__gives_the_same(machine: Any, fields: dict[str, int]) -> None:
    word = machine.pack(fields)
    assert word == packed(fields)
    assert dict(zip(BITS, machine.unpack(word), strict=True)) == fields


def masks() -> list[int]:
    draw = random.Random(2)
    edges = [0, 2**32 - 1, 0x55555555, 0xAAAAAAAA, 0x0F0F0F0F, 0xFF00FF00, 0x80000001, 0x7FFFFFFF]
    return edges + [1 << bit for bit in range(32)] + [draw.getrandbits(32) for _ in range(20)]


@pytest.mark.parametrize("mask", masks(), ids=hex)
def test_count_and_seats_of__mask__are_of_its_bits(machine: Any, mask: int) -> None:
    assert machine.count(mask) == mask.bit_count()
    assert machine.seats_of(mask) == [bit for bit in range(32) if mask >> bit & 1]


# --- phases: four seats, three rows are enough; D1 = 100, D2 = 200, D3 = 300

ALL, THREE, TWO, NONE = 0b1111, 0b0111, 0b0011, 0
PHASES = [
    # active, submitted, delivered, now, phase
    (ALL, NONE, NONE, 100, "collecting"),
    (ALL, THREE, NONE, 100, "collecting"),
    (ALL, NONE, NONE, 101, "failed"),
    (ALL, TWO, NONE, 101, "failed"),
    (ALL, THREE, NONE, 101, "delivering"),
    (ALL, ALL, NONE, 50, "delivering"),
    (ALL, ALL, NONE, 200, "delivering"),
    (ALL, ALL, THREE, 200, "delivering"),
    (ALL, ALL, TWO, 201, "failed"),
    (ALL, ALL, NONE, 201, "failed"),
    (ALL, ALL, THREE, 201, "scoring"),
    (ALL, ALL, ALL, 50, "scoring"),
    (ALL, ALL, ALL, 200, "scoring"),
    (ALL, ALL, ALL, 10**9, "scoring"),  # until somebody slashes
    (ALL, THREE, THREE, 100, "collecting"),  # can't be: nobody delivers while collecting
    (ALL, THREE, THREE, 101, "scoring"),
    (ALL, THREE, 0b0101, 200, "delivering"),
    (ALL, THREE, 0b0101, 201, "failed"),
    (THREE, THREE, NONE, 50, "delivering"),  # the fourth has left
    (TWO, TWO, NONE, 50, "failed"),  # too few are left, and all of them have submitted
    (TWO, 0b0001, NONE, 50, "collecting"),
    (NONE, NONE, NONE, 50, "failed"),
]
NUMBERS = {"vacant": 6, "collecting": 7, "failed": 8, "delivering": 9, "scoring": 10}


def running(**changes: int) -> dict[str, int]:
    return dict.fromkeys(BITS, 0) | {"state": 3, "current": 1, "d1": 100, "d2": 200, "d3": 300} | changes


@pytest.mark.parametrize(("active", "submitted", "delivered", "now", "phase"), PHASES)
def test_phase__running_round__is_the_first_that_holds(
    machine: Any, active: int, submitted: int, delivered: int, now: int, phase: str
) -> None:
    fields = running(active=active, submitted=submitted, delivered=delivered)
    assert machine.phase(fields, 3, now) == NUMBERS[phase]


@pytest.mark.parametrize("now", [0, 100, 10**9])
@pytest.mark.parametrize("delivered", [NONE, ALL])
def test_phase__nobody_has_the_turn__is_vacant(machine: Any, delivered: int, now: int) -> None:
    fields = running(current=0, active=ALL, submitted=delivered, delivered=delivered)
    assert machine.phase(fields, 3, now) == NUMBERS["vacant"]


@pytest.mark.parametrize("state", [0, 1, 2, 4, 5])
def test_phase__outside_the_rounds__is_the_stored_state(machine: Any, state: int) -> None:
    for current in (0, 1):
        assert machine.phase(running(state=state, current=current, active=ALL), 3, 150) == state

"""Calls spoilt at random, as trees of words and as bytes: contract and Python agree, and accept nothing but the call.

Each seed stands for itself: `ape test tests/unit/round_verifier/test_fuzz.py -k "seed and 17"` does it again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.gram_cases import P
from tests.gram_mutations import Q
from tests.round_calls import (
    LISTS,
    Answers,
    Call,
    Path,
    arguments_of,
    ask_python,
    call_of,
    fits,
    get,
    points,
    put,
    reason_of,
    send,
    with_right_hints,
    words,
)
from tests.round_cases import RoundCase, case_named

AskBoth = Callable[[RoundCase, list[Call]], list[Answers]]

CASES = [
    case_named(name)
    for name in (
        "single row",
        "longer SRS",
        "ten rows",
        "one public row",
        "public rows",
        "five public rows",
        "ten rows and public ones",
    )
]
SPECIAL = [0, 1, P - 1, P, P + 1, Q, Q + 1, 2**128, 2**255, 2**256 - 1, -1, -P, -(2**255)]
COUNT = 100  # calls of a seed
MOST_ITEMS = 820  # of any list of the contract's
SEEDS = [*range(10), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(10, 210))]

seeded = pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed {seed}")


# --- words, points and lists


def spoil(rng: random.Random, call: Call) -> Call:
    """One thing changed, or none if chance will have it."""
    return rng.choice([flip, replace, shift, exchange, move_point, resize])(rng, call)


def flip(rng: random.Random, call: Call) -> Call:
    path = rng.choice(list(words(call)))
    return put_if_it_fits(call, path, get(call, path) ^ 1 << rng.randrange(256))


def replace(rng: random.Random, call: Call) -> Call:
    return put_if_it_fits(call, rng.choice(list(words(call))), rng.choice(SPECIAL))


def shift(rng: random.Random, call: Call) -> Call:
    path = rng.choice(list(words(call)))
    return put_if_it_fits(
        call, path, get(call, path) + rng.choice([1, -1]) * rng.choice([1, P, Q, rng.getrandbits(80)])
    )


def exchange(rng: random.Random, call: Call) -> Call:
    one, other = rng.sample(list(words(call)), 2)
    return put_if_it_fits(put_if_it_fits(call, one, get(call, other)), other, get(call, one))


def move_point(rng: random.Random, call: Call) -> Call:
    """One in place of another, or the two exchanged."""
    one, other = rng.sample(points(call), 2)
    changed = put(call, one, get(call, other))
    return changed if rng.random() < 0.5 else put(changed, other, get(call, one))


def resize(rng: random.Random, call: Call) -> Call:
    """An item less, one twice, or all of them shuffled."""
    path = rng.choice([path for path in LISTS if get(call, path)])
    values = list(get(call, path))
    k = rng.randrange(len(values))
    if rng.random() < 0.3:
        rng.shuffle(values)
        return put(call, path, values)
    return put(call, path, [*values[:k], *values[k : k + 1] * rng.choice([0, 2]), *values[k + 1 :]])


def put_if_it_fits(call: Call, path: Path, value: int) -> Call:
    return put(call, path, value) if fits(path, value) else call


@seeded
def test_judge__spoilt_at_random__refused_by_both(ask_both: AskBoth, seed: int) -> None:
    rng = random.Random(seed)
    case = CASES[seed % len(CASES)]
    right, calls = call_of(case), []
    for _ in range(COUNT):
        call = right
        for _ in range(rng.choice([1, 1, 2, 3])):
            call = spoil(rng, call)
        fresh = call["hints"] == right["hints"] and rng.random() < 0.8
        calls.append(with_right_hints(call, case.key) if fresh else call)
    wrong = [
        (call, answers)
        for call, answers in zip(calls, ask_both(case, calls), strict=True)
        if not (answers.accepted if call == right else answers.refused)
    ]
    assert not wrong, f"seed {seed}"


# --- bytes


def spoil_bytes(rng: random.Random, data: bytes) -> bytes:
    """Of what follows the selector."""
    at, word = rng.randrange(len(data)), 32 * rng.randrange(len(data) // 32)
    return rng.choice(
        [
            data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :],
            data[:at],
            data[: rng.randrange(len(data) - 64, len(data))],
            data + rng.randbytes(rng.choice([1, 32, 100])),
            data[:word] + rng.choice([b"", bytes(32), data[word : word + 32] * 2]) + data[word + 32 :],
            data[:word] + (rng.choice(SPECIAL) % 2**256).to_bytes(32, "big") + data[word + 32 :],
            data[:word] + (rng.randrange(0, len(data), 32)).to_bytes(32, "big") + data[word + 32 :],
        ]
    )


class TooLongError(ValueError):
    """No list of the contract's is as long."""


def word(data: bytes, at: int) -> int:
    """Beyond the end there are zeros, as the contract has it."""
    return int.from_bytes(data[at : at + 32].ljust(32, b"\0"), "big")


def read(like: Call, data: bytes, path: Path = (), at: int = 0) -> Any:
    """What ABI-encoded arguments say: a tree of the shape of another call's, but for the lengths of its lists."""
    shape = get(like, path)
    if isinstance(shape, int):
        value = word(data, at)
        return value - (value >> 255 << 256) if path[0] == "gram" else value
    if path in LISTS:
        if word(data, at) > MOST_ITEMS:
            raise TooLongError
        size, item = size_of(shape[0]), (*path, 0)
        return [read(like, data, item, at + 32 + size * k) for k in range(word(data, at))]
    values, head = {}, at
    for key in shape if isinstance(shape, dict) else range(len(shape)):
        below = (*path, key)
        apart = below in LISTS or isinstance(shape[key], dict)  # its head is an offset
        values[key] = read(like, data, below, at + word(data, head) if apart else head)
        head += 32 if apart else size_of(shape[key])
    return values if isinstance(shape, dict) else list(values.values())


def size_of(shape: Any) -> int:
    return 32 * len(list(words(shape)))


@seeded
def test_verify__calldata_spoilt_at_random__refused_unless_it_says_the_same(
    ask_both: AskBoth, verifier_for: Callable[[RoundCase], Any], chain: Any, seed: int
) -> None:
    rng = random.Random(-seed - 1)
    case = CASES[seed % len(CASES)]
    verifier, right = verifier_for(case), call_of(case)
    encoded = bytes(verifier.verify.encode_input(*arguments_of(right)))
    selector, data = encoded[:4], encoded[4:]
    assert read(right, data) == right
    spoilt = [spoil_bytes(rng, data) for _ in range(COUNT)]
    answers = send(chain.provider.web3, verifier, [selector + one for one in spoilt])
    for one, answer in zip(spoilt, answers, strict=True):
        accepted, told = reason_of(answer) is None, f"seed {seed}: {one.hex()}"
        try:
            call = read(right, one)
        except TooLongError:
            assert not accepted, told
        else:
            assert accepted == (call == right), told
            assert accepted == (ask_python(case.key, call) is None), told

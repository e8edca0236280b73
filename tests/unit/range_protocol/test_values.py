"""Closed forms and inverses against the sums and quotients that they stand for."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import prod
from typing import Any

import ape
import pytest

from tests.gram_cases import P
from tests.range_cases import case_named, factors_of, hint_of

Values = tuple[int, int, int]


@pytest.fixture(scope="module")
def protocol(deploy: Callable[..., Any]) -> Any:
    case = case_named("two rows")
    return deploy("RangeProtocolMock", case.tau_g2, case.srs_size)


def random_challenges(seed: int) -> Values:
    rng = random.Random(seed)
    return rng.randrange(P), rng.randrange(P), rng.randrange(P)


def inverse(value: int) -> int:
    return pow(value, -1, P)


@pytest.mark.parametrize("challenges", [random_challenges(1), random_challenges(2), (2, 3, 4), (P - 1, P - 2, P - 3)])
def test_inverses__of_challenges__are_those(protocol: Any, challenges: Values) -> None:
    y, zeta, x = challenges
    zinv, opp = inverse(zeta), y * inverse(zeta)
    found = protocol.inverses(y, zeta, x, hint_of(y, zeta, x))
    assert {name: value % P for name, value in found.items()} == {
        "zeta": zinv,
        "y_less_1": inverse(y - 1),
        "zinv_less_1": inverse(zinv - 1),
        "opp_less_1": inverse(opp - 1),
        "x_less_zeta": inverse(x - zeta),
        "x_less_zinv": inverse(x - zinv),
        "x_less_opp": inverse(x - opp),
    }


ROOT = 123_456_789
DEGENERATE = {
    "y is 0": (0, 5, 7),
    "y is 1": (1, 5, 7),
    "zeta is 0": (3, 0, 7),
    "zeta is 1": (3, 1, 7),
    "zeta is -1": (3, P - 1, 7),
    "opp is 1": (5, 5, 7),
    "opp is zeta": (ROOT**2 % P, ROOT, 7),
    "opp is minus root's zeta": (ROOT**2 % P, P - ROOT, 7),
    "x is zeta": (3, 5, 5),
    "x is 1/zeta": (3, 5, inverse(5)),
    "x is opp": (3, 5, 3 * inverse(5) % P),
}


@pytest.mark.parametrize("challenges", DEGENERATE.values(), ids=DEGENERATE.keys())
def test_inverses__degenerate_challenge__no_hint_will_do(protocol: Any, challenges: Values) -> None:
    factors = factors_of(*challenges)
    of_the_rest = inverse(prod(factor for factor in factors if factor % P))
    for hint in (0, 1, of_the_rest):
        with ape.reverts("range: wrong hint"):
            protocol.inverses(*challenges, hint)


@pytest.mark.parametrize("hint", [0, 1, 2])
def test_inverses__wrong_hint__reverts(protocol: Any, hint: int) -> None:
    with ape.reverts("range: wrong hint"):
        protocol.inverses(3, 5, 7, (hint_of(3, 5, 7) + 1) * hint % P)


@pytest.mark.parametrize(("dimension", "bits"), [(17, 2), (18, 3), (40, 5), (33, 8), (2**12, 12)])
def test_values__closed_forms__are_the_sums(protocol: Any, dimension: int, bits: int) -> None:
    y, zeta, x = random_challenges(dimension)
    zinv = inverse(zeta)
    opp, size = y * zinv % P, 1 << bits
    answer = protocol.values(dimension, bits, y, zeta, protocol.inverses(y, zeta, x, hint_of(y, zeta, x)))

    def powers_of(base: int, count: int) -> list[int]:
        return [pow(base, k, P) for k in range(count)]

    expected = {
        "ones_d_y": sum(powers_of(y, dimension)),
        "ones_d_zinv": sum(powers_of(zinv, dimension)),
        "ones_d_opp": sum(powers_of(opp, dimension)),
        "ones_size_zinv": sum(powers_of(zinv, size)),
        "ones_size_opp": sum(powers_of(opp, size)),
        "table_opp": sum((t - size // 2) * power for t, power in enumerate(powers_of(opp, size))),
    }
    assert {name: value % P for name, value in answer.items()} == {k: v % P for k, v in expected.items()}
    # what the callers' unchecked sums rely on
    assert all(value < 2 * P for value in answer.values())

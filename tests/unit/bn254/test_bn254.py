"""The module against py_ecc, at the edges of what the precompiles take."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from py_ecc import bn128

from tests.unit.bn254.points import (
    IDENTITY,
    IDENTITY_G2,
    WORD_MAX,
    G1Words,
    P,
    Q,
    g1,
    g1_words,
    g2,
    g2_words,
    outside_of_subgroup,
)

NO_MESSAGE = "Transaction failed."  # what Ape reads into a revert without one
X, Y = g1(0xC0FFEE)
POINTS = [IDENTITY, (1, 2), (1, Q - 2), g1(2), g1(P // 2), (X, Y)]
SCALARS = [0, 1, 2, 0xC0FFEE, P - 1, P, P + 1, WORD_MAX]


def test_constants__of_the_module__are_those_of_the_curve(bn254: Any) -> None:
    p, q, generator, minus_g2 = bn254.constants()
    assert (p, q) == (P, Q)
    assert tuple(generator) == g1_words(bn128.G1)
    assert tuple(minus_g2) == g2_words(bn128.neg(bn128.G2))


# --- check -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", POINTS)
def test_check__point_of_the_curve__accepts(bn254: Any, point: G1Words) -> None:
    bn254.check(point)


@pytest.mark.parametrize("point", [(1, 1), (X, Y + 1), (X + 1, Y), (Y, X), (0, 1), (1, 0), (0, Q - 1), (Q - 1, Q - 1)])
def test_check__point_off_the_curve__reverts(bn254: Any, point: G1Words) -> None:
    with ape.reverts("bn254: not on the curve"):
        bn254.check(point)


@pytest.mark.parametrize(
    "point",
    [(Q, 0), (0, Q), (Q, Q), (X + Q, Y), (X, Y + Q), (Q + 1, 2), (WORD_MAX, Y), (X, WORD_MAX), (WORD_MAX, WORD_MAX)],
)
def test_check__coordinate_not_below_q__reverts(bn254: Any, point: G1Words) -> None:
    with ape.reverts("bn254: coordinate not canonical"):
        bn254.check(point)


@pytest.mark.parametrize("point", [(0, 0, 0, 0), g2(1), g2(0xC0FFEE), g2(P - 1)])
def test_is_in_g2__point_of_the_group__is(bn254: Any, point: tuple[int, ...]) -> None:
    assert bn254.is_in_g2(point)


@pytest.mark.parametrize("word", range(4))
@pytest.mark.parametrize("shift", [1, Q])
def test_is_in_g2__coordinate_changed__is_not(bn254: Any, word: int, shift: int) -> None:
    point = list(g2(0xC0FFEE))
    point[word] += shift
    assert not bn254.is_in_g2(point)


def test_is_in_g2__outside_of_the_subgroup__is_not(bn254: Any) -> None:
    assert not bn254.is_in_g2(outside_of_subgroup())


# --- sums and multiples ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("b", POINTS)
@pytest.mark.parametrize("a", POINTS)
def test_add__two_points__is_their_sum(bn254: Any, a: G1Words, b: G1Words) -> None:
    assert tuple(bn254.add(a, b)) == g1_words(bn128.add(_point(a), _point(b)))


@pytest.mark.parametrize("scalar", SCALARS)
@pytest.mark.parametrize("point", POINTS)
def test_multiply__any_scalar__is_the_multiple(bn254: Any, point: G1Words, scalar: int) -> None:
    # scalars need not be reduced: the verifier passes on some that are not
    assert tuple(bn254.multiply(point, scalar)) == g1_words(bn128.multiply(_point(point), scalar % P))


@pytest.mark.parametrize("point", [(X, Y + 1), (X + Q, Y), (Q, 0)])
def test_add_and_multiply__invalid_point__revert(bn254: Any, point: G1Words) -> None:
    with ape.reverts(NO_MESSAGE):
        bn254.add(point, IDENTITY)
    with ape.reverts(NO_MESSAGE):
        bn254.add(IDENTITY, point)
    with ape.reverts(NO_MESSAGE):
        bn254.multiply(point, 0)


@pytest.mark.parametrize("point", POINTS)
def test_negate__point__is_its_negative(bn254: Any, point: G1Words) -> None:
    assert tuple(bn254.negate(point)) == g1_words(bn128.neg(_point(point)))


@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_weighted_sum__points__is_the_sum(bn254: Any, count: int) -> None:
    weights = [SCALARS[i % len(SCALARS)] for i in range(40)]  # those beyond the points don't count
    total = sum((i + 1) * weight for i, weight in enumerate(weights[:count]))
    assert tuple(bn254.weighted_sum([g1(i + 1) for i in range(count)], weights)) == g1(total)


@pytest.mark.parametrize("weight", [0, 1])
@pytest.mark.parametrize("place", [0, 2])
def test_weighted_sum__point_off_the_curve__reverts(bn254: Any, place: int, weight: int) -> None:
    points = [(X, Y)] * 3
    points[place] = (X, Y + 1)
    with ape.reverts("bn254: not on the curve"):
        bn254.weighted_sum(points, [weight] * 40)


# --- powers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [0, 1, 2, 17, 2**29 - 1, P - 2, P - 1, WORD_MAX])
@pytest.mark.parametrize("base", [0, 1, 2, P - 1, P, P + 2, WORD_MAX])
def test_power__any_words__is_the_power(bn254: Any, base: int, exponent: int) -> None:
    assert bn254.power(base, exponent) == pow(base, exponent, P)


# --- pairings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [1, 2, 0xC0FFEE, P - 1])
@pytest.mark.parametrize("b", [1, 5, P - 1])
def test_pairings_agree__a_is_tau_b__do(bn254: Any, tau: int, b: int) -> None:
    assert bn254.pairings_agree(g1(tau * b), g1(b), g2(tau))


@pytest.mark.parametrize(("a", "b", "tau"), [(11, 5, 2), (-10, 5, 2), (10, -5, 2), (0, 5, 2), (10, 0, 2), (5, 10, 2)])
def test_pairings_agree__a_is_not_tau_b__do_not(bn254: Any, a: int, b: int, tau: int) -> None:
    assert not bn254.pairings_agree(g1(a), g1(b), g2(tau))


def test_pairings_agree__of_identities__do(bn254: Any) -> None:
    assert bn254.pairings_agree(IDENTITY, IDENTITY, g2(3))
    assert bn254.pairings_agree(IDENTITY, g1(7), IDENTITY_G2)
    assert not bn254.pairings_agree(g1(7), IDENTITY, g2(3))


@pytest.mark.parametrize("rho", [0, 1, 0xC0FFEE])
def test_pairings_agree__two_checks_in_one__do_if_both_do(bn254: Any, rho: int) -> None:
    tau, first, second = 77, 5, 8
    assert bn254.pairings_agree(g1(tau * first + rho * tau * second), g1(first + rho * second), g2(tau))
    wrong = bn254.pairings_agree(g1(tau * first + rho * (tau * second + 1)), g1(first + rho * second), g2(tau))
    assert wrong == (rho == 0)


def test_pairings_agree__invalid_point__reverts(bn254: Any) -> None:
    for a, b, b_g2 in (
        ((X, Y + 1), IDENTITY, g2(1)),
        (IDENTITY, (X, Y + 1), g2(1)),
        (IDENTITY, (Q, 0), g2(1)),
        (IDENTITY, IDENTITY, outside_of_subgroup()),
    ):
        with ape.reverts(NO_MESSAGE):
            bn254.pairings_agree(a, b, b_g2)


def _point(words: G1Words) -> Any:
    return None if words == IDENTITY else (bn128.FQ(words[0]), bn128.FQ(words[1]))

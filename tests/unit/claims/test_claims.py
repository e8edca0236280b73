"""Two claims in one, and a claim with a weighted sum of its rows: only if both hold."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak

from tests.unit.bn254.points import P, Q, g1, g2

TAU = 987_654_321
RNG = random.Random(5)
ROWS = [RNG.randrange(P) for _ in range(3)]  # discrete logarithms


@dataclass(frozen=True)
class Claim:
    """With discrete logarithms for points."""

    weights: tuple[int, ...]
    base: int
    point: int
    opening: int
    digest: bytes

    @property
    def words(self) -> tuple[Any, ...]:
        weights = [*self.weights, *[0] * (40 - len(self.weights))]
        return weights, self.base, g1(self.point), g1(self.opening), self.digest

    @property
    def error(self) -> int:
        """0 if it holds."""
        rows = sum(weight * row for weight, row in zip(self.weights, ROWS, strict=True))
        return (self.point + self.base + rows - TAU * self.opening) % P

    def off_by(self, error: int) -> Claim:
        return replace(self, point=(self.point - self.error + error) % P)


def claim_with(error: int) -> Claim:
    weights = tuple(RNG.randrange(P) for _ in ROWS)
    claim = Claim(weights, RNG.randrange(P), RNG.randrange(P), RNG.randrange(P), RNG.randbytes(32))
    return claim.off_by(error)


TRUE, ALSO_TRUE = claim_with(0), claim_with(0)


@pytest.fixture(scope="module")
def claims(deploy: Callable[..., Any]) -> Any:
    return deploy("ClaimsMock")


@pytest.fixture(scope="module")
def hold_together(claims: Any) -> Callable[[Claim, Claim], bool]:
    def check(first: Claim, second: Claim) -> bool:
        both = claims.both(first.words, second.words, len(ROWS))
        return claims.holds(tuple(both.values()), [g1(row) for row in ROWS], g2(TAU))

    return check


@pytest.mark.parametrize(
    ("rows", "dimension", "sound"),
    [(1, 17, True), (1, 16, False), (0, 17, False), (40, 56, True), (40, 55, False), (1, 84, True), (1, 85, False)],
)
def test_is_sound__at_its_bounds(claims: Any, rows: int, dimension: int, sound: bool) -> None:
    """16 entries beyond the rows, and 16 powers of the SRS, here of 100, beyond the entries."""
    assert claims.is_sound(rows, dimension, 100) == sound


def test_holds__true_claim__does(claims: Any) -> None:
    assert claims.holds(TRUE.words, [g1(row) for row in ROWS], g2(TAU))


@pytest.mark.parametrize("field", ["base", "point", "opening"])
def test_holds__one_off__does_not(claims: Any, field: str) -> None:
    wrong = replace(TRUE, **{field: getattr(TRUE, field) + 1})
    assert not claims.holds(wrong.words, [g1(row) for row in ROWS], g2(TAU))


def test_holds__weights_not_below_the_modulus__count_modulo_it(claims: Any) -> None:
    """As they are once claims have been added up."""
    unreduced = replace(TRUE, weights=tuple(weight + 3 * P for weight in TRUE.weights), base=TRUE.base + 3 * P)
    assert claims.holds(unreduced.words, [g1(row) for row in ROWS], g2(TAU))
    both = claims.both(unreduced.words, ALSO_TRUE.words, len(ROWS))  # 2^256 > 5 P
    assert claims.holds(tuple(both.values()), [g1(row) for row in ROWS], g2(TAU))


@pytest.mark.parametrize("row", range(3))
def test_holds__one_weight_off__does_not(claims: Any, row: int) -> None:
    weights = tuple(weight + (i == row) for i, weight in enumerate(TRUE.weights))
    assert not claims.holds(replace(TRUE, weights=weights).words, [g1(row) for row in ROWS], g2(TAU))


def test_both__of_true_claims__holds(hold_together: Callable[..., bool]) -> None:
    assert hold_together(TRUE, ALSO_TRUE)
    assert hold_together(ALSO_TRUE, TRUE)


@pytest.mark.parametrize("errors", [(1, 0), (0, 1), (1, 1), (1, -1), (5, -5), (-7, 7)])
def test_both__a_false_one__does_not_hold(hold_together: Callable[..., bool], errors: tuple[int, int]) -> None:
    # errors that cancel in a plain sum among them
    assert not hold_together(TRUE.off_by(errors[0]), ALSO_TRUE.off_by(errors[1]))


def test_both__openings_that_cancel__does_not_hold(hold_together: Callable[..., bool]) -> None:
    first = replace(TRUE, opening=TRUE.opening + 3)
    second = replace(ALSO_TRUE, opening=ALSO_TRUE.opening - 3)
    assert (first.error + second.error) % P == 0
    assert not hold_together(first, second)


def test_both__factor__is_drawn_from_digests_and_openings(claims: Any) -> None:
    values = [TRUE.digest, g1(TRUE.opening), ALSO_TRUE.digest, g1(ALSO_TRUE.opening)]
    digest = keccak(encode(["bytes32", "uint256[2]", "bytes32", "uint256[2]"], values))
    factor = int.from_bytes(digest, "big") % P
    both = claims.both(TRUE.words, ALSO_TRUE.words, len(ROWS))
    weights = [(a + factor * b) % P for a, b in zip(TRUE.weights, ALSO_TRUE.weights, strict=True)]
    assert [weight % P for weight in both.weights] == weights + [0] * 37
    assert both.base % P == (TRUE.base + factor * ALSO_TRUE.base) % P
    assert tuple(both.point) == g1(TRUE.point + factor * ALSO_TRUE.point)
    assert tuple(both.opening) == g1(TRUE.opening + factor * ALSO_TRUE.opening)
    assert both.digest == digest


FACTORS = (2**32, 0, 7)
SUM = sum(factor * row for factor, row in zip(FACTORS, ROWS, strict=True))


@pytest.fixture(scope="module")
def holds_with_sum(claims: Any) -> Callable[[Claim, int], bool]:
    def check(claim: Claim, total: int) -> bool:
        factors = [*FACTORS, *[0] * (32 - len(FACTORS))]
        both = claims.with_sum(claim.words, factors, g1(total), len(ROWS))
        return claims.holds(tuple(both.values()), [g1(row) for row in ROWS], g2(TAU))

    return check


def test_with_sum__both_true__holds(holds_with_sum: Callable[..., bool]) -> None:
    assert holds_with_sum(TRUE, SUM)


@pytest.mark.parametrize("errors", [(0, 1), (0, -1), (1, 0), (1, 1), (-1, 1), (5, -5), (5, 5)])
def test_with_sum__one_false__does_not_hold(holds_with_sum: Callable[..., bool], errors: tuple[int, int]) -> None:
    # errors that cancel in a plain sum or difference among them
    assert not holds_with_sum(TRUE.off_by(errors[0]), SUM + errors[1])


@pytest.mark.parametrize("total", [-SUM, 2 * SUM, ROWS[0], 0])
def test_with_sum__another_sum__does_not_hold(holds_with_sum: Callable[..., bool], total: int) -> None:
    assert not holds_with_sum(TRUE, total)


def test_with_sum__no_point_of_the_curve__reverts(claims: Any) -> None:
    for point, error in (((1, 3), "bn254: not on the curve"), ((1 + Q, 2), "bn254: coordinate not canonical")):
        with ape.reverts(error):
            claims.with_sum(TRUE.words, [0] * 32, point, len(ROWS))


def test_with_sum__factor__is_drawn_from_digest_weights_and_sum(claims: Any) -> None:
    factors = [*FACTORS, *[0] * 29]
    digest = keccak(encode(["bytes32", "uint256[32]", "uint256[2]"], [TRUE.digest, factors, g1(SUM)]))
    factor = int.from_bytes(digest, "big") % P
    both = claims.with_sum(TRUE.words, factors, g1(SUM), len(ROWS))
    weights = [(a + factor * b) % P for a, b in zip(TRUE.words[0], [*factors, *[0] * 8], strict=True)]
    assert [weight % P for weight in both.weights] == weights
    assert tuple(both.point) == g1(TRUE.point - factor * SUM)
    assert (both.base, tuple(both.opening), both.digest) == (TRUE.base, g1(TRUE.opening), digest)

"""The transcript of range proofs: the vectors' challenges, and that each item bound changes all challenges after it."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import Any

import pytest

from offchain.proving import range_transcript, transcript
from offchain.proving.range_transcript import (
    RangeProof,
    RangeStatement,
    range_challenges,
    range_hint,
    range_is_sound,
)
from tests.offchain.proving.cases import range_proof_of, range_statement_of
from tests.offchain.proving.reference import P
from tests.range_cases import RangeCase, case_named, load_cases, load_vectors

CASE = case_named("longer SRS")
STATEMENT, PROOF = range_statement_of(CASE), range_proof_of(CASE)
CHI, Y, RHO, ZETA, DELTA, GAMMA, X, NONE = range(8)  # in the order in which they are drawn


def drawn(
    tau_g2: Any = CASE.tau_g2, statement: RangeStatement = STATEMENT, proof: RangeProof = PROOF
) -> tuple[int, ...]:
    return astuple(range_challenges(tau_g2, statement, proof))


@pytest.mark.parametrize("vector", load_vectors()["cases"], ids=lambda vector: vector["name"])
def test_range_challenges__of_a_vector__are_its_own(vector: dict[str, Any]) -> None:
    case = case_named(vector["name"])
    names = ("chi", "y", "rho", "zeta", "delta", "gamma", "x")
    expected = tuple(int(vector["challenges"][name], 0) for name in names)
    assert drawn(case.tau_g2, range_statement_of(case), range_proof_of(case)) == expected


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
def test_range_hint__of_vectors__is_theirs(case: RangeCase) -> None:
    assert range_hint(case.tau_g2, range_statement_of(case), range_proof_of(case)) == case.hint


def test_range_challenges__of_a_proof__are_distinct_scalars() -> None:
    assert len(set(drawn())) == 7
    assert all(2**200 < value < P for value in drawn())


def put(values: tuple, index: int, value: Any) -> tuple:
    return (*values[:index], value, *values[index + 1 :])


def of_statement(**fields: Any) -> dict[str, Any]:
    return {"statement": replace(STATEMENT, **fields)}


def of_proof(**fields: Any) -> dict[str, Any]:
    return {"proof": replace(PROOF, **fields)}


def flipped(point: tuple[int, int]) -> list[tuple[int, int]]:
    """The point with a bit of either coordinate changed."""
    return [(point[0] ^ 1, point[1]), (point[0], point[1] ^ 1)]


CONTEXT, COMMITMENTS, INVERSES = STATEMENT.context, STATEMENT.commitments, PROOF.inverses
POINTS = {"multiplicities": CHI, "mask": Y, "table": Y, "positive": ZETA, "negative": ZETA, "w": X, "l": NONE}
SCALARS = {"mask_constant": RHO, "g_zeta": DELTA, "m_zeta": DELTA, "positive_zeta": DELTA}
BOUND = [  # (what changes, the first challenge that must)
    *[({"tau_g2": put(CASE.tau_g2, k, CASE.tau_g2[k] ^ 1)}, CHI) for k in range(4)],
    (of_statement(context=bytes([CONTEXT[0] ^ 1]) + CONTEXT[1:]), CHI),
    (of_statement(context=CONTEXT[:-1] + bytes([CONTEXT[-1] ^ 1])), CHI),
    (of_statement(dimension=STATEMENT.dimension + 1), CHI),
    (of_statement(bits=STATEMENT.bits + 1), CHI),
    *[(of_statement(commitments=put(COMMITMENTS, k, c)), CHI) for k in range(3) for c in flipped(COMMITMENTS[k])],
    (of_statement(commitments=(COMMITMENTS[1], COMMITMENTS[0], COMMITMENTS[2])), CHI),
    (of_statement(commitments=COMMITMENTS[:-1]), CHI),
    *[(of_proof(inverses=put(INVERSES, k, c)), Y) for k in range(4) for c in flipped(INVERSES[k])],
    (of_proof(inverses=(*INVERSES[:2], INVERSES[3], INVERSES[2])), Y),
    (of_proof(inverses=INVERSES[:-1]), Y),
    *[(of_proof(**{name: point}), first) for name, first in POINTS.items() for point in flipped(getattr(PROOF, name))],
    *[(of_proof(**{name: getattr(PROOF, name) ^ 1}), first) for name, first in SCALARS.items()],
    *[(of_proof(f_zeta=put(PROOF.f_zeta, k, PROOF.f_zeta[k] ^ 1)), DELTA) for k in range(4)],
    *[(of_proof(v_opp=put(PROOF.v_opp, k, PROOF.v_opp[k] ^ 1)), DELTA) for k in range(4)],
    # a value that moves from one list to the other
    (of_proof(f_zeta=PROOF.f_zeta[:-1], v_opp=(PROOF.f_zeta[-1], *PROOF.v_opp)), DELTA),
]


@pytest.mark.parametrize(("change", "first"), BOUND)
def test_range_challenges__one_item_changed__all_later_ones_change(change: dict[str, Any], first: int) -> None:
    before, after = drawn(), drawn(**change)
    assert [a == b for a, b in zip(before, after, strict=True)] == [k < first for k in range(7)]


def test_bound__items_of_statement_and_proof__are_all_there() -> None:
    for kind, whole in (("statement", STATEMENT), ("proof", PROOF)):
        names = set(vars(whole))
        changed = [change[kind] for change, _ in BOUND if kind in change]
        assert {name for name in names for other in changed if getattr(other, name) != getattr(whole, name)} == names


@pytest.mark.parametrize(
    ("module", "name", "value"), [(range_transcript, "_DOMAIN", bytes(32)), (transcript, "TAIL", 7)]
)
def test_range_challenges__another_domain_or_tail__all_change(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, value: object
) -> None:
    before = drawn()
    monkeypatch.setattr(module, name, value)
    assert not any(a == b for a, b in zip(before, drawn(), strict=True))


def test_as_struct__of_a_proof__is_in_the_transcripts_order() -> None:
    """Statement and multiplicities aside, the members come as they are bound."""
    assert PROOF.as_struct() == (
        *(PROOF.multiplicities, PROOF.inverses, PROOF.mask, PROOF.table, PROOF.mask_constant),
        *(PROOF.positive, PROOF.negative, PROOF.f_zeta, PROOF.v_opp),
        *(PROOF.g_zeta, PROOF.m_zeta, PROOF.positive_zeta, PROOF.w, PROOF.l),
    )


def test_range_is_sound__around_its_bounds__holds_between_them() -> None:
    sound = [(n, d) for n in (0, 1, 2) for d in range(15, 30) if range_is_sound(n, d, 3, 40)]
    assert sound == [(1, d) for d in range(17, 25)] + [(2, d) for d in range(18, 25)]
    assert [bits for bits in range(-1, 20) if range_is_sound(1, 17, bits, 2**20)] == list(range(2, 17))
    assert [bits for bits in range(-1, 20) if range_is_sound(1, 17, bits, 72)] == [2, 3, 4, 5, 6]
    assert [bits for bits in range(-1, 20) if range_is_sound(1, 17, bits, 71)] == [2, 3, 4, 5]

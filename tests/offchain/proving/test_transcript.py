"""The transcript: the vectors' challenge, and that each item bound changes every challenge after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from offchain.proving import transcript
from offchain.proving.transcript import GramProof, GramStatement, challenges, dimension_is_sound, hint
from tests.gram_cases import GramCase, case_named, load_cases
from tests.offchain.proving.cases import ROOT, proof_of, statement_of
from tests.offchain.proving.reference import P

CASE = case_named("longer SRS")
STATEMENT, PROOF = statement_of(CASE), proof_of(CASE)


def drawn(tau_g2: Any = CASE.tau_g2, statement: GramStatement = STATEMENT, proof: GramProof = PROOF) -> list[Any]:
    result = challenges(tau_g2, statement, proof)
    return [result.alpha, result.z, result.delta, result.x]


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
def test_hint__of_vectors__is_theirs(case: GramCase) -> None:
    assert hint(case.tau_g2, statement_of(case), proof_of(case)) == case.hint


def test_hint__times_what_it_inverts__is_one() -> None:
    z = drawn()[1]
    assert z * (1 - z * z) * hint(CASE.tau_g2, STATEMENT, PROOF) % P == 1


def test_challenges__of_a_proof__have_their_sizes() -> None:
    alpha, *others = drawn()
    assert len(alpha) == len(set(alpha)) == 3
    assert all(2**100 < value < 2**128 for value in alpha)
    assert all(2**200 < value < P for value in others)


def put(values: tuple, index: int, value: Any) -> tuple:
    return (*values[:index], value, *values[index + 1 :])


def of_statement(**fields: Any) -> dict[str, Any]:
    return {"statement": replace(STATEMENT, **fields)}


def of_proof(**fields: Any) -> dict[str, Any]:
    return {"proof": replace(PROOF, **fields)}


CONTEXT, COMMITMENTS, GRAM = STATEMENT.context, STATEMENT.commitments, STATEMENT.gram
BOUND = [  # (what changes, the first challenge that must)
    *[({"tau_g2": put(CASE.tau_g2, k, CASE.tau_g2[k] ^ 1)}, 0) for k in range(4)],
    (of_statement(context=bytes([CONTEXT[0] ^ 1]) + CONTEXT[1:]), 0),
    (of_statement(context=CONTEXT[:-1] + bytes([CONTEXT[-1] ^ 1])), 0),
    (of_statement(dimension=STATEMENT.dimension + 1), 0),
    *[(of_statement(commitments=put(COMMITMENTS, k, (COMMITMENTS[k][0] ^ 1, COMMITMENTS[k][1]))), 0) for k in range(3)],
    *[(of_statement(commitments=put(COMMITMENTS, k, (COMMITMENTS[k][0], COMMITMENTS[k][1] ^ 1))), 0) for k in range(3)],
    (of_statement(commitments=(COMMITMENTS[1], COMMITMENTS[0], COMMITMENTS[2])), 0),
    (of_statement(commitments=COMMITMENTS[:-1]), 0),
    *[(of_statement(gram=put(GRAM, k, GRAM[k] + 1)), 0) for k in range(6)],
    (of_statement(gram=put(GRAM, 0, -GRAM[0])), 0),
    (of_statement(gram=GRAM[:-1]), 0),
    (of_proof(mask=(PROOF.mask[0] ^ 1, PROOF.mask[1])), 0),
    (of_proof(mask=(PROOF.mask[0], PROOF.mask[1] ^ 1)), 0),
    *[(of_proof(cross=put(PROOF.cross, k, PROOF.cross[k] ^ 1)), 0) for k in range(3)],
    (of_proof(mask_norm=PROOF.mask_norm ^ 1), 0),
    *[(of_proof(**{k: (getattr(PROOF, k)[0] ^ 1, getattr(PROOF, k)[1])}), 1) for k in ("t", "h", "r")],
    *[(of_proof(**{k: (getattr(PROOF, k)[0], getattr(PROOF, k)[1] ^ 1)}), 1) for k in ("t", "h", "r")],
    *[(of_proof(**{k: getattr(PROOF, k) ^ 1}), 2) for k in ("a_z", "a_zinv", "t_z", "t_zinv", "h_z")],
    (of_proof(w=(PROOF.w[0] ^ 1, PROOF.w[1])), 3),
    (of_proof(w=(PROOF.w[0], PROOF.w[1] ^ 1)), 3),
    (of_proof(l=(PROOF.l[0] ^ 1, PROOF.l[1])), 4),  # nothing is drawn after it
]


@pytest.mark.parametrize(("change", "first"), BOUND)
def test_challenges__one_item_changed__all_later_ones_change(change: dict[str, Any], first: int) -> None:
    before, after = drawn(), drawn(**change)
    assert [a == b for a, b in zip(before, after, strict=True)] == [k < first for k in range(4)]
    if first == 0:
        assert not set(before[0]) & set(after[0])


@pytest.mark.parametrize(("name", "value"), [("_DOMAIN", bytes(32)), ("TAIL", 7)])
def test_challenges__another_domain_or_tail__all_change(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    before = drawn()
    monkeypatch.setattr(transcript, name, value)
    assert not any(a == b for a, b in zip(before, drawn(), strict=True))


def test_statement__entry__reads_the_triangle_both_ways() -> None:
    matrix = [[STATEMENT.entry(i, j) for j in range(3)] for i in range(3)]
    assert [matrix[i][j] for i in range(3) for j in range(i, 3)] == list(STATEMENT.gram)
    assert matrix == [list(column) for column in zip(*matrix, strict=True)]


def test_as_struct__of_a_proof__is_in_the_contracts_order() -> None:
    interface = (ROOT / "contracts" / "interfaces" / "IRoundVerifier.vyi").read_text()
    struct = interface[interface.index("struct GramProof:") :].split("\n\n")[0]
    names = [line.split(":")[0].strip() for line in struct.splitlines()[1:] if ":" in line]
    assert PROOF.as_struct() == tuple(getattr(PROOF, name) for name in names)


def test_dimension_is_sound__around_its_bounds__holds_between_them() -> None:
    sound = [(n, d) for n in (0, 1, 2) for d in range(15, 30) if dimension_is_sound(n, d, 40)]
    assert sound == [(1, d) for d in range(17, 25)] + [(2, d) for d in range(18, 25)]
    assert [n for n in range(38, 45) if dimension_is_sound(n, 100, 200)] == [38, 39, 40]

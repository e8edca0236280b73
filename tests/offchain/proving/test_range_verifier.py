"""The verifier of range proofs in Python: the vectors, ways to spoil one, and provers that cheat.

As in test_verifier.py the trapdoor stands for the pairing in the long tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from offchain.proving import range as prover
from offchain.proving import range_verifier
from offchain.proving.commitment import random_tail
from offchain.proving.errors import Rejected
from offchain.proving.kernels.lanes import RADIX
from offchain.proving.kernels.vector import accumulate, inverses, progression
from offchain.proving.range_transcript import RangeTranscript, range_challenges
from offchain.proving.range_verifier import verify_range
from offchain.proving.srs import Srs
from tests.offchain.proving.cases import range_proof_of, range_statement_of
from tests.offchain.proving.reference import TAU, P, integers, words
from tests.range_cases import RangeCase, case_named, load_cases, load_cheats, load_vectors
from tests.range_mutations import Mutation, Rule, mutations

BASE = case_named("longer SRS")

ERRORS = {
    Rule.LENGTHS: "lengths don't match",
    Rule.DIMENSION: "dimension or bits out of bounds",
    Rule.BITS: "dimension or bits out of bounds",
    Rule.SCALAR: "scalar not canonical",
    Rule.COORDINATE: "not a point of the curve",
    Rule.CURVE: "not a point of the curve",
    Rule.PAIRING: "pairing check failed",
}
SPOILT = [m for m in mutations(BASE) if m.name.split()[0] != "hint"]  # the hint is the contract's alone
CHEATS = load_cheats()
FAILED = "^pairing check failed$"


def tau_of(case: RangeCase) -> int:
    vectors = load_vectors()
    named = (vector for vector in vectors["cases"] + vectors["rejected"] if vector["name"] == case.name)
    return int(next(named)["tau"], 16)


def check(case: RangeCase) -> None:
    verify_range(case.tau_g2, case.srs_size, range_statement_of(case), range_proof_of(case))


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
def test_verify_range__vector__accepts(trapdoor: Callable[[int], None], case: RangeCase) -> None:
    trapdoor(tau_of(case))
    check(case)


@pytest.mark.parametrize("name", ["longer SRS", "eight bits", "no randomness"])
def test_verify_range__vector_by_the_pairing__accepts(name: str) -> None:
    check(case_named(name))


@pytest.mark.parametrize("mutation", SPOILT, ids=lambda mutation: mutation.name)
def test_verify_range__one_thing_changed__rejects_for_that(trapdoor: Callable[[int], None], mutation: Mutation) -> None:
    trapdoor(tau_of(BASE))
    with pytest.raises(Rejected, match=f"^{ERRORS[mutation.rule]}$"):
        check(mutation.case)


@pytest.mark.parametrize("name", ["m_zeta + 1", "w negated", "l the identity"])
def test_verify_range__forgery_by_the_pairing__rejects(name: str) -> None:
    (mutation,) = (m for m in SPOILT if m.name == name)
    with pytest.raises(Rejected, match=FAILED):
        check(mutation.case)


def test_verify_range__another_key__rejects() -> None:
    with pytest.raises(Rejected, match=FAILED):
        check(replace(BASE, tau_g2=case_named("two rows").tau_g2))


def test_verify_range__another_proofs_statement__rejects() -> None:
    with pytest.raises(Rejected, match="lengths don't match"):
        check(replace(BASE, proof=case_named("two rows").proof))


@pytest.mark.parametrize("context", [b"", bytes(31), bytes(33)])
def test_verify_range__context_of_another_length__rejects(context: bytes) -> None:
    with pytest.raises(Rejected, match="lengths don't match"):
        check(replace(BASE, context=context))


SOME = 123456789
DEGENERATE = [
    *[{"y": 0}, {"y": 1}, {"zeta": 0}, {"zeta": 1}, {"zeta": P - 1}],
    {"y": SOME, "zeta": SOME},
    {"y": SOME**2 % P, "zeta": SOME},
    *[{"zeta": SOME, "y": 7, "x": x} for x in (SOME, pow(SOME, -1, P), 7 * pow(SOME, -1, P) % P)],
]


@pytest.mark.parametrize("values", DEGENERATE, ids=str)
def test_verify_range__degenerate_challenge__rejects(monkeypatch: pytest.MonkeyPatch, values: dict[str, int]) -> None:
    drawn = range_challenges(BASE.tau_g2, range_statement_of(BASE), range_proof_of(BASE))
    monkeypatch.setattr(range_verifier, "range_challenges", lambda *_: replace(drawn, **values))
    with pytest.raises(Rejected, match="degenerate challenge"):
        check(BASE)


# --- provers that cheat ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CHEATS, ids=lambda case: case.name)
def test_verify_range__cheat_of_the_vectors__rejects(trapdoor: Callable[[int], None], case: RangeCase) -> None:
    trapdoor(tau_of(case))
    with pytest.raises(Rejected, match=FAILED):
        check(case)


def test_verify_range__cheat_by_the_pairing__rejects() -> None:
    with pytest.raises(Rejected, match=FAILED):
        check(next(case for case in CHEATS if case.name == "mask constant after rho"))


def wide_table(table: Any) -> Any:
    """1 / (chi + t - S/2) for all t that a key can be."""
    (second,) = integers(table[1:2])
    return inverses(progression(pow(second, -1, P) - 1, 1, 1 << 16))


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch, trapdoor: Callable[[int], None]) -> None:
    """A prover that goes ahead with entries above the range: with their right inverses, but counted modulo 2^bits."""
    trapdoor(TAU)
    count, rows = prover.count_keys, prover.InverseRows
    monkeypatch.setattr(prover, "_check", lambda *_: None)
    monkeypatch.setattr(prover, "count_keys", lambda keys, size: count(keys % size, size))
    monkeypatch.setattr(prover, "InverseRows", lambda table, keys, tails: rows(wide_table(table), keys, tails))


def forge(srs: Srs, *wrong: tuple[int, int, int]) -> Any:
    """Statement and proof of 4 bits for 3 rows of 40, with some wrong entries (row, place, entry)."""
    updates = np.random.default_rng(4).integers(-8, 8, (3, 40)).astype(np.int16)
    for row, place, entry in wrong:
        updates[row, place] = entry
    return prover.prove_range(srs, bytes(32), updates, [random_tail() for _ in updates], 4)


def test_verify_range__unchecked_prover_with_entries_in_range__accepts(srs: Srs, unchecked: None) -> None:
    verify_range(srs.tau_g2, srs.size, *forge(srs))


WRONG = [
    *[((row, place, 8),) for row in (0, 2) for place in (0, 39)],
    *[((1, 20, entry),) for entry in (9, 16, 24, 2**15 - 1)],
    ((1, 20, -9),),  # looked up as another one
    ((0, 5, 8), (1, 5, 8)),
    tuple((row, place, 8) for row in range(3) for place in range(40)),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: str(wrong[:2]))
def test_verify_range__entries_out_of_range__rejects(srs: Srs, unchecked: None, wrong: Any) -> None:
    with pytest.raises(Rejected, match=FAILED):
        verify_range(srs.tau_g2, srs.size, *forge(srs, *wrong))


MESSAGES = {
    "bind_statement": ("multiplicities",),
    "bind_inverses": ("inverses", "mask", "table"),
    "bind_mask_constant": ("mask_constant",),
    "bind_identity": ("positive", "negative"),
    "bind_evaluations": ("f_zeta", "v_opp", "g_zeta", "m_zeta", "positive_zeta"),
    "bind_quotient": ("w",),
}


def weakened(monkeypatch: pytest.MonkeyPatch, method: str, message: str) -> None:
    """From now on nobody's challenges depend on a message."""
    bind, at = getattr(RangeTranscript, method), MESSAGES[method].index(message) + (method == "bind_statement")

    def without(self: RangeTranscript, *values: Any) -> Any:
        left_out = [(0, 0)] if message == "inverses" else [0] if message in ("f_zeta", "v_opp") else 0
        empty = (0, 0) if isinstance(values[at], tuple) and left_out == 0 else left_out
        return bind(self, *values[:at], empty, *values[at + 1 :])

    monkeypatch.setattr(RangeTranscript, method, without)


@pytest.mark.parametrize(("method", "message"), [(m, name) for m, names in MESSAGES.items() for name in names])
def test_verify_range__message_after_its_challenge__rejects(
    srs: Srs, unchecked: None, method: str, message: str
) -> None:
    """Who draws a challenge before the message that it must follow could choose the message by it."""
    with pytest.MonkeyPatch.context() as patch:
        weakened(patch, method, message)
        statement, proof = forge(srs)
        verify_range(srs.tau_g2, srs.size, statement, proof)
    with pytest.raises(Rejected, match=FAILED):
        verify_range(srs.tau_g2, srs.size, statement, proof)


def test_verify_range__mask_constant_chosen_after_rho__rejects(
    srs: Srs, unchecked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would make up for anything: with a transcript that left it out, an entry out of range is accepted."""
    constants: list[int] = []
    identity_of = prover._identity

    def identity(witness: Any, chi: int, y: int, rho: int) -> Any:
        result = identity_of(witness, chi, y, rho)
        rows = sum(pow(rho, i, P) for i in range(1, 4)) * sum(pow(y, k, P) for k in range(40))
        constants.append((integers(result.part(0, 1))[0] - rows) % P)
        return result

    monkeypatch.setattr(prover, "_identity", identity)
    with pytest.MonkeyPatch.context() as patch:
        weakened(patch, "bind_mask_constant", "mask_constant")
        statement, proof = forge(srs, (1, 20, 8))
        assert constants != [proof.mask_constant]
        proof = replace(proof, mask_constant=constants[0])
        verify_range(srs.tau_g2, srs.size, statement, proof)
    with pytest.raises(Rejected, match=FAILED):
        verify_range(srs.tau_g2, srs.size, statement, proof)


@pytest.mark.parametrize("changed", ["a count too many", "a count moved", "none counted"])
def test_verify_range__wrong_multiplicities__rejects(
    srs: Srs, unchecked: None, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    count = prover.count_keys

    def miscount(keys: Any, size: int) -> Any:
        counts = count(keys, size)
        most = int(np.argmax(counts))
        if changed == "none counted":
            return np.zeros_like(counts)
        counts[(most + 1) % size] += 1
        counts[most] -= changed == "a count moved"
        return counts

    monkeypatch.setattr(prover, "count_keys", miscount)
    with pytest.raises(Rejected, match=FAILED):
        verify_range(srs.tau_g2, srs.size, *forge(srs))


def test_verify_range__table_that_answers_for_the_entry__rejects(
    srs: Srs, unchecked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sum comes out: 8 is counted as -8, and that place of g has its inverse instead."""

    def spoil(counts: Any, weights: Any, out: Any) -> None:
        (first,) = integers(weights[:1])  # RADIX / (chi - 8)
        weigh(counts, weights, out)
        shifted = pow(pow(first, -1, P) * RADIX + 16, -1, P)  # 1 / (chi + 8)
        accumulate(out[:1], words([3 * (shifted - first * pow(RADIX, -1, P)) % P]), 1)

    weigh = prover.weigh
    monkeypatch.setattr(prover, "weigh", spoil)
    with pytest.raises(Rejected, match=FAILED):
        verify_range(srs.tau_g2, srs.size, *forge(srs, *((row, 3, 8) for row in range(3))))

"""Statements of the range proof that verify, and proofs by provers that cheat: those of tests/vectors/range.json.

The transcript is here too, so that a test can change a statement and still give the hint that fits.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from eth_utils import keccak

from tests.gram_cases import TAIL, P, Point, digest, numbers

DOMAIN = keccak(b"meed/range-proof/1")

POINTS = ("multiplicities", "mask", "table", "positive", "negative", "w", "l")
SCALARS = ("mask_constant", "g_zeta", "m_zeta", "positive_zeta")
LISTS = ("inverses", "f_zeta", "v_opp")  # by row, the mask first


@dataclass(frozen=True)
class RangeCase:
    """A statement, its proof and the key that it is for: all that `verify` and a deployment are given."""

    name: str
    tau_g2: tuple[int, ...]  # EVM order
    srs_size: int
    context: bytes
    dimension: int
    bits: int
    commitments: list[Point]
    proof: dict[str, Any]
    hint: int

    @property
    def statement(self) -> tuple[Any, ...]:
        return self.context, self.dimension, self.bits, self.commitments

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments of `RangeProtocolMock.verify`, in order."""
        return *self.statement, self.proof, self.hint

    def with_proof(self, **fields: Any) -> RangeCase:
        return replace(self, proof=self.proof | fields)

    def with_right_hint(self) -> RangeCase:
        drawn = challenges(self)
        return replace(self, hint=hint_of(drawn["y"], drawn["zeta"], drawn["x"]))


def load_cases() -> list[RangeCase]:
    """Proofs that verify."""
    return [case_of(vector, vector["proof"]) for vector in load_vectors()["cases"]]


def load_cheats() -> list[RangeCase]:
    """Proofs of statements that are false, by provers that go ahead all the same."""
    return [case_of(vector, vector["proof"]) for vector in load_vectors()["rejected"]]


def load_vectors() -> dict[str, Any]:
    """The file as it is."""
    return json.loads((Path(__file__).parent / "vectors" / "range.json").read_text())


def case_named(name: str) -> RangeCase:
    return next(case for case in load_cases() if case.name == name)


def case_of(vector: dict[str, Any], proof: dict[str, Any]) -> RangeCase:
    """The case of a vector, with one of its proofs."""
    values = {field: numbers(value) for field, value in proof.items()}
    return RangeCase(
        name=vector["name"],
        tau_g2=numbers(vector["tau_g2"]),
        srs_size=vector["srs_size"],
        context=bytes.fromhex(vector["context"].removeprefix("0x")),
        dimension=vector["dimension"],
        bits=vector["bits"],
        commitments=[numbers(point) for point in vector["commitments"]],
        proof=values | {field: list(values[field]) for field in LISTS},
        hint=0,
    ).with_right_hint()


def challenges(case: RangeCase) -> dict[str, int]:
    """All of them, from the protocol's transcript, in the order in which they are drawn."""
    proof, drawn = case.proof, {}
    key = digest(["bytes32", "uint256", "uint256[4]"], [DOMAIN, TAIL, case.tau_g2])
    state = digest(
        ["bytes32", "bytes32", "uint256", "uint256", "uint256[2][]", "uint256[2]"],
        [key, *case.statement, proof["multiplicities"]],
    )
    for name, types, fields in (
        ("chi", ["uint256[2][]", "uint256[2]", "uint256[2]"], ("inverses", "mask", "table")),
        ("y", ["uint256"], ("mask_constant",)),
        ("rho", ["uint256[2]", "uint256[2]"], ("positive", "negative")),
        (
            "zeta",
            ["uint256[]", "uint256[]", *["uint256"] * 3],
            ("f_zeta", "v_opp", "g_zeta", "m_zeta", "positive_zeta"),
        ),
    ):
        drawn[name] = _scalar(state)
        state = digest(["bytes32", *types], [state, *(proof[field] for field in fields)])
    drawn["delta"] = _scalar(state)
    drawn["gamma"] = _scalar(digest(["bytes32", "uint256"], [state, 1]))
    drawn["x"] = _scalar(digest(["bytes32", "uint256[2]"], [state, proof["w"]]))
    return drawn


def factors_of(y: int, zeta: int, x: int) -> list[int]:
    """None of them may be 0."""
    square = zeta * zeta
    return [zeta, y, y - 1, square - 1, y - zeta, y - square, x - zeta, x * zeta - 1, x * zeta - y]


def hint_of(y: int, zeta: int, x: int) -> int:
    return pow(prod(factors_of(y, zeta, x)), -1, P)


def _scalar(state: bytes) -> int:
    return int.from_bytes(state, "big") % P

"""Statements of the Gram proof that verify: those of tests/vectors, and one made of zeros.

gram.json has what a market makes, with its witness. gram_edges.json has what it never does and a verifier must accept
all the same: a mask of zeros, entries of the Gram matrix at their bound, a commitment to nothing. In gram_public.json
and public_rows.json the rows from `rows` on are public, one to 31 of them; two have all entries at their bounds.

The transcript up to z is here too, so that a test can change a statement and still give the hint that fits.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eth_abi import encode
from eth_utils import keccak
from py_ecc import bn128

P = bn128.curve_order
TAIL = 8
DOMAIN = keccak(b"meed/gram-proof/1")

POINTS = ("mask", "t", "h", "r", "w", "l")
SCALARS = ("mask_norm", "a_z", "a_zinv", "t_z", "t_zinv", "h_z")

Point = tuple[int, int]
IDENTITY: Point = (0, 0)


@dataclass(frozen=True)
class GramCase:
    """A statement, its proof and the key that it is for: all that `verify` and a deployment are given."""

    name: str
    tau_g2: tuple[int, ...]  # EVM order
    srs_size: int
    context: bytes
    dimension: int
    commitments: list[Point]
    gram: list[int]
    proof: dict[str, Any]
    hint: int
    public: int = 0  # so many of the last rows are

    @property
    def rows(self) -> int:
        """Without the public ones."""
        return len(self.commitments) - self.public

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments of `GramProtocolMock.verify`, in order."""
        return self.context, self.dimension, self.rows, self.commitments, self.gram, self.proof, self.hint

    def bounds(self, k: int) -> tuple[int, int]:
        """The least and the largest that the k-th entry of the triangle may be."""
        n = len(self.commitments)
        i, j = [(i, j) for i in range(n) for j in range(i, n)][k]
        if j < self.rows:
            return 1 - 2**80, 2**80 - 1
        if i < self.rows:
            return 1 - 2**104, 2**104 - 1
        return (0 if i == j else 1 - 2**149), 2**149 - 1

    def with_proof(self, **fields: Any) -> GramCase:
        return replace(self, proof=self.proof | fields)

    def with_right_hint(self) -> GramCase:
        return replace(self, hint=hint_of(challenge_z(self)))


def load_cases() -> list[GramCase]:
    """The vectors, in the order of the files."""
    folder = Path(__file__).parent / "vectors"
    return [
        _case(vector)
        for name in ("gram.json", "gram_edges.json")
        for vector in json.loads((folder / name).read_text())["cases"]
    ]


def load_public_cases() -> list[GramCase]:
    """Those with public rows."""
    folder = Path(__file__).parent / "vectors"
    vectors = json.loads((folder / "public_rows.json").read_text())
    rounds = [case_of(vector, vector["gram_proof"]) for vector in vectors["rounds"]]
    alone = [*vectors["gram"], *json.loads((folder / "gram_public.json").read_text())["cases"]]
    return [*rounds, *map(_case, alone)]


def case_named(name: str) -> GramCase:
    return next(case for case in [*load_cases(), *load_public_cases()] if case.name == name)


def zero_case(like: GramCase, rows: int) -> GramCase:
    """Zero vectors without tails, masked by zero: it proves a true statement, and every point of it is the identity."""
    proof = dict.fromkeys(POINTS, IDENTITY) | dict.fromkeys(SCALARS, 0) | {"cross": [0] * rows}
    gram = [0] * (rows * (rows + 1) // 2)
    zero = replace(like, name="zero", commitments=[IDENTITY] * rows, gram=gram, proof=proof)
    return zero.with_right_hint()


def challenge_z(case: GramCase) -> int:
    """z, from the protocol's transcript."""
    proof = case.proof
    key = digest(["bytes32", "uint256", "uint256[4]"], [DOMAIN, TAIL, case.tau_g2])
    state = digest(
        ["bytes32", "bytes32", "uint256", "uint256[2][]", "int256[]"],
        [key, case.context, case.dimension, case.commitments, case.gram],
    )
    state = digest(
        ["bytes32", "uint256[2]", "uint256[]", "uint256"], [state, proof["mask"], proof["cross"], proof["mask_norm"]]
    )
    state = digest(["bytes32", *["uint256[2]"] * 3], [state, proof["t"], proof["h"], proof["r"]])
    return int.from_bytes(state, "big") % P


def hint_of(z: int) -> int:
    return pow(z * (1 - z * z), -1, P)


def _case(vector: dict[str, Any]) -> GramCase:
    return case_of(vector, vector["proof"])


def case_of(vector: dict[str, Any], proof: dict[str, Any]) -> GramCase:
    """The case of a vector, with one of its proofs."""
    values = {field: numbers(value) for field, value in proof.items()}
    case = GramCase(
        name=vector["name"],
        tau_g2=numbers(vector["tau_g2"]),
        srs_size=vector["srs_size"],
        context=bytes.fromhex(vector["context"].removeprefix("0x")),
        dimension=vector["dimension"],
        commitments=[numbers(point) for point in vector["commitments"]],
        gram=[int(entry) for entry in vector["gram"]],
        proof=values | {"cross": list(values["cross"])},
        hint=0,
        public=len(vector["commitments"]) - vector.get("rows", len(vector["commitments"])),
    )
    return replace(case, hint=int(vector["hint"], 0)) if "hint" in vector else case.with_right_hint()


def numbers(value: Any) -> Any:
    """Hexadecimal to integers; lists become tuples."""
    return int(value, 0) if isinstance(value, str) else tuple(numbers(item) for item in value)


def digest(types: list[str], values: list[Any]) -> bytes:
    """keccak256 of the ABI encoding."""
    return keccak(encode(types, values))

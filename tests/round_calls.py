"""Calls of the round's verifier as plain data, to be spoilt anywhere, and what contract and Python answer to them.

A call is a tree of dictionaries and lists whose leaves are the words that the contract is sent; a path leads to one of
them. The contract is asked through both `verify` and `judge`. Python's answer is that of its two verifiers, and whether
the hints are right, which the contract alone takes.

Most calls end in the pairing check, half a second each in Python. So the trapdoors of the SRSs stand for it here, and
the prover's kernels add points; what the pairing itself decides on is in tests/offchain/proving.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path as File
from typing import Any

import pytest

from offchain.proving import range_verifier, verifier
from offchain.proving.commitment import combine
from offchain.proving.errors import Rejected
from offchain.proving.pairing import decode_g2, encode_g2
from offchain.proving.range_transcript import RangeProof, RangeStatement, range_hint
from offchain.proving.transcript import GramProof, GramStatement, hint
from tests import gram_cases, range_cases
from tests.gram_cases import P, numbers
from tests.offchain.proving.reference import affine, lift
from tests.round_cases import RoundCase

Call = dict[str, Any]
Path = tuple[str | int, ...]
Key = tuple[tuple[int, ...], int]

NAMES = ("context", "dimension", "bits", "rows", "commitments", "gram", "gram_proof", "range_proof", "hints")
LISTS: list[Path] = [
    ("commitments",),
    ("gram",),
    ("gram_proof", "cross"),
    *(("range_proof", name) for name in range_cases.LISTS),
]
TRUE = "0x" + (1).to_bytes(32, "big").hex()
BATCH = 64  # calls in one request

# what Python says where the contract says that; to Python a hint that isn't a scalar is a wrong one
REASONS = {
    "gram: wrong lengths": ["lengths don't match"],
    "range: wrong lengths": ["lengths don't match"],
    "gram: dimension out of bounds": ["dimension out of bounds"],
    "range: dimension out of bounds": ["dimension or bits out of bounds"],
    "range: bits out of bounds": ["dimension or bits out of bounds"],
    "gram: entry out of bounds": ["Gram entry out of bounds"],
    "gram: scalar not canonical": ["scalar not canonical", "wrong hint"],
    "range: scalar not canonical": ["scalar not canonical", "wrong hint"],
    "bn254: coordinate not canonical": ["not a point of the curve"],
    "bn254: not on the curve": ["not a point of the curve"],
    "gram: wrong hint": ["wrong hint"],
    "range: wrong hint": ["wrong hint"],
    "verifier: pairing check failed": ["pairing check failed"],
}


@dataclass(frozen=True)
class Answers:
    """Why each refuses a call, None if it accepts."""

    contract: str | None
    python: str | None

    @property
    def accepted(self) -> bool:
        """By both."""
        return self.contract is None and self.python is None

    @property
    def refused(self) -> bool:
        """By both."""
        return self.contract is not None and self.python is not None

    @property
    def refused_for_one_reason(self) -> bool:
        return self.python in REASONS.get(self.contract, ())


# --- calls as trees


def call_of(case: RoundCase) -> Call:
    context, *rest = case.arguments
    return as_lists(dict(zip(NAMES, [int.from_bytes(context, "big"), *rest], strict=True)))


def arguments_of(call: Call) -> tuple[Any, ...]:
    context, *rest = call.values()
    return context.to_bytes(32, "big"), *rest


def words(tree: Any, path: Path = ()) -> Iterator[Path]:
    """The paths to all words, in the order of the calldata's arguments."""
    if isinstance(tree, int):
        yield path
    else:
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from words(value, (*path, key))


def points(call: Call) -> list[Path]:
    """The paths to all points."""
    fixed = {"gram_proof": gram_cases.POINTS, "range_proof": range_cases.POINTS}
    lists: list[Path] = [("commitments",), ("range_proof", "inverses")]
    return [(proof, name) for proof, names in fixed.items() for name in names] + [
        (*path, i) for path in lists for i in range(len(get(call, path)))
    ]


def get(call: Call, path: Path) -> Any:
    tree: Any = call
    for key in path:
        tree = tree[key]
    return tree


def put(call: Call, path: Path, value: Any) -> Call:
    """A call with something else in one place."""
    changed = deepcopy(call)
    get(changed, path[:-1])[path[-1]] = deepcopy(value)
    return changed


def fits(path: Path, value: int) -> bool:
    """Whether a word can be sent: those of the matrix are signed."""
    return -(2**255) <= value < 2**255 if path[0] == "gram" else 0 <= value < 2**256


def with_right_hints(call: Call, key: Key) -> Call:
    """The hints that the transcripts ask for, so that it is the proofs that have to fail."""
    return put(call, ("hints",), _right_hints(key, *_in_types(call)))


def as_lists(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: as_lists(value) for key, value in tree.items()}
    return [as_lists(value) for value in tree] if isinstance(tree, list | tuple) else tree


def _as_tuples(tree: Any) -> Any:
    return tuple(_as_tuples(value) for value in tree) if isinstance(tree, list) else tree


# --- the contract's answers


def ask_contract(contract: Any, policy: Any, web3: Any, calls: Sequence[Call]) -> list[str | None]:
    """Why it refuses each call, None where it accepts. `verify` and `judge` have to be of one mind."""
    sent = [arguments_of(call) for call in calls]
    verified = send(web3, contract, [contract.verify.encode_input(*arguments) for arguments in sent])
    judged = send(web3, contract, [contract.judge.encode_input(*as_judged(arguments, policy)) for arguments in sent])
    reasons = [reason_of(answer) for answer in verified]
    assert [reason_of(answer) for answer in judged] == reasons
    assert all(answer["result"] == TRUE for answer in verified if "result" in answer)
    return reasons


def as_judged(arguments: Sequence[Any], policy: Any) -> tuple[Any, ...]:
    """The arguments of `judge`, from those of `verify`: matrix, proofs and hints in one, then what it takes beside."""
    proof = dict(zip(("size", *NAMES[5:]), (0, *arguments[5:]), strict=True))
    return *arguments[:5], proof, policy, 1_000_000, b"", 12_345, 0, False, (0,) * 8, (0, 0)


def send(web3: Any, contract: Any, calldata: Sequence[bytes], gas: Sequence[int] = ()) -> list[dict[str, Any]]:
    """The node's answers, as they are; `gas` is what each call is given, if it matters."""
    calls = [{"to": contract.address, "data": "0x" + bytes(data).hex()} for data in calldata]
    for call, limit in zip(calls, gas, strict=False):
        call["gas"] = hex(limit)
    requests = [("eth_call", [call, "latest"]) for call in calls]
    return [
        answer
        for start in range(0, len(requests), BATCH)
        for answer in web3.provider.make_batch_request(requests[start : start + BATCH])
    ]


def reason_of(answer: dict[str, Any]) -> str | None:
    if "error" not in answer:
        return None
    return answer["error"]["message"].removeprefix("execution reverted").removeprefix(": ")


# --- Python's answers


def ask_python(key: Key, call: Call) -> str | None:
    """Why it refuses the call, None if it accepts."""
    statement, gram_proof, ranges, range_proof = _in_types(call)
    reason = _gram_refusal(key, statement, gram_proof, call["rows"]) or _range_refusal(key, ranges, range_proof)
    if reason is None and call["hints"] != _right_hints(key, statement, gram_proof, ranges, range_proof):
        return "wrong hint"
    return reason


def _in_types(call: Call) -> tuple[GramStatement, GramProof, RangeStatement, RangeProof]:
    context, commitments = call["context"].to_bytes(32, "big"), _as_tuples(call["commitments"])
    gram_proof, range_proof = (
        {name: _as_tuples(value) for name, value in call[proof].items()} for proof in ("gram_proof", "range_proof")
    )
    return (
        GramStatement(context, call["dimension"], commitments, tuple(call["gram"])),
        GramProof(**gram_proof),
        RangeStatement(context, call["dimension"], call["bits"], commitments[: call["rows"]]),
        RangeProof(**range_proof),
    )


def _right_hints(
    key: Key, statement: GramStatement, gram_proof: GramProof, ranges: RangeStatement, range_proof: RangeProof
) -> list[int]:
    return [hint(key[0], statement, gram_proof), range_hint(key[0], ranges, range_proof)]


@cache
def _gram_refusal(key: Key, statement: GramStatement, proof: GramProof, rows: int) -> str | None:
    try:
        verifier.verify(*key, statement, proof, rows)
    except Rejected as error:
        return str(error)
    return None


@cache
def _range_refusal(key: Key, statement: RangeStatement, proof: RangeProof) -> str | None:
    try:
        range_verifier.verify_range(*key, statement, proof)
    except Rejected as error:
        return str(error)
    return None


def use_trapdoors(patch: pytest.MonkeyPatch, more: dict[tuple[int, ...], int]) -> None:
    """From now on the pairings of Python's verifiers are decided by tau; `more` has those that no vector has."""
    taus = _taus_of_vectors() | more

    def agree(left: Any, left_g2: Any, right: Any, right_g2: Any) -> bool:
        return combine([affine(right)], [taus[encode_g2(right_g2)]]) == affine(left)

    def add_up(terms: list[Any], scalars: list[int]) -> Any:
        return lift(combine([affine(term) for term in terms], [scalar % P for scalar in scalars]))

    for module in (verifier, range_verifier):
        patch.setattr(module, "pairings_agree", agree)
        patch.setattr(module, "linear_combination", add_up)
        patch.setattr(module, "decode_g2", cache(decode_g2))


@cache
def _taus_of_vectors() -> dict[tuple[int, ...], int]:
    folder = File(__file__).parent / "vectors"
    files = [json.loads((folder / name).read_text()) for name in ("round.json", "public_rows.json")]
    vectors = [vector for file in files for cases in file.values() if isinstance(cases, list) for vector in cases]
    return {numbers(vector["tau_g2"]): int(vector["tau"], 0) for vector in vectors}

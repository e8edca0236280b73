"""A proof has one encoding: what says the same in another one is refused by the contract and by Python alike.

The compiler follows offsets wherever they lead. Others, who have to read the proof of a settled round, need not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_abi import decode, encode
from eth_abi.exceptions import DecodingError
from web3.exceptions import ContractLogicError

from offchain.proving.encoding import PROOF_TYPE, Proof
from tests.escrow_driver import ONE, outcome_bytes
from tests.round_cases import RoundCase, case_named
from tests.unit.escrow.test_settle_proof import proof_of
from tests.unit.round_verifier.test_judge import JUDGE, VerifierFor, call, judged

WORD = 32
ERROR = "verifier: encoding not canonical"
CASE, WITH_PUBLIC = case_named("longer SRS"), case_named("five public rows")
VERIFY = 10 * WORD  # of the head of `verify`'s arguments


class Layout:
    """Where everything is in a proof's bytes, which begin a word after the struct that they are to the verifier."""

    def __init__(self, proof: Proof) -> None:
        self.proof = proof.encode()
        self.matrix, self.gram, self.range = (self.word(k * WORD) - WORD for k in range(3))
        self.cross = self.gram + 19 * WORD
        self.inverses = self.range + 21 * WORD
        self.f_zeta, self.v_opp = (self.range + self.word(self.range + k * WORD) for k in (12, 13))

    def word(self, at: int) -> int:
        return int.from_bytes(self.proof[at : at + WORD], "big")

    def offsets(self) -> dict[str, tuple[int, int, int, int]]:
        """By list or part: where its offset stands, what that counts from, where the thing begins and ends."""
        end = len(self.proof)
        return {
            "matrix": (0, -WORD, self.matrix, self.gram),
            "Gram proof": (WORD, -WORD, self.gram, self.range),
            "range proof": (2 * WORD, -WORD, self.range, end),
            "cross": (self.gram + 2 * WORD, self.gram, self.cross, self.range),
            "inverses": (self.range + 2 * WORD, self.range, self.inverses, self.f_zeta),
            "f_zeta": (self.range + 12 * WORD, self.range, self.f_zeta, self.v_opp),
            "v_opp": (self.range + 13 * WORD, self.range, self.v_opp, end),
        }


NAMES = list(Layout(proof_of("single row")).offsets())


def moved(proof: Proof, name: str, gap: int = 0) -> bytes:
    """With a copy of one thing behind all, where its offset points; it says the same."""
    layout = Layout(proof)
    place, frame, start, end = layout.offsets()[name]
    data = layout.proof + bytes(gap)
    there = len(data) - frame
    return data[:place] + there.to_bytes(WORD, "big") + data[place + WORD :] + layout.proof[start:end]


def says(data: bytes) -> Any:
    """By a decoder that follows offsets."""
    return decode([PROOF_TYPE], WORD.to_bytes(WORD, "big") + bytes(WORD) + data, strict=False)[0][1:]


def swapped(proof: Proof) -> bytes:
    """f_zeta and v_opp, which are of one length, in each other's place, and their offsets with them."""
    layout = Layout(proof)
    a, b, data = layout.f_zeta, layout.v_opp, layout.proof
    at = layout.range + 12 * WORD
    offsets = data[at + WORD : at + 2 * WORD] + data[at : at + WORD]
    return data[:at] + offsets + data[at + 2 * WORD : a] + data[b:] + data[a:b]


def reordered(proof: Proof, names: list[str]) -> bytes:
    """These neighbours in another order: as long as before, and none is where it was but perhaps the middle one."""
    layout = Layout(proof)
    found = [layout.offsets()[name] for name in names]
    at = found[0][2]
    data, places = layout.proof[:at], {}
    for place, frame, start, end in reversed(found):
        places[place] = len(data) - frame
        data += layout.proof[start:end]
    data += layout.proof[found[-1][3] :]
    for place, offset in places.items():
        data = data[:place] + offset.to_bytes(WORD, "big") + data[place + WORD :]
    return data


def one_for_two(proof: Proof) -> bytes:
    """Two lists that are the same, given once."""
    ranges = proof.range_proof
    same = Proof(proof.gram, proof.gram_proof, type(ranges)(**{**vars(ranges), "v_opp": ranges.f_zeta}), proof.hints)
    layout = Layout(same)
    at = layout.range + 12 * WORD
    return layout.proof[: at + WORD] + layout.proof[at : at + WORD] + layout.proof[at + 2 * WORD : layout.v_opp]


ODD: dict[str, Callable[[Proof], bytes]] = {
    **{f"{name} behind all": lambda proof, name=name: moved(proof, name) for name in NAMES},  # type: ignore[misc]
    **{f"{name} after a gap": lambda proof, name=name: moved(proof, name, WORD) for name in NAMES},  # type: ignore[misc]
    **{f"{name} between words": lambda proof, name=name: moved(proof, name, 1) for name in NAMES},  # type: ignore[misc]
    "two lists exchanged": swapped,
    "parts in another order": lambda proof: reordered(proof, NAMES[:3]),
    "first two parts exchanged": lambda proof: reordered(proof, NAMES[:2]),
    "lists in another order": lambda proof: reordered(proof, NAMES[4:]),
    "first two lists exchanged": lambda proof: reordered(proof, NAMES[4:6]),
    "one list for two": one_for_two,
    "a word more": lambda proof: proof.encode() + bytes(WORD),
    "a byte more": lambda proof: proof.encode() + b"\1",
    "a zero byte more": lambda proof: proof.encode() + b"\0",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_decode__odd_encoding__refused(odd: Callable[[Proof], bytes]) -> None:
    proof = proof_of("longer SRS")
    data = odd(proof)
    if odd is not one_for_two:
        assert says(data) == says(proof.encode())
    with pytest.raises(DecodingError, match="not canonical"):
        Proof.decode(data)


@pytest.fixture
def asked(policy: Any, owner: Any) -> Any:
    policy.set_answer(outcome_bytes(0b111, [ONE] * 3, [1, 2, 3], 777), sender=owner)
    return policy


def in_bytes(verifier: Any, case: RoundCase, policy: Any, proof: bytes) -> bytes:
    """Calldata of `judge` as the escrow encodes it: the proof is a Bytes."""
    arguments = list(judged(case, policy.address, 1_000_000))
    arguments[5] = proof
    return bytes(verifier.judge.encode_input(*judged(case, policy)))[:4] + encode(JUDGE, arguments)


@pytest.mark.parametrize("case", [CASE, WITH_PUBLIC], ids=lambda case: case.name)
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_judge__odd_encoding__reverts(
    verifier_for: VerifierFor, asked: Any, case: RoundCase, odd: Callable[[Proof], bytes]
) -> None:
    verifier, proof = verifier_for(case), proof_of(case.name)
    call(verifier, in_bytes(verifier, case, asked, proof.encode()))
    with pytest.raises(ContractLogicError, match=ERROR):
        call(verifier, in_bytes(verifier, case, asked, odd(proof)))


@pytest.mark.parametrize("change", [-WORD, -1, 1, WORD, 2**255])
def test_judge__size_of_something_else__reverts(verifier_for: VerifierFor, asked: Any, change: int) -> None:
    """0 says nothing; another size is that of a Bytes that ends before the proof does, or behind it."""
    verifier, arguments = verifier_for(CASE), judged(CASE, asked)
    size = len(proof_of(CASE.name).encode())
    for right in (0, size):
        verifier.judge(*arguments[:5], arguments[5] | {"size": right}, *arguments[6:])
    other = *arguments[:5], arguments[5] | {"size": size + change}, *arguments[6:]
    with pytest.raises(ContractLogicError, match=ERROR):
        call(verifier, bytes(verifier.judge.encode_input(*other)))


@pytest.mark.parametrize("name", ["commitments", *NAMES])
def test_verify__odd_encoding__reverts(verifier_for: VerifierFor, name: str) -> None:
    """Its arguments are the parts of a proof, behind the commitments."""
    verifier, layout = verifier_for(CASE), Layout(proof_of(CASE.name))
    sound = bytes(verifier.verify.encode_input(*CASE.arguments))
    selector, data = sound[:4], sound[4:]
    points = WORD * (1 + 2 * len(CASE.gram.commitments))
    shift = VERIFY + points - layout.matrix  # from a place in a proof's bytes to that in the arguments
    if name == "commitments":
        place, frame, start, end = 4 * WORD, 0, VERIFY, VERIFY + points
    else:
        at, counted, start, end = (there + shift for there in layout.offsets()[name])
        top = NAMES.index(name) < 3
        place, frame = (5 * WORD + at - shift, 0) if top else (at, counted)
    assert int.from_bytes(data[place : place + WORD], "big") == start - frame
    there = (len(data) - frame).to_bytes(WORD, "big")
    odd = selector + data[:place] + there + data[place + WORD :] + data[start:end]
    assert int.from_bytes(call(verifier, sound), "big") == 1
    with pytest.raises(ContractLogicError, match=ERROR):
        call(verifier, odd)

"""What a Gram proof says, and the challenges that bind it: Fiat-Shamir with keccak over the EVM's ABI encoding.

The state after a round is keccak(abi.encode(state before, messages of the round)). It starts from the domain, the
tail's length and the SRS, then the whole statement with its sizes; no challenge is drawn before all of that is bound.
Prover and verifier share the class, and `contracts/modules/gram_protocol.vy` computes the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from eth_abi import encode
from eth_utils import keccak

from offchain.proving.commitment import TAIL, Point
from offchain.proving.kernels.field import P
from offchain.proving.pairing import G2Point
from offchain.proving.parameters import MAX_ROWS

__all__ = [
    "Challenges",
    "GramProof",
    "GramStatement",
    "GramTranscript",
    "Transcript",
    "challenges",
    "dimension_is_sound",
    "gram_key",
    "hint",
    "transcript_key",
]

_DOMAIN = keccak(b"meed/gram-proof/1")


@dataclass(frozen=True)
class GramStatement:
    """The heads of the committed vectors, their first d entries, have this Gram matrix."""

    context: bytes  # 32 bytes: keccak(abi.encode(chain id, escrow, round, aggregator))
    dimension: int  # d
    commitments: tuple[Point, ...]  # C_1 .. C_n
    gram: tuple[int, ...]  # upper triangle, row by row: G_11, G_12 .. G_1n, G_22 .. G_nn

    def entry(self, i: int, j: int) -> int:
        """G_ij, from 0."""
        i, j = min(i, j), max(i, j)
        return self.gram[i * len(self.commitments) - i * (i - 1) // 2 + j - i]


@dataclass(frozen=True)
class GramProof:
    """In the order of the contract's struct. m is the mask, a = m + sum_i alpha_i v_i, x' the head of x."""

    mask: Point  # commitment to m
    cross: tuple[int, ...]  # <m', u_i>
    mask_norm: int  # <m', m'>
    t: Point  # commitment to the tail of a
    h: Point  # commitment to h, the positive half of a'(X) a'(1/X)
    r: Point  # commitment to the reversal of a'
    a_z: int  # a(z)
    a_zinv: int  # a(1/z)
    t_z: int  # t(z)
    t_zinv: int  # t(1/z)
    h_z: int  # h(z)
    w: Point  # quotient of the batched opening at {z, 1/z}
    l: Point  # quotient of the linearised opening at x

    @property
    def points(self) -> tuple[Point, ...]:
        return self.mask, self.t, self.h, self.r, self.w, self.l

    @property
    def opened(self) -> tuple[int, int, int, int, int]:
        return self.a_z, self.a_zinv, self.t_z, self.t_zinv, self.h_z

    @property
    def scalars(self) -> tuple[int, ...]:
        return *self.cross, self.mask_norm, *self.opened

    def as_struct(self) -> tuple[Any, ...]:
        """The values in the order of the contract's struct, as a call takes them."""
        return tuple(getattr(self, member.name) for member in fields(self))


def dimension_is_sound(rows: int, dimension: int, srs_size: int) -> bool:
    """If a proof for this shape hides (d >= n + 16), can't wrap around (d is bounded by the SRS) and fits a call."""
    return 1 <= rows <= MAX_ROWS and rows + 2 * TAIL <= dimension <= srs_size - 2 * TAIL


def transcript_key(domain: bytes, tau_g2: G2Point) -> bytes:
    """What a proof system's transcripts start with, 32 bytes: it binds a proof to the system and to its SRS."""
    return keccak(encode(["bytes32", "uint256", "uint256[4]"], [domain, TAIL, tau_g2]))


def gram_key(tau_g2: G2Point) -> bytes:
    """The verifier's immutable GRAM_KEY."""
    return transcript_key(_DOMAIN, tau_g2)


class Transcript:
    """The state, from a key on."""

    def __init__(self, key: bytes) -> None:
        self._state = key

    def _bind(self, types: list[str], values: Sequence[Any]) -> int:
        """Moves on to the next state, and returns it as a scalar."""
        self._state = keccak(encode(["bytes32", *types], [self._state, *values]))
        return int.from_bytes(self._state, "big") % P

    def _numbered(self, number: int) -> bytes:
        """A further value of the same state."""
        return keccak(encode(["bytes32", "uint256"], [self._state, number]))


class GramTranscript(Transcript):
    """One method a round, in this order."""

    def __init__(self, tau_g2: G2Point) -> None:
        super().__init__(gram_key(tau_g2))

    def bind_statement(self, statement: GramStatement) -> None:
        self._bind(
            ["bytes32", "uint256", "uint256[2][]", "int256[]"],
            [statement.context, statement.dimension, statement.commitments, statement.gram],
        )

    def bind_mask(self, mask: Point, cross: Sequence[int], mask_norm: int) -> list[int]:
        """alpha_1 .. alpha_n, of 128 bits."""
        self._bind(["uint256[2]", "uint256[]", "uint256"], [mask, cross, mask_norm])
        return [int.from_bytes(self._numbered(i)[:16], "big") for i in range(len(cross))]

    def bind_polynomials(self, t: Point, h: Point, r: Point) -> int:
        """z, where they are evaluated."""
        return self._bind(["uint256[2]"] * 3, [t, h, r])

    def bind_evaluations(self, opened: Sequence[int]) -> int:
        """delta, which batches the openings of a, t, h and r."""
        return self._bind(["uint256"] * 5, opened)

    def bind_quotient(self, w: Point) -> int:
        """x, of the linearised opening."""
        return self._bind(["uint256[2]"], [w])


@dataclass(frozen=True)
class Challenges:
    alpha: tuple[int, ...]
    z: int
    delta: int
    x: int


def challenges(tau_g2: G2Point, statement: GramStatement, proof: GramProof) -> Challenges:
    """All challenges of a complete proof."""
    transcript = GramTranscript(tau_g2)
    transcript.bind_statement(statement)
    alpha = transcript.bind_mask(proof.mask, proof.cross, proof.mask_norm)
    z = transcript.bind_polynomials(proof.t, proof.h, proof.r)
    delta = transcript.bind_evaluations(proof.opened)
    return Challenges(tuple(alpha), z, delta, transcript.bind_quotient(proof.w))


def hint(tau_g2: G2Point, statement: GramStatement, proof: GramProof) -> int:
    """1 / (z (1 - z^2)) modulo P, which the contract takes beside the proof: dear to compute there, cheap to check."""
    z = challenges(tau_g2, statement, proof).z
    return pow(z * (1 - z * z), -1, P)

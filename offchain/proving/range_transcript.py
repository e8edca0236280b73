"""What a range proof says, and the challenges that bind it, as in transcript.py.

The order is the whole of its soundness: the multiplicities before chi, the inverses before y, the mask's constant
before rho (who could choose it after rho could prove anything), the identity's halves before zeta.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from eth_utils import keccak

from offchain.proving.commitment import Point
from offchain.proving.kernels.field import P
from offchain.proving.pairing import G2Point
from offchain.proving.parameters import TAIL
from offchain.proving.transcript import Transcript, dimension_is_sound, transcript_key

__all__ = [
    "MASK_LENGTH",
    "RangeChallenges",
    "RangeProof",
    "RangeStatement",
    "RangeTranscript",
    "range_challenges",
    "range_hint",
    "range_is_sound",
    "range_key",
]

_DOMAIN = keccak(b"meed/range-proof/1")

MASK_LENGTH = 2 * TAIL  # of F_0 and of v_0


@dataclass(frozen=True)
class RangeStatement:
    """The heads of the committed vectors, their first d entries, are signed integers of `bits` bits."""

    context: bytes  # 32 bytes
    dimension: int  # d
    bits: int
    commitments: tuple[Point, ...]  # C_1 .. C_n


@dataclass(frozen=True)
class RangeProof:
    """In the order of the contract's struct; range.py has the names' meaning."""

    multiplicities: Point  # commitment to m
    inverses: tuple[Point, ...]  # commitments to F_0 .. F_n
    mask: Point  # commitment to v_0
    table: Point  # commitment to g
    mask_constant: int  # sum_k y^k F_0k (chi + v_0k)
    positive: Point  # commitment to pos
    negative: Point  # commitment to neg
    f_zeta: tuple[int, ...]  # F_0 .. F_n at zeta
    v_opp: tuple[int, ...]  # v_0 .. v_n at y/zeta
    g_zeta: int  # g(zeta)
    m_zeta: int  # m(zeta)
    positive_zeta: int  # pos(zeta)
    w: Point  # quotient of the batched opening at zeta, 1/zeta and y/zeta
    l: Point  # quotient of the linearised opening at x

    @property
    def points(self) -> tuple[Point, ...]:
        return (
            *self.inverses,
            self.table,
            self.multiplicities,
            self.positive,
            self.negative,
            self.mask,
            self.w,
            self.l,
        )

    @property
    def scalars(self) -> tuple[int, ...]:
        return self.mask_constant, *self.f_zeta, *self.v_opp, self.g_zeta, self.m_zeta, self.positive_zeta

    def as_struct(self) -> tuple[Any, ...]:
        """The values in the order of the contract's struct, as a call takes them."""
        return tuple(getattr(self, member.name) for member in fields(self))


def range_is_sound(rows: int, dimension: int, bits: int, srs_size: int) -> bool:
    """If a range proof for this shape hides and can't wrap around, and the table is in bounds."""
    return dimension_is_sound(rows, dimension, srs_size) and 2 <= bits <= 16 and (1 << bits) + TAIL <= srs_size


def range_key(tau_g2: G2Point) -> bytes:
    """The verifier's immutable RANGE_KEY."""
    return transcript_key(_DOMAIN, tau_g2)


class RangeTranscript(Transcript):
    """One method a round, in this order."""

    def __init__(self, tau_g2: G2Point) -> None:
        super().__init__(range_key(tau_g2))

    def bind_statement(self, statement: RangeStatement, multiplicities: Point) -> int:
        """chi, which the entries are added to."""
        return self._bind(
            ["bytes32", "uint256", "uint256", "uint256[2][]", "uint256[2]"],
            [statement.context, statement.dimension, statement.bits, statement.commitments, multiplicities],
        )

    def bind_inverses(self, inverses: Sequence[Point], mask: Point, table: Point) -> int:
        """y, whose powers tell the places of a row apart."""
        return self._bind(["uint256[2][]", "uint256[2]", "uint256[2]"], [inverses, mask, table])

    def bind_mask_constant(self, mask_constant: int) -> int:
        """rho, which joins the products."""
        return self._bind(["uint256"], [mask_constant])

    def bind_identity(self, positive: Point, negative: Point) -> int:
        """zeta, where the identity is checked."""
        return self._bind(["uint256[2]", "uint256[2]"], [positive, negative])

    def bind_evaluations(
        self, f_zeta: Sequence[int], v_opp: Sequence[int], g_zeta: int, m_zeta: int, positive_zeta: int
    ) -> tuple[int, int]:
        """delta, which batches what is opened at one point, and gamma, which batches the points."""
        delta = self._bind(
            ["uint256[]", "uint256[]", "uint256", "uint256", "uint256"],
            [f_zeta, v_opp, g_zeta, m_zeta, positive_zeta],
        )
        return delta, int.from_bytes(self._numbered(1), "big") % P

    def bind_quotient(self, w: Point) -> int:
        """x, of the linearised opening."""
        return self._bind(["uint256[2]"], [w])


@dataclass(frozen=True)
class RangeChallenges:
    chi: int
    y: int
    rho: int
    zeta: int
    delta: int
    gamma: int
    x: int


def range_challenges(tau_g2: G2Point, statement: RangeStatement, proof: RangeProof) -> RangeChallenges:
    """All challenges of a complete proof."""
    transcript = RangeTranscript(tau_g2)
    chi = transcript.bind_statement(statement, proof.multiplicities)
    y = transcript.bind_inverses(proof.inverses, proof.mask, proof.table)
    rho = transcript.bind_mask_constant(proof.mask_constant)
    zeta = transcript.bind_identity(proof.positive, proof.negative)
    delta, gamma = transcript.bind_evaluations(
        proof.f_zeta, proof.v_opp, proof.g_zeta, proof.m_zeta, proof.positive_zeta
    )
    return RangeChallenges(chi, y, rho, zeta, delta, gamma, transcript.bind_quotient(proof.w))


def range_hint(tau_g2: G2Point, statement: RangeStatement, proof: RangeProof) -> int:
    """The inverse that the contract takes beside the proof: dear to compute there, cheap to check.

    That of zeta y (y - 1) (zeta^2 - 1) (y - zeta) (y - zeta^2) (x - zeta) (x zeta - 1) (x zeta - y). No factor may be
    zero, and the inverse of each, which the verifier needs, is the hint times the others.
    """
    drawn = range_challenges(tau_g2, statement, proof)
    y, zeta, x = drawn.y, drawn.zeta, drawn.x
    product = zeta * y * (y - 1) * (zeta**2 - 1) * (y - zeta) * (y - zeta**2)
    return pow(product * (x - zeta) * (x * zeta - 1) * (x * zeta - y), -1, P)

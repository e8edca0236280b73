"""Reads powers of tau from a `.ptau` file, the format that snarkjs and the perpetual powers-of-tau ceremony share.

    "ptau", version 1, number of sections: uint32 each; then sections: type uint32, length uint64, content
    section 1   bytes of a coordinate (32), the prime Q, the power k, the ceremony's power
    section 2   [tau^i]_1 for i < 2^(k+1) - 1: x and y in Montgomery form, 64 bytes a point
    section 3   [tau^i]_2 for i < 2^k: x and y, real part first, in Montgomery form, 128 bytes a point

All little-endian, so a point of section 2 is a point of our kernels as it stands. The file is not trusted: every point
is shown to lie on the curve, and `verified_powers` shows that they are consecutive powers of the one tau behind
[tau]_2. That nobody knows this tau is the ceremony's word, and which file is the ceremony's its digest tells: the
BLAKE2b-512 of the whole file, as `b2sum` prints it. snarkjs' README lists those of the Perpetual Powers of Tau.

Files go up to 2^28 powers, so points are read and checked a chunk at a time: memory doesn't grow with their number.
"""

from __future__ import annotations

import hashlib
import secrets
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from offchain.proving.errors import SrsError
from offchain.proving.kernels.curve import add, decode, encode, first_off_curve
from offchain.proving.kernels.field import RADIX, P, Q, Words, from_ints, to_ints
from offchain.proving.kernels.msm import msm
from offchain.proving.pairing import G2, G2Point, PointError, decode_g1, decode_g2, encode_g2, pairings_agree

__all__ = ["CHUNK", "PtauFile", "digest_of", "verified_powers"]

CHUNK = 1 << 17  # points at a time: 8 MB

_G1_BYTES, _G2_BYTES = 64, 128
_BLS12_381 = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB


def _read(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) != length:
        raise SrsError(f"{file.name}: truncated")
    return data


def _sections(file: BinaryIO) -> dict[int, tuple[int, int]]:
    """{type: (offset, length)}, each of which lies inside the file."""
    end = file.seek(0, 2)
    file.seek(0)
    if file.read(4) != b"ptau":
        raise SrsError(f"{file.name}: not a .ptau file")
    version, count = struct.unpack("<II", _read(file, 8))
    if version != 1:
        raise SrsError(f"{file.name}: .ptau version {version}; only version 1 is known")
    sections: dict[int, tuple[int, int]] = {}
    for _ in range(count):
        kind, length = struct.unpack("<IQ", _read(file, 12))
        if kind in sections:
            raise SrsError(f"{file.name}: section {kind} is there twice")
        sections[kind] = file.tell(), length
        if file.tell() + length > end:
            raise SrsError(f"{file.name}: truncated in section {kind}")
        file.seek(length, 1)
    return sections


def _section(file: BinaryIO, sections: dict[int, tuple[int, int]], kind: int, length: int) -> int:
    """The offset of a section that must have this length."""
    if kind not in sections:
        raise SrsError(f"{file.name}: section {kind} is missing")
    offset, actual = sections[kind]
    if actual != length:
        raise SrsError(f"{file.name}: section {kind} has {actual} bytes, not {length}")
    return offset


def _read_power(file: BinaryIO, sections: dict[int, tuple[int, int]]) -> int:
    offset, length = sections.get(1, (0, 0))
    file.seek(offset)
    width = int.from_bytes(_read(file, 4), "little") if length >= 4 else 32
    prime = int.from_bytes(_read(file, width), "little") if length == 12 + width else Q
    if width != 32 or prime != Q:
        curve = "BLS12-381" if prime == _BLS12_381 else f"of {8 * width} bits"
        raise SrsError(
            f"{file.name}: of another curve ({curve}) than BN254, which snarkjs calls bn128; take a file of a ceremony "
            f"for BN254"
        )
    file.seek(_section(file, sections, 1, 44) + 36)
    power, _ = struct.unpack("<II", _read(file, 8))
    if not 1 <= power <= 28:
        raise SrsError(f"{file.name}: power {power} is out of bounds")
    return int(power)


def _read_g2(file: BinaryIO, offset: int) -> tuple[G2Point, G2Point]:
    """The EVM encodings of the first two points."""
    file.seek(offset)
    words = np.frombuffer(_read(file, 2 * _G2_BYTES), "<u8")
    plain = [value * pow(RADIX, -1, Q) % Q for value in to_ints(words)]
    if any(value >= Q for value in to_ints(words)):
        raise SrsError(f"{file.name}: a coordinate of G2 isn't below the modulus")
    one, tau = ((x[1], x[0], y[1], y[0]) for x, y in ((plain[0:2], plain[2:4]), (plain[4:6], plain[6:8])))
    return one, tau


def digest_of(path: Path) -> str:
    """BLAKE2b-512 of a file, in hexadecimal digits. Raises SrsError if it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except OSError as error:
        raise SrsError(f"{path}: {error.strerror or error}") from error


class PtauFile:
    """A `.ptau` file whose format, curve and generator of G2 have been checked. Every method raises SrsError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                sections = _sections(file)
                power = _read_power(file, sections)
                self.count = 2 ** (power + 1) - 1  # of the powers in G1
                self._offset = _section(file, sections, 2, self.count * _G1_BYTES)
                one_g2, self.tau_g2 = _read_g2(file, _section(file, sections, 3, 2**power * _G2_BYTES))
        except OSError as error:
            raise SrsError(f"{path}: {error.strerror or error}") from error
        if one_g2 != encode_g2(G2):
            raise SrsError(f"{path}: the first point of G2 isn't the generator")

    def points(self, start: int, end: int) -> Words:
        """Powers start to end (exclusive) in G1, uint64[end - start, 8]: points of the curve, and no more checked."""
        if end > self.count:
            raise SrsError(f"{self.path}: has {self.count} powers; {end} are needed")
        points = np.empty((end - start, 8), "<u8")
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset + start * _G1_BYTES)
                if file.readinto(points.data) != points.nbytes:
                    raise SrsError(f"{self.path}: truncated")
        except OSError as error:
            raise SrsError(f"{self.path}: {error.strerror or error}") from error
        wrong = first_off_curve(points)
        if wrong is not None:
            raise SrsError(f"{self.path}: power {start + wrong} isn't a point of the curve")
        if start == 0 and not np.array_equal(points[0], decode((1, 2))):
            raise SrsError(f"{self.path}: the first point isn't the generator")
        return points

    def powers(self, size: int) -> Iterator[Words]:
        """The first `size` powers in chunks, verified once the last chunk has been taken."""
        chunks = (self.points(start, min(start + CHUNK, size)) for start in range(0, size, CHUNK))
        return verified_powers(chunks, self.tau_g2)


def verified_powers(chunks: Iterable[Words], tau_g2: G2Point) -> Iterator[Words]:
    """Passes chunks of points g_0 .. g_n on; after the last, raises SrsError unless g_(i+1) = tau g_i for all i, for
    the tau of tau_g2, and tau isn't 0 or 1. So nothing is verified until the iterator has come to its end.

    One random combination, e(sum_i s_i g_(i+1), G2) = e(sum_i s_i g_i, tau_g2), of 128-bit s_i: wrong points pass with
    chance 2^-128. The points are on the curve. Cost: two multi-scalar multiplications by the s_i.
    """
    try:
        tau = decode_g2(tau_g2)
    except PointError as error:
        raise SrsError(f"[tau] in G2: {error}") from error
    low = high = np.zeros(8, np.uint64)
    scalars = np.zeros((1, 4), np.uint64)
    points = np.zeros((0, 8), np.uint64)
    for index, points in enumerate(chunks):
        if index == 0 and len(points) > 1 and np.array_equal(points[0], points[1]):
            raise SrsError("tau is 1: a ceremony without a contribution")
        # point k of the chunk counts with scalar k for high, as the successor of its predecessor, and k + 1 for low
        scalars = np.concatenate([scalars[-1:], _random_scalars(len(points))])
        low, high = add(low, msm(points, scalars[1:])), add(high, msm(points, scalars[:-1]))
        yield points
    low = add(low, msm(points[-1:], from_ints([P - to_ints(scalars[-1])[0]])))  # the last point has no successor
    if not pairings_agree(decode_g1(encode(high)), G2, decode_g1(encode(low)), tau):
        raise SrsError("the points aren't consecutive powers of one tau")


def _random_scalars(count: int) -> Words:
    """uint64[count, 4], of 128 bits."""
    scalars = np.zeros((count, 4), np.uint64)
    scalars[:, :2] = np.frombuffer(secrets.token_bytes(16 * count), np.uint64).reshape(-1, 2)
    return scalars

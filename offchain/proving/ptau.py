"""Reads powers of tau from a `.ptau` file, the format that snarkjs and the perpetual powers-of-tau ceremony share.

    "ptau", version 1, number of sections: uint32 each; then sections: type uint32, length uint64, content
    section 1   bytes of a coordinate (32), the prime Q, the power k, the ceremony's power
    section 2   [tau^i]_1 for i < 2^(k+1) - 1: x and y in Montgomery form, 64 bytes a point
    section 3   [tau^i]_2 for i < 2^k: x and y, real part first, in Montgomery form, 128 bytes a point

All little-endian, so a point of section 2 is a point of our kernels as it stands. The file is not trusted:
`check_powers` shows that the points are consecutive powers of the one tau behind [tau]_2. That nobody knows this tau
is the ceremony's word.
"""

from __future__ import annotations

import secrets
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from offchain.proving.errors import SrsError
from offchain.proving.kernels.curve import decode, encode, first_off_curve
from offchain.proving.kernels.field import RADIX, Q, Words, to_ints
from offchain.proving.kernels.msm import msm
from offchain.proving.pairing import G2, G2Point, PointError, decode_g1, decode_g2, encode_g2, pairings_agree

__all__ = ["check_powers", "read_ptau"]

_G1_BYTES, _G2_BYTES = 64, 128
_CHUNK = 1 << 15  # points read and checked at a time


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
    file.seek(_section(file, sections, 1, 44))
    width, prime, power, _ = struct.unpack("<I32sII", _read(file, 44))
    if width != 32 or int.from_bytes(prime, "little") != Q:
        raise SrsError(f"{file.name}: of another curve than BN254")
    if not 1 <= power <= 28:
        raise SrsError(f"{file.name}: power {power} is out of bounds")
    return int(power)


def _read_g1(file: BinaryIO, offset: int, size: int) -> Words:
    points = np.empty((size, 8), np.uint64)
    file.seek(offset)
    for start in range(0, size, _CHUNK):
        part = points[start : start + _CHUNK]
        part[:] = np.frombuffer(_read(file, part.nbytes), "<u8").reshape(-1, 8)
        wrong = first_off_curve(part)
        if wrong is not None:
            raise SrsError(f"{file.name}: power {start + wrong} isn't a point of the curve")
    if not np.array_equal(points[0], decode((1, 2))):
        raise SrsError(f"{file.name}: the first point isn't the generator")
    return points


def _read_g2(file: BinaryIO, offset: int) -> tuple[G2Point, G2Point]:
    """The EVM encodings of the first two points."""
    file.seek(offset)
    words = np.frombuffer(_read(file, 2 * _G2_BYTES), "<u8")
    plain = [value * pow(RADIX, -1, Q) % Q for value in to_ints(words)]
    if any(value >= Q for value in to_ints(words)):
        raise SrsError(f"{file.name}: a coordinate of G2 isn't below the modulus")
    one, tau = ((x[1], x[0], y[1], y[0]) for x, y in ((plain[0:2], plain[2:4]), (plain[4:6], plain[6:8])))
    return one, tau


def read_ptau(path: Path, size: int) -> tuple[Words, G2Point]:
    """(the first `size` powers in G1 as uint64[size, 8], [tau]_2); size is at least 2.

    Checks the format, the curve, every point and both generators, and raises SrsError; `check_powers` is the
    caller's.
    """
    if size < 2:
        raise SrsError("an SRS has two powers at least")
    try:
        with path.open("rb") as file:
            sections = _sections(file)
            power = _read_power(file, sections)
            count = 2 ** (power + 1) - 1
            offset_g1 = _section(file, sections, 2, count * _G1_BYTES)
            offset_g2 = _section(file, sections, 3, 2**power * _G2_BYTES)
            if size > count:
                raise SrsError(f"{path}: has {count} powers; {size} are needed")
            g1 = _read_g1(file, offset_g1, size)
            one_g2, tau_g2 = _read_g2(file, offset_g2)
    except OSError as error:
        raise SrsError(f"{path}: {error.strerror or error}") from error
    if one_g2 != encode_g2(G2):
        raise SrsError(f"{path}: the first point of G2 isn't the generator")
    return g1, tau_g2


def check_powers(g1: Words, tau_g2: G2Point) -> None:
    """Raises SrsError unless g1[i + 1] = tau g1[i] for all i, for the tau of tau_g2, and tau isn't 0 or 1.

    One random combination, e(sum_i s_i g1[i + 1], G2) = e(sum_i s_i g1[i], tau_g2), of 128-bit s_i: wrong points pass
    with chance 2^-128.
    """
    try:
        tau = decode_g2(tau_g2)
    except PointError as error:
        raise SrsError(f"[tau] in G2: {error}") from error
    if np.array_equal(g1[0], g1[1]):
        raise SrsError("tau is 1: a ceremony without a contribution")
    scalars = np.zeros((len(g1) - 1, 4), np.uint64)
    scalars[:, :2] = np.frombuffer(secrets.token_bytes(16 * len(scalars)), np.uint64).reshape(-1, 2)
    low, high = (decode_g1(encode(msm(points, scalars))) for points in (g1[:-1], g1[1:]))
    if not pairings_agree(high, G2, low, tau):
        raise SrsError("the points aren't consecutive powers of one tau")

"""Writes `.ptau` files, whole and broken ones: the writer that the package itself doesn't need."""

from __future__ import annotations

import struct
from pathlib import Path

from py_ecc import optimized_bn128 as bn

from offchain.proving.kernels.curve import multiples
from offchain.proving.kernels.field import P
from offchain.proving.kernels.vector import powers
from tests.offchain.proving.reference import RADIX, Point, Q, multiple

Sections = dict[int, bytes]

BLS12_381 = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB


def number(value: int, width: int = 32) -> bytes:
    return value.to_bytes(width, "little")


def g1_bytes(point: Point) -> bytes:
    return b"".join(number(value * RADIX % Q) for value in point)


def g2_bytes(scalar: int) -> bytes:
    x, y = bn.normalize(bn.multiply(bn.G2, scalar))
    return b"".join(number(int(value) * RADIX % Q) for value in (*x.coeffs, *y.coeffs))


def header(prime: int = Q, width: int = 32, power: int = 3) -> bytes:
    return struct.pack("<I", width) + number(prime, width) + struct.pack("<II", power, power)


def sections_of(tau: int, power: int = 3) -> Sections:
    """A whole file's sections, as a ceremony leaves them but for those that aren't read."""
    g1 = b"".join(g1_bytes(multiple(pow(tau, k, bn.curve_order))) for k in range(2 ** (power + 1) - 1))
    g2 = b"".join(g2_bytes(pow(tau, k, bn.curve_order)) for k in range(2**power))
    return {1: header(power=power), 2: g1, 3: g2, 4: bytes(64), 7: bytes(8)}


def write(path: Path, sections: Sections, *, magic: bytes = b"ptau", version: int = 1) -> Path:
    body = b"".join(struct.pack("<IQ", kind, len(content)) + content for kind, content in sections.items())
    path.write_bytes(magic + struct.pack("<II", version, len(sections)) + body)
    return path


def write_large(path: Path, tau: int, power: int, size: int) -> Path:
    """A whole file of which only the first `size` powers, and [tau]_2, are filled in: the rest takes no space."""
    length_g1, length_g2 = 64 * (2 ** (power + 1) - 1), 128 * 2**power
    with path.open("wb") as file:
        file.write(b"ptau" + struct.pack("<II", 1, 3))
        file.write(struct.pack("<IQ", 1, 44) + header(power=power))
        file.write(struct.pack("<IQ", 3, length_g2) + g2_bytes(1) + g2_bytes(tau))
        file.seek(length_g2 - 256, 1)
        file.write(struct.pack("<IQ", 2, length_g1))
        start = file.tell()
        for first in range(0, size, 1 << 16):
            file.write(multiples(powers(tau, min(1 << 16, size - first), pow(tau, first, P))).data)
        file.truncate(start + length_g1)
    return path

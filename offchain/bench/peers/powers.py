"""Powers of a tau that this process draws and forgets: a .ptau file that is enough for one size of Groth16 circuit.

snarkjs wants powers of tau, and the Lagrange basis of the N-th roots of unity at tau in both groups, and gets the basis
by transforms of points: hours for N = 2^18. Who knows tau evaluates the basis in the field,

    L_i(tau) = (tau^N - 1) / N * w^i / (tau - w^i)

and multiplies generators: minutes. The file's tables are for all sizes up to N; those of other sizes stay holes. The
format: "ptau", version, number of sections; each with id, length, data; numbers little-endian, coordinates in
Montgomery form (x 2^256).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from offchain.proving.kernels.curve import multiples
from offchain.proving.kernels.field import from_ints
from offchain.proving.kernels.transform import root_of_unity
from offchain.proving.parameters import P, Q

__all__ = ["write_powers"]


def write_powers(path: Path, log_size: int) -> None:
    """Writes powers for circuits of up to 2^log_size rows. INSECURE: this process knew tau."""
    tau, alpha, beta = (1 + secrets.randbelow(P - 1) for _ in range(3))
    size = 1 << log_size
    basis = _lagrange_basis(tau, size)
    smaller = size - 1  # entries of a table that smaller sizes have
    with path.open("wb") as file:
        file.write(b"ptau" + _u32(1) + _u32(9))
        _section(file, 1, _u32(32) + Q.to_bytes(32, "little") + 2 * _u32(log_size))
        _section(file, 2, _g1(_powers(tau, 2 * size - 1)))
        _section(file, 4, _g1([alpha]))
        _section(file, 5, _g1([beta]))
        _section(file, 6, _g2([beta]))
        _section(file, 12, _g1(basis) + _g1(_lagrange_basis(tau, 2 * size)), hole=64 * smaller)
        _section(file, 13, _g2(basis), hole=128 * smaller)
        _section(file, 14, _g1([alpha * value % P for value in basis]), hole=64 * smaller)
        _section(file, 15, _g1([beta * value % P for value in basis]), hole=64 * smaller)


def _powers(base: int, count: int) -> list[int]:
    return list(accumulate(range(count - 1), lambda power, _: power * base % P, initial=1))


def _lagrange_basis(tau: int, size: int) -> list[int]:
    """L_i(tau) for i < size; the inverses of all tau - w^i cost one (Montgomery's trick)."""
    roots = _powers(root_of_unity(size), size)
    products = [1]
    for root in roots:
        products.append(products[-1] * (tau - root) % P)
    inverse = pow(products[size], -1, P)
    scale = (pow(tau, size, P) - 1) * pow(size, -1, P) % P
    basis = [0] * size
    for i in range(size - 1, -1, -1):
        basis[i] = scale * roots[i] % P * (inverse * products[i] % P) % P
        inverse = inverse * (tau - roots[i]) % P
    return basis


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def _section(file: BinaryIO, number: int, data: bytes, hole: int = 0) -> None:
    file.write(_u32(number) + (hole + len(data)).to_bytes(8, "little"))
    file.seek(hole, 1)
    file.write(data)


def _g1(scalars: Sequence[int]) -> bytes:
    return multiples(from_ints(scalars)).tobytes()


def _g2(scalars: Sequence[int]) -> bytes:
    from zksnake.ecc import EllipticCurve

    curve = EllipticCurve("BN254")
    points = curve.batch_mul(curve.G2(), list(scalars))
    coordinates = (coordinate for point in points for coordinate in (*point.x, *point.y))
    return b"".join(((int(value) << 256) % Q).to_bytes(32, "little") for value in coordinates)

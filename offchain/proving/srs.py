"""The structured reference string: [tau^k]_1 for k < size, and [tau]_2, for a tau that nobody knows.

It comes from a public ceremony's `.ptau` file (`Srs.from_ptau`), or is made here (`Srs.insecure`,
`Srs.insecure_cached`): then whoever ran this could have kept tau, and with it forge any proof. That is for tests and
demos, and says so each time.

Strings are cached outside the repository, checked, and mapped into memory: all processes share one copy. A cached
file is

    "meed-srs", size: uint64 little-endian, the four coordinates of [tau]_2: 32 bytes each big-endian, zeros up to
    4096, the points
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from offchain.proving.cache import cache_folder
from offchain.proving.errors import SrsError
from offchain.proving.kernels.curve import decode, first_off_curve, multiples
from offchain.proving.kernels.field import P, Words, powers
from offchain.proving.pairing import G2, G2Point, encode_g2, multiply
from offchain.proving.ptau import check_powers, read_ptau

__all__ = ["Srs"]

logger = logging.getLogger(__name__)

_MAGIC = b"meed-srs"
_HEADER_BYTES = 4096  # the points start on a page of their own


@dataclass(frozen=True, eq=False)
class Srs:
    """Powers of one tau."""

    g1: Words = field(repr=False)  # uint64[size, 8]: [tau^k]_1, as kernels take points
    tau_g2: G2Point  # [tau]_2 in the EVM's order: x imaginary, x real, y imaginary, y real

    @property
    def size(self) -> int:
        """How many powers there are in G1, of exponents 0 to size - 1."""
        return len(self.g1)

    def prefix(self, length: int) -> Words:
        """The first `length` powers; raises SrsError if there are fewer."""
        if length > self.size:
            raise SrsError(f"the SRS is too short: it has {self.size} powers, {length} are needed")
        return self.g1[:length]

    @classmethod
    def from_ptau(cls, path: str | Path, size: int) -> Srs:
        """The first `size` powers of a `.ptau` file.

        Every point is read and checked each time, their being powers of one tau the first time. Raises SrsError.
        """
        g1, tau_g2 = read_ptau(Path(path), size)
        digest = hashlib.sha256(g1.tobytes() + _encode_g2(tau_g2)).hexdigest()
        cached = _folder() / f"ptau-{digest[:32]}.srs"
        if not cached.exists():
            check_powers(g1, tau_g2)
            _write(cached, cls(g1, tau_g2))
        srs = _load(cached)
        if srs.tau_g2 != tau_g2 or not np.array_equal(srs.g1, g1):
            raise SrsError(f"{cached}: differs from {path}; delete it")
        return srs

    @classmethod
    def insecure(cls, size: int, tau: int | None = None) -> Srs:
        """Powers of a tau that is given, or drawn and thrown away. For tests and demos alone."""
        if size < 2:
            raise SrsError("an SRS has two powers at least")
        tau = tau if tau is not None else 2 + secrets.randbelow(P - 2)
        return cls(multiples(powers(tau, size)), encode_g2(multiply(G2, tau)))

    @classmethod
    def insecure_cached(cls, size: int) -> Srs:
        """This machine's insecure SRS of a size, made at the first call: every process gets the same."""
        logger.warning("INSECURE SRS of %d powers: whoever made it can forge proofs. For tests and demos alone.", size)
        cached = _folder() / f"insecure-{size}.srs"
        if not cached.exists():
            _write(cached, cls.insecure(size))
        srs = _load(cached)
        if srs.size != size:
            raise SrsError(f"{cached}: has {srs.size} powers instead of {size}; delete it")
        return srs


def _folder() -> Path:
    return cache_folder() / "srs"


def _encode_g2(point: G2Point) -> bytes:
    return b"".join(coordinate.to_bytes(32, "big") for coordinate in point)


def _write(path: Path, srs: Srs) -> None:
    """Puts the whole file in its place at once, or leaves the one that another process has put there meanwhile."""
    header = _MAGIC + srs.size.to_bytes(8, "little") + _encode_g2(srs.tau_g2)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent) as file:
            file.write(header.ljust(_HEADER_BYTES, b"\0"))
            file.write(srs.g1.tobytes())
            file.flush()
            os.link(file.name, path)
    except FileExistsError:
        return
    except OSError as error:
        raise SrsError(f"{path}: {error.strerror or error}") from error


def _load(path: Path) -> Srs:
    """A cached SRS, mapped into memory; raises SrsError if the file is damaged."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
            length = file.seek(0, 2)
    except OSError as error:
        raise SrsError(f"{path}: {error.strerror or error}") from error
    if header[:8] != _MAGIC:
        raise SrsError(f"{path}: not a cached SRS; delete it")
    size = int.from_bytes(header[8:16], "little")
    if size < 2 or length != _HEADER_BYTES + 64 * size:
        raise SrsError(f"{path}: truncated; delete it")
    x_imaginary, x_real, y_imaginary, y_real = (int.from_bytes(header[k : k + 32], "big") for k in range(16, 144, 32))
    # copy on write: to numba a read-only array is another type, which every kernel would be compiled for again
    points = np.asarray(np.memmap(path, np.uint64, "c", _HEADER_BYTES, (size, 8)))
    if not np.array_equal(points[0], decode((1, 2))) or first_off_curve(points) is not None:
        raise SrsError(f"{path}: damaged; delete it")
    return Srs(points, (x_imaginary, x_real, y_imaginary, y_real))

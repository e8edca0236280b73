"""The structured reference string: [tau^k]_1 for k < size, and [tau]_2, for a tau that nobody knows.

It comes from a public ceremony's `.ptau` file (`Srs.from_ptau`), or is made here (`Srs.insecure`,
`Srs.insecure_cached`): then whoever ran this could have kept tau, and with it forge any proof. That is for tests and
demos, and says so each time.

Both are made once, a chunk at a time, and kept in a file outside the repository, which later runs map into memory: all
processes share one copy, and a page is read when it is used. A cached file is

    "meed-srs", size: uint64 little-endian, the four coordinates of [tau]_2: 32 bytes each big-endian, zeros up to
    4096, the points

It gets its name when it is complete and checked: what breaks off leaves no file of that name. Loading takes the same
few milliseconds at any size: it checks header, length, first point, and that SAMPLE points drawn at random lie on the
curve. So another file is noticed, a truncated one, and one that has lost a part: a hundredth of it with a chance of
92 %. A few flipped bits among the points are not. With those, commitments are wrong and proofs don't verify; no false
proof ever does, since a verifier uses [tau]_2 alone.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from offchain.progress import stage
from offchain.proving.cache import cache_folder
from offchain.proving.errors import SrsError
from offchain.proving.kernels.curve import decode, first_off_curve, multiples
from offchain.proving.kernels.field import P, Words
from offchain.proving.kernels.vector import powers
from offchain.proving.pairing import G2, G2Point, encode_g2, multiply
from offchain.proving.ptau import CHUNK, PtauFile

__all__ = ["Srs"]

logger = logging.getLogger(__name__)

SAMPLE = 256  # points of a cached file that are checked each time it is loaded

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
        """The first `size` powers of a `.ptau` file. Raises SrsError.

        The first time, every point is checked, their being powers of one tau is verified, and they are cached. Later
        the file's format, its points of G2 and the first and last of these powers are read again, and nothing between.
        Nothing else could matter: [tau]_2 names the cached file and determines its powers, so another ceremony's file
        under the same path is imported anew, and a copy of the same file, or a longer import of it, isn't. Damage to
        the `.ptau` file between those points isn't noticed then, nor is it used.
        """
        _check_size(size)
        ptau = PtauFile(Path(path))
        ends = ptau.points(0, 1), ptau.points(size - 1, size)
        name = f"ptau-{hashlib.sha256(_encode_g2(ptau.tau_g2)).hexdigest()[:32]}"
        cached = _folder() / f"{name}-{size:09}.srs"
        longer = [other for other in sorted(_folder().glob(f"{name}-*.srs")) if other.name >= cached.name]
        if longer:
            cached = longer[0]
        else:
            with stage(f"Importing {size} powers of tau from {ptau.path.name}", size) as advance:
                _write(cached, size, ptau.tau_g2, _counted(ptau.powers(size), advance))
        srs = _load(cached, size)
        if srs.tau_g2 != ptau.tau_g2 or not np.array_equal(srs.g1[[0, -1]], np.concatenate(ends)):
            raise SrsError(f"{cached}: differs from {path}; delete it")
        return srs

    @classmethod
    def insecure(cls, size: int, tau: int | None = None) -> Srs:
        """Powers of a tau that is given, or drawn and thrown away. For tests and demos alone."""
        _check_size(size)
        tau = tau if tau is not None else _random_tau()
        points = np.empty((size, 8), np.uint64)
        for start, chunk in zip(range(0, size, CHUNK), _powers(tau, size), strict=True):
            points[start : start + CHUNK] = chunk
        return cls(points, encode_g2(multiply(G2, tau)))

    @classmethod
    def insecure_cached(cls, size: int) -> Srs:
        """This machine's insecure SRS of a size, made at the first call: every process gets the same."""
        _check_size(size)
        logger.warning("INSECURE SRS of %d powers: whoever made it can forge proofs. For tests and demos alone.", size)
        cached = _folder() / f"insecure-{size}.srs"
        if not cached.exists():
            tau = _random_tau()
            with stage(f"Making an insecure SRS of {size} powers", size) as advance:
                _write(cached, size, encode_g2(multiply(G2, tau)), _counted(_powers(tau, size), advance))
        srs = _load(cached)
        if srs.size != size:
            raise SrsError(f"{cached}: has {srs.size} powers instead of {size}; delete it")
        return srs


def _check_size(size: int) -> None:
    if size < 2:
        raise SrsError("an SRS has two powers at least")


# --- made here ----------------------------------------------------------------------------------------------------


def _random_tau() -> int:
    return 2 + secrets.randbelow(P - 2)


def _powers(tau: int, size: int) -> Iterator[Words]:
    """[tau^k]_1 for k < size, in chunks."""
    for start in range(0, size, CHUNK):
        yield multiples(powers(tau, min(CHUNK, size - start), pow(tau, start, P)))


# --- cached -------------------------------------------------------------------------------------------------------


def _folder() -> Path:
    return cache_folder() / "srs"


def _encode_g2(point: G2Point) -> bytes:
    return b"".join(coordinate.to_bytes(32, "big") for coordinate in point)


def _counted(chunks: Iterable[Words], advance: Callable[[int], None]) -> Iterator[Words]:
    for chunk in chunks:
        yield chunk
        advance(len(chunk))


def _write(path: Path, size: int, tau_g2: G2Point, chunks: Iterable[Words]) -> None:
    """Puts the whole file in its place once all chunks have come, or leaves the one that another process has put there
    meanwhile. If the chunks raise an error, nothing is left.
    """
    header = _MAGIC + size.to_bytes(8, "little") + _encode_g2(tau_g2)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.stem}-", suffix=".part") as file:
            file.write(header.ljust(_HEADER_BYTES, b"\0"))
            for chunk in chunks:
                file.write(chunk.data)
            file.flush()
            os.fsync(file.fileno())  # its name must not outlive a power cut that its content doesn't
            os.link(file.name, path)
    except FileExistsError:
        return
    except OSError as error:
        raise SrsError(f"{path}: {error.strerror or error}") from error


def _load(path: Path, size: int | None = None) -> Srs:
    """A cached SRS, or its first `size` powers, mapped into memory; raises SrsError if the file is seen to be
    damaged.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
            length = file.seek(0, 2)
    except OSError as error:
        raise SrsError(f"{path}: {error.strerror or error}") from error
    if header[:8] != _MAGIC:
        raise SrsError(f"{path}: not a cached SRS; delete it")
    count = int.from_bytes(header[8:16], "little")
    if count < 2 or length != _HEADER_BYTES + 64 * count:
        raise SrsError(f"{path}: truncated; delete it")
    x_imaginary, x_real, y_imaginary, y_real = (int.from_bytes(header[k : k + 32], "big") for k in range(16, 144, 32))
    # copy on write: to numba a read-only array is another type, which every kernel would be compiled for again
    points = np.asarray(np.memmap(path, np.uint64, "c", _HEADER_BYTES, (count, 8)))[:size]
    sample = np.random.default_rng().choice(len(points), min(SAMPLE, len(points)), replace=False)
    if not np.array_equal(points[0], decode((1, 2))) or first_off_curve(points[sample]) is not None:
        raise SrsError(f"{path}: damaged; delete it")
    return Srs(points, (x_imaginary, x_real, y_imaginary, y_real))

"""Structured reference strings: made here, read from files, cached; and each way in which a file can be wrong."""

from __future__ import annotations

import logging
import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from py_ecc import optimized_bn128 as bn

from offchain.proving.errors import SrsError
from offchain.proving.kernels.curve import encode, first_off_curve
from offchain.proving.srs import SAMPLE, Srs
from tests.offchain.proving import ptau_files as ptau
from tests.offchain.proving.cases import load_vectors
from tests.offchain.proving.reference import RADIX, TAU, P, Q, multiple, words_to_points

POWERS = 15  # in a file of power 3


@pytest.fixture(scope="module")
def sections() -> ptau.Sections:
    return ptau.sections_of(TAU)


@pytest.fixture
def chunks_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """chunks_of(n): powers are made, read and checked n at a time."""

    def use(count: int) -> None:
        monkeypatch.setattr("offchain.proving.srs.CHUNK", count)
        monkeypatch.setattr("offchain.proving.ptau.CHUNK", count)

    return use


def peak_of(run: Callable[[], object]) -> int:
    """The most bytes that arrays took while it ran; what is mapped from a file isn't among them."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# --- made here ----------------------------------------------------------------------------------------------------


def test_insecure__of_known_tau__is_its_powers(srs: Srs) -> None:
    expected = [multiple(pow(TAU, k, P)) for k in (0, 1, 2, 3, 1000, 4999)]
    assert srs.size == 5000
    assert [encode(srs.g1[k]) for k in (0, 1, 2, 3, 1000, 4999)] == expected


@pytest.mark.parametrize("count", [1, 7, 20])
def test_insecure__in_chunks__is_the_same(
    cache: Path, chunks_of: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    chunks_of(count)
    monkeypatch.setattr("offchain.proving.srs._random_tau", lambda: TAU)
    expected = [multiple(pow(TAU, k, P)) for k in range(20)]
    assert words_to_points(Srs.insecure(20).g1) == expected
    cached = Srs.insecure_cached(20)
    assert words_to_points(cached.g1) == expected
    assert cached.tau_g2 == Srs.insecure(2, TAU).tau_g2


def test_insecure__of_the_vectors_tau__has_their_point_in_g2() -> None:
    for vector in load_vectors():
        assert Srs.insecure(2, int(vector["tau"], 16)).tau_g2 == tuple(int(value, 16) for value in vector["tau_g2"])


def test_insecure__twice__has_other_tau() -> None:
    assert Srs.insecure(2).tau_g2 != Srs.insecure(2).tau_g2


@pytest.mark.parametrize("size", [-1, 0, 1])
def test_insecure__no_tau_in_g1__raises(size: int) -> None:
    with pytest.raises(SrsError, match="two powers at least"):
        Srs.insecure(size)


def test_prefix__longer_than_the_srs__raises(srs: Srs) -> None:
    assert srs.prefix(5000).shape == (5000, 8)
    with pytest.raises(SrsError, match="too short: it has 5000 powers, 5001 are needed"):
        srs.prefix(5001)


def test_repr__of_an_srs__is_short(srs: Srs) -> None:
    assert "g1" not in repr(srs)


def test_insecure_cached__again__is_the_same_and_says_so_each_time(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        first, again, other = Srs.insecure_cached(40), Srs.insecure_cached(40), Srs.insecure_cached(41)
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "INSECURE SRS of 40 powers",
        "INSECURE SRS of 40 powers",
        "INSECURE SRS of 41 powers",
    ]
    assert np.array_equal(first.g1, again.g1)
    assert first.tau_g2 == again.tau_g2
    assert other.tau_g2 != first.tau_g2
    assert sorted(path.name for path in (cache / "srs").iterdir()) == ["insecure-40.srs", "insecure-41.srs"]


def test_insecure_cached__written_to__leaves_the_file_alone(cache: Path) -> None:
    srs = Srs.insecure_cached(20)
    srs.g1[3] = 0
    assert not np.array_equal(Srs.insecure_cached(20).g1, srs.g1)


def test_insecure_cached__another_process_was_faster__takes_its_srs(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs: list[Srs] = []
    link = os.link

    def slow(source: str, target: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        theirs.append(Srs.insecure_cached(20))
        link(source, target)

    monkeypatch.setattr(os, "link", slow)
    assert Srs.insecure_cached(20).tau_g2 == theirs[0].tau_g2
    assert [path.name for path in (cache / "srs").iterdir()] == ["insecure-20.srs"]


def test_insecure_cached__many_powers__takes_memory_for_a_chunk(cache: Path, chunks_of: Callable[[int], None]) -> None:
    Srs.insecure_cached(20)  # the table of the generator's multiples stays
    chunks_of(512)
    assert peak_of(lambda: Srs.insecure_cached(1 << 14)) < 64 * (1 << 14) // 2


def test_insecure_cached__of_any_size__is_checked_at_so_many_points(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Srs.insecure_cached(3000)
    checked: list[int] = []
    monkeypatch.setattr(
        "offchain.proving.srs.first_off_curve", lambda points: checked.append(len(points)) or first_off_curve(points)
    )
    assert Srs.insecure_cached(3000).size == 3000
    assert checked == [SAMPLE]


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.9])
def test_insecure_cached__a_part_of_it_lost__raises(cache: Path, kept: float) -> None:
    Srs.insecure_cached(3000)
    path = cache / "srs" / "insecure-3000.srs"
    data = path.read_bytes()
    whole = 4160 + 64 * int(2999 * kept)
    path.write_bytes(data[:whole] + bytes(len(data) - whole))
    with pytest.raises(SrsError, match="damaged; delete it"):
        Srs.insecure_cached(3000)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda data: data[:-1], "truncated"),
        (lambda data: data + b"\0", "truncated"),
        (lambda data: data[:100], "truncated"),
        (lambda data: b"", "not a cached SRS"),
        (lambda data: b"other" + data[5:], "not a cached SRS"),
        (lambda data: data[:8] + struct.pack("<Q", 0) + data[16:4096], "truncated"),
        (lambda data: data[:8] + struct.pack("<Q", 19) + data[16:-64], "has 19 powers instead of 20"),
        (lambda data: data[:4096] + bytes(64) + data[4160:], "damaged"),
        (lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:], "damaged"),
        (lambda data: data[:4096] + data[4160:4224] + data[4160:], "damaged"),
    ],
)
def test_insecure_cached__damaged_file__raises(cache: Path, spoil, error: str) -> None:
    Srs.insecure_cached(20)
    path = cache / "srs" / "insecure-20.srs"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(SrsError, match=error):
        Srs.insecure_cached(20)


def test_insecure_cached__cache_is_a_file__raises(cache: Path) -> None:
    cache.write_text("")
    with pytest.raises(SrsError, match=r"Not a directory|File exists"):
        Srs.insecure_cached(20)


# --- from a file --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "count"), [(2, 8), (8, 8), (POWERS, 8), (9, 8), (POWERS, 1), (8, 64)])
def test_from_ptau__whole_file__gives_the_powers(
    cache: Path, tmp_path: Path, sections: ptau.Sections, chunks_of: Callable[[int], None], size: int, count: int
) -> None:
    chunks_of(count)
    srs = Srs.from_ptau(ptau.write(tmp_path / "a.ptau", sections), size)
    assert words_to_points(srs.g1) == [multiple(pow(TAU, k, P)) for k in range(size)]
    assert srs.tau_g2 == Srs.insecure(2, TAU).tau_g2


@pytest.fixture
def no_import(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """no_import(): from now on an import fails the test."""
    return lambda: monkeypatch.setattr(
        "offchain.proving.ptau.verified_powers", lambda *_: pytest.fail("imported again")
    )


def test_from_ptau__again__reads_the_ends_alone(
    cache: Path, tmp_path: Path, sections: ptau.Sections, no_import: Callable[[], None]
) -> None:
    path = ptau.write(tmp_path / "a.ptau", sections)
    first = Srs.from_ptau(path, 8)
    path = ptau.write(tmp_path / "copy.ptau", sections | {2: replaced(sections[2], 4, bytes(64))})
    no_import()
    again = Srs.from_ptau(str(path), 8)
    assert np.array_equal(first.g1, again.g1)
    assert len(list((cache / "srs").iterdir())) == 1


def test_from_ptau__fewer_powers_than_cached__are_a_part_of_those(
    cache: Path, tmp_path: Path, sections: ptau.Sections, no_import: Callable[[], None]
) -> None:
    path = ptau.write(tmp_path / "a.ptau", sections)
    longer = [Srs.from_ptau(path, size) for size in (9, 12)][1]
    no_import()
    for size in (8, 9, 10, 12):
        part = Srs.from_ptau(path, size)
        assert part.size == size
        assert np.array_equal(part.g1, longer.g1[:size])
    assert len(list((cache / "srs").iterdir())) == 2


def test_from_ptau__another_ceremony_under_the_same_path__is_noticed(
    cache: Path, tmp_path: Path, sections: ptau.Sections
) -> None:
    path = ptau.write(tmp_path / "a.ptau", sections)
    Srs.from_ptau(path, 8)
    status = path.stat()
    ptau.write(path, ptau.sections_of(TAU + 1))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    srs = Srs.from_ptau(path, 8)
    assert words_to_points(srs.g1) == [multiple(pow(TAU + 1, k, P)) for k in range(8)]
    assert srs.tau_g2 == Srs.insecure(2, TAU + 1).tau_g2


@pytest.mark.parametrize(
    ("index", "point", "error"),
    [
        (0, lambda: bytes(64), "power 0 isn't a point"),
        (0, lambda: POINT, "first point isn't the generator"),
        (7, lambda: bytes(64), "power 7 isn't a point"),
        (7, lambda: POINT, "differs from .*delete it"),
    ],
)
def test_from_ptau__ends_changed_since__raises(
    cache: Path, tmp_path: Path, sections: ptau.Sections, index: int, point: Callable[[], bytes], error: str
) -> None:
    path = ptau.write(tmp_path / "a.ptau", sections)
    Srs.from_ptau(path, 8)
    ptau.write(path, sections | {2: replaced(sections[2], index, point())})
    with pytest.raises(SrsError, match=error):
        Srs.from_ptau(path, 8)


def test_from_ptau__cache_holds_other_points__raises(cache: Path, tmp_path: Path, sections: ptau.Sections) -> None:
    path = ptau.write(tmp_path / "a.ptau", sections)
    Srs.from_ptau(path, 8)
    Srs.insecure_cached(8)
    (cached,) = (cache / "srs").glob("ptau-*")
    os.replace(cache / "srs" / "insecure-8.srs", cached)
    with pytest.raises(SrsError, match=r"differs from .*delete it"):
        Srs.from_ptau(path, 8)


def test_from_ptau__cache_damaged__says_what_to_do_and_that_helps(
    cache: Path, tmp_path: Path, sections: ptau.Sections
) -> None:
    path = ptau.write(tmp_path / "a.ptau", sections)
    whole = Srs.from_ptau(path, 8).g1.copy()
    (cached,) = (cache / "srs").iterdir()
    data = cached.read_bytes()
    cached.write_bytes(data[:4096] + bytes(len(data) - 4096))
    with pytest.raises(SrsError, match=rf"{cached}: damaged; delete it"):
        Srs.from_ptau(path, 8)
    cached.unlink()
    assert np.array_equal(Srs.from_ptau(path, 8).g1, whole)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_from_ptau__interrupted__leaves_nothing_and_goes_well_again(
    cache: Path,
    tmp_path: Path,
    sections: ptau.Sections,
    chunks_of: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    chunks_of(4)
    path = ptau.write(tmp_path / "a.ptau", sections)
    raised = SrsError if isinstance(error, OSError) else KeyboardInterrupt
    calls: list[int] = []

    def fail_in_the_second_chunk(points: np.ndarray, scalars: np.ndarray) -> np.ndarray:
        calls.append(len(list((cache / "srs").iterdir())))
        if len(calls) == 3:
            raise error
        return np.zeros(8, np.uint64)

    with monkeypatch.context() as patch:
        patch.setattr("offchain.proving.ptau.msm", fail_in_the_second_chunk)
        with pytest.raises(raised):
            Srs.from_ptau(path, 8)
    assert calls == [1, 1, 1]
    assert list((cache / "srs").iterdir()) == []
    assert Srs.from_ptau(path, 8).size == 8


def test_from_ptau__many_powers__takes_memory_for_a_chunk(
    cache: Path, tmp_path: Path, chunks_of: Callable[[int], None]
) -> None:
    size = 1 << 17  # half of its points are more than the buffers of a multi-scalar multiplication
    path = ptau.write_large(tmp_path / "a.ptau", TAU, 16, size - 1)
    chunks_of(512)
    Srs.from_ptau(path, 1024)  # loads the kernels, which takes memory too
    assert peak_of(lambda: Srs.from_ptau(path, size - 1)) < 64 * size // 2
    assert Srs.from_ptau(path, size - 1).tau_g2 == Srs.insecure(2, TAU).tau_g2


def test_from_ptau__missing_file__raises(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(SrsError, match=r"nowhere\.ptau: No such file"):
        Srs.from_ptau(tmp_path / "nowhere.ptau", 8)


def test_from_ptau__more_powers_than_it_has__raises(cache: Path, tmp_path: Path, sections: ptau.Sections) -> None:
    path = ptau.write(tmp_path / "a.ptau", sections)
    with pytest.raises(SrsError, match="has 15 powers; 16 are needed"):
        Srs.from_ptau(path, POWERS + 1)
    with pytest.raises(SrsError, match="two powers at least"):
        Srs.from_ptau(path, 1)


def test_from_ptau__cut_anywhere__raises(cache: Path, tmp_path: Path, sections: ptau.Sections) -> None:
    path = ptau.write(tmp_path / "a.ptau", sections)
    whole = path.read_bytes()
    for length in [0, 3, *range(4, 100, 7), 500, 1000, 2000, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(SrsError, match=r"truncated|not a \.ptau file"):
            Srs.from_ptau(path, 8)


def replaced(data: bytes, index: int, part: bytes) -> bytes:
    return data[: index * len(part)] + part + data[(index + 1) * len(part) :]


@pytest.mark.parametrize(("options", "error"), [({"magic": b"zkey"}, "not a .ptau"), ({"version": 2}, "version 2")])
def test_from_ptau__another_format__raises(
    cache: Path, tmp_path: Path, sections: ptau.Sections, options: dict, error: str
) -> None:
    with pytest.raises(SrsError, match=error):
        Srs.from_ptau(ptau.write(tmp_path / "a.ptau", sections, **options), 8)


POINT = ptau.g1_bytes(multiple(31337))
UNREDUCED = ptau.number(RADIX % Q + Q) + ptau.number(2 * RADIX % Q)  # the generator, with x + Q


@pytest.mark.parametrize(
    ("section", "change", "error"),
    [
        (1, lambda old: ptau.header(prime=P), r"another curve \(of 256 bits\) than BN254"),
        (
            1,
            lambda old: ptau.header(prime=ptau.BLS12_381, width=48),
            r"another curve \(BLS12-381\) than BN254, .*bn128",
        ),
        (1, lambda old: old + bytes(16), "section 1 has 60 bytes, not 44"),
        (1, lambda old: old[:3], "section 1 has 3 bytes, not 44"),
        (1, lambda old: ptau.header(width=32, power=0), "power 0"),
        (1, lambda old: ptau.header(width=32, power=29), "power 29"),
        (1, lambda old: ptau.header(width=32, power=4), "section 2 has"),
        (1, lambda old: b"\x30" + old[1:], "another curve"),
        (1, lambda old: None, "section 1 is missing"),
        (2, lambda old: None, "section 2 is missing"),
        (3, lambda old: None, "section 3 is missing"),
        (2, lambda old: old[:-64], "section 2 has"),
        (3, lambda old: old + bytes(128), "section 3 has"),
        (2, lambda old: replaced(old, 0, POINT), "first point isn't the generator"),
        (2, lambda old: replaced(old, 0, UNREDUCED), "power 0 isn't a point"),
        (2, lambda old: replaced(old, 3, bytes(64)), "power 3 isn't a point"),
        (2, lambda old: replaced(old, 7, POINT[:63] + b"\0"), "power 7 isn't a point"),
        (2, lambda old: replaced(old, 1, POINT), "consecutive powers"),
        (2, lambda old: replaced(old, 2, POINT), "consecutive powers"),
        (2, lambda old: replaced(old, 3, POINT), "consecutive powers"),
        (2, lambda old: replaced(old, 7, POINT), "consecutive powers"),
        (2, lambda old: old[:192] + old[256:] + old[-64:], "consecutive powers"),  # chunks that don't join
        (2, lambda old: old[:64] * POWERS, "tau is 1"),
        (3, lambda old: replaced(old, 0, ptau.g2_bytes(2)), "first point of G2"),
        (3, lambda old: replaced(old, 1, ptau.g2_bytes(2)), "consecutive powers"),
        (3, lambda old: replaced(old, 1, bytes(128)), "not a point of G2"),  # tau is 0
        (3, lambda old: replaced(old, 1, old[128:255] + b"\0"), "not a point of G2"),
        (3, lambda old: replaced(old, 1, b"\xff" * 128), "below the modulus"),
    ],
)
def test_from_ptau__one_thing_wrong__raises_and_caches_nothing(
    cache: Path, tmp_path: Path, sections: ptau.Sections, chunks_of: Callable[[int], None], section, change, error: str
) -> None:
    chunks_of(3)  # points 3 and 6 begin another chunk
    changed = change(sections[section])
    spoilt = {kind: content for kind, content in (sections | {section: changed}).items() if content is not None}
    with pytest.raises(SrsError, match=error):
        Srs.from_ptau(ptau.write(tmp_path / "a.ptau", spoilt), 8)
    assert list(cache.glob("srs/*")) == []


def test_from_ptau__section_twice__raises(cache: Path, tmp_path: Path, sections: ptau.Sections) -> None:
    path = ptau.write(tmp_path / "a.ptau", sections)
    data = bytearray(path.read_bytes())
    offset = data.index(struct.pack("<IQ", 4, 64))
    data[offset : offset + 4] = struct.pack("<I", 3)
    path.write_bytes(data)
    with pytest.raises(SrsError, match="section 3 is there twice"):
        Srs.from_ptau(path, 8)


def test_from_ptau__beyond_the_powers_asked_for__isnt_read(
    cache: Path, tmp_path: Path, sections: ptau.Sections
) -> None:
    spoilt = sections | {2: replaced(sections[2], 9, bytes(64))}
    path = ptau.write(tmp_path / "a.ptau", spoilt)
    assert Srs.from_ptau(path, 9).size == 9
    with pytest.raises(SrsError, match="power 9"):
        Srs.from_ptau(path, 10)


def test_from_ptau__point_outside_the_subgroup_of_g2__raises(
    cache: Path, tmp_path: Path, sections: ptau.Sections
) -> None:
    point = point_of_the_twist_outside_g2()
    spoilt = sections | {3: replaced(sections[3], 1, point)}
    with pytest.raises(SrsError, match="not a point of G2"):
        Srs.from_ptau(ptau.write(tmp_path / "a.ptau", spoilt), 8)


def point_of_the_twist_outside_g2() -> bytes:
    """Almost every point of the twist lies outside G2, so any will do: that of the first x which has one."""
    for k in range(1, 50):
        x = bn.FQ2([k, 1])
        square = x * x * x + bn.b2
        norm = (square.coeffs[0] ** 2 + square.coeffs[1] ** 2) % Q
        root = pow(norm, (Q + 1) // 4, Q)
        for real_squared in ((square.coeffs[0] + root) * pow(2, -1, Q), (square.coeffs[0] - root) * pow(2, -1, Q)):
            real = pow(int(real_squared) % Q, (Q + 1) // 4, Q)
            if real and real * real % Q == int(real_squared) % Q and root * root % Q == norm:
                y = bn.FQ2([real, int(square.coeffs[1]) * pow(2 * real, -1, Q) % Q])
                if y * y == square:
                    return b"".join(ptau.number(int(c) * RADIX % Q) for c in (*x.coeffs, *y.coeffs))
    raise AssertionError("no point found")

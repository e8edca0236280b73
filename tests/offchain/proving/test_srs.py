"""Structured reference strings: made here, read from files, cached; and each way in which a file can be wrong."""

from __future__ import annotations

import logging
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from py_ecc import optimized_bn128 as bn

from offchain.proving.errors import SrsError
from offchain.proving.kernels.curve import encode
from offchain.proving.srs import Srs
from tests.offchain.proving import ptau_files as ptau
from tests.offchain.proving.cases import load_vectors
from tests.offchain.proving.reference import RADIX, TAU, P, Q, multiple, words_to_points

POWERS = 15  # in a file of power 3


@pytest.fixture(scope="module")
def sections() -> ptau.Sections:
    return ptau.sections_of(TAU)


# --- made here ----------------------------------------------------------------------------------------------------


def test_insecure__of_known_tau__is_its_powers(srs: Srs) -> None:
    expected = [multiple(pow(TAU, k, P)) for k in (0, 1, 2, 3, 1000, 4999)]
    assert srs.size == 5000
    assert [encode(srs.g1[k]) for k in (0, 1, 2, 3, 1000, 4999)] == expected


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
    make = Srs.insecure
    theirs: list[Srs] = []

    def slow(size: int) -> Srs:
        if not theirs:
            theirs.append(make(size))
            monkeypatch.setattr(Srs, "insecure", lambda size: theirs[0])
            Srs.insecure_cached(size)
        return make(size)

    monkeypatch.setattr(Srs, "insecure", slow)
    assert Srs.insecure_cached(20).tau_g2 == theirs[0].tau_g2


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


@pytest.mark.parametrize("size", [2, 8, POWERS])
def test_from_ptau__whole_file__gives_the_powers(
    cache: Path, tmp_path: Path, sections: ptau.Sections, size: int
) -> None:
    srs = Srs.from_ptau(ptau.write(tmp_path / "a.ptau", sections), size)
    assert words_to_points(srs.g1) == [multiple(pow(TAU, k, P)) for k in range(size)]
    assert srs.tau_g2 == Srs.insecure(2, TAU).tau_g2


def test_from_ptau__again__skips_the_pairing_and_shares_the_file(
    cache: Path, tmp_path: Path, sections: ptau.Sections, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ptau.write(tmp_path / "a.ptau", sections)
    first = Srs.from_ptau(path, 8)
    monkeypatch.setattr("offchain.proving.srs.check_powers", lambda *_: pytest.fail("checked again"))
    again = Srs.from_ptau(str(path), 8)
    assert np.array_equal(first.g1, again.g1)
    assert len(list((cache / "srs").iterdir())) == 1


def test_from_ptau__cache_holds_other_points__raises(cache: Path, tmp_path: Path, sections: ptau.Sections) -> None:
    path = ptau.write(tmp_path / "a.ptau", sections)
    Srs.from_ptau(path, 8)
    Srs.insecure_cached(8)
    (cached,) = (cache / "srs").glob("ptau-*")
    os.replace(cache / "srs" / "insecure-8.srs", cached)
    with pytest.raises(SrsError, match="differs from"):
        Srs.from_ptau(path, 8)


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
        (1, lambda old: ptau.header(prime=P), "another curve"),
        (1, lambda old: ptau.header(prime=ptau.BLS12_381, width=48), "section 1 has 60 bytes"),
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
        (2, lambda old: replaced(old, 4, POINT), "consecutive powers"),
        (2, lambda old: replaced(old, 7, POINT), "consecutive powers"),
        (2, lambda old: old[:64] * POWERS, "tau is 1"),
        (3, lambda old: replaced(old, 0, ptau.g2_bytes(2)), "first point of G2"),
        (3, lambda old: replaced(old, 1, ptau.g2_bytes(2)), "consecutive powers"),
        (3, lambda old: replaced(old, 1, bytes(128)), "not a point of G2"),
        (3, lambda old: replaced(old, 1, old[128:255] + b"\0"), "not a point of G2"),
        (3, lambda old: replaced(old, 1, b"\xff" * 128), "below the modulus"),
    ],
)
def test_from_ptau__one_thing_wrong__raises_and_caches_nothing(
    cache: Path, tmp_path: Path, sections: ptau.Sections, section: int, change, error: str
) -> None:
    changed = change(sections[section])
    spoilt = {kind: content for kind, content in (sections | {section: changed}).items() if content is not None}
    with pytest.raises(SrsError, match=error):
        Srs.from_ptau(ptau.write(tmp_path / "a.ptau", spoilt), 8)
    assert not (cache / "srs").exists()


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

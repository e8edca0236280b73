"""The prover: bit for bit the reference's proofs, and what it refuses."""

from __future__ import annotations

import io
import threading
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from offchain import progress
from offchain.proving.commitment import TAIL, Combination, commit, commit_combination, random_tail
from offchain.proving.errors import InputError, Rejected
from offchain.proving.gram import gram_matrix, prove
from offchain.proving.inputs import commitments_to
from offchain.proving.kernels.polynomial import autocorrelation
from offchain.proving.kernels.vector import powers
from offchain.proving.srs import Srs
from offchain.proving.transcript import GramProof, GramStatement
from offchain.proving.verifier import verify
from offchain.scoring.aggregate import aggregate
from tests.gram_cases import case_named
from tests.offchain.proving.cases import load_public_vectors, load_vectors, proof_of, public_case, statement_of
from tests.offchain.proving.reference import TAU, P, multiple, sum_of

CONTEXT = bytes(range(32))


@pytest.fixture(autouse=True)
def by_trapdoor(trapdoor: Callable[[int], None]) -> None:
    """Proofs over the SRS of TAU are verified without pairings, which test_verifier.py is for."""
    trapdoor(TAU)


def prove_vector(vector: dict[str, Any]) -> tuple[GramStatement, GramProof]:
    draws = iter(vector["mask"])
    return prove(
        Srs.insecure(vector["srs_size"], int(vector["tau"], 16)),
        bytes.fromhex(vector["context"][2:]),
        np.array(vector["heads"], np.int16),
        [[int(value, 16) for value in tail] for tail in vector["tails"]],
        public=[
            Combination(np.array(row["values"], np.int64), tuple(int(value, 16) for value in row["tail"]))
            for row in vector.get("public", [])
        ],
        random=lambda bound: int(next(draws), 16),
    )


@pytest.mark.parametrize("vector", load_vectors(), ids=lambda vector: vector["name"])
def test_prove__witness_of_a_vector__gives_its_statement_and_proof(vector: dict[str, Any]) -> None:
    case = case_named(vector["name"])
    assert prove_vector(vector) == (statement_of(case), proof_of(case))


@pytest.mark.parametrize("vector", load_public_vectors(), ids=lambda vector: vector["name"])
def test_prove__witness_with_public_rows__gives_its_statement_and_proof(vector: dict[str, Any]) -> None:
    case = public_case(vector)
    assert prove_vector(vector) == (statement_of(case), proof_of(case))


def updates_of(n: int, d: int) -> np.ndarray:
    return np.random.default_rng(n + d).integers(-(2**15), 2**15, (n, d)).astype(np.int16)


def combinations_of(d: int, count: int = 2) -> list[Combination]:
    """Aggregates, as large as they may be."""
    rows = []
    for k in range(count):
        values = np.random.default_rng([d, k]).integers(-(2**60), 2**60, d, endpoint=True)
        values[:2] = -(2**60), 2**60
        rows.append(Combination(values, tuple(random_tail())))
    return rows


def products_of(updates: np.ndarray, public: Sequence[Combination]) -> list[int]:
    rows = [*updates.tolist(), *(row.values.tolist() for row in public)]
    return [sum(a * b for a, b in zip(u, v, strict=True)) for i, u in enumerate(rows) for v in rows[i:]]


@pytest.mark.parametrize(("n", "d"), [(1, 17), (32, 48), (3, 4096), (3, 4097), (2, 4984)], ids=lambda value: str(value))
def test_prove__with_its_own_mask__verifies(srs: Srs, n: int, d: int) -> None:
    updates, tails = updates_of(n, d), [random_tail() for _ in range(n)]
    statement, proof = prove(srs, CONTEXT, updates, tails)
    assert statement.commitments == tuple(commit(srs, u, tail) for u, tail in zip(updates, tails, strict=True))
    verify(srs.tau_g2, srs.size, statement, proof)


def test_prove__zero_updates_without_tails__verifies(srs: Srs) -> None:
    statement, proof = prove(srs, CONTEXT, np.zeros((2, 18), np.int16), [[0] * TAIL] * 2)
    assert statement.commitments == ((0, 0), (0, 0))
    verify(srs.tau_g2, srs.size, statement, proof)


def test_prove__without_mask_and_tails__gives_identities_and_verifies(srs: Srs) -> None:
    statement, proof = prove(srs, CONTEXT, np.zeros((2, 18), np.int16), [[0] * TAIL] * 2, random=lambda bound: 0)
    assert set(proof.points) == {(0, 0)}
    verify(srs.tau_g2, srs.size, statement, proof)


def test_prove__twice__has_fresh_masks(srs: Srs) -> None:
    updates, tails = updates_of(2, 20), [random_tail() for _ in range(2)]
    (first, one), (second, other) = (prove(srs, CONTEXT, updates, tails) for _ in range(2))
    assert first == second
    assert not set(one.points) & set(other.points)
    assert not set(one.scalars) & set(other.scalars)


def test_prove__known_commitments__arent_computed_again(srs: Srs, monkeypatch: pytest.MonkeyPatch) -> None:
    updates, tails = updates_of(2, 20), [random_tail() for _ in range(2)]
    known = [commit(srs, u, tail) for u, tail in zip(updates, tails, strict=True)]
    monkeypatch.setattr("offchain.proving.inputs.commit", lambda *_: pytest.fail("committed again"))
    statement, proof = prove(srs, CONTEXT, updates, tails, commitments=known)
    assert statement.commitments == tuple(known)
    verify(srs.tau_g2, srs.size, statement, proof)


def test_prove__known_gram_matrix__isnt_computed_again(srs: Srs, monkeypatch: pytest.MonkeyPatch) -> None:
    updates, tails = updates_of(2, 20), [random_tail() for _ in range(2)]
    known = gram_matrix(updates)
    monkeypatch.setattr("offchain.proving.gram.gram_matrix", lambda *_: pytest.fail("computed again"))
    statement, proof = prove(srs, CONTEXT, updates, tails, gram=known)
    assert statement.gram == tuple(known)
    verify(srs.tau_g2, srs.size, statement, proof)


@pytest.mark.parametrize("entry", range(3))
def test_prove__wrong_gram_matrix__doesnt_verify(srs: Srs, entry: int) -> None:
    updates, tails = updates_of(2, 20), [random_tail() for _ in range(2)]
    wrong = gram_matrix(updates)
    wrong[entry] += 1
    with pytest.raises(Rejected, match="pairing check failed"):
        verify(srs.tau_g2, srs.size, *prove(srs, CONTEXT, updates, tails, gram=wrong))


def test_prove__wrong_commitment__doesnt_verify(srs: Srs) -> None:
    updates, tails = updates_of(2, 20), [random_tail() for _ in range(2)]
    known = [commit(srs, updates[0], tails[0]), commit(srs, updates[0], tails[1])]
    with pytest.raises(Rejected, match="pairing check failed"):
        verify(srs.tau_g2, srs.size, *prove(srs, CONTEXT, updates, tails, commitments=known))


def test_prove__strided_updates__count_their_own_entries(srs: Srs) -> None:
    updates, tails = updates_of(4, 40)[::2, ::-2], [random_tail() for _ in range(2)]
    verify(srs.tau_g2, srs.size, *prove(srs, CONTEXT, updates, tails))


def test_prove__arguments__stay_as_they_are(srs: Srs) -> None:
    updates, tails = updates_of(2, 20), [random_tail() for _ in range(2)]
    before = updates.copy(), [list(tail) for tail in tails], srs.g1.copy()
    prove(srs, CONTEXT, updates, tails)
    assert np.array_equal(updates, before[0])
    assert tails == before[1]
    assert np.array_equal(srs.g1, before[2])


@pytest.mark.parametrize(("n", "public"), [(2, 0), (32, 0), (30, 2), (1, 31)])
def test_prove__for_any_number_of_rows__takes_the_memory_of_four_arrays(
    srs: Srs, monkeypatch: pytest.MonkeyPatch, n: int, public: int
) -> None:
    """Beside SRS, updates, roots of unity, and what multiplications take while they run."""
    d = 1 << 18
    autocorrelation(np.zeros((d, 4), np.uint64))  # keeps the roots of unity
    monkeypatch.setattr("offchain.proving.commitment.msm", lambda points, scalars: np.zeros(8, np.uint64))
    monkeypatch.setattr("offchain.proving.gram.random_elements", lambda count: powers(3, count))
    longer = Srs(np.broadcast_to(srs.g1[0], (d + 16, 8)), srs.tau_g2)
    updates, tails, known = updates_of(n, d), [[1] * TAIL] * n, [(1, 2)] * (n + public)
    rows = combinations_of(d, public)
    tracemalloc.start()
    try:
        prove(longer, CONTEXT, updates, tails, public=rows, commitments=known)
        assert tracemalloc.get_traced_memory()[1] < 4.5 * 32 * d
    finally:
        tracemalloc.stop()


def test_prove__shown__says_its_stages_and_no_numbers(srs: Srs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LONG", 0.0)
    output = io.StringIO()
    with progress.show(Console(file=output)):
        prove(srs, CONTEXT, updates_of(2, 20), [random_tail() for _ in range(2)])
    names = [line.split(":")[0] for line in output.getvalue().splitlines()]
    assert names[:4] == ["Committing to an update"] * 2 + ["Computing the Gram matrix", "Drawing the mask"]
    assert names[-1] == "Committing to the linear quotient"
    assert not any(character.isdigit() for name in names for character in name)


def test_prove__by_default__prints_nothing(srs: Srs, capfd: pytest.CaptureFixture[str]) -> None:
    prove(srs, CONTEXT, updates_of(2, 20), [random_tail() for _ in range(2)])
    assert capfd.readouterr() == ("", "")


def test_prove__in_several_threads__gives_the_same_proofs() -> None:
    vectors = load_vectors()[:5]
    results: dict[str, Any] = {}
    threads = [
        threading.Thread(target=lambda v=vector: results.update({v["name"]: prove_vector(v)})) for vector in vectors
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for vector in vectors:
        case = case_named(vector["name"])
        assert results[vector["name"]] == (statement_of(case), proof_of(case))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"updates": updates_of(1, 16)}, "no proof for 1 updates of 16 entries"),
        ({"updates": updates_of(4, 19)}, "no proof for 4 updates of 19 entries"),
        (
            {"updates": updates_of(2, 4985)},
            "no proof for 2 updates of 4985 entries with an SRS of 5000 powers",
        ),
        ({"updates": updates_of(41, 60)}, "no proof for 41 updates"),
        ({"updates": updates_of(1, 20)[:0]}, "no proof for 0 updates"),
        ({"updates": updates_of(1, 20)[0]}, "of shape"),
        ({"updates": updates_of(2, 20).astype(np.int32)}, "not int32"),
        ({"context": bytes(31)}, "context of 32 bytes"),
        ({"tails": [[1] * TAIL]}, "a tail of 8"),
        ({"tails": [[1] * TAIL, [1] * 7]}, "a tail of 8"),
        ({"commitments": [(1, 2)]}, "one commitment for each"),
        ({"gram": [1, 2]}, "a Gram entry for each two"),
        ({"public": combinations_of(19)}, "a public row has 19 entries, updates have 20"),
        ({"updates": updates_of(3, 20), "public": combinations_of(20)}, "for 3 updates and 2 public rows of 20"),
        ({"updates": updates_of(39, 60), "public": combinations_of(60)}, "for 39 updates and 2 public rows"),
        ({"updates": updates_of(1, 60), "public": combinations_of(60, 40)}, "for 1 updates and 40 public rows"),
        ({"updates": updates_of(2, 24), "public": combinations_of(24, 7)}, "for 2 updates and 7 public rows of 24"),
        ({"updates": updates_of(1, 20)[:0], "public": combinations_of(20)}, "for 0 updates and 2 public rows"),
        ({"public": combinations_of(20), "tails": [[1] * TAIL] * 3}, "for each update a tail"),
        ({"public": combinations_of(20), "commitments": [(1, 2)] * 2}, "one commitment for each"),
        ({"public": combinations_of(20), "gram": [1, 2, 3]}, "a Gram entry for each two"),
    ],
)
def test_prove__what_cant_be_proved__raises(srs: Srs, changes: dict[str, Any], error: str) -> None:
    arguments = {"context": CONTEXT, "updates": updates_of(2, 20), "tails": [[1] * TAIL] * 2} | changes
    with pytest.raises(InputError, match=error):
        prove(srs, **arguments)


# --- with public rows


@pytest.mark.parametrize(
    ("n", "count", "d"),
    [(1, 1, 18), (1, 2, 19), (30, 2, 48), (1, 31, 48), (20, 12, 60), (3, 5, 4097), (2, 2, 4984)],
    ids=lambda value: str(value),
)
def test_prove__public_rows__verifies(srs: Srs, n: int, count: int, d: int) -> None:
    updates, tails, public = updates_of(n, d), [random_tail() for _ in range(n)], combinations_of(d, count)
    statement, proof = prove(srs, CONTEXT, updates, tails, public=public)
    assert statement.commitments[:n] == tuple(commit(srs, u, tail) for u, tail in zip(updates, tails, strict=True))
    assert statement.commitments[n:] == tuple(commit_combination(srs, row) for row in public)
    assert list(statement.gram) == products_of(updates, public)
    verify(srs.tau_g2, srs.size, statement, proof, n)


def test_prove__aggregates_as_public_rows__verifies_for_the_sums_of_commitments(srs: Srs) -> None:
    """The commitments are not made from the aggregates but added up, as the contract does it."""
    earlier, earlier_tails = updates_of(3, 40), [random_tail() for _ in range(3)]
    points = [commit(srs, u, tail) for u, tail in zip(earlier, earlier_tails, strict=True)]
    updates, tails = updates_of(2, 40), [random_tail() for _ in range(2)]
    public, known = [], [commit(srs, u, tail) for u, tail in zip(updates, tails, strict=True)]
    for weights in ([2**32, 0, 12345], [1, 2**32, 2**32], [2**32, 0, 12345]):  # one twice
        public.append(Combination(*aggregate(earlier, earlier_tails, weights)))
        known.append(sum_of(multiple(k, point) for k, point in zip(weights, points, strict=True)))
    made = prove(srs, CONTEXT, updates, tails, public=public, commitments=known)
    verify(srs.tau_g2, srs.size, *made, 2)


def test_prove__public_rows_with_unreduced_tails__verifies(srs: Srs) -> None:
    updates, tails, public = updates_of(2, 20), [random_tail() for _ in range(2)], combinations_of(20)
    longer = [Combination(row.values, tuple(v + (k - 3) * P for k, v in enumerate(row.tail))) for row in public]
    known = commitments_to(srs, updates, tails, None, public)
    verify(srs.tau_g2, srs.size, *prove(srs, CONTEXT, updates, tails, public=longer, commitments=known), 2)


def test_prove__strided_public_rows__count_their_own_entries(srs: Srs) -> None:
    updates, tails, public = updates_of(2, 20), [random_tail() for _ in range(2)], combinations_of(40)
    strided = [Combination(row.values[::-2], row.tail) for row in public]
    before = [row.values.copy() for row in public]
    statement, proof = prove(srs, CONTEXT, updates, tails, public=strided)
    assert list(statement.gram) == products_of(updates, strided)
    verify(srs.tau_g2, srs.size, statement, proof, 2)
    assert all(np.array_equal(row.values, values) for row, values in zip(public, before, strict=True))


@pytest.mark.parametrize("entry", range(10))
def test_prove__wrong_entry_beside_public_rows__doesnt_verify(srs: Srs, entry: int) -> None:
    updates, tails, public = updates_of(2, 20), [random_tail() for _ in range(2)], combinations_of(20)
    wrong = gram_matrix(updates, public)
    wrong[entry] += 1
    with pytest.raises(Rejected, match="pairing check failed"):
        verify(srs.tau_g2, srs.size, *prove(srs, CONTEXT, updates, tails, public=public, gram=wrong), 2)


@pytest.mark.parametrize("part", ["value", "tail"])
@pytest.mark.parametrize("own_products", [True, False])
@pytest.mark.parametrize("which", [0, 1])
def test_prove__another_public_row_than_committed__doesnt_verify(
    srs: Srs, part: str, own_products: bool, which: int
) -> None:
    updates, tails, public = updates_of(2, 20), [random_tail() for _ in range(2)], combinations_of(20)
    known = commitments_to(srs, updates, tails, None, public)
    values, tail = public[which].values.copy(), list(public[which].tail)
    if part == "value":
        values[7] += 1
    else:
        tail[7] += 1
    other = list(public)
    other[which] = Combination(values, tuple(tail))
    gram = gram_matrix(updates, other if own_products else public)
    made = prove(srs, CONTEXT, updates, tails, public=other, commitments=known, gram=gram)
    with pytest.raises(Rejected, match="pairing check failed"):
        verify(srs.tau_g2, srs.size, *made, 2)


def test_prove__known_matrix_and_commitments_of_public_rows__arent_computed_again(
    srs: Srs, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates, tails, public = updates_of(2, 20), [random_tail() for _ in range(2)], combinations_of(20)
    first, _ = prove(srs, CONTEXT, updates, tails, public=public)
    for name in ("inputs.commit", "inputs.commit_combination", "gram.gram_matrix"):
        monkeypatch.setattr(f"offchain.proving.{name}", lambda *_: pytest.fail("computed again"))
    again, proof = prove(srs, CONTEXT, updates, tails, public=public, commitments=first.commitments, gram=first.gram)
    assert again == first
    verify(srs.tau_g2, srs.size, again, proof, 2)


@pytest.mark.parametrize("edge", [-(2**60), 2**60, 2**60 - 1, -(2**15) * (1 + 2**16 + 2**32)])
@pytest.mark.parametrize("entry", [-(2**15), 2**15 - 1])
def test_gram_matrix__extremes_with_public_rows__is_exact(edge: int, entry: int) -> None:
    d = 4096
    updates, values = np.full((2, d), entry, np.int16), np.full(d, edge, np.int64)
    updates[1], updates[:, -1], values[-1] = -1 - entry, 1, 1
    public = [Combination(row, (0,) * TAIL) for row in (values, -values)]
    gram = gram_matrix(updates, public)
    assert gram == products_of(updates, public)
    assert all(type(value) is int for value in gram)


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("d", [0, 1, 20, 16_385])
def test_gram_matrix__random_with_public_rows__equals_python(d: int, count: int) -> None:
    values = np.random.default_rng(d).integers(-(2**60), 2**60, (count, d), endpoint=True)
    public, updates = [Combination(row, (0,) * TAIL) for row in values], updates_of(5, d)
    assert gram_matrix(updates, public) == products_of(updates, public)


def test_gram_matrix__parts_of_the_columns__add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offchain.proving.gram._PART", 7)
    for d in (6, 7, 8, 20):
        updates = updates_of(3, d)
        public = [Combination(row.values[:d], row.tail) for row in combinations_of(20, 3)]
        assert gram_matrix(updates, public) == products_of(updates, public)


def test_gram_matrix__public_row_of_another_length__raises() -> None:
    with pytest.raises(InputError, match="a public row has 21 entries, updates have 20"):
        gram_matrix(updates_of(2, 20), combinations_of(21))


# --- the matrix alone


@pytest.mark.parametrize("d", [1, 20, 16_385])
def test_gram_matrix__random__equals_python(d: int) -> None:
    updates = updates_of(5, d)
    rows = updates.tolist()
    expected = [sum(a * b for a, b in zip(rows[i], rows[j], strict=True)) for i in range(5) for j in range(i, 5)]
    gram = gram_matrix(updates)
    assert gram == expected
    assert all(type(entry) is int for entry in gram)


def test_gram_matrix__extremes_at_millions_of_entries__is_exact() -> None:
    """An entry of 2^51.6, with an odd last product: float32, int32 and a naive float64 sum of 2^53 would each show."""
    d = 3_300_001
    updates = np.full((2, d), -(2**15), np.int16)
    updates[1] = 2**15 - 1
    updates[:, -1] = 1
    low, high = -(2**15), 2**15 - 1
    assert gram_matrix(updates) == [(d - 1) * low * low + 1, (d - 1) * low * high + 1, (d - 1) * high * high + 1]


def test_gram_matrix__extremes_at_the_greatest_length__is_exact() -> None:
    """Entries up to 2^57, of which odd multiples round as float64. Every entry of a row is the same one in memory."""
    d, low, high = 2**27 - 1, -(2**15), 2**15 - 1
    updates = np.lib.stride_tricks.as_strided(np.array([low, high], np.int16), (2, d), (2, 0))
    expected = [d * low * low, d * low * high, d * high * high]
    assert any(int(float(entry)) != entry for entry in expected)
    assert gram_matrix(updates) == expected


def test_gram_matrix__of_longer_than_is_exact__raises() -> None:
    endless = np.lib.stride_tricks.as_strided(np.zeros(1, np.int16), (1, 2**27 + 1), (0, 0))
    with pytest.raises(InputError, match=r"at most 2\^27"):
        gram_matrix(endless)

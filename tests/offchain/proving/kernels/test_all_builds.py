"""Every build passes the tests of this folder, and gives the same proofs, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from offchain.proving.kernels.build import BUILD, BUILDS
from tests.offchain.proving.cases import ROOT
from tests.offchain.proving.kernels.other_builds import SETTINGS, digest_of_a_proof, missing_for, python

HERE = Path(__file__).parent
NOT_KERNELS = {"test_all_builds.py", "test_build.py"}  # they start processes themselves
VECTORS = (
    HERE.parent / "test_gram.py::test_prove__witness_of_a_vector__gives_its_statement_and_proof",
    HERE.parent / "test_range.py::test_prove_range__witness_of_a_vector__gives_its_statement_and_proof",
)


@pytest.fixture(params=BUILDS)
def other(request: pytest.FixtureRequest) -> str:
    """A build that isn't in use here."""
    name: str = request.param
    if name == BUILD:
        pytest.skip(f"{name} is in use: the tests beside this one run in it")
    if missing := missing_for(name):
        pytest.skip(f"{name} doesn't run on this processor, which lacks {missing}")
    return name


def test_kernels__in_another_build__pass_the_same_tests(other: str) -> None:
    files = [str(file) for file in sorted(HERE.glob("test_*.py")) if file.name not in NOT_KERNELS]
    outside_ape = ["-p", "no:ape_test", "-p", "no:cacheprovider", "--confcutdir", str(HERE.parent)]
    done = python(
        "-m", "pytest", "--tb=short", "--maxfail=20", *outside_ape, *files, *map(str, VECTORS), **SETTINGS[other]
    )
    if done.returncode != 0:
        pytest.fail(f"in the build {other}:\n{done.stdout}\n{done.stderr}", pytrace=False)
    assert " passed" in done.stdout


def test_prove__in_another_build__gives_the_same_proof(other: str) -> None:
    code = (
        "from offchain.proving.kernels.build import BUILD\n"
        "from tests.offchain.proving.kernels.other_builds import digest_of_a_proof\n"
        "print(BUILD, digest_of_a_proof())"
    )
    done = python("-c", code, **SETTINGS[other])
    assert done.stdout.split() == [other, digest_of_a_proof()], done.stderr


def test_builds__all_of_them__have_settings_and_this_is_the_tree_that_runs() -> None:
    assert set(SETTINGS) == set(BUILDS)
    code = "import offchain; print(offchain.__file__)"
    assert Path(python("-c", code).stdout.strip()) == ROOT / "offchain" / "__init__.py"

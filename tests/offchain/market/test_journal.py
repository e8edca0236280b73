"""What a state folder keeps, and from whom."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from offchain.market.errors import JournalError
from offchain.market.journal import Attempt, Journal
from offchain.market.programs.base import kept_key


def attempt(nonce: int, hash_: str) -> Attempt:
    return Attempt(nonce, hash_, "submit", b"signed", {"to": "0x1", "data": "00", "gas": 5}, 100, 7, 12.5)


def test_journal__everything_in_it__only_its_owner_can_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    journal.set_fact("a", 1)
    journal.write("vector", b"123")
    kept_key(journal)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    for file in (tmp_path / "state").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o710, 0o701])
def test_journal__folder_that_others_can_use__refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(JournalError, match="make it mode 700"):
        Journal(folder)


def test_journal__in_use__refused_until_it_is_closed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    with pytest.raises(JournalError, match="another program is using"):
        Journal(tmp_path / "state")
    journal.close()
    Journal(tmp_path / "state").close()


def test_journal__opened_again__has_what_was_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    journal.set_fact("a", {"b": [1, None]})
    journal.write("vector", b"123")
    journal.add_attempt(attempt(3, "0xa"))
    journal.add_attempt(attempt(3, "0xb"))
    key = kept_key(journal).public
    journal.close()
    again = Journal(tmp_path / "state")
    assert again.fact("a") == {"b": [1, None]}
    assert again.read("vector") == b"123"
    assert again.open_attempts() == [attempt(3, "0xa"), attempt(3, "0xb")]
    assert kept_key(again).public == key


def test_end_attempts__all_of_the_nonce_are_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    journal.add_attempt(attempt(3, "0xa"))
    journal.end_attempts(3)
    assert journal.open_attempts() == []


def test_last_nonce__calls_that_ended__of_the_last_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    assert journal.last_nonce() == -1
    journal.add_attempt(attempt(7, "0xa"))
    assert journal.last_nonce() == -1
    journal.end_attempts(7)
    journal.add_attempt(attempt(8, "0xb"))
    assert journal.last_nonce() == 7
    journal.end_attempts(8)
    journal.add_attempt(attempt(3, "0xc"))  # the chain was reorganised
    journal.end_attempts(3)
    assert journal.last_nonce() == 3


def test_logs__added_and_dropped__in_order_and_with_their_fact(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    journal.add_logs([(5, "a"), (6, "b")], ("read", 6))
    journal.add_logs([(7, "c")], ("read", 7))
    journal.drop_logs(6, ("read", 6))
    journal.add_logs([(7, "d")], ("read", 8))
    journal.close()
    again = Journal(tmp_path / "state")
    assert (again.logs(), again.fact("read")) == (["a", "b", "d"], 8)


def test_add_logs__fact_cannot_be_set__neither_is(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    with pytest.raises(TypeError, match="not JSON serializable"):
        journal.add_logs([(5, "a")], ("read", object()))
    assert (journal.logs(), journal.fact("read")) == ([], None)
    journal.set_fact("read", 5)  # nothing is left open


def test_read__nothing_of_the_name__none(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    assert journal.read("vector") is None
    assert journal.fact("a") is None
    journal.remove("vector")


def test_claim__another_project__refused_and_says_whose_it_is(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    journal.claim(project="0x1", chain=5)
    journal.claim(project="0x1", chain=5)
    with pytest.raises(JournalError, match="state of another program: project 0x1"):
        journal.claim(project="0x2", chain=5)


def test_kept_key__killed_while_it_was_written__made_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    journal.path("sealing.new").write_text("ab")
    assert kept_key(journal).public == kept_key(journal).public


def test_kept_key__file_that_others_can_read__refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    kept_key(journal)
    journal.path("sealing.key").chmod(0o644)
    with pytest.raises(JournalError, match="make it mode 600"):
        kept_key(journal)

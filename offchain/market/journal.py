"""What a program must not lose: one folder for each project and role, which only its owner can read.

    folder/lock            held by the program that uses the folder: two never act from one state
    folder/journal.sqlite  facts, transactions and the chain's logs so far; SQLite, every commit flushed to disk
                           (synchronous = FULL)
    folder/NAME            vectors and sealed bytes: files that appear whole or not at all

Write-ahead: what an irrevocable step needs afterwards is here before the step is taken. A program may be killed between
any two writes. It then finds the state before or after the write, and takes up its work from what the journal and the
chain say.

Everything is written with mode 600 in a folder of mode 700, secrets or not. A folder belongs to one project, account
and chain (`claim`), and is refused to any other.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from offchain.market.errors import JournalError
from offchain.storage.files import written_whole

__all__ = ["Attempt", "Journal", "Memory", "kept_fact"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS attempts (
    nonce INTEGER NOT NULL, hash TEXT PRIMARY KEY, purpose TEXT NOT NULL, raw BLOB NOT NULL,
    call TEXT NOT NULL, max_fee INTEGER NOT NULL, tip INTEGER NOT NULL, made REAL NOT NULL, over INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS logs (number INTEGER PRIMARY KEY, block INTEGER NOT NULL, log TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Attempt:
    """A signed transaction. Attempts of one nonce are one call at rising fees: one takes effect at most."""

    nonce: int
    hash: str
    purpose: str
    raw: bytes = field(repr=False)
    call: dict[str, Any] = field(repr=False)  # to, data, gas
    max_fee: int  # wei
    tip: int  # wei
    made: float  # seconds since 1970


class Journal:
    """The state in `folder`, which is made if it doesn't exist. Raises JournalError if another program uses it, or
    others can read it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_mode & 0o077:
                raise JournalError(f"{folder} can be used by others: make it mode 700")
            self._lock = _locked(folder / "lock")
            database = folder / "journal.sqlite"
            os.close(os.open(database, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise JournalError(f"{folder}: {error.strerror or error}") from None
        self._database = sqlite3.connect(database, isolation_level=None)
        try:
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise JournalError(f"{database}: {error}") from None

    def close(self) -> None:
        self._database.close()
        self._lock.close()

    def claim(self, **identity: str | int) -> None:
        """Says whose state this is, for good. Raises JournalError if it is another's."""
        known = self.fact("identity")
        if known is None:
            self.set_fact("identity", identity)
        elif known != identity:
            differing = ", ".join(f"{name} {known.get(name)}" for name in identity if known.get(name) != identity[name])
            raise JournalError(f"{self.folder} is the state of another program: {differing}")

    # --- facts: small things, as JSON

    def fact(self, name: str) -> Any:
        """None if it was never set."""
        row = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_fact(self, name: str, value: Any) -> None:
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))

    # --- logs of the chain, as the follower read them

    def logs(self) -> list[str]:
        """As JSON, in the order in which they were added."""
        return [log for (log,) in self._database.execute("SELECT log FROM logs ORDER BY number")]

    def add_logs(self, logs: list[tuple[int, str]], fact: tuple[str, Any]) -> None:
        """Adds logs, each with its block, and sets a fact: both or neither."""
        with self._at_once():
            self._database.executemany("INSERT INTO logs (block, log) VALUES (?, ?)", logs)
            self.set_fact(*fact)

    def drop_logs(self, above: int, fact: tuple[str, Any]) -> None:
        """Forgets the logs of all blocks above one, and sets a fact: both or neither."""
        with self._at_once():
            self._database.execute("DELETE FROM logs WHERE block > ?", (above,))
            self.set_fact(*fact)

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        self._database.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    # --- files: long things

    def path(self, name: str) -> Path:
        return self.folder / name

    def write(self, name: str, content: bytes) -> None:
        with written_whole(self.path(name)) as file:
            file.write(content)

    def read(self, name: str) -> bytes | None:
        """None if there is no such file."""
        try:
            return self.path(name).read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self.path(name).unlink()

    # --- transactions

    def add_attempt(self, attempt: Attempt) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
            (
                attempt.nonce,
                attempt.hash,
                attempt.purpose,
                attempt.raw,
                json.dumps(attempt.call),
                attempt.max_fee,
                attempt.tip,
                attempt.made,
            ),
        )

    def open_attempts(self) -> list[Attempt]:
        """Those whose outcome isn't known, oldest first: of one nonce, since a sender has one call under way."""
        rows = self._database.execute(
            "SELECT nonce, hash, purpose, raw, call, max_fee, tip, made FROM attempts WHERE over = 0 ORDER BY rowid"
        )
        return [
            Attempt(nonce, hash_, purpose, raw, json.loads(call), max_fee, tip, made)
            for nonce, hash_, purpose, raw, call, max_fee, tip, made in rows
        ]

    def attempts(self) -> int:
        """How many transactions were ever signed here, and so may have been sent."""
        return int(self._database.execute("SELECT count(*) FROM attempts").fetchone()[0])

    def last_nonce(self) -> int:
        """Of the last call whose outcome is known; -1 if there was none."""
        row = self._database.execute("SELECT nonce FROM attempts WHERE over = 1 ORDER BY rowid DESC LIMIT 1").fetchone()
        return -1 if row is None else int(row[0])

    def end_attempts(self, nonce: int) -> None:
        """The outcome is known. Their signed bytes are of no more use."""
        self._database.execute("UPDATE attempts SET over = 1, raw = x'', call = '{}' WHERE nonce = ?", (nonce,))


def kept_fact(folder: Path, name: str) -> Any:
    """A fact of a state folder, which a program may be using: to read beside it. None if it was never set. Raises
    JournalError if it is no state folder.
    """
    file = folder / "journal.sqlite"
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            row = database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    except sqlite3.Error as error:
        raise JournalError(f"{folder} is no state folder: {file}: {error}") from None
    return None if row is None else json.loads(row[0])


class Memory:
    """Facts and files of a party that lives and ends with its process."""

    def __init__(self) -> None:
        self._facts: dict[str, str] = {}
        self._files: dict[str, bytes] = {}

    def fact(self, name: str) -> Any:
        return json.loads(self._facts.get(name, "null"))

    def set_fact(self, name: str, value: Any) -> None:
        self._facts[name] = json.dumps(value)

    def write(self, name: str, content: bytes) -> None:
        self._files[name] = content

    def read(self, name: str) -> bytes | None:
        return self._files.get(name)

    def remove(self, name: str) -> None:
        self._files.pop(name, None)


def _locked(path: Path) -> IO[bytes]:
    file = os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise JournalError(f"another program is using {path.parent}") from None
    return file

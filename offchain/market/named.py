"""Contents that others name on chain: copies of an aggregate, grants of the initial model's key. Which to try, in what
order, and how often.

Whoever may name one can name five hundred that aren't there or don't open, and each costs whoever asks for it the time
in which a store looks for it. So of most the newest counts alone, no more than a few are waited for at a time, and what
has failed comes after all that hasn't.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar

from offchain.errors import MeedError
from offchain.storage.errors import Corrupt, NotFound, SealingError, Unavailable

__all__ = ["MOST_MISSING", "Tries", "copies_to_try", "grants_to_try"]

MOST_MISSING = 4  # contents that one call waits for in vain

T = TypeVar("T")

Named = Iterable[tuple[str, bytes]]  # who has named which CID's digest, oldest first


def copies_to_try(settled: bytes, named: Named) -> list[bytes]:
    """The CIDs of an aggregate: that with which its round was settled, and the newest of each who named another."""
    return list(dict.fromkeys([settled, *_newest_of_each(named)]))


def grants_to_try(named: Named, owner: str) -> list[bytes]:
    """The CIDs of grants: all of the owner's, the newest first, as each is for those who joined before it; then the
    newest of each other.
    """
    named = list(named)
    owners = [cid for who, cid in reversed(named) if who == owner]
    return list(dict.fromkeys([*owners, *_newest_of_each((who, cid) for who, cid in named if who != owner)]))


def _newest_of_each(named: Named) -> list[bytes]:
    newest: dict[str, bytes] = {}
    for who, cid in named:
        newest.pop(who, None)
        newest[who] = cid
    return list(reversed(newest.values()))


class Tries:
    """Remembers what came of each content. One for each project and store that a party has."""

    def __init__(self) -> None:
        self._missing: Counter[bytes] = Counter()
        self._useless: dict[tuple[bytes, bytes], MeedError] = {}

    def first(self, cids: Iterable[bytes], reader: bytes, fetch: Callable[[bytes], T], *errors: type[MeedError]) -> T:
        """What `fetch` makes of the first content that is to be had and is what it should be.

        reader: the key with which contents are opened, or b"". errors: what `fetch` raises for a content of no use. It
        is not fetched again for this reader, unless it wasn't to be had. Raises the last of them.
        """
        failure: MeedError = SealingError("nobody has named a content")
        missing = 0
        for cid in sorted(cids, key=lambda cid: self._missing[cid]):
            try:
                if (known := self._useless.get((cid, reader))) is not None:
                    raise known
                return fetch(cid)
            except (NotFound, Unavailable, Corrupt) as error:
                failure = error
                self._missing[cid] += 1
                missing += 1
                if missing == MOST_MISSING:
                    break
            except errors as error:
                failure = self._useless[cid, reader] = error
        raise failure

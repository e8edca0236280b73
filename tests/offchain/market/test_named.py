"""Contents that others name: which are tried, in what order, how often."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from offchain.errors import MeedError
from offchain.market.named import MOST_MISSING, Tries, copies_to_try, grants_to_try
from offchain.storage.errors import Corrupt, NotFound, PayloadError, SealingError, StoreError, TooLarge, Unavailable

OWNER, OTHER, THIRD = "owner", "other", "third"
GOOD = b"good"


def cid(number: int) -> bytes:
    return number.to_bytes(32, "big")


BOGUS = [(OTHER, cid(1_000 + k)) for k in range(500)]


def test_grants_to_try__five_hundred_of_an_aggregator_before_the_owners__one_is_left_and_comes_last() -> None:
    assert grants_to_try([*BOGUS, (OWNER, GOOD)], OWNER) == [GOOD, BOGUS[-1][1]]
    assert grants_to_try([(OWNER, GOOD), *BOGUS], OWNER) == [GOOD, BOGUS[-1][1]]


def test_grants_to_try__several_of_the_owner__all_of_them_newest_first() -> None:
    """Each is for the members that had none."""
    named = [(OWNER, cid(1)), (OTHER, cid(2)), (OWNER, cid(3)), (THIRD, cid(4)), (OTHER, cid(5)), (OWNER, cid(3))]
    assert grants_to_try(named, OWNER) == [cid(3), cid(1), cid(5), cid(4)]


def test_copies_to_try__many_of_each__the_settled_one_and_the_newest_of_each() -> None:
    named = [(OTHER, cid(2)), (THIRD, cid(3)), *BOGUS, (THIRD, GOOD)]
    assert copies_to_try(cid(1), named) == [cid(1), GOOD, BOGUS[-1][1]]
    assert copies_to_try(cid(1), [(OTHER, cid(1))]) == [cid(1)]


class Store:
    """Fetches by number: what it raises for a content, or the content."""

    def __init__(self, answer: Callable[[int], MeedError | bytes]) -> None:
        self.answer = answer
        self.asked: list[int] = []

    def fetch(self, digest: bytes) -> bytes:
        number = int.from_bytes(digest, "big")
        self.asked.append(number)
        answer = self.answer(number)
        if isinstance(answer, MeedError):
            raise answer
        return answer


def first(tries: Tries, store: Store, count: int, reader: bytes = b"") -> bytes:
    return tries.first(map(cid, range(count)), reader, store.fetch, StoreError, SealingError, PayloadError)


@pytest.mark.parametrize("error", [NotFound("no"), Unavailable("no"), Corrupt("no")])
def test_first__many_that_are_not_there__a_few_at_a_time_and_each_before_one_twice(error: MeedError) -> None:
    store, tries = Store(lambda number: GOOD if number == 9 else error), Tries()
    for _ in range(2):
        with pytest.raises(StoreError, match="no"):
            first(tries, store, 10)
    assert first(tries, store, 10) == GOOD
    assert store.asked == list(range(10))
    assert MOST_MISSING == 4


def test_first__missing_that_comes_later__is_tried_again() -> None:
    there: set[int] = set()
    store, tries = Store(lambda number: GOOD if number in there else NotFound("no")), Tries()
    with pytest.raises(NotFound):
        first(tries, store, 2)
    there.add(1)
    assert first(tries, store, 2) == GOOD


@pytest.mark.parametrize("error", [SealingError("doesn't open"), PayloadError("nonsense"), TooLarge("too long")])
def test_first__content_of_no_use__is_never_fetched_again_by_this_reader(error: MeedError) -> None:
    store, tries = Store(lambda number: error), Tries()
    for _ in range(3):
        with pytest.raises(type(error), match=str(error)):
            first(tries, store, 500)
    assert store.asked == list(range(500))  # they take no waiting
    with pytest.raises(type(error)):
        first(tries, store, 1, reader=b"another key")
    assert store.asked[500:] == [0]


def test_first__an_error_that_is_none_of_theirs__is_raised() -> None:
    store = Store(lambda number: MeedError("a mistake"))
    with pytest.raises(MeedError, match="a mistake"):
        first(Tries(), store, 3)
    assert store.asked == [0]


def test_first__nothing_named__says_so() -> None:
    with pytest.raises(SealingError, match="nobody has named a content"):
        first(Tries(), Store(lambda number: GOOD), 0)

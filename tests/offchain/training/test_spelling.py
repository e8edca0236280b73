"""One text among known ones, in other spellings."""

from __future__ import annotations

import pytest

from offchain.training.spelling import Spellings

KNOWN = ["1", "2.50", "007", "Zürich", "New York", "True", "Bonn", "bonn", "10000000000000007919"]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("1", "1"), ("1.0", "1"), ("+1", "1"), ("1e0", "1"), ("2.5", "2.50"), ("007", "007"),
        (" Zu\u0308rich ", "Zürich"), ("bonn", "bonn"), ("10000000000000007919.0", "10000000000000007919"),
    ],
)  # fmt: skip
def test_find__same_text_or_number__is_certain(text: str, known: str) -> None:
    assert Spellings(KNOWN).find(text) == (KNOWN.index(known), True)


@pytest.mark.parametrize(
    ("text", "known"),
    [("ZÜRICH", "Zürich"), ("new  york", "New York"), ("New\u00a0York", "New York"), ("true", "True"),
     ("\uff34\uff32\uff35\uff25", "True"), ("Zür\u200bich", "Zürich")],
)  # fmt: skip
def test_find__only_one_differs_in_case_or_spaces__is_a_guess(text: str, known: str) -> None:
    assert Spellings(KNOWN).find(text) == (KNOWN.index(known), False)


@pytest.mark.parametrize("text", ["7", "07", "BONN", "NewYork", "3", "", "Zurich", "10000000000000007920", "1_0"])
def test_find__another_text_or_one_of_several__isnt_found(text: str) -> None:
    assert Spellings(KNOWN).find(text) == (None, False)


def test_find__known_number_in_two_spellings__needs_its_text() -> None:
    spellings = Spellings(["1", "1.0"])
    assert spellings.find("1.0") == (1, True)
    assert spellings.find("1.00") == (None, False)
    assert spellings.same_numbers() == ("1", "1.0")
    assert Spellings(["1", "01", "1.1"]).same_numbers() is None


def test_find__known_text_that_isnt_composed__is_found() -> None:
    assert Spellings(["Zu\u0308rich"]).find("Zürich") == (0, True)


def test_same_but_for_case__pair__is_told() -> None:
    assert Spellings(KNOWN).same_but_for_case() == ("Bonn", "bonn")
    assert Spellings(["Bonn", "Ulm"]).same_but_for_case() is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("BONN", "'BONN' (did you mean 'Bonn'?)"),
        ("Zurich", "'Zurich' (did you mean 'Zürich'?)"),
        ("10000000000000007918", "'10000000000000007918'"),  # another number
        ("elsewhere", "'elsewhere'"),
        ("\x1b", r"'\x1b'"),
    ],
)
def test_hint__text__names_a_known_one_that_is_like_it(text: str, hint: str) -> None:
    assert Spellings(KNOWN).hint(text) == hint

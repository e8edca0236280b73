"""One text among known ones, however it is spelled: what an owner's file calls `1`, `Zürich` or `Bonn`, a trainer's may
call `1.0`, `Zürich` with the dots apart, or `BONN`.

In this order: the same text, composed and without spaces around it; the same number, such as 1 and 1.0, but not 01,
which is a code; the only known text that differs in case, width or inner spaces alone. The last is a guess, if a good
one, so whoever finds by it says so.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Hashable, Iterable
from decimal import Decimal

from offchain.training.table import as_number, normal, shown

__all__ = ["Spellings"]

_SEVERAL = -1


class Spellings:
    """Finds texts among `known` ones, which differ."""

    def __init__(self, known: Iterable[str]) -> None:
        self.known = [normal(text) for text in known]
        self._exact = {text: k for k, text in enumerate(self.known)}
        self._numbers = self._index(_amount)
        self._folded = self._index(_folded)

    def find(self, text: str) -> tuple[int | None, bool]:
        """Which of the known texts it is, if any; and whether that is certain."""
        text = normal(text)
        k = self._exact.get(text, self._numbers.get(_amount(text), _SEVERAL))
        if k != _SEVERAL:
            return k, True
        k = self._folded.get(_folded(text), _SEVERAL)
        return (None if k == _SEVERAL else k), False

    def hint(self, text: str) -> str:
        """The text, and what it was meant to be if a known one is much like it."""
        alike = [known for known in self.known if _folded(known) == _folded(text)]
        if not alike:  # one digit makes another code
            likely = [known for known in self.known if _digits(known) == _digits(text)]
            alike = difflib.get_close_matches(text[:200], likely, n=1, cutoff=0.75)
        return shown(text) + (f" (did you mean {shown(alike[0])}?)" if alike else "")

    def same_numbers(self) -> tuple[str, str] | None:
        """Two known texts that are one number."""
        return self._doubles(_amount)

    def same_but_for_case(self) -> tuple[str, str] | None:
        """Two known texts that differ in case, width or inner spaces alone."""
        return self._doubles(_folded)

    def _index(self, key: Callable[[str], Hashable]) -> dict[Hashable, int]:
        found: dict[Hashable, int] = {}
        for k, text in enumerate(self.known):
            if (value := key(text)) is not None:
                found[value] = _SEVERAL if value in found else k
        return found

    def _doubles(self, key: Callable[[str], Hashable]) -> tuple[str, str] | None:
        first: dict[Hashable, str] = {}
        for text in self.known:
            if (value := key(text)) is not None and first.setdefault(value, text) != text:
                return first[value], text
        return None


def _amount(text: str) -> Decimal | None:
    digits = text.lstrip("+-")
    is_code = digits[:1] == "0" and digits[1:2].isdigit()
    return None if is_code or as_number(text) is None else Decimal(text)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _folded(text: str) -> str:
    wide = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c for c in wide if unicodedata.category(c) != "Cf").split())

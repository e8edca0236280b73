"""What an audit says: what was checked, what could not be, and the first difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from offchain.errors import FatalError

__all__ = ["Difference", "Finding", "must", "same"]


class Difference(FatalError):
    """Something that isn't as it must be. The message names it."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. If not `checked`, the text says why it could not be."""

    subject: str
    text: str
    checked: bool = True


def must(holds: object, text: str) -> None:
    """Raises Difference with this text unless it holds."""
    if not holds:
        raise Difference(text)


def same(what: str, found: Any, expected: Any) -> None:
    """Raises Difference if what was found isn't what the audit has computed."""
    if found != expected:
        raise Difference(f"{what} is {_short(found)}, not {_short(expected)}")


def _short(value: Any) -> str:
    text = f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
    return text if len(text) <= 200 else text[:200] + " ..."

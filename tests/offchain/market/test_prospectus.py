"""A stranger's words, as they are shown to who may join."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from offchain.market.prospectus import _columns, plain
from offchain.training.schema import Column, Schema


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("age", "age"),
        ("größe, 年", "größe, 年"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("two\nlines\t", "two\\nlines\\t"),
        ("a\u202eb\u200b", "a\\u202eb\\u200b"),  # another direction, no width
        ("x" * 41, "x" * 39 + "…"),
        ("\0" * 40, "\\x00" * 9 + "\\x0…"),
    ],
)
def test_plain__text__cannot_steer_a_terminal_and_is_short(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert len(plain(text)) <= 40


def test_columns__names_and_values_of_a_stranger__are_neither_markup_nor_control_codes() -> None:
    schema = Schema(
        "[bold]label",
        ("[link=http://evil]a", "\x1b]0;b\x07"),
        (Column("[red]x", values=("[/]", "\x1b[2J")), Column("n", 5, 2)),
    )
    console = Console(width=80, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(_columns(schema), crop=False)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for told in ("[red]x", "[/], \\x1b[2J", "[bold]label", "\\x1b]0;b\\x07", "about 5 ± 2"):
        assert told in text
    for steering in ("\x1b[2J", "\x1b]", "\x1b[31m"):
        assert steering not in text

"""What is shown of stages: on a terminal, without one, and when nothing is to be shown."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable

import pytest
from rich.console import Console

from offchain import progress
from offchain.progress import note, show, stage


@pytest.fixture
def every_stage_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LONG", 0.0)


def plain() -> Console:
    return Console(file=io.StringIO(), width=100)


def terminal() -> Console:
    return Console(file=io.StringIO(), width=100, force_terminal=True, force_interactive=True, color_system=None)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_stage__nothing_asked_for__shows_nothing(every_stage_is_long: None, capfd: pytest.CaptureFixture[str]) -> None:
    with stage("folding", 3) as advance:
        advance(1)
        note("a line")
    assert capfd.readouterr() == ("", "")


def visible(text: str) -> str:
    """Without what moves the cursor."""
    return re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", text).strip()


@pytest.mark.parametrize("make", [plain, terminal])
def test_stage__short__leaves_no_trace(make: Callable[[], Console]) -> None:
    console = make()
    with show(console), stage("folding", 3) as advance:
        advance(1)
    assert visible(text_of(console)) == ""


def test_stage__long_without_a_terminal__is_one_line_once_done(every_stage_is_long: None) -> None:
    console = plain()
    with show(console):
        with stage("proving"):
            with stage("folding", 2) as advance:
                advance(2)
                assert text_of(console) == ""
            assert text_of(console) == "folding: 0.0 s\n"
        assert text_of(console) == "folding: 0.0 s\nproving: 0.0 s\n"


def test_stage__long_on_a_terminal__shows_how_far_it_is(every_stage_is_long: None) -> None:
    console = terminal()
    with show(console), stage("opening", 8) as advance:
        advance(4)
        advance(2)
        with stage("committing"):  # shows all lines afresh
            shown = text_of(console)
    assert re.search(r"opening +75%", shown)
    assert "committing" in shown
    assert "opening: 0.0 s\n" in text_of(console)


def test_stage__advanced_after_its_end__is_silent(every_stage_is_long: None) -> None:
    console = plain()
    with show(console):
        with stage("opening", 2) as advance:
            advance(1)
        advance(1)
    assert text_of(console) == "opening: 0.0 s\n"


def test_stage__that_fails__raises_the_same_and_is_not_reported(every_stage_is_long: None) -> None:
    console = plain()
    with show(console):
        with pytest.raises(ZeroDivisionError), stage("dividing"):
            raise ZeroDivisionError
        with stage("folding"):
            pass
    assert text_of(console) == "folding: 0.0 s\n"


def test_stage__name_like_markup__is_shown_as_it_is(every_stage_is_long: None) -> None:
    for console, times in ((plain(), 1), (terminal(), 2)):  # the line of the running stage, and the report
        with show(console), stage("reading a[red].ptau"):
            pass
        assert text_of(console).count("reading a[red].ptau") >= times


@pytest.mark.parametrize("make", [plain, terminal])
def test_stage__console_out_of_order__goes_on(make: Callable[[], Console], every_stage_is_long: None) -> None:
    console, done = make(), []
    with show(console) as display:
        console.file.close()
        display.say("round 1")
        note("a line")
        with stage("folding", 2) as advance:
            advance(1)
            done.append("folded")
    assert done == ["folded"]


@pytest.mark.parametrize("make", [plain, terminal])
def test_stage__in_several_threads__reports_each(make: Callable[[], Console], every_stage_is_long: None) -> None:
    def work(name: str) -> None:
        for k in range(5):
            with stage(f"{name}{k}", 2) as advance, stage(f"inside {name}{k}"):
                advance(2)

    console = make()
    with show(console):
        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for name in "abcd":
        for k in range(5):
            assert text_of(console).count(f"inside {name}{k}: 0.0 s") == 1
            assert text_of(console).count(f"{name}{k}: 0.0 s") == 2


def test_stage__begun_before_it_is_shown__stays_silent(every_stage_is_long: None) -> None:
    console = plain()
    with stage("folding") as advance, show(console):
        advance(1)
    assert text_of(console) == ""


def test_show__inside_another__goes_on_with_that_one(every_stage_is_long: None) -> None:
    console, other = terminal(), plain()
    with show(console) as outer:
        with show(other) as inner, stage("folding"):
            pass
        with stage("proving"):
            pass
    assert inner is outer
    assert "folding: 0.0 s" in text_of(console)
    assert "proving: 0.0 s" in text_of(console)
    assert text_of(other) == ""


def test_show__where_something_else_is_live__reports_all_the_same(every_stage_is_long: None) -> None:
    console = terminal()
    with console.status("waiting"), show(console), stage("folding"):
        pass
    assert "folding: 0.0 s" in text_of(console)


def test_show__ended_by_an_error__shows_no_more(every_stage_is_long: None) -> None:
    console = plain()
    with pytest.raises(ZeroDivisionError), show(console):
        raise ZeroDivisionError
    with stage("folding"):
        pass
    assert text_of(console) == ""


def test_say__on_a_terminal__shows_at_once_and_the_newest_alone() -> None:
    console = terminal()
    with show(console) as display:
        display.say("round 1")
        assert "round 1" in text_of(console)
        before = len(text_of(console))
        display.say("round 2")
    assert "round 2" in text_of(console)[before:]
    assert "round 1" not in text_of(console)[before:]


def test_say__without_a_terminal__says_nothing() -> None:
    console = plain()
    with show(console) as display:
        display.say("round 1")
    assert text_of(console) == ""


def test_note__shown__is_a_line_at_once() -> None:
    console = plain()
    with show(console):
        note("compiling [once]")
        assert text_of(console) == "compiling [once]\n"

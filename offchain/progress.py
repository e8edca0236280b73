"""Says what a long computation is doing: with stage("Folding the updates"): ...

A library only names its stages. Nothing is shown until a program asks for it:

    with progress.show(Console()) as display:
        display.say("round 1: proving")
        ...

On a terminal, a stage that has lasted a second is a line with how far it is, where it tells, and the time so far. Once
such a stage is done, one plain line says how long it took; without a terminal that is all. Shorter stages leave no
trace. The names of stages are for anyone to see: no secrets in them.

Stages may nest, and may run in several threads. What is computed never depends on whether it is shown, nor fails when
it can't be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock

from rich.console import Console, RenderableType
from rich.progress import Progress, SpinnerColumn, Task, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

__all__ = ["Advance", "Display", "note", "show", "stage"]

Advance = Callable[[int], None]  # tells that so many more steps of a stage are done

_LONG = 1.0  # seconds: what lasts no longer isn't worth a line


class _Lines(Progress):
    """One for each stage that has lasted long enough, in the order in which they began."""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table([task for task in self.tasks if task.fields["at_once"] or _is_long(task)])


def _is_long(task: Task) -> bool:
    return (task.elapsed or 0.0) >= _LONG


class Display:
    """The lines that `show` keeps on a console."""

    def __init__(self, console: Console) -> None:
        self._lines = _Lines(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_interactive,
        )
        self._said = self._lines.add_task("", total=None, visible=False, at_once=True)

    def say(self, text: str) -> None:
        """What the program is at, from now until it says something else: on a terminal alone, above the stages."""
        with suppress(Exception):
            self._lines.reset(self._said, description=text, visible=True)

    def _start(self) -> None:
        if not self._lines.disable:
            with suppress(Exception):
                self._lines.start()

    def _stop(self) -> None:
        if not self._lines.disable:  # else it would print an empty line
            with suppress(Exception):
                self._lines.stop()

    def _begin(self, text: str, total: int | None) -> TaskID | None:
        with suppress(Exception):
            return self._lines.add_task(text, total=total, at_once=False)
        return None

    def _advance(self, task: TaskID | None, steps: int) -> None:
        if task is not None:
            with suppress(KeyError):  # the stage is over
                self._lines.advance(task, steps)

    def _end(self, task: TaskID | None) -> None:
        if task is not None:
            self._lines.remove_task(task)

    def _print(self, line: str) -> None:
        with suppress(Exception):
            self._lines.console.print(line, style="dim", markup=False, highlight=False)


_shown: Display | None = None
_lock = Lock()


@contextmanager
def show(console: Console) -> Iterator[Display]:
    """Shows the stages of all threads on this console. Inside another `show`, that one goes on and is returned."""
    global _shown
    with _lock:
        outer = _shown
        _shown = display = outer or Display(console)
    if outer is not None:
        yield outer
        return
    try:
        display._start()
        yield display
    finally:
        with _lock:
            _shown = None
        display._stop()


@contextmanager
def stage(text: str, total: int | None = None) -> Iterator[Advance]:
    """Names what happens inside. Yields a function to call with a number of steps done, of `total`."""
    display = _shown
    if display is None:
        yield lambda steps: None
        return
    task, started = display._begin(text, total), time.perf_counter()
    try:
        yield lambda steps: display._advance(task, steps)
    finally:
        display._end(task)
    seconds = time.perf_counter() - started
    if seconds >= _LONG:
        display._print(f"{text}: {seconds:.1f} s")


def note(text: str) -> None:
    """Prints a line at once, where stages are shown: what whoever waits should know before it begins."""
    display = _shown
    if display is not None:
        display._print(text)

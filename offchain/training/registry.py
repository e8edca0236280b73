"""The tasks that a program knows, by name. A user's own is added with `register`:

    @register
    class Churn(Task): ...

or by where it is (`own.py`): `--task churn.py:Churn`. A description comes from a stranger, so it can only choose among
these and set their options. It never names code to load. It lists the tensors of the owner's module as well
(`vector.py`): who makes the task of it compares them with its own, and takes no more of the list than the scales of
statistics.
"""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from offchain.training.bundled import BreastCancer, Digits, Wine
from offchain.training.errors import TaskError
from offchain.training.own import installed, is_location, load_task
from offchain.training.public import PUBLIC_TASKS
from offchain.training.tabular import Tabular
from offchain.training.task import Task

__all__ = ["describe", "location_of", "make_task", "register", "task_from_description", "task_names", "use"]

_TENSORS = "tensors"  # of a description: not a task's option

_TASKS: dict[str, type[Task]] = {task.name: task for task in (Digits, BreastCancer, Wine, Tabular)}
_TASKS |= PUBLIC_TASKS
_LOCATIONS: dict[str, str] = {}  # of the user's own

Class = TypeVar("Class", bound=type[Task])


def task_names() -> list[str]:
    """Names of the known tasks, sorted."""
    return sorted(_TASKS)


def register(task: Class) -> Class:
    """Makes a task known under its name; may be used as a decorator. Raises TaskError if the name is taken."""
    if _TASKS.setdefault(task.name, task) is not task:
        raise TaskError(f"there is a task {task.name!r} already; give yours another name")
    return task


def use(task: str) -> str:
    """The name of a task that may be a known one, or the location of a user's own, which is registered then.

    Raises TaskError.
    """
    if not is_location(task):
        return task
    found = register(load_task(task))
    _LOCATIONS[found.name] = task
    return found.name


def location_of(name: str) -> str | None:
    """Where a task is that is the user's own."""
    return _LOCATIONS.get(name)


def make_task(name: str, **options: Any) -> Task:
    """A task by name, with the options of its constructor. Raises TaskError that lists what there is."""
    task = _known(name)
    _check(task, options)
    return task(**options)


def describe(task: Task) -> dict[str, Any]:
    """What an owner publishes, as JSON: the task's own description and the layout of its module, once a pilot has found
    its scales. Raises TaskError, VectorError.
    """
    options = task.describe()
    if _TENSORS in options:
        raise TaskError(f"the task {task.name!r} has an option {_TENSORS!r}, which means the module's; rename it")
    return {**options, _TENSORS: task.layout.to_json()}


def task_from_description(description: dict[str, Any], **local: Any) -> Task:
    """The task that an owner described, with this machine's own options, such as `path` for a CSV. Its module must be
    the owner's: the same tensors, what is fixed with the same values. A description that lists none will do if all of
    the module's are learned.

    Raises TaskError, VectorError.
    """
    task = _known(description.get("task"))
    options = {key: value for key, value in description.items() if key != _TENSORS}
    if repeated := sorted((options.keys() - {"task"}) & local.keys()):
        raise TaskError(
            f"the description of {task.name!r} sets {', '.join(repeated)}, which is for this machine to say"
        )
    _check(task, {key: value for key, value in options.items() if key != "task"} | local)
    made = task.from_description(options, **local)
    layout = made.laid_out()
    if _TENSORS in description:
        layout = layout.agreed(description[_TENSORS])
    elif layout.dimension != sum(spec.count for spec in layout.tensors) or layout.has_statistics:
        raise TaskError(
            f"the project doesn't list the tensors of {task.name!r}, which aren't all learned: nobody could tell "
            f"whether they are everywhere the same; ask its owner to create it anew"
        )
    made.settle(layout)
    return made


def _known(name: Any) -> type[Task]:
    if isinstance(name, str) and name not in _TASKS and (found := installed(name)) is not None:
        _TASKS[name], _LOCATIONS[name] = found
    if not isinstance(name, str) or name not in _TASKS:
        raise TaskError(
            f"no task {name!r}; there are: {', '.join(task_names())}; yours: --task FILE.py:CLASS, or task in settings"
        )
    return _TASKS[name]


def _check(task: type[Task], options: dict[str, Any]) -> None:
    signature = inspect.signature(task)
    try:
        signature.bind(**options)
    except TypeError as error:
        raise TaskError(
            f"task {task.name!r}: {error}; its options are: {', '.join(signature.parameters) or 'none'}"
        ) from None

"""A user's own task, from a file or a package of the user's: always this machine's choice, never a stranger's."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from importlib.metadata import entry_points
from pathlib import Path

from offchain.training.errors import TaskError, failing
from offchain.training.task import Task

__all__ = ["ENTRY_POINTS", "absolute", "installed", "is_location", "load_task"]

_SUFFIX = ".py"
ENTRY_POINTS = "meed.tasks"  # the group where an installed package names its tasks


def is_location(text: str) -> bool:
    """Whether it names code, `FILE.py:CLASS` or `PACKAGE.MODULE:CLASS`, rather than a known task."""
    return ":" in text


def absolute(location: str, base: Path) -> str:
    """A location whose file, if it names one, was relative to `base`."""
    source, _, name = location.rpartition(":")
    return f"{base / Path(source).expanduser()}:{name}" if source.endswith(_SUFFIX) else location


def load_task(location: str) -> type[Task]:
    """The class at `FILE.py:CLASS` or `PACKAGE.MODULE:CLASS`. Its module is run.

    Raises TaskError with what is wrong with it.
    """
    source, _, name = location.rpartition(":")
    if not source or not name.isidentifier():
        raise TaskError(f"{location!r}: a task of your own is FILE.py:CLASS or PACKAGE.MODULE:CLASS")
    with failing(f"{source} can't be imported"):
        module = _file(Path(source).expanduser()) if source.endswith(_SUFFIX) else importlib.import_module(source)
    found = getattr(module, name, None)
    if not inspect.isclass(found):
        classes = [one.__name__ for one in vars(module).values() if inspect.isclass(one) and issubclass(one, Task)]
        own = sorted(one for one in classes if not inspect.isabstract(getattr(module, one)))
        raise TaskError(f"{source} has no class {name}; of its tasks there are: {', '.join(own) or 'none'}")
    if not issubclass(found, Task):
        hint = ": wrap it in a ClientTask (offchain/training/clients.py)" if hasattr(found, "get_parameters") else ""
        raise TaskError(f"{name} of {source} is no Task{hint}")
    if inspect.isabstract(found):
        raise TaskError(f"{name} of {source} lacks {', '.join(sorted(found.__abstractmethods__))}")
    if not isinstance(getattr(found, "name", None), str) or not found.name:
        raise TaskError(f'{name} of {source} lacks a name: name = "..."')
    return found


def installed(name: str) -> tuple[type[Task], str] | None:
    """The task that a package installed on this machine has under this name, and where it is. Raises TaskError."""
    for point in entry_points(group=ENTRY_POINTS, name=name):
        found = load_task(point.value)
        if found.name != name:
            raise TaskError(f"{point.value} is installed as {name!r} and has the name {found.name!r}")
        return found, point.value
    return None


def _file(path: Path) -> object:
    """A file as a module, run once. Its folder is where it may import from, last of all."""
    path = path.resolve()
    if not path.is_file():
        raise TaskError(f"no file {path}")
    name = f"meed_task_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module

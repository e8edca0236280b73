"""Settings of the programs: a TOML file, and flags that go before it.

    project = "0x..."                 # trainer, aggregator; an owner's is in its state folder
    store = ["folder:blocks"]         # where contents are put, then where else they are looked for
    state = "runs/trainer"            # a folder of its own for each project and role
    depth = 12                        # blocks on top of what is acted on; 0 on a development chain
    rpc = ["https://..."]             # nodes to ask when the network's own doesn't answer; of the same chain
    ptau = "powers.ptau"              # of the ceremony that the verifier was deployed with
    path = "data.csv"                 # trainer: what the task's data are read from, if not bundled
    task = "churn.py:Churn"           # a task of one's own: the file that its class is in, or "package.module:Churn"

Every key is a field of the role's settings below. Paths in a file are relative to the file.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from offchain.market.errors import SettingsError
from offchain.market.terms import FIXED_ONE
from offchain.redact import redacted
from offchain.scoring.policy import MAX_ROWS, SHOWN, WITH_PUBLIC_ROWS, PolicyTerms
from offchain.storage.open import folder_of
from offchain.training.own import absolute, is_location
from offchain.training.registry import use

__all__ = ["AggregatorSettings", "OwnerSettings", "Settings", "TrainerSettings", "load", "urls_of"]

_PATHS = ("state", "ptau", "path", "deployment")
_FOLDER = "folder:"
_DEFAULT_TASK, _CSV = "digits", "csv"
PHASES = ("accept", "enrol", "collect", "deliver", "score", "handover")
MAX_ROUNDS = 256  # contracts/TermLimits.vy, as the next two
MIN_WINDOW, MAX_WINDOW = 10, 30 * 86_400  # seconds of a phase


@dataclass(frozen=True)
class Settings:
    """Of every role. Times in seconds."""

    project: str = ""
    store: tuple[str, ...] = field(default=("runs/store",), repr=False)  # a URL may hold a password
    rpc: tuple[str, ...] = field(default=(), repr=False)  # http(s) URLs, asked in this order; they may hold keys
    since: int = -1  # a block no later than the project's creation; -1: it is looked for
    state: str = ""  # default: runs/<role>-<project>-<account>
    depth: int = -1  # blocks; -1: 0 on a development chain, 12 elsewhere
    poll: float = 5.0  # between two looks
    patience: float = 90.0  # until the fee of a transaction that isn't mined is raised
    max_fee_gwei: float = 0.0  # per gas, never exceeded; 0: no limit
    ptau: str = ""
    srs_size: int = 1 << 17  # powers of tau of the verifier, as it was deployed
    registry: str = ""  # that has to have made the project; else any of this package's will do
    task: str = ""  # the name of a known one, or where a user's own is: its code is run
    accept_unknown_policy: bool = False
    least_window: int = -1  # shortest phase that is joined; -1: 3,600, or any on a development chain

    def __post_init__(self) -> None:
        if not self.store:
            raise SettingsError("store: name one at least")
        if bad := [url for url in self.rpc if not url.startswith(("http://", "https://"))]:
            raise SettingsError(f"rpc: URLs that begin with http:// or https://, not {redacted(bad[0])}")
        if self.since < -1:
            raise SettingsError(f"since: a block's number, not {self.since}")
        limits = {"depth": (-1, 10_000), "poll": (0.05, 3_600), "patience": (1, 86_400), "max_fee_gwei": (0, 10**9)}
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                raise SettingsError(f"{name}: {least} to {most}, not {getattr(self, name)}")


@dataclass(frozen=True)
class TrainerSettings(Settings):
    """`share` = [2, 6] trains on every sixth row from the second: for several trainers on one bundled set of data."""

    path: str = ""
    separator: str = ""  # of the cells of a CSV file, "tab" for a tab; by default it is found
    decimal: str = ""  # its decimal sign, "." or ","; by default it is found
    share: tuple[int, ...] = ()
    seed: int = 0
    clip: float = 0.0  # differential privacy (training/privacy.py): the most length of an update; 0: none
    noise: float = 0.0  # of each entry, in units of clip
    delta: float = 1e-5
    accept_reference: bool = False  # join where a row of the owner's decides who is kept
    most_epochs: int = 1_000  # of a round, as the project's owner asks for
    most_seconds: float = 0.0  # of a round's training on this machine; 0: half of the time to submit

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.most_epochs < 1 or self.most_seconds < 0:
            raise SettingsError("most_epochs: 1 or more; most_seconds: above 0, or 0 for half of the time to submit")
        if (self.clip > 0) != (self.noise > 0):
            raise SettingsError("clip and noise: both above 0, or neither")
        if self.share and (len(self.share) != 2 or not 1 <= self.share[0] <= self.share[1]):
            raise SettingsError("share: the number of a share from 1, and how many there are, as [2, 6]")

    @property
    def task_options(self) -> dict[str, Any]:
        """What the task needs to know of this machine's data."""
        return _given(self, "path", "separator", "decimal")


@dataclass(frozen=True)
class AggregatorSettings(Settings):
    proving: int = 0  # seconds that a proof takes; 0: measured, and until then a tenth of the time for scoring


@dataclass(frozen=True)
class OwnerSettings(Settings):
    """With what `create` makes of the terms. An amount is in tokens, 250 or "0.5" or "250 USDC", unless it is in the
    token's smallest unit, "250000000 units". An account is an address or an alias of Ape's.
    """

    deployment: str = "runs/deployment.json"  # what `ape run deploy` has written
    token: str = ""
    aggregators: tuple[str, ...] = ()
    task: str = _DEFAULT_TASK
    path: str = ""  # a CSV file: the task is "csv"
    label: str = ""  # its column to learn
    separator: str = ""  # as a trainer's
    decimal: str = ""
    categories: tuple[str, ...] = ()  # its columns whose texts are values, also where they look like numbers
    numbers: tuple[str, ...] = ()  # those of numbers, also where they look like codes
    ignore: tuple[str, ...] = ()  # those that nothing is learned from
    round_reward: str = ""
    accept_tiny_reward: bool = False  # below a ten thousandth of a token
    rounds: int = 4
    seats: int = 8
    min_rows: int = 0  # 0: the fewest that the policy can judge, with as many more as may be excluded
    max_excluded: int = 1
    policy: str = SHOWN
    byzantine: int = 1
    cap: float = 1.0  # of the policy shown: of what a seat has shown, the most that it is paid later
    reference: bool = (
        False  # the owner trains too, on data of its own, and its row judges the others (docs/protocol.md)
    )
    learning_rate: float = 0.1
    epochs: int = 2
    batch_size: int = 32
    seed: int = 0
    window: int = 3_600  # seconds of each phase
    windows: dict[str, int] = field(default_factory=dict)  # of single phases: accept, enrol, collect, deliver, ...
    open: bool = False  # the model and the aggregates for everybody to read
    nonce: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, most in (("seats", MAX_ROWS), ("rounds", MAX_ROUNDS)):
            if not 1 <= getattr(self, name) <= most:
                raise SettingsError(f"{name}: 1 to {most}, not {getattr(self, name)}")
        if unknown := sorted(self.windows.keys() - set(PHASES)):
            raise SettingsError(f"windows: no phase {', '.join(unknown)}; there are {', '.join(PHASES)}")
        for name, seconds in {"window": self.window, **self.windows}.items():
            if type(seconds) is not int or not MIN_WINDOW <= seconds <= MAX_WINDOW:
                raise SettingsError(f"windows: {name}: {MIN_WINDOW} to {MAX_WINDOW} seconds, not {seconds!r}")
        if self.task_options.keys() - {"path"} and not self.path:
            raise SettingsError(f"path: name the CSV file for {', '.join(self.task_options)}")
        if self.task_name == _CSV and self.path and not self.label:
            raise SettingsError(f"label: name the column of {self.path} to learn")

    @property
    def task_name(self) -> str:
        return _CSV if self.path and self.task == _DEFAULT_TASK else self.task

    @property
    def task_options(self) -> dict[str, Any]:
        """What the task needs to know of the owner's data."""
        return _given(self, "path", "label", "separator", "decimal", "categories", "numbers", "ignore")

    @property
    def policy_terms(self) -> PolicyTerms:
        """Raises TermsError."""
        return PolicyTerms(rule=self.policy, byzantine=self.byzantine, cap=round(self.cap * FIXED_ONE))

    @property
    def has_public_rows(self) -> bool:
        return self.policy in WITH_PUBLIC_ROWS


def _given(settings: Settings, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(settings, name))}


Chosen = TypeVar("Chosen", bound=Settings)


def load(kind: type[Chosen], file: Path | None, flags: dict[str, Any]) -> Chosen:
    """Settings from a file and flags; a flag that is None is one that wasn't given. Plain `Settings` can be read from
    any role's file. A task of the user's own is known afterwards, by its name. Raises SettingsError, TaskError.
    """
    given = _read(file) if file is not None else {}
    given |= {name: value for name, value in flags.items() if value is not None and value != ()}
    if isinstance(given.get("task"), str):
        given["task"] = use(given["task"])
    known = {f.name for f in fields(kind)}
    if kind is Settings:  # of whoever: what only a role has is not for this command
        given = {name: value for name, value in given.items() if name in known or name not in _of_roles()}
    if unknown := sorted(given.keys() - known):
        raise SettingsError(f"no setting {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
    hints = get_type_hints(kind)
    return kind(**{name: _typed(name, value, hints[name]) for name, value in given.items()})


def _of_roles() -> set[str]:
    return {f.name for kind in (OwnerSettings, TrainerSettings, AggregatorSettings) for f in fields(kind)}


def urls_of(file: Path | None) -> tuple[str, ...]:
    """The nodes that a file of settings names, before anything else of it is looked at. Raises SettingsError."""
    given = {} if file is None else _read(file)
    return Settings(rpc=_typed("rpc", given.get("rpc", ()), tuple[str, ...])).rpc


def _read(file: Path) -> dict[str, Any]:
    try:
        given = tomllib.loads(file.read_text())
    except OSError as error:
        raise SettingsError(f"can't read {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} isn't TOML: {error}") from None
    for name in _PATHS:
        if isinstance(given.get(name), str) and given[name]:
            given[name] = str(file.parent / Path(given[name]).expanduser())
    if isinstance(task := given.get("task"), str) and is_location(task):
        given["task"] = absolute(task, file.parent)
    for name in ("store", "rpc"):
        if isinstance(given.get(name), str):
            given[name] = [given[name]]
    if isinstance(given.get("store"), list):
        given["store"] = [_absolute(str(location), file.parent) for location in given["store"]]
    return given


def _absolute(location: str, base: Path) -> str:
    folder = folder_of(location)
    if folder is None:
        return location
    return _FOLDER + (folder if folder.startswith("~") else str(base / folder))  # ~ is for who opens it


def _typed(name: str, value: Any, hint: Any) -> Any:
    origin = getattr(hint, "__origin__", hint)
    if origin is tuple and isinstance(value, (list, tuple)):
        (kind, _) = hint.__args__
        return tuple(_typed(name, item, kind) for item in value)
    if origin is float and type(value) is int:
        return float(value)
    if origin is str and type(value) in (int, float):
        return str(value)
    if type(value) is not origin:
        raise SettingsError(f"{name}: {origin.__name__} expected, not {value!r}")
    return value

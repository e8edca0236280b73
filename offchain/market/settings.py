"""Settings of the programs: a TOML file, and flags that go before it.

    project = "0x..."                 # trainer, aggregator; an owner's is in its state folder
    store = ["folder:blocks"]         # where contents are put, then where else they are looked for
    state = "runs/trainer"            # a folder of its own for each project and role
    depth = 12                        # blocks on top of what is acted on; 0 on a development chain
    ptau = "powers.ptau"              # of the ceremony that the verifier was deployed with
    path = "data.csv"                 # trainer: what the task's data are read from, if not bundled

Every key is a field of the role's settings below. Paths in a file are relative to the file.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from offchain.market.errors import SettingsError
from offchain.market.terms import most_rows
from offchain.scoring.policy import CONSENSUS, MAX_ROWS

__all__ = ["AggregatorSettings", "OwnerSettings", "Settings", "TrainerSettings", "load"]

_PATHS = ("state", "ptau", "path", "deployment")
_FOLDER = "folder:"


@dataclass(frozen=True)
class Settings:
    """Of every role. Times in seconds."""

    project: str = ""
    store: tuple[str, ...] = ("runs/store",)
    state: str = ""  # default: runs/<role>-<project>-<account>
    depth: int = -1  # blocks; -1: 0 on a development chain, 12 elsewhere
    poll: float = 5.0  # between two looks
    patience: float = 90.0  # until the fee of a transaction that isn't mined is raised
    max_fee_gwei: float = 0.0  # per gas, never exceeded; 0: no limit
    ptau: str = ""
    srs_size: int = 1 << 17  # powers of tau of the verifier, as it was deployed
    accept_unknown_policy: bool = False
    least_window: int = -1  # shortest phase that is joined; -1: 3,600, or any on a development chain

    def __post_init__(self) -> None:
        if not self.store:
            raise SettingsError("store: name one at least")
        limits = {"depth": (-1, 10_000), "poll": (0.05, 3_600), "patience": (1, 86_400), "max_fee_gwei": (0, 10**9)}
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                raise SettingsError(f"{name}: {least} to {most}, not {getattr(self, name)}")


@dataclass(frozen=True)
class TrainerSettings(Settings):
    """`share` = [2, 6] trains on every sixth row from the second: for several trainers on one bundled set of data."""

    path: str = ""
    share: tuple[int, ...] = ()
    seed: int = 0
    clip: float = 0.0  # differential privacy (training/privacy.py): the most length of an update; 0: none
    noise: float = 0.0  # of each entry, in units of clip
    delta: float = 1e-5
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


@dataclass(frozen=True)
class AggregatorSettings(Settings):
    proving: int = 0  # seconds that a proof takes; 0: measured, and until then a tenth of the time for scoring


@dataclass(frozen=True)
class OwnerSettings(Settings):
    """With what `create` makes of the terms. Amounts in the token's smallest unit, as integers or decimal texts."""

    deployment: str = "runs/deployment.json"  # what `ape run deploy` has written
    token: str = ""
    aggregators: tuple[str, ...] = ()
    task: str = "digits"
    path: str = ""  # a CSV file: the task is "csv"
    label: str = ""
    round_reward: str = ""
    rounds: int = 4
    seats: int = 8  # with consensus 32 at most together with rounds
    min_rows: int = 0  # 0: the fewest that the policy can judge, with as many more as may be excluded
    max_excluded: int = 1
    policy: str = "consensus"
    byzantine: int = 1
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
        if self.has_public_rows and most_rows(self.seats, self.rounds, True, True) > MAX_ROWS:
            raise SettingsError(
                f"seats: with consensus {MAX_ROWS} at most together with rounds, for its public rows, "
                f"not {self.seats} and {self.rounds}"
            )

    @property
    def has_public_rows(self) -> bool:
        return self.policy == CONSENSUS


Chosen = TypeVar("Chosen", bound=Settings)


def load(kind: type[Chosen], file: Path | None, flags: dict[str, Any]) -> Chosen:
    """Settings from a file and flags; a flag that is None is one that wasn't given. Raises SettingsError."""
    given = _read(file) if file is not None else {}
    given |= {name: value for name, value in flags.items() if value is not None and value != ()}
    known = {f.name for f in fields(kind)}
    if unknown := sorted(given.keys() - known):
        raise SettingsError(f"no setting {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
    hints = get_type_hints(kind)
    return kind(**{name: _typed(name, value, hints[name]) for name, value in given.items()})


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
    if isinstance(given.get("store"), str):
        given["store"] = [given["store"]]
    if isinstance(given.get("store"), list):
        given["store"] = [_absolute(str(location), file.parent) for location in given["store"]]
    return given


def _absolute(location: str, base: Path) -> str:
    path = location.removeprefix(_FOLDER)
    if path == location and ("://" in location or location.startswith("/")):
        return location
    return _FOLDER + str(base / Path(path).expanduser())


def _typed(name: str, value: Any, hint: Any) -> Any:
    origin = getattr(hint, "__origin__", hint)
    if origin is tuple and isinstance(value, (list, tuple)):
        (kind, _) = hint.__args__
        return tuple(_typed(name, item, kind) for item in value)
    if origin is float and type(value) is int:
        return float(value)
    if origin is str and type(value) is int:
        return str(value)
    if type(value) is not origin:
        raise SettingsError(f"{name}: {origin.__name__} expected, not {value!r}")
    return value

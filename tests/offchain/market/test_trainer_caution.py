"""What a trainer's program says, or refuses, before its stake is at risk for nothing."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from offchain.market.errors import SettingsError
from offchain.market.programs import trainer as trainer_module
from offchain.market.programs.trainer import TrainerProgram
from offchain.market.settings import TrainerSettings

ME, OWNER = "0x" + "11" * 20, "0x" + "22" * 20


class Joining(Exception):
    """The program goes on."""


def joining(address: str, reference: bool, **settings: Any) -> Any:
    return SimpleNamespace(
        settings=TrainerSettings(project="0x", **settings),
        around=SimpleNamespace(contracts=None, srs=None, sender=None),
        project=SimpleNamespace(
            escrow=SimpleNamespace(owner=lambda: OWNER), terms=SimpleNamespace(reference=reference)
        ),
        address=address,
    )


@pytest.fixture(autouse=True)
def _checks(monkeypatch: pytest.MonkeyPatch) -> None:
    def go_on(project: Any) -> None:
        raise Joining

    monkeypatch.setattr(trainer_module, "check_project", lambda *_: None)
    monkeypatch.setattr(trainer_module, "check_keys", go_on)


def test_enrol__owners_row_would_judge__refused_by_default() -> None:
    with pytest.raises(SettingsError, match="set accept_reference"):
        TrainerProgram.enrol(joining(ME, reference=True), None)


@pytest.mark.parametrize(
    ("address", "reference", "settings"),
    [(ME, True, {"accept_reference": True}), (OWNER, True, {}), (ME, False, {})],
    ids=["accepted", "the owner itself", "no reference"],
)
def test_enrol__nobody_judges_unasked__goes_on(address: str, reference: bool, settings: dict[str, Any]) -> None:
    with pytest.raises(Joining):
        TrainerProgram.enrol(joining(address, reference, **settings), None)


@pytest.mark.parametrize(
    ("rule", "seat", "reference", "memory", "warned"),
    [
        ("shown", 1, False, (7, 0, 0, 0, 7, 0, 0, 0), True),
        ("shown", 0, False, (7, 0, 0, 0, 7, 0, 0, 0), False),  # it has shown something
        ("shown", 1, False, (0,) * 8, False),  # nobody has, yet
        ("shown", 0, True, (7 << 32, 0, 0, 0, 0, 0, 0, 0), False),  # the owner's row earns nothing anyway
        ("shown", None, False, (7, 0, 0, 0, 0, 0, 0, 0), False),
        ("consensus", 1, False, (7, 0, 0, 0, 0, 0, 0, 0), False),
    ],
)
def test_prepare__seat_that_showed_nothing__is_told(
    rule: str, seat: int | None, reference: bool, memory: Any, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    project = SimpleNamespace(
        account=lambda address: SimpleNamespace(seat=seat),
        memory=lambda: memory,
        terms=SimpleNamespace(reference=reference),
    )
    with caplog.at_level(logging.WARNING, logger="offchain"):
        TrainerProgram._warn_of_nothing_shown(SimpleNamespace(project=project, address=ME, known_rule=rule))
    assert ("it is never paid here" in caplog.text) == warned

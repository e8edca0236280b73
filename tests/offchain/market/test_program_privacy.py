"""What a trainer program does to an update before it is kept, by its settings; and rates that it doesn't train with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from offchain.market.errors import DescriptionError, SettingsError
from offchain.market.journal import Journal
from offchain.market.programs.base import Surroundings
from offchain.market.programs.steps import Step
from offchain.market.programs.trainer import TrainerProgram
from offchain.market.project import Project
from offchain.market.sender import Sender
from offchain.market.settings import TrainerSettings
from offchain.market.trainer import Trainer
from offchain.training.privacy import Privacy
from tests.offchain.market.play import Play


@pytest.fixture
def program_of(
    project: Any, chain: Any, play: Play, tmp_path: Path
) -> Iterator[Callable[[TrainerSettings], TrainerProgram]]:
    """The program of the first seat, with these settings."""
    journal = Journal(tmp_path / "state")
    stage, account = play.stage, play.trainers[0].account

    def make(settings: TrainerSettings) -> TrainerProgram:
        sender = Sender(account, chain.provider, journal)
        around = Surroundings(account, project, stage.store, stage.srs, journal, sender)
        own = Project(play.project.escrow, play.project.since)  # the journal ends with the test
        return TrainerProgram(settings, own, around)

    yield make
    journal.close()


@pytest.mark.parametrize(("clip", "times"), [(0.0, 0), (2.0, 1)])
def test_prepare__clip_and_noise__update_is_privatised_before_it_is_kept(
    program_of: Callable[[TrainerSettings], TrainerProgram],
    play: Play,
    monkeypatch: pytest.MonkeyPatch,
    clip: float,
    times: int,
) -> None:
    asked: list[tuple[Privacy, npt.NDArray[np.float64]]] = []

    def privatise(privacy: Privacy, update: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        asked.append((privacy, update))
        return np.zeros_like(update)

    monkeypatch.setattr(Privacy, "privatise", privatise)
    program = program_of(TrainerSettings(clip=clip, noise=0.5 * (clip > 0), seed=1))
    look = play.project.look()
    assert look is not None
    program.prepare(look)
    assert len(asked) == times
    for privacy, update in asked:
        assert (privacy.clip, privacy.noise, privacy.delta) == (2.0, 0.5, 1e-5)
        assert update.shape == (play.project.terms.dimension,)


def test_restart__data_gone_after_the_update_was_kept__it_is_submitted_and_delivered(
    program_of: Callable[[TrainerSettings], TrainerProgram], play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = play.project.look()
    assert look is not None
    program_of(TrainerSettings(seed=1)).prepare(look)
    again = program_of(TrainerSettings(seed=1))
    monkeypatch.setattr("offchain.market.programs.trainer.task_from_description", pytest.fail)
    assert again.next_step(look) == Step.SUBMIT
    again.submit(look)
    for trainer in play.trainers[1:]:
        trainer.submit()
    again.deliver(look)
    assert [delivery.trainer for delivery in play.project.deliveries(0)] == [again.address]


def test_restart__round_was_skipped__is_tried_again_and_left_after_a_second(
    program_of: Callable[[TrainerSettings], TrainerProgram], play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = play.project.look()
    assert look is not None
    late = replace(look, now=look.status.deadline)

    def gone(*arguments: Any, **options: Any) -> Any:
        raise FileNotFoundError("data.csv")

    program = program_of(TrainerSettings(seed=1))
    program.follow(look)
    with monkeypatch.context() as patch:
        patch.setattr("offchain.market.programs.trainer.task_from_description", gone)
        assert program.turn() == Step.WAIT
        assert program.next_step(late) == Step.WAIT
        program.journal.set_fact("skipped--1", True)  # as if there had been a round before, skipped too
        assert program.next_step(late) == Step.LEAVE
    again = program_of(TrainerSettings(seed=1))
    assert again.next_step(late) == Step.PREPARE
    assert again.turn() == Step.PREPARE
    assert again.next_step(late) == Step.SUBMIT


@pytest.mark.parametrize("settings", [{"clip": 1.0}, {"noise": 1.0}])
def test_settings__one_of_clip_and_noise__refused(settings: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="both above 0, or neither"):
        TrainerSettings(**settings)


@pytest.mark.parametrize("times", [2, 1 << 31])
def test_prepare__rate_that_has_risen__refused_before_training(
    program_of: Callable[[TrainerSettings], TrainerProgram], play: Play, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(Trainer, "local_update", pytest.fail)
    program, look = program_of(TrainerSettings()), play.project.look()
    assert look is not None
    risen = replace(look, status=replace(look.status, rate=look.status.rate * times))
    with pytest.raises(DescriptionError, match=r"a learning rate of|the learning rate has risen"):
        program.prepare(risen)

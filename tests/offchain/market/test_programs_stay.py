"""What goes wrong with a stake on it costs what it must and no more, and stops nobody else.

Two projects by the same parties. In the first a stranger has taken a seat with a key that nothing can be sealed to, one
trainer's training fails in the first round, another's from the second on. In the second the owner never grants the
model's key.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from offchain.market.chain import token_at
from offchain.market.deployment import deploy as deploy_all
from offchain.market.programs.base import Program, Surroundings
from offchain.market.programs.steps import Step, leave_opens
from offchain.market.project import Look, Phase, Project
from offchain.market.settings import OwnerSettings, TrainerSettings
from offchain.proving.srs import Srs
from offchain.storage.errors import SealingError
from offchain.storage.members import Place, What, open_as_member, sealed_to_members_size
from offchain.storage.payload import aggregate_size
from offchain.training.errors import TrainingError
from tests.offchain.market.company import Company, Signal, SignalProgram

TRAINERS = [f"trainer-{k}" for k in range(4)]
NAMES = ["owner", "aggregator-0", *TRAINERS]
REWARD, MINTED = 10**21, 10**23
LOW_ORDER = b"\x01" + bytes(31)


class Failing(Signal):
    """Trains but for the rounds in which it fails."""

    fails: frozenset[int]
    error: Exception
    tried: int  # times in rounds in which it fails

    def local_update(self, learning_rate: float, round_: int) -> npt.NDArray[np.float64]:
        if round_ in self.fails and self.prepared_before:
            type(self).tried += 1
            raise self.error
        return super().local_update(learning_rate, round_)

    @property
    def prepared_before(self) -> bool:
        """Whether there is a stake: the dry step goes well."""
        return self.project.account(str(self.account.address)).seat is not None


class FailsAtFirst(Failing):
    fails, error, tried = frozenset({0}), RuntimeError("sizes differ"), 0


class FailsFromTheSecond(Failing):
    fails, error, tried = frozenset({1, 2, 3}), TrainingError("the loss isn't finite"), 0


KINDS = {"trainer-0": FailsAtFirst, "trainer-1": FailsFromTheSecond}


class Troubled(Company):
    """Of which some fail."""

    def _make(self, name: str, around: Surroundings) -> Program:
        if name not in KINDS:
            return super()._make(name, around)
        project = Project(self.contracts.Escrow.at(self.address, detect_proxy=False))
        program = SignalProgram(TrainerSettings(poll=0.05, seed=int(name[-1]) + 1), project, around)
        program.kind = KINDS[name]
        return program

    @property
    def project(self) -> Project:
        return Project(self.contracts.Escrow.at(self.address, detect_proxy=False))

    def at(self, seconds: int) -> None:
        """The chain's clock, which is ahead of the wall's."""
        self.provider.set_timestamp(seconds)
        self.provider.mine()

    def all_turn(self, times: int = 8) -> None:
        for _ in range(times):
            for name in NAMES:
                self.turn(name)


@dataclass
class Scene:
    company: Troubled
    log: list[logging.LogRecord]

    @property
    def messages(self) -> list[str]:
        return [record.getMessage() for record in self.log]

    def balance(self, account: Any) -> int:
        return int(token_at(self.company.project.terms.token).balanceOf(account)) - MINTED


class Collected(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(scope="module")
def new_company(
    project: Any, chain: Any, accounts: Any, deploy: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Scene]]:
    srs = Srs.insecure_cached(1 << 17)
    deployment = deploy_all(project, accounts[5], srs)
    made: list[Troubled] = []
    handler, log = Collected(), logging.getLogger("offchain")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)

    def make(**settings: Any) -> Scene:
        coin = deploy("Token")
        by_name = dict(zip([*NAMES, "stranger"], accounts[10:], strict=False))
        for account in by_name.values():
            coin.mint(account, MINTED, sender=account)
        company = Troubled(project, chain.provider, by_name, srs, tmp_path_factory.mktemp("company"))
        made.append(company)
        company.create(
            OwnerSettings(
                token=str(coin.address),
                aggregators=(by_name["aggregator-0"].address,),
                task="wine",
                round_reward=f"{REWARD} units",
                max_excluded=0,
                byzantine=0,
                **settings,
            ),
            deployment.as_dict(),
        )
        handler.records = []
        return Scene(company, handler.records)

    yield make
    log.removeHandler(handler)
    log.setLevel(level)
    for company in made:
        for name in list(company.programs):
            company.stop(name)


@pytest.fixture(scope="module")
def troubled(new_company: Callable[..., Scene]) -> Scene:
    """In the third round of four: the second trainer has left, and that round is settled."""
    scene = new_company(rounds=4, seats=5, min_rows=3)
    company = scene.company
    company.all_turn(1)
    project, stranger = company.project, company.accounts["stranger"]
    company.play(["aggregator-0"], lambda: project.status().current is not None)
    token_at(project.terms.token).approve(company.address, project.terms.trainer_stake, sender=stranger)
    project.escrow.enrol(LOW_ORDER, sender=stranger)
    company.play(NAMES, lambda: project.status().phase == Phase.COLLECTING)
    for round_ in range(3):
        company.play(NAMES, lambda: project.status().submitted.bit_count() == 3)
        company.all_turn()  # a quarter of the time is left to those who haven't submitted
        status = project.status()
        company.at(status.deadline - 1)
        company.all_turn()
        if project.status().phase == Phase.COLLECTING:
            company.at(status.deadline + 1)
        company.play(NAMES, lambda number=round_: len(project.settlements()) > number)
    company.all_turn()
    return scene


def seat_of(scene: Scene, name: str) -> int:
    seat = scene.company.project.account(scene.company.accounts[name].address).seat
    assert seat is not None
    return seat


def test_round__training_fails_with_a_stake__costs_a_part_and_the_program_goes_on(troubled: Scene) -> None:
    project = troubled.company.project
    first = seat_of(troubled, "trainer-0")
    rows = [first in settlement.seats for settlement in project.settlements()]
    assert rows == [False, True, True]
    assert project.account(troubled.company.accounts["trainer-0"].address).parts == 3
    assert FailsAtFirst.tried == 1


def test_round__training_fails__log_says_once_what_it_costs_and_why(troubled: Scene) -> None:
    project = troubled.company.project
    part = project.token.told(project.terms.trainer_part)
    texts = [text for text in troubled.messages if "is skipped" in text]
    cost = f"is skipped, which costs {part} of the stake"
    assert [text.split(" is ")[0] for text in texts] == ["round 1", "round 2", "round 3"]
    assert all(cost in text for text in texts)
    assert texts[0].endswith(": training failed: RuntimeError: sizes differ")
    assert texts[1].endswith(": the loss isn't finite")
    (traced,) = (record for record in troubled.log if record.exc_info)
    assert traced.getMessage() == "training failed here:"


def test_round__second_in_a_row_fails__seat_is_given_up_and_the_rest_of_the_stake_comes_back(troubled: Scene) -> None:
    project, account = troubled.company.project, troubled.company.accounts["trainer-1"]
    (left,) = project._events("Left")
    part = project.terms.trainer_part
    assert (left.trainer, left.round, left.forfeited, left.returned) == (account.address, 2, part, 2 * part)
    credits = sum(s.credits[s.seats.index(left.seat)] for s in project.settlements() if left.seat in s.seats)
    assert credits > 0
    assert troubled.balance(account) == credits - 2 * part
    assert FailsFromTheSecond.tried == 2
    assert troubled.company.turn("trainer-1") == Step.DONE
    total = 2 * part + credits
    assert f"withdrew {project.token.told(total)} to {account.address}" in troubled.messages


def test_grant__one_key_that_nothing_can_be_sealed_to__others_have_theirs(troubled: Scene) -> None:
    company = troubled.company
    assert len(company.project.grants()) == 1
    honest = [name for name in TRAINERS if name != "trainer-1"]
    assert all(company.programs[name].has_copy for name in [*honest, "owner"])
    assert [s.seats for s in company.project.settlements()][1] == sorted(seat_of(troubled, name) for name in honest)


def test_grant__one_key_that_nothing_can_be_sealed_to__each_program_says_once_whose(troubled: Scene) -> None:
    stranger = troubled.company.accounts["stranger"].address
    warnings = [text for text in troubled.messages if "is no usable key" in text]
    assert (
        warnings
        == [f"{stranger} has joined with {LOW_ORDER.hex()}, which is no usable key: nothing is sealed to it"] * 2
    )
    assert LOW_ORDER not in troubled.company.project.member_keys()


def test_aggregate__after_a_trainer_has_left__is_sealed_to_those_who_are_still_in(troubled: Scene) -> None:
    company = troubled.company
    *_, before, last = company.project.settlements()
    size = aggregate_size(company.project.terms.dimension)

    def opened(name: str, settlement: Any) -> bytes:
        place = Place(company.project.chain_id, company.address, What.AGGREGATE, settlement.round)
        sealed = company.store.get(settlement.cid, sealed_to_members_size(size))
        return open_as_member(sealed, company._program(name).key, place, size)

    assert opened("trainer-1", before) == opened("trainer-0", before)
    for name in ("owner", "aggregator-0", "trainer-0", "trainer-3"):
        assert opened(name, last) == opened("trainer-2", last)
    with pytest.raises(SealingError, match="doesn't open"):
        opened("trainer-1", last)


@pytest.fixture(scope="module")
def ungranted(new_company: Callable[..., Scene]) -> Scene:
    """The owner is gone when all have joined. At the end everybody has withdrawn."""
    scene = new_company(rounds=3, seats=4, min_rows=3)
    company, names = scene.company, NAMES[1:]
    project = company.project
    company.stop("owner")
    company.play(names, lambda: project.status().phase == Phase.COLLECTING)
    status = project.status()
    for seat in range(4):
        company.at(leave_opens(Look(0, 0, status, 0), project.terms, seat))
        for _ in range(4):
            for name in names:
                company.turn(name)
        if project.status().phase == Phase.CLOSED:
            break
    company.play(names, lambda: all(company.turn(name) == Step.DONE for name in names))
    return scene


def test_leave__grant_never_comes__costs_a_part_until_the_project_ends_and_then_nothing(ungranted: Scene) -> None:
    company = ungranted.company
    project = company.project
    left = [event.trainer for event in project._events("Left")]
    assert left == [company.accounts[f"trainer-{k}"].address for k in range(2)]
    part = project.terms.trainer_part
    balances = [ungranted.balance(company.accounts[name]) for name in NAMES]
    assert balances == [-project.terms.funds, 0, -part, -part, 0, 0]  # the owner hasn't withdrawn
    assert project.escrow.sunk() == 2 * part


def test_leave__grant_never_comes__is_waited_for_in_words_until_then(ungranted: Scene) -> None:
    waits = [record for record in ungranted.log if "the owner to grant the model's key (by " in record.getMessage()]
    assert {record.levelno for record in waits} <= {logging.INFO}
    assert not any(record.levelno >= logging.ERROR for record in ungranted.log)
    assert sum("left the project: it costs " in text for text in ungranted.messages) == 2

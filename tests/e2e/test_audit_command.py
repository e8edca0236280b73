"""`ape run audit` as a process of its own: what it passes, and what it fails at and names.

One project on an Anvil and a store of its own. In its first round all goes well. In the second a trainer names a
payload that it did not commit to, and the aggregator, which has the right one from elsewhere, settles with it; and the
aggregator publishes an aggregate that isn't the round's.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ape
import numpy as np
import pytest
from ape import networks

from offchain.bench.gas import Synthetic, synthetic_trainers
from offchain.proving.commitment import random_tail
from offchain.scoring.policy import PolicyTerms
from offchain.simulation.stage import Stage
from offchain.storage.embedded import EmbeddedStore
from offchain.storage.payload import Aggregate, Payload, aggregate_to_bytes, payload_to_bytes
from offchain.storage.sealing import Envelope, SealingKey, seal
from offchain.training.registry import make_task
from offchain.training.vector import dimension
from tests.e2e.cast import Cast

SEATS, ROUNDS = 6, 2


@dataclass
class Company:
    """What the audits are about; stores by what they are after."""

    cast: Cast
    project: str
    good: Path  # all as it was after the first round
    damaged: Path  # the same, with other bytes under the name of the first aggregate
    last: Path  # after the second round
    key: Path  # the aggregator's

    def audit(self, name: str, *options: str) -> tuple[int, str]:
        """Exit code and what was printed."""
        self.cast.program(name, "audit", self.project, *options)
        code = self.cast.processes.pop(name).wait(120)
        return code, self.cast.log(name)


@pytest.fixture(scope="module")
def company(project: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    cast = Cast(tmp_path_factory.mktemp("audited"))
    environment = pytest.MonkeyPatch()
    environment.setenv("APE_FOUNDRY_HOST", cast.url)
    try:
        with networks.ethereum.local.use_provider("foundry", provider_settings={"host": cast.url}):
            yield play(project, cast)
    finally:
        environment.undo()
        cast.close()


def play(contracts: Any, cast: Cast) -> Company:
    store = EmbeddedStore(cast.folder / "last")
    stage, trainers = funded(contracts, store)
    stage.play(trainers)
    good, damaged = (Path(shutil.copytree(cast.folder / "last", cast.folder / name)) for name in ("good", "damaged"))
    (first,) = stage.project.settlements()
    block = damaged / first.cid.hex()[:2] / first.cid.hex()
    block.write_bytes(block.read_bytes()[:-1] + b"?")

    play_dishonest_round(stage, trainers)
    key = cast.folder / "aggregator.key"
    stage.aggregator._key.save(key)
    return Company(cast, stage.project.address, good, damaged, cast.folder / "last", key)


def funded(contracts: Any, store: EmbeddedStore) -> tuple[Stage, list[Synthetic]]:
    task = make_task("wine")
    stage = Stage(contracts, ape.accounts.test_accounts, store)
    stage.fund(
        {"task": task.describe()},
        np.zeros(dimension(task.build(0))),
        PolicyTerms(byzantine=1),
        SEATS,
        round_reward=10**21,
        rounds=ROUNDS,
        min_rows=SEATS,
        max_excluded=1,
        quantum=1 << 64,
        learning_rate=0.1,
    )
    trainers = synthetic_trainers(stage, task, stage.seats[:SEATS])
    for trainer in trainers:
        stage.enrol(trainer)
    return stage, trainers


def play_dishonest_round(stage: Stage, trainers: list[Synthetic]) -> None:
    project, aggregator, store, liar = stage.project, stage.aggregator, stage.store, trainers[2]
    for trainer in trainers:
        trainer.submit()
    assert liar.prepared is not None
    told = store.put(liar.prepared.sealed).digest
    other = payload_to_bytes(Payload(np.ones(project.terms.dimension, np.int16), tuple(random_tail())))
    envelope = Envelope(project.chain_id, project.address, 1, str(liar.account.address))
    liar.prepared = replace(liar.prepared, sealed=seal(other, project.sealing_keys(), envelope))
    for trainer in trainers:
        trainer.deliver()
    for trainer in trainers:
        trainer.publish()

    false = aggregate_to_bytes(Aggregate(np.ones(project.terms.dimension, np.int64), tuple(random_tail())))
    honest = aggregator._open
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aggregator, "_open", lambda d, *rest: honest(replace(d, cid=told) if d.seat == 2 else d, *rest))
        patch.setattr(aggregator, "_publish", lambda *arguments: store.put(false).digest)
        assert aggregator.settle().excluded == []


def test_audit_command__aggregate_that_does_not_match_its_commitment__fails_and_names_the_round(
    company: Company,
) -> None:
    code, log = company.audit("false-aggregate", "--store", str(company.last))
    assert code == 1, log
    assert "DIFFERENT the aggregate of round 1 does not open the commitment that was settled" in log
    assert "the aggregate of round 0 opens its commitment" in log


def test_audit_command__changed_payload__fails_and_names_the_seat(company: Company) -> None:
    """Without the false aggregate in the store it comes to the payloads."""
    code, log = company.audit("changed", "--store", str(without_aggregate(company)), "--key", str(company.key))
    assert code == 1, log
    assert "DIFFERENT the payload of seat 2 in round 1 does not open the commitment that was delivered" in log


def test_audit_command__store_that_serves_wrong_bytes__fails_and_names_the_block(company: Company) -> None:
    code, log = company.audit("damaged", "--store", str(company.damaged))
    assert code == 1, log
    assert "DIFFERENT the aggregate of round 0: the block" in log
    assert "doesn't have its digest" in log


def test_audit_command__what_is_there_is_right__passes_unless_it_must_be_all(company: Company) -> None:
    """The second round's contents are not in this store."""
    code, log = company.audit("good", "--store", str(company.good))
    assert code == 0, log
    assert "No difference; 2 things could not be checked." in log
    code, log = company.audit("strict", "--store", str(company.good), "--strict")
    assert code == 1, log
    assert "2 things could not be checked" in log


def test_audit_command__no_project_at_the_address__says_so(company: Company) -> None:
    other = replace(company, project="0x" + "11" * 20)
    code, log = other.audit("none", "--store", str(company.good))
    assert code == 1, log
    assert "is no project: its code isn't a registry's proxy" in log


def test_audit_command__key_that_others_can_read__is_refused(company: Company, tmp_path: Path) -> None:
    key = tmp_path / "open.key"
    SealingKey.generate().save(key)
    key.chmod(0o644)
    code, log = company.audit("open-key", "--store", str(company.good), "--key", str(key))
    assert code == 1, log
    assert "can be used by others" in log


def without_aggregate(company: Company) -> Path:
    """The last store without the blocks of aggregates: they are open, so their tensors' names show."""
    folder = company.last.with_name("without")
    shutil.copytree(company.last, folder)
    blocks = [block for block in folder.rglob("*") if block.is_file() and b'"aggregate"' in block.read_bytes()[:512]]
    assert len(blocks) == ROUNDS
    for block in blocks:
        block.unlink()
    return folder

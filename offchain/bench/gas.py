"""Gas of every call of a project, of a proof's verification and of a policy, in transactions on a development chain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.bench.case import CONTEXT, random_tails, random_updates
from offchain.market.chain import contract_at, deploy_contract
from offchain.market.terms import FIXED_ONE, QUANTUM_ONE
from offchain.market.trainer import Schedule, Trainer
from offchain.proving.gram import gram_matrix
from offchain.proving.round import prove_round
from offchain.scoring.policy import WITH_PUBLIC_ROWS, PolicyTerms
from offchain.scoring.shown import NOTHING
from offchain.simulation.stage import Stage
from offchain.storage.embedded import EmbeddedStore
from offchain.training.local import initial_model
from offchain.training.registry import make_task
from offchain.training.task import Task

__all__ = ["Synthetic", "measure_gas", "synthetic_trainers"]

# What no verifier of n rows can do without: 2 n + 15 multiplications and additions, a pairing check of two pairs.
MULTIPLICATION = 6_150
PAIRING = 113_000
DIMENSION = 275


class Synthetic(Trainer):
    """Sends a common signal with noise of its own: what the contracts cost doesn't depend on what is trained."""

    def local_update(self, learning_rate: float, round_: int) -> npt.NDArray[np.float64]:
        size = self.project.terms.dimension
        signal = np.random.default_rng(round_).normal(0.0, 2_000.0, size)
        return signal + np.random.default_rng(self.seed + round_).normal(0.0, 2_000.0, size)


def synthetic_trainers(stage: Stage, task: Task, accounts: Sequence[Any]) -> list[Synthetic]:
    """One for each account, not enrolled yet."""
    data = task.load().train
    return [
        Synthetic(account, stage.project, stage.store, stage.srs, task, data, Schedule(), seed=100 * (i + 1))
        for i, account in enumerate(accounts)
    ]


def measure_gas(contracts: Any, accounts: Sequence[Any], folder: Path, rows: int, rule: str) -> dict[str, Any]:
    """Gas of every call of a project with `rows` trainers and three rounds, in transactions; f is 2 if rows allow it.

    The first round finds slots that were never used, and the last one ends the project.
    """
    task = make_task("wine")
    stage = Stage(contracts, accounts, EmbeddedStore(folder))
    policy_terms = PolicyTerms(rule=rule, byzantine=min(2, (rows - 3) // 2))
    stage.fund(
        {"task": task.describe()},
        initial_model(task, 0),
        policy_terms,
        rows,
        round_reward=10**21,
        rounds=3,
        min_rows=rows,
        max_excluded=0,
        public_rows=rule in WITH_PUBLIC_ROWS,
        quantum=QUANTUM_ONE,
        learning_rate=0.1,
    )
    trainers = synthetic_trainers(stage, task, stage.seats[:rows])
    gas: dict[str, Any] = {"enrol": _most(stage.enrol(trainer) for trainer in trainers)}
    for number in ("first", "later", "last"):
        played = stage.play(trainers)
        gas[f"{number}_round"] = {
            "submit": _most(played.submits),
            "deliver": _most(played.delivers),
            "settle": played.settled.receipt.gas_used,
        }
    gas["confirm"] = stage.owner.confirm(stage.project).gas_used
    gas["withdraw"] = _most(trainer.withdraw() for trainer in trainers)
    costs = {"verifier": _verifier_gas(stage, rows), "policy": _policy_gas(stage, rows, policy_terms)}
    return {"rows": rows, "rule": rule, **gas, **costs}


def _most(receipts: Iterable[Any]) -> int:
    return max(receipt.gas_used for receipt in receipts)


def _verifier_gas(stage: Stage, rows: int) -> dict[str, int]:
    """Of both proofs in a transaction of its own, and the least that any verifier of n rows takes."""
    proof = prove_round(stage.srs, CONTEXT, random_updates(rows, DIMENSION), random_tails(rows), 16)
    verifier = contract_at(stage.contracts.RoundVerifier, stage.deployment.verifier)
    arguments = proof.verify_arguments
    used = verifier.verify.transact(*arguments, sender=stage.deployer).gas_used
    data = bytes(verifier.verify.encode_input(*arguments))
    calldata = 16 * len(data) - 12 * data.count(0)
    return {"transaction": used, "floor": 21_000 + calldata + (2 * rows + 15) * MULTIPLICATION + PAIRING}


def _policy_gas(stage: Stage, rows: int, terms: PolicyTerms) -> int:
    """Of `evaluate`, for random updates; it hardly depends on them."""
    policy = contract_at(getattr(stage.contracts, terms.contract), stage.deployment.policy_of(terms))
    meter = deploy_contract(stage.deployer, stage.contracts.GasMeter)
    gram = gram_matrix(random_updates(rows, DIMENSION))
    arguments = rows, gram, terms.encode(), FIXED_ONE, (1 << rows) - 1, False, list(NOTHING)
    return int(meter.measure(policy, policy.evaluate.encode_input(*arguments)))

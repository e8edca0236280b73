"""The owner: publishes a task and a model to start from, locks the reward, and confirms the last aggregate."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.market.chain import Transact, allow, contract_at, sending
from offchain.market.project import Project
from offchain.market.terms import ProjectTerms
from offchain.storage.payload import model_to_bytes, task_to_bytes
from offchain.storage.store import Store

__all__ = ["Owner"]


class Owner:
    """Acts for `account` through a registry. transact: how calls are sent, instead of as Ape does."""

    def __init__(
        self, account: Any, contracts: Any, registry: Any, store: Store, transact: Transact | None = None
    ) -> None:
        self.account = account
        self.contracts = contracts
        self.registry = registry
        self.store = store
        self._transact = transact or sending(account)

    def publish(self, description: dict[str, Any], model: npt.NDArray[np.float64]) -> tuple[bytes, bytes]:
        """Puts the task's description and the initial model on the store; the digests go into the terms."""
        task = self.store.put(task_to_bytes(description))
        return task.digest, self.store.put(model_to_bytes(model)).digest

    def create(self, terms: ProjectTerms, nonce: int = 0) -> Project:
        """Approves the project's address, which commits to these terms, for its funds, and creates it."""
        address = self.address_of(terms, nonce)
        allow(self._transact, self.account, terms.token, address, terms.funds)
        receipt = self._transact(self.registry.create, terms.as_struct(), nonce)
        return Project(contract_at(self.contracts.Escrow, address), since=receipt.block_number)

    def address_of(self, terms: ProjectTerms, nonce: int = 0) -> str:
        """Where the project is, or will be."""
        return str(self.registry.address_of(self.account, terms.as_struct(), nonce))

    def confirm(self, project: Project) -> Any:
        """The last aggregate is to be had: ends the handover."""
        return self._transact(project.escrow.confirm)

    def withdraw(self, project: Project) -> Any:
        return self._transact(project.escrow.withdraw, self.account)

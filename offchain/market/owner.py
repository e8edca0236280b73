"""The owner: publishes a task and a model to start from, locks the reward, and confirms the last aggregate."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.market.chain import Transact, allow, contract_at, sending
from offchain.market.project import Project
from offchain.market.terms import ProjectTerms
from offchain.market.trust import Powers, Relied, check_registry, project_address
from offchain.storage.payload import model_to_bytes, task_to_bytes
from offchain.storage.store import Store

__all__ = ["Owner"]


class Owner:
    """Acts for `account` through a registry. transact: how calls are sent, instead of as Ape does. srs: that its
    verifier has to be for. is_named: the user says that this registry is to be trusted (`trust`).
    """

    def __init__(
        self,
        account: Any,
        contracts: Any,
        registry: Any,
        store: Store,
        transact: Transact | None = None,
        srs: Powers | None = None,
        is_named: bool = False,
    ) -> None:
        self.account = account
        self.contracts = contracts
        self.registry = registry
        self.store = store
        self._srs = srs
        self._is_named = is_named
        self._transact = transact or sending(account)

    def publish(self, description: dict[str, Any], model: npt.NDArray[np.float64]) -> tuple[bytes, bytes]:
        """Puts the task's description and the initial model on the store; the digests go into the terms."""
        task = self.store.put(task_to_bytes(description))
        return task.digest, self.store.put(model_to_bytes(model)).digest

    def create(self, terms: ProjectTerms, nonce: int = 0) -> Project:
        """Approves the project's address, which commits to these terms, for its funds, and creates it. Raises as
        `relied`.
        """
        address = self.address_of(terms, nonce)
        allow(self._transact, self.account, terms.token, address, terms.funds)
        receipt = self._transact(self.registry.create, terms.as_struct(), nonce)
        return Project(contract_at(self.contracts.Escrow, address), since=receipt.block_number)

    @cached_property
    def relied(self) -> Relied:
        """What the registry's projects rely on, once it was checked. Raises UntrustedCode if it isn't this package's:
        whatever it says where a project will be, the funds would be another's.
        """
        address = str(self.registry.address)
        return check_registry(self.registry.provider, self.contracts, address, self._srs, self._is_named)

    def address_of(self, terms: ProjectTerms, nonce: int = 0) -> str:
        """Where the registry will make the project. Raises as `relied`."""
        relied, owner = self.relied, str(self.account.address)
        return project_address(self.contracts, relied.registry, relied.implementation, owner, terms, nonce)

    def confirm(self, project: Project) -> Any:
        """The last aggregate is to be had: ends the handover."""
        return self._transact(project.escrow.confirm)

    def withdraw(self, project: Project) -> Any:
        return self._transact(project.escrow.withdraw, self.account)

"""Parties by role, contracts deployed once, and a factory of projects.

The escrow's own rules are tested without proofs, over a verifier that accepts what it is told to; tests/e2e runs the
real one.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from offchain.node import without_traces
from tests import quiet_reverts
from tests.escrow_driver import Parties, ProjectDriver, default_terms


def pytest_configure() -> None:
    without_traces()
    quiet_reverts.install()


@pytest.fixture(scope="session")
def parties(accounts: Any) -> Parties:
    """Accounts by role; trainers[i] takes seat i wherever the driver enrols them."""
    return Parties(
        owner=accounts[0],
        aggregators=list(accounts[1:4]),
        stranger=accounts[4],
        deployer=accounts[5],
        trainers=list(accounts[8:40]),
    )


@pytest.fixture(scope="session")
def owner(parties: Parties) -> Any:
    return parties.owner


@pytest.fixture(scope="session")
def aggregator(parties: Parties) -> Any:
    return parties.aggregators[0]


@pytest.fixture(scope="session")
def stranger(parties: Parties) -> Any:
    return parties.stranger


@pytest.fixture(scope="session")
def trainers(parties: Parties) -> list[Any]:
    return parties.trainers


@pytest.fixture(scope="session")
def deploy(project: Any, parties: Parties) -> Callable[..., Any]:
    """deploy("Name", *args): a contract of the project, from the deployer."""

    def deploy_contract(name: str, *args: Any) -> Any:
        return parties.deployer.deploy(getattr(project, name), *args)

    return deploy_contract


@pytest.fixture(scope="session")
def token(deploy: Callable[..., Any]) -> Any:
    return deploy("Token")


@pytest.fixture(scope="session")
def verifier(deploy: Callable[..., Any]) -> Any:
    return deploy("VerifierMock", 2**17)


@pytest.fixture(scope="session")
def policy(deploy: Callable[..., Any]) -> Any:
    return deploy("PolicyMock")


@pytest.fixture(scope="session")
def term_limits(deploy: Callable[..., Any]) -> Any:
    return deploy("TermLimits")


@pytest.fixture(scope="session")
def referee(deploy: Callable[..., Any], verifier: Any) -> Any:
    return deploy("Referee", verifier)


@pytest.fixture(scope="session")
def implementation(deploy: Callable[..., Any], term_limits: Any, referee: Any) -> Any:
    return deploy("Escrow", term_limits, referee)


@pytest.fixture(scope="session")
def registry(deploy: Callable[..., Any], implementation: Any) -> Any:
    return deploy("Registry", implementation)


@pytest.fixture(scope="session")
def create_project(
    project: Any, chain: Any, registry: Any, token: Any, policy: Any, parties: Parties
) -> Callable[..., ProjectDriver]:
    """create_project(field=value, ...): a funded project with these terms in place of the driver's defaults."""
    nonces = count()

    def create(*, nonce: int | None = None, token: Any = token, policy: Any = policy, **changes: Any) -> ProjectDriver:
        terms = default_terms(token=token, policy=policy, aggregators=parties.aggregators[:2]) | changes
        nonce = next(nonces) if nonce is None else nonce
        return ProjectDriver.create(project, chain, registry, token, policy, parties, terms, nonce)

    return create

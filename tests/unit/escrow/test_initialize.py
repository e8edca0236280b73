from __future__ import annotations

from typing import Any

import ape
import pytest
from ape.contracts import ContractContainer
from ethpm_types import ContractType

from tests.escrow_driver import ProjectDriver, default_terms

PROXY = "0x602d3d8160093d39f3363d3d373d3d3d363d73{}5af43d82803e903d91602b57fd5bf3"  # ERC-1167


@pytest.fixture(scope="module")
def terms(token: Any, policy: Any, parties: Any) -> dict[str, Any]:
    return default_terms(token, policy, parties.aggregators[:2])


@pytest.fixture(scope="module", autouse=True)
def without_means(token: Any, owner: Any, stranger: Any) -> None:
    """Others' tests may have left the owner something."""
    token.transfer(stranger, token.balanceOf(owner), sender=owner)


@pytest.fixture(scope="module")
def proxy(project: Any, parties: Any, implementation: Any) -> Any:
    """An escrow that nobody has initialised, and that no registry made."""
    bytecode = PROXY.format(implementation.address[2:].lower())
    made = parties.deployer.deploy(ContractContainer(ContractType(abi=[], deploymentBytecode={"bytecode": bytecode})))
    return project.Escrow.at(made.address)


@pytest.fixture
def fund_proxy(owner: Any, proxy: Any, token: Any, terms: dict[str, Any]) -> None:
    funds = ProjectDriver.funds_of(terms)
    token.mint(owner, funds, sender=owner)
    token.approve(proxy, funds, sender=owner)


@pytest.fixture
def driver(
    chain: Any, proxy: Any, token: Any, policy: Any, parties: Any, terms: dict[str, Any], fund_proxy: None
) -> ProjectDriver:
    return ProjectDriver(proxy, chain, token, policy, parties, terms)


def test_initialize__sound__pulls_the_funds(
    driver: ProjectDriver, owner: Any, stranger: Any, terms: dict[str, Any]
) -> None:
    """Whoever sends it: the registry does, for the owner who approved the address."""
    receipt = driver.escrow.initialize(owner, terms, sender=stranger)
    t = receipt.timestamp
    funds = 3 * (1_000_003 + 200_017) + 200_017
    [(name, fields)] = driver.events(receipt)
    assert name == "Created"
    told = dict(zip(terms, fields.pop("terms"), strict=True))
    assert [told.pop("token"), told.pop("policy"), told.pop("aggregators")] == [
        driver.token.address.lower(),
        driver.policy.address.lower(),
        [a.lower() for a in terms["aggregators"]],
    ]
    assert told == {field: terms[field] for field in told}
    assert fields == {"owner": owner.address, "funded": funds, "accept_by": t + 1000, "enrol_by": t + 3000}
    held = {name: amount for name, amount in driver.accounts().items() if amount}
    assert held == {"pot": funds - 200_017, "bond": 200_017, "tokens": funds}
    assert driver.token.balanceOf(owner) == 0


def test_initialize__sound__freezes_the_terms(driver: ProjectDriver, owner: Any, terms: dict[str, Any]) -> None:
    driver.escrow.initialize(owner, terms, sender=owner)
    frozen = driver.escrow.terms()
    assert {field: getattr(frozen, field) for field in terms} == terms
    assert driver.escrow.owner() == owner
    assert driver.status.rate == terms["rate"]


def test_initialize__fresh_proxy__is_no_project(proxy: Any) -> None:
    assert proxy.status().phase == 0
    assert (proxy.pot(), proxy.bond(), proxy.stake()) == (0, 0, 0)


def test_initialize__twice__reverts(driver: ProjectDriver, owner: Any, stranger: Any, terms: dict[str, Any]) -> None:
    driver.escrow.initialize(owner, terms, sender=owner)
    for account in (owner, stranger):
        with ape.reverts("escrow: exists already"):
            driver.escrow.initialize(account, terms, sender=account)


def test_initialize__implementation__reverts(implementation: Any, owner: Any, terms: dict[str, Any]) -> None:
    with ape.reverts("escrow: exists already"):
        implementation.initialize(owner, terms, sender=owner)


def test_initialize__no_owner__reverts(driver: ProjectDriver, owner: Any, terms: dict[str, Any]) -> None:
    with ape.reverts("escrow: no owner"):
        driver.escrow.initialize("0x" + "00" * 20, terms, sender=owner)


def test_initialize__unsound_terms__reverts_with_the_limit(
    driver: ProjectDriver, owner: Any, terms: dict[str, Any]
) -> None:
    with ape.reverts("terms: rounds out of range"):
        driver.escrow.initialize(owner, terms | {"rounds": 0}, sender=owner)


def test_initialize__dimension_beyond_the_verifier__reverts(
    driver: ProjectDriver, owner: Any, terms: dict[str, Any], verifier: Any
) -> None:
    """The limit comes from the verifier of the implementation, here 2^17."""
    with ape.reverts("terms: dimension beyond the SRS"):
        driver.escrow.initialize(owner, terms | {"dimension": 2**17 - 15}, sender=owner)
    driver.escrow.initialize(owner, terms | {"dimension": 2**17 - 16}, sender=owner)


@pytest.mark.parametrize(("short_of", "message"), [("approve", "token: not approved"), ("mint", "token: too little")])
def test_initialize__funds_one_short__reverts(
    proxy: Any, owner: Any, token: Any, terms: dict[str, Any], short_of: str, message: str
) -> None:
    funds = ProjectDriver.funds_of(terms)
    token.mint(owner, funds - (short_of == "mint"), sender=owner)
    token.approve(proxy, funds - (short_of == "approve"), sender=owner)
    with ape.reverts(message):
        proxy.initialize(owner, terms, sender=owner)
    assert proxy.status().phase == 0


def test_constructor__no_term_limits__reverts(project: Any, referee: Any, parties: Any) -> None:
    with ape.reverts("escrow: no term limits"):
        parties.deployer.deploy(project.Escrow, parties.stranger, referee)


def test_constructor__no_referee__reverts(project: Any, term_limits: Any, parties: Any) -> None:
    with ape.reverts("escrow: no referee"):
        parties.deployer.deploy(project.Escrow, term_limits, parties.stranger)


def test_constructor__verifier_without_srs__reverts(project: Any, deploy: Any, parties: Any) -> None:
    without = deploy("VerifierMock", 0)
    with ape.reverts("referee: no verifier"):
        parties.deployer.deploy(project.Referee, without)


def test_constructor__implementation__is_closed(
    implementation: Any, term_limits: Any, referee: Any, verifier: Any
) -> None:
    assert implementation.REFEREE() == referee
    assert implementation.status().phase == 5
    assert implementation.TERM_LIMITS() == term_limits
    assert implementation.VERIFIER() == verifier

from __future__ import annotations

from typing import Any

import ape
import pytest
from eth_utils import keccak, to_checksum_address

from tests.escrow_driver import ProjectDriver, default_terms

ZERO = "0x" + "00" * 20


@pytest.fixture(scope="session", autouse=True)
def _deployed_first(registry: Any, token: Any, policy: Any, owner: Any, stranger: Any) -> None:
    """What all tests share exists before any file makes its project: Ape would make the project again otherwise."""


@pytest.fixture
def terms(token: Any, policy: Any, parties: Any) -> dict[str, Any]:
    return default_terms(token, policy, parties.aggregators[:2])


@pytest.fixture
def fund(registry: Any, token: Any) -> Any:
    """fund(account, terms, nonce): all that creating this project takes."""

    def fund_project(account: Any, terms: dict[str, Any], nonce: int = 0) -> str:
        address = registry.address_of(account, terms, nonce)
        funds = ProjectDriver.funds_of(terms)
        token.mint(account, funds, sender=account)
        token.approve(address, funds, sender=account)
        return address

    return fund_project


# --- create


def test_create__funded__makes_and_lists_the_project(
    project: Any, registry: Any, token: Any, owner: Any, terms: dict[str, Any], fund: Any
) -> None:
    address = fund(owner, terms, nonce=7)
    assert not registry.is_project(address)
    receipt = registry.create(terms, 7, sender=owner)
    assert receipt.return_value == address
    [event] = receipt.decode_logs(registry.ProjectCreated)
    assert dict(event.event_arguments) == {"project": address, "owner": owner.address, "nonce": 7, "number": 0}
    assert (registry.count(), registry.projects(0), registry.projects(1)) == (1, address, ZERO)
    assert registry.is_project(address)
    escrow = project.Escrow.at(address)
    assert (escrow.status().phase, escrow.owner()) == (1, owner.address)
    assert token.balanceOf(address) == ProjectDriver.funds_of(terms)
    assert token.balanceOf(registry) == 0


def test_create__several__are_numbered_in_order(
    registry: Any, owner: Any, stranger: Any, terms: dict[str, Any], fund: Any
) -> None:
    made = []
    for account, nonce in ((owner, 0), (owner, 1), (stranger, 0)):
        made.append(fund(account, terms, nonce))
        receipt = registry.create(terms, nonce, sender=account)
        assert receipt.decode_logs(registry.ProjectCreated)[0].number == len(made) - 1
    assert len(set(made)) == registry.count() == 3
    assert [registry.projects(number) for number in range(3)] == made


def test_create__twice__reverts(registry: Any, owner: Any, terms: dict[str, Any], fund: Any) -> None:
    """The address is taken; there is no message because it is the machine that refuses to create there."""
    fund(owner, terms)
    registry.create(terms, 0, sender=owner)
    fund(owner, terms)
    with ape.reverts(ape.exceptions.TransactionError.DEFAULT_MESSAGE):
        registry.create(terms, 0, sender=owner)
    assert registry.count() == 1


def test_create__not_approved__reverts(registry: Any, token: Any, owner: Any, terms: dict[str, Any]) -> None:
    token.mint(owner, ProjectDriver.funds_of(terms), sender=owner)
    with ape.reverts("token: not approved"):
        registry.create(terms, 0, sender=owner)
    assert registry.count() == 0


def test_create__one_unit_short__reverts(
    registry: Any, token: Any, owner: Any, stranger: Any, terms: dict[str, Any], fund: Any
) -> None:
    address = fund(owner, terms)
    token.transfer(stranger, token.balanceOf(owner) - ProjectDriver.funds_of(terms) + 1, sender=owner)
    with ape.reverts("token: too little"):
        registry.create(terms, 0, sender=owner)
    assert not registry.is_project(address)


def test_create__unsound_terms__reverts_with_the_limit(
    registry: Any, owner: Any, terms: dict[str, Any], fund: Any
) -> None:
    terms["min_rows"] = 1
    fund(owner, terms)
    with ape.reverts("terms: seats out of range"):
        registry.create(terms, 0, sender=owner)


def test_create__at_the_owners_address__nobody_else_can(
    registry: Any, token: Any, owner: Any, stranger: Any, terms: dict[str, Any], fund: Any
) -> None:
    """A stranger with the same terms and nonce gets another address, and can't spend what the owner approved."""
    address = fund(owner, terms)
    owned = token.balanceOf(owner)
    with ape.reverts("token: not approved"):
        registry.create(terms, 0, sender=stranger)
    elsewhere = fund(stranger, terms)
    registry.create(terms, 0, sender=stranger)
    assert elsewhere != address
    assert token.balanceOf(owner) == owned
    registry.create(terms, 0, sender=owner)
    assert registry.is_project(address)


def test_create__initialised_project__can_not_be_again(
    project: Any, registry: Any, owner: Any, terms: dict[str, Any], fund: Any
) -> None:
    escrow = project.Escrow.at(fund(owner, terms))
    registry.create(terms, 0, sender=owner)
    with ape.reverts("escrow: exists already"):
        escrow.initialize(owner, terms, sender=owner)


def test_implementation__of_the_registry__can_not_be_initialised(
    project: Any, registry: Any, implementation: Any, owner: Any, terms: dict[str, Any]
) -> None:
    assert registry.IMPLEMENTATION() == implementation
    with ape.reverts("escrow: exists already"):
        implementation.initialize(owner, terms, sender=owner)


def test_constructor__no_implementation__reverts(project: Any, parties: Any) -> None:
    with ape.reverts("registry: no implementation"):
        parties.deployer.deploy(project.Registry, parties.stranger)


def test_constructor__keeps_its_block_and_the_code_that_its_projects_rely_on(
    project: Any, chain: Any, parties: Any, implementation: Any, term_limits: Any, referee: Any, verifier: Any
) -> None:
    made = parties.deployer.deploy(project.Registry, implementation)
    relied_on = implementation, term_limits, referee, verifier
    codes = b"".join(keccak(bytes(chain.provider.get_code(contract.address))) for contract in relied_on)
    assert (made.SINCE(), bytes(made.CODE())) == (chain.blocks.head.number, keccak(codes))


def test_constructor__implementation_that_names_nothing__has_the_code_of_none(
    project: Any, chain: Any, parties: Any, token: Any
) -> None:
    """A token answers to none of the questions. Who looks finds another code than this package's."""
    made = parties.deployer.deploy(project.Registry, token)
    own = keccak(bytes(chain.provider.get_code(token.address)))
    none = bytes(32), keccak(b"")  # of the zero address, which is an account once something was sent to it
    assert bytes(made.CODE()) in [keccak(own + 3 * empty) for empty in none]


# --- address_of


def test_address_of__is_create2_of_owner_terms_and_nonce(
    project: Any, registry: Any, implementation: Any, owner: Any, terms: dict[str, Any]
) -> None:
    code = bytes.fromhex(
        f"602d3d8160093d39f3363d3d373d3d3d363d73{implementation.address[2:]}5af43d82803e903d91602b57fd5bf3"
    )
    # abi.encode(owner, terms, nonce) is what the call itself sends, in this order
    salt = keccak(bytes(registry.address_of.encode_input(owner, terms, 5))[4:])
    digest = keccak(b"\xff" + bytes.fromhex(registry.address[2:]) + salt + keccak(code))
    assert registry.address_of(owner, terms, 5) == to_checksum_address(digest[12:])


CHANGES: dict[str, Any] = {
    "token": "0x" + "11" * 20,
    "policy": "0x" + "11" * 20,
    "params": b"other",
    "public_rows": True,
    "first_row": b"\x03" * 32,
    "reference": True,
    "aggregators": ["0x" + "11" * 20],
    "model": b"\x03" * 32,
    "task": b"\x03" * 32,
}


def test_address_of__any_term_changed__is_another(registry: Any, owner: Any, terms: dict[str, Any]) -> None:
    here = registry.address_of(owner, terms, 0)
    assert registry.address_of(owner, terms, 0) == here
    changed = [
        terms | {field: CHANGES.get(field, value + 1 if isinstance(value, int) else None)}
        for field, value in terms.items()
    ]
    addresses = {registry.address_of(owner, other, 0) for other in changed}
    assert len(addresses | {here}) == len(terms) + 1


def test_address_of__owner_or_nonce_changed__is_another(
    registry: Any, owner: Any, stranger: Any, terms: dict[str, Any]
) -> None:
    here = registry.address_of(owner, terms, 0)
    assert here != registry.address_of(stranger, terms, 0)
    assert here != registry.address_of(owner, terms, 1)
    assert here != registry.address_of(owner, terms, 2**256 - 1)


def test_is_project__made_elsewhere__is_false(
    project: Any, deploy: Any, implementation: Any, registry: Any, owner: Any, terms: dict[str, Any], token: Any
) -> None:
    other = deploy("Registry", implementation)
    address = other.address_of(owner, terms, 0)
    assert address != registry.address_of(owner, terms, 0)
    funds = ProjectDriver.funds_of(terms)
    token.mint(owner, funds, sender=owner)
    token.approve(address, funds, sender=owner)
    other.create(terms, 0, sender=owner)
    assert other.is_project(address)
    assert not registry.is_project(address)
    assert not registry.is_project(implementation)


# --- profiles


def test_publish_profile__first__is_told_and_kept(registry: Any, stranger: Any) -> None:
    receipt = registry.publish_profile(b"\x01" * 32, b"\x02" * 32, sender=stranger)
    [event] = receipt.events
    assert event.event_name == "ProfilePublished"
    assert dict(event.event_arguments) == {"account": stranger.address, "key": b"\x01" * 32, "cid": b"\x02" * 32}
    assert tuple(registry.profiles(stranger)) == (b"\x01" * 32, b"\x02" * 32)


def test_publish_profile__again__replaces_only_ones_own(registry: Any, owner: Any, stranger: Any) -> None:
    registry.publish_profile(b"\x01" * 32, b"\x02" * 32, sender=stranger)
    registry.publish_profile(b"\x05" * 32, b"\x06" * 32, sender=owner)
    registry.publish_profile(b"\x03" * 32, b"\x00" * 32, sender=stranger)
    assert tuple(registry.profiles(stranger)) == (b"\x03" * 32, b"\x00" * 32)
    assert tuple(registry.profiles(owner)) == (b"\x05" * 32, b"\x06" * 32)


def test_publish_profile__no_key__reverts(registry: Any, stranger: Any) -> None:
    with ape.reverts("registry: no key"):
        registry.publish_profile(b"\x00" * 32, b"\x02" * 32, sender=stranger)

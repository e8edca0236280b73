"""A deployment's record, and whether what it names is what this tree compiles to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_utils import keccak

from offchain.market.deployment import CONTRACTS, Deployment, deploy, record, verify
from offchain.market.errors import UntrustedCode
from offchain.proving.srs import Srs

SIZE = 1 << 10


@pytest.fixture(scope="module")
def small_srs() -> Srs:
    return Srs.insecure(SIZE, 12_345)


@pytest.fixture(scope="module")
def deployed(project: Any, accounts: Any, small_srs: Srs) -> Deployment:
    return deploy(project, accounts[0], small_srs)


@pytest.fixture
def kept(deployed: Deployment, project: Any, networks: Any, small_srs: Srs) -> dict[str, Any]:
    return record(deployed, networks.provider, "ethereum:local", "prague", small_srs)


def test_verify__own_deployment__is_what_was_deployed(
    kept: dict[str, Any], deployed: Deployment, project: Any, networks: Any
) -> None:
    assert verify(kept, project, networks.provider) == deployed
    assert (kept["vyper"], kept["evm"], kept["srs_size"]) == ("0.4.3", "prague", SIZE)


@pytest.mark.parametrize("name", CONTRACTS)
def test_verify__another_address__names_the_contract(
    kept: dict[str, Any], project: Any, networks: Any, name: str
) -> None:
    other = "term_limits" if name != "term_limits" else "registry"
    with pytest.raises(UntrustedCode, match=f"isn't the {name}'s of the record"):
        verify(kept | {name: kept[other]}, project, networks.provider)


@pytest.mark.parametrize("name", CONTRACTS)
def test_verify__other_code_with_its_hash__isnt_this_trees(
    kept: dict[str, Any], project: Any, networks: Any, deploy: Callable[..., Any], name: str
) -> None:
    token = deploy("Token")
    hashes = kept["code_hashes"] | {name: record_hash(networks.provider, token)}
    with pytest.raises(UntrustedCode, match=f"isn't {CONTRACTS[name]}'s of this package"):
        verify(kept | {name: str(token.address), "code_hashes": hashes}, project, networks.provider)


def test_verify__registry_of_another_implementation__is_refused(
    kept: dict[str, Any], project: Any, networks: Any, deploy: Callable[..., Any], deployed: Deployment
) -> None:
    other = deploy("Registry", deployed.verifier)
    hashes = kept["code_hashes"] | {"registry": record_hash(networks.provider, other)}
    with pytest.raises(UntrustedCode, match="the registry relies on other contracts"):
        verify(kept | {"registry": str(other.address), "code_hashes": hashes}, project, networks.provider)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chain_id": 1}, "of chain 1, this is chain"),
        ({"srs_size": SIZE + 1}, "another SRS"),
        ({"tau_g2": ["0x1"] * 4}, "another SRS"),
    ],
)
def test_verify__record_of_something_else__says_so(
    kept: dict[str, Any], project: Any, networks: Any, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UntrustedCode, match=message):
        verify(kept | changes, project, networks.provider)


def test_verify__field_missing__says_so(kept: dict[str, Any], project: Any, networks: Any) -> None:
    del kept["code_hashes"]
    with pytest.raises(UntrustedCode, match="not the record of a deployment"):
        verify(kept, project, networks.provider)


def record_hash(provider: Any, contract: Any) -> str:
    return "0x" + keccak(bytes(provider.get_code(contract.address))).hex()

"""The contracts that all projects share: verifier, policies, term limits, referee, escrow's implementation, registry.

A deployment is written down as a *record*: addresses, chain, SRS, compiler, and the hash of each contract's code. So
anybody can check that what is on chain is what this tree compiles to, with the immutables that belong there, and that
the registry's books began empty (`trust`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import vyper
from eth_utils import keccak, to_checksum_address

from offchain.market.chain import deploy_contract
from offchain.market.errors import UntrustedCode
from offchain.market.trust import Ceremony, check_registry, immutables
from offchain.proving.srs import Srs
from offchain.scoring.policy import WITH_PUBLIC_ROWS, PolicyTerms

__all__ = ["Deployment", "deploy", "record", "verify"]


@dataclass(frozen=True)
class Deployment:
    """Addresses on one network."""

    verifier: str
    round_policy: str
    consensus_policy: str
    term_limits: str
    referee: str
    implementation: str
    registry: str

    def policy_of(self, terms: PolicyTerms) -> str:
        """The address of the policy that knows the terms' rule."""
        return self.consensus_policy if terms.rule in WITH_PUBLIC_ROWS else self.round_policy

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


# by field of a deployment: the contract that is there
CONTRACTS = {
    "verifier": "RoundVerifier",
    "round_policy": "RoundPolicy",
    "consensus_policy": "ConsensusPolicy",
    "term_limits": "TermLimits",
    "referee": "Referee",
    "implementation": "Escrow",
    "registry": "Registry",
}
# a contract's immutables that are addresses, and which of the record's they have to be
RELIED_ON = (
    ("registry", "IMPLEMENTATION", "implementation"),
    ("implementation", "TERM_LIMITS", "term_limits"),
    ("implementation", "REFEREE", "referee"),
    ("implementation", "VERIFIER", "verifier"),
    ("referee", "VERIFIER", "verifier"),
)


def deploy(contracts: Any, account: Any, srs: Srs) -> Deployment:
    """Deploys everything from `account`.

    contracts: the Ape project, which knows the compiled contracts by name. Nobody is privileged in any of them, the
    deployer included. The verifier accepts proofs over this SRS alone.
    """
    verifier = deploy_contract(account, contracts.RoundVerifier, list(srs.tau_g2), srs.size)
    policies = [deploy_contract(account, contract) for contract in (contracts.RoundPolicy, contracts.ConsensusPolicy)]
    limits = deploy_contract(account, contracts.TermLimits)
    referee = deploy_contract(account, contracts.Referee, verifier)
    implementation = deploy_contract(account, contracts.Escrow, limits, referee)
    registry = deploy_contract(account, contracts.Registry, implementation)
    deployed = (verifier, *policies, limits, referee, implementation, registry)
    return Deployment(*(str(contract.address) for contract in deployed))


def record(deployment: Deployment, provider: Any, network: str, evm: str, srs: Srs) -> dict[str, Any]:
    """What is written down of a deployment, as JSON."""
    addresses = deployment.as_dict()
    return {
        "network": network,
        "chain_id": provider.chain_id,
        "vyper": vyper.__version__,
        "evm": evm,
        "srs_size": srs.size,
        "tau_g2": [hex(coordinate) for coordinate in srs.tau_g2],
        **addresses,
        "code_hashes": {name: _code_hash(provider, address) for name, address in addresses.items()},
    }


def verify(kept: dict[str, Any], contracts: Any, provider: Any) -> Deployment:
    """The recorded deployment, if what is on chain is what this tree compiles to, over the recorded SRS.

    Raises UntrustedCode that names the first thing that differs, MarketError if the chain doesn't show how the registry
    was made.
    """
    try:
        addresses = {name: str(to_checksum_address(kept[name])) for name in CONTRACTS}
        hashes, chain_id = dict(kept["code_hashes"]), int(kept["chain_id"])
        x_imaginary, x_real, y_imaginary, y_real = (int(coordinate, 16) for coordinate in kept["tau_g2"])
        srs = Ceremony((x_imaginary, x_real, y_imaginary, y_real), int(kept["srs_size"]))
        srs.words()
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UntrustedCode(f"not the record of a deployment: {error}") from error
    if provider.chain_id != chain_id:
        raise UntrustedCode(f"the record is of chain {chain_id}, this is chain {provider.chain_id}")
    others = [name for name, address in addresses.items() if _code_hash(provider, address) != hashes.get(name)]
    words = {}
    for name, contract in CONTRACTS.items():
        try:
            words[name] = immutables(provider, getattr(contracts, contract), addresses[name])
        except UntrustedCode:
            if name in others:
                raise UntrustedCode(f"the code at {addresses[name]} isn't the {name}'s of the record") from None
            raise
    for name, immutable, other in RELIED_ON:
        if words[name][immutable][-20:] != bytes.fromhex(addresses[other][2:]):
            raise UntrustedCode(
                f"the {name} relies on other contracts than the record's: {immutable} isn't its {other}"
            )
    check_registry(provider, contracts, addresses["registry"], srs)
    for name in others:  # after what names the immutable
        raise UntrustedCode(f"the code at {addresses[name]} isn't the {name}'s of the record")
    return Deployment(**addresses)


def _code_hash(provider: Any, address: str) -> str:
    return "0x" + keccak(bytes(provider.get_code(address))).hex()

"""What a party checks before it puts money into a project.

Who owns a project can make it of any code. So the project's own code, and that of all contracts that it relies on, is
compared with what this package compiles to:

- the project is a minimal proxy (ERC-1167) of an `Escrow`, whose term limits and verifier are immutables in its code;
- the verifier is a `RoundVerifier` over the SRS that this machine has: for another one, somebody could forge proofs;
- the policy is `RoundPolicy` or `ConsensusPolicy`, as its parameters say. An owner may use another one: it could favour
  whom it likes. Then somebody has to have read it, and says so in the settings (`accept_unknown_policy`).

Vyper appends immutables to the code, in the order of their declaration, 32 bytes each.
"""

from __future__ import annotations

from typing import Any

from eth_utils import to_checksum_address

from offchain.market.chain import contract_at
from offchain.market.errors import MarketError, UntrustedCode
from offchain.market.project import Project
from offchain.proving.srs import Srs
from offchain.scoring.policy import PolicyError
from offchain.storage.sealing import check_public_key

__all__ = ["check_code", "check_keys", "check_policy", "check_windows", "immutables"]

_PROXY = bytes.fromhex("363d3d373d3d3d363d73"), bytes.fromhex("5af43d82803e903d91602b57fd5bf3")
_WORD = 32
_RESERVE = 16  # powers of the SRS that a proof needs beyond the dimension


def check_code(project: Project, contracts: Any, srs: Srs) -> None:
    """Escrow, term limits and verifier. Raises UntrustedCode that names the one that differs, and MarketError if the
    SRS is too short.
    """
    provider = project.escrow.provider
    head, foot = _PROXY
    proxy = bytes(provider.get_code(project.address))
    implementation = proxy[len(head) : len(head) + 20]
    if proxy != head + implementation + foot:
        raise UntrustedCode(f"{project.address} is no project: its code isn't a registry's proxy")
    limits, verifier = immutables(provider, contracts.Escrow, _address(implementation), 2)
    immutables(provider, contracts.TermLimits, limits, 0)
    immutables(provider, contracts.RoundVerifier, verifier, None)
    deployed = contract_at(contracts.RoundVerifier, verifier)
    if tuple(deployed.tau_g2()) != tuple(srs.tau_g2):
        raise UntrustedCode("the verifier is for another SRS than this machine's: give its ceremony's ptau")
    if project.terms.dimension + _RESERVE > srs.size:
        raise MarketError(f"an SRS of {srs.size} powers doesn't cover updates of {project.terms.dimension} entries")


def check_policy(project: Project, contracts: Any, accept_unknown: bool = False) -> None:
    """Raises UntrustedCode if the policy's code isn't one of this package's, unless that is accepted. An aggregator
    needs the rule's parameters besides, and can't do without.
    """
    terms = project.terms
    try:
        container = getattr(contracts, terms.policy_terms.contract)
        immutables(project.escrow.provider, container, terms.policy, 0)
    except (PolicyError, UntrustedCode) as error:
        if not accept_unknown:
            raise UntrustedCode(
                f"the policy {terms.policy} isn't one that this package knows: read it, and if it is sound, "
                "set accept_unknown_policy"
            ) from error


def check_keys(project: Project) -> None:
    """Raises SealingError if nothing could be sealed to one of the aggregators, MarketError if there is none."""
    keys = project.sealing_keys()
    if not keys:
        raise MarketError("no aggregator has accepted")
    for key in keys:
        check_public_key(key)


def check_windows(project: Project, least: int) -> None:
    """Raises MarketError for a phase shorter than `least` seconds: who is away for a moment would lose its stake."""
    windows = {n: getattr(project.terms, f"{n}_window") for n in ("collect", "deliver", "score")}
    for name, seconds in windows.items():
        if seconds < least:
            raise MarketError(f"the window to {name} has {seconds} s, less than {least}: see the setting least_window")


def immutables(provider: Any, container: Any, address: str, count: int | None) -> list[str]:
    """The immutables of a contract of this type, as addresses. count: how many there are; None for any."""
    code = bytes(provider.get_code(address))
    compiled = bytes.fromhex(container.contract_type.runtime_bytecode.bytecode.removeprefix("0x"))
    words = code[len(compiled) :]
    has_count = len(words) % _WORD == 0 and count in (None, len(words) // _WORD)
    if not code or code[: len(compiled)] != compiled or not has_count:
        raise UntrustedCode(f"the code at {address} isn't {container.contract_type.name}'s of this package")
    return [_address(words[k + 12 : k + _WORD]) for k in range(0, len(words), _WORD)]


def _address(raw: bytes) -> str:
    return str(to_checksum_address(raw))

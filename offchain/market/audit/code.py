"""Whether the contracts of a project are those of this package, by their code.

A project is a minimal proxy (ERC-1167) of an implementation, which names term limits and verifier in its immutables.
Vyper puts immutables behind the code, a word each in the order of their declaration. So whatever stands before them
has to be what this package compiles to, byte for byte. The verifier's own immutables say which SRS it is for.

A policy is the owner's choice. One that isn't of this package is asked on chain instead of being replayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_utils import to_checksum_address

from offchain.market.audit.finding import must, same
from offchain.market.chain import contract_at
from offchain.market.project import Project
from offchain.proving.srs import Srs
from offchain.scoring.policy import PolicyError

__all__ = ["Contracts", "check_code", "check_srs"]

_PROXY_HEAD = bytes.fromhex("363d3d373d3d3d363d73")
_PROXY_FOOT = bytes.fromhex("5af43d82803e903d91602b57fd5bf3")
_WORD = 32
_ESCROW_WORDS = 2  # term limits, verifier
_VERIFIER_WORDS = 7  # two keys, tau_g2 (4), srs_size


@dataclass(frozen=True)
class Contracts:
    """What a project relies on."""

    implementation: str
    term_limits: str
    verifier: Any
    known_policy: bool  # its code is that of the package's policy that knows the terms' rule


def check_code(project: Project, contracts: Any) -> Contracts:
    """Raises Difference if the code of proxy, escrow, term limits or verifier is not this package's.

    contracts: the Ape project.
    """
    proxy = _code(project, project.address)
    implementation = proxy[len(_PROXY_HEAD) : len(_PROXY_HEAD) + 20]
    is_proxy = proxy == _PROXY_HEAD + implementation + _PROXY_FOOT
    must(is_proxy, f"{project.address} is no project: its code isn't a registry's proxy")

    escrow = _address(implementation)
    limits, verifier = map(_address, _words(project, escrow, contracts.Escrow, _ESCROW_WORDS))
    _words(project, limits, contracts.TermLimits, 0)
    _words(project, verifier, contracts.RoundVerifier, _VERIFIER_WORDS)
    deployed = contract_at(contracts.RoundVerifier, verifier)
    return Contracts(escrow, limits, deployed, _knows_policy(project, contracts))


def check_srs(contracts: Contracts, srs: Srs) -> None:
    """Raises Difference if the verifier is for another SRS."""
    same("the verifier's [tau]_2", tuple(contracts.verifier.tau_g2()), srs.tau_g2)
    same("the verifier's number of powers of tau", contracts.verifier.srs_size(), srs.size)


def _knows_policy(project: Project, contracts: Any) -> bool:
    try:
        container = getattr(contracts, project.terms.policy_terms.contract)
    except PolicyError:
        return False
    return _code(project, project.terms.policy) == _compiled(container)


def _words(project: Project, address: str, container: Any, count: int) -> list[bytes]:
    """The immutables of a contract, whose code before them has to be the compiled one."""
    code, compiled = _code(project, address), _compiled(container)
    name = container.contract_type.name
    fits = code.startswith(compiled) and len(code) == len(compiled) + count * _WORD
    must(fits, f"the code of {name} at {address} is not this package's")
    return [code[k : k + _WORD] for k in range(len(compiled), len(code), _WORD)]


def _code(project: Project, address: str) -> bytes:
    return bytes(project.escrow.provider.get_code(address))


def _compiled(container: Any) -> bytes:
    return bytes(container.contract_type.runtime_bytecode.to_bytes())


def _address(word: bytes) -> str:
    return to_checksum_address(word[-20:])

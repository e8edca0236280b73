"""What a party checks before it puts money into a project, and an auditor before it believes what a project says.

Who owns a project can make it of any code, and of any storage: code that is there now says nothing of what its
constructor wrote, or of what stood at the address before. So a project is one only if it is what a registry made:

- its address is CREATE2 of the registry, of owner, terms and nonce, and of the init code that every registry uses. That
  init code writes nothing, so the project began empty, and all that it holds was written by the implementation;
- the registry's code is this package's, and it lists the project. Its storage began empty too: it was made by a
  transaction whose data is this package's Registry, in the block that it names; or the user names it (`registry` in
  the settings), and so says whom to trust;
- the code of implementation, term limits, referee and verifier is this package's, with every immutable that belongs
  there, and was so when the registry was made: it keeps the hash. None of them but the implementation has any storage;
- the verifier is over the SRS that this machine has: for another one, somebody could forge proofs;
- the term limits admit the terms now, so the policy of now does too. Which policy that is, `check_policy` looks at.

docs/security.md has the reasons. Vyper appends immutables to the code, in the order of their declaration, in words of
32 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ape.exceptions import ContractLogicError
from eth_abi import encode
from eth_utils import keccak, to_checksum_address
from web3.exceptions import BlockNotFound

from offchain.market.chain import contract_at
from offchain.market.errors import MarketError, SettingsError, UntrustedCode
from offchain.market.project import Project
from offchain.market.terms import ProjectTerms
from offchain.proving.pairing import G2Point
from offchain.proving.range_transcript import range_key
from offchain.proving.transcript import gram_key
from offchain.scoring.policy import PolicyError
from offchain.storage.sealing import check_public_key

__all__ = [
    "IMMUTABLES",
    "Ceremony",
    "Powers",
    "Relied",
    "check_code",
    "check_keys",
    "check_policy",
    "check_policy_of",
    "check_project",
    "check_registry",
    "check_windows",
    "immutables",
    "implementation_of",
    "project_address",
]

# of a minimal proxy (ERC-1167) as `create_minimal_proxy_to` makes it: what its init code has before the code itself,
# and the code around the implementation's address
_PROXY_INIT = bytes.fromhex("602d3d8160093d39f3")
_PROXY = bytes.fromhex("363d3d373d3d3d363d73"), bytes.fromhex("5af43d82803e903d91602b57fd5bf3")
_WORD = 32

# by contract: its immutables in their order, one for each word
IMMUTABLES: dict[str, tuple[str, ...]] = {
    "Registry": ("IMPLEMENTATION", "SINCE", "CODE"),
    "Escrow": ("TERM_LIMITS", "REFEREE", "VERIFIER"),
    "Referee": ("VERIFIER",),
    "TermLimits": (),
    "RoundVerifier": ("GRAM_KEY", "RANGE_KEY", "TAU_G2[0]", "TAU_G2[1]", "TAU_G2[2]", "TAU_G2[3]", "SRS_SIZE"),
    "RoundPolicy": (),
    "ConsensusPolicy": (),
}


class Powers(Protocol):
    """What a verifier is for: an Srs, or what is known of one."""

    @property
    def tau_g2(self) -> G2Point: ...

    @property
    def size(self) -> int: ...


@dataclass(frozen=True)
class Ceremony:
    """An SRS without its powers in G1."""

    tau_g2: G2Point
    size: int

    def words(self) -> dict[str, bytes]:
        """The immutables of a verifier for it. Raises OverflowError or ValueError for numbers that are no words."""
        return {
            **{f"TAU_G2[{k}]": coordinate.to_bytes(_WORD, "big") for k, coordinate in enumerate(self.tau_g2)},
            "SRS_SIZE": self.size.to_bytes(_WORD, "big"),
            "GRAM_KEY": gram_key(self.tau_g2),
            "RANGE_KEY": range_key(self.tau_g2),
        }


@dataclass(frozen=True)
class Relied:
    """The contracts that a project relies on."""

    registry: str
    implementation: str
    term_limits: str
    referee: str
    verifier: Any  # as Ape knows it
    srs_size: int  # that the verifier is for
    known_policy: bool = False  # whether the policy is this package's, as far as it was looked at


def check_project(
    project: Project, contracts: Any, srs: Powers | None, registry: str = "", accept_unknown_policy: bool = False
) -> Relied:
    """All that is to be known of a project's code before anybody joins it: `check_code` and `check_policy`."""
    relied = check_code(project, contracts, srs, registry)
    return replace(relied, known_policy=check_policy(project, contracts, accept_unknown_policy))


def check_code(project: Project, contracts: Any, srs: Powers | None, registry: str = "") -> Relied:
    """That a project is what a registry of this package made. Raises UntrustedCode that says what differs, MarketError
    if the chain doesn't show its creation.

    contracts: the Ape project. srs: without one it isn't known over whose SRS proofs have to be. registry: the one that
    it must be, whose own creation then isn't looked up.
    """
    provider, address = project.escrow.provider, project.address
    implementation = implementation_of(provider, address)
    immutables(provider, contracts.Escrow, implementation)  # before it is asked for anything
    maker = _maker(project, contracts, implementation)
    if registry and maker.lower() != registry.lower():
        raise UntrustedCode(f"the project {address} was made by the registry {maker}, not by {registry}")
    relied = check_registry(provider, contracts, maker, srs, is_named=bool(registry))
    if relied.implementation != implementation:
        raise UntrustedCode(f"the project {address} isn't of the implementation of its registry {maker}")
    if not contract_at(contracts.Registry, maker).is_project(address):
        raise UntrustedCode(f"the registry {maker} doesn't list the project {address}")
    try:
        contract_at(contracts.TermLimits, relied.term_limits).check(project.terms.as_struct(), relied.srs_size)
    except ContractLogicError as error:
        raise UntrustedCode(f"the terms of {address} are not what the term limits admit: {error}") from error
    return relied


def check_registry(provider: Any, contracts: Any, registry: str, srs: Powers | None, is_named: bool = False) -> Relied:
    """That a registry, and the implementation, term limits, referee and verifier of its projects, are this package's.

    is_named: the user says which registry is to be trusted, so its creation isn't looked up. Raises as `check_code`.
    """
    said = immutables(provider, contracts.Registry, registry)
    implementation = _address(said["IMPLEMENTATION"])
    relies = immutables(provider, contracts.Escrow, implementation, "the registry's IMPLEMENTATION")
    limits, referee, verifier = (_address(relies[name]) for name in ("TERM_LIMITS", "REFEREE", "VERIFIER"))
    immutables(provider, contracts.TermLimits, limits, "the escrow's TERM_LIMITS")
    asked = immutables(provider, contracts.Referee, referee, "the escrow's REFEREE")
    _compare("Referee", referee, asked, {"VERIFIER": relies["VERIFIER"]})
    found = immutables(provider, contracts.RoundVerifier, verifier, "the escrow's VERIFIER")
    ceremony = _ceremony_of(found) if srs is None else Ceremony(srs.tau_g2, srs.size)
    _compare("RoundVerifier", verifier, found, ceremony.words())
    codes = (keccak(bytes(provider.get_code(relied))) for relied in (implementation, limits, referee, verifier))
    _compare("Registry", registry, said, {"CODE": keccak(b"".join(codes))})
    if not is_named:
        _check_creation(provider, contracts, registry, implementation, int.from_bytes(said["SINCE"], "big"))
    asks = contract_at(contracts.RoundVerifier, verifier)
    return Relied(registry, implementation, limits, referee, asks, ceremony.size)


def check_policy(project: Project, contracts: Any, accept_unknown: bool = False) -> bool:
    """`check_policy_of` a project."""
    return check_policy_of(project.terms, project.escrow.provider, contracts, accept_unknown)


def check_policy_of(terms: ProjectTerms, provider: Any, contracts: Any, accept_unknown: bool = False) -> bool:
    """Whether the policy is one of this package's: `RoundPolicy` or `ConsensusPolicy`, as its parameters say.

    An owner may use another one: it could favour whom it likes. Then somebody has to have read it, and says so in the
    settings. Raises UntrustedCode unless it is known or an unknown one is accepted. An aggregator can't do without.
    """
    try:
        immutables(provider, getattr(contracts, terms.policy_terms.contract), terms.policy)
    except (PolicyError, UntrustedCode) as error:
        if accept_unknown:
            return False
        raise UntrustedCode(
            f"the policy {terms.policy} isn't one that this package knows: read it, and if it is sound, "
            "set accept_unknown_policy"
        ) from error
    return True


def check_keys(project: Project) -> None:
    """Raises SealingError if nothing could be sealed to one of the aggregators, MarketError if there is none."""
    keys = project.sealing_keys()
    if not keys:
        raise MarketError("no aggregator has accepted")
    for key in keys:
        check_public_key(key)


def check_windows(project: Project, least: int) -> None:
    """Raises SettingsError for a phase shorter than `least` seconds: who is away for a moment would lose its stake."""
    windows = {n: getattr(project.terms, f"{n}_window") for n in ("collect", "deliver", "score")}
    for name, seconds in windows.items():
        if seconds < least:
            told = f"the window to {name} has {seconds} s, less than {least}"
            raise SettingsError(f"{told}: see the setting least_window")


def implementation_of(provider: Any, address: str) -> str:
    """What a project's proxy delegates to. Raises UntrustedCode if there is no such proxy."""
    head, foot = _PROXY
    proxy = bytes(provider.get_code(address))
    implementation = proxy[len(head) : -len(foot)]
    if len(implementation) != 20 or proxy != head + implementation + foot:
        raise UntrustedCode(f"{address} is no project: its code isn't a registry's proxy")
    return _address(implementation)


def immutables(provider: Any, container: Any, address: str, called: str = "") -> dict[str, bytes]:
    """The immutables of a contract of this type, 32 bytes each, by name. called: what else the address is, for errors.
    Raises UntrustedCode if what is there isn't this package's code.
    """
    name = container.contract_type.name
    code = bytes(provider.get_code(address))
    compiled = bytes(container.contract_type.get_runtime_bytecode())
    names = IMMUTABLES[name]
    if code[: len(compiled)] != compiled or len(code) != len(compiled) + _WORD * len(names):
        raise UntrustedCode(f"the code at {address}{called and f', {called},'} isn't {name}'s of this package")
    words = [code[k : k + _WORD] for k in range(len(compiled), len(code), _WORD)]
    return dict(zip(names, words, strict=True))


def project_address(
    contracts: Any, registry: str, implementation: str, owner: str, terms: ProjectTerms, nonce: int
) -> str:
    """Where a registry of this implementation makes a project: it is asked of nobody."""
    (method,) = (method for method in contracts.Registry.contract_type.view_methods if method.name == "address_of")
    types = [argument.canonical_type for argument in method.inputs]
    salt = keccak(encode(types, [owner, tuple(terms.as_struct().values()), nonce]))
    head, foot = _PROXY
    code = _PROXY_INIT + head + bytes.fromhex(implementation[2:]) + foot
    return _address(keccak(b"\xff" + bytes.fromhex(registry[2:]) + salt + keccak(code)))


def _maker(project: Project, contracts: Any, implementation: str) -> str:
    """The registry that a project's address names. Anybody can log what a registry does: the address decides."""
    project.follower.follow()
    created = project.follower.events("Created")
    if not created:
        raise MarketError(
            f"the creation of {project.address} is not among its events: wait for more blocks on top, or look "
            "further back"
        )
    receipt = project.escrow.provider.web3.eth.get_transaction_receipt(created[0].transaction_hash)
    owner, terms = str(project.escrow.owner()), project.terms
    for registry, nonce in _claims(contracts, receipt["logs"]):
        if project_address(contracts, registry, implementation, owner, terms, nonce) == project.address:
            return registry
    raise UntrustedCode(
        f"{project.address} is no project: no registry made it of these terms, and who did can have written anything "
        "into its books. Leave it alone"
    )


def _claims(contracts: Any, logs: Any) -> Iterator[tuple[str, int]]:
    """Who says in these logs that it has made a project, and under which nonce."""
    topic = keccak(text=contracts.Registry.contract_type.events["ProjectCreated"].selector)
    for log in logs:
        if log["topics"] and bytes(log["topics"][0]) == topic:
            yield str(log["address"]), int.from_bytes(bytes(log["data"])[:_WORD], "big")


def _check_creation(provider: Any, contracts: Any, registry: str, implementation: str, block: int) -> None:
    """That a transaction of that block has made the registry, with this package's init code as its data. There was
    never another contract at such an address: an account uses each of its nonces once.
    """
    eth = provider.web3.eth
    init = bytes(contracts.Registry.contract_type.get_deployment_bytecode()) + encode(["address"], [implementation])
    if block <= int(eth.block_number):
        try:
            transactions = eth.get_block(block, full_transactions=True)["transactions"]
        except BlockNotFound:
            raise MarketError(
                f"the node doesn't have block {block}, in which the registry {registry} was made: ask another node, or "
                "name the registry that you trust in the setting registry"
            ) from None
        for transaction in transactions:
            if transaction.get("to") is None and bytes(transaction["input"]) == init:
                receipt = eth.get_transaction_receipt(transaction["hash"])
                if receipt["status"] == 1 and receipt["contractAddress"] == registry:
                    return
    raise UntrustedCode(
        f"no transaction of block {block}, its SINCE, has made the registry {registry} of this package's init code: "
        "who made it can have written anything into it. If you know better, name it in the setting registry"
    )


def _ceremony_of(verifier: dict[str, bytes]) -> Ceremony:
    """What a verifier says that it is for."""
    numbers = {name: int.from_bytes(word, "big") for name, word in verifier.items()}
    x_imaginary, x_real, y_imaginary, y_real = (numbers[f"TAU_G2[{k}]"] for k in range(4))
    return Ceremony((x_imaginary, x_real, y_imaginary, y_real), numbers["SRS_SIZE"])


_HINTS = {
    "TAU_G2": ": it is for another SRS, whose proofs somebody may be able to forge; or give its ceremony's ptau",
    "SRS_SIZE": ": it is for another SRS; if that is the one that you want, set srs_size",
    "GRAM_KEY": ": it would refuse every proof",
    "RANGE_KEY": ": it would refuse every proof",
    "VERIFIER": ": it asks another verifier than the escrow names",
    "CODE": ": what its projects rely on was another code when it was made",
}


def _compare(contract: str, address: str, found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    for name, value in expected.items():
        if found[name] != value:
            has = f"0x{found[name].hex()}, not 0x{value.hex()}"
            raise UntrustedCode(f"the {contract} at {address} has {name} {has}{_HINTS[name.split('[')[0]]}")


def _address(raw: bytes) -> str:
    return str(to_checksum_address(raw[-20:]))

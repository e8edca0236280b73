"""What is joined, audited or shown is what a registry of this package made: attacks on everything that is only code."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from eth_abi import encode
from eth_utils import keccak, to_checksum_address
from web3.exceptions import BlockNotFound

from offchain.market.audit.finding import Difference
from offchain.market.auditor import Auditor
from offchain.market.chain import contract_at, token_at
from offchain.market.deployment import CONTRACTS, Deployment, record, verify
from offchain.market.deployment import deploy as deploy_all
from offchain.market.errors import MarketError, UntrustedCode
from offchain.market.journal import Journal
from offchain.market.owner import Owner
from offchain.market.programs.aggregator import AggregatorProgram
from offchain.market.programs.base import Surroundings
from offchain.market.programs.trainer import TrainerProgram
from offchain.market.project import Project
from offchain.market.sender import Sender
from offchain.market.settings import AggregatorSettings, TrainerSettings
from offchain.market.terms import ProjectTerms
from offchain.market.trust import IMMUTABLES, check_code, check_project, check_registry, project_address
from offchain.proving.srs import Srs
from offchain.scoring.policy import PolicyTerms
from offchain.storage.embedded import EmbeddedStore

SIZE = 1 << 10
DUES = 50  # slot of the ledger's dues, of who isn't a trainer
LISTED = 2  # slot of the registry's is_project
WORDS = [(contract, name) for contract, names in IMMUTABLES.items() for name in names]


@pytest.fixture(scope="module")
def srs() -> Srs:
    return Srs.insecure(SIZE, 12_345)


@pytest.fixture(scope="module")
def deployment(project: Any, accounts: Any, srs: Srs, token: Any, policy: Any) -> Deployment:
    return deploy_all(project, accounts[5], srs)


@pytest.fixture(scope="module")
def terms(project: Any, deployment: Deployment, accounts: Any, token: Any) -> ProjectTerms:
    policy_terms = PolicyTerms(byzantine=0)
    return ProjectTerms.proposed(
        token=str(token.address),
        round_reward=10**6,
        rounds=2,
        seats=4,
        dimension=64,
        quantum=1 << 44,
        learning_rate=0.1,
        bits=8,
        policy=deployment.round_policy,
        policy_terms=policy_terms,
        policy_gas=contract_at(project.RoundPolicy, deployment.round_policy).gas_for(policy_terms.rule_number, 4),
        aggregators=[str(accounts[1].address)],
        model=b"\x01" * 32,
        task=b"\x02" * 32,
    )


@pytest.fixture(scope="module")
def owner(project: Any, accounts: Any, deployment: Deployment, token: Any, terms: ProjectTerms) -> Owner:
    """With tokens for several projects."""
    token.mint(accounts[0], 10 * terms.funds, sender=accounts[0])
    registry = contract_at(project.Registry, deployment.registry)
    return Owner(accounts[0], project, registry, cast(Any, None))


@pytest.fixture
def made(owner: Owner, terms: ProjectTerms) -> Project:
    return owner.create(terms)


def set_code(provider: Any, address: str, code: bytes) -> None:
    provider.make_request("anvil_setCode", [address, "0x" + code.hex()])


def send(provider: Any, sender: Any, data: bytes, to: str | None = None) -> Any:
    """A transaction by hand, as init code isn't one of Ape's contracts; its receipt."""
    eth = provider.web3.eth
    request = {"from": str(sender.address), "data": data, "gas": 8_000_000} | ({"to": to} if to else {})
    receipt = eth.wait_for_transaction_receipt(eth.send_transaction(request))
    assert receipt["status"] == 1
    return receipt


def writing(code: bytes, storage: dict[int, int]) -> bytes:
    """Init code that writes storage and then returns this run-time code."""
    writes = b"".join(
        b"\x7f" + value.to_bytes(32, "big") + b"\x7f" + slot.to_bytes(32, "big") + b"\x55"  # PUSH32 PUSH32 SSTORE
        for slot, value in storage.items()
    )
    # PUSH2 size, DUP1, PUSH2 place, PUSH0, CODECOPY, PUSH0, RETURN
    place = len(writes) + 11
    size = len(code).to_bytes(2, "big")
    return writes + b"\x61" + size + b"\x80\x61" + place.to_bytes(2, "big") + b"\x5f\x39\x5f\xf3" + code


def mapped(slot: int, key: str) -> int:
    """The slot of an address in a HashMap."""
    return int.from_bytes(keccak(encode(["uint256", "address"], [slot, key])), "big")


def proxy_of(implementation: str) -> bytes:
    return bytes.fromhex(f"363d3d373d3d3d363d73{implementation[2:]}5af43d82803e903d91602b57fd5bf3")


class Party:
    """Whoever has to refuse a project: each raises what it finds."""

    def __init__(self, contracts: Any, chain: Any, accounts: Any, srs: Srs, folder: Path) -> None:
        self.contracts = contracts
        self.provider = chain.provider
        self.accounts = accounts
        self.srs = srs
        self.folder = folder

    def trainer(self, joined: Project, **settings: Any) -> None:
        TrainerProgram(TrainerSettings(**settings), joined, self._around("trainer", 8)).enrol(cast(Any, None))

    def aggregator(self, joined: Project, **settings: Any) -> None:
        AggregatorProgram(AggregatorSettings(**settings), joined, self._around("aggregator", 1)).accept(cast(Any, None))

    def auditor(self, joined: Project, registry: str = "") -> None:
        auditor = Auditor(joined, self.contracts, cast(Any, None), self.srs, registry=registry)
        assert next(auditor.run()).subject == "code"

    def _around(self, name: str, number: int) -> Surroundings:
        account = self.accounts[number]
        journal = Journal(self.folder / f"{name}-{len(list(self.folder.iterdir()))}")
        sender = Sender(account, self.provider, journal)
        store = EmbeddedStore(self.folder / "store")
        return Surroundings(account, self.contracts, store, self.srs, journal, sender, sleep=lambda _: None)

    def all_refuse(self, joined: Project, message: str) -> None:
        for join in (self.trainer, self.aggregator):
            with pytest.raises(UntrustedCode, match=message):
                join(joined)
        with pytest.raises(Difference, match=message):
            self.auditor(joined)


@pytest.fixture
def party(project: Any, chain: Any, accounts: Any, srs: Srs, tmp_path: Path) -> Party:
    return Party(project, chain, accounts, srs, tmp_path)


# --- what is sound


def test_check_project__made_by_the_registry__is_joined(
    project: Any, made: Project, deployment: Deployment, srs: Srs, party: Party
) -> None:
    relied = check_project(made, project, srs)
    assert (relied.registry, relied.implementation) == (deployment.registry, deployment.implementation)
    assert (relied.term_limits, str(relied.verifier.address)) == (deployment.term_limits, deployment.verifier)
    assert (relied.srs_size, relied.known_policy) == (SIZE, True)
    party.auditor(made)
    with pytest.raises(MarketError, match="not to be had"):  # the next thing that it looks for
        party.aggregator(made)


def test_check_project__second_project_of_the_same_terms__its_nonce_is_found(
    project: Any, owner: Owner, terms: ProjectTerms, srs: Srs
) -> None:
    for nonce in (5, 2**256 - 1):
        assert check_project(owner.create(terms, nonce), project, srs).known_policy


def test_project_address__is_what_the_registry_says(
    project: Any, deployment: Deployment, terms: ProjectTerms, owner: Owner, accounts: Any
) -> None:
    for nonce in (0, 7):
        said = owner.registry.address_of(accounts[0], terms.as_struct(), nonce)
        there = (deployment.registry, deployment.implementation, str(accounts[0].address))
        assert project_address(project, *there, terms, nonce) == said == owner.address_of(terms, nonce)


# --- a project that nobody's registry made


@pytest.fixture
def robbed(project: Any, chain: Any, accounts: Any, deployment: Deployment, token: Any, terms: ProjectTerms) -> Project:
    """The owner is a thief: an account of its own has more due than anybody will bring, by the constructor."""
    thief = str(accounts[6].address)
    code = writing(proxy_of(deployment.implementation), {mapped(DUES, thief): terms.funds})
    address = send(chain.provider, accounts[0], code)["contractAddress"]
    token.mint(accounts[0], terms.funds, sender=accounts[0])
    token.approve(address, terms.funds, sender=accounts[0])
    escrow = contract_at(project.Escrow, address)
    escrow.initialize(accounts[0], terms.as_struct(), sender=accounts[0])
    return Project(escrow)


def test_check_project__constructor_wrote_the_ledger__is_refused_by_all(
    robbed: Project, party: Party, accounts: Any, token: Any, terms: ProjectTerms
) -> None:
    party.all_refuse(robbed, f"{robbed.address} is no project: no registry made it of these terms")
    before = token.balanceOf(accounts[6])
    robbed.escrow.withdraw(accounts[6], sender=accounts[6])  # what would have come of it
    assert token.balanceOf(accounts[6]) - before == terms.funds
    assert token_at(str(token.address)).balanceOf(robbed.address) == 0


def test_check_project__somebody_logs_what_a_registry_does__is_refused(
    project: Any,
    chain: Any,
    accounts: Any,
    deployment: Deployment,
    token: Any,
    terms: ProjectTerms,
    party: Party,
    made: Project,
) -> None:
    """In the transaction that funds the false project a contract logs its creation: as itself, for it can't as the
    registry, beside the registry's own log of an honest project of the same terms.
    """
    thief = str(accounts[6].address)
    code = writing(proxy_of(deployment.implementation), {mapped(DUES, thief): terms.funds})
    address = send(chain.provider, accounts[0], code)["contractAddress"]
    token.mint(accounts[0], 2 * terms.funds, sender=accounts[0])
    token.approve(address, terms.funds, sender=accounts[0])
    escrow = contract_at(project.Escrow, address)
    call = bytes(escrow.initialize.encode_input(accounts[0], terms.as_struct()))
    topics = [
        keccak(text="ProjectCreated(address,address,uint256,uint256)"),
        encode(["address"], [address]),
        encode(["address"], [str(accounts[0].address)]),
    ]
    size = len(call).to_bytes(2, "big")
    # its init code: copies the call from behind itself, makes it, and logs; 64 bytes of zeros are nonce and number
    push = b"\x73" + bytes.fromhex(address[2:])
    make = b"\x61" + size + b"\x61PP\x5f\x39\x5f\x5f\x61" + size + b"\x5f\x5f" + push + b"\x5a\xf1\x50"
    log = b"".join(b"\x7f" + topic for topic in reversed(topics)) + b"\x60\x40\x61" + size + b"\xa3\x00"
    place = (len(make) + len(log)).to_bytes(2, "big")
    receipt = send(chain.provider, accounts[6], make.replace(b"PP", place) + log + call)
    assert [str(entry["address"]) for entry in receipt["logs"]].count(address) == 1
    assert escrow.owner() == accounts[0]
    party.all_refuse(Project(escrow), "no registry made it of these terms")


def test_check_project__initialised_with_other_terms_than_the_address_says__is_refused(
    project: Any, owner: Owner, terms: ProjectTerms, srs: Srs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a node or a storage says of the terms, the address says which they are."""
    made = owner.create(terms)
    made.__dict__["terms"] = replace(terms, round_fee=terms.round_fee + 1)
    with pytest.raises(UntrustedCode, match="no registry made it of these terms"):
        check_project(made, project, srs)


def test_check_project__implementation_itself__is_no_project(
    project: Any, deployment: Deployment, party: Party
) -> None:
    nowhere = Project(contract_at(project.Escrow, deployment.implementation))
    party.all_refuse(nowhere, f"{nowhere.address} is no project: its code isn't a registry's proxy")


def test_check_project__proxy_of_another_implementation__is_refused_before_it_is_asked(
    project: Any, chain: Any, accounts: Any, token: Any, party: Party
) -> None:
    address = send(chain.provider, accounts[0], writing(proxy_of(str(token.address)), {}))["contractAddress"]
    party.all_refuse(Project(contract_at(project.Escrow, address)), "isn't Escrow's of this package")


# --- a registry that somebody prepared


@pytest.fixture
def prepared(
    project: Any, chain: Any, accounts: Any, deployment: Deployment, token: Any, terms: ProjectTerms
) -> tuple[Any, Project]:
    """A registry of genuine code, whose constructor has written a list of its own; and a project that it made."""
    genuine = bytes(chain.provider.get_code(deployment.registry))
    listed = {mapped(LISTED, str(accounts[6].address)): 1}
    address = send(chain.provider, accounts[6], writing(genuine, listed))["contractAddress"]
    registry = contract_at(project.Registry, address)
    assert registry.is_project(accounts[6])
    return registry, create_by_hand(project, registry, accounts[0], token, terms)


def create_by_hand(contracts: Any, registry: Any, account: Any, token: Any, terms: ProjectTerms) -> Project:
    """Without the checks of an honest owner."""
    address = registry.address_of(account, terms.as_struct(), 0)
    token.mint(account, terms.funds, sender=account)
    token.approve(address, terms.funds, sender=account)
    registry.create(terms.as_struct(), 0, sender=account)
    return Project(contract_at(contracts.Escrow, address))


def test_check_project__constructor_wrote_the_registry__is_refused_by_all(
    project: Any, prepared: tuple[Any, Project], party: Party, accounts: Any, terms: ProjectTerms
) -> None:
    registry, theirs = prepared
    message = rf"no transaction of block \d+, its SINCE, has made the registry {registry.address}"
    party.all_refuse(theirs, message)
    with pytest.raises(UntrustedCode, match=message):
        Owner(accounts[0], project, registry, cast(Any, None)).create(terms, 3)


def test_check_project__registry_that_the_user_names__its_creation_is_not_looked_up(
    project: Any, prepared: tuple[Any, Project], party: Party, srs: Srs
) -> None:
    registry, theirs = prepared
    named = str(registry.address)
    assert check_project(theirs, project, srs, named.lower()).registry == named
    party.auditor(theirs, named)
    with pytest.raises(MarketError, match="not to be had"):  # the next thing that it looks for
        party.aggregator(theirs, registry=named)


def test_check_project__another_registry_than_the_named__is_refused(
    project: Any, made: Project, party: Party, accounts: Any
) -> None:
    other = str(accounts[6].address)
    message = f"was made by the registry 0x[0-9a-fA-F]+, not by {other}"
    for join in (party.trainer, party.aggregator):
        with pytest.raises(UntrustedCode, match=message):
            join(made, registry=other)
    with pytest.raises(Difference, match=message):
        party.auditor(made, other)


def test_check_registry__made_by_a_contract__is_refused(
    project: Any, chain: Any, accounts: Any, deployment: Deployment, srs: Srs
) -> None:
    """Of the right init code: but at an address made by a contract another one can have been before."""
    init = bytes(project.Registry.contract_type.get_deployment_bytecode()) + encode(
        ["address"], [deployment.implementation]
    )
    size = len(init).to_bytes(2, "big")
    # PUSH2 size, PUSH2 place, PUSH0, CODECOPY, PUSH2 size, PUSH0, PUSH0, CREATE, STOP
    make = b"\x61" + size + b"\x61\x00\x10\x5f\x39\x61" + size + b"\x5f\x5f\xf0\x00\x00"
    assert len(make) == 16
    receipt = send(chain.provider, accounts[6], make + init)
    address = contract_of(receipt["contractAddress"])
    assert len(chain.provider.get_code(address)) > 3_000
    with pytest.raises(UntrustedCode, match="has made the registry"):
        check_registry(chain.provider, project, address, srs)


def contract_of(creator: str) -> str:
    """The first contract that a contract creates: keccak(rlp([creator, 1]))."""
    return str(to_checksum_address(keccak(b"\xd6\x94" + bytes.fromhex(creator[2:]) + b"\x01")[12:]))


def test_check_registry__node_without_the_block__says_what_to_do(
    project: Any, chain: Any, deployment: Deployment, srs: Srs
) -> None:
    class Pruned:
        block_number = chain.provider.web3.eth.block_number

        def get_block(self, number: int, full_transactions: bool) -> Any:
            raise BlockNotFound(f"no block {number}")

    pruned = SimpleNamespace(get_code=chain.provider.get_code, web3=SimpleNamespace(eth=Pruned()))
    with pytest.raises(MarketError, match=r"the node doesn't have block \d+, .* setting registry"):
        check_registry(pruned, project, deployment.registry, srs)
    check_registry(pruned, project, deployment.registry, srs, is_named=True)


@pytest.mark.parametrize("name", ["implementation", "term_limits", "verifier"])
def test_check_project__another_code_when_the_registry_was_made__is_refused(
    project: Any,
    chain: Any,
    accounts: Any,
    deployment: Deployment,
    token: Any,
    terms: ProjectTerms,
    party: Party,
    name: str,
) -> None:
    """A contract can be another one for a transaction: that one could have written anything into projects."""
    provider, address = chain.provider, getattr(deployment, name)
    genuine = bytes(provider.get_code(address))
    set_code(provider, address, genuine[:-1] + bytes([genuine[-1] ^ 1]))
    registry = accounts[5].deploy(project.Registry, deployment.implementation)
    set_code(provider, address, genuine)
    theirs = create_by_hand(project, registry, accounts[0], token, terms)
    party.all_refuse(theirs, f"the Registry at {registry.address} has CODE 0x[0-9a-f]+, not 0x[0-9a-f]+: what its")


# --- an immutable that isn't what it must be


@pytest.mark.parametrize(("contract", "name"), WORDS, ids=[f"{contract} {name}" for contract, name in WORDS])
def test_check_project__one_bit_of_an_immutable_flipped__is_refused_by_all_and_named(
    project: Any,
    chain: Any,
    deployment: Deployment,
    made: Project,
    party: Party,
    srs: Srs,
    owner: Owner,
    terms: ProjectTerms,
    contract: str,
    name: str,
) -> None:
    (field,) = (field for field, type_ in CONTRACTS.items() if type_ == contract)
    address, provider = getattr(deployment, field), chain.provider
    before = record(deployment, provider, "ethereum:local", "prague", srs)
    code = bytearray(provider.get_code(address))
    words = len(IMMUTABLES[contract])
    code[len(code) - 32 * (words - IMMUTABLES[contract].index(name)) + 31] ^= 1
    set_code(provider, address, bytes(code))
    after = record(deployment, provider, "ethereum:local", "prague", srs)

    named = re.escape(name)
    party.all_refuse(made, named)
    for kept in (before, after):
        with pytest.raises(UntrustedCode, match=named):
            verify(kept, project, provider)
    fresh = Owner(owner.account, project, owner.registry, cast(Any, None), srs=srs)
    with pytest.raises(UntrustedCode, match=named):
        fresh.create(terms, 9)


def test_check_code__without_an_srs__keys_have_to_be_those_of_the_verifiers_own(
    project: Any, chain: Any, deployment: Deployment, made: Project
) -> None:
    assert check_code(made, project, None).srs_size == SIZE
    code = bytearray(chain.provider.get_code(deployment.verifier))
    code[-32 * 6 - 1] ^= 1
    set_code(chain.provider, deployment.verifier, bytes(code))
    with pytest.raises(UntrustedCode, match=r"GRAM_KEY .*: it would refuse every proof"):
        check_code(made, project, None)


@pytest.mark.parametrize(
    ("other", "message"), [("tau", r"TAU_G2\[0\] .* another SRS"), ("size", "SRS_SIZE .* srs_size")]
)
def test_check_project__another_srs__says_what_to_do(
    project: Any, made: Project, srs: Srs, other: str, message: str
) -> None:
    wrong = Srs.insecure(SIZE, 54_321) if other == "tau" else Srs(srs.g1[: SIZE // 2], srs.tau_g2)
    with pytest.raises(UntrustedCode, match=message):
        check_project(made, project, wrong)


# --- policy and terms


def test_check_project__another_policy__is_refused_unless_it_was_read(
    project: Any, owner: Owner, terms: ProjectTerms, srs: Srs, policy: Any, party: Party
) -> None:
    theirs = owner.create(replace(terms, policy=str(policy.address)))
    for join in (party.trainer, party.aggregator):
        with pytest.raises(UntrustedCode, match="isn't one that this package knows"):
            join(theirs)
    with pytest.raises(UntrustedCode, match="isn't one that this package knows"):
        party.aggregator(theirs, accept_unknown_policy=True)  # it can't foresee what such a one decides
    assert not check_project(theirs, project, srs, accept_unknown_policy=True).known_policy


def test_check_project__policy_became_known_since__terms_are_asked_again(
    project: Any, chain: Any, accounts: Any, owner: Owner, terms: ProjectTerms, party: Party, deployment: Deployment
) -> None:
    """It took any terms when the project was made."""
    policy = accounts[5].deploy(project.PolicyMock)
    theirs = owner.create(replace(terms, policy=str(policy.address), policy_gas=100_000, seats=32, trainer_part=1))
    set_code(chain.provider, str(policy.address), bytes(chain.provider.get_code(deployment.round_policy)))
    party.all_refuse(theirs, "are not what the term limits admit: terms: policy refuses its params")

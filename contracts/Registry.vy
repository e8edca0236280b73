# pragma version 0.4.3
# pragma evm-version prague
# pragma optimize gas
"""
@title Registry: makes and lists projects
@notice Anyone may create a project and publish a profile. A project's address commits to its owner and terms, so that approving
        it means agreeing to them, and so that it means the same after a reorganisation of the chain. The registry has no power
        over a project once it is made, and holds no money.

        Code that is there now need not have been there when a project was made: within the transaction that creates it a
        contract can be another, act, and vanish. So the registry says of what code all that its projects rely on was when it
        was made itself, and in which block that was: there its own creation is to be found. Code without SELFDESTRUCT, once
        there, stays. What a party has to check is in docs/security.md.
"""
from interfaces import IEscrow

# ERC-1167 in the form that `create_minimal_proxy_to` deploys, without the target's address
PROXY_HEAD: constant(Bytes[19]) = x"602d3d8160093d39f3363d3d373d3d3d363d73"
PROXY_FOOT: constant(Bytes[15]) = x"5af43d82803e903d91602b57fd5bf3"

IMPLEMENTATION: public(immutable(address))
SINCE: public(immutable(uint256))      # block in which the registry was made
CODE: public(immutable(bytes32))       # keccak of the code hashes of implementation, term limits and verifier, as of then


struct Profile:
    key: bytes32                       # X25519, to which the participant wants things sealed by default
    cid: bytes32                       # digest of the CID of whatever it says of itself


event ProjectCreated:
    project: indexed(address)
    owner: indexed(address)
    nonce: uint256
    number: uint256

event ProfilePublished:
    account: indexed(address)
    key: bytes32
    cid: bytes32


projects: public(HashMap[uint256, address])  # by number, in order of creation
count: public(uint256)
is_project: public(HashMap[address, bool])
profiles: public(HashMap[address, Profile])


@deploy
def __init__(implementation: address):
    """
    @param implementation An Escrow, whose verifiers serve every project made here.
    """
    assert implementation.is_contract, "registry: no implementation"
    IMPLEMENTATION = implementation
    SINCE = block.number
    CODE = keccak256(
        concat(
            implementation.codehash,
            self._named(implementation, method_id("TERM_LIMITS()")).codehash,
            self._named(implementation, method_id("REFEREE()")).codehash,
            self._named(implementation, method_id("VERIFIER()")).codehash,
        )
    )


@external
@nonreentrant
def create(terms: IEscrow.Terms, nonce: uint256) -> address:
    """
    @notice Makes the sender's project. The sender has approved `address_of(sender, terms, nonce)` for its funds.
    @param nonce Tells projects of one owner and the same terms apart.
    """
    project: address = create_minimal_proxy_to(IMPLEMENTATION, salt=self._salt(msg.sender, terms, nonce))
    number: uint256 = self.count
    self.projects[number] = project
    self.count = number + 1
    self.is_project[project] = True
    log ProjectCreated(project=project, owner=msg.sender, nonce=nonce, number=number)
    extcall IEscrow(project).initialize(msg.sender, terms)
    return project


@external
def publish_profile(key: bytes32, cid: bytes32):
    """
    @notice A participant says who it is. Projects don't rely on it: keys are frozen in each escrow.
    """
    assert key != empty(bytes32), "registry: no key"
    self.profiles[msg.sender] = Profile(key=key, cid=cid)
    log ProfilePublished(account=msg.sender, key=key, cid=cid)


@external
@view
def address_of(owner: address, terms: IEscrow.Terms, nonce: uint256) -> address:
    """
    @notice Where a project is, or would be.
    """
    code: Bytes[54] = concat(PROXY_HEAD, convert(IMPLEMENTATION, bytes20), PROXY_FOOT)
    digest: bytes32 = keccak256(concat(0xff, convert(self, bytes20), self._salt(owner, terms, nonce), keccak256(code)))
    return convert(convert(digest, uint256) & (2**160 - 1), address)


@internal
@pure
def _salt(owner: address, terms: IEscrow.Terms, nonce: uint256) -> bytes32:
    return keccak256(abi_encode(owner, terms, nonce))


@internal
@view
def _named(implementation: address, selector: Bytes[4]) -> address:
    """
    @notice The address that an implementation answers with, or none.
    @dev In the constructor alone, so nothing of it is in the code that is deployed.
    """
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        implementation, selector, max_outsize=32, is_static_call=True, revert_on_failure=False
    )
    if not success or len(answer) != 32:
        return empty(address)
    return convert(convert(answer, uint256) & (2**160 - 1), address)

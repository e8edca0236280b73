# pragma version 0.4.3
# pragma evm-version prague
# pragma optimize gas
"""
@title Escrow: one project, its terms, its money, its rounds
@notice An owner funds a project. Aggregators accept it and one takes the turn with a stake, trainers enrol with a stake. Each
        round the trainers submit hashed commitments to their updates and then reveal them; the aggregator settles the round:
        it proves the updates' Gram matrix and the range of their entries, the policy turns that into contributions, and the
        reward is credited by them, all in one transaction. The whole machine is drawn in docs/protocol.md.

        Who may call what stands over each group of functions. Nobody is privileged: no admin, no upgrade, no pause.

        When somebody disappears: each phase has a deadline, and after it anybody can end it, without proof or cooperation.
        An owner is not needed once the project is funded. Trainers who miss a round lose one part of their stake. An
        aggregator that misses a round loses its stake to those who delivered, and another may take the turn.

        Two rules carry the incentives. (1) A forfeit goes to nobody: it is sunk; the one exception is a slashed stake, which
        goes to those who delivered. (2) Once a round has reached scoring, its reward never goes back to the owner, but for
        rounding and after a slash that nobody took over.

        What it trusts: the referee, fixed in the implementation, and the verifier that it relies on, which also asks the
        policy. The policy is the owner's choice and costs only its owner if it fails. The token is the owner's choice too: parties look at it before they join.
@dev    Each project is a minimal proxy of one implementation. Money inside moves between accounts of one ledger; tokens move in
        `initialize`, `take_turn`, `enrol` and `withdraw`, nowhere else. pot, bond and stake follow from the state and are not
        stored, so that they cannot go stale.
"""
from ethereum.ercs import IERC20

from interfaces import IEscrow
from interfaces import IReferee
from interfaces import IRoundVerifier
from interfaces import ITermLimits
from modules import bn254
from modules import carry
from modules import ledger
from modules import machine
from modules import rules

implements: IEscrow
initializes: ledger
exports: (
    ledger.account_of,
    ledger.members,
    ledger.sunk,
)

MAX_SEATS: constant(uint256) = 32      # bits of a mask
MAX_ROWS: constant(uint256) = 35       # of a proof: seats and public rows
PROOF_SIZE: constant(uint256) = 847 * 32  # of an IRoundVerifier.Proof of as many rows, without its first word
MAX_AGGREGATORS: constant(uint256) = 8

TERM_LIMITS: public(immutable(address))
REFEREE: public(immutable(address))
VERIFIER: public(immutable(address))

owner: public(address)
terms: public(IEscrow.Terms)
_lineup: address[MAX_AGGREGATORS]                # those that have accepted, by their place in the terms
sealing_keys: public(HashMap[address, bytes32])  # X25519, of aggregators and trainers; frozen when their party joins
hashes: public(bytes32[MAX_SEATS])               # by seat: of the running round's commitment
deliveries: public(bytes32)                      # running hash of the round's deliveries, each a seat and a commitment
public_rows: public(bytes32)                     # running hash of the commitments to the public rows
memory: public(bytes32)                          # hash of what the policy remembers
_machine: uint256                                # a packed machine.Machine
_carry: uint256                                  # a packed carry.Carry
# what settling reads of the terms, in fewer slots; set once, with them
_rules: uint256                                  # a packed rules.Rules
_pay: uint256                                    # reward, and 96 bits above it the fee
_policy: bytes32                                 # hash of the policy and its params


@deploy
def __init__(term_limits: address, referee: address):
    """
    @notice The contracts that every project of this implementation relies on.
    """
    assert term_limits.is_contract, "escrow: no term limits"
    TERM_LIMITS = term_limits
    assert referee.is_contract, "escrow: no referee"
    REFEREE = referee
    VERIFIER = staticcall IReferee(referee).VERIFIER()
    # the implementation itself is nobody's project
    self._machine = machine.CLOSED


# --- owner ---------------------------------------------------------------------------------------------------


@external
@nonreentrant
def initialize(owner: address, terms: IEscrow.Terms):
    """
    @notice Funds the project; the registry calls it when it makes the proxy. The owner must have approved this address, which
            commits to owner and terms, for rounds * (reward + fee) + fee.
    """
    assert self._machine == 0, "escrow: exists already"
    assert owner != empty(address), "escrow: no owner"
    srs_size: uint256 = staticcall IRoundVerifier(VERIFIER).srs_size()
    self._rules = staticcall ITermLimits(TERM_LIMITS).check(terms, srs_size)
    m: machine.Machine = empty(machine.Machine)
    m.state = machine.ACCEPTING
    m.d1 = block.timestamp + terms.accept_window
    m.d2 = m.d1 + terms.enrol_window
    self._save(m)
    self.owner = owner
    ledger._open(owner)
    self.terms = terms
    self._pay = terms.round_reward | (terms.round_fee << 96)
    self._policy = keccak256(concat(convert(terms.policy, bytes20), terms.params))
    self.public_rows = terms.first_row
    self.memory = keccak256(abi_encode(empty(uint256[8])))
    # in use from here on, so that no delivery pays for a fresh slot
    self.deliveries = self._policy
    self._carry_over(carry.Carry(rate=terms.rate, settled=0, pending=0, earner=0, rounding=0))
    funds: uint256 = terms.rounds * (terms.round_reward + terms.round_fee) + terms.round_fee
    log IEscrow.Created(owner=owner, terms=terms, funded=funds, accept_by=m.d1, enrol_by=m.d2)
    self._receive(terms.token, owner, funds)


@external
@nonreentrant
def reject():
    """
    @notice The owner says that the last aggregate is not to be had. It costs both sides one fee, so neither gains by lying.
    """
    assert msg.sender == self.owner, "escrow: not the owner"
    m: machine.Machine = self._in_handover()
    assert block.timestamp <= m.d1, "escrow: too late to reject"
    lost: uint256 = carry._pending(self._carry) + self.terms.round_fee
    m.state = machine.CLOSED
    self._save(m)
    self._forgo()
    ledger._sink(self.terms.round_fee)
    log IEscrow.Rejected(sunk=lost)


# --- aggregators ---------------------------------------------------------------------------------------------


@external
@nonreentrant
def accept(key: bytes32):
    """
    @notice A listed aggregator agrees to aggregate; payloads are sealed to its key.
    """
    m: machine.Machine = self._load()
    assert m.state == machine.ACCEPTING, "escrow: not accepting"
    assert block.timestamp <= m.d1, "escrow: too late to accept"
    self._check_key(key)
    number: uint256 = self._aggregator_number(msg.sender)
    bit: uint256 = 1 << (number - 1)
    assert m.accepted & bit == 0, "escrow: accepted already"
    m.accepted |= bit
    self._save(m)
    self._lineup[number - 1] = msg.sender
    self.sealing_keys[msg.sender] = key
    log IEscrow.Accepted(aggregator=msg.sender, key=key)


@external
@nonreentrant
def take_turn():
    """
    @notice An aggregator becomes the current one, with a stake. Whoever lost a turn can't take another.
    """
    m: machine.Machine = self._load()
    assert m.current == 0, "escrow: turn is taken"
    assert m.state == machine.ACCEPTING or m.state == machine.ROUNDS, "escrow: no turn to take"
    assert block.timestamp <= (m.d1 if m.state == machine.ACCEPTING else m.d3), "escrow: too late to take the turn"
    number: uint256 = self._accepted_number(m)
    assert m.spent & (1 << (number - 1)) == 0, "escrow: turn is spent"
    m.current = number
    stake: uint256 = self.terms.aggregator_stake
    score_by: uint256 = block.timestamp + self.terms.score_window if m.in_scoring != 0 else 0
    log IEscrow.TurnTaken(aggregator=msg.sender, round=m.round, stake=stake, score_by=score_by)
    if m.in_scoring != 0:
        m.d3 = score_by
    elif m.state == machine.ROUNDS:
        m = self._begin_round(m)
    self._save(m)
    ledger._open(msg.sender)
    self._receive(self.terms.token, msg.sender, stake)


@external
@nonreentrant
def settle(
    excluded: uint256,
    order: uint256,
    commitments: DynArray[uint256[2], MAX_ROWS],
    proof: Bytes[PROOF_SIZE],
    claimed: uint256[2],
    policy: address,
    params: Bytes[256],
    memory: uint256[8],
    cid: bytes32,
):
    """
    @notice The current aggregator proves the round, and everyone is credited. It reverts unless everything is verified.
    @param excluded Mask over seats: those whose payload the aggregator could not use. Each takes its part of the reward
           with it, and a part of the fee.
    @param order The seats in the order in which they delivered, a byte each, the first in the lowest. Five bits of each are
           read.
    @param commitments What they delivered, in that order. Then, if the terms have public rows, that to the initial model, if they
           name it, and those to the aggregates so far: of the last five, the oldest first, which stands for the sum of all
           that are older as well.
    @param proof The Gram matrix of the rows that are not excluded, in seat order, and of the public ones, both proofs, and the
           verifier's hints: an IRoundVerifier.Proof without its first word.
    @param claimed The commitment to the aggregate, to save gas; (0, 0) to have it formed.
    @param policy That of the terms, like its params.
    @param memory What the policy remembers: as the last Settled event says, zeros before.
    @param cid Digest of the CID of the published aggregate; members check its content against the commitment.
    """
    m: machine.Machine = self._in_scoring()
    self._check_scorer(m, excluded)
    r: rules.Rules = rules._unpack(self._rules)
    assert machine._count(excluded) <= r.max_excluded, "escrow: too many excluded"
    self._check_cid(cid)
    case: IReferee.Case = IReferee.Case(
        round=m.round,
        scorer=msg.sender,
        delivered=m.delivered,
        excluded=excluded,
        deliveries=self.deliveries,
        public_rows=self.public_rows,
        memory=self.memory,
        policy=self._policy,
        rules=self._rules,
        rate=carry._rate(self._carry),
        reward=self._pay & (2**96 - 1),
    )
    evidence: IReferee.Evidence = IReferee.Evidence(order=order, claimed=claimed, policy=policy, memory=memory)
    ruling: IReferee.Ruling = staticcall IReferee(REFEREE).rule(case, evidence, commitments, proof, params)

    # the money
    self._acknowledge()
    penalty: uint256 = 0
    if excluded != 0:
        penalty = machine._count(excluded) * self.terms.trainer_part  # at most the fee, by the terms
    lost: uint256 = ruling.sunk + penalty
    ledger._sink(lost)
    seats: DynArray[uint256, MAX_SEATS] = machine._seats_of(ruling.rows)
    for i: uint256 in range(len(seats), bound=MAX_SEATS):
        ledger._credit_seat(seats[i], ruling.credits[i])

    # what the next round starts from
    c: carry.Carry = self._carried()
    c.rate = ruling.rate
    c.settled = m.round + 1
    c.pending = (self._pay >> 96) - penalty
    c.earner = m.current
    c.rounding += ruling.rounding
    self._carry_over(c)
    self.public_rows = ruling.public_rows
    self.memory = keccak256(abi_encode(ruling.memory))
    log IEscrow.Settled(
        round=m.round,
        aggregator=msg.sender,
        rows=ruling.rows,
        excluded=excluded,
        kept=ruling.kept,
        policy_failed=ruling.policy_failed,
        agreement=ruling.agreement,
        weights=ruling.weights,
        contributions=ruling.contributions,
        credits=ruling.credits,
        rounding=ruling.rounding,
        sunk=lost,
        pending=c.pending,
        aggregate=ruling.aggregate,
        cid=cid,
        rate=ruling.rate,
        memory=ruling.memory,
    )
    self._miss(m.round, m.active & ~ruling.rows)
    self._save(self._next_round(m))


@external
@nonreentrant
def void(excluded: uint256):
    """
    @notice The current aggregator gives the round up, because more payloads are unusable than it may exclude. It costs it
            a part for each and its turn; the round's reward is sunk.
    """
    m: machine.Machine = self._in_scoring()
    self._check_scorer(m, excluded)
    count: uint256 = machine._count(excluded)
    assert count > self.terms.max_excluded, "escrow: too few excluded to void"
    penalty: uint256 = count * self.terms.trainer_part  # at most the stake, by the terms
    returned: uint256 = self.terms.aggregator_stake - penalty
    reward: uint256 = self.terms.round_reward
    fee: uint256 = self.terms.round_fee
    m.spent |= 1 << (m.current - 1)
    m.current = 0
    self._acknowledge()
    ledger._sink(reward + penalty)
    ledger._credit(self.owner, fee)
    ledger._credit(msg.sender, returned)
    log IEscrow.Voided(
        round=m.round,
        aggregator=msg.sender,
        excluded=excluded,
        sunk=reward + penalty,
        returned=returned,
        refunded=fee,
    )
    self._miss(m.round, m.active & ~(m.delivered & ~excluded))
    self._save(self._next_round(m))


@external
@nonreentrant
def republish(round: uint256, cid: bytes32):
    """
    @notice An accepted aggregator or a trainer names another copy of a settled round's aggregate, so that nobody who has it to
            itself can keep others from going on. It moves nothing: members check the content against the round's commitment.
    """
    if ledger._seats[msg.sender] == 0:
        self._accepted_number(self._load())
    assert round < carry._settled(self._carry), "escrow: round not settled"
    self._check_cid(cid)
    log IEscrow.Republished(round=round, by=msg.sender, cid=cid)


@external
@nonreentrant
def release(cid: bytes32):
    """
    @notice The owner, or an accepted aggregator, names a grant of the key that the initial model is sealed under. It moves
            nothing: whether a grant opens, its recipients see, and whether it opens the model, the terms' digest says.
    """
    if msg.sender != self.owner:
        self._accepted_number(self._load())
    self._check_cid(cid)
    log IEscrow.Released(by=msg.sender, cid=cid)


# --- trainers ------------------------------------------------------------------------------------------------


@external
@nonreentrant
def enrol(key: bytes32):
    """
    @notice Takes a seat, with one part at stake for each round. The last seat starts the first round.
    @param key To which the project's model is sealed.
    """
    m: machine.Machine = self._load()
    assert m.state == machine.ACCEPTING or m.state == machine.ENROLLING, "escrow: not enrolling"
    assert m.current != 0, "escrow: no aggregator"
    # all aggregators' keys are known before anyone joins
    if m.state == machine.ACCEPTING and block.timestamp <= m.d1:
        assert machine._count(m.accepted) == len(self.terms.aggregators), "escrow: still accepting"
    assert block.timestamp <= m.d2, "escrow: too late to enrol"
    self._check_key(key)
    seat: uint256 = machine._count(m.active)  # nobody leaves before the first round
    assert seat < self.terms.seats, "escrow: no seat free"
    assert seat != 0 or not self.terms.reference or msg.sender == self.owner, "escrow: the owner has the first seat"
    assert ledger._seats[msg.sender] == 0, "escrow: enrolled already"
    ledger._enrol(msg.sender, seat, self.terms.rounds)
    # an aggregator that trains as well keeps the key that payloads are sealed to
    if self.sealing_keys[msg.sender] == empty(bytes32):
        self.sealing_keys[msg.sender] = key
    stake: uint256 = self.terms.rounds * self.terms.trainer_part
    log IEscrow.Enrolled(trainer=msg.sender, seat=seat, key=self.sealing_keys[msg.sender], stake=stake)
    m.state = machine.ENROLLING
    m.active |= 1 << seat
    if seat + 1 == self.terms.seats:
        m.state = machine.ROUNDS
        m = self._begin_round(m)
    self._save(m)
    self._receive(self.terms.token, msg.sender, stake)


@external
@nonreentrant
def submit(hash: bytes32):
    """
    @notice Submits the hash of a commitment, and nothing else, so that nobody can copy or combine what others commit to.
    @param hash keccak(abi.encode(chain id, this address, round, sender, commitment))
    """
    m: machine.Machine = self._load()
    seat: uint256 = self._collecting_seat(m)
    assert hash != empty(bytes32), "escrow: no hash"
    m.submitted |= 1 << seat
    self._save(m)
    self.hashes[seat] = hash
    log IEscrow.Submitted(round=m.round, trainer=msg.sender, seat=seat, hash=hash)


@external
@nonreentrant
def leave():
    """
    @notice Gives up a seat for good, before submitting. It costs one part, or nothing if the last round was not settled.
    """
    m: machine.Machine = self._load()
    seat: uint256 = self._collecting_seat(m)
    account: ledger.Account = ledger._load(seat)
    free: bool = m.round != carry._settled(self._carry)
    part: uint256 = self.terms.trainer_part
    # a part was lost for each round missed, at most: at least one is left
    returned: uint256 = (account.parts if free else account.parts - 1) * part
    forfeited: uint256 = account.parts * part - returned
    account.due += returned
    account.parts = 0
    ledger._store(account)
    ledger._sink(forfeited)
    m.active &= ~(1 << seat)
    self._save(m)
    log IEscrow.Left(trainer=msg.sender, round=m.round, seat=seat, returned=returned, forfeited=forfeited)


@external
@nonreentrant
def deliver(commitment: uint256[2], cid: bytes32):
    """
    @notice Reveals the commitment that was submitted, and the CID of the sealed payload. The payload's bytes reach the store
            only once scoring has begun.
    """
    m: machine.Machine = self._load()
    assert self._phase(m) == machine.DELIVERING, "escrow: not delivering"
    seat: uint256 = self._seat_of(msg.sender)
    assert (m.submitted >> seat) & 1 == 1, "escrow: nothing submitted"
    assert (m.delivered >> seat) & 1 == 0, "escrow: delivered already"
    hash: bytes32 = keccak256(abi_encode(chain.id, self, m.round, msg.sender, commitment))
    assert hash == self.hashes[seat], "escrow: wrong commitment"
    assert commitment[0] != 0 or commitment[1] != 0, "escrow: commitment is the identity"
    bn254._check(commitment)
    self._check_cid(cid)
    before: bytes32 = self.deliveries if m.delivered != 0 else convert(m.round, bytes32)
    self.deliveries = keccak256(abi_encode(before, seat, commitment))
    m.delivered |= 1 << seat
    self._save(m)
    log IEscrow.Delivered(round=m.round, trainer=msg.sender, seat=seat, commitment=commitment, cid=cid)


# --- anyone --------------------------------------------------------------------------------------------------


@external
@nonreentrant
def start():
    """
    @notice Starts the first round when enrolment is over and enough have enrolled.
    """
    m: machine.Machine = self._load()
    assert m.state == machine.ENROLLING, "escrow: not enrolling"
    assert block.timestamp > m.d2, "escrow: too early to start"
    assert machine._count(m.active) >= self.terms.min_rows, "escrow: too few trainers"
    m.state = machine.ROUNDS
    self._save(self._begin_round(m))


@external
@nonreentrant
def slash():
    """
    @notice Ends the turn of an aggregator that missed its deadline: its stake goes to those who delivered, and another
            aggregator may take over the round, with their payloads.
    """
    m: machine.Machine = self._in_scoring()
    assert block.timestamp > m.d3, "escrow: too early to slash"
    aggregator: address = self._lineup[m.current - 1]
    stake: uint256 = self.terms.aggregator_stake
    seats: DynArray[uint256, MAX_SEATS] = machine._seats_of(m.delivered)
    share: uint256 = stake // len(seats)  # scoring takes at least min_rows rows
    for seat: uint256 in seats:
        ledger._credit_seat(seat, share)
    dust: uint256 = stake - share * len(seats)
    ledger._sink(dust)
    self._acknowledge()
    m.spent |= 1 << (m.current - 1)
    m.current = 0
    m.in_scoring = 1
    m.d3 = block.timestamp + self.terms.score_window
    self._save(m)
    log IEscrow.Slashed(round=m.round, aggregator=aggregator, delivered=m.delivered, share=share, sunk=dust, take_by=m.d3)


@external
@nonreentrant
def fail():
    """
    @notice Ends a round that too few submitted to, or delivered to. Nobody's update could be read, so the owner has its
            reward and fee back.
    """
    m: machine.Machine = self._load()
    assert self._phase(m) == machine.FAILED, "escrow: round has not failed"
    refunded: uint256 = self.terms.round_reward + self.terms.round_fee
    present: uint256 = m.delivered
    if machine._count(m.submitted) < self.terms.min_rows:
        # Delivering never opened: who submitted has done all that it could. And too few could go on from the last
        # aggregate: whoever withheld it is not paid for it.
        present = m.submitted
        self._forgo()
    else:
        self._acknowledge()
    ledger._credit(self.owner, refunded)
    log IEscrow.Failed(round=m.round, submitted=m.submitted, delivered=m.delivered, refunded=refunded)
    self._miss(m.round, m.active & ~present)
    self._save(self._next_round(m))


@external
@nonreentrant
def finish():
    """
    @notice Ends a project that can't go on: nobody took the turn, or too few trainers are left.
    """
    m: machine.Machine = self._load()
    stuck: bool = False
    if m.state == machine.ACCEPTING and m.current == 0:
        stuck = block.timestamp > m.d1
    elif m.state == machine.ACCEPTING or m.state == machine.ENROLLING:
        stuck = block.timestamp > m.d2 and machine._count(m.active) < self.terms.min_rows
    elif m.state == machine.ROUNDS:
        phase: uint256 = self._phase(m)
        if phase == machine.VACANT:
            stuck = block.timestamp > m.d3
        elif phase == machine.COLLECTING:
            stuck = machine._count(m.active) < self.terms.min_rows
    assert stuck, "escrow: project can go on"
    self._save(self._end(m))


@external
@nonreentrant
def confirm():
    """
    @notice Ends the handover: by the owner at any time, by anyone after the deadline.
    """
    m: machine.Machine = self._in_handover()
    assert msg.sender == self.owner or block.timestamp > m.d1, "escrow: handover not over"
    m.state = machine.CLOSED
    self._save(m)
    bond: uint256 = self.terms.round_fee
    self._acknowledge()
    ledger._credit(self.owner, bond)
    log IEscrow.Confirmed(sender=msg.sender, bond=bond)


@external
@nonreentrant
def withdraw(to: address) -> uint256:
    """
    @notice Pays what is due to the sender, and once the project is over what is left of its stake. A token may have rounded or
            taken from what is here: then what there is is paid, and what is missing stays due.
    @param to Who gets it.
    @return Token units.
    """
    assert to != empty(address) and to != self, "escrow: bad recipient"
    state: uint256 = self._load().state
    over: bool = state == machine.HANDOVER or state == machine.CLOSED
    amount: uint256 = 0
    parts: uint256 = 0
    amount, parts = ledger._take(msg.sender, over, self.terms.trainer_part)
    assert amount != 0, "escrow: nothing due"
    token: IERC20 = IERC20(self.terms.token)
    held: uint256 = staticcall token.balanceOf(self)
    # of nothing at all the token says so itself
    if held != 0 and held < amount:
        ledger._credit(msg.sender, amount - held)
        amount = held
    log IEscrow.Withdrawn(account=msg.sender, to=to, amount=amount, parts=parts)
    assert extcall token.transfer(to, amount, default_return_value=True), "escrow: token refused"
    return amount


# --- views ---------------------------------------------------------------------------------------------------


@external
@view
def status() -> IEscrow.Status:
    """
    @notice Where the project stands now.
    """
    m: machine.Machine = self._load()
    phase: uint256 = self._phase(m)
    deadline: uint256 = m.d1
    if phase == machine.ENROLLING or phase == machine.DELIVERING:
        deadline = m.d2
    elif phase == machine.ACCEPTING and m.current != 0 and block.timestamp > m.d1:
        deadline = m.d2  # the turn is taken, though nobody has enrolled yet
    elif phase == machine.SCORING or phase == machine.VACANT:
        deadline = m.d3
    elif phase == machine.FAILED or phase == machine.CLOSED:
        deadline = 0
    return IEscrow.Status(
        phase=phase,
        deadline=deadline,
        round=m.round,
        current=self._lineup[m.current - 1] if m.current != 0 else empty(address),
        in_scoring=m.in_scoring != 0,
        accepted=m.accepted,
        spent=m.spent,
        active=m.active,
        submitted=m.submitted,
        delivered=m.delivered,
        rate=carry._rate(self._carry),
    )


@external
@view
def last_settled() -> uint256:
    """
    @notice Number of the last round that was settled, from 1; 0 is none.
    """
    return carry._settled(self._carry)


@external
@view
def pending() -> uint256:
    """
    @notice Fee of the last settled round, until it is earned or lost.
    """
    return carry._pending(self._carry)


@external
@view
def pot() -> uint256:
    """
    @notice Reward and fee of the running and all later rounds, and what the shares of earlier ones left over.
    """
    return self._pot(self._load())


@external
@view
def bond() -> uint256:
    """
    @notice What the owner has at stake until the handover is over: one fee.
    """
    state: uint256 = self._load().state
    return 0 if state == 0 or state == machine.CLOSED else self.terms.round_fee


@external
@view
def stake() -> uint256:
    """
    @notice The current aggregator's.
    """
    return self.terms.aggregator_stake if self._load().current != 0 else 0


# --- guards --------------------------------------------------------------------------------------------------


@internal
@view
def _phase(m: machine.Machine) -> uint256:
    return machine._phase(m, rules._min_rows(self._rules), block.timestamp)


@internal
@view
def _in_scoring() -> machine.Machine:
    m: machine.Machine = self._load()
    assert self._phase(m) == machine.SCORING, "escrow: not scoring"
    return m


@internal
@view
def _check_scorer(m: machine.Machine, excluded: uint256):
    """
    @notice What settle and void ask first: the deadline, the sender, and that only who delivered is excluded.
    """
    assert block.timestamp <= m.d3, "escrow: too late to score"
    assert msg.sender == self._lineup[m.current - 1], "escrow: not the current aggregator"
    assert excluded & ~m.delivered == 0, "escrow: excluded has not delivered"


@internal
@view
def _in_handover() -> machine.Machine:
    m: machine.Machine = self._load()
    assert m.state == machine.HANDOVER, "escrow: not in handover"
    return m


@internal
@view
def _collecting_seat(m: machine.Machine) -> uint256:
    """
    @notice The sender's seat, which may still submit or leave.
    """
    assert machine._collecting(m, block.timestamp), "escrow: not collecting"
    seat: uint256 = self._seat_of(msg.sender)
    assert (m.active >> seat) & 1 == 1, "escrow: seat is given up"
    assert (m.submitted >> seat) & 1 == 0, "escrow: submitted already"
    return seat


@internal
@view
def _seat_of(account: address) -> uint256:
    seat: uint256 = ledger._seats[account]
    assert seat != 0, "escrow: not enrolled"
    return seat - 1


@internal
@view
def _aggregator_number(account: address) -> uint256:
    """
    @notice From 1, in the order of the terms.
    """
    for i: uint256 in range(len(self.terms.aggregators), bound=MAX_AGGREGATORS):
        if self.terms.aggregators[i] == account:
            return i + 1
    raise "escrow: not a listed aggregator"


@internal
@view
def _accepted_number(m: machine.Machine) -> uint256:
    """
    @notice The number of the sender, an aggregator that has accepted.
    """
    number: uint256 = self._aggregator_number(msg.sender)
    assert (m.accepted >> (number - 1)) & 1 == 1, "escrow: not accepted"
    return number


@internal
@pure
def _check_key(key: bytes32):
    assert key != empty(bytes32), "escrow: no key"


@internal
@pure
def _check_cid(cid: bytes32):
    assert cid != empty(bytes32), "escrow: no cid"


# --- the machine ---------------------------------------------------------------------------------------------


@internal
@view
def _load() -> machine.Machine:
    return machine._unpack(self._machine)


@internal
def _save(m: machine.Machine):
    self._machine = machine._pack(m)


@internal
@view
def _carried() -> carry.Carry:
    return carry._unpack(self._carry)


@internal
def _carry_over(c: carry.Carry):
    self._carry = carry._pack(c)


# --- moves of the machine: they take it, and the caller stores what they return ---------------------------------


@internal
def _begin_round(started: machine.Machine) -> machine.Machine:
    m: machine.Machine = started
    r: rules.Rules = rules._unpack(self._rules)
    m.d1 = block.timestamp + r.collect_window
    m.d2 = m.d1 + r.deliver_window
    m.d3 = m.d2 + r.score_window
    log IEscrow.RoundStarted(round=m.round, collect_by=m.d1, deliver_by=m.d2, score_by=m.d3, rate=carry._rate(self._carry))
    return m


@internal
def _next_round(over: machine.Machine) -> machine.Machine:
    m: machine.Machine = over
    m.round += 1
    m.submitted = 0
    m.delivered = 0
    m.in_scoring = 0
    if m.round == rules._rounds(self._rules):
        return self._end(m)
    if m.current == 0:
        m.d3 = block.timestamp + self.terms.score_window
        log IEscrow.Vacated(round=m.round, take_by=m.d3)
        return m
    return self._begin_round(m)


@internal
def _end(stuck: machine.Machine) -> machine.Machine:
    """
    @notice What is left of the pot is the owner's, and the stake the current aggregator's.
    """
    m: machine.Machine = stuck
    refunded: uint256 = self._pot(m)
    returned: uint256 = 0
    bond: uint256 = 0
    aggregator: address = empty(address)
    ledger._credit(self.owner, refunded)
    if m.current != 0:
        returned = self.terms.aggregator_stake
        aggregator = self._lineup[m.current - 1]
        ledger._credit(aggregator, returned)
        m.current = 0
    if carry._pending(self._carry) != 0:
        m.state = machine.HANDOVER
        m.d1 = block.timestamp + rules._unpack(self._rules).handover_window
    else:
        m.state = machine.CLOSED
        m.d1 = 0
        bond = self.terms.round_fee
        ledger._credit(self.owner, bond)
    log IEscrow.Ended(
        round=m.round, refunded=refunded, aggregator=aggregator, returned=returned, bond=bond, confirm_by=m.d1
    )
    return m


# --- the ledger ----------------------------------------------------------------------------------------------


@internal
@view
def _pot(m: machine.Machine) -> uint256:
    if m.state == 0 or m.state > machine.ROUNDS:
        return 0
    amount: uint256 = carry._rounding(self._carry)
    left: uint256 = rules._rounds(self._rules) - m.round
    if left != 0:
        amount += left * (self.terms.round_reward + self.terms.round_fee)
    return amount


@internal
def _acknowledge():
    """
    @notice The last settled round's fee is earned.
    """
    c: carry.Carry = self._carried()
    if c.pending != 0:
        aggregator: address = self._lineup[c.earner - 1]
        log IEscrow.Acknowledged(aggregator=aggregator, fee=c.pending)
        ledger._credit(aggregator, c.pending)
        c.pending = 0
        self._carry_over(c)


@internal
def _forgo():
    """
    @notice The last settled round's fee is lost.
    """
    c: carry.Carry = self._carried()
    if c.pending != 0:
        log IEscrow.Forgone(aggregator=self._lineup[c.earner - 1], fee=c.pending)
        ledger._sink(c.pending)
        c.pending = 0
        self._carry_over(c)


@internal
def _miss(round: uint256, seats: uint256):
    """
    @notice Each of these seats loses a part.
    """
    if seats != 0:
        ledger._miss(round, seats, self.terms.trainer_part)


@internal
def _receive(token: address, sender: address, amount: uint256):
    """
    @notice Pulls exactly `amount`. It comes last in its caller: effects before interactions.
    """
    before: uint256 = staticcall IERC20(token).balanceOf(self)
    assert extcall IERC20(token).transferFrom(sender, self, amount, default_return_value=True), "escrow: token refused"
    assert staticcall IERC20(token).balanceOf(self) - before == amount, "escrow: token kept a fee"

# pragma version 0.4.3
"""
@title The ledger of one project
@notice Who has what of the money inside. Nothing here moves a token, and nothing here knows why money moves: the escrow decides.
        What a trainer has fits one word of storage, in use from its enrolment on, so that crediting it costs a quarter of what a
        fresh slot would.
"""
from interfaces import IEscrow

MAX_SEATS: constant(uint256) = 32

struct Account:
    due: uint256                       # 128 bits: token units that it may withdraw at any time
    seat: uint256                      # 8 bits: number of its seat, from 1; 0 is none
    parts: uint256                     # 8 bits: parts at stake, one for each round to come


members: public(address[MAX_SEATS])    # by seat
pending: public(uint256)               # fee of the last settled round
pending_to: public(address)
sunk: public(uint256)                  # belongs to nobody, for ever
_accounts: HashMap[address, uint256]


@external
@view
def account_of(account: address) -> Account:
    """
    @notice Due, seat (from 1; 0 is none) and parts at stake.
    """
    return self._load(account)


@internal
@view
def _load(account: address) -> Account:
    word: uint256 = self._accounts[account]
    return Account(due=word & (2**128 - 1), seat=(word >> 128) & 255, parts=(word >> 136) & 255)


@internal
def _store(account: address, a: Account):
    # all the money of a project is below 2^112: every term of it is below 2^96, and at most 2^8 of each are in
    self._accounts[account] = a.due | (a.seat << 128) | (a.parts << 136)


@internal
def _credit(account: address, amount: uint256):
    if amount != 0:
        # due is the lowest field of the word, and it can't overflow
        self._accounts[account] += amount


@internal
def _sink(amount: uint256):
    if amount != 0:
        self.sunk += amount


@internal
def _hold(fee: uint256, aggregator: address):
    """
    @notice The fee of a round waits until enough trainers have shown that they could go on from its aggregate.
    """
    self.pending = fee
    self.pending_to = aggregator


@internal
def _acknowledge():
    """
    @notice The last settled round's fee is earned.
    """
    if self.pending != 0:
        log IEscrow.Acknowledged(aggregator=self.pending_to, fee=self.pending)
        self._credit(self.pending_to, self.pending)
        self.pending = 0


@internal
def _forgo():
    """
    @notice The last settled round's fee is lost.
    """
    if self.pending != 0:
        log IEscrow.Forgone(aggregator=self.pending_to, fee=self.pending)
        self.sunk += self.pending
        self.pending = 0


@internal
def _miss(round: uint256, seats: uint256, part: uint256):
    """
    @notice Each of these seats loses a part.
    """
    if seats == 0:
        return
    lost: uint256 = 0
    for seat: uint256 in range(MAX_SEATS):
        if (seats >> seat) & 1 == 1:
            a: Account = self._load(self.members[seat])
            a.parts -= 1
            self._store(self.members[seat], a)
            lost += part
    self.sunk += lost
    log IEscrow.Missed(round=round, seats=seats, sunk=lost)

# pragma version 0.4.3
"""
@title The ledger of one project
@notice Who has what of the money inside. Nothing here moves a token, and nothing here knows why money moves: the escrow decides.
        What two trainers have fits one word of storage, in use from their enrolment on, so that crediting one costs an eighth of
        what a fresh slot would. Owner and aggregators have accounts by address; who trains as well has both.
"""
from ..interfaces import IEscrow

MAX_SEATS: constant(uint256) = 32
DUE_BITS: constant(uint256) = 112      # all the money of a project: every term of it is below 2^96, fewer than 2^14 of them are in
OPEN: constant(uint256) = 2**255       # keeps the slot of an account by address in use

# Of a trainer; `due` of anybody.
struct Account:
    due: uint256                       # 112 bits: token units that it may withdraw at any time
    seat: uint256                      # number of its seat, from 1; 0 is none
    parts: uint256                     # 16 bits: parts at stake, one for each round to come


members: public(address[MAX_SEATS])    # by seat
sunk: public(uint256)                  # belongs to nobody, for ever
_seats: HashMap[address, uint256]      # from 1
_pairs: uint256[MAX_SEATS // 2]        # accounts of seats 2k and 2k + 1
_dues: HashMap[address, uint256]       # of owner and aggregators


@external
@view
def account_of(account: address) -> Account:
    """
    @notice Due, seat (from 1; 0 is none) and parts at stake.
    """
    seat: uint256 = self._seats[account]
    due: uint256 = self._dues[account] & ~OPEN
    if seat == 0:
        return Account(due=due, seat=0, parts=0)
    a: Account = self._load(seat - 1)
    a.due += due
    return a


@internal
@view
def _load(seat: uint256) -> Account:
    half: uint256 = (self._pairs[seat >> 1] >> ((seat & 1) << 7)) & (2**128 - 1)
    return Account(due=half & (2**DUE_BITS - 1), seat=seat + 1, parts=half >> DUE_BITS)


@internal
def _store(a: Account):
    seat: uint256 = a.seat - 1
    offset: uint256 = (seat & 1) << 7
    other: uint256 = self._pairs[seat >> 1] & ~((2**128 - 1) << offset)
    self._pairs[seat >> 1] = other | ((a.due | (a.parts << DUE_BITS)) << offset)


@internal
def _enrol(member: address, seat: uint256, parts: uint256):
    self._seats[member] = seat + 1
    self.members[seat] = member
    self._store(Account(due=0, seat=seat + 1, parts=parts))


@internal
def _open(account: address):
    """
    @notice Whoever will be credited in a round that is settled pays for its slot itself, beforehand.
    """
    self._dues[account] |= OPEN


@internal
def _credit(account: address, amount: uint256):
    if amount != 0:
        self._dues[account] += amount


@internal
def _credit_seat(seat: uint256, amount: uint256):
    if amount != 0:
        # due is the lowest field of its half, and it can't overflow
        self._pairs[seat >> 1] += amount << ((seat & 1) << 7)


@internal
def _sink(amount: uint256):
    if amount != 0:
        self.sunk += amount


@internal
def _miss(round: uint256, seats: uint256, part: uint256):
    """
    @notice Each of these seats loses a part.
    """
    lost: uint256 = 0
    for seat: uint256 in range(MAX_SEATS):
        if (seats >> seat) & 1 == 1:
            a: Account = self._load(seat)
            a.parts -= 1
            self._store(a)
            lost += part
    self.sunk += lost
    log IEscrow.Missed(round=round, seats=seats, sunk=lost)


@internal
def _take(account: address, over: bool, part: uint256) -> (uint256, uint256):
    """
    @notice All that is due to an account, and the parts of its seat once the project is over: nothing is left of either.
    @return Token units, and those among them that were parts.
    """
    due: uint256 = self._dues[account] & ~OPEN
    parts: uint256 = 0
    if due != 0:
        self._dues[account] &= OPEN
    seat: uint256 = self._seats[account]
    if seat != 0:
        a: Account = self._load(seat - 1)
        due += a.due
        a.due = 0
        if over:
            parts = a.parts * part
            a.parts = 0
        self._store(a)
    return due + parts, parts

# pragma version 0.4.3
"""
@title Exposes modules/ledger.vy, for tests alone
"""
from ..modules import ledger

initializes: ledger
exports: (ledger.account_of, ledger.members, ledger.sunk)


@external
def enrol(member: address, seat: uint256, parts: uint256):
    ledger._enrol(member, seat, parts)


@external
@view
def load(seat: uint256) -> ledger.Account:
    return ledger._load(seat)


@external
def store(account: ledger.Account):
    ledger._store(account)


@external
def open(account: address):
    ledger._open(account)


@external
def credit(account: address, amount: uint256):
    ledger._credit(account, amount)


@external
def credit_seat(seat: uint256, amount: uint256):
    ledger._credit_seat(seat, amount)


@external
def sink(amount: uint256):
    ledger._sink(amount)


@external
def miss(round: uint256, seats: uint256, part: uint256):
    ledger._miss(round, seats, part)


@external
def take(account: address, over: bool, part: uint256) -> (uint256, uint256):
    return ledger._take(account, over, part)

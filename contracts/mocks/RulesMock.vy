# pragma version 0.4.3
"""
@title Exposes modules/rules.vy, for tests alone
"""
from ..interfaces import IEscrow
from ..modules import rules


@external
@pure
def word_of(terms: IEscrow.Terms) -> uint256:
    return rules._of(terms)


@external
@pure
def unpack(word: uint256) -> rules.Rules:
    return rules._unpack(word)


@external
@pure
def single(word: uint256) -> (uint256, uint256):
    return rules._rounds(word), rules._min_rows(word)

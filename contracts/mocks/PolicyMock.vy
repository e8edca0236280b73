# pragma version 0.4.3
"""
@title A policy that answers what it is told to, whatever the matrix: the escrow must survive any of it
"""

ANSWER: constant(uint256) = 1
REVERT: constant(uint256) = 2
BURN: constant(uint256) = 3            # all the gas it gets

mode: public(uint256)
answer: Bytes[4096]
refuses: public(bool)


@deploy
def __init__():
    self.mode = REVERT


@external
def set_answer(answer: Bytes[4096]):
    """
    @notice What `evaluate` returns, byte for byte.
    """
    self.mode = ANSWER
    self.answer = answer


@external
def set_mode(mode: uint256):
    self.mode = mode


@external
def set_refuses(refuses: bool):
    self.refuses = refuses


@external
@view
@raw_return
def evaluate(rows: uint256, gram: DynArray[int256, 528], params: Bytes[256], rate: uint256) -> Bytes[4096]:
    assert self.mode != REVERT, "mock: no answer"
    if self.mode == BURN:
        x: uint256 = 1
        for i: uint256 in range(2**30):
            x = convert(keccak256(convert(x, bytes32)), uint256)
    return self.answer


@external
@view
def validate(params: Bytes[256], least: uint256, most: uint256, gas_limit: uint256) -> bool:
    return not self.refuses


@external
@view
def least_rows(params: Bytes[256]) -> uint256:
    return 3

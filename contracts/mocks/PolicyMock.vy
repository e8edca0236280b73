# pragma version 0.4.3
"""
@title A policy that answers what it is told to, whatever the matrix: the escrow must survive any of it
"""

ANSWER: constant(uint256) = 1
REVERT: constant(uint256) = 2
BURN: constant(uint256) = 3            # all the gas it gets
GAUGE: constant(uint256) = 4           # the answer, with the gas that it got in place of the agreement
REVERT_WITH_ANSWER: constant(uint256) = 5

mode: public(uint256)
answer: Bytes[4096]
question: public(bytes32)              # hash of the only arguments that it answers, unless zero
expected: bytes32                      # hash of the only arguments that it finds sound, unless zero
refuses: public(bool)
least: uint256
public_params: bytes32                 # hash of the params with which it takes public rows
reference_params: bytes32              # and a reference


@deploy
def __init__():
    self.mode = REVERT
    self.least = 3


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
def set_question(question: bytes32):
    self.question = question


@external
def set_expected(params: Bytes[256], least: uint256, most: uint256, gas_limit: uint256):
    self.expected = keccak256(abi_encode(params, least, most, gas_limit))


@external
def set_least_rows(least: uint256):
    self.least = least


@external
def set_refuses(refuses: bool):
    self.refuses = refuses


@external
def set_takes_public_rows(params: Bytes[256]):
    """
    @notice With these params it takes public rows.
    """
    self.public_params = keccak256(params)


@external
def set_takes_reference(params: Bytes[256]):
    """
    @notice With these params it takes a reference.
    """
    self.reference_params = keccak256(params)


@external
@view
@raw_return
def evaluate(
    rows: uint256,
    gram: DynArray[int256, 820],
    params: Bytes[256],
    rate: uint256,
    seats: uint256,
    has_reference: bool,
    memory: uint256[8],
) -> Bytes[4096]:
    got: uint256 = msg.gas
    assert self.mode != REVERT, "mock: no answer"
    if self.question != empty(bytes32):
        assert self.question == keccak256(abi_encode(rows, gram, params, rate, seats, has_reference, memory)), "mock: another question"
    if self.mode == BURN:
        x: uint256 = 1
        for i: uint256 in range(2**30):
            x = convert(keccak256(convert(x, bytes32)), uint256)
    if self.mode == REVERT_WITH_ANSWER:
        raw_revert(self.answer)
    if self.mode == GAUGE:
        return concat(slice(self.answer, 0, 32), convert(got, bytes32), slice(self.answer, 64, 73 * 32))
    return self.answer


@external
@view
def validate(params: Bytes[256], least: uint256, most: uint256, gas_limit: uint256) -> bool:
    if self.expected != empty(bytes32) and self.expected != keccak256(abi_encode(params, least, most, gas_limit)):
        return False
    return not self.refuses


@external
@view
def least_rows(params: Bytes[256]) -> uint256:
    return self.least


@external
@view
def takes_public_rows(params: Bytes[256]) -> bool:
    return self.public_params == keccak256(params)


@external
@view
def takes_reference(params: Bytes[256]) -> bool:
    return self.reference_params == keccak256(params)

# pragma version 0.4.3
"""
@title What a call costs
"""


@external
@view
def measure(target: address, data: Bytes[30_000]) -> uint256:
    """
    @notice Gas that a static call with this calldata takes, the call itself included (2,600 for an address not yet touched).
    """
    before: uint256 = msg.gas
    raw_call(target, data, is_static_call=True)
    return before - msg.gas

# pragma version 0.4.3
"""
@title The commitment to the sum of all steps of a project's model
@notice Holds nothing. An aggregate A moves the model by its mean row, A / sum_i weights_i; the sum of these, in units of 2^-41 of an
        entry, is M = sum_r (2^41 // sum_i weights_i) A_r. With 16-bit entries and 64 rounds M stays within 2^62.
"""
STEP: constant(uint256) = 2**41        # 1.0 of a step
MAX_ROWS: constant(uint256) = 32
PUBLIC_ROWS: constant(uint256) = 2     # the last aggregate, and M


@internal
@view
def _after(
    rows: uint256, commitments: DynArray[uint256[2], MAX_ROWS], weights: uint256[32], aggregate: uint256[2]
) -> uint256[2]:
    """
    @notice M after a round with this aggregate.
    @param commitments Of the round; the last is that of M before, if there are more than `rows`.
    @param weights Each at most 2^32.
    """
    before: uint256[2] = [0, 0]
    if len(commitments) > rows:
        before = commitments[unsafe_add(rows, 1)]
    total: uint256 = 0
    for weight: uint256 in weights:
        total = unsafe_add(total, weight)
    if total == 0:
        return before
    return ecadd(before, ecmul(aggregate, STEP // total))

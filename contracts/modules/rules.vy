# pragma version 0.4.3
"""
@title What every round goes by: the small terms, in one word of storage
@notice Copied from the terms when a project is made, and never changed, so that a round reads one slot instead of twelve.
"""
from ..interfaces import IEscrow

struct Rules:
    dimension: uint256                 # 32 bits
    bits: uint256                      # 8 bits
    rounds: uint256                    # 8 bits
    min_rows: uint256                  # 8 bits
    max_excluded: uint256              # 8 bits
    public_rows: bool                  # 8 bits
    reference: bool                    # 8 bits
    collect_window: uint256            # 32 bits, seconds, like the three below
    deliver_window: uint256
    score_window: uint256
    handover_window: uint256
    policy_gas: uint256                # 32 bits


@internal
@pure
def _of(terms: IEscrow.Terms) -> uint256:
    """
    @dev Every field fits its bits by the limits of the terms.
    """
    return (
        terms.dimension
        | (terms.bits << 32)
        | (terms.rounds << 40)
        | (terms.min_rows << 48)
        | (terms.max_excluded << 56)
        | (convert(terms.public_rows, uint256) << 64)
        | (convert(terms.reference, uint256) << 72)
        | (terms.collect_window << 80)
        | (terms.deliver_window << 112)
        | (terms.score_window << 144)
        | (terms.handover_window << 176)
        | (terms.policy_gas << 208)
    )


@internal
@pure
def _unpack(word: uint256) -> Rules:
    return Rules(
        dimension=word & (2**32 - 1),
        bits=(word >> 32) & 255,
        rounds=(word >> 40) & 255,
        min_rows=(word >> 48) & 255,
        max_excluded=(word >> 56) & 255,
        public_rows=(word >> 64) & 255 != 0,
        reference=(word >> 72) & 255 != 0,
        collect_window=(word >> 80) & (2**32 - 1),
        deliver_window=(word >> 112) & (2**32 - 1),
        score_window=(word >> 144) & (2**32 - 1),
        handover_window=(word >> 176) & (2**32 - 1),
        policy_gas=word >> 208,
    )


@internal
@pure
def _rounds(word: uint256) -> uint256:
    return (word >> 40) & 255


@internal
@pure
def _min_rows(word: uint256) -> uint256:
    return (word >> 48) & 255

# pragma version 0.4.3
"""
@title What every round goes by: the small terms, in one word of storage
@notice Copied from the terms when a project is made, and never changed, so that a round reads one slot instead of twelve.
"""
from ..interfaces import IEscrow

struct Rules:
    dimension: uint256                 # 32 bits
    bits: uint256                      # 8 bits
    rounds: uint256                    # 16 bits
    min_rows: uint256                  # 8 bits
    max_excluded: uint256              # 8 bits
    public_rows: bool                  # 8 bits
    reference: bool                    # 8 bits, and 8 more that stay 0
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
        | (terms.min_rows << 56)
        | (terms.max_excluded << 64)
        | (convert(terms.public_rows, uint256) << 72)
        | (convert(terms.reference, uint256) << 80)
        | (terms.collect_window << 96)
        | (terms.deliver_window << 128)
        | (terms.score_window << 160)
        | (terms.handover_window << 192)
        | (terms.policy_gas << 224)
    )


@internal
@pure
def _unpack(word: uint256) -> Rules:
    return Rules(
        dimension=word & (2**32 - 1),
        bits=(word >> 32) & 255,
        rounds=(word >> 40) & 65535,
        min_rows=(word >> 56) & 255,
        max_excluded=(word >> 64) & 255,
        public_rows=(word >> 72) & 255 != 0,
        reference=(word >> 80) & 255 != 0,
        collect_window=(word >> 96) & (2**32 - 1),
        deliver_window=(word >> 128) & (2**32 - 1),
        score_window=(word >> 160) & (2**32 - 1),
        handover_window=(word >> 192) & (2**32 - 1),
        policy_gas=word >> 224,
    )


@internal
@pure
def _rounds(word: uint256) -> uint256:
    return (word >> 40) & 65535


@internal
@pure
def _min_rows(word: uint256) -> uint256:
    return (word >> 56) & 255

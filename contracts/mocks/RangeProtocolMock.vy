# pragma version 0.4.3
"""
@title A verifier of range proofs alone: exposes modules/range_protocol.vy, for tests alone
"""
from ..interfaces import IRoundVerifier
from ..modules import claims
from ..modules import range_protocol

KEY: immutable(bytes32)
TAU_G2: immutable(uint256[4])
SRS_SIZE: immutable(uint256)


@deploy
def __init__(tau_g2: uint256[4], srs_size: uint256):
    TAU_G2 = tau_g2
    SRS_SIZE = srs_size
    KEY = range_protocol._key(tau_g2)


@external
@view
def verify(
    context: bytes32,
    dimension: uint256,
    bits: uint256,
    commitments: DynArray[uint256[2], 40],
    proof: IRoundVerifier.RangeProof,
    hint: uint256,
) -> bool:
    claim: claims.Claim = range_protocol._reduce(
        KEY, SRS_SIZE, context, dimension, bits, commitments, proof, hint
    )
    assert claims._holds(claim, commitments, TAU_G2), "range: pairing check failed"
    return True


@external
@view
def challenges(
    context: bytes32,
    dimension: uint256,
    bits: uint256,
    commitments: DynArray[uint256[2], 40],
    proof: IRoundVerifier.RangeProof,
) -> range_protocol.Challenges:
    return range_protocol._challenges(KEY, context, dimension, bits, commitments, proof)


@external
@pure
def inverses(y: uint256, zeta: uint256, x: uint256, hint: uint256) -> range_protocol.Inverses:
    return range_protocol._inverses(y, zeta, x, hint)


@external
@view
def values(
    dimension: uint256, bits: uint256, y: uint256, zeta: uint256, inverses: range_protocol.Inverses
) -> range_protocol.Values:
    return range_protocol._values(dimension, bits, y, zeta, inverses)

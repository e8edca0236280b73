# pragma version 0.4.3
"""
@title A verifier of Gram proofs alone: exposes modules/gram_protocol.vy, for tests alone
"""
from ..interfaces import IRoundVerifier
from ..modules import claims
from ..modules import gram_protocol

KEY: immutable(bytes32)
TAU_G2: immutable(uint256[4])
SRS_SIZE: immutable(uint256)


@deploy
def __init__(tau_g2: uint256[4], srs_size: uint256):
    TAU_G2 = tau_g2
    SRS_SIZE = srs_size
    KEY = gram_protocol._key(tau_g2)


@external
@view
def verify(
    context: bytes32,
    dimension: uint256,
    rows: uint256,
    commitments: DynArray[uint256[2], 40],
    gram: DynArray[int256, 820],
    proof: IRoundVerifier.GramProof,
    hint: uint256,
) -> bool:
    claim: claims.Claim = gram_protocol._reduce(
        KEY, SRS_SIZE, context, dimension, rows, commitments, gram, proof, hint
    )
    assert claims._holds(claim, commitments, TAU_G2), "gram: pairing check failed"
    return True

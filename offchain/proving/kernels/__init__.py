"""Arithmetic of BN254 in compiled loops over numpy arrays.

The rest of the package calls the functions of these modules with arrays and Python integers; the numba types behind
them stay inside.

- a scalar is `uint64[4]`: little-endian limbs of the plain number in [0, P)
- a point is `uint64[8]`: x and y in Montgomery form in [0, Q), all zeros for the identity

Nothing here is constant-time. Masks and tails are secrets that pass through, so a prover must not share a machine
with its adversary.
"""

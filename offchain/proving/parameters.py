"""The numbers that everything on either side of the proof agrees on. Importing them loads no kernel."""

from __future__ import annotations

__all__ = ["MAX_ROWS", "TAIL", "P", "Q"]

# BN254: the order of its groups, the field of scalars, and the field of coordinates (EIP-196)
P = 21888242871839275222246405745257275088548364400416034343698204186575808495617
Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583

TAIL = 8  # random field elements behind each committed vector
MAX_ROWS = 40  # of a proof, public ones included: the contract takes no more

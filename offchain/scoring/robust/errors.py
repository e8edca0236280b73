"""What a robust rule refuses, and the check that every rule makes of its arguments."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offchain.errors import FatalError

__all__ = ["RobustError", "checked"]

SYMMETRY = 1e-9  # of the largest entry: products summed in another order may differ by rounding


class RobustError(FatalError, ValueError):
    """A matrix that is no Gram matrix, or a parameter that the rule isn't defined for."""


def checked(gram: ArrayLike, byzantine: int = 0, least_rows: int = 1) -> NDArray[np.float64]:
    """The Gram matrix as a symmetric float64[n, n] of its own, n >= `least_rows`.

    Raises RobustError if it isn't square, symmetric (within 1e-9 of its largest entry) and finite, has a negative
    square or too few rows, or if `byzantine` is negative.
    """
    try:
        products = np.array(gram, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise RobustError("a Gram matrix has real numbers, as many in each row") from error
    if products.ndim != 2 or products.shape[0] != products.shape[1] or products.shape[0] == 0:
        raise RobustError(f"a Gram matrix is square and not empty, not of shape {products.shape}")
    if not np.isfinite(products).all():
        raise RobustError("a Gram matrix has finite entries only")
    if np.abs(products - products.T).max() > SYMMETRY * np.abs(products).max():
        raise RobustError("a Gram matrix is symmetric")
    if (products.diagonal() < 0).any():
        raise RobustError("a row of a Gram matrix has a square of at least 0")
    if byzantine < 0:
        raise RobustError(f"there can't be {byzantine} hostile rows")
    if len(products) < least_rows:
        raise RobustError(f"the rule needs {least_rows} rows for {byzantine} hostile ones, not {len(products)}")
    return products / 2 + products.T / 2

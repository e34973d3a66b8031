"""Cuts: who goes on to the next stage. Everybody who ties with the last one does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best_with_ties(
    scores: NDArray[np.int32] | NDArray[np.float32] | NDArray[np.float64], count: int
) -> NDArray[np.intp]:
    """Indices, ascending, of the `count` best scores and of all that tie with the last."""
    if count <= 0:
        return np.zeros(0, np.intp)
    if count >= len(scores):
        return np.arange(len(scores))
    least = np.partition(scores, len(scores) - count)[len(scores) - count]
    return np.flatnonzero(scores >= least)

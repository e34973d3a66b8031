"""Fusion: one score a subject from the scores of its fingers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.matching.calibration import CHANCE_EVIDENCE, Curve, finger_curve


def fuse(finger_scores: NDArray[np.float64], curve: Curve | None = None) -> NDArray[np.float64]:
    """Fused score of each row: the sum over its common fingers of their evidence.

    A finger's evidence is -10 log10 of the share of impostor fingers that score as high
    (unclamped), less what an impostor scores on average, so a finger that says nothing adds
    nothing, a strong one much, and persons with different numbers of fingers compare; adding
    such logarithms is R. A. Fisher's way of combining independent tests. Fingers of one person
    are not independent, so the sum only ranks; `calibration.calibrate` says what it is worth.

    Args:
        finger_scores: raw consolidated scores, float64 (n, 10), NaN where there is none.
        curve: of one finger; the shipped one unless a new one is being fitted.

    Returns:
        float64 (n,); 0 where no finger is common.
    """
    evidence = curve or finger_curve()
    total = np.zeros(len(finger_scores))
    for column in range(finger_scores.shape[1]):
        raw = finger_scores[:, column]
        common = ~np.isnan(raw)
        total = total + np.where(common, evidence.at(raw) - CHANCE_EVIDENCE, 0.0)
    return total

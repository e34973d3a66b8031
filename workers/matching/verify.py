"""One print against one or many, without a gallery: verification and evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.matching.blocks import in_blocks
from workers.matching.consolidate import consolidate
from workers.matching.template import FingerTemplate


def match_fingers(a: FingerTemplate, b: FingerTemplate) -> float:
    """Raw consolidated score of two prints, whatever their positions.

    `calibration.calibrate_finger` says what it is worth.
    """
    return float(compare_all(a, [b])[0])


def compare_all(probe: FingerTemplate, gallery: Sequence[FingerTemplate]) -> NDArray[np.float64]:
    """Raw consolidated score of one print with each of many, float64 (len(gallery),).

    Thousands of comparisons a second on one core; positions are not looked at.
    """
    order = np.argsort([len(finger) for finger in gallery], kind="stable")
    scores = np.empty(len(gallery))
    scores[order] = consolidate(probe, in_blocks([gallery[i] for i in order]))
    return scores

"""One print against one or many, without a gallery: verification and evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.matching.consolidate import FingerBatch, consolidate_batch
from workers.matching.similarity import FEATURES, gallery_features, probe_features
from workers.matching.template import FingerTemplate

_AT_ONCE = 64


def match_fingers(a: FingerTemplate, b: FingerTemplate) -> float:
    """Raw consolidated score of two prints, whatever their positions.

    `calibration.calibrate_finger` says what it is worth.
    """
    return float(compare_all(a, [b])[0])


def compare_all(probe: FingerTemplate, gallery: Sequence[FingerTemplate]) -> NDArray[np.float64]:
    """Raw consolidated score of one print with each of many, float64 (len(gallery),).

    Thousands of comparisons a second on one core; positions are not looked at.
    """
    scores = np.zeros(len(gallery))
    features = probe_features(probe)
    order = np.argsort([len(finger) for finger in gallery], kind="stable")
    for first in range(0, len(gallery), _AT_ONCE):
        part = order[first : first + _AT_ONCE]
        batch, similarity = batch_similarity(features, [gallery[i] for i in part])
        scores[part] = consolidate_batch(probe, batch, similarity)
    return scores


def batch_similarity(
    features: NDArray[np.float32], fingers: Sequence[FingerTemplate]
) -> tuple[FingerBatch, NDArray[np.int32]]:
    """Fingers side by side, and their similarity to a probe's features, int32 (b, g, p)."""
    counts = np.array([len(finger) for finger in fingers], np.intp)
    shape = (len(fingers), int(counts.max(initial=0)))
    gallery = np.zeros((*shape, FEATURES), np.float32)
    batch = FingerBatch(
        np.zeros(shape, np.int16), np.zeros(shape, np.int16), np.zeros(shape, np.uint16), counts
    )
    for i, finger in enumerate(fingers):
        n = len(finger)
        gallery[i, :n] = gallery_features(finger)
        batch.x[i, :n], batch.y[i, :n], batch.angle[i, :n] = finger.x, finger.y, finger.angle
    product = gallery.reshape(-1, FEATURES) @ features.T
    similarity = np.maximum(product, 0.0).astype(np.int32)
    return batch, similarity.reshape(*shape, len(features))

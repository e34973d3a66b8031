"""Consolidation of one probe finger with a batch of gallery fingers: LSA-R, batched.

assign (greedy pairs) -> relax (geometry) -> mean of the pairs that kept most of their value
(Cappelli, Ferrara, Maltoni 2010, equations 22 to 27).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.matching.assign import Assigned, assign
from workers.matching.relax import Placed, Relaxed, relax
from workers.matching.screen import TOP_COUNTS
from workers.matching.template import FingerTemplate

_FINGERS_AT_ONCE = 16
"""The (k, k, b) arrays of the relaxation should stay in a core's second-level cache."""


@dataclass(frozen=True, slots=True)
class FingerBatch:
    """b gallery fingers padded to g minutiae.

    Attributes:
        x: int16 (b, g), pixels.
        y: int16 (b, g), pixels, down.
        angle: uint16 (b, g), 1/65536 turn.
        counts: minutiae of each finger, (b,).
    """

    x: NDArray[np.int16]
    y: NDArray[np.int16]
    angle: NDArray[np.uint16]
    counts: NDArray[np.intp]

    def take(self, part: slice) -> FingerBatch:
        """Some of the fingers."""
        return FingerBatch(self.x[part], self.y[part], self.angle[part], self.counts[part])


def consolidate_batch(
    probe: FingerTemplate, gallery: FingerBatch, similarity: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Raw consolidated score of each gallery finger, float64 (b,), 0 to about 1.

    Args:
        probe: p minutiae.
        gallery: b fingers.
        similarity: int32 (b, g, p), `workers.matching.similarity`; 0 in the padding.
    """
    scores = np.zeros(len(similarity))
    for first in range(0, len(similarity), _FINGERS_AT_ONCE):
        part = slice(first, first + _FINGERS_AT_ONCE)
        fingers = gallery.take(part)
        _, relaxed = relaxed_pairs(probe, fingers, similarity[part])
        top = TOP_COUNTS[np.minimum(fingers.counts, len(probe))]
        scores[part] = _mean_of_best(relaxed, top)
    return scores


def relaxed_pairs(
    probe: FingerTemplate, gallery: FingerBatch, similarity: NDArray[np.int32]
) -> tuple[Assigned, Relaxed]:
    """The pairs of each gallery finger and their values before and after relaxation."""
    pairs = assign(similarity)
    finger = np.arange(len(similarity))
    of_probe = Placed(
        probe.x[pairs.probe].astype(np.float64),
        probe.y[pairs.probe].astype(np.float64),
        probe.angle[pairs.probe].astype(np.int32),
    )
    of_gallery = Placed(
        gallery.x[finger, pairs.gallery].astype(np.float64),
        gallery.y[finger, pairs.gallery].astype(np.float64),
        gallery.angle[finger, pairs.gallery].astype(np.int32),
    )
    return pairs, relax(pairs, of_probe, of_gallery)


def by_efficiency(relaxed: Relaxed) -> NDArray[np.intp]:
    """Order of the pairs of each finger, those that kept most of their value first, (k, b)."""
    padding = relaxed.start <= 0.0
    efficiency = np.where(padding, -1.0, relaxed.end / np.where(padding, 1.0, relaxed.start))
    return np.argsort(-efficiency, axis=0, kind="stable")


def _mean_of_best(relaxed: Relaxed, top: NDArray[np.int32]) -> NDArray[np.float64]:
    """Mean value of the `top` most efficient pairs; pairs that are lacking count as 0."""
    # Padding comes last in this order, and its value is 0.
    order = by_efficiency(relaxed)[: int(top.max(initial=0))]
    best = np.take_along_axis(relaxed.end, order, axis=0)
    total = np.zeros(len(top))
    for rank, value in enumerate(best):
        total = total + np.where(rank < top, value, 0.0)
    return total / top

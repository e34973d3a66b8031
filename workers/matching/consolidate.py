"""Consolidation: LSA-R scores of many pairs of prints at once.

assign (greedy pairs) -> relax (geometry) -> mean of the pairs that kept most of their value
(Cappelli, Ferrara, Maltoni 2010, equations 22 to 27).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.matching.assign import Assigned, assign
from workers.matching.relax import Placed, Relaxed, relax
from workers.matching.screen import TOP_COUNTS
from workers.matching.similarity import FEATURES, gallery_features, probe_features
from workers.matching.template import FingerTemplate

_PAIRS_AT_ONCE = 16
"""The (k, k, b) arrays of the relaxation should stay in a core's second-level cache."""


class Side(NamedTuple):
    """One print of a comparison, n minutiae, ready for it.

    Attributes:
        features: (n, FEATURES), as `similarity.probe_features` on the probe's side and
            `similarity.gallery_features` on the other.
        x: int16 (n,), pixels.
        y: int16 (n,), pixels, down.
        angle: uint16 (n,), 1/65536 turn.
    """

    features: NDArray[np.float32]
    x: NDArray[np.int16]
    y: NDArray[np.int16]
    angle: NDArray[np.uint16]


def probe_side(finger: FingerTemplate) -> Side:
    """A print as the probe of a comparison."""
    return Side(probe_features(finger), finger.x, finger.y, finger.angle)


def gallery_side(finger: FingerTemplate) -> Side:
    """A print as the gallery's side of a comparison."""
    return Side(
        gallery_features(finger.descriptors, finger.angle), finger.x, finger.y, finger.angle
    )


def consolidate(
    pairs: Sequence[tuple[Side, Side]], checkpoint: Callable[[], None] = lambda: None
) -> NDArray[np.float64]:
    """Raw score of each (probe, gallery) pair of prints, float64 (len(pairs),), 0 to about 1.

    Args:
        checkpoint: called between blocks of work; may raise to stop it.
    """
    scores = np.zeros(len(pairs))
    # Pairs of about equal size share a block, so that little of it is padding.
    sizes = [len(probe.x) * len(gallery.x) for probe, gallery in pairs]
    order = np.argsort(np.array(sizes, np.intp), kind="stable")
    for first in range(0, len(order), _PAIRS_AT_ONCE):
        checkpoint()
        block = order[first : first + _PAIRS_AT_ONCE]
        some = [pairs[i] for i in block]
        _, relaxed = relaxed_pairs(some)
        smaller = np.array([min(len(a.x), len(b.x)) for a, b in some], np.intp)
        scores[block] = _mean_of_best(relaxed, TOP_COUNTS[smaller])
    return scores


def relaxed_pairs(pairs: Sequence[tuple[Side, Side]]) -> tuple[Assigned, Relaxed]:
    """The minutia pairs of each pair of prints, and their values around relaxation."""
    probe, probe_place = _pad([side for side, _ in pairs])
    gallery, gallery_place = _pad([side for _, side in pairs])
    product = np.matmul(gallery, probe.transpose(0, 2, 1))
    assigned = assign(np.maximum(product, 0.0).astype(np.int32))
    return assigned, relax(
        assigned, _pick(probe_place, assigned.probe), _pick(gallery_place, assigned.gallery)
    )


def by_efficiency(relaxed: Relaxed) -> NDArray[np.intp]:
    """Order of the pairs of each finger, those that kept most of their value first, (k, b)."""
    padding = relaxed.start <= 0.0
    efficiency = np.where(padding, -1.0, relaxed.end / np.where(padding, 1.0, relaxed.start))
    return np.argsort(-efficiency, axis=0, kind="stable")


def _pad(sides: Sequence[Side]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Prints side by side, padded with zeros: features (b, n, FEATURES), x y angle (3, b, n)."""
    shape = (len(sides), max(len(side.x) for side in sides))
    features = np.zeros((*shape, FEATURES), np.float32)
    place = np.zeros((3, *shape), np.int32)
    for i, side in enumerate(sides):
        n = len(side.x)
        features[i, :n] = side.features
        place[0, i, :n], place[1, i, :n], place[2, i, :n] = side.x, side.y, side.angle
    return features, place


def _pick(place: NDArray[np.int32], minutiae: NDArray[np.intp]) -> Placed:
    x, y, angle = place[:, np.arange(minutiae.shape[1]), minutiae]
    return Placed(x.astype(np.float64), y.astype(np.float64), angle)


def _mean_of_best(relaxed: Relaxed, top: NDArray[np.int32]) -> NDArray[np.float64]:
    """Mean value of the `top` most efficient pairs; pairs that are lacking count as 0."""
    # Padding comes last in this order, and its value is 0.
    order = by_efficiency(relaxed)[: int(top.max(initial=0))]
    best = np.take_along_axis(relaxed.end, order, axis=0)
    total = np.zeros(len(top))
    for rank, value in enumerate(best):
        total = total + np.where(rank < top, value, 0.0)
    return total / top

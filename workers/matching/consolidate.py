"""Consolidation: LSA-R scores of one print with many at once.

assign (greedy pairs) -> relax (geometry) -> mean of the pairs that kept most of their value
(Cappelli, Ferrara, Maltoni 2010, equations 22 to 27) -> for the size of the larger print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from workers.matching.assign import Assigned, assign
from workers.matching.blocks import Block
from workers.matching.parameters import PARAMETERS
from workers.matching.relax import Placed, Relaxed, relax
from workers.matching.screen import TOP_COUNTS
from workers.matching.similarity import FEATURES, probe_features
from workers.matching.template import FingerTemplate


def consolidate(
    probe: FingerTemplate, blocks: Iterable[Block], checkpoint: Callable[[], None] = lambda: None
) -> NDArray[np.float64]:
    """Raw score of a print with every finger of some blocks, in their order, 0 to about 1.

    Args:
        checkpoint: called between blocks; may raise to stop the work.
    """
    scores = [np.zeros(0)]
    for block in blocks:
        checkpoint()
        _, relaxed = relaxed_pairs(probe, block)
        scores.append(raw_score(relaxed, len(probe), block.counts))
    return np.concatenate(scores)


def relaxed_pairs(
    probe: FingerTemplate, block: Block, iterations: int = PARAMETERS.consolidate.iterations
) -> tuple[Assigned, Relaxed]:
    """The minutia pairs of a print with each finger of a block, and their values around
    relaxation."""
    gallery = block.features().reshape(block.slots, -1, FEATURES)
    product = np.matmul(probe_features(probe), gallery.transpose(0, 2, 1))
    assigned = assign(np.maximum(product, 0.0, out=product).astype(np.int32))
    finger = np.arange(len(block.counts))
    ours, theirs = assigned.probe, (assigned.gallery, finger)
    return assigned, relax(
        assigned,
        Placed(probe.x[ours], probe.y[ours], probe.angle[ours]),
        Placed(block.x[theirs], block.y[theirs], block.angle[theirs]),
        iterations,
    )


def by_efficiency(relaxed: Relaxed) -> NDArray[np.intp]:
    """Order of the pairs of each finger, those that kept most of their value first, (k, b)."""
    padding = relaxed.start <= 0.0
    efficiency = np.where(padding, -1.0, relaxed.end / np.where(padding, 1.0, relaxed.start))
    return np.argsort(-efficiency, axis=0, kind="stable")


def raw_score(
    relaxed: Relaxed, probe_minutiae: int, counts: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Score of each finger from its relaxed pairs, float64 (b,).

    The mean of the best, divided by the minutiae of the larger print: chance offers a large print
    more pairs that agree. Then the fourth root, since each of the iterations has multiplied a value
    by the share of pairs that support it.

    Args:
        counts: minutiae of each gallery finger, (b,).
    """
    larger = np.maximum(np.maximum(counts, probe_minutiae), 1)
    mean = mean_of_best(relaxed, TOP_COUNTS[np.minimum(counts, probe_minutiae)])
    return np.asarray(np.sqrt(np.sqrt(mean / larger)))


def mean_of_best(relaxed: Relaxed, top: NDArray[np.int32]) -> NDArray[np.float64]:
    """Mean value of the `top` most efficient pairs; pairs that are lacking count as 0."""
    # Padding comes last in this order, and its value is 0.
    order = by_efficiency(relaxed)[: int(top.max(initial=0))]
    best = np.take_along_axis(relaxed.end, order, axis=0)
    total = np.zeros(len(top))
    for rank, value in enumerate(best):
        total = total + np.where(rank < top, value, 0.0)
    return total / top

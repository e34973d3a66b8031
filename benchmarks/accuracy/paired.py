"""Paired bootstrap: is one matcher better than another, on the very same pairs?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordinator.evaluate.metrics import (
    ErrorCounts,
    equal_error_rate,
    fnmr_at_fmr,
    interval,
)

REPLICATES = 1000
SEED = 20260101
METRICS = ("eer", "fnmr_at_fmr_0.001")


def paired_intervals(
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    genuine: NDArray[np.bool_],
    clusters: Mapping[str, NDArray[np.intp]],
    *,
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> dict[str, Any]:
    """95 % intervals of (theirs - ours), by kind of cluster and metric.

    Clusters (fingers or persons) are drawn with replacement and both matchers are judged on the
    same draw (subset bootstrap: Bolle, Ratha, Pankanti, CVIU 93, 2004). A pair counts as often
    as the product of how often its two clusters were drawn; within one cluster, as often as that
    was. Draws that leave no genuine pair, or fewer impostor pairs than FMR 0.1 % resolves, are
    drawn again.

    Args:
        ours: scores (m,).
        theirs: of the same pairs, (m,).
        genuine: which pairs are, (m,).
        clusters: numbers of the two clusters of each pair, (m, 2), by kind.
    """
    return {
        kind: _intervals(_Weighed(ours, genuine), _Weighed(theirs, genuine), of, replicates, seed)
        for kind, of in clusters.items()
    }


def excludes_zero(intervals: Mapping[str, Any], metric: str) -> int:
    """1 where theirs is worse than ours by every kind of cluster, -1 where better, else 0."""
    bounds = [of[metric] for of in intervals.values()]
    if all(low > 0 for low, _ in bounds):
        return 1
    return -1 if all(high < 0 for _, high in bounds) else 0


class _Weighed:
    """Scores whose errors are counted again and again under other weights."""

    def __init__(self, scores: NDArray[np.float64], genuine: NDArray[np.bool_]) -> None:
        self._genuine = genuine
        distinct, place = np.unique(scores, return_inverse=True)
        self._places = place[genuine], place[~genuine]
        self._thresholds = np.append(distinct, np.inf)

    def errors(self, weights: NDArray[np.float64]) -> ErrorCounts:
        """As `count_errors` would count them."""
        size = len(self._thresholds)
        of_genuine = np.bincount(self._places[0], weights[self._genuine], minlength=size)
        of_impostor = np.bincount(self._places[1], weights[~self._genuine], minlength=size)
        return ErrorCounts(
            self._thresholds,
            np.concatenate([[0.0], np.cumsum(of_genuine)[:-1]]),
            np.cumsum(of_impostor[::-1])[::-1].astype(np.float64),
            float(of_genuine.sum()),
            float(of_impostor.sum()),
        )


def _intervals(
    ours: _Weighed, theirs: _Weighed, clusters: NDArray[np.intp], replicates: int, seed: int
) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    names, numbers = np.unique(clusters, return_inverse=True)
    first, second = numbers.reshape(clusters.shape).T
    differences: dict[str, list[float]] = {metric: [] for metric in METRICS}
    while len(differences["eer"]) < replicates:
        drawn = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        times = drawn.astype(np.float64)
        weights = np.where(first == second, times[first], times[first] * times[second])
        both = [side.errors(weights) for side in (ours, theirs)]
        if not both[0].genuine or not both[0].impostor:
            continue
        rates = [fnmr_at_fmr(counts, 0.001) for counts in both]
        if rates[0] is None or rates[1] is None:
            continue
        differences["fnmr_at_fmr_0.001"].append(rates[1] - rates[0])
        equal = [equal_error_rate(counts).rate for counts in both]
        differences["eer"].append(equal[1] - equal[0])
    return {metric: list(interval(values)) for metric, values in differences.items()}

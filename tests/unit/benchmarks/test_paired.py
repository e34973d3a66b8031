"""Differences of two matchers on the same draws."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.accuracy.paired import excludes_zero, paired_intervals
from benchmarks.accuracy.pairs import within

PAIRS = within([str(k // 8) for k in range(80)])
METRICS = ("eer", "fnmr_at_fmr_0.001")


def scores(apart: float, seed: int = 5) -> NDArray[np.float64]:
    """Genuine scores so many deviations above impostor ones."""
    noise = np.random.default_rng(seed).normal(size=len(PAIRS))
    return np.asarray(noise + apart * PAIRS.genuine)


def intervals(
    ours: NDArray[np.float64], theirs: NDArray[np.float64]
) -> dict[str, dict[str, list[float]]]:
    return paired_intervals(ours, theirs, PAIRS.genuine, {"fingers": PAIRS.fingers}, replicates=100)


@pytest.mark.parametrize("metric", METRICS)
def test_a_matcher_never_differs_from_itself(metric: str) -> None:
    found = intervals(scores(3.0), scores(3.0))
    assert found["fingers"][metric] == [0.0, 0.0]
    assert excludes_zero(found, metric) == 0


@pytest.mark.parametrize("metric", METRICS)
def test_only_the_order_of_scores_counts(metric: str) -> None:
    assert intervals(scores(3.0), np.exp(scores(3.0)))["fingers"][metric] == [0.0, 0.0]


@pytest.mark.parametrize("metric", METRICS)
def test_a_much_worse_matcher_is_told(metric: str) -> None:
    worse = intervals(scores(6.0), scores(1.0))
    better = intervals(scores(1.0), scores(6.0))
    assert excludes_zero(worse, metric) == 1
    assert excludes_zero(better, metric) == -1
    low, high = worse["fingers"][metric]
    assert [-high, -low] == pytest.approx(better["fingers"][metric])


def test_every_kind_of_cluster_must_agree() -> None:
    sure, unsure = {"eer": [0.01, 0.02]}, {"eer": [-0.01, 0.02]}
    assert excludes_zero({"fingers": sure, "persons": sure}, "eer") == 1
    assert excludes_zero({"fingers": sure, "persons": unsure}, "eer") == 0


def test_one_cluster_for_all_gives_the_difference_itself() -> None:
    one = {"persons": np.zeros_like(PAIRS.fingers)}
    found = paired_intervals(scores(6.0), scores(1.0), PAIRS.genuine, one, replicates=3)
    low, high = found["persons"]["eer"]
    assert low == high > 0

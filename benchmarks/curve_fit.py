"""Calibration curves: quantiles of the impostors observed, then a fitted tail.

The tail is that of peaks over a threshold: what exceeds a high threshold tends to a generalised
Pareto distribution, whatever the distribution of the whole (J. Pickands, "Statistical inference
using extreme order statistics", Annals of Statistics 3, 1975; S. Coles, "An Introduction to
Statistical Modeling of Extreme Values", Springer 2001, chapter 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.matching.calibration import SCORE_MAX, Curve

THRESHOLD_SHARE = 0.01
"""Share of the impostors that lie above the threshold of the tail."""

EXCEEDANCES_MIN = 30
"""A tail is not fitted on fewer: the 30 errors that a rate should rest on (G. R. Doddington et
al., "The NIST speaker recognition evaluation", Speech Communication 31, 2000)."""

KNOTS_PER_DECADE = 8
DECADE = 10.0
"""Score units in which impostors become ten times rarer."""


@dataclass(frozen=True, slots=True)
class Tail:
    """How excesses over a threshold are distributed: P(X > y) = (1 + shape y / scale)^(-1 / shape).

    Attributes:
        threshold: value from which the tail is fitted.
        exceedances: impostors above it.
        scale: of the excess, in its units; its mean where the shape is 0.
        shape: 0 (exponential) or more (heavier).
        free_shape: as estimated, below 0 where the tail is lighter than exponential.
    """

    threshold: float
    exceedances: int
    scale: float
    shape: float
    free_shape: float

    def excess(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Excess that is so many score units rarer than the threshold."""
        rarer = score / DECADE * np.log(10.0)
        if self.shape == 0.0:
            return np.asarray(self.scale * rarer)
        return np.asarray(self.scale / self.shape * np.expm1(self.shape * rarer))


def fit_tail(impostors: NDArray[np.float64], share: float = THRESHOLD_SHARE) -> Tail:
    """The tail of some values, by probability-weighted moments.

    J. R. M. Hosking, J. R. Wallis, "Parameter and quantile estimation for the generalized Pareto
    distribution", Technometrics 29, 1987. A shape below 0, which would claim that no impostor
    passes some value, is taken for 0: an exponential of the same mean excess.

    Raises:
        ValueError: where fewer than `EXCEEDANCES_MIN` exceed the threshold.
    """
    count = round(share * len(impostors))
    if count < EXCEEDANCES_MIN:
        raise ValueError(f"{count} values above the threshold, expected {EXCEEDANCES_MIN}")
    largest = np.sort(np.partition(impostors, -count - 1)[-count - 1 :])
    threshold = float(largest[0])
    excess = largest[1:] - threshold
    mean = float(excess.mean())
    # Mean of excess times the share that exceeds it, for which Hosking and Wallis write a1.
    weighted = float((excess * (count - 1 - np.arange(count)) / (count - 1)).mean())
    free_shape = 2.0 - mean / (mean - 2.0 * weighted)
    if free_shape <= 0.0:
        return Tail(threshold, count, mean, 0.0, free_shape)
    scale = 2.0 * mean * weighted / (mean - 2.0 * weighted)
    return Tail(threshold, count, scale, free_shape, free_shape)


def fit_curve(impostors: NDArray[np.float64]) -> Curve:
    """The calibration curve of impostor values, (n,)."""
    ordered = np.sort(impostors)
    n, tail = len(ordered), fit_tail(ordered)
    decades = float(np.log10(n / tail.exceedances))
    shares = 10.0 ** -np.linspace(0.0, decades, round(decades * KNOTS_PER_DECADE) + 1)
    at = np.minimum((n - np.rint(shares * n)).astype(np.intp), n - tail.exceedances - 1)
    values, first = np.unique(ordered[at], return_index=True)
    scores = -DECADE * np.log10((n - at[first]) / n)
    # Straight between knots, and straight on, lies below a tail that flattens: it claims less.
    knots = round((SCORE_MAX - scores[-1]) / DECADE * KNOTS_PER_DECADE)
    rarer = np.linspace(0.0, SCORE_MAX - scores[-1], knots + 1)[1:]
    values = np.append(values, tail.threshold + tail.excess(rarer))
    scores = np.append(scores, scores[-1] + rarer)
    slope = float((scores[-1] - scores[-2]) / (values[-1] - values[-2]))
    return Curve(values, scores, slope, limit=float(DECADE * np.log10(n)))


def stretched(curve: Curve, factor: float) -> Curve:
    """The curve of impostors whose values are `factor` times as large."""
    return Curve(curve.values * factor, curve.scores, curve.slope / factor, curve.limit)

"""Error rates of a comparison experiment; functions of scores, nothing else.

A comparison at threshold t is accepted when its score is at least t. FMR is the share of
impostor comparisons accepted, FNMR the share of genuine ones not accepted (ISO/IEC
19795-1:2021, 3.27 and 3.28; a failure to extract has the lowest score).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

_ROUNDING = 1e-9
"""FMR targets are decimal fractions: 0.001 of 3,000 impostors is three, whatever binary says."""


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """Errors at every threshold where one of the counts changes; arrays (m,).

    Attributes:
        thresholds: ascending; every score that occurs, and infinity.
        lost: weight of the genuine comparisons below each threshold.
        accepted: weight of the impostor comparisons at or above each.
        genuine: their whole weight; without weights their number.
        impostor: the same.
    """

    thresholds: NDArray[np.float64]
    lost: NDArray[np.float64]
    accepted: NDArray[np.float64]
    genuine: float
    impostor: float

    @property
    def fnmr(self) -> NDArray[np.float64]:
        """False non-match rate at each threshold."""
        return self.lost / self.genuine

    @property
    def fmr(self) -> NDArray[np.float64]:
        """False match rate at each threshold."""
        return self.accepted / self.impostor


@dataclass(frozen=True, slots=True)
class EqualErrorRate:
    """Where FMR and FNMR meet.

    Attributes:
        rate: their mean at `threshold`.
        lost: genuine comparisons lost there.
        accepted: impostor comparisons accepted there.
    """

    rate: float
    threshold: float
    lost: float
    accepted: float


def count_errors(
    genuine: NDArray[np.float64],
    impostor: NDArray[np.float64],
    genuine_weights: NDArray[np.float64] | None = None,
    impostor_weights: NDArray[np.float64] | None = None,
) -> ErrorCounts:
    """Errors at every threshold.

    Args:
        genuine: scores (g,), at least one.
        impostor: scores (i,), at least one.
        genuine_weights: how often each counts; once by default.
        impostor_weights: the same.
    """
    if not len(genuine) or not len(impostor):
        raise ValueError("expected at least one genuine and one impostor score")
    thresholds = np.unique(np.concatenate([genuine, impostor, [np.inf]]))
    at = _by_threshold(thresholds, genuine, genuine_weights)
    lost = np.concatenate([[0.0], np.cumsum(at)[:-1]])
    from_here = _by_threshold(thresholds, impostor, impostor_weights)
    accepted = np.cumsum(from_here[::-1])[::-1]
    return ErrorCounts(thresholds, lost, accepted, float(at.sum()), float(from_here.sum()))


def _by_threshold(
    thresholds: NDArray[np.float64],
    scores: NDArray[np.float64],
    weights: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """Weight of the scores equal to each threshold."""
    place = np.searchsorted(thresholds, scores)
    counted = np.bincount(place, weights, minlength=len(thresholds))
    return counted.astype(np.float64)


def fnmr_at_fmr(counts: ErrorCounts, fmr: float) -> float | None:
    """FNMR at the lowest threshold whose FMR is at most `fmr`.

    None where there are fewer than 1/`fmr` impostor comparisons: zero of them accepted would
    then say nothing about that rate.
    """
    if counts.impostor * fmr < 1.0 - _ROUNDING:
        return None
    allowed = counts.accepted <= counts.impostor * fmr + _ROUNDING
    return float(counts.lost[int(np.argmax(allowed))] / counts.genuine)


def equal_error_rate(counts: ErrorCounts) -> EqualErrorRate:
    """The equal error rate as the Fingerprint Verification Competitions define it.

    Between the last threshold at which FNMR does not exceed FMR and the first at which it is
    not below it, the one with the smaller sum of errors (Maio, Maltoni, Cappelli, Wayman, Jain,
    "FVC2000: Fingerprint Verification Competition", IEEE TPAMI 24(3), 2002, section 4).
    """
    fmr, fnmr = counts.fmr, counts.fnmr
    after = int(np.argmax(fnmr >= fmr))
    before = int(np.flatnonzero(fnmr <= fmr)[-1]) if fnmr[0] <= fmr[0] else after
    at = before if fmr[before] + fnmr[before] <= fmr[after] + fnmr[after] else after
    return EqualErrorRate(
        rate=float((fmr[at] + fnmr[at]) / 2.0),
        threshold=float(counts.thresholds[at]),
        lost=float(counts.lost[at]),
        accepted=float(counts.accepted[at]),
    )


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Central interval that holds `level` of the values."""
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(np.asarray(values), [tail, 100.0 - tail])
    return float(low), float(high)


def binomial_interval(count: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a share (C. J. Clopper and E. S. Pearson, Biometrika 26, 1934)."""
    if not 0 <= count <= total or total == 0:
        raise ValueError(f"expected 0 <= count <= total, got {count} of {total}")
    tail = (1.0 - level) / 2.0
    low = 0.0 if count == 0 else float(beta.ppf(tail, count, total - count + 1))
    high = 1.0 if count == total else float(beta.ppf(1.0 - tail, count + 1, total - count))
    return low, high


def fnir_at_fpir(
    mated: NDArray[np.float64], nonmated: NDArray[np.float64], fpir: float
) -> float | None:
    """FNIR at the lowest threshold at which at most `fpir` of non-mated searches return anybody.

    Args:
        mated: score of the mate in each mated search; minus infinity where it was not found.
        nonmated: best score of each non-mated search; minus infinity where nothing was found.

    Returns:
        Share of mated searches whose mate scores below; None below 1/len(nonmated).
    """
    if not len(mated) or not len(nonmated):
        return None
    if len(nonmated) * fpir < 1.0 - _ROUNDING:
        return None
    allowed = math.floor(len(nonmated) * fpir + _ROUNDING)
    highest_refused = np.sort(nonmated)[::-1][allowed] if allowed < len(nonmated) else -np.inf
    found = (mated > highest_refused) & (mated > -np.inf)
    return float(1.0 - found.mean())

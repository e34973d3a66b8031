"""Rates of searches in pairs, with the person in the gallery and without, and their intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.enrolled_gallery import Searched
from coordinator.evaluate.metrics import count_errors, fnmr_at_fmr, interval
from workers.matching.parameters import PARAMETERS

FPIRS = ("0.01", "0.001")
RESOLVED = 3
"""Searches without their person that must be allowed to find somebody before a rate is stated:
none seen in 3/p searches bounds a rate by p (95 %)."""

THRESHOLDS = {"likely": PARAMETERS.thresholds.likely, "possible": PARAMETERS.thresholds.possible}

Weights = NDArray[np.float64]


def rates(found: Sequence[Searched], resampled: Iterable[Weights]) -> dict[str, Any]:
    """What the searches came to.

    Args:
        found: at least one pair of searches.
        resampled: how often each counts in each resampling, (len(found),); those in which none
            counts are left out.

    Returns:
        Shares with their intervals, null where the searches are too few; `missed` are persons
        who were there and not found, `false` searches that found somebody though they were not.
    """
    place = np.array([math.inf if f.place is None else f.place for f in found])
    mate = np.array([f.mate for f in found])
    stranger = np.array([f.stranger for f in found])
    replicates = [weights for weights in resampled if weights.any()]

    def share(of: Callable[[Weights], float | None]) -> dict[str, Any]:
        drawn = [value for weights in replicates if (value := of(weights)) is not None]
        return {"share": of(np.ones(len(found))), "interval": interval(drawn)}

    def mean(event: NDArray[np.bool_]) -> dict[str, Any]:
        return share(lambda weights: float(np.average(event, weights=weights)))

    def missed_at(fpir: float) -> dict[str, Any] | None:
        if len(found) * fpir < RESOLVED:
            return None
        return share(lambda weights: fnir(mate, stranger, fpir, weights))

    return {
        "not_first": mean(place > 0),
        "missed_at_fpir": {fpir: missed_at(float(fpir)) for fpir in FPIRS},
        "at_threshold": {
            name: {"missed": mean(mate < score), "false": mean(stranger >= score)}
            for name, score in THRESHOLDS.items()
        },
        "exhaustive": _exhaustive(found),
    }


def fnir(
    mate: NDArray[np.float64], stranger: NDArray[np.float64], fpir: float, weights: Weights
) -> float | None:
    """FNIR at the lowest threshold at which at most `fpir` of the non-mated searches find anybody.

    `coordinator.evaluate.metrics.fnir_at_fpir` with weights.
    """
    return fnmr_at_fmr(count_errors(mate, stranger, weights, weights), fpir)


def _exhaustive(found: Sequence[Searched]) -> dict[str, Any] | None:
    """Persons missed at each threshold with the sketch and without; None where it was not used."""
    pairs = [(f.mate, f.mate_exhaustive) for f in found if f.mate_exhaustive is not None]
    if not pairs:
        return None
    sketched, exhaustive = np.array(pairs).T
    return {
        "searches": len(pairs),
        **{
            name: {
                "missed_sketched": int((sketched < score).sum()),
                "missed_exhaustive": int((exhaustive < score).sum()),
            }
            for name, score in THRESHOLDS.items()
        },
    }

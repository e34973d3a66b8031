"""Shares of impostors that reach the score of a claimed false match rate, and their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.curve_fit import DECADE

REPLICATES = 200
SEED = 7111

Scores = NDArray[np.float64]
Rates = NDArray[np.float64]


def reached(scores: Scores, claimed: Sequence[float]) -> NDArray[np.bool_]:
    """Whether each score reaches that of each claimed rate, (claims, *scores)."""
    return np.array([scores >= -DECADE * np.log10(rate) for rate in claimed])


def rates(scores: Scores, claimed: Sequence[float]) -> Rates:
    """Share of the scores that reach each claimed rate, (claims,)."""
    return np.asarray(reached(scores.ravel(), claimed).mean(axis=1))


def counted(scores: Scores, claimed: Sequence[float]) -> dict[str, Any]:
    """How many scores there are, how many of them reach each claimed rate, and the highest."""
    count = reached(scores.ravel(), claimed).sum(axis=1)
    return {
        "impostors": scores.size,
        "false_matches": count.tolist(),
        "measured": (count / scores.size).tolist(),
        "highest": float(scores.max()),
    }


def over_fingers(
    scores: Scores, fingers: NDArray[np.intp], claimed: Sequence[float]
) -> list[list[float]]:
    """95 % interval of each rate, fingers drawn with replacement.

    Args:
        fingers: numbers of the two fingers of each comparison, (n, 2).
    """
    rng = np.random.default_rng(SEED)
    which = reached(scores, claimed)
    count = int(fingers.max()) + 1
    drawn: list[Rates] = []
    while len(drawn) < REPLICATES:
        times = np.bincount(rng.integers(count, size=count), minlength=count).astype(np.float64)
        weights = times[fingers[:, 0]] * times[fingers[:, 1]]
        if weights.any():
            drawn.append((which * weights).sum(axis=1) / weights.sum())
    return interval(drawn)


def over_persons(scores: Scores, claimed: Sequence[float]) -> list[list[float]]:
    """95 % interval of each rate, persons of both sides drawn with replacement.

    Args:
        scores: of each part of the fingers, by person of the probe and of the gallery, (s, p, g).
    """
    rng = np.random.default_rng(SEED)
    share = reached(scores, claimed).mean(axis=1)
    p, g = share.shape[1:]
    drawn = []
    for _ in range(REPLICATES):
        probes = np.bincount(rng.integers(p, size=p), minlength=p) / p
        gallery = np.bincount(rng.integers(g, size=g), minlength=g) / g
        drawn.append(np.asarray(probes @ share @ gallery))
    return interval(drawn)


def interval(drawn: Sequence[Rates]) -> list[list[float]]:
    """95 % interval of each rate from replicates (claims,)."""
    bounds: list[list[float]] = np.percentile(drawn, [2.5, 97.5], axis=0).T.tolist()
    return bounds

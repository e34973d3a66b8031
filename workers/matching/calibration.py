"""What a score is worth: -10 log10 of the share of impostors that score as high.

Fitted on generated persons (`benchmarks/fit_calibration.py`): the distribution of one finger's
raw score against impostors, stretched until real impostors score no higher, and, for each number
of common fingers, that of the fused score of whole persons, since the fingers of one person are
not independent. Up to a threshold the curve is quantiles of the impostors observed; above, a
fitted tail. What ships is the curve, never a template.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import FingerPosition
from workers.matching.parameters import CALIBRATION_FILE, data_file

CHANCE_EVIDENCE = 10.0 / math.log(10.0)
"""Mean of -10 log10(U) for a uniform U: what an impostor finger scores on average."""

SCORE_MAX = 120.0
"""Scores are not reported above: one in a million million pairs is beyond any evidence."""


@dataclass(frozen=True, slots=True)
class CalibratedScore:
    """A score in terms of false matches.

    Attributes:
        score: -10 log10(FMR), 0 to `SCORE_MAX`; 40 is one impostor comparison in 10,000.
        extrapolated: whether it lies above all impostors that the curve was fitted on.
    """

    score: float
    extrapolated: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """Score as a function of a value that grows with likeness.

    Attributes:
        values: knots, ascending, (m,).
        scores: -10 log10 of the share of impostors at or above each knot, (m,), from 0.
        slope: above the last knot, score units per unit of value.
        limit: score up to which there is evidence: one of the impostors observed.
    """

    values: NDArray[np.float64]
    scores: NDArray[np.float64]
    slope: float
    limit: float

    def at(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score at each value, without bound above."""
        beyond = np.maximum(values - self.values[-1], 0.0)
        return np.asarray(np.interp(values, self.values, self.scores) + beyond * self.slope)


def calibrate(
    fused_score: float, positions: Collection[FingerPosition | int], *, encounters: int = 1
) -> CalibratedScore:
    """Calibrated score of a comparison of two persons.

    Args:
        fused_score: of `workers.matching.fuse.fuse`; the best over the subject's encounters.
        positions: the fingers that both sides have.
        encounters: of the subject; the best of several impostor comparisons scores higher
            than one, by the number of tries (Bonferroni).
    """
    if not positions:
        return CalibratedScore(0.0, extrapolated=False)
    curve = person_curve(len(set(positions)))
    one = float(curve.at(np.array([fused_score]))[0])
    return _bounded(one - 10.0 * math.log10(max(encounters, 1)), one > curve.limit)


def calibrate_finger(raw_score: float) -> CalibratedScore:
    """Calibrated score of a comparison of two fingers."""
    curve = _curves()[0]
    score = float(curve.at(np.array([raw_score]))[0])
    return _bounded(score, score > curve.limit)


def _bounded(score: float, extrapolated: bool) -> CalibratedScore:
    return CalibratedScore(min(max(score, 0.0), SCORE_MAX), extrapolated)


def finger_curve() -> Curve:
    """The curve of one finger's raw score."""
    return _curves()[0]


def person_curve(fingers: int) -> Curve:
    """The curve of the fused score of persons with so many common fingers, 1 to 10."""
    return _curves()[fingers]


def expected_false_candidates(score: float, gallery_subjects: int) -> float:
    """False candidates to expect at or above `score` in one search of so many subjects."""
    return float(gallery_subjects * 10.0 ** (-score / 10.0))


@cache
def _curves() -> tuple[Curve, ...]:
    """Index 0: raw score of one finger; index k: fused score of k common fingers."""
    with np.load(BytesIO(data_file(CALIBRATION_FILE))) as data:
        count = int(data["curves"])
        return tuple(
            Curve(
                data[f"values_{i}"],
                data[f"scores_{i}"],
                float(data["slopes"][i]),
                float(data["limits"][i]),
            )
            for i in range(count)
        )

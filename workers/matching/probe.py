"""A probe made ready: each minutia knows how alike impostors look to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from workers.errors import ErrorCode, RidgelineError
from workers.matching.cohort import load_cohort
from workers.matching.parameters import PARAMETERS, descriptor_hash
from workers.matching.screen import SHIFT, SIZE_BIN_SHIFT, SIZE_BINS, UNIT, average_best
from workers.matching.similarity import probe_features
from workers.matching.sketch import Level, probe_row
from workers.matching.template import EncounterTemplate, FingerTemplate, finger_mask

_P = PARAMETERS.screen


@dataclass(frozen=True, slots=True)
class ProbeFinger:
    """One print of a probe, n minutiae, with its impostor statistics in fixed point.

    Attributes:
        template: the print.
        minutia_mean: mean best similarity over the cohort, int32 (n,).
        minutia_inverse: 256 * 2**12 / deviation of the same, int32 (n,).
        score_mean: expected screen average against impostors by the gallery finger's number
            of minutiae, int32 (SIZE_BINS,), 1/256 deviations.
        score_inverse: 256 * 2**12 / deviation of the same.
    """

    template: FingerTemplate
    minutia_mean: NDArray[np.int32]
    minutia_inverse: NDArray[np.int32]
    score_mean: NDArray[np.int32]
    score_inverse: int


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe ready to be compared; made once, sent to every shard.

    Attributes:
        template: what it was made from.
        fingers: in the order of the template.
        sketch: the person as a weighted row of each level, int8 (level.width,).
    """

    template: EncounterTemplate
    fingers: tuple[ProbeFinger, ...]
    sketch: Mapping[Level, NDArray[np.int8]]

    @property
    def fingers_mask(self) -> int:
        """Bit p - 1 for each position p of the probe."""
        return finger_mask(self.template)

    @property
    def finger_count(self) -> int:
        """Positions, whatever their impressions."""
        return self.fingers_mask.bit_count()


def prepare_probe(template: EncounterTemplate) -> Probe:
    """Measures a probe against the cohort, about 2 ms a finger.

    Raises:
        RidgelineError: PARAMETERS_MISMATCH when the template was described with others.
    """
    require_same_parameters(template)
    cohort = load_cohort().sketches
    return Probe(
        template,
        tuple(prepare_finger(finger) for finger in template.fingers),
        {level: probe_row(template, level, cohort) for level in Level},
    )


def prepare_finger(finger: FingerTemplate) -> ProbeFinger:
    """One print of a probe with its impostor statistics."""
    cohort = load_cohort()
    best = cohort.best_similarities(probe_features(finger))
    mean = np.rint(best.mean(axis=0)).astype(np.int32)
    minutia_inverse = _inverse(_deviation(best), _P.deviation_floor)
    prepared = ProbeFinger(
        finger, mean, minutia_inverse, score_mean=np.zeros(SIZE_BINS, np.int32), score_inverse=0
    )
    average = average_best(best.astype(np.int32), cohort.counts, prepared)
    by_size, deviation = _score_by_size(average, cohort.counts)
    inverse = int(_inverse(np.array([deviation]), _P.score_deviation_floor)[0])
    return replace(prepared, score_mean=by_size, score_inverse=inverse)


def require_same_parameters(template: EncounterTemplate) -> None:
    """Raises PARAMETERS_MISMATCH unless the template can be compared with ours."""
    if template.parameters_hash != descriptor_hash():
        raise RidgelineError(
            ErrorCode.PARAMETERS_MISMATCH,
            f"template was described with parameters {template.parameters_hash[:12]}, "
            f"this matcher has {descriptor_hash()[:12]}",
        )


def _deviation(values: NDArray[np.int64]) -> NDArray[np.float64]:
    """Deviation down the columns; integer sums, so that it does not depend on their order."""
    n = len(values)
    total, squares = values.sum(axis=0), (values * values).sum(axis=0)
    return np.asarray(np.sqrt((squares * n - total * total).astype(np.float64)) / n)


def _inverse(deviation: NDArray[np.float64], floor: int) -> NDArray[np.int32]:
    return np.rint((UNIT << SHIFT) / np.maximum(deviation, floor)).astype(np.int32)


def _score_by_size(
    average: NDArray[np.int32], counts: NDArray[np.intp]
) -> tuple[NDArray[np.int32], float]:
    """Straight line of the impostor average over log2 of the gallery finger's minutiae.

    Returns:
        The line at the middle of each size bin, and the deviation about it.
    """
    size = np.log2(counts.astype(np.float64))
    spread = size - size.mean()
    slope = float((spread * average).sum() / (spread * spread).sum())
    rest = average - average.mean() - slope * spread
    middles = (np.arange(SIZE_BINS) << SIZE_BIN_SHIFT) + (1 << SIZE_BIN_SHIFT) / 2
    line = average.mean() + slope * (np.log2(middles) - size.mean())
    return np.rint(line).astype(np.int32), float(np.sqrt((rest * rest).mean()))

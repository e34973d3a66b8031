"""One print against one: genuine and impostor pairs of a set, and their error rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordinator.evaluate.bootstrap import REPLICATES, SEED, finger_numbers, resampled_errors
from coordinator.evaluate.dataset import Scan, read_dataset
from coordinator.evaluate.extractions import ExtractionCache, extract_all
from coordinator.evaluate.metrics import (
    ErrorCounts,
    count_errors,
    equal_error_rate,
    fnmr_at_fmr,
    interval,
)
from coordinator.progress import Track
from workers.biometrics.extraction import extraction_version
from workers.biometrics.model import FingerPosition, FingerSample, Impression, Minutiae
from workers.biometrics.quality import QualityGate
from workers.errors import ErrorCode, RidgelineError
from workers.matching.calibration import calibrate_finger
from workers.matching.descriptor import describe_finger
from workers.matching.parameters import parameters_hash
from workers.matching.template import FingerTemplate
from workers.matching.verify import compare_all

FMRS = ("0.01", "0.001", "0.0001")
"""False match rates at which FNMR is reported; keys of the result."""

FAILED_SCORE = 0.0
"""Of a comparison with a print that failed to extract; no comparison scores lower."""


@dataclass(frozen=True, slots=True)
class PairScores:
    """Scores of all pairs i < j of a set.

    Attributes:
        scores: raw consolidated score, (n (n - 1) / 2,).
        first: index of the first print of each pair.
        second: of the second.
    """

    scores: NDArray[np.float64]
    first: NDArray[np.intp]
    second: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """An evaluation; `report` is what is printed and written, `counts` what is drawn."""

    report: dict[str, Any]
    counts: ErrorCounts


def evaluate_verification(
    directory: Path, *, resolution_ppi: float | None, cache: ExtractionCache, track: Track
) -> VerificationResult:
    """Extracts a set and compares all its pairs.

    Raises:
        RidgelineError: INVALID_FIELD where the folder is no set, has no genuine or no impostor
            pair, or where a file's resolution is not known.
    """
    scans = read_dataset(directory)
    found = extract_all(
        [scan.path for scan in scans], resolution_ppi=resolution_ppi, cache=cache, track=track
    )
    templates = [usable_template(minutiae) for minutiae in found]
    pairs = _compare_pairs(templates, track)
    fingers = finger_numbers([scan.finger for scan in scans])
    mated = fingers[pairs.first] == fingers[pairs.second]
    if not mated.any() or mated.all():
        raise RidgelineError(
            ErrorCode.INVALID_FIELD,
            "expected at least two fingers, and two prints of one of them",
            field="dataset",
        )
    counts = count_errors(pairs.scores[mated], pairs.scores[~mated])
    failed = [s.path.name for s, t in zip(scans, templates, strict=True) if t is None]
    report: dict[str, Any] = {
        "dataset": directory.resolve().name,
        "resolution_ppi": resolution_ppi,
        "images": len(scans),
        "fingers": int(fingers.max()) + 1,
        "failures_to_extract": len(failed),
        "failed_images": failed,
        **_rates(counts),
        "intervals": _intervals(pairs, fingers, mated),
        "first_impression_impostors": _first_impressions(scans, pairs, mated),
        "extraction": extraction_version(),
        "parameters_hash": parameters_hash(),
    }
    return VerificationResult(report, counts)


def usable_template(minutiae: Minutiae | None) -> FingerTemplate | None:
    """The template of an extraction; None where it failed or the quality gate refuses it."""
    if minutiae is None:
        return None
    # Positions and impressions are not looked at when two prints are compared.
    sample = FingerSample(FingerPosition.RIGHT_INDEX, Impression.PLAIN, minutiae, None, "")
    return describe_finger(sample) if QualityGate().passes(sample) else None


def _compare_pairs(templates: Sequence[FingerTemplate | None], track: Track) -> PairScores:
    n = len(templates)
    first, second = np.triu_indices(n, 1)
    scores = np.full((n, n), FAILED_SCORE)
    for i in track(range(n), description="Comparing pairs", total=n):
        probe = templates[i]
        others = [(j, other) for j in range(i + 1, n) if (other := templates[j]) is not None]
        if probe is not None and others:
            scores[i, [j for j, _ in others]] = compare_all(probe, [t for _, t in others])
    return PairScores(scores[first, second], first.astype(np.intp), second.astype(np.intp))


def _rates(counts: ErrorCounts) -> dict[str, Any]:
    equal = equal_error_rate(counts)
    finite = math.isfinite(equal.threshold)
    return {
        "genuine": round(counts.genuine),
        "impostor": round(counts.impostor),
        "eer": equal.rate,
        "at_eer_threshold": {
            "genuine_lost": round(equal.lost),
            "impostors_accepted": round(equal.accepted),
            "raw_score": equal.threshold if finite else None,
            "score": calibrate_finger(equal.threshold).score if finite else None,
        },
        "fnmr_at_fmr": {fmr: fnmr_at_fmr(counts, float(fmr)) for fmr in FMRS},
    }


def _first_impressions(
    scans: Sequence[Scan], pairs: PairScores, mated: NDArray[np.bool_]
) -> dict[str, Any]:
    """Rates with FVC's impostors: the first impression of each finger against each other's."""
    lowest: dict[str, int] = {}
    for scan in scans:
        lowest[scan.finger] = min(scan.number, lowest.get(scan.finger, scan.number))
    is_first = np.array([scan.number == lowest[scan.finger] for scan in scans])
    chosen = ~mated & is_first[pairs.first] & is_first[pairs.second]
    return _rates(count_errors(pairs.scores[mated], pairs.scores[chosen]))


def _intervals(
    pairs: PairScores, fingers: NDArray[np.intp], mated: NDArray[np.bool_]
) -> dict[str, Any]:
    both = np.stack([fingers[pairs.first], fingers[pairs.second]], axis=1)
    resampled = list(
        resampled_errors(pairs.scores[mated], both[mated, 0], pairs.scores[~mated], both[~mated])
    )
    resolvable = [fmr for fmr in FMRS if (~mated).sum() * float(fmr) >= 1.0]
    rates = {
        fmr: [r for c in resampled if (r := fnmr_at_fmr(c, float(fmr))) is not None]
        for fmr in resolvable
    }
    return {
        "method": f"bootstrap over fingers, {REPLICATES} replicates, seed {SEED}; 0 to 0 says only "
        "that no error was seen",
        "level": 0.95,
        "eer": interval([equal_error_rate(c).rate for c in resampled]),
        "fnmr_at_fmr": {fmr: interval(rates[fmr]) if rates.get(fmr) else None for fmr in FMRS},
    }

"""Generates the impostor cohort that probes are measured against when they are prepared.

    python -m benchmarks.make_cohort

Writes `workers/matching/data/cohort.npz`: plain and rolled generated fingers, whole and cut
down, so that small and large fingers occur about equally often.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import workers.matching
from workers.biometrics.model import FINGERS, FingerSample, Impression, Minutiae
from workers.matching.descriptor import describe_finger
from workers.matching.parameters import COHORT_FILE, PARAMETERS
from workers.matching.similarity import sectors
from workers.matching.template import FingerTemplate
from workers.synthesis.templates import generate_subject

SEED = 7102
FINGERS_MADE = 160
DATA = Path(workers.matching.__file__).parent / "data"


def main() -> None:
    """Generates and writes the cohort."""
    rng = np.random.default_rng(SEED)
    limit = PARAMETERS.descriptor.gallery_minutiae_max
    fingers = [_cohort_finger(i, rng).cut(limit) for i in range(FINGERS_MADE)]
    counts = np.array([len(finger) for finger in fingers], np.uint8)
    np.savez_compressed(
        DATA / COHORT_FILE,
        descriptors=np.concatenate([finger.descriptors for finger in fingers]),
        sectors=np.concatenate([sectors(finger.angle) for finger in fingers]).astype(np.uint8),
        counts=counts,
        sketches=np.stack([finger.sketch for finger in fingers]),
    )
    print(f"{len(fingers)} fingers, {counts.sum()} minutiae, {np.percentile(counts, (0, 50, 100))}")


def _cohort_finger(number: int, rng: np.random.Generator) -> FingerTemplate:
    """One finger of one person, every second one rolled, every second of those cut down."""
    finger = FINGERS[number % 10]
    impression = Impression.ROLLED if number % 2 else Impression.PLAIN
    (sample,) = generate_subject(SEED, number, fingers=(finger,), impression=impression)
    minutiae = sample.minutiae
    if number % 4 >= 2:
        minutiae = _cut_down(minutiae, rng)
    return describe_finger(
        FingerSample(finger, impression, minutiae, nfiq2=None, source=sample.source)
    )


def _cut_down(minutiae: Minutiae, rng: np.random.Generator) -> Minutiae:
    """The part of a print around a random point that holds 10 minutiae to all of them."""
    kept = min(len(minutiae), int(10 * (len(minutiae) / 10) ** rng.random()))
    middle = int(rng.integers(len(minutiae)))
    distance = np.hypot(minutiae.x - minutiae.x[middle], minutiae.y - minutiae.y[middle])
    return minutiae.take(np.sort(np.argsort(distance, kind="stable")[:kept]))


if __name__ == "__main__":
    main()

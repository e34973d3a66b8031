"""Learns the sketch from generated prints: centres by k-means, then whitened components.

    python -m benchmarks.train_sketch

Writes `workers/matching/data/sketch.npz`. As with the projection, a new one means describing
galleries anew.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import workers.matching
from benchmarks.train_projection import whitened_components
from workers.biometrics.model import Impression
from workers.matching.descriptor import describe_minutiae
from workers.matching.parameters import PARAMETERS, SKETCH_FILE
from workers.matching.sketch import aggregate
from workers.matching.template import best_by_quality
from workers.synthesis.templates import generate_population

SEED = 7108
ROUNDS = 15
DATA = Path(workers.matching.__file__).parent / "data"

_P = PARAMETERS.sketch


def main() -> None:
    """Learns and writes centres, mean and matrix."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=600)
    parser.add_argument("--output", type=Path, default=DATA / SKETCH_FILE)
    arguments = parser.parse_args()
    prints = [
        describe_minutiae(
            sample.minutiae.take(best_by_quality(sample.minutiae.quality, _P.minutiae_max))
        ).astype(np.float32)
        for impression in Impression
        for ten_print in generate_population(SEED, arguments.subjects // 2, impression=impression)
        for sample in ten_print.samples
    ]
    rng = np.random.default_rng(SEED)
    centres = learn_centres(np.concatenate(prints[::5]), rng)
    vectors = np.stack([aggregate(print_, centres) for print_ in prints])
    mean, matrix = whitened_components(vectors, _P.dimensions)
    # Half precision is enough: what the file holds is what the sketch is.
    np.savez_compressed(
        arguments.output,
        centres=centres.astype(np.float16),
        mean=mean.astype(np.float16),
        matrix=matrix.astype(np.float16),
    )
    print(f"{len(prints)} prints of {arguments.subjects} generated persons")


def learn_centres(
    descriptors: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Spherical k-means of descriptors (n, d): unit centres (centres, d)."""
    length = np.sqrt((descriptors * descriptors).sum(axis=1, keepdims=True))
    unit = (descriptors / np.maximum(length, 1e-6))[length[:, 0] > 0]
    centres = unit[rng.choice(len(unit), _P.centres, replace=False)]
    for _ in range(ROUNDS):
        nearest = (unit @ centres.T).argmax(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, unit)
        lengths = np.sqrt((sums * sums).sum(axis=1, keepdims=True))
        # A centre that nobody is near stays where it is.
        centres = np.where(lengths > 0, sums / np.maximum(lengths, 1e-6), centres)
    return np.asarray(centres, np.float32)


if __name__ == "__main__":
    main()

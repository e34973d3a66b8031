"""Learns the descriptor's projection from generated prints: whitened principal components.

    python -m benchmarks.train_projection

Writes `workers/matching/data/projection.npz`. Templates described with another projection
cannot be compared any more, so a new one means enrolling anew.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import workers.matching
from workers.biometrics.model import Impression
from workers.matching.descriptor import cylinders
from workers.matching.parameters import PARAMETERS, PROJECTION_FILE
from workers.synthesis.templates import generate_population

SEED = 7101
DATA = Path(workers.matching.__file__).parent / "data"


def main() -> None:
    """Trains and writes the projection."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=200)
    parser.add_argument("--output", type=Path, default=DATA / PROJECTION_FILE)
    arguments = parser.parse_args()
    samples = np.concatenate(
        [
            np.sqrt(cylinders(sample.minutiae))
            for impression in Impression
            for ten_print in generate_population(
                SEED, arguments.subjects // 2, impression=impression
            )
            for sample in ten_print.samples
        ]
    )
    mean, matrix = whitened_components(samples, PARAMETERS.descriptor.dimensions)
    np.savez_compressed(arguments.output, mean=mean, matrix=matrix)
    print(f"{len(samples)} minutiae of {arguments.subjects} generated persons")


def whitened_components(
    samples: NDArray[np.float32], dimensions: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean (d,) and projection (d, dimensions) to components of unit variance."""
    mean = samples.mean(axis=0, dtype=np.float64)
    centred = samples - mean.astype(np.float32)
    values, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64) / len(samples))
    strongest = np.argsort(-values)[:dimensions]
    matrix = vectors[:, strongest] / np.sqrt(values[strongest])
    # The sign of a component is arbitrary; fix it, so that the same data give the same file.
    matrix *= np.sign(matrix[np.abs(matrix).argmax(axis=0), np.arange(dimensions)])
    return mean.astype(np.float32), matrix.astype(np.float32)


if __name__ == "__main__":
    main()

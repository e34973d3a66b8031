"""Intervals by resampling fingers or subjects: prints of one finger are not independent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from coordinator.evaluate.metrics import ErrorCounts, count_errors

REPLICATES = 1000
SEED = 20260101


def resampled_errors(
    genuine: NDArray[np.float64],
    genuine_finger: NDArray[np.intp],
    impostor: NDArray[np.float64],
    impostor_fingers: NDArray[np.intp],
    *,
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> Iterator[ErrorCounts]:
    """Errors in resampled sets (subset bootstrap: Bolle, Ratha, Pankanti, "Error analysis of
    pattern recognition systems - the subsets bootstrap", CVIU 93, 2004).

    Fingers are drawn with replacement; a comparison counts as often as the product of how often
    its fingers were drawn. Draws without any impostor pair are drawn again.

    Args:
        genuine: scores (g,).
        genuine_finger: number of the finger of each, (g,).
        impostor: scores (i,).
        impostor_fingers: numbers of the two fingers of each, (i, 2).
    """
    rng = np.random.default_rng(seed)
    fingers = int(max(genuine_finger.max(), impostor_fingers.max())) + 1
    made = 0
    while made < replicates:
        drawn = np.bincount(rng.integers(fingers, size=fingers), minlength=fingers)
        weights = drawn.astype(np.float64)
        first, second = impostor_fingers.T
        of_genuine, of_impostor = weights[genuine_finger], weights[first] * weights[second]
        if of_genuine.any() and of_impostor.any():
            made += 1
            yield count_errors(genuine, impostor, of_genuine, of_impostor)


def resampled_subjects(
    subjects: int, *, replicates: int = REPLICATES, seed: int = SEED
) -> Iterator[NDArray[np.intp]]:
    """Draws of subjects with replacement (B. Efron, "Bootstrap methods: another look at the
    jackknife", Annals of Statistics 7, 1979): the number of each one drawn, (subjects,)."""
    rng = np.random.default_rng(seed)
    for _ in range(replicates):
        yield rng.integers(subjects, size=subjects)


def finger_numbers(fingers: Sequence[str]) -> NDArray[np.intp]:
    """A number for each finger's name, from 0, the same for the same name."""
    return np.unique(np.asarray(fingers), return_inverse=True)[1].astype(np.intp)

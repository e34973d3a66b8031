"""Sketches: a whole finger, and a whole person, as one vector each.

A finger's descriptors aggregate into one vector (soft-assigned VLAD, power and intra
normalisation, a learned projection), free of place and rotation since descriptors are. A person
is a row of ten fingers' vectors; a probe is such a row whose fingers are weighted by what the
probe's own impostors reach, so that one product of two int8 rows is the sum over common fingers
of each finger's normalised similarity. Products are exact in int32, and in float32 too, since
sums stay below 2**24.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import FINGERS
from workers.matching.parameters import PARAMETERS, SKETCH_FILE, data_file
from workers.matching.template import EncounterTemplate, FingerTemplate, best_by_quality

_P = PARAMETERS.sketch

PRESENCE = 64
"""What a row holds for each finger that is there; the probe's weight for it stands for the mean."""

ROW_MULTIPLE = 32
"""Rows are padded to whole operands of the tensor cores' int8 products."""


class Level(Enum):
    """Which part of each finger's vector rows are made of."""

    COARSE = _P.coarse_dimensions
    FINE = _P.dimensions

    @property
    def width(self) -> int:
        """Length of a row, bytes."""
        used = len(FINGERS) * (self.value + 1)
        return used + -used % ROW_MULTIPLE


def sketch_finger(descriptors: NDArray[np.int8], quality: NDArray[np.uint8]) -> NDArray[np.int8]:
    """A print's vector, int8 (dimensions,); all 0 where nothing is described.

    Args:
        descriptors: int8 (n, d).
        quality: uint8 (n,); of more than `minutiae_max` minutiae the best take part.
    """
    keep = best_by_quality(quality, _P.minutiae_max)
    some = descriptors[keep].astype(np.float32)
    if not some.any():
        return np.zeros(_P.dimensions, np.int8)
    _, mean, matrix = _learned()
    return to_int8((aggregate(some) - mean) @ matrix)


def aggregate(
    descriptors: NDArray[np.float32], centres: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """VLAD of some descriptors, float32 (centres * d,), unit length.

    Args:
        descriptors: float32 (n, d), in units of int8 descriptors.
        centres: float32 (centres, d), unit length; those that ship by default.
    """
    if centres is None:
        centres, _, _ = _learned()
    unit = descriptors / np.float32(PARAMETERS.descriptor.scale)
    closeness = np.float32(_P.softness) * (unit @ centres.T)
    share = np.exp(closeness - closeness.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    residual = share.T @ unit - share.sum(axis=0)[:, None] * centres
    rooted = np.sign(residual) * np.sqrt(np.abs(residual))
    length = np.sqrt((rooted * rooted).sum(axis=1, keepdims=True))
    normal = (rooted / np.maximum(length, np.float32(1e-6))).ravel()
    whole: NDArray[np.float32] = normal / np.sqrt((normal * normal).sum())
    return whole


def to_int8(vector: NDArray[np.floating]) -> NDArray[np.int8]:
    """Vectors (..., d) of length `scale`, rounded; 0 stays 0."""
    length = np.sqrt((vector * vector).sum(axis=-1, keepdims=True))
    scaled = np.rint(vector * (_P.scale / np.maximum(length, 1e-9)))
    return np.asarray(np.clip(scaled, -127, 127), np.int8)


def finger_vectors(fingers: Sequence[FingerTemplate], level: Level) -> dict[int, NDArray[np.int8]]:
    """One vector for each position; several impressions of a finger are added up."""
    together: dict[int, NDArray[np.int64]] = {}
    for finger in fingers:
        position = int(finger.position)
        vector = finger.sketch.astype(np.int64)
        together[position] = together.get(position, 0) + vector
    return {p: at_level(vector, level) for p, vector in together.items() if vector.any()}


def at_level(vectors: NDArray[np.integer], level: Level) -> NDArray[np.int8]:
    """The part of whole vectors (..., dimensions) that a level compares, at full length."""
    return to_int8(vectors[..., : level.value].astype(np.float64))


def gallery_rows(
    sketches: NDArray[np.int8],
    rows: NDArray[np.intp],
    positions: NDArray[np.uint8],
    count: int,
    level: Level,
) -> NDArray[np.int8]:
    """Encounters' rows, int8 (count, level.width), from their prints.

    Args:
        sketches: of f prints, int8 (f, dimensions); impressions of a finger are added up.
        rows: encounter of each print, (f,).
        positions: finger of each print, 1-10, (f,).
    """
    matrix = np.zeros((count, level.width), np.int8)
    place = rows * len(FINGERS) + positions - 1
    present, of_print = np.unique(place, return_inverse=True)
    together = np.zeros((len(present), _P.dimensions), np.int64)
    if len(present) == len(place):
        together[of_print] = sketches
    else:
        np.add.at(together, of_print, sketches)
    described = together.any(axis=1)
    row, finger = np.divmod(present[described], len(FINGERS))
    columns = finger[:, None] * level.value + np.arange(level.value)
    matrix[row[:, None], columns] = at_level(together[described], level)
    matrix[row, len(FINGERS) * level.value + finger] = PRESENCE
    return matrix


def probe_row(
    template: EncounterTemplate, level: Level, cohort: NDArray[np.int8]
) -> NDArray[np.int8]:
    """A probe's row, int8 (level.width,): its product with a gallery row is the score.

    Args:
        cohort: sketches of impostor fingers, int8 (c, dimensions).
    """
    impostors = at_level(cohort, level).astype(np.int64)
    weights = np.zeros(level.width)
    for position, vector in finger_vectors(template.fingers, level).items():
        products = impostors @ vector.astype(np.int64)
        n, total, squares = len(products), int(products.sum()), int((products**2).sum())
        deviation = max(np.sqrt(float(squares * n - total * total)) / n, 1.0)
        weights[_slot(position, level)] = vector / deviation
        weights[_presence(position, level)] = -total / n / deviation / PRESENCE
    largest = max(float(np.abs(weights).max()), 1e-12)
    return np.asarray(np.rint(weights * (127.0 / largest)), np.int8)


def _slot(position: int, level: Level) -> slice:
    return slice((position - 1) * level.value, position * level.value)


def _presence(position: int, level: Level) -> int:
    return len(FINGERS) * level.value + position - 1


@cache
def _learned() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Centres (centres, d), mean (centres * d,) and matrix (centres * d, dimensions)."""
    with np.load(BytesIO(data_file(SKETCH_FILE))) as data:
        parts = tuple(data[name].astype(np.float32) for name in ("centres", "mean", "matrix"))
    shapes = tuple(part.shape for part in parts)
    length = _P.centres * PARAMETERS.descriptor.dimensions
    expected = (
        (_P.centres, PARAMETERS.descriptor.dimensions),
        (length,),
        (length, _P.dimensions),
    )
    if shapes != expected:
        raise ValueError(f"{SKETCH_FILE} holds {shapes}, expected {expected}")
    return parts

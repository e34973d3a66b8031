"""Descriptors: the neighbourhood of each minutia as a short vector, free of place and rotation.

Minutia Cylinder-Code (R. Cappelli, M. Ferrara, D. Maltoni, "Minutia Cylinder-Code: A New
Representation and Matching Technique for Fingerprint Recognition", IEEE TPAMI 32(12), 2010,
section 3) with real-valued cells and without the validity masks: a cell that sees nothing is
zero. Then the square root, a learned linear projection, unit length and int8.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import FingerSample, Minutiae, MissingFinger
from workers.matching.parameters import (
    PARAMETERS,
    PROJECTION_FILE,
    data_file,
    descriptor_hash,
)
from workers.matching.sketch import sketch_finger
from workers.matching.template import (
    ANGLE_UNITS,
    EncounterTemplate,
    FingerTemplate,
    best_by_quality,
)

_P = PARAMETERS.descriptor
_NEIGHBOUR_PX = _P.radius_px + 3.0 * _P.spatial_deviation_px


def describe_encounter(
    samples: Sequence[FingerSample], missing: tuple[MissingFinger, ...] = ()
) -> EncounterTemplate:
    """The stored form of one person's prints; fingers ordered by position and impression."""
    fingers = [describe_finger(sample) for sample in samples]
    fingers.sort(key=lambda f: (f.position, f.impression))
    return EncounterTemplate(tuple(fingers), descriptor_hash(), missing)


def describe_finger(sample: FingerSample) -> FingerTemplate:
    """The stored form of one print.

    Of more than `minutiae_max` minutiae the best by quality are kept, after all of them have
    taken part in the descriptors.
    """
    minutiae = sample.minutiae
    descriptors = describe_minutiae(minutiae)
    if len(minutiae) > _P.minutiae_max:
        keep = best_by_quality(minutiae.quality, _P.minutiae_max)
        minutiae, descriptors = minutiae.take(keep), descriptors[keep]
    turns = minutiae.angle.astype(np.float64) / (2.0 * np.pi)
    limits = np.iinfo(np.int16)
    return FingerTemplate(
        position=sample.position,
        impression=sample.impression,
        x=np.clip(np.rint(minutiae.x), limits.min, limits.max).astype(np.int16),
        y=np.clip(np.rint(minutiae.y), limits.min, limits.max).astype(np.int16),
        angle=(np.rint(turns * ANGLE_UNITS).astype(np.int64) % ANGLE_UNITS).astype(np.uint16),
        kind=minutiae.kind,
        quality=minutiae.quality,
        descriptors=descriptors,
        sketch=sketch_finger(descriptors, minutiae.quality),
        nfiq2=sample.nfiq2,
    )


def redescribe(template: EncounterTemplate) -> EncounterTemplate:
    """The same fingers under this release's parameters.

    Near to what enrolling the prints anew would give, not the same: stored minutiae are whole
    pixels, and of a print with more than `minutiae_max` only the best are there.
    """
    fingers = [
        FingerSample(finger.position, finger.impression, _minutiae(finger), finger.nfiq2, "")
        for finger in template.fingers
    ]
    return describe_encounter(fingers, template.missing)


def _minutiae(finger: FingerTemplate) -> Minutiae:
    """A stored finger's minutiae; of its image's size no more is known than they reach."""
    turns = finger.angle.astype(np.float64) / ANGLE_UNITS
    return Minutiae(
        x=finger.x.astype(np.float32),
        y=finger.y.astype(np.float32),
        angle=(turns * 2.0 * np.pi).astype(np.float32),
        kind=finger.kind,
        quality=finger.quality,
        width=int(finger.x.max(initial=0)) + 1,
        height=int(finger.y.max(initial=0)) + 1,
    )


def describe_minutiae(minutiae: Minutiae) -> NDArray[np.int8]:
    """Descriptors of every minutia, int8 (n, 64), length about 127; all 0 where no neighbour."""
    return project(cylinders(minutiae), *_projection())


def project(
    of: NDArray[np.float32], mean: NDArray[np.float32], matrix: NDArray[np.float32]
) -> NDArray[np.int8]:
    """Descriptors of cylinders (n, size) by a projection: mean (size,), matrix (size, d)."""
    vectors = (np.sqrt(of) - mean) @ matrix
    length = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    scaled = np.rint(vectors * (_P.scale / np.maximum(length, np.float32(1e-9))))
    return np.asarray(np.clip(scaled, -127, 127), np.int8)


def cylinders(minutiae: Minutiae) -> NDArray[np.float32]:
    """Cylinders of every minutia, float32 (n, cells inside the radius x sections).

    The n x n x cells products are made for one minutia's neighbours at a time by a batched
    matrix product, so a print costs a few milliseconds.
    """
    n = len(minutiae)
    if n == 0:
        return np.zeros((0, cylinder_size()), np.float32)
    dx = minutiae.x[None, :] - minutiae.x[:, None]
    dy = minutiae.y[:, None] - minutiae.y[None, :]  # up, so that the frame turns with the angle
    cos, sin = np.cos(minutiae.angle)[:, None], np.sin(minutiae.angle)[:, None]
    along, across = cos * dx + sin * dy, cos * dy - sin * dx
    near = along * along + across * across <= _NEIGHBOUR_PX * _NEIGHBOUR_PX
    np.fill_diagonal(near, val=False)  # a minutia takes no part in its own cylinder
    turn = minutiae.angle[:, None] - minutiae.angle[None, :]
    directional = _directional(turn) * near[:, :, None]
    cells = _P.cells
    spatial = (_spatial(along)[:, :, :, None] * _spatial(across)[:, :, None, :]).reshape(
        n, n, cells * cells
    )[:, :, _cells_inside()]
    return np.asarray(np.matmul(spatial.transpose(0, 2, 1), directional).reshape(n, -1))


def cylinder_size() -> int:
    """Values in one cylinder."""
    return int(_cells_inside().sum()) * _P.sections


def _cell_centres() -> NDArray[np.float32]:
    step = 2.0 * _P.radius_px / _P.cells
    return ((np.arange(_P.cells) - (_P.cells - 1) / 2.0) * step).astype(np.float32)


@cache
def _cells_inside() -> NDArray[np.bool_]:
    """Which cells of the square lie inside the radius, bool (cells * cells,)."""
    squares = _cell_centres() ** 2
    inside: NDArray[np.bool_] = squares[:, None] + squares[None, :] <= _P.radius_px**2
    return inside.ravel()


def _spatial(offset: NDArray[np.float32]) -> NDArray[np.float32]:
    """Spatial contribution along one axis (equation 5 is separable), (n, n, cells)."""
    scaled = (offset[:, :, None] - _cell_centres()) * np.float32(1.0 / _P.spatial_deviation_px)
    return np.exp(np.float32(-0.5) * scaled * scaled)


def _directional(turn: NDArray[np.float32]) -> NDArray[np.float32]:
    """Directional contribution at the middle of each section, (n, n, sections).

    Equation 7 integrates the Gaussian over the section; its value in the middle did as well.
    """
    width = 2.0 * np.pi / _P.sections
    centres = ((np.arange(_P.sections) + 0.5) * width - np.pi).astype(np.float32)
    offset = turn[:, :, None] - centres
    offset -= np.float32(2.0 * np.pi) * np.rint(offset / np.float32(2.0 * np.pi))
    scaled = offset * np.float32(1.0 / _P.directional_deviation_rad)
    return np.exp(np.float32(-0.5) * scaled * scaled)


@cache
def _projection() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean (size,) and matrix (size, dimensions) of the projection, float32."""
    with np.load(BytesIO(data_file(PROJECTION_FILE))) as data:
        mean, matrix = data["mean"], data["matrix"]
    expected = (cylinder_size(), _P.dimensions)
    if matrix.shape != expected or mean.shape != expected[:1]:
        raise ValueError(f"projection is {matrix.shape} and {mean.shape}, expected {expected}")
    return mean.astype(np.float32), matrix.astype(np.float32)

"""The stored form of fingers: minutiae with their descriptors.

Three forms of a finger, each with its job: `FingerSample` (extracted, full precision),
`FingerTemplate` (stored, compact, what this module holds) and the backends' packed galleries
and prepared probes (searchable).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import FingerPosition, Impression, MissingFinger

ANGLE_UNITS = 65536
"""Units of `FingerTemplate.angle` in a full turn."""


@dataclass(frozen=True, slots=True)
class FingerTemplate:
    """One impression of one finger, n minutiae: 8 + d bytes a minutia, and its sketch.

    Attributes:
        position: a finger, 1-10.
        x: int16 (n,), pixels at 500 ppi.
        y: int16 (n,), pixels at 500 ppi, down.
        angle: uint16 (n,), 1/65536 turn, counter-clockwise on the image.
        kind: uint8 (n,), `MinutiaKind`.
        quality: uint8 (n,), 1-100, or 0.
        descriptors: int8 (n, d), see `workers.matching.descriptor`.
        sketch: int8 (s,), the whole finger as one vector, see `workers.matching.sketch`.
        nfiq2: 0-100, or None.
    """

    position: FingerPosition
    impression: Impression
    x: NDArray[np.int16]
    y: NDArray[np.int16]
    angle: NDArray[np.uint16]
    kind: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    descriptors: NDArray[np.int8]
    sketch: NDArray[np.int8]
    nfiq2: int | None = None

    def __len__(self) -> int:
        return len(self.x)

    def cut(self, count: int) -> FingerTemplate:
        """The same finger with its `count` best minutiae by quality, in their order."""
        if len(self) <= count:
            return self
        keep = best_by_quality(self.quality, count)
        return replace(
            self,
            x=self.x[keep],
            y=self.y[keep],
            angle=self.angle[keep],
            kind=self.kind[keep],
            quality=self.quality[keep],
            descriptors=self.descriptors[keep],
        )


def best_by_quality(quality: NDArray[np.uint8], count: int) -> NDArray[np.intp]:
    """Indices, ascending, of the `count` best of some minutiae; ties to the earlier."""
    return np.sort(np.argsort(-quality.astype(np.int16), kind="stable")[:count])


@dataclass(frozen=True, slots=True)
class EncounterTemplate:
    """The fingers of one encounter (or of one probe) under one set of parameters.

    Attributes:
        fingers: ordered by (position, impression).
        parameters_hash: hex digest of what the descriptors depend on, `descriptor_hash()`; a
            change of calibration or thresholds leaves it alone, so it forces no re-enrolment.
    """

    fingers: tuple[FingerTemplate, ...]
    parameters_hash: str
    missing: tuple[MissingFinger, ...] = ()

    def cut(self, count: int) -> EncounterTemplate:
        """The same with at most so many minutiae a finger, the best by quality."""
        return replace(self, fingers=tuple(finger.cut(count) for finger in self.fingers))


def finger_mask(template: EncounterTemplate) -> int:
    """Bit p - 1 for each position p that is there."""
    return sum(1 << (p - 1) for p in {int(finger.position) for finger in template.fingers})

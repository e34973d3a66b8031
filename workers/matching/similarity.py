"""Similarity of two minutiae: an integer, so that every backend gets the same.

The similarity is the dot product of two int8 descriptors, 0 to about 16,129 (127 squared). It is
0 where it would be negative and where the minutiae are turned against each other by more
than a quarter turn. The turn is judged by sectors of 22.5 degrees, so the gate is exact and can
ride in the matrix product: each gallery minutia carries its sector one-hot, each probe minutia
a large negative number in the sectors that it must not meet.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from workers.matching.parameters import PARAMETERS
from workers.matching.template import ANGLE_UNITS, FingerTemplate

SECTORS = 16
SECTOR_REACH = SECTORS // 4
SECTOR_WIDTH = ANGLE_UNITS // SECTORS
_SECTOR_SHIFT = np.uint16(SECTOR_WIDTH.bit_length() - 1)
DIMENSIONS = PARAMETERS.descriptor.dimensions
FEATURES = DIMENSIONS + SECTORS
FULL_SIMILARITY = int(PARAMETERS.descriptor.scale) ** 2
"""Similarity of two equal descriptors, before rounding."""

_FORBIDDEN = -32768.0
"""Outweighs any similarity; sums stay below 2**24, where float32 counts exactly."""


def sectors(angle: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Sector 0-15 of each angle; sector 0 is centred on angle 0."""
    # Sixteen bits wrap around as angles do.
    return np.asarray((angle + np.uint16(SECTOR_WIDTH // 2)) >> _SECTOR_SHIFT)


def fill_features(
    features: NDArray[np.float32], descriptors: NDArray[np.int8], angle: NDArray[np.uint16]
) -> None:
    """Writes descriptor and one-hot sector of each minutia into a contiguous (n, FEATURES)."""
    features[:, :DIMENSIONS] = descriptors
    features[:, DIMENSIONS:] = 0.0
    first = np.arange(DIMENSIONS, features.size, FEATURES)
    features.reshape(-1)[first + sectors(angle)] = 1.0


def probe_features(finger: FingerTemplate) -> NDArray[np.float32]:
    """Descriptor and forbidden sectors of each minutia, float32 (n, FEATURES)."""
    return np.concatenate(
        [finger.descriptors.astype(np.float32), _gates()[sectors(finger.angle)]], axis=1
    )


@cache
def _gates() -> NDArray[np.float32]:
    apart = (np.arange(SECTORS)[:, None] - np.arange(SECTORS)[None, :]) % SECTORS
    forbidden = np.minimum(apart, SECTORS - apart) > SECTOR_REACH
    return np.where(forbidden, _FORBIDDEN, 0.0).astype(np.float32)

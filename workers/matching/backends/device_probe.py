"""A probe print as the screen kernel reads it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.matching.backends.device import Device, DeviceArray
from workers.matching.kernels import SCREEN_TILES
from workers.matching.parameters import PARAMETERS
from workers.matching.probe import ProbeFinger
from workers.matching.screen import RECIPROCALS, SIZE_BIN_SHIFT, TOP_COUNTS
from workers.matching.similarity import DIMENSIONS, SECTOR_REACH, SECTORS, sectors

_PLAN_COUNTS = 256
"""COUNTS in `kernels/screen.cu`."""

TILE = 16
"""Probe minutiae of a tile: the rows of one tensor-core product."""


@dataclass(frozen=True, slots=True)
class HostProbe:
    """One print of n minutiae, padded to whole tiles; see `kernels/screen.cu`.

    Attributes:
        kernel: the screen kernel with the least room that is enough.
        descriptors: int8 (rows, 64), zeros past n.
        forbidden: uint32 (rows,), bit s set where sector s must not be met.
        normal: int32 (n, 2), impostor mean and reciprocal deviation.
        plan: int32 (3, 256), by the gallery finger's minutiae: how many of the best are taken,
            reciprocal of the number they are divided by, impostor mean of the average.
    """

    kernel: str
    descriptors: NDArray[np.int8]
    forbidden: NDArray[np.uint32]
    normal: NDArray[np.int32]
    plan: NDArray[np.int32]
    minutiae: int
    score_inverse: int


def host_probe(finger: ProbeFinger) -> HostProbe:
    """Lays one print of a probe out."""
    n = len(finger.template)
    tiles = next(room for room in SCREEN_TILES if room * TILE >= n)
    descriptors = np.zeros((tiles * TILE, DIMENSIONS), np.int8)
    descriptors[:n] = finger.template.descriptors
    forbidden = np.zeros(tiles * TILE, np.uint32)
    forbidden[:n] = forbidden_sectors()[sectors(finger.template.angle)]
    # One more row, so that a print without minutiae still has an array to point at.
    normal = np.zeros((n + 1, 2), np.int32)
    normal[:n, 0], normal[:n, 1] = finger.minutia_mean, finger.minutia_inverse
    return HostProbe(
        f"screen_{tiles}", descriptors, forbidden, normal, _plan(finger), n, finger.score_inverse
    )


def forbidden_sectors() -> NDArray[np.uint32]:
    """For each sector of a probe minutia the sectors it must not meet, one bit each, (16,)."""
    apart = (np.arange(SECTORS)[:, None] - np.arange(SECTORS)[None, :]) % SECTORS
    forbidden = np.minimum(apart, SECTORS - apart) > SECTOR_REACH
    return np.asarray((forbidden << np.arange(SECTORS)).sum(axis=1), np.uint32)


def _plan(finger: ProbeFinger) -> NDArray[np.int32]:
    n = len(finger.template)
    # The kernel's table has room for any finger; a packed one never has more minutiae than this.
    counts = np.minimum(np.arange(_PLAN_COUNTS), PARAMETERS.descriptor.gallery_minutiae_max)
    wanted = TOP_COUNTS[np.minimum(counts, n)]
    # A probe smaller than the number wanted lacks some: they count as 0, the divisor stays.
    taken = np.minimum(wanted, n)
    mean = finger.score_mean[counts >> SIZE_BIN_SHIFT]
    return np.stack([taken, RECIPROCALS[wanted], mean]).astype(np.int32)


def upload_probe(device: Device, probe: HostProbe) -> tuple[DeviceArray | int, ...]:
    """Copies a print to the device; the kernel's arguments, in their order."""
    return (
        device.upload(probe.descriptors),
        device.upload(probe.forbidden),
        device.upload(probe.normal),
        device.upload(probe.plan),
        probe.minutiae,
        probe.score_inverse,
    )

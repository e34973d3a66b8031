"""The gallery as the screen kernel reads it, made from the packed form of the CPU.

Structure of arrays, a finger's minutiae together in tiles of eight, padded with zeros; see
`workers/matching/kernels/screen.cu`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.matching.backends.device import Device, DeviceArray
from workers.matching.backends.packing import PositionPack
from workers.matching.blocks import Block
from workers.matching.similarity import DIMENSIONS, sectors

TILE = 8
"""Gallery minutiae of a tile: the columns of one tensor-core product."""

_FINGER_BYTES = 4 + 1 + 4  # first tile, count, row


@dataclass(frozen=True, slots=True)
class HostPosition:
    """One finger position, n fingers and t tiles, on its way to the device.

    Attributes:
        descriptors: int8 (8 t, 64).
        sectors: uint8 (8 t,), angle sector 0-15; 0 in the padding.
        first_tile: int32 (n + 1,).
        counts: uint8 (n,), minutiae.
        rows: int32 (n,), encounter of each finger.
    """

    descriptors: NDArray[np.int8]
    sectors: NDArray[np.uint8]
    first_tile: NDArray[np.int32]
    counts: NDArray[np.uint8]
    rows: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class DevicePosition:
    """`HostPosition` in device memory, with the number of its fingers."""

    fingers: int
    descriptors: DeviceArray
    sectors: DeviceArray
    first_tile: DeviceArray
    counts: DeviceArray
    rows: DeviceArray

    @property
    def arrays(self) -> tuple[DeviceArray, ...]:
        """In the order of the kernel's arguments."""
        return (self.descriptors, self.sectors, self.first_tile, self.counts, self.rows)


def position_bytes(counts: NDArray[np.intp]) -> int:
    """Device memory that fingers of so many minutiae need, bytes."""
    tiles = int((-(-counts // TILE)).sum())
    return tiles * TILE * (DIMENSIONS + 1) + len(counts) * _FINGER_BYTES + 4


def gallery_bytes(packs: Iterable[PositionPack]) -> int:
    """Device memory that packed positions need, bytes."""
    return sum(position_bytes(pack.counts) for pack in packs)


def tiled(pack: PositionPack) -> HostPosition:
    """One position in tiles; fingers keep the order of the pack."""
    tiles = -(-pack.counts // TILE)
    parts = [_tiled_block(block) for block in pack.blocks]
    rows = np.empty(len(pack.counts), np.int32)
    rows[pack.by_row] = pack.rows_sorted
    return HostPosition(
        descriptors=np.concatenate([descriptors for descriptors, _ in parts]),
        sectors=np.concatenate([sectors for _, sectors in parts]),
        first_tile=np.concatenate([[0], np.cumsum(tiles)]).astype(np.int32),
        counts=pack.counts.astype(np.uint8),
        rows=rows,
    )


def _tiled_block(block: Block) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
    """Descriptors and sectors of one block's fingers, one finger after another."""
    width = len(block.counts)
    descriptors = np.zeros((width, -(-block.slots // TILE) * TILE, DIMENSIONS), np.int8)
    descriptors[:, : block.slots] = block.descriptors.transpose(1, 0, 2)
    turned = np.zeros(descriptors.shape[:2], np.uint8)
    turned[:, : block.slots] = sectors(block.angle).T
    # A small finger in a block of larger ones has fewer tiles than the block.
    room = np.arange(descriptors.shape[1]) < (-(-block.counts // TILE) * TILE)[:, None]
    return descriptors[room], turned[room]


def upload_position(device: Device, position: HostPosition) -> DevicePosition:
    """Copies one position to the device."""
    return DevicePosition(
        len(position.counts),
        device.upload(position.descriptors),
        device.upload(position.sectors),
        device.upload(position.first_tile),
        device.upload(position.counts),
        device.upload(position.rows),
    )

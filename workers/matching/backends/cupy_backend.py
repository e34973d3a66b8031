"""The GPU backend: the screen on the device, consolidation of the survivors on the host.

The kernels are `workers/matching/kernels/screen.cu`; scores equal those of the NumPy backend to
the bit. The host keeps the gallery as well, because consolidation reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import FINGERS
from workers.matching.backend import Checkpoint, PackedGallery
from workers.matching.backends.device import Device, DeviceArray, require_room
from workers.matching.backends.device_pack import (
    DevicePosition,
    gallery_bytes,
    tiled,
    upload_position,
)
from workers.matching.backends.device_probe import host_probe, upload_probe
from workers.matching.backends.numpy_backend import NumpyBackend, NumpyGallery
from workers.matching.kernels import THREADS
from workers.matching.probe import Probe, ProbeFinger
from workers.matching.screen import NOT_COMPARED
from workers.matching.template import EncounterTemplate

_WARPS = THREADS // 32
_BLOCKS_PER_PROCESSOR = 16
"""More than fit at once, so that a slow block leaves no processor idle."""

_FINGERS_PER_LAUNCH = 1 << 20
"""About a millisecond of work, so that a cancelled search stops soon."""

_SCRATCH_BYTES_PER_ROW = 8
"""Best score of a position, and total."""


@dataclass(frozen=True, slots=True)
class CupyGallery:
    """Encounters on the device, and on the host for consolidation."""

    host: NumpyGallery
    positions: dict[int, DevicePosition]

    @property
    def rows(self) -> int:
        """Encounters packed."""
        return self.host.rows

    @property
    def nbytes(self) -> int:
        """Memory held on the host, bytes."""
        return self.host.nbytes

    @property
    def device_nbytes(self) -> int:
        """Memory held on the device, bytes."""
        return sum(a.nbytes for position in self.positions.values() for a in position.arrays)


class CupyBackend:
    """Compares on a GPU; see `workers.matching.backend.Backend`.

    Args:
        device: where the kernels run.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._host = NumpyBackend()

    @property
    def name(self) -> str:
        """The device's name, ``"cupy"`` for a real one."""
        return self._device.name

    def pack(self, templates: Sequence[EncounterTemplate]) -> CupyGallery:
        """Packs encounters and copies them to the device while searches go on there.

        Raises:
            RidgelineError: PARAMETERS_MISMATCH for a template described with other parameters;
                OVERLOADED, field ``"backend"``, when they do not fit on the device.
        """
        host = self._host.pack(templates)
        needed = gallery_bytes(host.positions.values()) + host.rows * _SCRATCH_BYTES_PER_ROW
        require_room(self._device, needed, f"a gallery of {host.rows:,} encounters")
        positions = {
            position: upload_position(self._device, tiled(pack))
            for position, pack in host.positions.items()
        }
        return CupyGallery(host, positions)

    def screen(
        self, probe: Probe, gallery: PackedGallery, checkpoint: Checkpoint
    ) -> NDArray[np.int32]:
        """Screen score of every row: the sum over common fingers of each finger's best."""
        packed = _ours(gallery)
        if packed.rows == 0:
            return np.zeros(0, np.int32)
        require_room(self._device, packed.rows * _SCRATCH_BYTES_PER_ROW, "a search")
        best = self._device.full(packed.rows, NOT_COMPARED)
        total = self._device.full(packed.rows, NOT_COMPARED)
        for position in FINGERS:
            prints = [f for f in probe.fingers if f.template.position == position]
            if not prints or position not in packed.positions:
                continue
            for finger in prints:
                self._screen_position(finger, packed.positions[position], best, checkpoint)
            grid = (self._blocks(-(-packed.rows // 32)), 1)
            self._device.launch("screen.cu", "screen_fold", grid, (best, total, packed.rows))
        scores: NDArray[np.int32] = self._device.download(total)
        return scores

    def consolidate(
        self,
        probe: Probe,
        gallery: PackedGallery,
        rows: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> NDArray[np.float64]:
        """Raw LSA-R score of each finger of `rows`, float64 (len(rows), 10); on the host."""
        return self._host.consolidate(probe, _ours(gallery).host, rows, checkpoint)

    def _screen_position(
        self,
        finger: ProbeFinger,
        position: DevicePosition,
        best: DeviceArray,
        checkpoint: Checkpoint,
    ) -> None:
        """Raises `best` (rows,) to the screen score of one probe print against one position."""
        print_ = host_probe(finger)
        arguments = upload_probe(self._device, print_)
        for first in range(0, position.fingers, _FINGERS_PER_LAUNCH):
            checkpoint()
            last = min(first + _FINGERS_PER_LAUNCH, position.fingers)
            self._device.launch(
                "screen.cu",
                print_.kernel,
                (self._blocks(last - first), 1),
                (*position.arrays, *arguments, first, last, best),
            )

    def _blocks(self, warps: int) -> int:
        """Blocks for so many warps' work; each warp takes more than one piece past a limit."""
        return min(-(-warps // _WARPS), self._device.processors * _BLOCKS_PER_PROCESSOR)


def _ours(gallery: PackedGallery) -> CupyGallery:
    if not isinstance(gallery, CupyGallery):
        raise TypeError(f"expected a CupyGallery, got {type(gallery).__name__}")
    return gallery

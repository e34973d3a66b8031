"""The GPU backend: whole galleries on the device, shortlists and survivors on the host.

The kernels are `workers/matching/kernels/sketch.cu` and `screen.cu`; scores equal those of the
NumPy backend to the bit, so a stage runs wherever its rows are cheaper to reach. The host keeps
the gallery as well, because the later stages read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import FINGERS
from workers.matching.backend import Checkpoint, PackedGallery, Selected
from workers.matching.backends.device import Device, DeviceArray, require_room
from workers.matching.backends.device_pack import (
    DevicePosition,
    gallery_bytes,
    tiled,
    upload_position,
)
from workers.matching.backends.device_probe import host_probe, upload_probe
from workers.matching.backends.device_sketch import (
    DeviceSketches,
    seen_as,
    select,
    sketch_bytes_per_row,
    upload_sketches,
)
from workers.matching.backends.numpy_backend import NumpyBackend, NumpyGallery
from workers.matching.columns import Columns
from workers.matching.kernels import THREADS
from workers.matching.probe import Probe, ProbeFinger
from workers.matching.screen import NOT_COMPARED
from workers.matching.sketch import Level

_WARPS = THREADS // 32
_BLOCKS_PER_PROCESSOR = 16
"""More than fit at once, so that a slow block leaves no processor idle."""

_FINGERS_PER_LAUNCH = 1 << 20
"""About a millisecond of work, so that a cancelled search stops soon."""

_DEVICE_SHARE = 1 / 8
"""Share of a gallery's rows from which the device, which works on all of them, is asked."""

_SCRATCH_BYTES_PER_ROW = 8
"""Best score of a position, and total."""


@dataclass(frozen=True, slots=True)
class CupyGallery:
    """Encounters on the device, and on the host for consolidation."""

    host: NumpyGallery
    positions: dict[int, DevicePosition]
    sketches: dict[Level, DeviceSketches]

    @property
    def rows(self) -> int:
        """Encounters packed."""
        return self.host.rows

    @property
    def nbytes(self) -> int:
        """Memory held on the host, bytes."""
        return self.host.nbytes

    @property
    def presence(self) -> NDArray[np.uint16]:
        """Fingers of each row."""
        return self.host.presence

    @property
    def columns(self) -> Columns:
        """What was packed."""
        return self.host.columns

    @property
    def device_nbytes(self) -> int:
        """Memory held on the device, bytes."""
        fingers = sum(a.nbytes for position in self.positions.values() for a in position.arrays)
        rows = sum(s.vectors.nbytes + s.partitions.nbytes for s in self.sketches.values())
        return fingers + rows


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

    def pack(self, columns: Columns) -> CupyGallery:
        """Packs encounters and copies them to the device while searches go on there.

        Raises:
            RidgelineError: OVERLOADED, field ``"backend"``, when they do not fit on the device.
        """
        host = self._host.pack(columns)
        needed = gallery_bytes(host.positions.values()) + host.rows * (
            _SCRATCH_BYTES_PER_ROW + sketch_bytes_per_row()
        )
        require_room(self._device, needed, f"a gallery of {host.rows:,} encounters")
        positions = {
            position: upload_position(self._device, tiled(pack))
            for position, pack in host.positions.items()
        }
        unseen = np.full(host.rows, -1, np.int32)
        sketches = {
            level: upload_sketches(self._device, vectors, unseen, 0)
            for level, vectors in host.sketches.items()
        }
        return CupyGallery(host, positions, sketches)

    def select(
        self,
        level: Level,
        probes: Sequence[Probe],
        gallery: PackedGallery,
        partitions: Sequence[NDArray[np.intp]],
        depths: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> list[list[Selected]]:
        """See `Backend.select`; probes that go equally deep share a pass."""
        packed = _ours(gallery)
        if not self._worth_it(packed, sum(len(rows) for rows in partitions)):
            return self._host.select(level, probes, packed.host, partitions, depths, checkpoint)
        checkpoint()
        in_sight = seen_as(self._device, packed.sketches[level], partitions)
        found: list[list[Selected]] = [[] for _ in probes]
        for depth in np.unique(depths, axis=0):
            alike = np.flatnonzero((depths == depth).all(axis=1))
            weights = np.stack([probes[i].sketch[level] for i in alike.tolist()])
            kept = select(self._device, in_sight, weights, depth.astype(np.int32))
            checkpoint()
            for i, selected in zip(alike.tolist(), kept, strict=True):
                found[i] = [_among(selected, rows) for rows in partitions]
        return found

    def screen(
        self,
        probe: Probe,
        gallery: PackedGallery,
        rows: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> NDArray[np.int32]:
        """Screen score of some rows: the sum over common fingers of each finger's best."""
        packed = _ours(gallery)
        if not self._worth_it(packed, len(rows)):
            return self._host.screen(probe, packed.host, rows, checkpoint)
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
        scores: NDArray[np.int32] = self._device.download(total)[rows]
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

    def _worth_it(self, gallery: CupyGallery, rows: int) -> bool:
        return rows > 0 and rows >= _DEVICE_SHARE * gallery.rows

    def _blocks(self, warps: int) -> int:
        """Blocks for so many warps' work; each warp takes more than one piece past a limit."""
        return min(-(-warps // _WARPS), self._device.processors * _BLOCKS_PER_PROCESSOR)


def _among(selected: Selected, rows: NDArray[np.intp]) -> Selected:
    """Those of the selected rows that are a partition's."""
    theirs = np.isin(selected.rows, rows, assume_unique=True)
    return Selected(selected.rows[theirs], selected.scores[theirs])


def _ours(gallery: PackedGallery) -> CupyGallery:
    if not isinstance(gallery, CupyGallery):
        raise TypeError(f"expected a CupyGallery, got {type(gallery).__name__}")
    return gallery

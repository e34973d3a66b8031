"""Galleries whose minutiae stay on disk: sketches in memory, the shortlist read when it is known.

Scores do not depend on what else is packed, so the rows that a stage asks for are read, packed
and compared as a small gallery of their own, a batch at a time, whatever the backend.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import FINGERS
from workers.matching.backend import Backend, Checkpoint, PackedGallery, Selected
from workers.matching.columns import Columns
from workers.matching.probe import Probe
from workers.matching.sketch import Level

ROWS_AT_ONCE: Final = 256
"""Encounters read and packed together: some 10 MB of ten fingers."""


@dataclass(frozen=True, slots=True)
class OnDemandGallery:
    """Encounters whose sketches are packed and whose minutiae are read as they are needed."""

    sketches: PackedGallery
    columns: Columns

    @property
    def rows(self) -> int:
        """Encounters."""
        return self.sketches.rows

    @property
    def nbytes(self) -> int:
        """Memory held, bytes."""
        columns = (self.columns.fingers, self.columns.positions, self.columns.counts)
        return self.sketches.nbytes + sum(column.nbytes for column in columns)

    @property
    def presence(self) -> NDArray[np.uint16]:
        """Fingers of each row."""
        return self.sketches.presence


class OnDemandBackend:
    """A backend that also searches `OnDemandGallery`; the work is the inner backend's."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """The inner backend's name."""
        return self._inner.name

    def pack(self, columns: Columns) -> PackedGallery:
        """Packs encounters in memory."""
        return self._inner.pack(columns)

    def leave_on_disk(self, columns: Columns) -> OnDemandGallery:
        """Packs the sketches alone; minutiae are asked of `columns.minutiae`."""
        return OnDemandGallery(self._inner.pack(columns.without_prints()), columns)

    def select(
        self,
        level: Level,
        probes: Sequence[Probe],
        gallery: PackedGallery,
        partitions: Sequence[NDArray[np.intp]],
        depths: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> list[list[Selected]]:
        """See `Backend.select`."""
        packed = gallery.sketches if isinstance(gallery, OnDemandGallery) else gallery
        return self._inner.select(level, probes, packed, partitions, depths, checkpoint)

    def screen(
        self,
        probe: Probe,
        gallery: PackedGallery,
        rows: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> NDArray[np.int32]:
        """See `Backend.screen`."""
        if not isinstance(gallery, OnDemandGallery):
            return self._inner.screen(probe, gallery, rows, checkpoint)
        scores = np.empty(len(rows), np.int32)
        for places, some in self._read(gallery, rows, checkpoint):
            scores[places] = self._inner.screen(probe, some, np.arange(some.rows), checkpoint)
        return scores

    def consolidate(
        self,
        probe: Probe,
        gallery: PackedGallery,
        rows: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> NDArray[np.float64]:
        """See `Backend.consolidate`."""
        if not isinstance(gallery, OnDemandGallery):
            return self._inner.consolidate(probe, gallery, rows, checkpoint)
        scores = np.empty((len(rows), len(FINGERS)))
        for places, some in self._read(gallery, rows, checkpoint):
            scores[places] = self._inner.consolidate(probe, some, np.arange(some.rows), checkpoint)
        return scores

    def _read(
        self, gallery: OnDemandGallery, rows: NDArray[np.intp], checkpoint: Checkpoint
    ) -> Iterator[tuple[NDArray[np.intp], PackedGallery]]:
        """Some rows in batches: where they lie in `rows`, and packed, in the order of the disk."""
        order = np.argsort(rows, kind="stable")
        for first in range(0, len(rows), ROWS_AT_ONCE):
            checkpoint()
            places = order[first : first + ROWS_AT_ONCE]
            yield places, self._inner.pack(gallery.columns.take(rows[places]))

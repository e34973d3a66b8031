"""The interface of the matching backends: `reference`, `numpy` and `cupy`.

A backend packs encounters into a searchable gallery, screens a probe against all of it and
consolidates the rows that the cut lets through. All backends give the same numbers from the
same descriptors, so they give the same ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from workers.matching.probe import Probe
from workers.matching.template import EncounterTemplate

Checkpoint = Callable[[], None]
"""Called between blocks of work; raises CANCELLED or DEADLINE_EXCEEDED to stop it."""


class PackedGallery(Protocol):
    """Encounters in the searchable form of one backend; row i is encounter i as packed."""

    @property
    def rows(self) -> int:
        """Encounters packed."""
        ...

    @property
    def nbytes(self) -> int:
        """Memory held, bytes."""
        ...


class Backend(Protocol):
    """Compares one probe with packed encounters."""

    @property
    def name(self) -> str:
        """As reported in answers and in status."""
        ...

    def pack(self, templates: Sequence[EncounterTemplate]) -> PackedGallery:
        """Packs encounters; immutable afterwards."""
        ...

    def screen(
        self, probe: Probe, gallery: PackedGallery, checkpoint: Checkpoint
    ) -> NDArray[np.int32]:
        """Fused screen score of every row, int32 (rows,), fixed point; higher is more alike."""
        ...

    def consolidate(
        self,
        probe: Probe,
        gallery: PackedGallery,
        rows: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> NDArray[np.float64]:
        """Consolidated raw score of each finger, float64 (len(rows), 10).

        Column p - 1 is finger position p; NaN where either side lacks the finger. Where a side
        has several impressions of a finger it is the best pair.
        """
        ...

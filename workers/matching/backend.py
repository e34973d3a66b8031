"""The interface of the matching backends: `reference`, `numpy` and `cupy`.

A backend packs encounters into a searchable gallery, selects rows by sketch, screens those and
consolidates what the cut lets through. All backends give the same numbers from the same
descriptors and sketches, so they give the same ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from workers.matching.columns import Columns
from workers.matching.probe import Probe
from workers.matching.sketch import Level

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

    @property
    def presence(self) -> NDArray[np.uint16]:
        """Fingers of each row, uint16 (rows,): bit p - 1 is position p."""
        ...

    @property
    def columns(self) -> Columns:
        """What was packed, to be packed again with others or written to disk."""
        ...


class Selected(NamedTuple):
    """Rows that a sketch let through.

    Attributes:
        rows: ascending, (n,).
        scores: sketch score of each, int32 (n,).
    """

    rows: NDArray[np.intp]
    scores: NDArray[np.int32]


class Backend(Protocol):
    """Compares probes with packed encounters."""

    @property
    def name(self) -> str:
        """As reported in answers and in status."""
        ...

    def pack(self, columns: Columns) -> PackedGallery:
        """Packs encounters; immutable."""
        ...

    def select(
        self,
        level: Level,
        probes: Sequence[Probe],
        gallery: PackedGallery,
        partitions: Sequence[NDArray[np.intp]],
        depths: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> list[list[Selected]]:
        """The rows of each partition that are most alike each probe by sketch.

        Args:
            partitions: rows to compare, ascending in each.
            depths: rows wanted, (probes, partitions); rows that tie with the last stay too.

        Returns:
            For each probe, for each partition.
        """
        ...

    def screen(
        self,
        probe: Probe,
        gallery: PackedGallery,
        rows: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> NDArray[np.int32]:
        """Fused screen score of some rows, int32 (len(rows),), fixed point; higher is more alike.

        A row without a finger in common with the probe scores `NOT_COMPARED`.
        """
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

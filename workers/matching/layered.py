"""Several packed galleries searched as one: a base and what came since.

Scores do not depend on what else is packed, so the layers' scores stand side by side and the
search cuts them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from workers.matching.backend import Backend, Checkpoint, PackedGallery
from workers.matching.probe import Probe
from workers.matching.template import EncounterTemplate


@dataclass(frozen=True, slots=True)
class LayeredGallery:
    """Packed galleries one after the other; rows are numbered through."""

    layers: tuple[PackedGallery, ...]

    @property
    def rows(self) -> int:
        """Encounters packed."""
        return sum(layer.rows for layer in self.layers)

    @property
    def nbytes(self) -> int:
        """Memory held, bytes."""
        return sum(layer.nbytes for layer in self.layers)


class LayeredBackend:
    """A backend over layered galleries; the work is the inner backend's."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """The inner backend's name."""
        return self._inner.name

    def pack(self, templates: Sequence[EncounterTemplate]) -> PackedGallery:
        """Packs one layer."""
        return LayeredGallery((self._inner.pack(templates),))

    def screen(
        self, probe: Probe, gallery: PackedGallery, checkpoint: Checkpoint
    ) -> NDArray[np.int32]:
        """See `Backend.screen`."""
        layers = cast(LayeredGallery, gallery).layers
        scores = [self._inner.screen(probe, layer, checkpoint) for layer in layers]
        return np.concatenate([np.zeros(0, np.int32), *scores])

    def consolidate(
        self,
        probe: Probe,
        gallery: PackedGallery,
        rows: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> NDArray[np.float64]:
        """See `Backend.consolidate`."""
        out = np.full((len(rows), 10), np.nan)
        first = 0
        for layer in cast(LayeredGallery, gallery).layers:
            here = np.flatnonzero((rows >= first) & (rows < first + layer.rows))
            if len(here):
                out[here] = self._inner.consolidate(probe, layer, rows[here] - first, checkpoint)
            first += layer.rows
        return out

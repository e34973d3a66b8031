"""Several packed galleries searched as one: a base and what came since.

Scores do not depend on what else is packed, so the layers' scores stand side by side and the
search cuts them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import FINGERS
from workers.matching.backend import Backend, Checkpoint, PackedGallery, Selected
from workers.matching.columns import Columns
from workers.matching.cut import best_with_ties
from workers.matching.probe import Probe
from workers.matching.sketch import Level


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

    @property
    def presence(self) -> NDArray[np.uint16]:
        """Fingers of each row."""
        return np.concatenate([layer.presence for layer in self.layers])

    @property
    def columns(self) -> Columns:
        """What was packed, one layer after another."""
        return Columns.join([layer.columns for layer in self.layers])


class LayeredBackend:
    """A backend over layered galleries; the work is the inner backend's."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """The inner backend's name."""
        return self._inner.name

    def pack(self, columns: Columns) -> PackedGallery:
        """Packs one layer."""
        return LayeredGallery((self._inner.pack(columns),))

    def select(
        self,
        level: Level,
        probes: Sequence[Probe],
        gallery: PackedGallery,
        partitions: Sequence[NDArray[np.intp]],
        depths: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> list[list[Selected]]:
        """See `Backend.select`: the best of all layers are among the best of each."""
        found = [
            self._inner.select(
                level,
                probes,
                layer,
                [_within(rows, place) for rows in partitions],
                depths,
                checkpoint,
            )
            for layer, place in _places(gallery)
        ]
        starts = [place.start for _, place in _places(gallery)]
        return [
            [
                _together([of[i][j] for of in found], starts, int(depths[i, j]))
                for j in range(len(partitions))
            ]
            for i in range(len(probes))
        ]

    def screen(
        self,
        probe: Probe,
        gallery: PackedGallery,
        rows: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> NDArray[np.int32]:
        """See `Backend.screen`."""
        scores = np.empty(len(rows), np.int32)
        for layer, place in _places(gallery):
            here = np.flatnonzero((rows >= place.start) & (rows < place.stop))
            scores[here] = self._inner.screen(probe, layer, rows[here] - place.start, checkpoint)
        return scores

    def consolidate(
        self,
        probe: Probe,
        gallery: PackedGallery,
        rows: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> NDArray[np.float64]:
        """See `Backend.consolidate`."""
        scores = np.full((len(rows), len(FINGERS)), np.nan)
        for layer, place in _places(gallery):
            here = np.flatnonzero((rows >= place.start) & (rows < place.stop))
            scores[here] = self._inner.consolidate(
                probe, layer, rows[here] - place.start, checkpoint
            )
        return scores


def _places(gallery: PackedGallery) -> Iterator[tuple[PackedGallery, range]]:
    """Each layer that holds something, and the rows that are its."""
    first = 0
    for layer in cast(LayeredGallery, gallery).layers:
        if layer.rows:
            yield layer, range(first, first + layer.rows)
        first += layer.rows


def _within(rows: NDArray[np.intp], place: range) -> NDArray[np.intp]:
    """Those of some ascending rows that lie in a layer, as the layer numbers them."""
    first, last = np.searchsorted(rows, (place.start, place.stop))
    return rows[first:last] - place.start


def _together(found: Sequence[Selected], starts: Sequence[int], depth: int) -> Selected:
    rows = np.concatenate(
        [np.zeros(0, np.intp), *(s.rows + f for s, f in zip(found, starts, strict=True))]
    )
    scores = np.concatenate([np.zeros(0, np.int32), *(s.scores for s in found)])
    best = best_with_ties(scores, depth)
    return Selected(rows[best], scores[best])

"""The NumPy backend: BLAS in blocks that stay in cache, one BLAS thread.

Shards run in parallel, so each uses one thread: OpenBLAS's own threads made these skinny
products over ten times slower.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from workers.biometrics.model import FINGERS
from workers.matching.backend import Checkpoint, PackedGallery
from workers.matching.backends.packing import PositionPack, pack_positions
from workers.matching.consolidate import Side, consolidate, probe_side
from workers.matching.probe import Probe, ProbeFinger
from workers.matching.screen import NOT_COMPARED, finger_scores
from workers.matching.similarity import FEATURES, probe_features
from workers.matching.template import EncounterTemplate


@dataclass(frozen=True, slots=True)
class NumpyGallery:
    """Encounters packed by finger position."""

    rows: int
    positions: dict[int, PositionPack]

    @property
    def nbytes(self) -> int:
        """Memory held, bytes."""
        return sum(pack.nbytes for pack in self.positions.values())


class NumpyBackend:
    """Compares on the CPU; see `workers.matching.backend.Backend`."""

    name = "numpy"

    def __init__(self) -> None:
        threadpool_limits(limits=1, user_api="blas")

    def pack(self, templates: Sequence[EncounterTemplate]) -> NumpyGallery:
        """Packs encounters; raises PARAMETERS_MISMATCH for one described with others."""
        return NumpyGallery(len(templates), pack_positions(templates))

    def screen(
        self, probe: Probe, gallery: PackedGallery, checkpoint: Checkpoint
    ) -> NDArray[np.int32]:
        """Screen score of every row: the sum over common fingers of each finger's best."""
        packed = _ours(gallery)
        total = np.zeros(packed.rows, np.int32)
        compared = np.zeros(packed.rows, np.bool_)
        for pack, prints in _common_positions(probe, packed):
            best = np.full(packed.rows, NOT_COMPARED, np.int32)
            for finger in prints:
                _screen_position(finger, pack, best, checkpoint)
            has = best > NOT_COMPARED
            total[has] += best[has]
            compared |= has
        total[~compared] = NOT_COMPARED
        return total

    def consolidate(
        self,
        probe: Probe,
        gallery: PackedGallery,
        rows: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> NDArray[np.float64]:
        """Raw LSA-R score of each finger of `rows`, float64 (len(rows), 10)."""
        packed = _ours(gallery)
        pairs: list[tuple[Side, Side]] = []
        places: list[tuple[int, int]] = []
        for pack, prints in _common_positions(probe, packed):
            found = pack.find(rows)
            sides = [pack.side(finger) for finger in found.fingers]
            for finger in prints:
                ours = probe_side(finger.template)
                pairs += [(ours, side) for side in sides]
                places += [(row, pack.position - 1) for row in found.wanted]
        scores = np.full((len(rows), len(FINGERS)), np.nan)
        if pairs:
            row, column = np.array(places).T
            np.fmax.at(scores, (row, column), consolidate(pairs, checkpoint))
        return scores


def _screen_position(
    finger: ProbeFinger, pack: PositionPack, best: NDArray[np.int32], checkpoint: Checkpoint
) -> None:
    """Raises `best` (rows,) to the screen score of one probe print against one position."""
    features = np.ascontiguousarray(probe_features(finger.template).T)
    minutiae = features.shape[1]
    room = max((block.features.shape[0] for block in pack.blocks), default=0)
    gallery = np.empty((room, FEATURES), np.float32)
    products = np.empty((room, minutiae), np.float32)
    for block in pack.blocks:
        checkpoint()
        size = len(block.features)
        gallery[:size] = block.features
        np.matmul(gallery[:size], features, out=products[:size])
        slots = products[:size].reshape(block.slots, len(block.counts), minutiae)
        alike = np.maximum(slots.max(axis=0), 0.0).astype(np.int32)
        np.maximum.at(best, block.rows, finger_scores(alike, block.counts, finger))


def _common_positions(
    probe: Probe, gallery: NumpyGallery
) -> Iterator[tuple[PositionPack, list[ProbeFinger]]]:
    """Each position that both sides have, with the probe's prints of it."""
    for position in FINGERS:
        prints = [f for f in probe.fingers if f.template.position == position]
        if prints and position in gallery.positions:
            yield gallery.positions[position], prints


def _ours(gallery: PackedGallery) -> NumpyGallery:
    if not isinstance(gallery, NumpyGallery):
        raise TypeError(f"expected a NumpyGallery, got {type(gallery).__name__}")
    return gallery

"""The NumPy backend: BLAS in blocks that stay in cache, one BLAS thread.

Shards run in parallel, so each uses one thread: OpenBLAS's own threads made these skinny
products over ten times slower.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from workers.biometrics.model import FINGERS
from workers.matching.backend import Checkpoint, PackedGallery
from workers.matching.backends.packing import PositionPack, pack_positions
from workers.matching.consolidate import consolidate_batch
from workers.matching.probe import Probe, ProbeFinger
from workers.matching.screen import NOT_COMPARED, finger_scores
from workers.matching.similarity import FEATURES, probe_features
from workers.matching.template import EncounterTemplate

_CONSOLIDATE_AT_ONCE = 64


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
        scores = np.full((len(rows), len(FINGERS)), np.nan)
        for pack, prints in _common_positions(probe, packed):
            found = pack.find(rows)
            column = scores[:, pack.position - 1]
            for finger in prints:
                raw = consolidate_fingers(finger, pack, found.fingers, checkpoint)
                np.fmax.at(column, found.wanted, raw)
        return scores


def consolidate_fingers(
    finger: ProbeFinger, pack: PositionPack, fingers: NDArray[np.intp], checkpoint: Checkpoint
) -> NDArray[np.float64]:
    """Raw score of some packed fingers of one position, float64 (len(fingers),)."""
    scores = np.zeros(len(fingers))
    features = probe_features(finger.template)
    # Fingers of about equal size share a batch, so that little of it is padding.
    order = np.argsort(pack.counts[fingers], kind="stable")
    for first in range(0, len(order), _CONSOLIDATE_AT_ONCE):
        checkpoint()
        part = order[first : first + _CONSOLIDATE_AT_ONCE]
        batch, gallery = pack.gather(fingers[part])
        b, g, _ = gallery.shape
        product = gallery.reshape(b * g, FEATURES).astype(np.float32) @ features.T
        similarity = np.maximum(product, 0.0).astype(np.int32).reshape(b, g, len(features))
        scores[part] = consolidate_batch(finger.template, batch, similarity)
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

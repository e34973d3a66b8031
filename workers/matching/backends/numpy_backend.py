"""The NumPy backend: BLAS in blocks that stay in cache, one BLAS thread.

Shards run in parallel, so each uses one thread: OpenBLAS's own threads made these skinny
products over ten times slower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from workers.biometrics.model import FINGERS
from workers.matching.backend import Checkpoint, PackedGallery, Selected
from workers.matching.backends.packing import PositionPack, pack_positions, unpacked
from workers.matching.blocks import Block
from workers.matching.columns import Columns
from workers.matching.consolidate import consolidate
from workers.matching.cut import best_with_ties
from workers.matching.probe import Probe, ProbeFinger
from workers.matching.screen import NOT_COMPARED, finger_scores
from workers.matching.similarity import FEATURES, probe_features
from workers.matching.sketch import Level

_Score = TypeVar("_Score", np.int32, np.float64)

_SKETCH_BLOCK = 4096
"""Rows whose sketches are turned to float32 at a time: 1.5 MB at the coarse level."""

_SCORES_BYTES = 128 << 20
"""Of sketch scores at a time; probes that would take more share another pass."""

_BLOCKS_SCORED = 4
"""Blocks whose similarities are turned to scores together: the arrays stay in cache."""

_ALL_SHARE = 0.5
"""Share of the rows from which it is cheaper to screen all of them in whole blocks."""


@dataclass(frozen=True, slots=True)
class NumpyGallery:
    """Encounters packed by finger position, and their sketches by row."""

    positions: dict[int, PositionPack]
    sketches: dict[Level, NDArray[np.int8]]
    presence: NDArray[np.uint16]

    @property
    def rows(self) -> int:
        """Encounters packed."""
        return len(self.presence)

    @property
    def nbytes(self) -> int:
        """Memory held, bytes."""
        fingers = sum(pack.nbytes for pack in self.positions.values())
        return fingers + sum(s.nbytes for s in self.sketches.values()) + self.presence.nbytes

    @property
    def columns(self) -> Columns:
        """What was packed."""
        return unpacked(self.positions, self.sketches, self.presence)


class NumpyBackend:
    """Compares on the CPU; see `workers.matching.backend.Backend`."""

    name = "numpy"

    def __init__(self) -> None:
        threadpool_limits(limits=1, user_api="blas")

    def pack(self, columns: Columns) -> NumpyGallery:
        """Packs encounters."""
        return NumpyGallery(pack_positions(columns), dict(columns.sketches), columns.presence)

    def select(
        self,
        level: Level,
        probes: Sequence[Probe],
        gallery: PackedGallery,
        partitions: Sequence[NDArray[np.intp]],
        depths: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> list[list[Selected]]:
        """See `Backend.select`: blocks of rows are converted once for all probes."""
        matrix = _ours(gallery).sketches[level]
        weights = np.stack([probe.sketch[level] for probe in probes]).astype(np.float32)
        most = max(_SCORES_BYTES // (4 * max(map(len, partitions), default=1) or 1), 1)
        selected: list[list[Selected]] = []
        for first in range(0, len(probes), most):
            some = slice(first, first + most)
            selected += _select(matrix, weights[some], partitions, depths[some], checkpoint)
        return selected

    def screen(
        self,
        probe: Probe,
        gallery: PackedGallery,
        rows: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> NDArray[np.int32]:
        """Screen score of some rows: the sum over common fingers of each finger's best."""
        packed = _ours(gallery)
        total = np.zeros(len(rows), np.int32)
        compared = np.zeros(len(rows), np.bool_)
        whole = len(rows) >= _ALL_SHARE * packed.rows
        for pack, prints in _common_positions(probe, packed):
            fingers = pack.find(rows, checkpoint)
            best = np.full(len(rows), NOT_COMPARED, np.int32)
            for finger in prints:
                if whole:
                    scores = _screen_blocks(finger, pack.blocks, checkpoint)[fingers.fingers]
                else:
                    scores = _gathered(
                        pack,
                        fingers.fingers,
                        partial(_screen_blocks, finger, checkpoint=checkpoint),
                    )
                np.maximum.at(best, fingers.wanted, scores)
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
            found = pack.find(rows, checkpoint)
            for finger in prints:
                of_fingers = _gathered(
                    pack,
                    found.fingers,
                    partial(consolidate, finger.template, checkpoint=checkpoint),
                )
                np.fmax.at(scores[:, pack.position - 1], found.wanted, of_fingers)
        return scores


def _select(
    matrix: NDArray[np.int8],
    weights: NDArray[np.float32],
    partitions: Sequence[NDArray[np.intp]],
    depths: NDArray[np.intp],
    checkpoint: Checkpoint,
) -> list[list[Selected]]:
    """The best rows of each partition by their products with some weights (probes, width)."""
    selected: list[list[Selected]] = [[] for _ in weights]
    for number, rows in enumerate(partitions):
        scores = np.empty((len(weights), len(rows)), np.float32)
        for first in range(0, len(rows), _SKETCH_BLOCK):
            checkpoint()
            block = rows[first : first + _SKETCH_BLOCK]
            part = matrix[_as_slice(block)].astype(np.float32)
            scores[:, first : first + len(block)] = weights @ part.T
        for probe, (row, found) in enumerate(zip(scores, selected, strict=True)):
            checkpoint()
            best = best_with_ties(row, int(depths[probe, number]))
            found.append(Selected(rows[best], row[best].astype(np.int32)))
    return selected


def _screen_blocks(
    finger: ProbeFinger, blocks: Iterable[Block], checkpoint: Checkpoint
) -> NDArray[np.int32]:
    """Screen score of one probe print against every finger of some blocks, in their order."""
    features = np.ascontiguousarray(probe_features(finger.template).T)
    minutiae = features.shape[1]
    gallery = np.empty((0, FEATURES), np.float32)
    products = np.empty((0, minutiae), np.float32)
    scores = [np.zeros(0, np.int32)]
    waiting = iter(blocks)
    while some := list(islice(waiting, _BLOCKS_SCORED)):
        counts = np.concatenate([block.counts for block in some])
        best = np.empty((len(counts), minutiae), np.float32)
        done = 0
        for block in some:
            checkpoint()
            size, width = block.minutiae, len(block.counts)
            if size > len(gallery):
                gallery = np.empty((size, FEATURES), np.float32)
                products = np.empty((size, minutiae), np.float32)
            np.matmul(block.fill_features(gallery[:size]), features, out=products[:size])
            slots = products[:size].reshape(block.slots, width, minutiae)
            slots.max(axis=0, out=best[done : done + width])
            done += width
        alike = np.maximum(best, 0.0, out=best).astype(np.int32)
        scores.append(finger_scores(alike, counts, finger))
    return np.concatenate(scores)


def _gathered(
    pack: PositionPack,
    fingers: NDArray[np.intp],
    compare: Callable[[Iterable[Block]], NDArray[_Score]],
) -> NDArray[_Score]:
    """Scores of some fingers of a position, which are packed anew, small ones first."""
    order = np.argsort(pack.counts[fingers], kind="stable")
    compared = compare(pack.gather(fingers[order]))
    scores = np.empty_like(compared)
    scores[order] = compared
    return scores


def _as_slice(rows: NDArray[np.intp]) -> NDArray[np.intp] | slice:
    """Rows without a gap as a slice, whose elements need no gathering."""
    if len(rows) and int(rows[-1]) - int(rows[0]) + 1 == len(rows):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


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

"""The sketch stage: who is likely enough to be screened.

The coarse level compares everybody by a few dimensions a finger, the fine level those who are
left by all of them. Probes of one finger, and small partitions, pass everybody on. Probes whose
sketch begins at the same level share one pass over the gallery, whatever each of them may see.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.matching.backend import Backend, Checkpoint, PackedGallery
from workers.matching.cut import best_with_ties
from workers.matching.parameters import PARAMETERS, SKETCH_LOSS, MeasuredLoss, SketchDepth
from workers.matching.probe import Probe
from workers.matching.sketch import Level

_P = PARAMETERS.sketch

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class View:
    """What a search may see of a packed gallery.

    Attributes:
        partitions: rows of each partition, whoever may see them, ascending.
        visible: rows that may be seen, bool (gallery.rows,).
        counts: visible rows of each partition.
    """

    partitions: tuple[Rows, ...]
    visible: NDArray[np.bool_]
    counts: tuple[int, ...]

    @staticmethod
    def of(partitions: Sequence[Rows], visible: NDArray[np.bool_]) -> View:
        """Counts what is visible."""
        counts = tuple(int(np.count_nonzero(visible[rows])) for rows in partitions)
        return View(tuple(partitions), visible, counts)

    def rows(self, place: int) -> Rows:
        """Visible rows of one partition."""
        rows = self.partitions[place]
        return rows[self.visible[rows]]


@dataclass(frozen=True, slots=True)
class Left:
    """What a pass over everybody's sketches left for one probe.

    Attributes:
        rows: visible ones, by the place of their partition in the view; small partitions, which
            the sketch is not used for, are not in it.
        seconds: that the pass took, for all its probes.
    """

    rows: Mapping[int, Rows]
    seconds: float


NOT_SKETCHED: Final = Left({}, 0.0)
"""Of a search that leaves the sketch out."""


@dataclass(frozen=True, slots=True)
class Shortlist:
    """One partition's rows that go on to the screen; all have a finger in common.

    Attributes:
        rows: ascending, (n,).
        sketched: rows that the sketch compared; 0 where it was left out.
        visible: rows of the partition that the search may see.
    """

    rows: Rows
    sketched: int
    visible: int


def first_level(probe: Probe, *, exhaustive: bool) -> Level | None:
    """The level that compares everybody with a probe; None where the sketch is left out."""
    depth = None if exhaustive else sketch_depth(probe)
    if depth is None:
        return None
    return Level.COARSE if depth.coarse < 1.0 else Level.FINE


def compare_everybody(
    backend: Backend,
    level: Level,
    probes: Sequence[Probe],
    views: Sequence[View],
    gallery: PackedGallery,
    checkpoint: Checkpoint,
) -> list[Left]:
    """One pass of several probes over the sketches of everybody: for each, who is left.

    What is packed is compared, whether a probe may see it or not; rows that it may not see are
    made up for by as much depth, and taken out. So a probe gets what it would get alone.

    Args:
        level: `first_level` of every probe.
        views: of each probe, over the same partitions.
    """
    started = time.perf_counter()
    partitions = views[0].partitions
    depths = [_sketched(probe) for probe in probes]
    own = np.array(
        [
            [_rows_left(level, depth, count) for count in view.counts]
            for depth, view in zip(depths, views, strict=True)
        ],
        np.intp,
    ).reshape(len(probes), len(partitions))
    large = np.flatnonzero(own.any(axis=0)).tolist()
    if not large:
        return [NOT_SKETCHED] * len(probes)
    hidden = [[len(rows) for rows in partitions]] - np.array([view.counts for view in views])
    asked = np.where(own > 0, own + hidden, 0)
    # A device takes probes together that go equally deep.
    classes = np.array([depth.fingers for depth in depths])
    for alike in (classes == fingers for fingers in np.unique(classes)):
        asked[alike] = asked[alike].max(axis=0)
    found = backend.select(
        level, probes, gallery, [partitions[j] for j in large], asked[:, large], checkpoint
    )
    left: list[dict[int, Rows]] = []
    for view, wanted, of_probe in zip(views, own, found, strict=True):
        checkpoint()
        left.append({})
        for j, selected in zip(large, of_probe, strict=True):
            if wanted[j] > 0:
                seen = view.visible[selected.rows]
                best = best_with_ties(selected.scores[seen], int(wanted[j]))
                left[-1][j] = selected.rows[seen][best]
    seconds = time.perf_counter() - started
    return [Left(rows, seconds) for rows in left]


def shortlist(
    backend: Backend,
    probe: Probe,
    view: View,
    left: Left,
    gallery: PackedGallery,
    checkpoint: Checkpoint,
) -> list[Shortlist]:
    """For each partition, who goes on to the screen.

    Args:
        left: by `compare_everybody`, or `NOT_SKETCHED`.
    """
    common = (gallery.presence & probe.fingers_mask) > 0
    fine = left.rows
    if fine and first_level(probe, exhaustive=False) is Level.COARSE:
        fine = _compare_finely(backend, probe, view, fine, gallery, checkpoint)
    lists = []
    for j, count in enumerate(view.counts):
        checkpoint()
        if j in fine:
            rows, packed = fine[j], view.partitions[j]
            sketched = int(np.count_nonzero(common[packed] & view.visible[packed]))
        else:
            rows, sketched = view.rows(j), 0
        lists.append(Shortlist(rows[common[rows]], sketched, count))
    return lists


def _compare_finely(
    backend: Backend,
    probe: Probe,
    view: View,
    left: Mapping[int, Rows],
    gallery: PackedGallery,
    checkpoint: Checkpoint,
) -> dict[int, Rows]:
    places = list(left)
    depth = _sketched(probe)
    wanted = np.array([[_rows_left(Level.FINE, depth, view.counts[j]) for j in places]], np.intp)
    (found,) = backend.select(
        Level.FINE, [probe], gallery, [left[j] for j in places], wanted, checkpoint
    )
    return {j: selected.rows for j, selected in zip(places, found, strict=True)}


def _rows_left(level: Level, depth: SketchDepth, visible_rows: int) -> int:
    """Rows that a level leaves of so many visible ones; 0 where they are not worth a sketch."""
    if visible_rows <= _P.rows_min:
        return 0
    if level is Level.COARSE:
        return max(_P.rows_min, math.ceil(depth.coarse * visible_rows))
    return max(_P.fine_rows_min, math.ceil(depth.fine * visible_rows))


def sketch_depth(probe: Probe) -> SketchDepth | None:
    """How deep the sketch goes for a probe; None where it has too few fingers to be trusted."""
    enough = [depth for depth in _P.depths if depth.fingers <= probe.finger_count]
    return max(enough, key=lambda depth: depth.fingers, default=None)


def sketch_loss(probe: Probe) -> MeasuredLoss:
    """What share of mates the sketch was measured to lose, for a probe that it is used for."""
    return SKETCH_LOSS[_sketched(probe).fingers]


def _sketched(probe: Probe) -> SketchDepth:
    depth = sketch_depth(probe)
    if depth is None:
        raise ValueError("the sketch is not used for so few fingers")
    return depth

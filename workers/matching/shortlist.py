"""The sketch stage: who is likely enough to be screened.

The coarse level compares everybody by a few dimensions a finger, the fine level those who are
left by all of them. Probes of one finger, and small partitions, pass everybody on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.matching.backend import Backend, Checkpoint, PackedGallery
from workers.matching.parameters import PARAMETERS, SKETCH_LOSS, MeasuredLoss, SketchDepth
from workers.matching.probe import Probe
from workers.matching.sketch import Level

_P = PARAMETERS.sketch

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Shortlist:
    """One partition's rows that go on to the screen; all have a finger in common.

    Attributes:
        rows: ascending, (n,).
        sketched: rows that the sketch compared; 0 where it was left out.
    """

    rows: Rows
    sketched: int


def shortlist(
    backend: Backend,
    probes: Sequence[Probe],
    gallery: PackedGallery,
    visible: Sequence[Rows],
    *,
    exhaustive: bool,
    checkpoint: Checkpoint,
) -> list[list[Shortlist]]:
    """For each probe, for each partition, who goes on.

    The probes share one pass over the coarse sketches of the gallery.

    Args:
        visible: rows of each partition that the caller may see, ascending.
        exhaustive: leave the sketch out.
    """
    presence = gallery.presence
    lists = [[_common(probe, rows, presence, 0) for rows in visible] for probe in probes]
    large = [j for j, rows in enumerate(visible) if len(rows) > _P.rows_min]
    depths = {i: d for i, probe in enumerate(probes) if (d := sketch_depth(probe)) is not None}
    if exhaustive or not large or not depths:
        return lists
    left = {i: [visible[j] for j in large] for i in depths}
    left |= _coarse(backend, probes, gallery, [visible[j] for j in large], depths, checkpoint)
    for i, depth in depths.items():
        wanted = [max(_P.fine_rows_min, math.ceil(depth.fine * len(visible[j]))) for j in large]
        (fine,) = backend.select(
            Level.FINE, [probes[i]], gallery, left[i], np.array([wanted]), checkpoint
        )
        for j, selected in zip(large, fine, strict=True):
            compared = len(lists[i][j].rows)
            lists[i][j] = _common(probes[i], selected.rows, presence, compared)
    return lists


def _coarse(
    backend: Backend,
    probes: Sequence[Probe],
    gallery: PackedGallery,
    partitions: Sequence[Rows],
    depths: Mapping[int, SketchDepth],
    checkpoint: Checkpoint,
) -> dict[int, list[Rows]]:
    """What the coarse level leaves of each partition, by number of the probes that use it."""
    numbers = [i for i, depth in depths.items() if depth.coarse < 1.0]
    if not numbers:
        return {}
    wanted = [
        [max(_P.rows_min, math.ceil(depths[i].coarse * len(rows))) for rows in partitions]
        for i in numbers
    ]
    found = backend.select(
        Level.COARSE,
        [probes[i] for i in numbers],
        gallery,
        partitions,
        np.array(wanted),
        checkpoint,
    )
    return {
        i: [selected.rows for selected in of_probe]
        for i, of_probe in zip(numbers, found, strict=True)
    }


def _common(probe: Probe, rows: Rows, presence: NDArray[np.uint16], sketched: int) -> Shortlist:
    return Shortlist(rows[(presence[rows] & probe.fingers_mask) > 0], sketched)


def sketch_depth(probe: Probe) -> SketchDepth | None:
    """How deep the sketch goes for a probe; None where it has too few fingers to be trusted."""
    enough = [depth for depth in _P.depths if depth.fingers <= probe.finger_count]
    return max(enough, key=lambda depth: depth.fingers, default=None)


def sketch_loss(probe: Probe) -> MeasuredLoss:
    """What share of mates the sketch was measured to lose, for a probe that it is used for."""
    depth = sketch_depth(probe)
    if depth is None:
        raise ValueError("the sketch is not used for so few fingers")
    return SKETCH_LOSS[depth.fingers]

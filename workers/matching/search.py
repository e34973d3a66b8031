"""The whole algorithm: screen every row, cut, consolidate what is left, fuse, rank."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.matching.backend import Backend, Checkpoint, PackedGallery
from workers.matching.fuse import fuse
from workers.matching.parameters import PARAMETERS, SCREEN_LOSS, MeasuredLoss
from workers.matching.probe import Probe
from workers.matching.screen import NOT_COMPARED

_P = PARAMETERS.screen


@dataclass(frozen=True, slots=True)
class RowsAnswer:
    """What a search of packed rows found.

    Attributes:
        screened: visible rows with a finger in common with the probe; the screen compared them.
        consolidated: rows that the second stage compared.
        rows: found, best first, ties by row; more than `limit` only where they tie with it.
        fused: unclamped fused score of each, float64 (len(rows),).
        finger_scores: raw score by finger, float64 (len(rows), 10), NaN where not common.
        stage_seconds: wall time by stage, ``"screen"`` and ``"consolidate"``.
    """

    screened: int
    consolidated: int
    rows: NDArray[np.intp]
    fused: NDArray[np.float64]
    finger_scores: NDArray[np.float64]
    stage_seconds: Mapping[str, float]


def search_rows(
    backend: Backend,
    probe: Probe,
    gallery: PackedGallery,
    visible: NDArray[np.bool_],
    *,
    limit: int,
    exhaustive: bool = False,
    checkpoint: Checkpoint = lambda: None,
) -> RowsAnswer:
    """Searches the visible rows of one partition.

    The answer depends on the scores of the visible rows alone, not on their order or on what
    else is packed: the depth of the cut follows from the number of visible rows, and rows that
    tie at a cut all stay.

    Args:
        visible: bool (rows,), which rows the caller may see.
        limit: rows wanted.
        exhaustive: consolidate every visible row.
        checkpoint: called between blocks of work; may raise to stop it.
    """
    started = time.perf_counter()
    screened = backend.screen(probe, gallery, checkpoint)
    candidates = np.flatnonzero(visible & (screened > NOT_COMPARED))
    depth = len(candidates) if exhaustive else cut_depth(probe, int(visible.sum()))
    survivors = candidates[best_with_ties(screened[candidates], depth)]
    cut = time.perf_counter()
    finger_scores = backend.consolidate(probe, gallery, survivors, checkpoint)
    fused = fuse(finger_scores)
    kept = best_with_ties(fused, limit)
    order = kept[np.argsort(-fused[kept], kind="stable")]
    return RowsAnswer(
        screened=len(candidates),
        consolidated=len(survivors),
        rows=survivors[order],
        fused=fused[order],
        finger_scores=finger_scores[order],
        stage_seconds={"screen": cut - started, "consolidate": time.perf_counter() - cut},
    )


def cut_depth(probe: Probe, visible_rows: int) -> int:
    """Rows that the screen lets through of so many visible ones."""
    several = _fingers(probe) > 1
    fraction = _P.cut_fraction if several else _P.cut_fraction_one_finger
    return max(_P.cut_rows_min, math.ceil(fraction * visible_rows))


def measured_loss(probe: Probe) -> MeasuredLoss:
    """What share of mates the cut was measured to lose for a probe like this one."""
    return SCREEN_LOSS[min(max(_fingers(probe), 1), max(SCREEN_LOSS))]


def _fingers(probe: Probe) -> int:
    return len({finger.template.position for finger in probe.fingers})


def best_with_ties(scores: NDArray[np.int32] | NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Indices, ascending, of the `count` best scores and of all that tie with the last."""
    if count <= 0:
        return np.zeros(0, np.intp)
    if count >= len(scores):
        return np.arange(len(scores))
    least = np.partition(scores, len(scores) - count)[len(scores) - count]
    return np.flatnonzero(scores >= least)

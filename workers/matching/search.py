"""The whole algorithm: screen every row, cut, consolidate what is left, fuse, rank."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
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
    """What a search of one partition's rows found.

    Attributes:
        screened: visible rows with a finger in common with the probe; the screen compared them.
        consolidated: rows that the second stage compared.
        rows: found, best first, ties by row; more than `limit` only where they tie with it.
        fused: unclamped fused score of each, float64 (len(rows),).
        finger_scores: raw score by finger, float64 (len(rows), 10), NaN where not common.
    """

    screened: int
    consolidated: int
    rows: NDArray[np.intp]
    fused: NDArray[np.float64]
    finger_scores: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PartitionsAnswer:
    """What a search of several partitions found.

    Attributes:
        partitions: in the order asked for.
        stage_seconds: wall time by stage, ``"screen"`` and ``"consolidate"``.
    """

    partitions: tuple[RowsAnswer, ...]
    stage_seconds: Mapping[str, float]


def search_partitions(
    backend: Backend,
    probe: Probe,
    gallery: PackedGallery,
    visible: Sequence[NDArray[np.intp]],
    *,
    limit: int,
    exhaustive: bool = False,
    checkpoint: Checkpoint = lambda: None,
) -> PartitionsAnswer:
    """Searches the visible rows of each partition of a packed gallery.

    A partition's answer depends on the scores of its visible rows alone, not on their order or
    on what else is packed: the depth of its cut follows from the number of its visible rows,
    and rows that tie at a cut all stay.

    Args:
        visible: rows of each partition that the caller may see, ascending.
        limit: rows wanted from each partition.
        exhaustive: consolidate every visible row.
        checkpoint: called between blocks of work; may raise to stop it.
    """
    started = time.perf_counter()
    screened = backend.screen(probe, gallery, checkpoint)
    candidates = [rows[screened[rows] > NOT_COMPARED] for rows in visible]
    survivors = [
        rows if exhaustive else rows[best_with_ties(screened[rows], cut_depth(probe, len(seen)))]
        for rows, seen in zip(candidates, visible, strict=True)
    ]
    cut = time.perf_counter()
    together = np.concatenate([np.zeros(0, np.intp), *survivors])
    finger_scores = backend.consolidate(probe, gallery, together, checkpoint)
    answers = []
    first = 0
    for compared, rows in zip(candidates, survivors, strict=True):
        scores = finger_scores[first : first + len(rows)]
        first += len(rows)
        answers.append(_best(len(compared), rows, scores, limit))
    seconds = {"screen": cut - started, "consolidate": time.perf_counter() - cut}
    return PartitionsAnswer(tuple(answers), seconds)


def _best(
    screened: int, rows: NDArray[np.intp], finger_scores: NDArray[np.float64], limit: int
) -> RowsAnswer:
    """One partition's answer from its consolidated rows."""
    fused = fuse(finger_scores)
    kept = best_with_ties(fused, limit)
    order = kept[np.argsort(-fused[kept], kind="stable")]
    return RowsAnswer(screened, len(rows), rows[order], fused[order], finger_scores[order])


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

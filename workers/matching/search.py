"""The whole algorithm: sketch all, screen the likely, consolidate the likeliest, fuse, rank."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from workers.matching.backend import Backend, Checkpoint, PackedGallery
from workers.matching.cut import best_with_ties
from workers.matching.fuse import fuse
from workers.matching.parameters import PARAMETERS, SCREEN_LOSS, MeasuredLoss
from workers.matching.probe import Probe
from workers.matching.shortlist import (
    NOT_SKETCHED,
    Left,
    Rows,
    Shortlist,
    View,
    compare_everybody,
    first_level,
    shortlist,
)
from workers.matching.sketch import Level

_P = PARAMETERS.screen


@dataclass(frozen=True, slots=True)
class RowsAnswer:
    """What a search of one partition's rows found.

    Attributes:
        sketched: visible rows with a finger in common with the probe that were compared by
            sketch; 0 where the sketch was left out.
        screened: rows that the screen compared.
        consolidated: rows that the last stage compared.
        rows: found, best first, ties by row; more than `limit` only where they tie with it.
        fused: unclamped fused score of each, float64 (len(rows),).
        finger_scores: raw score by finger, float64 (len(rows), 10), NaN where not common.
    """

    sketched: int
    screened: int
    consolidated: int
    rows: Rows
    fused: NDArray[np.float64]
    finger_scores: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PartitionsAnswer:
    """What a search of several partitions found.

    Attributes:
        partitions: in the order asked for.
        stage_seconds: wall time by stage, ``"sketch"`` if it was used, ``"screen"`` and
            ``"consolidate"``; a pass that several probes shared counts in full for each.
    """

    partitions: tuple[RowsAnswer, ...]
    stage_seconds: Mapping[str, float]


def search_partitions(
    backend: Backend,
    probe: Probe,
    gallery: PackedGallery,
    visible: Sequence[Rows],
    *,
    limit: int,
    exhaustive: bool = False,
    checkpoint: Checkpoint = lambda: None,
) -> PartitionsAnswer:
    """Searches the visible rows of each partition of a packed gallery.

    A partition's answer depends on the scores of its visible rows alone, not on their order or
    on what else is packed: the depth of each cut follows from the number of its visible rows,
    and rows that tie at a cut all stay.

    Args:
        visible: rows of each partition that the caller may see, ascending.
        limit: rows wanted from each partition.
        exhaustive: leave the sketch out, so that everybody is screened.
        checkpoint: called between blocks of work; may raise to stop it.
    """
    (answer,) = search_batch(
        backend,
        [probe],
        gallery,
        visible,
        limit=limit,
        exhaustive=exhaustive,
        checkpoint=checkpoint,
    )
    return answer


def search_batch(
    backend: Backend,
    probes: Sequence[Probe],
    gallery: PackedGallery,
    visible: Sequence[Rows],
    *,
    limit: int,
    exhaustive: bool = False,
    checkpoint: Checkpoint = lambda: None,
) -> list[PartitionsAnswer]:
    """`search_partitions` for several probes, which share a pass over each level's sketches."""
    view = View.of(visible, np.ones(gallery.rows, np.bool_))
    levels = [first_level(probe, exhaustive=exhaustive) for probe in probes]
    left = [NOT_SKETCHED] * len(probes)
    for level in Level:
        some = [i for i, of_probe in enumerate(levels) if of_probe is level]
        if some:
            views = [view] * len(some)
            found = compare_everybody(
                backend, level, [probes[i] for i in some], views, gallery, checkpoint
            )
            for i, of_probe in zip(some, found, strict=True):
                left[i] = of_probe
    return [
        search_left(backend, probe, gallery, view, of_probe, limit=limit, checkpoint=checkpoint)
        for probe, of_probe in zip(probes, left, strict=True)
    ]


def search_left(
    backend: Backend,
    probe: Probe,
    gallery: PackedGallery,
    view: View,
    left: Left,
    *,
    limit: int,
    checkpoint: Checkpoint = lambda: None,
) -> PartitionsAnswer:
    """The rest of one probe's search, after the pass that it shared with others.

    Args:
        left: by `compare_everybody`, or `NOT_SKETCHED`.
    """
    started = time.perf_counter()
    likely = shortlist(backend, probe, view, left, gallery, checkpoint)
    sketch = left.seconds + time.perf_counter() - started
    found = _search_likely(backend, probe, gallery, likely, limit, checkpoint)
    if any(partition.sketched for partition in likely):
        found = replace(found, stage_seconds={"sketch": sketch, **found.stage_seconds})
    return found


def _search_likely(
    backend: Backend,
    probe: Probe,
    gallery: PackedGallery,
    likely: Sequence[Shortlist],
    limit: int,
    checkpoint: Checkpoint,
) -> PartitionsAnswer:
    """Screens those on the shortlists of all partitions, and consolidates the best of each."""
    started = time.perf_counter()
    scores = backend.screen(
        probe, gallery, _together([partition.rows for partition in likely]), checkpoint
    )
    ends = np.cumsum([len(partition.rows) for partition in likely])[:-1]
    survivors = [
        partition.rows[best_with_ties(score, cut_depth(probe, partition.visible))]
        for partition, score in zip(likely, np.split(scores, ends), strict=True)
    ]
    cut = time.perf_counter()
    finger_scores = backend.consolidate(probe, gallery, _together(survivors), checkpoint)
    ends = np.cumsum([len(rows) for rows in survivors])[:-1]
    answers = tuple(
        _best(partition, rows, of_rows, limit)
        for partition, rows, of_rows in zip(
            likely, survivors, np.split(finger_scores, ends), strict=True
        )
    )
    seconds = {"screen": cut - started, "consolidate": time.perf_counter() - cut}
    return PartitionsAnswer(answers, seconds)


def _together(rows: Sequence[Rows]) -> Rows:
    return np.concatenate([np.zeros(0, np.intp), *rows])


def _best(
    found: Shortlist, rows: Rows, finger_scores: NDArray[np.float64], limit: int
) -> RowsAnswer:
    """One partition's answer from its consolidated rows."""
    fused = fuse(finger_scores)
    kept = best_with_ties(fused, limit)
    order = kept[np.argsort(-fused[kept], kind="stable")]
    return RowsAnswer(
        found.sketched,
        len(found.rows),
        len(rows),
        rows[order],
        fused[order],
        finger_scores[order],
    )


def cut_depth(probe: Probe, visible_rows: int) -> int:
    """Rows that the screen lets through of so many visible ones."""
    _, share = _cut(probe)
    return max(_P.cut_rows_min, math.ceil(share * visible_rows))


def screen_loss(probe: Probe) -> MeasuredLoss:
    """What share of mates the screen's cut was measured to lose for a probe like this one."""
    fingers, _ = _cut(probe)
    return SCREEN_LOSS[fingers]


def _cut(probe: Probe) -> tuple[int, float]:
    """Least number of fingers, and share, of the cut that applies to a probe."""
    return max(cut for cut in _P.cuts if cut[0] <= max(probe.finger_count, 1))

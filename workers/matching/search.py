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
from workers.matching.shortlist import Rows, Shortlist, shortlist

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
            ``"consolidate"``; the sketch's is that of the whole batch.
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
    """`search_partitions` for several probes, which share one pass over the sketches."""
    started = time.perf_counter()
    lists = shortlist(
        backend, probes, gallery, visible, exhaustive=exhaustive, checkpoint=checkpoint
    )
    seconds = time.perf_counter() - started
    answers = []
    for probe, likely in zip(probes, lists, strict=True):
        depths = [cut_depth(probe, len(rows)) for rows in visible]
        found = _search_likely(backend, probe, gallery, likely, depths, limit, checkpoint)
        if any(partition.sketched for partition in likely):
            found = replace(found, stage_seconds={"sketch": seconds, **found.stage_seconds})
        answers.append(found)
    return answers


def _search_likely(
    backend: Backend,
    probe: Probe,
    gallery: PackedGallery,
    likely: Sequence[Shortlist],
    depths: Sequence[int],
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
        partition.rows[best_with_ties(score, depth)]
        for partition, score, depth in zip(likely, np.split(scores, ends), depths, strict=True)
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

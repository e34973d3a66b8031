"""The search, held against a plain statement of itself: sort, cut, sort, cut.

All backends share it, so comparing backends shows nothing about it. What a backend computes of a
row (its screen score, its consolidated fingers) is taken from one of them, for all rows at once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.kernels.prints import drawn_again, drawn_encounter, drawn_probe
from workers.matching.backend import Checkpoint, PackedGallery, Selected
from workers.matching.backends.numpy_backend import NumpyBackend
from workers.matching.columns import Columns
from workers.matching.fuse import fuse
from workers.matching.parameters import PARAMETERS, SCREEN_LOSS, SKETCH_LOSS
from workers.matching.probe import Probe, prepare_probe
from workers.matching.search import (
    RowsAnswer,
    cut_depth,
    screen_loss,
    search_left,
    search_partitions,
)
from workers.matching.shortlist import View, compare_everybody, first_level, sketch_loss
from workers.matching.sketch import Level
from workers.matching.template import EncounterTemplate, finger_mask

BACKEND = NumpyBackend()
LEAST = PARAMETERS.sketch.rows_min

COUNT = 1401
"""Encounters: as many as make every depth below exceed its minimum, and none a whole number."""

VISIBLE = (
    np.arange(COUNT),
    np.arange(1, COUNT, 2),
    np.arange(COUNT - LEAST, COUNT),
    np.arange(COUNT - LEAST - 1, COUNT),
    np.arange(0, COUNT, 700),
    np.zeros(0, np.intp),
)
"""Partitions: large ones, one row too small for the sketch and one just large enough, tiny ones."""


BASE = drawn_encounter(77, dict.fromkeys(range(1, 11), 6))
"""Everybody is more or less like this person, so that every stage has much to tell apart."""


def with_fingers(*positions: int) -> EncounterTemplate:
    return replace(BASE, fingers=tuple(f for f in BASE.fingers if f.position in positions))


@cache
def people() -> tuple[EncounterTemplate, ...]:
    """Every eleventh is there twice and so ties; every fifth has no finger of most probes."""
    rng = np.random.default_rng(6)
    persons: list[EncounterTemplate] = []
    for person in range(COUNT):
        if person % 11 == 7:
            persons.append(persons[-1])
        else:
            fingers = (9,) if person % 5 == 0 else (1, 2, 6, 7)
            persons.append(drawn_again(with_fingers(*fingers), person, rng.uniform(0.2, 1.0)))
    return tuple(persons)


@cache
def packed() -> PackedGallery:
    return BACKEND.pack(Columns.of(people()))


PROBES = {
    "one finger": (1,),
    "two": (1, 2),
    "three": (2, 6, 7),
    "four": (1, 2, 6, 7),
    "seven": (1, 2, 3, 4, 5, 6, 7),
    "eight": (1, 2, 3, 4, 5, 6, 7, 8),
    "none in common": (3, 4),
    "no finger": (),
}


def best(rows: Sequence[int], scores: dict[int, float], count: int) -> list[int]:
    """Those among the `count` best, and who ties with the last of them."""
    ranked = sorted((scores[row] for row in rows), reverse=True)
    return [row for row in rows if scores[row] >= ranked[min(count, len(ranked)) - 1]]


def share_of(count: int, share: float, minimum: int) -> int:
    return max(minimum, math.ceil(share * count))


class Statement:
    """What the search of a probe is."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        every = np.arange(COUNT)
        self.screened = dict(
            enumerate(BACKEND.screen(probe, packed(), every, lambda: None).tolist())
        )
        self.fingers = BACKEND.consolidate(probe, packed(), every, lambda: None)
        self.fused = dict(enumerate(fuse(self.fingers).tolist()))
        self.sketched = {
            level: dict(
                enumerate(
                    Columns.of(people()).sketches[level].astype(np.int64) @ probe.sketch[level]
                )
            )
            for level in Level
        }
        masks = [finger_mask(person) for person in people()]
        self.common = {row for row, mask in enumerate(masks) if mask & probe.fingers_mask}
        self.count = probe.finger_count

    def sketch(self, rows: list[int]) -> list[int]:
        """Who the sketch leaves of so many visible rows."""
        p = PARAMETERS.sketch
        depth = max((d for d in p.depths if d.fingers <= self.count), key=lambda d: d.fingers)
        left = rows
        if depth.coarse < 1:
            most = share_of(len(rows), depth.coarse, p.rows_min)
            left = best(left, self.sketched[Level.COARSE], most)
        return best(
            left, self.sketched[Level.FINE], share_of(len(rows), depth.fine, p.fine_rows_min)
        )

    def answer(self, visible: NDArray[np.intp], limit: int, *, exhaustive: bool) -> RowsAnswer:
        """One partition's."""
        rows = visible.tolist()
        common = [row for row in rows if row in self.common]
        uses_sketch = self.count >= 2 and len(rows) > LEAST and not exhaustive
        left = common
        if uses_sketch:
            left = [row for row in self.sketch(rows) if row in self.common]
        share = max(cut for cut in PARAMETERS.screen.cuts if cut[0] <= max(self.count, 1))[1]
        depth = share_of(len(rows), share, PARAMETERS.screen.cut_rows_min)
        survivors = best(left, self.screened, depth)
        found = sorted(best(survivors, self.fused, limit), key=lambda row: (-self.fused[row], row))
        return RowsAnswer(
            sketched=len(common) if uses_sketch else 0,
            screened=len(left),
            consolidated=len(survivors),
            rows=np.array(found, np.intp),
            fused=np.array([self.fused[row] for row in found]),
            finger_scores=self.fingers[found],
        )


@cache
def statement(case: str) -> Statement:
    return Statement(prepare_probe(with_fingers(*PROBES[case])))


@pytest.mark.parametrize("exhaustive", [False, True])
@pytest.mark.parametrize("case", PROBES)
def test_a_search_is_what_it_says(case: str, exhaustive: bool) -> None:
    said = statement(case)
    for limit in (1, 3, 100):
        answers = search_partitions(
            BACKEND, said.probe, packed(), VISIBLE, limit=limit, exhaustive=exhaustive
        ).partitions
        for visible, answer in zip(VISIBLE, answers, strict=True):
            assert_same(answer, said.answer(visible, limit, exhaustive=exhaustive))


def assert_same(answer: RowsAnswer, expected: RowsAnswer) -> None:
    for field in fields(RowsAnswer):
        found, wanted = getattr(answer, field.name), getattr(expected, field.name)
        np.testing.assert_array_equal(found, wanted, err_msg=field.name)


@pytest.mark.parametrize("share", [0.95, 0.5])
@pytest.mark.parametrize("cases", [("two", "three"), ("four", "seven", "eight")])
def test_a_probe_finds_what_it_may_see_whatever_others_may(
    cases: tuple[str, ...], share: float
) -> None:
    """Probes of one pass that see different rows."""
    said = [statement(case) for case in cases]
    masks = [np.random.default_rng(i).random(COUNT) < share for i in range(len(cases))]
    views = [View.of(VISIBLE, mask) for mask in masks]
    probes = [one.probe for one in said]
    (level,) = {first_level(probe, exhaustive=False) for probe in probes}
    assert level is not None
    left = compare_everybody(BACKEND, level, probes, views, packed(), lambda: None)
    for one, mask, view, of_one in zip(said, masks, views, left, strict=True):
        found = search_left(BACKEND, one.probe, packed(), view, of_one, limit=3)
        for rows, answer in zip(VISIBLE, found.partitions, strict=True):
            assert_same(answer, one.answer(rows[mask[rows]], 3, exhaustive=False))


def test_the_cases_cut_where_they_should() -> None:
    """The statement would prove little if nothing was cut, or if all were alike."""
    four, two = (
        statement(case).answer(VISIBLE[0], 1, exhaustive=False) for case in ("four", "two")
    )
    for answer in (four, two):
        assert COUNT > answer.sketched > answer.screened > answer.consolidated > len(answer.rows)
    p = PARAMETERS.sketch
    assert p.depths[0].fine * COUNT > p.fine_rows_min
    assert p.depths[1].coarse * COUNT > p.rows_min
    fused = np.array(list(statement("two").fused.values()))
    assert len(np.unique(fused)) > COUNT / 2


def test_stages_take_the_time_that_passes() -> None:
    started = time.perf_counter()
    probe = statement("four").probe
    answer = search_partitions(BACKEND, probe, packed(), VISIBLE, limit=3)
    wall = time.perf_counter() - started
    assert list(answer.stage_seconds) == ["sketch", "screen", "consolidate"]
    assert min(answer.stage_seconds.values()) > 0
    assert sum(answer.stage_seconds.values()) <= wall
    whole = search_partitions(BACKEND, probe, packed(), VISIBLE, limit=3, exhaustive=True)
    assert list(whole.stage_seconds) == ["screen", "consolidate"]


class Noting(NumpyBackend):
    """Keeps what it was asked to select by."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[Level] = []

    def select(
        self,
        level: Level,
        probes: Sequence[Probe],
        gallery: PackedGallery,
        partitions: Sequence[NDArray[np.intp]],
        depths: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> list[list[Selected]]:
        self.levels.append(level)
        return super().select(level, probes, gallery, partitions, depths, checkpoint)


@pytest.mark.parametrize(
    ("case", "levels"),
    [("one finger", []), ("three", [Level.FINE]), ("four", [Level.COARSE, Level.FINE])],
)
def test_no_level_is_compared_in_vain(case: str, levels: list[Level]) -> None:
    backend = Noting()
    search_partitions(backend, statement(case).probe, packed(), VISIBLE, limit=3)
    assert backend.levels == levels


@pytest.mark.parametrize(
    ("fingers", "known", "rows", "depth"),
    [(1, 1, 1401, 141), (2, 2, 1401, 3), (3, 2, 1000, 2), (7, 4, 6001, 4), (8, 8, 60_001, 4)],
)
def test_depths_and_losses_are_those_of_so_many_fingers(
    fingers: int, known: int, rows: int, depth: int
) -> None:
    probe = drawn_probe(1, dict.fromkeys(range(1, fingers + 1), 2))
    assert cut_depth(probe, rows) == depth
    assert cut_depth(probe, 0) == PARAMETERS.screen.cut_rows_min
    assert screen_loss(probe) is SCREEN_LOSS[known]
    if fingers == 1:
        with pytest.raises(ValueError, match="so few fingers"):
            sketch_loss(probe)
    else:
        assert sketch_loss(probe) is SKETCH_LOSS[known]
